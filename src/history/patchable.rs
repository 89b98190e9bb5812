//! MPDs whose patches later probes may request.

use crate::facts::{OutputFacts, PatchableMpd};
use std::sync::Arc;

/// The newest MPD and the one before it: a second probe at the same time then requests the same patch.
const KEPT: usize = 2;

/// Adds this probe's MPD when it is newer than those known. Forgets MPDs of another presentation, and all of them when the
/// MPD has no PatchLocation any more.
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
