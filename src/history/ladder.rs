use super::Keep;
use crate::facts::OutputFacts;
use packager_media::stream::Rendition;
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a manifest listed, and since when it listed just that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLadder {
    pub first_seen: Timestamp,
    /// How many renditions there are of each kind (`video 1920x1080`, `audio en`). Bit rates don't tell kinds apart:
    /// some packagers measure and rewrite them.
    pub rungs: BTreeMap<String, usize>,
}

const MAX_LADDERS: usize = 64;

/// Adds the ladder of this probe where it is news, and forgets what is past `hold`.
pub(super) fn record(ladders: &mut Vec<Arc<SeenLadder>>, facts: &OutputFacts, now: Timestamp, keep: Keep) {
    if facts.parsed && !facts.direct && ladders.last().is_none_or(|last| last.first_seen <= now) {
        let rungs = rungs(facts);
        if ladders.last().is_none_or(|last| last.rungs != rungs) {
            ladders.push(Arc::new(SeenLadder { first_seen: now, rungs }));
        }
    }
    let horizon = Seconds(-keep.hold.0).after(now);
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
        kind.push_str(&format!(" {language}"));
    }
    kind
}
