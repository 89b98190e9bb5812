//! Metrics of the exporter itself on `/metrics`. They live as long as the process, unlike the gauges of a probe.

mod decodes;
mod sinks;
mod syncs;
mod thresholds;

use crate::probe::DecodeTotals;
use decodes::DecodeMetrics;
use packager_media::units::{Seconds, Timestamp};
use prometheus::proto::MetricFamily;
use prometheus::{Error, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use prometheus::{Registry, TextEncoder};
use sinks::SinkMetrics;
use syncs::SyncMetrics;
use thresholds::TemplateThresholds;

/// Result of a request for a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The probe ran and `probe_success` was 1.
    Success,
    /// The probe ran and `probe_success` was 0.
    Failure,
    /// Too many probes were in flight, or the exporter had no time for the probe.
    Refused,
    /// The channel or template is unknown, or a parameter is wrong.
    BadRequest,
}

impl ProbeResult {
    const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Refused, Self::BadRequest];

    /// Returns the value of the label `result` of the metric that counts probes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Refused => "refused",
            Self::BadRequest => "bad_request",
        }
    }

    fn ran(self) -> bool {
        matches!(self, Self::Success | Self::Failure)
    }
}

/// Buckets of the duration of a probe in seconds, from a probe whose answers came from a cache to the longest usual
/// scrape timeout.
const DURATION_BUCKETS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 10.0, 20.0, 30.0];

/// Metrics of the exporter itself. Clones share the values.
#[derive(Debug, Clone)]
pub struct SelfMetrics {
    registry: Registry,
    probes: IntCounterVec,
    auth_failures: IntCounterVec,
    in_flight: IntGauge,
    duration: Histogram,
    fetched_bytes: IntCounter,
    shared_probes: IntCounter,
    channels: IntGauge,
    templates: IntGauge,
    catalog_loaded: Gauge,
    reload_successful: IntGauge,
    reload_succeeded_at: Gauge,
    reload_held: IntGauge,
    history_outputs: IntGauge,
    decodes: DecodeMetrics,
    sinks: SinkMetrics,
    syncs: SyncMetrics,
    thresholds: TemplateThresholds,
    /// Gauges of the database: whether it is reachable, and the number of unreadable rows. They are registered at the
    /// first report of a state; without a database they are absent.
    database: [IntGauge; 2],
    /// Gauge of the number of exporters that share the channels. It is registered at the first report; without such exporters
    /// it is absent.
    sharing_exporters: IntGauge,
}

