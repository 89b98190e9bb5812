//! Metrics of the decoding of picture and sound.

use super::SelfMetrics;
use crate::probe::DecodeTotals;
use prometheus::{Counter, Error, IntCounterVec, Opts, Registry};

#[derive(Debug, Clone)]
pub(super) struct DecodeMetrics {
    decodes: IntCounterVec,
    cpu: Counter,
}

impl DecodeMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let decodes = Opts::new(
            "packager_exporter_signal_decodes_total",
            "Number of decodes of picture and sound by result: done, failed, and no_turn (other decodes took the time of the \
             probe).",
        );
        let decodes = IntCounterVec::new(decodes, &["result"])?;
        let cpu = Counter::new(
            "packager_exporter_signal_decode_cpu_seconds_total",
            "Processor time in seconds that decoding picture and sound took, in ffmpeg and in the exporter.",
        )?;
        registry.register(Box::new(decodes.clone()))?;
        registry.register(Box::new(cpu.clone()))?;
        Ok(Self { decodes, cpu })
    }
}

impl SelfMetrics {
    /// Records the numbers of decodes since the start.
    pub fn decodes(&self, totals: &DecodeTotals) {
        let DecodeMetrics { decodes, cpu } = &self.decodes;
        for (result, total) in [("done", totals.done), ("failed", totals.failed), ("no_turn", totals.without_turn)] {
            let counter = decodes.with_label_values(&[result]);
            counter.inc_by(total.saturating_sub(counter.get()));
        }
        let more = totals.cpu.0 - cpu.get();
        if more > 0.0 {
            cpu.inc_by(more);
        }
    }
}
