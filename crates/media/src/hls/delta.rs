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
    let mut rebuilt = Timeline { segments, ..delta.clone() };
    if let Some(last) = last {
        carry_forward(&mut rebuilt, skipped, &last);
    }
    rebuilt.low_latency.skipped = None;
    Some(rebuilt)
}

/// Applies the state at the end of the skipped segments to the segments and parts after them. `last` is the last skipped segment.
/// Its discontinuity sequence continues, its map stays in force until a segment has its own, and its keys do up to the first
/// EXT-X-KEY of the update, which may end them with METHOD=NONE (RFC 8216bis 4.4.4.4, 4.4.4.5).
fn carry_forward(rebuilt: &mut Timeline, skipped: u64, last: &Segment) {
    let missed = last.discontinuity_sequence.saturating_sub(rebuilt.discontinuity_sequence);
    let keyed_from = rebuilt.low_latency.keyed_from;
    let rest = rebuilt.segments.iter_mut().skip(usize::try_from(skipped).unwrap_or(usize::MAX));
    let mut map = last.map.as_ref();
    for segment in rest {
        segment.discontinuity_sequence = segment.discontinuity_sequence.saturating_add(missed);
        map = map.filter(|_| segment.map.is_none());
        segment.map = segment.map.take().or(map.cloned());
        if keyed_from.is_none_or(|first| segment.number < first) {
            segment.key.clone_from(&last.key);
            segment.keys.clone_from(&last.keys);
        }
    }
    if rebuilt.is_low_latency() {
        let low_latency = &mut rebuilt.low_latency;
        low_latency.map = low_latency.map.take().or(map.cloned());
        if keyed_from.is_none() {
            low_latency.key.clone_from(&last.key);
        }
    }
}
