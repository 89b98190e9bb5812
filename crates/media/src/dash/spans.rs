//! Computation of a Representation's segments in a window of media time, without enumerating those before it.

use super::model::{SegmentAddressing, SegmentListing, SegmentScheme, SegmentTiming, SegmentUrls, TimelineRun};
use std::ops::Range;

/// Number and nominal media time of a segment, in ticks of the Representation's timescale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSpan {
    pub number: u64,
    pub start: u64,
    pub duration: u64,
}

impl SegmentSpan {
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.duration)
    }
}

/// A window of media time, in ticks of the Representation's timescale.
#[derive(Debug, Clone, Copy)]
pub struct TickWindow {
    /// Start of the window in ticks: it holds only segments that end after this time.
    pub from: i128,
    /// Whether a segment stays in the window after its end has left it, for the time of its own duration.
    pub holds_ended: bool,
    /// End of the window for segments whose times are computed (a fixed duration, an open run) and for subsegments of a
    /// file: they have to end by this time.
    pub until: i128,
    /// End of the window for segments that a SegmentTimeline lists, which have to end by this time. A live MPD may list
    /// segments long before they are available, such as all of an ad.
    pub listed_until: i128,
    /// End of the Period in ticks, exclusive: no segment starts at this time or later.
    pub end: i128,
}

/// Returns the newest segments, at most `most`, and the oldest segment, both within the time window `stretch`. The
/// first are in ascending order. Segments after the last number or URL that the MPD lists are left out.
#[must_use]
pub fn segment_spans(
    addressing: &SegmentAddressing,
    stretch: TickWindow,
    most: usize,
) -> (Vec<SegmentSpan>, Option<SegmentSpan>) {
    let SegmentScheme::Listed(listing) = &addressing.segments else { return (Vec::new(), None) };
    let mut newest = Vec::new();
    let mut first = None;
    for run in runs(listing, addressing.presentation_time_offset, stretch).iter().rev() {
        let places = places(run, listing, stretch);
        if places.is_empty() {
            continue;
        }
        first = span(run, places.start);
        let room = u64::try_from(most - newest.len().min(most)).unwrap_or(u64::MAX);
        let begin = places.start.max(places.end.saturating_sub(room));
        newest.extend((begin..places.end).rev().map_while(|place| span(run, place)));
    }
    newest.reverse();
    (newest, first)
}

fn runs(listing: &SegmentListing, offset: u64, window: TickWindow) -> std::borrow::Cow<'_, [TimelineRun]> {
    match &listing.timing {
        SegmentTiming::Runs(runs) | SegmentTiming::Indexed(runs) => (&**runs).into(),
        SegmentTiming::Fixed(duration) => {
            let run = renumbered_list(listing, offset, window);
            vec![run.unwrap_or_else(|| fixed_run(listing.start_number, offset, *duration))].into()
        }
    }
}

fn fixed_run(number: u64, start: u64, duration: u64) -> TimelineRun {
    TimelineRun { number, start, duration, count: None, gap_ticks: 0 }
}

/// Returns the segments of a SegmentList with `@duration` whose startNumber moves with its window: the first one begins
/// (startNumber - 1) · `@duration` after the start of the Period. dash.js and Shaka Player place every such list so; by the standard
/// the first URL is at the start of the Period, whatever its number is (ISO/IEC 23009-1 5.3.9.2). `None` for all other listings, and
/// if the list has segments in the window where the standard places it, or has none there either way.
pub(super) fn renumbered_list(listing: &SegmentListing, offset: u64, window: TickWindow) -> Option<TimelineRun> {
    let (SegmentUrls::List(_), SegmentTiming::Fixed(duration)) = (&listing.urls, &listing.timing) else { return None };
    let before = listing.start_number.checked_sub(1).filter(|before| *before > 0)?.checked_mul(*duration)?;
    let standard = fixed_run(listing.start_number, offset, *duration);
    let renumbered = fixed_run(listing.start_number, offset.checked_add(before)?, *duration);
    let is_empty = |run: &TimelineRun| places(run, listing, window).is_empty();
    (is_empty(&standard) && !is_empty(&renumbered)).then_some(renumbered)
}

/// Returns the positions, from 0, of the segments of a SegmentTimeline run that are in the window.
// Most runs lie in the window as a whole: those cost no division.
fn places(run: &TimelineRun, listing: &SegmentListing, stretch: TickWindow) -> Range<u64> {
    let (start, duration) = (i128::from(run.start), i128::from(run.duration.max(1)));
    let fit = |until: i128| (until - start).div_euclid(duration);
    let from = if stretch.holds_ended { stretch.from - duration } else { stretch.from };
    let wanted = if from <= start { 0 } else { fit(from).max(0) };
    let written = match (run.count, &listing.timing) {
        (Some(count), SegmentTiming::Indexed(_)) => fit(stretch.until).min(i128::from(count)),
        (Some(count), _) if start + duration.saturating_mul(count.into()) <= stretch.listed_until => count.into(),
        (Some(_), _) => fit(stretch.listed_until),
        (None, _) => fit(stretch.until),
    };
    let whole = start.saturating_add(written.saturating_mul(duration)) <= stretch.end;
    let within = if whole { written } else { written.min(fit(stretch.end + duration - 1)) };
    let end = within.min(i128::from(named(run, listing))).max(wanted);
    clamped_index(wanted)..clamped_index(end)
}

