//! Selects what several DASH checks judge: the Representations of the Period that plays now, with the facts about their
//! renditions.

use crate::checks::support::select::{NO_MANIFEST, cap_violations};
use crate::checks::{CheckContext, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use packager_media::dash::{self, Mpd, Period, Representation, TimelineRun, timing};
use packager_media::stream::labels;
use packager_media::units::{Seconds, Timestamp};

pub(in crate::checks) const STATIC_MPD: &str = "the MPD is static";

/// A Representation of the Period that plays now, with the instant at which it is judged.
pub(in crate::checks) struct LiveRepresentation<'a> {
    pub mpd: &'a Mpd,
    pub period: &'a Period,
    pub representation: &'a Representation,
    /// What this probe captured of the Representation: its segments, their inspections, and defects.
    pub facts: &'a RenditionFacts,
    /// Time of the probe by the clock to which the MPD refers (UTCTiming).
    pub now: Timestamp,
}

/// The Representation that a rendition is, in the Period that is playing. `None` for HLS, and for a rendition of another MPD.
pub(in crate::checks) fn of_rendition<'a>(
    context: &CheckContext<'a>,
    facts: &RenditionFacts,
) -> Option<&'a Representation> {
    let dash = context.output.dash()?;
    let period = dash.period_at(context.now)?;
    dash::playable_representations(period).map(|(_, r)| r).find(|r| Some(r.line) == facts.rendition.line)
}

/// Judges each playable Representation of the Period that plays now in a live MPD.
pub(in crate::checks) fn judge_live_representations(
    context: &CheckContext<'_>,
    judge: impl Fn(&LiveRepresentation<'_>) -> Vec<Violation>,
) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return CheckVerdict::NotRun(STATIC_MPD);
    }
    let Some(period) = dash.period_at(context.now) else { return CheckVerdict::NotRun("no Period has begun") };
    let mut found = Vec::new();
    for (set, representation) in dash::playable_representations(period) {
        let id = labels::slug(&representation.id);
        let same = |r: &&RenditionFacts| r.rendition.media == set.media && r.rendition.id.as_ref() == Some(&id);
        let Some(facts) = context.output.renditions.iter().find(same) else { continue };
        let violations = judge(&LiveRepresentation {
            mpd: &dash.mpd,
            period,
            representation,
            facts,
            now: dash.mpd_time(context.now),
        });
        found.extend(cap_violations(violations).into_iter().map(|v| v.in_rendition(&facts.rendition.name)));
    }
    CheckVerdict::Ran(found)
}

impl LiveRepresentation<'_> {
    /// Returns the S elements of the Representation's SegmentTimeline. `None`: its segments have a fixed `@duration`,
    /// or are parts of one file.
    pub(crate) fn timeline_runs(&self) -> Option<&[TimelineRun]> {
        self.representation.addressing.segments.runs()
    }

    pub(crate) fn seconds(&self, ticks: i128) -> f64 {
        ticks as f64 / f64::from(self.representation.addressing.timescale.get())
    }

    /// Returns the wall-clock time of a media time in ticks. `None`: it is out of range, or the MPD has no
    /// availabilityStartTime.
    pub(crate) fn wall_clock_time(&self, ticks: u64) -> Option<Timestamp> {
        let span = dash::SegmentSpan { number: 0, start: ticks, duration: 0 };
        let presented: Seconds = timing::presentation_time(self.period, &self.representation.addressing, span)?;
        Some(presented.after(self.mpd.availability_start?))
    }
}
