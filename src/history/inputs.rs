//! History of the packager's active inputs over several probes.

use crate::facts::{Exchange, Fetched, OutputFacts};
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The set of active inputs that a packager named in the answers of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputState {
    /// Time of the first probe with this set of active inputs.
    pub first_seen: Timestamp,
    /// Names of the active inputs. There is one, except during a switch and when two origins answer.
    pub inputs: BTreeSet<String>,
}

/// Largest number of active inputs that are remembered of one probe, against hostile origins: a name may have up to 256
/// characters.
const MAX_INPUTS: usize = 8;
const MAX_STATES: usize = 16;

/// Adds the active inputs in this probe's answers if they differ from the newest state, and forgets states older than
/// the template's `hold`.
pub(super) fn record(states: &mut Vec<Arc<InputState>>, facts: &OutputFacts, now: Timestamp, hold: Seconds) {
    let inputs = inputs(facts);
    let in_time = states.last().is_none_or(|last| last.first_seen <= now);
    if in_time && !inputs.is_empty() && states.last().is_none_or(|last| last.inputs != inputs) {
        states.push(Arc::new(InputState { first_seen: now, inputs }));
    }
    let horizon = Seconds(-hold.0).after(now);
    let stale = states.iter().skip(1).take_while(|s| s.first_seen < horizon).count();
    states.drain(..stale.max(states.len().saturating_sub(MAX_STATES)));
}

fn inputs(facts: &OutputFacts) -> BTreeSet<String> {
    let playlists = facts.renditions.iter().filter_map(|r| r.playlist.as_ref());
    let answers = std::iter::once(&facts.manifest).chain(playlists).filter_map(Fetched::ok);
    let mut inputs = BTreeSet::new();
    for input in answers.filter_map(Exchange::active_input) {
        if inputs.len() < MAX_INPUTS && !inputs.contains(input) {
            inputs.insert(input.to_owned());
        }
    }
    inputs
}