impl SelfMetrics {
    /// Makes all metrics of the exporter itself. An error means that two metrics have the same name; a test excludes
    /// this.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        build_info(&registry)?;
        process(&registry)?;
        let own = Self {
            probes: probes(&registry)?,
            auth_failures: auth_failures(&registry)?,
            in_flight: int_gauge(
                &registry,
                "packager_exporter_probes_in_flight",
                "Number of probes that are running.",
            )?,
            duration: duration(&registry)?,
            fetched_bytes: counter(
                &registry,
                "packager_exporter_fetched_bytes_total",
                "Number of decoded body bytes that probes have fetched.",
            )?,
            shared_probes: counter(
                &registry,
                "packager_exporter_shared_probes_total",
                "Number of probes that a capture answered which was already running.",
            )?,
            channels: int_gauge(
                &registry,
                "packager_exporter_catalog_channels",
                "Number of channels in the catalogue in force.",
            )?,
            templates: int_gauge(
                &registry,
                "packager_exporter_catalog_templates",
                "Number of templates in the catalogue in force.",
            )?,
            catalog_loaded: gauge(
                &registry,
                "packager_exporter_catalog_loaded_timestamp_seconds",
                "Time at which the catalogue in force was loaded, in seconds since 1970-01-01 UTC.",
            )?,
            reload_successful: int_gauge(
                &registry,
                "packager_exporter_config_last_reload_successful",
                "1 if the last attempt to load the configuration succeeded, 0 otherwise.",
            )?,
            reload_succeeded_at: gauge(
                &registry,
                "packager_exporter_config_last_reload_success_timestamp_seconds",
                "Time at which the configuration was last loaded successfully, in seconds since 1970-01-01 UTC.",
            )?,
            reload_held: int_gauge(
                &registry,
                "packager_exporter_config_reload_held",
                "1 if changed files would take away more channels than catalog.max_removed allows, so that the old \
                 configuration stays until an explicit reload, 0 otherwise.",
            )?,
            history_outputs: int_gauge(
                &registry,
                "packager_exporter_history_outputs",
                "Number of outputs in the history.",
            )?,
            decodes: DecodeMetrics::new(&registry)?,
            sinks: SinkMetrics::new(&registry)?,
            syncs: SyncMetrics::new(&registry)?,
            thresholds: TemplateThresholds::default(),
            database: [
                IntGauge::new(
                    "packager_exporter_database_up",
                    "1 if the catalogue follows the database, 0 while the database is unreachable. Absent without a \
                     database.",
                )?,
                IntGauge::new(
                    "packager_exporter_catalog_bad_rows",
                    "Number of rows in the database that can't be read and are not in force. Absent without a \
                     database.",
                )?,
            ],
            sharing_exporters: IntGauge::new(
                "packager_exporter_sharing_exporters",
                "Number of exporters that share the channels of the database, as this exporter last read it. Absent without \
                 --cluster.address.",
            )?,
            registry,
        };
        Ok(own)
    }

    /// Counts a probe as in flight until the returned guard is dropped.
    #[must_use]
    pub fn probe_begins(&self) -> InFlightGuard {
        self.in_flight.inc();
        InFlightGuard(self.in_flight.clone())
    }

    /// Counts a request for a probe by its result. `duration` is observed only if the probe ran.
    pub fn probe_finished(&self, result: ProbeResult, duration: Seconds) {
        self.probes.with_label_values(&[result.as_str()]).inc();
        if result.ran() {
            self.duration.observe(duration.0);
        }
    }

    /// Counts a failed login by its reason.
    pub fn auth_failed(&self, reason: &str) {
        self.auth_failures.with_label_values(&[reason]).inc();
    }

    /// Counts a probe whose answer came from the capture of another probe that was running.
    pub fn probe_shared(&self) {
        self.shared_probes.inc();
    }

    /// Counts the bytes of decoded HTTP bodies that a probe has fetched.
    pub fn fetched(&self, bytes: u64) {
        self.fetched_bytes.inc_by(bytes);
    }

    /// Records that a catalogue came into force, and its numbers of channels and templates.
    pub fn catalog_loaded(&self, channels: usize, templates: usize, at: Timestamp) {
        self.channels.set(gauge_value(channels));
        self.templates.set(gauge_value(templates));
        self.catalog_loaded.set(unix(at));
    }

    /// Records when a configuration last came into force, and whether the newest one did: if it was refused, the previous one stays.
    pub fn reloaded(&self, at: Timestamp, is_newest: bool) {
        self.reload_successful.set(i64::from(is_newest));
        self.reload_succeeded_at.set(unix(at));
    }

    /// Records the state of the database: whether it is reachable, and the number of rows that can't be read.
    pub fn database(&self, up: bool, bad_rows: usize) {
        let [is_up, rows] = &self.database;
        for gauge in &self.database {
            // An error means that the gauge is already registered.
            let _ = self.registry.register(Box::new(gauge.clone()));
        }
        is_up.set(i64::from(up));
        rows.set(gauge_value(bad_rows));
    }

    /// Records the number of exporters that share the channels of the database.
    pub fn sharing_exporters(&self, exporters: usize) {
        // An error means that the gauge is already registered.
        let _ = self.registry.register(Box::new(self.sharing_exporters.clone()));
        self.sharing_exporters.set(gauge_value(exporters));
    }

    /// Records whether a changed configuration file waits for an explicit reload.
    pub fn reload_held(&self, held: bool) {
        self.reload_held.set(held.into());
    }

    /// Records the base URLs of the links in alerts: the exporter's, and that of Grafana, which is empty if it is
    /// unknown.
    pub fn links(&self, external_url: &str, grafana_url: &str) {
        let opts = Opts::new(
            "packager_exporter_links_info",
            "Always 1. The labels are the URLs of this exporter and of Grafana, for the links in alerts.",
        );
        if let Ok(info) = IntGaugeVec::new(opts, &["external_url", "grafana_url"]) {
            info.with_label_values(&[external_url, grafana_url]).set(1);
            // An error means that the gauge is already registered.
            let _ = self.registry.register(Box::new(info));
        }
    }

    /// Records the number of outputs whose history is kept.
    pub fn history_outputs(&self, outputs: usize) {
        self.history_outputs.set(gauge_value(outputs));
    }

    /// Returns all metrics of the exporter itself in Prometheus' text exposition format 0.0.4.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.gather(), &mut out) {
            tracing::error!(%error, "the exporter's own metrics were cut short: please report this");
        }
        out
    }

    fn gather(&self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        families.extend(self.thresholds.family());
        families
    }

    /// Returns every metric that the exporter itself may have, for docs/metrics.md.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        self.template_thresholds([("", String::new(), 0.0)]);
        self.database(false, 0);
        self.sharing_exporters(0);
        self.links("", "");
        self.zabbix_reached(false);
        self.synced("", 0, [0; 3], false, Timestamp::UNIX_EPOCH);
        self.sync_wrote("", 0, 0, 0);
        self.decodes(&DecodeTotals { is_usable: Some(false), ..DecodeTotals::default() });
        self.gather()
    }
}

