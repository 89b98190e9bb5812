//! Bit rates, durations and similar values that are calculated from captured segments. Gauges, reports and checks take
//! them from this module, so that they agree.

use super::{ChunkArrival, GrowingSegmentFacts, InitFacts, RenditionFacts, SegmentExtent, SegmentFacts};
use packager_media::container::{Inspection, Track};
use packager_media::defect::DefectKind;
use packager_media::stream::{Map, Media, Timeline};
use packager_media::units::{Seconds, Timestamp};

/// Returns the bit rate of several segments together, in bits per second by the durations that the playlist declares.
/// Segments that didn't arrive completely are left out. `None` if the declared durations add up to 0.
pub(crate) fn bit_rate<'a>(segments: impl IntoIterator<Item = &'a SegmentFacts>) -> Option<f64> {
    let sizes = segments.into_iter().filter_map(|s| Some((bits(s)?, s.segment.duration.0)));
    let (bits, seconds) = sizes.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Some(bits / seconds).filter(|rate| seconds > 0.0 && rate.is_finite())
}

/// Returns the size of a segment in bits. `None` unless the segment arrived completely, or its first bytes did and its size is
/// known.
pub(crate) fn bits(segment: &SegmentFacts) -> Option<f64> {
    let fetched = segment.fetched.ok()?.body_bytes;
    let bytes = match segment.extent {
        SegmentExtent::Whole => fetched,
        SegmentExtent::Head { size } => size?,
    };
    Some(bytes as f64 * 8.0)
}

/// Returns the initialization segments of a rendition that can't be had, each with a sentence about why. Those whose request the
/// probe's deadline ended say nothing about the stream, and byte_range_wrong reports bytes that weren't asked for.
pub(crate) fn missing_inits(facts: &RenditionFacts) -> impl Iterator<Item = (&InitFacts, String)> {
    let asked = facts.inits.iter().filter(|i| !i.fetched.probe_timed_out() && !i.fetched.has_wrong_range());
    asked.filter_map(|init| Some((init.as_ref(), init.fetched.problem()?)))
}

/// Returns the inspection of a segment that arrived completely, `None` for other segments.
pub(crate) fn complete_inspection(segment: &SegmentFacts) -> Option<&Inspection> {
    segment.fetched.ok()?;
    segment.inspection.as_ref()
}

/// Returns the inspection of an undamaged segment, `None` for other segments. Times and counters of a damaged segment
/// are wrong for a reason that other checks report, and say nothing about the next segment.
pub(crate) fn undamaged_inspection(segment: &SegmentFacts) -> Option<&Inspection> {
    let damaged = |i: &Inspection| {
        let packets = i.ts.as_ref().is_some_and(|t| t.continuity_errors > 0 || t.transport_errors > 0);
        packets || i.defects.iter().any(|d| matches!(d.kind, DefectKind::Container | DefectKind::Initialization))
    };
    complete_inspection(segment).filter(|i| !damaged(i))
}

/// Returns whether the playlist or MPD lists `next` right after `before` without a discontinuity, and both segments
/// arrived undamaged.
pub(crate) fn is_listed_on(before: &SegmentFacts, next: &SegmentFacts) -> bool {
    next.segment.follows(before.segment.number)
        && !next.segment.discontinuity
        && before.segment.discontinuity_sequence == next.segment.discontinuity_sequence
        && undamaged_inspection(before).is_some()
        && undamaged_inspection(next).is_some()
}

/// Returns whether players play `next` right after `before` without a reset of the decoder: [`is_listed_on`] holds, and
/// both have the same initialization segment.
pub(crate) fn plays_on(before: &SegmentFacts, next: &SegmentFacts) -> bool {
    // Query strings contain tokens that change with every request.
    let file = |map: &Map| (map.uri.path().to_owned(), map.byte_range);
    let init = |facts: &SegmentFacts| facts.segment.map.as_deref().map(file);
    is_listed_on(before, next) && init(before) == init(next)
}

