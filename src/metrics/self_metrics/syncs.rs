//! Metrics of the sources with which channels are synchronised. A source has metrics from its first synchronisation on.

use super::{SelfMetrics, gauge_value, unix};
use packager_media::units::Timestamp;
use prometheus::core::Collector;
use prometheus::{Error, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Values of the label `result` for Inspector LIVE programs that a synchronisation didn't write as channels, in the
/// order of [`SelfMetrics::synced`].
const LEFT: [&str; 3] = ["left_out", "left_alone", "missing"];
const CHANGES: [&str; 3] = ["created", "changed", "disabled"];

#[derive(Debug, Clone)]
pub(super) struct SyncMetrics {
    successful: IntGaugeVec,
    succeeded_at: GaugeVec,
    programs: IntGaugeVec,
    held: IntGaugeVec,
    changes: IntCounterVec,
}

impl SyncMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let source = ["source"].as_slice();
        let successful = Opts::new(
            "packager_exporter_sync_successful",
            "1 if the last synchronisation of this source succeeded, 0 otherwise.",
        );
        let at = Opts::new(
            "packager_exporter_sync_success_timestamp_seconds",
            "Time at which this source was last synchronised successfully, in seconds since 1970-01-01 UTC.",
        );
        let programs = Opts::new(
            "packager_exporter_sync_programs",
            "Number of programs at the last successful synchronisation by result: taken, left_out (the program can't \
             be used), left_alone (the channel wasn't created by this source) and missing (the program is gone, but \
             its channel stays in force).",
        );
        let held = Opts::new(
            "packager_exporter_sync_held",
            "1 if missing channels were not disabled because they were too many at once or not certain to be gone, 0 \
             otherwise.",
        );
        let changes = Opts::new(
            "packager_exporter_sync_changes_total",
            "Number of channels that synchronisation wrote, by change: created, changed and disabled.",
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

impl SelfMetrics {
    /// Records a successful synchronisation. `left` has three numbers: programs that were left out (unusable), programs
    /// that were left alone (their channels belong to another synchronisation or to a person), and channels that the
    /// server no longer lists.
    pub fn synced(&self, source: &str, taken: usize, left: [usize; 3], held: bool, at: Timestamp) {
        let syncs = &self.syncs;
        syncs.successful.with_label_values(&[source]).set(1);
        syncs.succeeded_at.with_label_values(&[source]).set(unix(at));
        syncs.held.with_label_values(&[source]).set(i64::from(held));
        for (result, programs) in LEFT.into_iter().zip(left).chain([("taken", taken)]) {
            syncs.programs.with_label_values(&[source, result]).set(gauge_value(programs));
        }
    }

    /// Counts the channels that a synchronisation wrote.
    pub fn sync_wrote(&self, source: &str, created: usize, changed: usize, disabled: usize) {
        for (change, channels) in CHANGES.into_iter().zip([created, changed, disabled]) {
            self.syncs.changes.with_label_values(&[source, change]).inc_by(channels as u64);
        }
    }

    /// Records a failed synchronisation. Its other metrics keep their values.
    pub fn sync_failed(&self, source: &str) {
        self.syncs.successful.with_label_values(&[source]).set(0);
    }

    /// Removes the metrics of a synchronisation that is no longer configured. `source` is its name, such as
    /// `inspector_live/NAME`.
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
