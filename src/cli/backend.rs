//! Connects the web layer to the configuration, the prober, the metrics and the sinks (InfluxDB and Zabbix).

use super::args::Links;
use crate::catalog::{Channel, SignalMode};
use crate::config::{Config, ConfigHandle, ConfigPaths};
use crate::influx::InfluxQueue;
use crate::inspector::{self, SyncEvent};
use crate::metrics::{ProbeResult, SelfMetrics};
use crate::probe::{Clock, DecodeTotals, ProbeAnswer, ProbeError, ProbeRequest, Prober, ProberParts, SignalSettings};
use crate::report::Report;
use crate::store::{Health, Store};
use crate::web::Backend;
use crate::zabbix::{self, ZabbixQueue};
use futures_util::future::BoxFuture;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time for which the ending exporter waits for its sinks: longer than the first pauses between retries,
/// shorter than the time after which a service manager kills the process.
const FLUSH: Duration = Duration::from_secs(5);
/// Interval at which the configuration's files are checked for changes.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Loads the configuration and starts to watch its files.
///
/// # Errors
/// Lists every fault of the configuration with file and line, or says why the HTTP client can not be set up.
pub(super) fn backend(
    source: ConfigPaths,
    store: Option<Store>,
    links: &Links,
    signal: SignalSettings,
) -> Result<(Arc<dyn Backend>, Sinks), String> {
    let variables = source.variables.clone();
    let live = Arc::new(ConfigHandle::start(source, Timestamp::now()).map_err(|errors| errors.to_string())?);
    for warning in &live.current().warnings {
        tracing::warn!("{warning}");
    }
    let parts =
        ProberParts { signal: Some(signal), store: store.clone(), ..ProberParts::new(live.clone(), Clock::System) };
    let prober = Prober::new(parts).map_err(|e| e.to_string())?;
    let own = SelfMetrics::new().map_err(|e| e.to_string())?;
    own.links(&links.exporter, &links.grafana);
    if let Some(store) = store.clone() {
        let sink_metrics = own.clone();
        tokio::spawn(inspector::follow(
            live.clone(),
            store.clone(),
            Arc::new(move |name, news| record_sink(&sink_metrics, name, news)),
        ));
        tokio::spawn(store.follow(live.clone(), variables));
    } else if live.current().exporter.inspector_live.iter().any(|source| source.every.is_some()) {
        tracing::warn!("inspector_live needs a database: set DATABASE_URL");
    }
    let counting = own.clone();
    let influx =
        InfluxQueue::start(live.clone(), Arc::new(move |fate, lines| counting.influxdb_lines(fate.as_str(), lines)))?;
    tokio::spawn(live.clone().watch(LOOK_EVERY, Timestamp::now));
    let telling = own.clone();
    let zabbix = ZabbixQueue::start(live.clone(), Arc::new(move |news| record_zabbix(&telling, news)));
    tokio::spawn(prober.clone().follow_handovers());
    let sinks = Sinks { influx: influx.clone(), zabbix, prober: prober.clone() };
    Ok((Arc::new(Exporter { live, prober, own, influx, store }), sinks))
}

/// Sinks in addition to Prometheus: InfluxDB for reports, Zabbix for alerts, the database for what is handed over.
pub(super) struct Sinks {
    influx: InfluxQueue,
    pub zabbix: ZabbixQueue,
    /// It hands over what it remembers to the exporter that probes next.
    prober: Prober,
}

impl Sinks {
    /// Waits until queued reports and alerts are delivered, for a few seconds at most.
    pub(super) async fn flush(&self) {
        let all = async { tokio::join!(self.influx.flush(), self.zabbix.flush(), self.prober.write_handovers()) };
        if tokio::time::timeout(FLUSH, all).await.is_err() {
            tracing::warn!(within = ?FLUSH, "InfluxDB, Zabbix or the database didn't take everything before the end");
        }
    }
}

/// The backend of `serve`, with every part that a request may need.
struct Exporter {
    live: Arc<ConfigHandle>,
    prober: Prober,
    own: SelfMetrics,
    influx: InfluxQueue,
    /// The database. `None`: `DATABASE_URL` is not set.
    store: Option<Store>,
}

