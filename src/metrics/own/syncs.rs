//! How it stands with the sources that channels are synchronised from. A source is there from its first synchronisation on.

use super::{Own, unix, whole};
use packager_media::units::Timestamp;
use prometheus::core::Collector;
use prometheus::{Error, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// What becomes of a program that isn't taken, in the order of [`Own::synced`].
const LEFT: [&str; 3] = ["left_out", "left_alone", "missing"];
const CHANGES: [&str; 3] = ["created", "changed", "disabled"];

#[derive(Debug, Clone)]
pub(super) struct Syncs {
    successful: IntGaugeVec,
    succeeded_at: GaugeVec,
    programs: IntGaugeVec,
    held: IntGaugeVec,
    changes: IntCounterVec,
}

impl Syncs {
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        let source = ["source"].as_slice();
        let successful = Opts::new(
            "packager_exporter_sync_successful",
            "1 when the last synchronisation of this source succeeded, else 0.",
        );
        let at = Opts::new(
            "packager_exporter_sync_success_timestamp_seconds",
            "When this source was last synchronised with success, in seconds since 1970-01-01 UTC.",
        );
        let programs = Opts::new(
            "packager_exporter_sync_programs",
            "Programs at the last synchronisation with success: taken, left_out (can't be read), left_alone (a channel that \
             the source didn't bring), missing (no longer there, the channel stays in force).",
        );
        let held = Opts::new(
            "packager_exporter_sync_held",
            "1 when missing channels might be disabled and were too many at once, or not told for sure; else 0.",
        );
        let changes = Opts::new(
            "packager_exporter_sync_changes_total",
            "Channels written by synchronisation: created, changed, disabled.",
        );
        Ok(Self {
            successful: registered(registry, IntGaugeVec::new(successful, source)?)?,
            succeeded_at: registered(registry, GaugeVec::new(at, source)?)?,
            programs: registered(registry, IntGaugeVec::new(programs, &["source", "result"])?)?,
            held: registered(registry, IntGaugeVec::new(held, source)?)?,
            changes: registered(registry, IntCounterVec::new(changes, &["source", "change"])?)?,
        })
    }
}

fn registered<T: Collector + Clone + 'static>(registry: &Registry, collector: T) -> Result<T, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

impl Own {
    /// `left`: programs left out, left alone, missing.
    pub fn synced(&self, source: &str, taken: usize, left: [usize; 3], held: bool, at: Timestamp) {
        let syncs = &self.syncs;
        syncs.successful.with_label_values(&[source]).set(1);
        syncs.succeeded_at.with_label_values(&[source]).set(unix(at));
        syncs.held.with_label_values(&[source]).set(i64::from(held));
        for (result, programs) in LEFT.into_iter().zip(left).chain([("taken", taken)]) {
            syncs.programs.with_label_values(&[source, result]).set(whole(programs));
        }
    }

    pub fn sync_wrote(&self, source: &str, created: usize, changed: usize, disabled: usize) {
        for (change, channels) in CHANGES.into_iter().zip([created, changed, disabled]) {
            self.syncs.changes.with_label_values(&[source, change]).inc_by(channels as u64);
        }
    }

    /// Nothing was changed; what was measured before stays.
    pub fn sync_failed(&self, source: &str) {
        self.syncs.successful.with_label_values(&[source]).set(0);
    }

    /// It is no longer configured.
    pub fn sync_gone(&self, source: &str) {
        let syncs = &self.syncs;
        let _ = syncs.successful.remove_label_values(&[source]);
        let _ = syncs.succeeded_at.remove_label_values(&[source]);
        let _ = syncs.held.remove_label_values(&[source]);
        for result in LEFT.into_iter().chain(["taken"]) {
            let _ = syncs.programs.remove_label_values(&[source, result]);
        }
        for change in CHANGES {
            let _ = syncs.changes.remove_label_values(&[source, change]);
        }
    }
}
