//! What became of what is told to others: lines for InfluxDB, alerts for Zabbix.

use super::Own;
use prometheus::{Error, IntCounterVec, IntGauge, Opts, Registry};

#[derive(Debug, Clone)]
pub(super) struct Sinks {
    influxdb_lines: IntCounterVec,
    zabbix_alerts: IntCounterVec,
    /// In the registry as soon as Zabbix was asked.
    zabbix_up: IntGauge,
}

impl Sinks {
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        let lines = Opts::new(
            "packager_exporter_influxdb_lines_total",
            "Lines for InfluxDB by what became of them: written, dropped (InfluxDB away too long or too slow), refused.",
        );
        let alerts = Opts::new(
            "packager_exporter_zabbix_alerts_total",
            "States of alerts for Zabbix by what became of them: placed, given_up (Zabbix has no item for it).",
        );
        Ok(Self {
            influxdb_lines: counted(registry, lines, &["written", "dropped", "refused"])?,
            zabbix_alerts: counted(registry, alerts, &["placed", "given_up"])?,
            zabbix_up: IntGauge::new(
                "packager_exporter_zabbix_up",
                "1 when Zabbix took the last request, 0 while it is away; absent before the first.",
            )?,
        })
    }
}

/// Every result is there from the start, so that `rate()` sees the first.
fn counted(registry: &Registry, opts: Opts, results: &[&str]) -> Result<IntCounterVec, Error> {
    let counter = IntCounterVec::new(opts, &["result"])?;
    for result in results {
        counter.with_label_values(&[result]);
    }
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

impl Own {
    /// Lines for InfluxDB, by what became of them.
    pub fn influxdb_lines(&self, fate: &str, lines: u64) {
        self.sinks.influxdb_lines.with_label_values(&[fate]).inc_by(lines);
    }

    /// States of alerts for Zabbix, by what became of them.
    pub fn zabbix_alerts(&self, result: &str, alerts: u64) {
        self.sinks.zabbix_alerts.with_label_values(&[result]).inc_by(alerts);
    }

    /// Whether Zabbix took the last request.
    pub fn zabbix_reached(&self, reached: bool) {
        // It is there from the second time on.
        let _ = self.registry.register(Box::new(self.sinks.zabbix_up.clone()));
        self.sinks.zabbix_up.set(i64::from(reached));
    }
}
