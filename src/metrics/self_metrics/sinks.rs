//! Metrics of the exports to other systems: lines for InfluxDB and alerts for Zabbix.

use super::SelfMetrics;
use prometheus::{Error, IntCounterVec, IntGauge, Opts, Registry};

/// Metrics of the exports to InfluxDB and Zabbix.
#[derive(Debug, Clone)]
pub(super) struct SinkMetrics {
    influxdb_lines: IntCounterVec,
    zabbix_alerts: IntCounterVec,
    /// Whether Zabbix answered the last request. The gauge is absent until the first request to Zabbix.
    zabbix_up: IntGauge,
}

impl SinkMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let lines = Opts::new(
            "packager_exporter_influxdb_lines_total",
            "Number of lines for InfluxDB by result: written, dropped (InfluxDB was unreachable for too long or is \
             too slow) and refused.",
        );
        let alerts = Opts::new(
            "packager_exporter_zabbix_alerts_total",
            "Number of alert states for Zabbix by result: placed (stored by Zabbix) and given_up (Zabbix has no item \
             for the alert).",
        );
        Ok(Self {
            influxdb_lines: counted(registry, lines, &["written", "dropped", "refused"])?,
            zabbix_alerts: counted(registry, alerts, &["placed", "given_up"])?,
            zabbix_up: IntGauge::new(
                "packager_exporter_zabbix_up",
                "1 if Zabbix answered the last request, 0 while it is unreachable. Absent before the first request.",
            )?,
        })
    }
}

/// Makes a counter with the label `result`. The series of every result exists from the start, so that `rate()` sees the
/// first increase.
fn counted(registry: &Registry, opts: Opts, results: &[&str]) -> Result<IntCounterVec, Error> {
    let counter = IntCounterVec::new(opts, &["result"])?;
    for result in results {
        counter.with_label_values(&[result]);
    }
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

impl SelfMetrics {
    /// Counts lines for InfluxDB by their result: written, dropped or refused.
    pub fn influxdb_lines(&self, fate: &str, lines: u64) {
        self.sinks.influxdb_lines.with_label_values(&[fate]).inc_by(lines);
    }

    /// Counts alert states for Zabbix by their result: placed or given_up.
    pub fn zabbix_alerts(&self, result: &str, alerts: u64) {
        self.sinks.zabbix_alerts.with_label_values(&[result]).inc_by(alerts);
    }

    /// Forgets whether Zabbix answered, because there is none any more.
    pub fn zabbix_off(&self) {
        // An error means that it was never asked.
        let _ = self.registry.unregister(Box::new(self.sinks.zabbix_up.clone()));
    }

    /// Records whether Zabbix answered the last request.
    pub fn zabbix_reached(&self, reached: bool) {
        // An error means that the gauge is already registered.
        let _ = self.registry.register(Box::new(self.sinks.zabbix_up.clone()));
        self.sinks.zabbix_up.set(i64::from(reached));
    }
}
