//! Metrics of the decoding of picture and sound.

use super::SelfMetrics;
use crate::probe::DecodeTotals;
use prometheus::{Counter, Error, IntCounterVec, IntGaugeVec, Opts, Registry};

#[derive(Debug, Clone)]
pub(super) struct DecodeMetrics {
    /// Without labels; its one child is made when ffmpeg was looked for.
    up: IntGaugeVec,
    decodes: IntCounterVec,
    cpu: Counter,
}

impl DecodeMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let up = Opts::new(
            "packager_exporter_decoder_up",
            "1 if ffmpeg was found and decodes picture and sound, 0 if it wasn't found or doesn't start; it is looked for again \
             every minute. Absent until a probe's template asks for decoding, and when no channel's template does any more.",
        );
        let up = IntGaugeVec::new(up, &[])?;
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
        registry.register(Box::new(up.clone()))?;
        registry.register(Box::new(decodes.clone()))?;
        registry.register(Box::new(cpu.clone()))?;
        Ok(Self { up, decodes, cpu })
    }
}

impl SelfMetrics {
    /// Records whether there is a decoder, and the numbers of decodes since the start.
    pub fn decodes(&self, totals: &DecodeTotals) {
        let DecodeMetrics { up, decodes, cpu } = &self.decodes;
        match totals.is_usable {
            Some(is_usable) => up.with_label_values::<&str>(&[]).set(i64::from(is_usable)),
            None => up.reset(),
        }
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
