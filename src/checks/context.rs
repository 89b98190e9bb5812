//! What a check may look at.

use crate::expectations::{Expectations, Thresholds};
use crate::facts::{OutputFacts, RenditionFacts};
use crate::history::{OutputHistory, RenditionHistory};
use packager_media::units::{Seconds, Timestamp};
use std::sync::LazyLock;

/// The whole input of a check: one output of one channel, with its history, thresholds and expectations.
#[derive(Debug, Clone, Copy)]
pub struct CheckContext<'a> {
    /// Time of the probe by the exporter's clock.
    pub now: Timestamp,
    pub expected: &'a Expectations,
    pub thresholds: &'a Thresholds,
    /// The output to judge.
    pub output: &'a OutputFacts,
    /// Every output of the probe, `output` among them.
    pub outputs: &'a [OutputFacts],
    /// History of `output`.
    pub past: &'a OutputHistory,
    /// Time for which a check reports an event after it was first seen.
    pub hold: Seconds,
}

impl<'a> CheckContext<'a> {
    /// The channel's other outputs, by name.
    pub fn others(&self) -> impl Iterator<Item = &'a OutputFacts> + use<'a> {
        let own = &self.output.name;
        self.outputs.iter().filter(move |o| o.name != *own)
    }

    /// Each rendition of the output with its history, which is empty for a rendition that was never seen before.
    pub fn renditions(&self) -> impl Iterator<Item = (&'a RenditionFacts, &'a RenditionHistory)> + use<'a> {
        static NO_HISTORY: LazyLock<RenditionHistory> = LazyLock::new(RenditionHistory::default);
        let past = self.past;
        self.output.renditions.iter().map(move |r| (r, past.renditions.get(&r.rendition.name).unwrap_or(&NO_HISTORY)))
    }
}
