//! Numbers that come from several facts at once.

use crate::facts::{RenditionFacts, SegmentFacts};
use packager_media::container::{Inspection, Track};
use packager_media::stream::Media;
use packager_media::units::Seconds;

/// Finite numbers only: JSON has no NaN, and a gauge that is NaN says nothing.
pub fn finite(seconds: Seconds) -> Option<f64> {
    Some(seconds.0).filter(|s| s.is_finite())
}

/// `None` where `part / whole` would say nothing.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    Some(part / whole).filter(|r| whole > 0.0 && r.is_finite())
}

/// Bits per second of the segments that arrived whole in this probe, over their declared durations.
pub fn measured_bandwidth(segments: &[std::sync::Arc<SegmentFacts>]) -> Option<f64> {
    let whole = || segments.iter().filter_map(|s| Some((s.fetched.ok()?.body_bytes, s.segment.duration)));
    let bytes: u64 = whole().map(|(bytes, _)| bytes).fold(0, u64::saturating_add);
    let seconds: Seconds = whole().map(|(_, duration)| duration).sum();
    ratio(bytes as f64 * 8.0, seconds.0)
}

/// Media duration of a segment: its video track's, else that of the first track that has one.
pub fn measured_duration(inspection: &Inspection) -> Option<f64> {
    let video = inspection.tracks.iter().filter(|t| t.media == Some(Media::Video));
    video.chain(&inspection.tracks).find_map(Track::duration).and_then(finite)
}

/// Presentation start of audio minus that of video: positive when audio begins later.
pub fn av_offset(inspection: &Inspection) -> Option<f64> {
    let start =
        |media| inspection.tracks.iter().filter(move |t| t.media == Some(media)).find_map(|t| t.presentation_start);
    finite(start(Media::Audio)?.since(start(Media::Video)?)?)
}

/// The largest distance, as an absolute value, between the end of a segment and the start of the next one in
/// number, over all tracks. Across an announced discontinuity timestamps may jump, so nothing is measured there.
pub fn timestamp_gap(segments: &[std::sync::Arc<SegmentFacts>]) -> Option<f64> {
    let pairs = segments.iter().zip(segments.iter().skip(1));
    pairs.filter_map(|(before, after)| pair_gap(before, after)).reduce(f64::max)
}

fn pair_gap(before: &SegmentFacts, after: &SegmentFacts) -> Option<f64> {
    let (from, to) = (&before.segment, &after.segment);
    let follows = from.number.checked_add(1) == Some(to.number);
    if !follows || to.discontinuity || from.discontinuity_sequence != to.discontinuity_sequence {
        return None;
    }
    let (ended, began) = (before.inspection.as_ref()?, after.inspection.as_ref()?);
    let gap = |track: &Track| {
        let next = began.tracks.iter().find(|t| t.id == track.id && t.media == track.media)?;
        finite(next.start?.since(track.end?)?.abs())
    };
    ended.tracks.iter().filter_map(gap).reduce(f64::max)
}

/// Longest distance between key frames in the segments inspected now.
pub fn keyframe_interval_max(facts: &RenditionFacts) -> Option<f64> {
    let tracks = inspections(facts).flat_map(|i| &i.tracks);
    tracks.filter_map(|t| t.keyframe_interval_max).filter_map(finite).reduce(f64::max)
}

/// What inspecting this probe's segments has learned, oldest first.
pub fn inspections(facts: &RenditionFacts) -> impl DoubleEndedIterator<Item = &Inspection> {
    facts.segments.iter().filter_map(|s| s.inspection.as_ref())
}
