//! HTTP server: routes, parameters and responses over a [`Backend`]; [`server`] and [`security`] are its listeners, TLS, users
//! and bounds.

mod admin;
pub mod api;
mod events;
mod guard;
pub mod listen;
mod page;
mod params;
mod probe;
mod recent;
mod respond;
pub mod security;
pub mod server;
#[cfg(test)]
mod tests;

use crate::catalog::Channel;
use crate::config::Loaded;
use crate::probe::{ProbeError, ProbeRequest};
use crate::report::Report;
use api::Api;
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Exporter behind the web layer: it answers probes and tells about itself. Tests put a backend of their own in its place.
pub trait Backend: Send + Sync + 'static {
    /// Report of one probe, which may take as long as `timeout`.
    ///
    /// # Errors
    /// A request that names nothing that can be probed, or too many probes in flight.
    fn probe(&self, request: ProbeRequest, timeout: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>>;

    /// Configuration and catalogue in force.
    fn config(&self) -> Arc<Loaded>;

    /// The exporter's own metrics as text exposition 0.0.4.
    fn self_metrics(&self) -> Vec<u8>;

    /// Reads the configuration again and puts it into force. Blocks on the file system.
    ///
    /// # Errors
    /// What is wrong in the new configuration; the old one stays in force.
    fn reload(&self) -> Result<(), String>;
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the routes begin: empty, or `/prefix` without a slash at its end.
    pub route_prefix: String,
    /// Where a browser finds them, in the same form: the external URL's path. A proxy may strip it.
    pub link_prefix: String,
    /// Taken off the scrape timeout, so that the answer is there before Prometheus gives up.
    pub timeout_offset: Duration,
    /// Probes kept for the page; failures as many again.
    pub history_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            route_prefix: String::new(),
            link_prefix: String::new(),
            timeout_offset: Duration::from_millis(500),
            history_limit: 100,
        }
    }
}

/// What the handlers share.
pub struct State {
    backend: Arc<dyn Backend>,
    settings: Settings,
    api: Api,
    /// The last probe of each channel of the catalogue, all its outputs.
    reports: Mutex<BTreeMap<String, Arc<Report>>>,
    recent: Mutex<recent::Recent>,
    events: events::Events,
    stopping: AtomicBool,
    reloading: tokio::sync::Mutex<()>,
}

impl State {
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, settings: Settings) -> Arc<Self> {
        Self::with_api(backend, settings, Api::default())
    }

    #[must_use]
    pub fn with_api(backend: Arc<dyn Backend>, settings: Settings, api: Api) -> Arc<Self> {
        let recent = Mutex::new(recent::Recent::new(settings.history_limit));
        Arc::new(Self {
            backend,
            settings,
            api,
            reports: Mutex::default(),
            recent,
            events: events::Events::default(),
            stopping: AtomicBool::new(false),
            reloading: tokio::sync::Mutex::default(),
        })
    }

    /// From now on `/-/ready` answers 503. Streams of events end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.events.end();
    }

    /// Reads the configuration again; one reload at a time.
    ///
    /// # Errors
    /// What is wrong in it. The old one stays in force.
    pub async fn reload(&self) -> Result<(), String> {
        let _one = self.reloading.lock().await;
        let backend = Arc::clone(&self.backend);
        let done = tokio::task::spawn_blocking(move || backend.reload()).await;
        done.unwrap_or_else(|e| Err(format!("it ended without an answer: {e}")))
    }

    /// Keeps a report of the catalogue's channel for the API and tells the listeners. `output`: it is of that one alone.
    fn answered(&self, report: &Arc<Report>, output: Option<&str>) {
        let loaded = self.backend.config();
        let known = &loaded.snapshot.channels;
        if known.contains_key(&report.channel.code) && (output.is_some() || self.is_news(report, known)) {
            self.send_probe(report, output);
        }
    }

    /// Keeps it; false where it is the one that is kept already, shared with another request. What left the catalogue goes
    /// when there are more reports than channels.
    fn is_news(&self, report: &Arc<Report>, known: &BTreeMap<String, Arc<Channel>>) -> bool {
        let mut reports = self.reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = reports.insert(report.channel.code.clone(), Arc::clone(report));
        if reports.len() > known.len() {
            reports.retain(|code, _| known.contains_key(code));
        }
        before.is_none_or(|before| !Arc::ptr_eq(&before, report))
    }

    fn last_report(&self, code: &str) -> Option<Arc<Report>> {
        let reports = self.reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        reports.get(code).cloned()
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, recent::Recent> {
        self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What one listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    All,
    /// Probes and the exporter's own metrics.
    Probing,
    Api,
}

/// The routes of a part, behind `security`'s users and with its headers.
pub fn app(state: &Arc<State>, security: &Arc<security::Security>, part: Part) -> Router {
    let prefix = state.settings.route_prefix.clone();
    let (routes, document) = described(part);
    let routes = routes.layer(Extension(Arc::new(document))).with_state(Arc::clone(state));
    let guard = guard::Guard { security: Arc::clone(security), tokens: state.api.tokens.clone() };
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

/// The routes of a part, and the document of exactly these.
fn described(part: Part) -> (Router<Arc<State>>, Document) {
    match part {
        Part::All => {
            let ((probing, its), (api, mut document)) = (probing(), api::routes());
            document.merge(its);
            (probing.merge(api), document)
        }
        Part::Probing => probing(),
        Part::Api => api::routes(),
    }
}

fn probing() -> (Router<Arc<State>>, Document) {
    OpenApiRouter::new()
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
