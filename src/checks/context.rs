//! Input of the checks: facts, history, thresholds and expectations of one output.

use crate::expectations::{Expectations, Thresholds};
use crate::facts::{OutputFacts, RenditionFacts};
use crate::history::{OutputHistory, RenditionHistory};
use packager_media::units::{Seconds, Timestamp};
use std::sync::LazyLock;

/// Whole input of a check: what the probe captured of one output of a channel, with its history, thresholds and
/// expectations.
#[derive(Debug, Clone, Copy)]
pub struct CheckContext<'a> {
    /// Time of the probe by the exporter's clock.
    pub now: Timestamp,
    pub expected: &'a Expectations,
    pub thresholds: &'a Thresholds,
    /// Facts of the output that the check judges.
    pub output: &'a OutputFacts,
    /// Facts of all outputs of the channel that were probed, including the output that the check judges.
    pub outputs: &'a [OutputFacts],
    /// History of the output that the check judges.
    pub past: &'a OutputHistory,
    /// Time for which a check reports an event after it was first seen.
    pub hold: Seconds,
}

impl<'a> CheckContext<'a> {
    /// Returns the facts of the channel's other outputs.
    pub fn others(&self) -> impl Iterator<Item = &'a OutputFacts> + use<'a> {
        let own = &self.output.name;
        self.outputs.iter().filter(move |o| o.name != *own)
    }

    /// Returns each rendition of the judged output with its history, which is empty for a rendition that was never seen
    /// before.
    pub fn renditions(&self) -> impl Iterator<Item = (&'a RenditionFacts, &'a RenditionHistory)> + use<'a> {
        static NO_HISTORY: LazyLock<RenditionHistory> = LazyLock::new(RenditionHistory::default);
        let past = self.past;
        self.output.renditions.iter().map(move |r| (r, past.renditions.get(&r.rendition.name).unwrap_or(&NO_HISTORY)))
    }
}
