//! Offset between the dates of two renditions whose segments with the same numbers have the same media.

use crate::checks::support::select::undamaged_inspection;
use crate::facts::SegmentFacts;
use packager_media::units::{MediaTime, Seconds};
use std::collections::HashMap;

/// Largest difference in seconds between the starts of the same media in two renditions.
const SAME_MEDIA: f64 = 0.1;
/// Largest difference in seconds between date offsets that are equal.
const STEADY: f64 = 0.05;
/// Date offset in seconds up to which dates are the same.
const SAME_DATES: f64 = 0.25;
/// Least number of pairs of segments that show an offset.
const LEAST_PAIRS: usize = 2;

/// Returns the time by which the dates of one rendition are later than those of another (negative if they are earlier), although all inspected
/// segments with the same number and discontinuity sequence begin at the same media time: the dates are wrong then, and say nothing about
/// the media (RFC 8216bis 6.2.4). `None` if the dates are the same, the offset isn't steady, or the media aren't known to be the same.
pub(in crate::checks) fn date_offset<'a>(
    own: impl IntoIterator<Item = &'a SegmentFacts>,
    other: impl IntoIterator<Item = &'a SegmentFacts>,
) -> Option<Seconds> {
    let key = |s: &SegmentFacts| (s.segment.number, s.segment.discontinuity_sequence);
    let others: HashMap<_, _> = other.into_iter().map(|segment| (key(segment), segment)).collect();
    let pairs = own.into_iter().filter_map(|segment| Some((segment, *others.get(&key(segment))?)));
    let (mut offsets, mut starts) = (Vec::new(), Vec::new());
    for (segment, same) in pairs {
        let (Some(start), Some(other_start)) = (start(segment), start(same)) else { continue };
        if start.since(other_start)?.0.abs() > SAME_MEDIA {
            return None;
        }
        starts.push(start);
        let dates = segment.segment.program_date_time.zip(same.segment.program_date_time);
        offsets.extend(dates.map(|(at, other_at)| Seconds::between(other_at, at).0));
    }
    let least = offsets.iter().copied().reduce(f64::min)?;
    let most = offsets.iter().copied().reduce(f64::max)?;
    // Time stamps that begin anew in each segment tell no media apart.
    let (first, last) = starts.first().zip(starts.last())?;
    if first.since(*last)?.0.abs() <= SAME_MEDIA {
        return None;
    }
    let is_steady = offsets.len() >= LEAST_PAIRS && most - least <= STEADY;
    Some(Seconds(f64::midpoint(least, most))).filter(|offset| is_steady && offset.0.abs() > SAME_DATES)
}

/// Returns the first presentation time of a segment.
fn start(segment: &SegmentFacts) -> Option<MediaTime> {
    undamaged_inspection(segment)?.tracks.iter().find_map(|track| track.presentation_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// Makes segments from their numbers, media times and dates, the latter two in seconds.
    fn segments(list: &[(u64, f64, f64)]) -> Vec<SegmentFacts> {
        let segment = |(number, start, date): &(u64, f64, f64)| {
            let mut segment = ts_segment(*number, *start, 2.0);
            segment.segment.program_date_time = Some(time(*date));
            segment
        };
        list.iter().map(segment).collect()
    }

    fn offset(own: &[(u64, f64, f64)], other: &[(u64, f64, f64)]) -> Option<f64> {
        let (own, other) = (segments(own), segments(other));
        date_offset(&own, &other).map(|offset| (offset.0 * 1000.0).round() / 1000.0)
    }

    #[test]
    fn time_stamps_that_begin_anew_in_each_segment_show_no_offset() {
        assert_eq!(offset(&[(5, 0.0, 3.0), (6, 0.0, 5.0)], &[(5, 0.0, 0.0), (6, 0.0, 2.0)]), None);
    }

    #[test]
    fn other_dates_of_the_same_media_are_an_offset() {
        let reference = [(5, 10.0, 0.0), (6, 12.0, 2.0)];
        assert_eq!(offset(&[(5, 10.0, 3.0), (6, 12.04, 5.0)], &reference), Some(3.0));
        assert_eq!(offset(&[(5, 10.0, -0.3), (6, 12.0, 1.7)], &reference), Some(-0.3));
        assert_eq!(offset(&[(5, 10.0, 0.2), (6, 12.0, 2.2)], &reference), None, "rounded");
        assert_eq!(offset(&[(5, 10.0, 3.0), (6, 12.0, 5.5)], &reference), None, "not steady");
        assert_eq!(offset(&[(5, 13.0, 3.0), (6, 15.0, 5.0)], &reference), None, "other media");
        assert_eq!(offset(&[(5, 10.0, 3.0), (7, 14.0, 7.0)], &reference), None, "a single pair");
    }

    #[test]
    fn another_discontinuity_sequence_is_another_segment() {
        let mut own = segments(&[(5, 10.0, 3.0), (6, 12.0, 5.0)]);
        let other = segments(&[(5, 10.0, 0.0), (6, 12.0, 2.0)]);
        assert!(date_offset(&own, &other).is_some());
        own[0].segment.discontinuity_sequence = 1;
        assert_eq!(date_offset(&own, &other), None);
    }
}
