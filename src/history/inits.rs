use super::identity;
use crate::facts::{InitFacts, RenditionFacts};
use packager_media::stream::{ByteRange, Map, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// One content of an initialization segment, and the time over which its URI answered with it.
#[derive(Debug, Clone)]
pub struct SeenInit {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub facts: Arc<InitFacts>,
    /// Of the newest listed segment that it is for.
    pub discontinuity_sequence: u64,
    place: Place,
}

/// Where it is: path (with the query where that identifies) and byte range.
type Place = (u64, Option<ByteRange>);

/// A packager that names each one anew makes many.
const MAX_STATES: usize = 16;

impl SeenInit {
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// A token in the URI is no other content.
    #[must_use]
    pub fn same_content(&self, other: &InitFacts) -> bool {
        self.facts.digest == other.digest
    }

    #[cfg(test)]
    pub fn of(facts: InitFacts, first_seen: Timestamp, last_seen: Timestamp, discontinuity_sequence: u64) -> Self {
        let place = place(&facts.map, false);
        Self { first_seen, last_seen, facts: Arc::new(facts), discontinuity_sequence, place }
    }
}

fn place(map: &Map, query_identifies: bool) -> Place {
    (identity(&map.uri, query_identifies), map.byte_range)
}

/// Adds what this probe's initialization segments are, where that is news. What has been replaced is forgotten when that is
/// past `hold`; what hasn't stays, as the baseline of the next.
pub(super) fn record(
    states: &mut Vec<SeenInit>,
    facts: &RenditionFacts,
    now: Timestamp,
    hold: Seconds,
    query_identifies: bool,
) {
    let Some(timeline) = &facts.timeline else { return };
    for init in facts.inits.iter().filter(|i| i.digest.is_some()) {
        let place = place(&init.map, query_identifies);
        let discontinuity_sequence = discontinuity(timeline, init);
        match states.iter_mut().rfind(|s| s.place == place) {
            // A slow probe that began earlier is no news.
            Some(known) if known.last_seen > now => {}
            Some(known) if known.same_content(init) => {
                known.last_seen = now;
                known.discontinuity_sequence = discontinuity_sequence.unwrap_or(known.discontinuity_sequence);
            }
            _ => states.push(SeenInit {
                first_seen: now,
                last_seen: now,
                facts: init.clone(),
                discontinuity_sequence: discontinuity_sequence.unwrap_or_default(),
                place,
            }),
        }
    }
    let horizon = Seconds(-hold.0).after(now);
    let replaced = |(at, state): (usize, &SeenInit)| {
        states.iter().skip(at + 1).find(|later| later.place == state.place).is_some_and(|l| l.first_seen < horizon)
    };
    let gone: Vec<bool> = states.iter().enumerate().map(replaced).collect();
    let mut gone = gone.into_iter();
    states.retain(|_| !gone.next().unwrap_or(false));
    states.drain(..states.len().saturating_sub(MAX_STATES));
}

fn discontinuity(timeline: &Timeline, init: &InitFacts) -> Option<u64> {
    let newest = timeline.segments.iter().rfind(|s| s.map.as_ref() == Some(&init.map));
    newest.map(|s| s.discontinuity_sequence)
}
