//! Values of the report that are calculated from captured segments, such as durations and bit rates. Gauges, JSON, text
//! and line protocol all take them from here.

use crate::facts::{SegmentFacts, derived};
use packager_media::container::{Inspection, Track};
use packager_media::stream::Media;
use packager_media::units::Seconds;
use std::sync::Arc;

/// Returns a number of seconds, with zero never negative. `None`: the number isn't finite; JSON has no NaN, and a gauge
/// of NaN is useless.
pub(crate) fn finite(seconds: Seconds) -> Option<f64> {
    Some(seconds.0 + 0.0).filter(|s| s.is_finite())
}

/// Returns the ratio `part / whole`. `None`: `whole` isn't above 0, or the ratio isn't finite.
pub(crate) fn ratio(part: f64, whole: f64) -> Option<f64> {
    Some(part / whole).filter(|r| whole > 0.0 && r.is_finite())
}

/// Returns the bit rate in bits per second of the segments that arrived completely, by the durations that the playlist
/// declares. `None`: the declared durations add up to 0, or no segment arrived completely.
pub(crate) fn measured_bandwidth(segments: &[Arc<SegmentFacts>]) -> Option<f64> {
    derived::bit_rate(segments.iter().map(AsRef::as_ref))
}

/// Returns the media duration of a segment in seconds, from the first timestamp to the end of the last sample: that of
/// the first video track for which both are known, otherwise that of the first such track. `None`: no track has both.
pub(crate) fn measured_duration(inspection: &Inspection) -> Option<f64> {
    let video = inspection.tracks.iter().filter(|t| t.media == Some(Media::Video));
    video.chain(&inspection.tracks).find_map(Track::duration).and_then(finite)
}

/// Returns the largest absolute distance in seconds between the end of a segment and the start of the segment that
/// follows it, over all tracks. Timestamps may jump at an announced discontinuity, and those of damaged segments mean nothing, so
/// nothing is measured there. `None`: no such pair was inspected.
pub(crate) fn timestamp_gap(segments: &[Arc<SegmentFacts>]) -> Option<f64> {
    let pairs = segments.iter().zip(segments.iter().skip(1));
    pairs.filter_map(|(before, after)| pair_gap(before, after)).reduce(f64::max)
}

fn pair_gap(before: &SegmentFacts, after: &SegmentFacts) -> Option<f64> {
    if !derived::is_listed_on(before, after) {
        return None;
    }
    let (ended, began) = (before.inspection.as_ref()?, after.inspection.as_ref()?);
    let gap = |next: &Track| {
        let track = derived::continued_track(ended, began, next)?;
        finite(derived::track_gap(track, next)?).map(f64::abs)
    };
    began.tracks.iter().filter_map(gap).reduce(f64::max)
}

/// Returns the longest distance in seconds between two key frames of a track in the inspected segments. `None`: no
/// segment has two key frames of one track.
pub(crate) fn keyframe_interval_max(segments: &[Arc<SegmentFacts>]) -> Option<f64> {
    let tracks = inspections(segments).flat_map(|i| &i.tracks);
    tracks.filter_map(|t| t.keyframe_interval_max).filter_map(finite).reduce(f64::max)
}

/// The inspections of the segments that could be read, in the order of the segments.
pub(crate) fn inspections(segments: &[Arc<SegmentFacts>]) -> impl DoubleEndedIterator<Item = &Inspection> {
    segments.iter().filter_map(|s| s.inspection.as_ref())
}