/// Returns the presentation start of audio minus that of video within one segment: positive if audio starts later. Of
/// several audio tracks, the one with the largest offset counts. `None` unless the segment has samples of both.
pub(crate) fn av_offset(inspection: &Inspection) -> Option<Seconds> {
    let tracks = |media: Media| inspection.tracks.iter().filter(move |t| t.media == Some(media) && t.samples > 0);
    let video = tracks(Media::Video).next()?.presentation_start?;
    let offset = |audio: &Track| audio.presentation_start?.since(video);
    tracks(Media::Audio).filter_map(offset).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))
}

/// Returns the track of the segment `before` that `track` of the segment `next` continues. It is the track of the same
/// media and number; if both segments have a single track of that media, it is that track, because another
/// initialization segment may number tracks otherwise. `None` if there is no such track.
pub(crate) fn continued_track<'a>(before: &'a Inspection, next: &Inspection, track: &Track) -> Option<&'a Track> {
    let of_kind = |i: &'a Inspection| i.tracks.iter().filter(|t| t.media == track.media);
    let is_only = next.tracks.iter().filter(|t| t.media == track.media).count() == 1 && of_kind(before).count() == 1;
    of_kind(before).find(|t| is_only || t.id == track.id)
}

/// Returns the start of a track in a segment minus its end in the segment before: positive for a gap, negative for an
/// overlap. `None` if one of the two times isn't known or they are on different clocks.
pub(crate) fn track_gap(before: &Track, next: &Track) -> Option<Seconds> {
    next.start?.since(before.end?)
}

/// The longest time by which a chunk of a growing segment arrived later than it could have: another chunk shows with which
/// latency the packager makes them, whatever the clocks say. `None` with fewer than two chunks.
pub(crate) fn chunk_held_back(growing: &GrowingSegmentFacts) -> Option<Seconds> {
    let chunks = growing.chunks.get(..).filter(|chunks| chunks.len() > 1)?;
    let latency = chunks.iter().map(|c| c.arrived.0 - c.end.0).reduce(f64::min)?;
    // Before the first request nothing could arrive.
    let held = |c: &ChunkArrival| c.arrived.0 - (c.end.0 + latency).max(0.0);
    chunks.iter().map(held).reduce(f64::max).map(Seconds)
}

/// The longest time by which a chunk of a growing segment arrived after the time that the MPD promises, or after the first
/// request if that was later. It promises the first chunk at the segment's availability time, and each further one as much
/// later as its media are. `None` without a chunk.
pub(crate) fn chunk_lateness(growing: &GrowingSegmentFacts) -> Option<Seconds> {
    let first = growing.chunks.first()?;
    let promised = Seconds::between(growing.asked_at, growing.promised.available);
    let late = |c: &ChunkArrival| c.arrived.0 - (promised.0 + c.end.0 - first.end.0).max(0.0);
    growing.chunks.iter().map(late).reduce(f64::max).map(Seconds)
}

/// The shortest time by which a chunk of a growing segment arrived after the time at which its first picture or sound is due by
/// the MPD: players can't be nearer to the live edge. `None` without a chunk.
pub(crate) fn chunk_latency(growing: &GrowingSegmentFacts) -> Option<Seconds> {
    let begin = Seconds(-growing.promised.segment.duration.0).after(growing.promised.complete);
    let asked = Seconds::between(begin, growing.asked_at);
    let starts = [Seconds::ZERO].into_iter().chain(growing.chunks.iter().map(|c| c.end));
    growing.chunks.iter().zip(starts).map(|(c, start)| asked.0 + c.arrived.0 - start.0).reduce(f64::min).map(Seconds)
}

/// Returns the time by which a rendition's live edge is behind the clock of its dates, at the instant at which its playlist was
/// requested, or at `now` if that isn't known. `None` without a program date-time.
pub(crate) fn live_edge_latency(facts: &RenditionFacts, now: Timestamp) -> Option<Seconds> {
    let edge = facts.timeline.as_deref().and_then(Timeline::live_edge)?;
    Some(Seconds::between(edge, facts.edge_at.or(facts.playlist_at).unwrap_or(now)))
}
