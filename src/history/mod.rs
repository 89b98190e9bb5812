//! The only state across scrapes: a bounded, timestamped memory of each (channel, output).
//!
//! It compares by time, never by scrape count: two Prometheus replicas, a person with `debug=true` and the
//! page all probe the same channel, and each must see the same verdict. So nothing is consumed by a probe:
//! observations and inspected segments stay for the template's `hold` time, and a check compares *every*
//! consecutive pair of observations in that time. A restart is thus reported for `hold`, then is the baseline.

mod ads;
mod inits;
mod inputs;
mod key_use;
mod ladder;
mod memory;
mod mpds;
mod observation;
mod patchable;

pub use ads::{AdPast, Inspected, OpenBreak};
pub use inits::SeenInit;
pub use inputs::SeenInputs;
pub use key_use::KeyUse;
pub use ladder::SeenLadder;
pub use memory::{History, Keep, Key, Known};
pub use mpds::{Listed, SeenMpd, SeenPeriod};
pub use observation::{MAX_REMEMBERED_SEGMENTS, Observation, Remembered, identity};

use crate::facts::{KeyFacts, SegmentFacts};
use packager_media::units::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// What happened to one output within `hold` before now, this probe's own observation included.
#[derive(Debug, Clone, Default)]
pub struct OutputPast {
    pub renditions: HashMap<String, RenditionPast>,
    /// Distinct ladders, oldest first; the last is the newest known. As with observations, the first may be older
    /// than `hold`.
    pub ladders: Vec<Arc<SeenLadder>>,
    /// Distinct active inputs that the packager named, in the same way.
    pub inputs: Vec<Arc<SeenInputs>>,
    /// DASH: distinct states of the live MPD, in the same way.
    pub mpds: Vec<Arc<SeenMpd>>,
}

#[derive(Debug, Clone, Default)]
pub struct RenditionPast {
    /// Distinct observations, oldest first; the last is the newest known.
    /// The first may be older than `hold`: the baseline that the next is compared with.
    pub observations: Vec<Arc<Observation>>,
    /// Segments inspected within `hold`, this probe's included, in order of inspection; and always the newest
    /// listed one, if it was ever inspected.
    pub segments: Vec<Arc<SegmentFacts>>,
    /// Keys asked for within `hold`, the newest answer of each URI.
    pub keys: Vec<Arc<KeyFacts>>,
    /// When the live edge was first seen where it is now: it has stood still at least since then.
    /// `None` before the first observation; on the very first probe it is that probe's time.
    pub edge_since: Option<Timestamp>,
    pub ads: AdPast,
    /// Contents of initialization segments, each with what it was before within `hold`; in the order in which they appeared.
    pub inits: Vec<SeenInit>,
    /// `None` while segments are clear.
    pub key_use: Option<KeyUse>,
}
