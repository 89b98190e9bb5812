//! `/api/v1`: channels, templates, probes and alerts over the [`Store`]; discovery and health with or without it.

mod alerts;
mod authorization;
mod channels;
mod discovery;
mod events;
mod health;
mod import;
pub(super) mod openapi;
mod problem;
mod probes;
mod request;
mod templates;
mod token_file;
mod tokens;
mod webhook;
mod zabbix;

pub use import::{csv_of, rows_of};
pub use token_file::TokenFile;
pub use tokens::{Role, Token, Tokens, hash};

use super::State;
use crate::alertmanager::Alertmanager;
use crate::store::{Page, Shown, Store};
use crate::zabbix::ZabbixQueue;
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use problem::Problem;
use serde_json::Value;
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the API has beside the probing.
#[derive(Debug, Clone, Default)]
pub struct Api {
    /// `None`: the catalogue is in files, and there is nothing to write to.
    pub store: Option<Store>,
    /// `None`: whoever reaches the API may write, if it is [`Api::loopback`].
    pub tokens: Option<Arc<TokenFile>>,
    /// It can be reached from this machine alone.
    pub loopback: bool,
    /// Where silences are set.
    pub alertmanager: Option<Alertmanager>,
    /// Where alerts go as trapper values.
    pub zabbix: Option<ZabbixQueue>,
    /// This exporter's own, as the `probes` table has it: discovery shows its channels alone.
    pub probe_name: Option<String>,
}

type Answer = Result<Response, Problem>;
type Shared = axum::extract::State<Arc<State>>;

/// The routes, each with its description: what isn't in the document isn't served.
pub(super) fn routes() -> (Router<Arc<State>>, Document) {
    let (v1, described) = OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(import::import))
        .routes(routes!(import::export))
        .routes(routes!(channels::one, channels::replace, channels::change, channels::disable))
        .routes(routes!(channels::report))
        .routes(routes!(templates::list, templates::create))
        .routes(routes!(templates::one, templates::replace, templates::delete))
        .routes(routes!(probes::list, probes::create))
        .routes(routes!(probes::one, probes::replace, probes::delete))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::active))
        .routes(routes!(webhook::webhook))
        .routes(routes!(zabbix::trigger))
        .routes(routes!(alerts::one))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve))
        .routes(routes!(discovery::discovery))
        .routes(routes!(events::events))
        .routes(routes!(openapi::openapi))
        .split_for_parts();
    let v1 = v1.fallback(nothing).method_not_allowed_fallback(not_allowed);
    let head = openapi::Head::openapi().nest("/api/v1", described);
    let (others, document) = OpenApiRouter::with_openapi(head).routes(routes!(zabbix::guide)).split_for_parts();
    (Router::new().nest("/api/v1", v1).merge(others), document)
}

/// A problem document, for what stands before the routes.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    Problem::new(status, detail).into_response()
}

pub(super) async fn nothing() -> impl IntoResponse {
    Problem::new(StatusCode::NOT_FOUND, "nothing is at this path; /api/v1/openapi.json says what is")
}

async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not allowed here; the Allow header says what is")
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

/// 201, and where it is.
fn created(state: &State, list: &str, key: &str, body: &Value) -> Response {
    let mut response = json(StatusCode::CREATED, body);
    if let Ok(place) = HeaderValue::from_str(&format!("{}/api/v1/{list}/{key}", state.settings.link_prefix)) {
        response.headers_mut().insert(LOCATION, place);
    }
    response
}

/// One entry with its version.
fn shown(shown: &Shown) -> Response {
    let mut response = json(StatusCode::OK, &shown.document);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", shown.version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// A page of what the files have; the number is its place there.
fn page<T>(numbered: impl Iterator<Item = (i64, T)>, after: i64, limit: usize, shown: impl Fn(T) -> Value) -> Page {
    let mut left = numbered.filter(|(number, _)| *number > after);
    let taken: Vec<(i64, T)> = left.by_ref().take(limit).collect();
    let next = left.next().and_then(|_| taken.last().map(|(number, _)| *number));
    Page { items: taken.into_iter().map(|(_, entry)| shown(entry)).collect(), next }
}

fn listed(name: &str, page: Page) -> Response {
    let next = page.next.map_or(Value::Null, |id| id.to_string().into());
    let mut body = serde_json::Map::new();
    body.insert(name.to_owned(), page.items.into());
    body.insert("next_cursor".to_owned(), next);
    json(StatusCode::OK, &Value::Object(body))
}
