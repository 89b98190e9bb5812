use crate::facts::{OutputFacts, Patchable};
use std::sync::Arc;

/// The newest and the one before: whoever asks again at the same time asks for the same patch.
const KEPT: usize = 2;

/// Keeps this probe's MPD where it is news, and forgets those of another presentation, or all once patches are over.
pub(super) fn record(known: &mut Vec<Arc<Patchable>>, facts: &OutputFacts) {
    let Some(dash) = &facts.dash else { return };
    let Some(newest) = &dash.patchable else {
        known.clear();
        return;
    };
    known.retain(|k| k.id == newest.id);
    match known.last() {
        // One published before came late, or from another origin.
        Some(last) if last.publish_time >= newest.publish_time => {}
        _ => known.push(newest.clone()),
    }
    known.drain(..known.len().saturating_sub(KEPT));
}
