//! `/api/v1`: channels, templates, probes and alerts over the [`Store`]; discovery and health with or without it.

mod access;
mod alerts;
mod ask;
mod channels;
mod discovery;
mod health;
mod import;
mod problem;
mod probes;
mod silence;
mod templates;
mod webhook;
mod zabbix;

pub use access::{Role, Token, Tokens, hash};
pub use import::{csv_of, rows_of};
pub use silence::Alertmanager;

use super::State;
use crate::store::{Shown, Store};
use crate::zabbix::Zabbix;
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use problem::Problem;
use serde_json::Value;
use std::sync::Arc;

/// What the API has beside the probing.
#[derive(Debug, Clone, Default)]
pub struct Api {
    /// `None`: the catalogue is in files, and there is nothing to write to.
    pub store: Option<Store>,
    /// `None`: whoever reaches the API may write, if it is [`Api::loopback`].
    pub tokens: Option<Arc<Tokens>>,
    /// It can be reached from this machine alone.
    pub loopback: bool,
    /// Where silences are set.
    pub alertmanager: Option<Alertmanager>,
    /// Where alerts go as trapper values.
    pub zabbix: Option<Zabbix>,
    /// This exporter's own, as the `probes` table has it: discovery shows its channels alone.
    pub probe_name: Option<String>,
}

type Answer = Result<Response, Problem>;
type Shared = axum::extract::State<Arc<State>>;

pub(super) fn routes() -> Router<Arc<State>> {
    let v1 = Router::new()
        .route("/health", get(health::health))
        .route("/channels", get(channels::list).post(channels::create))
        .route("/channels/import", post(import::import))
        .route("/channels/export", get(import::export))
        .route(
            "/channels/{key}",
            get(channels::one).put(channels::replace).patch(channels::change).delete(channels::disable),
        )
        .route("/channels/{key}/report", get(channels::report))
        .route("/templates", get(templates::list).post(templates::create))
        .route("/templates/{key}", get(templates::one).put(templates::replace).delete(templates::delete))
        .route("/probes", get(probes::list).post(probes::create))
        .route("/probes/{key}", get(probes::one).put(probes::replace).delete(probes::delete))
        .route("/alerts", get(alerts::list))
        .route("/alerts/active", get(alerts::active))
        .route("/alerts/webhook", post(webhook::webhook))
        .route("/alerts/zabbix", post(zabbix::trigger))
        .route("/alerts/{id}", get(alerts::one))
        .route("/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/alerts/{id}/resolve", post(alerts::resolve))
        .route("/sd", get(discovery::discovery))
        .fallback(|| async {
            Problem::new(StatusCode::NOT_FOUND, "nothing is at this path; docs/api.md lists what is")
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not allowed here; the Allow header says what is")
        });
    // As the deployment guide spells it.
    Router::new().nest("/api/v1", v1).route("/api/zabixtrigger", post(zabbix::trigger))
}

impl State {
    fn store(&self) -> Result<&Store, Problem> {
        self.api.store.as_ref().ok_or_else(|| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "there is no database; set DATABASE_URL=postgres://user:password@host/database and start again",
            )
        })
    }
}

fn json(status: StatusCode, body: &Value) -> Response {
    let kind = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [kind], Body::from(body.to_string())).into_response()
}

/// One entry with its version.
fn shown(shown: &Shown) -> Response {
    let mut response = json(StatusCode::OK, &shown.document);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", shown.version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn listed(name: &str, page: crate::store::Page) -> Response {
    let next = page.next.map_or(Value::Null, |id| id.to_string().into());
    let mut body = serde_json::Map::new();
    body.insert(name.to_owned(), page.items.into());
    body.insert("next_cursor".to_owned(), next);
    json(StatusCode::OK, &Value::Object(body))
}