/// Returns the number of segments from the run's first segment to the last one for which the MPD has a number or URL.
fn named(run: &TimelineRun, listing: &SegmentListing) -> u64 {
    let listed = match &listing.urls {
        SegmentUrls::Template(_) => u64::MAX,
        SegmentUrls::List(urls) => listing.start_number.saturating_add(urls.len() as u64),
    };
    let last = listing.end_number.map_or(u64::MAX, |last| last.saturating_add(1));
    listed.min(last).saturating_sub(run.number)
}

fn clamped_index(at: i128) -> u64 {
    u64::try_from(at.max(0)).unwrap_or(u64::MAX)
}

fn span(run: &TimelineRun, place: u64) -> Option<SegmentSpan> {
    let start = run.start.checked_add(run.duration.checked_mul(place)?)?;
    Some(SegmentSpan { number: run.number.checked_add(place)?, start, duration: run.duration })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dash::UrlTemplate;
    use crate::units::Seconds;
    use std::num::NonZeroU32;

    const ALWAYS: TickWindow =
        TickWindow { from: -1_000_000, holds_ended: false, until: 1_000_000, listed_until: 1_000_000, end: 1_000_000 };

    fn addressing(timing: SegmentTiming, end_number: Option<u64>) -> SegmentAddressing {
        let urls = SegmentUrls::Template(UrlTemplate::parse("$Number$").unwrap());
        SegmentAddressing {
            timescale: NonZeroU32::MIN,
            presentation_time_offset: 100,
            availability_time_offset: Seconds::ZERO,
            availability_time_complete: true,
            initialization: None,
            segments: SegmentScheme::Listed(SegmentListing { start_number: 5, end_number, timing, urls }),
        }
    }

    fn run(count: Option<u64>) -> TimelineRun {
        TimelineRun { number: 5, start: 100, duration: 10, count, gap_ticks: 0 }
    }

    /// Returns the numbers of up to `most` of the newest segments in the window, and the number of the oldest segment
    /// in the window.
    fn numbers(timing: SegmentTiming, window: TickWindow, most: usize) -> (Vec<u64>, Option<u64>) {
        let (newest, oldest) = segment_spans(&addressing(timing, None), window, most);
        (newest.iter().map(|s| s.number).collect(), oldest.map(|s| s.number))
    }

    #[test]
    fn a_segment_that_ends_where_the_window_begins_is_left_out() {
        let runs = || SegmentTiming::Runs([run(Some(4))].into());
        assert_eq!(numbers(runs(), TickWindow { from: 119, ..ALWAYS }, 9), (vec![6, 7, 8], Some(6)));
        assert_eq!(numbers(runs(), TickWindow { from: 120, ..ALWAYS }, 9), (vec![7, 8], Some(7)));
        assert_eq!(numbers(runs(), TickWindow { from: 140, ..ALWAYS }, 9), (vec![], None));
    }

    #[test]
    fn a_segment_may_stay_for_its_own_duration_after_its_end() {
        let runs = || SegmentTiming::Runs([run(Some(4)), TimelineRun { number: 9, start: 140, ..run(Some(1)) }].into());
        let window = |from| TickWindow { from, holds_ended: true, ..ALWAYS };
        assert_eq!(numbers(runs(), window(129), 9), (vec![6, 7, 8, 9], Some(6)));
        assert_eq!(numbers(runs(), window(130), 9), (vec![7, 8, 9], Some(7)));
        assert_eq!(numbers(runs(), window(159), 9), (vec![9], Some(9)));
        assert_eq!(numbers(runs(), window(160), 9), (vec![], None));
    }

    #[test]
    fn a_computed_segment_counts_from_the_moment_it_ends() {
        for timing in [SegmentTiming::Fixed(10), SegmentTiming::Runs([run(None)].into())] {
            assert_eq!(numbers(timing.clone(), TickWindow { until: 109, ..ALWAYS }, 9), (vec![], None));
            assert_eq!(numbers(timing.clone(), TickWindow { until: 110, ..ALWAYS }, 9), (vec![5], Some(5)));
            assert_eq!(numbers(timing, TickWindow { until: 129, ..ALWAYS }, 9), (vec![5, 6], Some(5)));
        }
        let parts = SegmentTiming::Indexed([run(Some(3))].into());
        assert_eq!(numbers(parts.clone(), TickWindow { until: 120, ..ALWAYS }, 9), (vec![5, 6], Some(5)));
        assert_eq!(numbers(parts, ALWAYS, 9), (vec![5, 6, 7], Some(5)), "a file has no more parts than its index");
    }

    #[test]
    fn a_listed_segment_counts_until_the_end_of_the_list_s_own_window() {
        let second = TimelineRun { number: 8, start: 130, ..run(Some(2)) };
        let listed = || SegmentTiming::Runs([run(Some(3)), second].into());
        assert_eq!(numbers(listed(), TickWindow { until: 0, ..ALWAYS }, 9), (vec![5, 6, 7, 8, 9], Some(5)));
        let window = |listed_until| TickWindow { listed_until, ..ALWAYS };
        assert_eq!(numbers(listed(), window(140), 9), (vec![5, 6, 7, 8], Some(5)));
        assert_eq!(numbers(listed(), window(139), 9), (vec![5, 6, 7], Some(5)), "the second run has just begun");
        assert_eq!(numbers(listed(), window(109), 9), (vec![], None));
    }

    #[test]
    fn no_segment_starts_at_the_end_of_the_period_or_later() {
        let listed = || SegmentTiming::Runs([run(Some(3))].into());
        assert_eq!(numbers(listed(), TickWindow { end: 130, ..ALWAYS }, 9).0, [5, 6, 7]);
        assert_eq!(numbers(listed(), TickWindow { end: 121, ..ALWAYS }, 9).0, [5, 6, 7], "the last one is cut short");
        assert_eq!(numbers(listed(), TickWindow { end: 120, ..ALWAYS }, 9).0, [5, 6]);
        assert_eq!(numbers(SegmentTiming::Fixed(10), TickWindow { end: 111, ..ALWAYS }, 9).0, [5, 6]);
    }

    #[test]
    fn of_more_segments_than_wanted_the_newest_over_all_runs_are_kept_and_the_oldest_is_known() {
        let second = TimelineRun { number: 8, start: 130, duration: 5, count: Some(2), gap_ticks: 0 };
        let runs = || SegmentTiming::Runs([run(Some(3)), second].into());
        assert_eq!(numbers(runs(), ALWAYS, 3), (vec![7, 8, 9], Some(5)));
        assert_eq!(numbers(runs(), ALWAYS, 1), (vec![9], Some(5)));
        let (newest, _) = segment_spans(&addressing(runs(), None), ALWAYS, 2);
        assert_eq!(newest[1], SegmentSpan { number: 9, start: 135, duration: 5 });
        assert_eq!(newest[1].end(), 140);
    }

    #[test]
    fn the_last_number_and_the_last_url_end_the_list() {
        let numbers = |addressing: &SegmentAddressing| {
            segment_spans(addressing, ALWAYS, 9).0.iter().map(|s| s.number).collect::<Vec<_>>()
        };
        let runs = || SegmentTiming::Runs([run(Some(9))].into());
        assert_eq!(numbers(&addressing(runs(), Some(6))), [5, 6]);
        assert_eq!(numbers(&addressing(runs(), Some(4))), [0; 0]);
        let url = crate::dash::UrlRange { url: url::Url::parse("http://packager/1").unwrap(), range: None };
        let urls = SegmentUrls::List(vec![url; 3].into());
        let listing = SegmentListing { start_number: 5, end_number: None, timing: runs(), urls };
        let listed = SegmentAddressing { segments: SegmentScheme::Listed(listing), ..addressing(runs(), None) };
        assert_eq!(numbers(&listed), [5, 6, 7]);
    }

    #[test]
    fn a_list_whose_first_number_moves_is_placed_by_this_number_where_the_standard_leaves_the_window_empty() {
        let url = crate::dash::UrlRange { url: url::Url::parse("http://packager/1").unwrap(), range: None };
        let starts = |start_number, timing, from| {
            let urls = SegmentUrls::List(vec![url.clone(); 3].into());
            let listing = SegmentListing { start_number, end_number: None, timing, urls };
            let fixed = SegmentTiming::Fixed(10);
            let listed = SegmentAddressing { segments: SegmentScheme::Listed(listing), ..addressing(fixed, None) };
            let spans = segment_spans(&listed, TickWindow { from, ..ALWAYS }, 9).0;
            spans.iter().map(|s| (s.number, s.start)).collect::<Vec<_>>()
        };
        let fixed = || SegmentTiming::Fixed(10);
        assert_eq!(starts(101, fixed(), 0), [(101, 100), (102, 110), (103, 120)]);
        assert_eq!(starts(101, fixed(), 129), [(103, 120)], "the standard comes first");
        assert_eq!(starts(101, fixed(), 130), [(101, 1100), (102, 1110), (103, 1120)]);
        assert_eq!(starts(101, fixed(), 1130), []);
        assert_eq!((starts(1, fixed(), 130), starts(0, fixed(), 130)), (vec![], vec![]), "it is the first number");
        assert_eq!(starts(101, SegmentTiming::Runs([run(Some(3))].into()), 130), []);
    }
}
