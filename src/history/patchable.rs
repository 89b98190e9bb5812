//! History of the MPDs whose patches later probes may request.

use crate::facts::{OutputFacts, PatchableMpd};
use std::sync::Arc;

/// Number of MPDs that are kept: the newest one and the one before it, so that a second probe at the same time requests
/// the same patch.
const KEPT: usize = 2;

/// Adds the MPD of this probe if it is newer than the known ones. Forgets MPDs of another presentation, and all of them
/// if the MPD has no PatchLocation any more.
pub(super) fn record(known: &mut Vec<Arc<PatchableMpd>>, facts: &OutputFacts) {
    let Some(dash) = facts.dash() else { return };
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
