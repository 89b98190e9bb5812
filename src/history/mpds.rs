//! History of a live MPD's states over several probes.

use crate::facts::{DashFacts, OutputFacts};
use packager_media::dash::timing::{self, presentation_time};
use packager_media::dash::{
    Mpd, Period, SegmentAddressing, SegmentScheme, SegmentSpan, SegmentTiming, TimelineRun, playable_representations,
};
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// Properties of a live MPD that an update must not change or move back, with the times at which they were first and
/// last seen.
#[derive(Debug, Clone, PartialEq)]
pub struct MpdState {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// MPD@id.
    pub id: Option<String>,
    pub availability_start: Option<Timestamp>,
    pub publish_time: Option<Timestamp>,
    pub window: Option<MpdWindow>,
    /// Time by the MPD's clock up to which the list may not change: what is available until the next update of the MPD (ISO/IEC
    /// 23009-1 5.4.1). A break that ends early takes back what was listed for later. `None`: the MPD announces no updates.
    pub settled_until: Option<Timestamp>,
    /// Periods with a known start, oldest first, at most 16.
    pub periods: Vec<PeriodStart>,
}

/// Range of media that an MPD lists: the ends of its SegmentTimelines, or the origin of a fixed segment duration. It is
/// that of video if the MPD has video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MpdWindow {
    Timeline {
        /// Start of the first listed segment on the presentation's timeline.
        start: Seconds,
        /// End of the last listed segment on the presentation's timeline.
        end: Seconds,
        /// End of the last listed segment in media time.
        media_end: Seconds,
    },
    Paced {
        /// Wall-clock time at which the segment with number 0 begins, or would begin.
        zero: Timestamp,
        duration: Seconds,
    },
}

/// Id and start of a Period, the start counted from the beginning of the presentation.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodStart {
    pub id: Option<String>,
    pub start: Seconds,
    /// Start with which the Period was first seen, by which a start that moves in many small steps is noticed. Where the
    /// Period has moved by more than [`SAME_START`], it is its start from then on.
    pub first_start: Seconds,
}

/// Largest difference in seconds between two starts of the same Period, because packagers write times with three
/// decimals or none.
pub(crate) const SAME_START: f64 = 1.0;

impl PeriodStart {
    /// Makes the start of a Period that is seen for the first time.
    #[must_use]
    pub fn new(id: Option<String>, start: Seconds) -> Self {
        Self { id, start, first_start: start }
    }

    /// Whether the Period begins at this time, but for rounding.
    pub(crate) fn begins_at(&self, start: Seconds) -> bool {
        (self.start - start).0.abs() <= SAME_START
    }

    /// Takes over the first start of this Period from an earlier state of the MPD.
    fn follow(&mut self, earlier: &[Self]) {
        let same = |p: &&Self| p.id == self.id && (p.id.is_some() || p.begins_at(self.start));
        let mut known = earlier.iter().filter(same);
        if let (Some(known), None) = (known.next(), known.next())
            && (self.start - known.first_start).0.abs() <= SAME_START
        {
            self.first_start = known.first_start;
        }
    }
}

const MAX_STATES: usize = 64;
const MAX_PERIODS: usize = 16;

impl MpdState {
    /// Makes the state of the MPD that a probe captured.
    #[must_use]
    pub fn of(dash: &DashFacts) -> Self {
        let (mpd, at) = (&dash.mpd, dash.asked_at);
        let known = mpd.periods.iter().filter_map(|p| Some(PeriodStart::new(p.id.clone(), p.start?)));
        let mut periods: Vec<_> = known.collect();
        periods.drain(..periods.len().saturating_sub(MAX_PERIODS));
        Self {
            first_seen: at,
            last_seen: at,
            id: mpd.id.clone(),
            availability_start: mpd.availability_start,
            publish_time: mpd.publish_time,
            window: listed(mpd),
            settled_until: mpd
                .minimum_update_period
                .map(|update| (update + early_availability(mpd)).after(dash.listed_at)),
            periods,
        }
    }

    /// Adds the observation `later` of the same state.
    fn seen_again(&mut self, later: &Self) {
        (self.last_seen, self.settled_until) = (later.last_seen, later.settled_until);
    }

    /// Returns the end of the last listed segment on the presentation's timeline, or the time up to which the list may not change, if
    /// that is earlier. `None` without a SegmentTimeline.
    #[must_use]
    pub fn settled_end(&self) -> Option<Seconds> {
        let Some(MpdWindow::Timeline { end, .. }) = self.window else { return None };
        let settled =
            self.availability_start.zip(self.settled_until).map(|(start, until)| Seconds::between(start, until));
        Some(settled.filter(|settled| *settled < end).unwrap_or(end))
    }

