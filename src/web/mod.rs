//! HTTP server: routes, parameters and responses. A [`Backend`] runs the probes. [`server`] and [`security`] contain
//! listeners, TLS, users and bounds.

mod access;
mod admin;
pub(crate) mod api;
mod channel_table;
mod events;
mod guard;
mod kept_reports;
pub(crate) mod listen;
mod page;
mod params;
mod probe;
mod recent;
mod respond;
mod runbooks;
pub(crate) mod security;
mod series;
pub(crate) mod server;
mod status;
mod summary;
mod states;
#[cfg(test)]
mod tests;
mod ui;

pub(crate) use access::{SESSION_LIFETIME, SessionKey, Sessions};

use crate::catalog::{CatalogSnapshot, Channel};
use crate::config::Config;
use crate::probe::{ProbeError, ProbeRequest};
use crate::report::Report;
use crate::store::Health;
use api::Api;
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::future::BoxFuture;
use kept_reports::KeptReports;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The exporter, as the web layer uses it: it runs probes, and returns configuration and metrics. Tests replace it.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Runs a probe and returns its report. The probe may take as long as `timeout`.
    ///
    /// # Errors
    /// Fails if the request names nothing that can be probed, or if too many probes are in flight.
    fn probe(&self, request: ProbeRequest, timeout: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>>;

    /// Probes a channel that isn't in the catalogue, and returns its report. The probe may take as long as `timeout`.
    ///
    /// # Errors
    /// Fails if the channel's template isn't known, or if too many probes are in flight.
    fn probe_draft(&self, channel: Channel, timeout: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>>;

    /// Returns configuration and catalogue in force.
    fn config(&self) -> Arc<Config>;

    /// Returns the metrics of the exporter itself as text exposition 0.0.4.
    fn self_metrics(&self) -> Vec<u8>;

    /// Reads the configuration again and puts it into force. The call blocks on the file system.
    ///
    /// # Errors
    /// Returns what is wrong in the new configuration; the old configuration stays in force.
    fn reload(&self) -> Result<(), String>;

    /// Counts a failed login by its reason.
    fn auth_failed(&self, reason: &'static str);
}

/// Settings of the HTTP server's routes and pages.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Prefix of every route: empty, or `/prefix` without a slash at its end.
    pub route_prefix: String,
    /// Prefix of every link: empty, or `/prefix` without a slash at its end. It is the path of the external URL, which
    /// a proxy may strip.
    pub link_prefix: String,
    /// Time that is subtracted from the scrape timeout, so that the answer arrives before Prometheus gives up.
    pub timeout_offset: Duration,
    /// URL under which browsers reach the exporter. `None`: --web.external-url is not set.
    pub external_url: Option<Url>,
    /// URL under which browsers reach Grafana. `None`: --grafana.url is not set.
    pub grafana_url: Option<Url>,
    /// Name of the installation on the web page. `None`: --web.page-title is not set, and the page shows its address.
    pub page_title: Option<String>,
    /// Whether `/probe`, `/metrics` and service discovery need a login too if the exporter has tokens or users.
    pub scrape_auth: bool,
    /// Number of probes that the page keeps. As many failed ones are kept in addition.
    pub history_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            route_prefix: String::new(),
            link_prefix: String::new(),
            timeout_offset: Duration::from_millis(500),
            external_url: None,
            grafana_url: None,
            page_title: None,
            scrape_auth: false,
            history_limit: 100,
        }
    }
}

/// State that all request handlers share.
pub(crate) struct ServerState {
    backend: Arc<dyn Backend>,
    settings: Settings,
    api: Api,
    /// Kept reports of probes of all outputs, by channel code.
    reports: Mutex<BTreeMap<String, KeptReports>>,
    states: Mutex<status::ChannelStates>,
    recent: Mutex<recent::RecentProbes>,
    /// Measured values of the last probes, for charts.
    series: Mutex<series::SeriesMemory>,
    /// Answers of Prometheus that are used again for a few seconds.
    series_answers: Mutex<series::SeriesAnswers>,
    state_changes: states::StateChanges,
    events: events::Events,
    failures: access::AuthFailures,
    stopping: AtomicBool,
    reloading: tokio::sync::Mutex<()>,
}

