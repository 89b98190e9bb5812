//! What several DASH checks look at in the same way: the rungs of the Period that is playing, and the renditions they are.

use crate::checks::support::select::{NO_MANIFEST, capped};
use crate::checks::{Context, Verdict, Violation};
use crate::facts::RenditionFacts;
use packager_media::dash::{self, Mpd, Period, Representation, Run, timing};
use packager_media::stream::names;
use packager_media::units::{Seconds, Timestamp};

pub(in crate::checks) const STATIC: &str = "the MPD is static";

/// One rung at one instant.
pub(in crate::checks) struct Rung<'a> {
    pub mpd: &'a Mpd,
    pub period: &'a Period,
    pub representation: &'a Representation,
    /// What this probe has of it.
    pub facts: &'a RenditionFacts,
    /// By the clock that the MPD means.
    pub now: Timestamp,
}

/// Judges each rung of the Period that is playing in a live MPD.
pub(in crate::checks) fn each(context: &Context<'_>, judge: impl Fn(&Rung<'_>) -> Vec<Violation>) -> Verdict {
    let Some(dash) = &context.output.dash else { return Verdict::NotRun(NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return Verdict::NotRun(STATIC);
    }
    let now = dash.ahead().after(context.now);
    let Some(period) = dash::playing(&dash.mpd, now) else { return Verdict::NotRun("no Period has begun") };
    let mut found = Vec::new();
    for (set, representation) in dash::rungs(period) {
        let id = names::clean(&representation.id);
        let same = |r: &&RenditionFacts| r.rendition.media == set.media && r.rendition.id.as_ref() == Some(&id);
        let Some(facts) = context.output.renditions.iter().find(same) else { continue };
        let violations = judge(&Rung { mpd: &dash.mpd, period, representation, facts, now });
        found.extend(capped(violations).into_iter().map(|v| v.of(&facts.rendition.name)));
    }
    Verdict::Ran(found)
}

impl Rung<'_> {
    /// Its SegmentTimeline; `None` where its segments come at a fixed pace, or are the parts of one file.
    pub fn runs(&self) -> Option<&[Run]> {
        self.representation.addressing.segments.runs()
    }

    pub fn seconds(&self, ticks: i128) -> f64 {
        ticks as f64 / f64::from(self.representation.addressing.timescale.get())
    }

    /// Where a media time lies on the wall clock.
    pub fn at(&self, ticks: u64) -> Option<Timestamp> {
        let span = dash::Span { number: 0, start: ticks, duration: 0 };
        let presented: Seconds = timing::presented(self.period, &self.representation.addressing, span)?;
        Some(presented.after(self.mpd.availability_start?))
    }
}
