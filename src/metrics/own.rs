//! What `/metrics` says of the exporter itself. Unlike a probe's gauges these live as long as the process.

mod sinks;
mod syncs;

use packager_media::units::{Seconds, Timestamp};
use prometheus::{Error, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use prometheus::{Registry, TextEncoder};
use sinks::Sinks;
use syncs::Syncs;

/// How a request for a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The probe ran, `probe_success` 1.
    Success,
    /// The probe ran, `probe_success` 0.
    Failure,
    /// Too many probes were in flight.
    Refused,
    /// Unknown channel or template, or a bad parameter.
    BadRequest,
}

impl ProbeResult {
    const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Refused, Self::BadRequest];

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

/// A probe's way is dominated by the stream: from an answer out of the cache to the longest usual scrape timeout.
const DURATION_BUCKETS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 10.0, 20.0, 30.0];

/// The exporter's own metrics; cheap to clone.
#[derive(Debug, Clone)]
pub struct Own {
    registry: Registry,
    probes: IntCounterVec,
    in_flight: IntGauge,
    duration: Histogram,
    fetched_bytes: IntCounter,
    shared_probes: IntCounter,
    channels: IntGauge,
    templates: IntGauge,
    catalog_loaded: Gauge,
    reload_successful: IntGauge,
    reload_succeeded_at: Gauge,
    history_outputs: IntGauge,
    sinks: Sinks,
    syncs: Syncs,
    /// In the registry as soon as there is a database.
    database: [IntGauge; 2],
}

impl Own {
    /// Fails only where two metrics have one name, which the tests rule out.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        build_info(&registry)?;
        process(&registry)?;
        let own = Self {
            probes: probes(&registry)?,
            in_flight: int_gauge(&registry, "packager_exporter_probes_in_flight", "Probes under way.")?,
            duration: duration(&registry)?,
            fetched_bytes: counter(
                &registry,
                "packager_exporter_fetched_bytes_total",
                "Body bytes fetched by probes, content encoding undone.",
            )?,
            shared_probes: counter(
                &registry,
                "packager_exporter_shared_probes_total",
                "Probes answered by a capture that was already under way.",
            )?,
            channels: int_gauge(&registry, "packager_exporter_catalog_channels", "Channels in the catalogue.")?,
            templates: int_gauge(&registry, "packager_exporter_catalog_templates", "Templates in the catalogue.")?,
            catalog_loaded: gauge(
                &registry,
                "packager_exporter_catalog_loaded_timestamp_seconds",
                "When the catalogue in force was loaded, in seconds since 1970-01-01 UTC.",
            )?,
            reload_successful: int_gauge(
                &registry,
                "packager_exporter_config_last_reload_successful",
                "1 when the last attempt to load the configuration succeeded, else 0.",
            )?,
            reload_succeeded_at: gauge(
                &registry,
                "packager_exporter_config_last_reload_success_timestamp_seconds",
                "When the configuration was last loaded with success, in seconds since 1970-01-01 UTC.",
            )?,
            history_outputs: int_gauge(
                &registry,
                "packager_exporter_history_outputs",
                "Outputs whose earlier observations are remembered.",
            )?,
            sinks: Sinks::new(&registry)?,
            syncs: Syncs::new(&registry)?,
            database: [
                IntGauge::new(
                    "packager_exporter_database_up",
                    "1 when the catalogue follows the database, 0 while that is away; absent without a database.",
                )?,
                IntGauge::new(
                    "packager_exporter_catalog_bad_rows",
                    "Rows of the database that can't be read and are not in force; absent without a database.",
                )?,
            ],
            registry,
        };
        Ok(own)
    }

    /// Counted as in flight until the answer is dropped.
    #[must_use]
    pub fn probe_begins(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// `duration` goes into the histogram only where the probe ran.
    pub fn probe_finished(&self, result: ProbeResult, duration: Seconds) {
        self.probes.with_label_values(&[result.as_str()]).inc();
        if result.ran() {
            self.duration.observe(duration.0);
        }
    }

    /// The probe was answered by a capture already under way.
    pub fn probe_shared(&self) {
        self.shared_probes.inc();
    }

    pub fn fetched(&self, bytes: u64) {
        self.fetched_bytes.inc_by(bytes);
    }

    /// A catalogue came into force.
    pub fn catalog_loaded(&self, channels: usize, templates: usize, at: Timestamp) {
        self.channels.set(whole(channels));
        self.templates.set(whole(templates));
        self.catalog_loaded.set(unix(at));
    }

    /// The configuration came into force.
    pub fn reload_succeeded(&self, at: Timestamp) {
        self.reload_successful.set(1);
        self.reload_succeeded_at.set(unix(at));
    }

    /// The configuration was refused; the one before stays.
    pub fn reload_failed(&self) {
        self.reload_successful.set(0);
    }

    /// How it stands with the database.
    pub fn database(&self, up: bool, bad_rows: usize) {
        let [is_up, rows] = &self.database;
        for gauge in &self.database {
            // It is there from the second time on.
            let _ = self.registry.register(Box::new(gauge.clone()));
        }
        is_up.set(i64::from(up));
        rows.set(whole(bad_rows));
    }

    pub fn history_outputs(&self, outputs: usize) {
        self.history_outputs.set(whole(outputs));
    }

    /// Text exposition 0.0.4.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut out) {
            tracing::error!(%error, "the exporter's own metrics were cut short: please report this");
        }
        out
    }

    /// All that there may be.
    pub(super) fn families(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.database(false, 0);
        self.zabbix_reached(false);
        self.synced("", 0, [0; 3], false, Timestamp::UNIX_EPOCH);
        self.sync_wrote("", 0, 0, 0);
        self.registry.gather()
    }
}

/// One probe under way.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn build_info(registry: &Registry) -> Result<(), Error> {
    let info = IntGaugeVec::new(
        Opts::new("packager_exporter_build_info", "1, its labels being the build of this exporter."),
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

/// Every result is there from the start, so that `rate()` sees the first failure.
fn probes(registry: &Registry) -> Result<IntCounterVec, Error> {
    let help = "Requests for a probe by how they ended: success, failure, refused (too many in flight), bad_request.";
    let probes = IntCounterVec::new(Opts::new("packager_exporter_probes_total", help), &["result"])?;
    for result in ProbeResult::ALL {
        probes.with_label_values(&[result.as_str()]);
    }
    registry.register(Box::new(probes.clone()))?;
    Ok(probes)
}

fn duration(registry: &Registry) -> Result<Histogram, Error> {
    let help = "How long probes took that ran, in seconds.";
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

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unix(at: Timestamp) -> f64 {
    at.as_second() as f64
}
