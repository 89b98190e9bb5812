//! Application of delta updates (EXT-X-SKIP) to a known playlist.

use crate::stream::{Segment, Timeline};

/// Returns the playlist that a player holds after the delta update `delta`: skipped segments are taken from `known`,
/// the playlist that it had before, and the others from the update (RFC 8216bis 6.3.7). `None` if a skipped segment
/// isn't in `known`, so that the player has to load the full playlist.
#[must_use]
pub fn apply_delta_update(known: &Timeline, delta: &Timeline) -> Option<Timeline> {
    let skipped = delta.low_latency.skipped.unwrap_or(0);
    let until = delta.media_sequence.checked_add(skipped)?;
    let within = |s: &&Segment| (delta.media_sequence..until).contains(&s.number);
    let mut segments: Vec<Segment> = known.segments.iter().filter(within).cloned().collect();
    if segments.len() as u64 != skipped {
        return None;
    }
    let last = segments.last().cloned();
    segments.extend(delta.segments.iter().cloned());
    if let Some(last) = last {
        carry_forward(&mut segments, skipped, &last, delta.discontinuity_sequence);
    }
    let mut rebuilt = Timeline { segments, ..delta.clone() };
    rebuilt.low_latency.skipped = None;
    Some(rebuilt)
}

/// Applies the state at the end of the skipped segments to the segments after them. `last` is the last skipped segment.
/// Its discontinuity sequence continues, and its key and map stay in force until a segment has its own.
fn carry_forward(segments: &mut [Segment], skipped: u64, last: &Segment, counted_from: u64) {
    let missed = last.discontinuity_sequence.saturating_sub(counted_from);
    let rest = segments.iter_mut().skip(usize::try_from(skipped).unwrap_or(usize::MAX));
    let (mut map, mut key) = (last.map.as_ref(), last.key.as_ref());
    for segment in rest {
        segment.discontinuity_sequence = segment.discontinuity_sequence.saturating_add(missed);
        map = map.filter(|_| segment.map.is_none());
        key = key.filter(|_| segment.key.is_none());
        segment.map = segment.map.take().or(map.cloned());
        segment.key = segment.key.take().or(key.cloned());
    }
}
