use super::Fetched;
use packager_media::container::Inspection;
use packager_media::stream::{Part, PreloadHint, Timeline};
use std::sync::Arc;

/// What was asked of a rendition as its low-latency players do (RFC 8216bis 6.2.5, 6.2.6), each once. `None` where the
/// playlist doesn't offer it or the probe's time was up.
#[derive(Debug, Clone, Default)]
pub struct LowLatencyFacts {
    /// Something was left out for time.
    pub cut_short: bool,
    pub reload: Option<ReloadFacts>,
    pub hint: Option<HintFacts>,
    /// The newest listed parts, oldest first.
    pub parts: Vec<PartFacts>,
    pub delta: Option<DeltaFacts>,
}

impl LowLatencyFacts {
    pub(super) fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        let reload = self.reload.iter().map(|r| &r.fetched);
        let media = self.hint.iter().map(|h| &h.fetched).chain(self.parts.iter().map(|p| &p.fetched));
        reload.chain(media).chain(self.delta.iter().map(|d| &d.fetched))
    }
}

/// A blocking reload for the part after the newest listed one.
#[derive(Debug, Clone)]
pub struct ReloadFacts {
    /// `_HLS_msn` and `_HLS_part`.
    pub segment: u64,
    pub part: u64,
    pub fetched: Fetched,
    pub timeline: Option<Arc<Timeline>>,
}

#[derive(Debug, Clone)]
pub struct HintFacts {
    pub hint: PreloadHint,
    pub fetched: Fetched,
}

#[derive(Debug, Clone)]
pub struct PartFacts {
    /// As the playlist declared it.
    pub part: Part,
    pub fetched: Fetched,
    /// `None` where it didn't arrive, or is encrypted as a whole and not to be opened.
    pub inspection: Option<Inspection>,
}

/// The answer to `_HLS_skip=YES`.
#[derive(Debug, Clone)]
pub struct DeltaFacts {
    pub fetched: Fetched,
    pub timeline: Option<Arc<Timeline>>,
}