    fn same_state(&self, other: &Self) -> bool {
        let Self {
            first_seen: _,
            last_seen: _,
            id: _,
            availability_start,
            publish_time,
            window: listed,
            settled_until: _,
            periods,
        } = self;
        *availability_start == other.availability_start
            && *publish_time == other.publish_time
            && *listed == other.window
            && *periods == other.periods
    }
}

/// Adds the MPD of this probe, and forgets states older than the template's `hold`. `arrived` is the time at which the
/// newest known MPD arrived: an MPD that was requested before then may be older, and is ignored.
pub(super) fn record(
    states: &mut Vec<Arc<MpdState>>,
    arrived: &mut Timestamp,
    facts: &OutputFacts,
    now: Timestamp,
    hold: Seconds,
) {
    let live = facts.dash().filter(|d| d.mpd.dynamic);
    if let Some(dash) = live.filter(|d| states.is_empty() || d.asked_at >= *arrived) {
        *arrived = dash.arrived_at;
        let mut seen = MpdState::of(dash);
        if let Some(last) = states.last() {
            seen.periods.iter_mut().for_each(|period| period.follow(&last.periods));
        }
        match states.last_mut() {
            Some(last) if last.same_state(&seen) => Arc::make_mut(last).seen_again(&seen),
            _ => states.push(Arc::new(seen)),
        }
    }
    let horizon = Seconds(-hold.0).after(now);
    let stale = states.iter().skip(1).take_while(|s| s.first_seen < horizon).count();
    states.drain(..stale.max(states.len().saturating_sub(MAX_STATES)));
}

/// Returns whether the MPD of another playback session is a later state of the newest known one: its
/// availabilityStartTime is the same, and neither its timeline nor its publishTime is older.
pub(super) fn goes_on(states: &[Arc<MpdState>], facts: &OutputFacts) -> bool {
    let (Some(last), Some(dash)) = (states.last(), facts.dash().filter(|d| d.mpd.dynamic)) else { return false };
    let later = MpdState::of(dash);
    let listed = match (last.settled_end(), later.window) {
        (Some(was), Some(MpdWindow::Timeline { end: is, .. })) => is >= was,
        _ => last.window == later.window,
    };
    last.availability_start == later.availability_start && last.publish_time <= later.publish_time && listed
}

/// Returns the longest time by which segments of the MPD are available before their media time has passed.
fn early_availability(mpd: &Mpd) -> Seconds {
    let all = mpd.periods.iter().flat_map(playable_representations);
    all.map(|(_, r)| timing::early_availability(&r.addressing)).fold(Seconds::ZERO, |a, b| if b > a { b } else { a })
}

/// Returns the range of media from the start of the oldest Period that lists segments to the end of the newest one;
/// `None` if no segments are listed.
fn listed(mpd: &Mpd) -> Option<MpdWindow> {
    let of = |period: &Period| of_kind(mpd, period, true).or_else(|| of_kind(mpd, period, false));
    let newest = mpd.periods.iter().rev().find_map(of)?;
    let oldest = mpd.periods.iter().find_map(of);
    Some(match (newest, oldest) {
        (MpdWindow::Timeline { end, media_end, .. }, Some(MpdWindow::Timeline { start, .. })) => {
            MpdWindow::Timeline { start, end, media_end }
        }
        _ => newest,
    })
}

/// Returns the range of media of one Representation in the Period: the one with the latest end among the video
/// Representations (`video`) or among the others. `None` if none of them lists segments.
fn of_kind(mpd: &Mpd, period: &Period, video: bool) -> Option<MpdWindow> {
    let kind = playable_representations(period).filter(|(set, _)| (set.media == Media::Video) == video);
    let each = kind.filter_map(|(_, r)| one(mpd, period, &r.addressing));
    each.reduce(|a, b| match (a, b) {
        (MpdWindow::Timeline { end, .. }, MpdWindow::Timeline { end: further, .. }) if further > end => b,
        _ => a,
    })
}

