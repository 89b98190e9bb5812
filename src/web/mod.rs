//! The HTTP side: parameters → call → response. What it answers with arrives as the closures of [`Backend`];
//! how it is reached (TLS, users, bounds) is [`server`] and [`security`].

mod admin;
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

use crate::probe::{Ask, Refused};
use crate::report::Report;
use axum::Router;
use axum::routing::{get, post};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The answer to an [`Ask`] within the time given.
pub type Probe = Arc<dyn Fn(Ask, Duration) -> BoxFuture<'static, Result<Arc<Report>, Refused>> + Send + Sync>;

/// A report made into something to show.
pub type Render<T> = Arc<dyn Fn(&Report) -> T + Send + Sync>;

/// Something of the exporter's own, as it is at this moment.
pub type Now<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// Everything the web layer asks of the rest. Texts have their secrets masked already.
#[derive(Clone)]
pub struct Backend {
    pub probe: Probe,
    /// A report as text exposition 0.0.4.
    pub exposition: Render<Vec<u8>>,
    /// A report as lines for a person: what was fetched, what was found.
    pub log_text: Render<String>,
    /// The exporter's own metrics as text exposition 0.0.4.
    pub own_metrics: Now<Vec<u8>>,
    /// The configuration in force as YAML.
    pub config_text: Now<String>,
    /// Codes that the page's form offers.
    pub channel_codes: Now<Vec<String>>,
    /// Reads the configuration again; an error leaves the old one in force. May block.
    pub reload: Now<Result<(), String>>,
    /// `Err` says why probes can't be answered yet.
    pub ready: Now<Result<(), String>>,
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
    backend: Backend,
    settings: Settings,
    recent: Mutex<recent::Recent>,
    stopping: AtomicBool,
    reloading: tokio::sync::Mutex<()>,
}

impl State {
    #[must_use]
    pub fn new(backend: Backend, settings: Settings) -> Arc<Self> {
        let recent = Mutex::new(recent::Recent::new(settings.history_limit));
        Arc::new(Self {
            backend,
            settings,
            recent,
            stopping: AtomicBool::new(false),
            reloading: tokio::sync::Mutex::default(),
        })
    }

    /// From now on `/-/ready` answers 503.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Reads the configuration again; one reload at a time.
    ///
    /// # Errors
    /// What is wrong in it. The old one stays in force.
    pub async fn reload(&self) -> Result<(), String> {
        let _one = self.reloading.lock().await;
        let reload = Arc::clone(&self.backend.reload);
        let done = tokio::task::spawn_blocking(move || reload()).await;
        done.unwrap_or_else(|e| Err(format!("it ended without an answer: {e}")))
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, recent::Recent> {
        self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Every route, behind `security`'s users and with its headers.
pub fn app(state: &Arc<State>, security: &Arc<security::Security>) -> Router {
    let prefix = state.settings.route_prefix.clone();
    let routes = routes().with_state(Arc::clone(state));
    let app = if prefix.is_empty() {
        routes
    } else {
        let home = format!("{}/", state.settings.link_prefix);
        let redirect = get(move || std::future::ready(respond::redirect(&home)));
        Router::new().nest(&format!("{prefix}/"), routes).route("/", redirect.clone()).route(&prefix, redirect)
    };
    app.fallback(respond::not_found)
        .method_not_allowed_fallback(respond::wrong_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(security), guard::guard))
}

fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/", get(page::page))
        .route("/probe", get(probe::probe))
        .route("/logs", get(page::logs))
        .route("/config", get(admin::config))
        .route("/metrics", get(admin::metrics))
        .route("/-/healthy", get(admin::healthy))
        .route("/-/ready", get(admin::ready))
        .route("/-/reload", post(admin::reload).put(admin::reload))
}
