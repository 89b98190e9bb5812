//! Facts about the low-latency delivery of an HLS rendition.

use super::Fetched;
use packager_media::container::Inspection;
use packager_media::stream::{Part, PreloadHint, Timeline};
use std::sync::Arc;

/// Answers to the requests that low-latency players make (RFC 8216bis 6.2.5, 6.2.6), one for each kind of request.
/// `None` if the playlist doesn't offer it, or the probe ran out of time.
#[derive(Debug, Clone, Default)]
pub struct LowLatencyFacts {
    /// Whether the probe ran out of time before all requests were made.
    pub cut_short: bool,
    pub reload: Option<BlockingReloadFacts>,
    pub hint: Option<PreloadHintFacts>,
    /// The newest listed parts that were requested, oldest first.
    pub parts: Vec<PartFacts>,
    pub delta: Option<DeltaUpdateFacts>,
}

impl LowLatencyFacts {
    pub(super) fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        let reload = self.reload.iter().map(|r| &r.fetched);
        let media = self.hint.iter().map(|h| &h.fetched).chain(self.parts.iter().map(|p| &p.fetched));
        reload.chain(media).chain(self.delta.iter().map(|d| &d.fetched))
    }
}

/// Answer to a blocking playlist reload that asks for the part after the newest listed one.
#[derive(Debug, Clone)]
pub struct BlockingReloadFacts {
    /// Media sequence number that was requested (`_HLS_msn`).
    pub segment: u64,
    /// Part index that was requested (`_HLS_part`).
    pub part: u64,
    pub fetched: Fetched,
    pub timeline: Option<Arc<Timeline>>,
}

/// Answer to a request for a preload hint.
#[derive(Debug, Clone)]
pub struct PreloadHintFacts {
    pub hint: PreloadHint,
    pub fetched: Fetched,
}

/// One downloaded partial segment: how it was listed and fetched, and what it contains.
#[derive(Debug, Clone)]
pub struct PartFacts {
    /// The part as the playlist lists it.
    pub part: Part,
    pub fetched: Fetched,
    /// Contents of the part; `None` if the part didn't arrive or can't be decrypted.
    pub inspection: Option<Inspection>,
}

/// Answer to a request for a delta update (`_HLS_skip=YES`).
#[derive(Debug, Clone)]
pub struct DeltaUpdateFacts {
    pub fetched: Fetched,
    pub timeline: Option<Arc<Timeline>>,
}
