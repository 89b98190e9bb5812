//! History of the contents of initialization segments over several probes.

use crate::facts::{InitFacts, RenditionFacts};
use packager_media::stream::{ByteRange, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

/// A content of an initialization segment, and the time in which its URI answered with this content.
#[derive(Debug, Clone)]
pub struct InitState {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub facts: Arc<InitFacts>,
    /// Discontinuity sequence number of the newest listed segment that uses the initialization segment.
    pub discontinuity_sequence: u64,
    place: InitLocation,
}

/// Identity of an initialization segment's URI, and its byte range.
type InitLocation = (u64, Option<ByteRange>);

/// Largest number of contents that are remembered, for packagers that give each initialization segment a new name.
const MAX_STATES: usize = 16;

impl InitState {
    /// Returns whether both initialization segments have the same URI and byte range.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// Returns whether both initialization segments have the same bytes, whatever their URIs.
    #[must_use]
    pub fn same_content(&self, other: &InitFacts) -> bool {
        self.facts.digest == other.digest
    }

    #[cfg(test)]
    pub fn of(facts: InitFacts, first_seen: Timestamp, last_seen: Timestamp, discontinuity_sequence: u64) -> Self {
        let place = (super::uri_names::uri_identity(&facts.map.uri, false), facts.map.byte_range);
        Self { first_seen, last_seen, facts: Arc::new(facts), discontinuity_sequence, place }
    }
}

/// Adds the initialization segments that this probe found; `identity` returns the identity of a URI. An initialization
/// segment is forgotten if another one replaced it more than the template's `hold` ago. The current one stays, to be
/// compared with the next.
pub(super) fn record(
    states: &mut Vec<InitState>,
    facts: &RenditionFacts,
    now: Timestamp,
    hold: Seconds,
    identity: impl Fn(&Url) -> u64,
) {
    let Some(timeline) = &facts.timeline else { return };
    for init in facts.inits.iter().filter(|i| i.digest.is_some()) {
        let place = (identity(&init.map.uri), init.map.byte_range);
        let discontinuity_sequence = discontinuity(timeline, init);
        match states.iter_mut().rfind(|s| s.place == place) {
            // A slow probe that began earlier is no news.
            Some(known) if known.last_seen > now => {}
            Some(known) if known.same_content(init) => {
                known.last_seen = now;
                known.discontinuity_sequence = discontinuity_sequence.unwrap_or(known.discontinuity_sequence);
            }
            _ => states.push(InitState {
                first_seen: now,
                last_seen: now,
                facts: init.clone(),
                discontinuity_sequence: discontinuity_sequence.unwrap_or_default(),
                place,
            }),
        }
    }
    let horizon = Seconds(-hold.0).after(now);
    let replaced = |(at, state): (usize, &InitState)| {
        states.iter().skip(at + 1).find(|later| later.place == state.place).is_some_and(|l| l.first_seen < horizon)
    };
    let gone: Vec<bool> = states.iter().enumerate().map(replaced).collect();
    let mut gone = gone.into_iter();
    states.retain(|_| !gone.next().unwrap_or(false));
    states.drain(..states.len().saturating_sub(MAX_STATES));
}

fn discontinuity(timeline: &Timeline, init: &InitFacts) -> Option<u64> {
    let newest = timeline.segments.iter().rfind(|s| s.map.as_deref() == Some(&init.map));
    newest.map(|s| s.discontinuity_sequence)
}
