//! Bit rates, durations and similar values that are calculated from captured segments. Gauges, reports and checks take
//! them from this module, so that they agree.

use super::{RenditionFacts, SegmentFacts};
use packager_media::container::{Inspection, Track};
use packager_media::stream::{Media, Timeline};
use packager_media::units::{Seconds, Timestamp};

/// Returns the bit rate of several segments together, in bits per second by the durations that the playlist declares.
/// Segments that didn't arrive completely are left out. `None` if the declared durations add up to 0.
pub(crate) fn bit_rate<'a>(segments: impl IntoIterator<Item = &'a SegmentFacts>) -> Option<f64> {
    let sizes = segments.into_iter().filter_map(|s| Some((bits(s)?, s.segment.duration.0)));
    let (bits, seconds) = sizes.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Some(bits / seconds).filter(|rate| seconds > 0.0 && rate.is_finite())
}

/// Returns the size of a segment in bits. `None` unless the segment arrived completely.
pub(crate) fn bits(segment: &SegmentFacts) -> Option<f64> {
    Some(segment.fetched.ok()?.body_bytes as f64 * 8.0)
}

/// Returns the presentation start of audio minus that of video within one segment: positive if audio starts later. Of
/// several audio tracks, the one with the largest offset counts. `None` unless the segment has samples of both.
pub(crate) fn av_offset(inspection: &Inspection) -> Option<Seconds> {
    let tracks = |media: Media| inspection.tracks.iter().filter(move |t| t.media == Some(media) && t.samples > 0);
    let video = tracks(Media::Video).next()?.presentation_start?;
    let offset = |audio: &Track| audio.presentation_start?.since(video);
    tracks(Media::Audio).filter_map(offset).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))
}

/// Returns the start of a track in a segment minus its end in the segment before: positive for a gap, negative for an
/// overlap. `None` if one of the two times isn't known or they are on different clocks.
pub(crate) fn track_gap(before: &Track, next: &Track) -> Option<Seconds> {
    next.start?.since(before.end?)
}

/// Returns the time by which a rendition's live edge is behind the wall clock, at the instant at which its playlist was
/// requested, or at `now` if that isn't known. `None` without a program date-time.
pub(crate) fn live_edge_latency(facts: &RenditionFacts, now: Timestamp) -> Option<Seconds> {
    let edge = facts.timeline.as_deref().and_then(Timeline::live_edge)?;
    Some(Seconds::between(edge, facts.playlist_at.unwrap_or(now)))
}
