use crate::facts::OutputFacts;
use packager_media::dash::timing::presented;
use packager_media::dash::{Addressing, Mpd, Pace, Period, Run, Segments, Span, rungs};
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// One state of a live MPD, as far as an update may not change it, and the time over which it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenMpd {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub availability_start: Option<Timestamp>,
    pub publish_time: Option<Timestamp>,
    pub listed: Option<Listed>,
    /// Those whose start is known, the newest of too many.
    pub periods: Vec<SeenPeriod>,
}

/// What a SegmentTimeline lists, or where a fixed pace counts from. Of video where there is any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listed {
    Timeline {
        /// Where the first and the last segment begin and end on the presentation's timeline.
        start: Seconds,
        end: Seconds,
        /// The end in media time.
        media_end: Seconds,
    },
    Paced {
        /// When segment number 0 began, or would have.
        zero: Timestamp,
        duration: Seconds,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct SeenPeriod {
    pub id: Option<String>,
    pub start: Seconds,
}

const MAX_STATES: usize = 64;
const MAX_PERIODS: usize = 16;

impl SeenMpd {
    /// What `mpd` says, seen at `at`.
    #[must_use]
    pub fn of(mpd: &Mpd, at: Timestamp) -> Self {
        let known = mpd.periods.iter().filter_map(|p| Some(SeenPeriod { id: p.id.clone(), start: p.start? }));
        let mut periods: Vec<_> = known.collect();
        periods.drain(..periods.len().saturating_sub(MAX_PERIODS));
        Self {
            first_seen: at,
            last_seen: at,
            availability_start: mpd.availability_start,
            publish_time: mpd.publish_time,
            listed: listed(mpd),
            periods,
        }
    }

    fn same_state(&self, other: &Self) -> bool {
        let Self { first_seen: _, last_seen: _, availability_start, publish_time, listed, periods } = self;
        *availability_start == other.availability_start
            && *publish_time == other.publish_time
            && *listed == other.listed
            && *periods == other.periods
    }
}

/// Adds this probe's MPD where it is news, and forgets what is past `hold`. `arrived`: when the newest known one had come;
/// one that was asked for before that may be older, and is no news.
pub(super) fn record(
    states: &mut Vec<Arc<SeenMpd>>,
    arrived: &mut Timestamp,
    facts: &OutputFacts,
    now: Timestamp,
    hold: Seconds,
) {
    let live = facts.dash.as_ref().filter(|d| d.mpd.dynamic);
    if let Some(dash) = live.filter(|d| states.is_empty() || d.asked_at >= *arrived) {
        let took = facts.manifest.ok().map_or(Seconds::ZERO, |e| e.timings.total);
        *arrived = took.after(dash.asked_at);
        let seen = SeenMpd::of(&dash.mpd, dash.asked_at);
        match states.last_mut() {
            Some(last) if last.same_state(&seen) => Arc::make_mut(last).last_seen = seen.last_seen,
            _ => states.push(Arc::new(seen)),
        }
    }
    let horizon = Seconds(-hold.0).after(now);
    let stale = states.iter().skip(1).take_while(|s| s.first_seen < horizon).count();
    states.drain(..stale.max(states.len().saturating_sub(MAX_STATES)));
}

/// The end of the newest Period that lists anything, the start of the oldest.
fn listed(mpd: &Mpd) -> Option<Listed> {
    let of = |period: &Period| of_kind(mpd, period, true).or_else(|| of_kind(mpd, period, false));
    let newest = mpd.periods.iter().rev().find_map(of)?;
    let oldest = mpd.periods.iter().find_map(of);
    Some(match (newest, oldest) {
        (Listed::Timeline { end, media_end, .. }, Some(Listed::Timeline { start, .. })) => {
            Listed::Timeline { start, end, media_end }
        }
        _ => newest,
    })
}

/// Of several rungs the one that reaches furthest.
fn of_kind(mpd: &Mpd, period: &Period, video: bool) -> Option<Listed> {
    let kind = rungs(period).filter(|(set, _)| (set.media == Media::Video) == video);
    let each = kind.filter_map(|(_, r)| one(mpd, period, &r.addressing));
    each.reduce(|a, b| match (a, b) {
        (Listed::Timeline { end, .. }, Listed::Timeline { end: further, .. }) if further > end => b,
        _ => a,
    })
}

fn one(mpd: &Mpd, period: &Period, addressing: &Addressing) -> Option<Listed> {
    let Segments::Listed(listing) = &addressing.segments else { return None };
    let seconds = |ticks: u64| Seconds(ticks as f64 / f64::from(addressing.timescale.get()));
    let at = |start: u64| presented(period, addressing, Span { number: 0, start, duration: 0 });
    match &listing.pace {
        Pace::Fixed(duration) => {
            let duration = seconds(*duration);
            let begun = period.start?.after(mpd.availability_start?);
            Some(Listed::Paced { zero: Seconds(-(listing.start_number as f64) * duration.0).after(begun), duration })
        }
        // A file doesn't change: what of it is to be played follows from the clock.
        Pace::Indexed(_) => None,
        // An open run ends by the clock: nothing of it stands still or goes back.
        Pace::Runs(runs) => {
            let (first, end) = (runs.first()?, runs.last().and_then(Run::end)?);
            Some(Listed::Timeline { start: at(first.start)?, end: at(end)?, media_end: seconds(end) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packager_media::dash;
    use url::Url;

    fn listed(inside: &str) -> Option<Listed> {
        let base = Url::parse("http://packager/live/tv.mpd").unwrap();
        let period = |id: u32, start: u32, template: &str| {
            format!(
                "<Period id=\"{id}\" start=\"PT{start}S\"><AdaptationSet mimeType=\"video/mp4\"><SegmentTemplate timescale=\"10\" \
                 media=\"$Number$\" {template}</SegmentTemplate><Representation id=\"v\" bandwidth=\"1\" codecs=\"avc1\"/></AdaptationSet></Period>"
            )
        };
        let before = "presentationTimeOffset=\"50\"><SegmentTimeline><S t=\"50\" d=\"20\" r=\"4\"/></SegmentTimeline>";
        let periods = period(1, 0, before) + &period(2, 10, inside) + &period(3, 20, "><SegmentTimeline/>");
        let mpd = format!("<MPD type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\">{periods}</MPD>");
        let mpd = dash::parse(mpd.as_bytes(), &base).0.unwrap();
        SeenMpd::of(&mpd, mpd.availability_start.unwrap()).listed
    }

    #[test]
    fn what_is_listed_reaches_from_the_oldest_period_to_the_newest_that_has_segments() {
        let timeline = listed(
            "presentationTimeOffset=\"1000\"><SegmentTimeline><S t=\"1000\" d=\"20\" r=\"1\"/></SegmentTimeline>",
        );
        let media_end = Seconds(104.0);
        assert_eq!(timeline, Some(Listed::Timeline { start: Seconds(0.0), end: Seconds(14.0), media_end }));
        // An open run ends by the clock; what is known is the Period before.
        let open = listed("><SegmentTimeline><S t=\"0\" d=\"20\" r=\"-1\"/></SegmentTimeline>");
        assert!(matches!(open, Some(Listed::Timeline { end: Seconds(10.0), .. })), "{open:?}");
    }

    #[test]
    fn a_fixed_pace_is_when_number_0_began() {
        let paced = listed("duration=\"20\" startNumber=\"3\">");
        let zero = "2026-01-01T00:00:04Z".parse().unwrap();
        assert_eq!(paced, Some(Listed::Paced { zero, duration: Seconds(2.0) }));
    }
}