/// Guard that counts one probe as in flight until it is dropped.
#[derive(Debug)]
pub struct InFlightGuard(IntGauge);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn build_info(registry: &Registry) -> Result<(), Error> {
    let info = IntGaugeVec::new(
        Opts::new("packager_exporter_build_info", "Always 1. The labels are version and revision of this exporter."),
        &["version", "revision"],
    )?;
    let revision = option_env!("PACKAGER_EXPORTER_REVISION").unwrap_or_default();
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision]).set(1);
    registry.register(Box::new(info))
}

#[cfg(target_os = "linux")]
fn process(registry: &Registry) -> Result<(), Error> {
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
}

#[cfg(not(target_os = "linux"))]
fn process(_registry: &Registry) -> Result<(), Error> {
    Ok(())
}

/// Makes the counter of requests for probes. The series of every result exists from the start, so that `rate()` sees
/// the first failure.
fn probes(registry: &Registry) -> Result<IntCounterVec, Error> {
    let help = "Number of requests for a probe by result: success, failure, refused (too many probes in flight) \
         and bad_request.";
    let probes = IntCounterVec::new(Opts::new("packager_exporter_probes_total", help), &["result"])?;
    for result in ProbeResult::ALL {
        probes.with_label_values(&[result.as_str()]);
    }
    registry.register(Box::new(probes.clone()))?;
    Ok(probes)
}

/// Reasons of failed logins, the values of the label `reason`.
const AUTH_FAILURES: [&str; 4] = ["unknown_token", "expired_token", "wrong_password", "untrusted_proxy"];

/// Makes the counter of failed logins. The series of every reason exists from the start.
fn auth_failures(registry: &Registry) -> Result<IntCounterVec, Error> {
    let help = "Number of requests whose credentials were refused by reason: unknown_token, expired_token, \
         wrong_password and untrusted_proxy (a header with a user from an address that may not send it).";
    let failures = IntCounterVec::new(Opts::new("packager_exporter_auth_failures_total", help), &["reason"])?;
    for reason in AUTH_FAILURES {
        failures.with_label_values(&[reason]);
    }
    registry.register(Box::new(failures.clone()))?;
    Ok(failures)
}

fn duration(registry: &Registry) -> Result<Histogram, Error> {
    let help = "Duration in seconds of the probes that ran.";
    let opts = HistogramOpts::new("packager_exporter_probe_duration_seconds", help).buckets(DURATION_BUCKETS.to_vec());
    let duration = Histogram::with_opts(opts)?;
    registry.register(Box::new(duration.clone()))?;
    Ok(duration)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn int_gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<Gauge, Error> {
    let gauge = Gauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn gauge_value(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unix(at: Timestamp) -> f64 {
    at.as_second() as f64
}