impl Backend for Exporter {
    fn probe(&self, request: ProbeRequest, timeout: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>> {
        Box::pin(probe(self.prober.clone(), self.own.clone(), self.influx.clone(), request, timeout))
    }

    fn probe_draft(&self, channel: Channel, timeout: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>> {
        let prober = self.prober.clone();
        Box::pin(async move { prober.probe_draft(channel, timeout).await })
    }

    fn config(&self) -> Arc<Config> {
        self.live.current()
    }

    fn self_metrics(&self) -> Vec<u8> {
        own_metrics(&self.live, &self.prober, &self.own, self.store.as_ref())
    }

    fn reload(&self) -> Result<(), String> {
        self.live.reload(Timestamp::now()).map_err(|errors| errors.to_string())
    }

    fn auth_failed(&self, reason: &'static str) {
        self.own.auth_failed(reason);
    }
}

fn record_zabbix(own: &SelfMetrics, news: zabbix::DeliveryEvent) {
    match news {
        zabbix::DeliveryEvent::Off => own.zabbix_off(),
        zabbix::DeliveryEvent::Reached(reached) => own.zabbix_reached(reached),
        zabbix::DeliveryEvent::Placed(alerts) => own.zabbix_alerts("placed", alerts),
        zabbix::DeliveryEvent::GivenUp(alerts) => own.zabbix_alerts("given_up", alerts),
    }
}

fn record_sink(own: &SelfMetrics, name: &str, news: SyncEvent<'_>) {
    match news {
        SyncEvent::Failed => own.sync_failed(name),
        SyncEvent::Gone => own.sync_gone(name),
        SyncEvent::Synced(done) => {
            let taken = done.added.len() + done.changed.len() + done.unchanged;
            let left = [done.bad.len(), done.foreign.len(), done.missing.len()];
            own.synced(name, taken, left, done.held.is_some(), Timestamp::now());
            own.sync_wrote(name, done.added.len(), done.changed.len(), done.disabled.len());
        }
    }
}

async fn probe(
    prober: Prober,
    own: SelfMetrics,
    influx: InfluxQueue,
    ask: ProbeRequest,
    timeout: Duration,
) -> Result<Arc<Report>, ProbeError> {
    let _in_flight = own.probe_begins();
    let began = Instant::now();
    let answer = prober.probe(ask, timeout).await;
    own.probe_finished(result(&answer), Seconds::from(began.elapsed()));
    let ProbeAnswer { report, shared } = answer?;
    if shared {
        own.probe_shared();
    } else {
        own.fetched(report.capture.body_bytes());
        influx.offer(&report);
    }
    Ok(report)
}

fn result(answer: &Result<ProbeAnswer, ProbeError>) -> ProbeResult {
    match answer {
        Ok(probed) if probed.report.success => ProbeResult::Success,
        Ok(_) => ProbeResult::Failure,
        Err(ProbeError::Overloaded(_)) => ProbeResult::Refused,
        Err(ProbeError::BadRequest(_)) => ProbeResult::BadRequest,
    }
}

/// Whether a channel of the configuration, or a URL as a target, may be decoded.
fn wants_decoding(loaded: &Config) -> bool {
    let templates = &loaded.snapshot.templates;
    let used = loaded.snapshot.channels.values().map(|channel| &channel.template);
    let targets = &loaded.exporter.probe.url_targets;
    let of_urls = targets.enabled.then_some(&targets.template);
    used.chain(of_urls).filter_map(|name| templates.get(name)).any(|template| template.signal != SignalMode::Off)
}

fn own_metrics(live: &ConfigHandle, prober: &Prober, own: &SelfMetrics, store: Option<&Store>) -> Vec<u8> {
    match store.map(Store::health) {
        Some(Health::Connected { bad_rows }) => own.database(true, bad_rows.len()),
        Some(Health::Starting | Health::Away { .. }) => own.database(false, 0),
        None => {}
    }
    if let Some(exporters) = store.and_then(Store::last_live_exporters).filter(|exporters| !exporters.is_empty()) {
        own.sharing_exporters(exporters.len());
    }
    let last = live.last_reload();
    let snapshot = &live.current().snapshot;
    own.catalog_loaded(snapshot.channels.len(), snapshot.templates.len(), last.succeeded_at);
    let templates = snapshot.templates.values();
    own.template_thresholds(templates.flat_map(|template| {
        let named = |(name, value)| (template.name.as_str(), name, value);
        template.numeric_thresholds().into_iter().map(named)
    }));
    own.reloaded(last.succeeded_at, last.successful());
    own.reload_held(last.is_held);
    own.history_outputs(prober.remembered_outputs());
    let totals = prober.decode_totals();
    own.decodes(&DecodeTotals { is_usable: totals.is_usable.filter(|_| wants_decoding(&live.current())), ..totals });
    own.encode().into_bytes()
}