impl ServerState {
    /// Makes the state that all request handlers share, with the given parts of the API and without any reports.
    #[must_use]
    pub(crate) fn new(backend: Arc<dyn Backend>, settings: Settings, api: Api) -> Arc<Self> {
        let recent = Mutex::new(recent::RecentProbes::new(settings.history_limit));
        Arc::new(Self {
            backend,
            settings,
            api,
            reports: Mutex::default(),
            states: Mutex::default(),
            recent,
            series: Mutex::default(),
            series_answers: Mutex::default(),
            state_changes: states::StateChanges::default(),
            events: events::Events::default(),
            failures: access::AuthFailures::default(),
            stopping: AtomicBool::new(false),
            reloading: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the reason why no channel is known yet: the catalogue of the database was not read since the start.
    /// `None`: it was read, or the catalogue is in files.
    fn unread_catalog(&self) -> Option<String> {
        let store = self.api.store.as_ref().filter(|store| !store.was_read())?;
        Some(match store.health() {
            Health::Away { why } => format!("the channels of the database were not read yet: {why}"),
            _ => "the channels of the database were not read yet".to_owned(),
        })
    }

    /// Makes `/-/ready` answer 503 and ends all streams of events.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.events.end();
    }

    /// Reads the configuration again. Only one reload runs at a time.
    ///
    /// # Errors
    /// Returns what is wrong in the new configuration; the old configuration stays in force.
    pub(crate) async fn reload(&self) -> Result<(), String> {
        let _turn = self.reloading.lock().await;
        let backend = Arc::clone(&self.backend);
        let done = tokio::task::spawn_blocking(move || backend.reload()).await;
        done.unwrap_or_else(|e| Err(format!("the reload was cut off: {e}")))
    }

    /// Keeps the report of a channel of the catalogue for the API and sends an event. `output` is the name of the only
    /// output that was probed. `None`: all outputs were probed. `scraped` is true if Prometheus sent the request.
    fn record(&self, report: &Arc<Report>, output: Option<&str>, scraped: bool) {
        let config = self.backend.config();
        let Some(channel) = config.snapshot.channels.get(&report.channel.code) else { return };
        if output.is_none() {
            if !self.keep(report, &config.snapshot.channels) {
                return;
            }
            self.series().push(&report.view(), report.started_at, config.snapshot.channels.len());
            // A person may try another template without changing the channel's state.
            if scraped || report.template.name == channel.template {
                self.observe(report, channel, &config.snapshot, scraped);
            }
        }
        self.send_probe(report, output);
    }

    /// Updates the channel's state with the report, and sends an event if the state changed. A report that comes after a later
    /// one changes nothing, neither here nor in the history.
    fn observe(&self, report: &Report, channel: &Channel, catalog: &CatalogSnapshot, scraped: bool) {
        let mut states = self.states();
        if !states.is_news(report) {
            return;
        }
        if self.api.store.is_some() {
            self.state_changes.push(report, catalog);
        }
        let changed = states.observe(report, scraped);
        states.retain(catalog);
        if changed {
            self.send_state(&states.status(channel, report.started_at));
        }
    }

    /// Keeps a report. Returns false if it is kept already, since two requests may share a probe. Reports of channels
    /// that left the catalogue are dropped if there are more reports than channels.
    fn keep(&self, report: &Arc<Report>, known: &BTreeMap<String, Arc<Channel>>) -> bool {
        let mut reports = self.reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_new = match reports.get_mut(&report.channel.code) {
            Some(kept) if Arc::ptr_eq(kept.newest(), report) => false,
            Some(kept) => {
                kept.push(Arc::clone(report));
                true
            }
            None => {
                reports.insert(report.channel.code.clone(), KeptReports::new(Arc::clone(report)));
                true
            }
        };
        if reports.len() > known.len() {
            reports.retain(|code, _| known.contains_key(code));
        }
        is_new
    }

    fn last_report(&self, code: &str) -> Option<Arc<Report>> {
        let reports = self.reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        reports.get(code).map(|kept| Arc::clone(kept.newest()))
    }

    /// Returns the report of a channel's last fault, or its newest report if there was no fault. `None`: no report is
    /// kept.
    fn last_fault_report(&self, code: &str) -> Option<Arc<Report>> {
        let reports = self.reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        reports.get(code).map(|kept| Arc::clone(kept.fault_or_newest()))
    }

    fn states(&self) -> std::sync::MutexGuard<'_, status::ChannelStates> {
        self.states.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn series(&self) -> std::sync::MutexGuard<'_, series::SeriesMemory> {
        self.series.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, recent::RecentProbes> {
        self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Routes that one listening address serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    /// Routes for probes and for the metrics of the exporter itself.
    Probing,
    Api,
}

/// Makes the router of a part of the routes. `security` has the users and the headers.
pub(crate) fn app(state: &Arc<ServerState>, security: &Arc<security::Security>, part: Part) -> Router {
    let prefix = state.settings.route_prefix.clone();
    let (routes, document) = documented_routes(part);
    // The page needs the API at its own origin.
    let has_ui = part != Part::Probing;
    let routes = if has_ui { routes.merge(ui::routes()) } else { routes };
    let routes = routes
        .layer(Extension(page::Links { has_ui, has_home: part != Part::Api }))
        .layer(Extension(Arc::new(document)))
        .layer(Extension(Arc::clone(security)))
        .with_state(Arc::clone(state));
    let is_loopback = if part == Part::Probing { state.api.probing_loopback } else { state.api.loopback };
    let guard = guard::Guard { state: Arc::clone(state), security: Arc::clone(security), is_loopback };
    let app = if prefix.is_empty() {
        routes
    } else {
        let home = format!("{}/", state.settings.link_prefix);
        let redirect = get(move || std::future::ready(respond::redirect(&home)));
        Router::new().nest(&format!("{prefix}/"), routes).route("/", redirect.clone()).route(&prefix, redirect)
    };
    let app = if part == Part::Api { app.fallback(api::not_found) } else { app.fallback(respond::not_found) };
    app.method_not_allowed_fallback(respond::wrong_method)
        .layer(axum::middleware::from_fn_with_state(guard, guard::guard))
}

/// Returns the routes of a part of the HTTP interface (probing, API, or all), and the OpenAPI document of exactly these
/// routes.
fn documented_routes(part: Part) -> (Router<Arc<ServerState>>, Document) {
    match part {
        Part::All => {
            let ((probing, probing_document), (api, mut document)) = (probing(), api::routes());
            document.merge(probing_document);
            (probing.merge(api), document)
        }
        Part::Probing => probing(),
        // The web page and the alerts link to the runbooks.
        Part::Api => {
            let ((pages, pages_document), (api, mut document)) = (runbook_pages().split_for_parts(), api::routes());
            document.merge(pages_document);
            (pages.merge(api), document)
        }
    }
}

fn runbook_pages() -> OpenApiRouter<Arc<ServerState>> {
    OpenApiRouter::new().routes(routes!(runbooks::list)).routes(routes!(runbooks::one))
}

fn probing() -> (Router<Arc<ServerState>>, Document) {
    runbook_pages()
        .routes(routes!(page::page))
        .routes(routes!(probe::probe))
        .routes(routes!(page::logs))
        .routes(routes!(admin::config))
        .routes(routes!(admin::metrics))
        .routes(routes!(admin::healthy))
        .routes(routes!(admin::ready))
        .routes(routes!(admin::reload, admin::reload_by_put))
        .split_for_parts()
}