fn one(mpd: &Mpd, period: &Period, addressing: &SegmentAddressing) -> Option<MpdWindow> {
    let SegmentScheme::Listed(listing) = &addressing.segments else { return None };
    let seconds = |ticks: u64| Seconds(ticks as f64 / f64::from(addressing.timescale.get()));
    let at = |start: u64| presentation_time(period, addressing, SegmentSpan { number: 0, start, duration: 0 });
    match &listing.timing {
        SegmentTiming::Fixed(duration) => {
            let duration = seconds(*duration);
            let begun = period.start?.after(mpd.availability_start?);
            Some(MpdWindow::Paced { zero: Seconds(-(listing.start_number as f64) * duration.0).after(begun), duration })
        }
        // A file doesn't change: what of it is to be played follows from the clock.
        SegmentTiming::Indexed(_) => None,
        // An open run ends by the clock: nothing of it stands still or goes back.
        SegmentTiming::Runs(runs) => {
            let (first, end) = (runs.first()?, runs.last().and_then(TimelineRun::end)?);
            Some(MpdWindow::Timeline { start: at(first.start)?, end: at(end)?, media_end: seconds(end) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_keeps_its_first_start_while_it_moves_in_small_steps() {
        let mut known = vec![PeriodStart::new(Some("p".to_owned()), Seconds(10.0))];
        let mut firsts = Vec::new();
        for start in [10.4, 10.8, 11.0, 11.4, 11.8, 11.0] {
            let mut next = PeriodStart::new(Some("p".to_owned()), Seconds(start));
            next.follow(&known);
            firsts.push(next.first_start.0);
            known = vec![next];
        }
        assert_eq!(firsts, [10.0, 10.0, 10.0, 11.4, 11.4, 11.4]);
        let first = |id: Option<&str>, start, known: &[PeriodStart]| {
            let mut next = PeriodStart::new(id.map(str::to_owned), Seconds(start));
            next.follow(known);
            next.first_start.0
        };
        let nameless = [PeriodStart::new(None, Seconds(5.0)), PeriodStart::new(None, Seconds(20.0))];
        assert_eq!(
            [first(None, 5.5, &nameless), first(None, 7.0, &nameless), first(Some("p"), 5.5, &nameless)],
            [5.0, 7.0, 5.5]
        );
        assert_eq!(first(Some("p"), 10.5, &[known.clone(), known].concat()), 10.5, "two Periods have the id");
    }
    use packager_media::dash;
    use url::Url;

    fn listed(inside: &str) -> Option<MpdWindow> {
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
        let at = mpd.availability_start.unwrap();
        MpdState::of(&DashFacts::new(Arc::new(mpd), at)).window
    }

    #[test]
    fn what_is_listed_reaches_from_the_oldest_period_to_the_newest_that_has_segments() {
        let timeline = listed(
            "presentationTimeOffset=\"1000\"><SegmentTimeline><S t=\"1000\" d=\"20\" r=\"1\"/></SegmentTimeline>",
        );
        let media_end = Seconds(104.0);
        assert_eq!(timeline, Some(MpdWindow::Timeline { start: Seconds(0.0), end: Seconds(14.0), media_end }));
        // An open run ends by the clock; what is known is the Period before.
        let open = listed("><SegmentTimeline><S t=\"0\" d=\"20\" r=\"-1\"/></SegmentTimeline>");
        assert!(matches!(open, Some(MpdWindow::Timeline { end: Seconds(10.0), .. })), "{open:?}");
    }

    #[test]
    fn a_list_is_settled_as_far_as_it_is_available_before_the_next_update() {
        let settled = |attributes: &str, offset: &str| {
            let mpd = format!(
                "<MPD type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\" {attributes}><Period start=\"PT0S\"><AdaptationSet \
                 mimeType=\"video/mp4\"><SegmentTemplate media=\"$Time$\" {offset}><SegmentTimeline><S t=\"0\" d=\"2\" r=\"29\"/>\
                 </SegmentTimeline></SegmentTemplate><Representation id=\"v\" bandwidth=\"1\"/></AdaptationSet></Period></MPD>"
            );
            let base = Url::parse("http://packager/live/tv.mpd").unwrap();
            let mpd = dash::parse(mpd.as_bytes(), &base).0.unwrap();
            MpdState::of(&DashFacts::new(Arc::new(mpd), "2026-01-01T00:00:10Z".parse().unwrap())).settled_end()
        };
        assert_eq!(settled("minimumUpdatePeriod=\"PT2S\"", ""), Some(Seconds(12.0)));
        assert_eq!(settled("minimumUpdatePeriod=\"PT2S\"", "availabilityTimeOffset=\"8\""), Some(Seconds(20.0)));
        assert_eq!(settled("minimumUpdatePeriod=\"PT90S\"", ""), Some(Seconds(60.0)), "the end of the list");
        assert_eq!(settled("", ""), Some(Seconds(60.0)), "nothing is updated");
    }

    #[test]
    fn a_fixed_pace_is_when_number_0_began() {
        let paced = listed("duration=\"20\" startNumber=\"3\">");
        let zero = "2026-01-01T00:00:04Z".parse().unwrap();
        assert_eq!(paced, Some(MpdWindow::Paced { zero, duration: Seconds(2.0) }));
    }
}
