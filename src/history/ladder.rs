//! History of an output's ladder over several probes.

use super::Retention;
use crate::facts::OutputFacts;
use packager_media::stream::Rendition;
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of renditions that a manifest lists, with their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderState {
    /// Time of the first probe with this ladder.
    pub first_seen: Timestamp,
    /// Number of renditions of each kind (`video 1920x1080`, `audio en`). Bit rates don't belong to a kind, because
    /// some packagers measure and rewrite them.
    pub rungs: BTreeMap<String, usize>,
}

const MAX_LADDERS: usize = 64;

/// Adds the ladder of this probe if it differs from the newest one, and forgets ladders older than the template's
/// `hold`.
pub(super) fn record(ladders: &mut Vec<Arc<LadderState>>, facts: &OutputFacts, now: Timestamp, retention: Retention) {
    if facts.is_readable() && !facts.is_media_playlist() && ladders.last().is_none_or(|last| last.first_seen <= now) {
        let rungs = rungs(facts);
        if ladders.last().is_none_or(|last| last.rungs != rungs) {
            ladders.push(Arc::new(LadderState { first_seen: now, rungs }));
        }
    }
    let horizon = Seconds(-retention.hold.0).after(now);
    let stale = ladders.iter().skip(1).take_while(|l| l.first_seen < horizon).count();
    ladders.drain(..stale.max(ladders.len().saturating_sub(MAX_LADDERS)));
}

fn rungs(facts: &OutputFacts) -> BTreeMap<String, usize> {
    let mut rungs = BTreeMap::new();
    for facts in &facts.renditions {
        *rungs.entry(kind(&facts.rendition)).or_insert(0) += 1;
    }
    rungs
}

fn kind(rendition: &Rendition) -> String {
    let mut kind = rendition.media.as_str().to_owned();
    if let Some(resolution) = rendition.resolution {
        kind.push_str(&format!(" {resolution}"));
    }
    if let Some(language) = &rendition.language {
        // Tags differ in case only by habit (RFC 5646 2.1.1).
        kind.push_str(&format!(" {}", language.to_ascii_lowercase()));
    }
    kind
}
