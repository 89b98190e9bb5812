//! API below `/api/v1`: channels, templates, probes and alerts of the [`Store`]; service discovery and health with or
//! without a database.

mod alerts;
mod authorization;
mod bodies;
mod channels;
mod checks;
mod alert_actions;
mod alert_changes;
mod maintenance;
mod probe_now;
mod series;
mod discovery;
mod events;
mod health;
mod import;
pub(super) mod openapi;
mod problem;
mod probes;
mod request;
mod session;
mod status;
mod templates;
mod thumbnail;
mod token_file;
mod tokens;
mod webhook;
mod zabbix;

pub(crate) use super::access::is_name;
pub(crate) use import::{csv_of, rows_of};
pub(crate) use token_file::TokenFile;
pub(crate) use tokens::{Role, Token, Tokens, bearer, hash};
pub(crate) use zabbix::UnnotifiedEnds;

use super::ServerState;
use crate::alertmanager::Alertmanager;
use crate::prometheus_api::PrometheusApi;
use crate::store::{Store, Versioned};
use crate::zabbix::ZabbixQueue;
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use problem::Problem;
use serde::Serialize;
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Parts of the exporter that only the API needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    /// The database. `None`: the catalogue is in files, which the API does not write.
    pub store: Option<Store>,
    /// Tokens of --api.tokens-file. `None`: everybody who reaches the API may read, and may write if [`Api::loopback`]
    /// is true.
    pub tokens: Option<Arc<TokenFile>>,
    /// Whether the API listens on loopback addresses only.
    pub loopback: bool,
    /// Whether the addresses for probes can be reached from this machine only.
    pub probing_loopback: bool,
    /// Whether the API listens on addresses of its own, which don't serve the routes for probes.
    pub is_apart: bool,
    /// Alertmanager, in which acknowledged alerts are silenced. `None`: --alertmanager.url is not set.
    pub alertmanager: Option<Alertmanager>,
    /// Prometheus, from which the values of charts come. `None`: --prometheus.url is not set.
    pub prometheus: Option<PrometheusApi>,
    /// Queue of alerts for Zabbix. `None`: Zabbix is not configured.
    pub zabbix: Option<ZabbixQueue>,
    /// Name of this exporter in the table `probes`. Service discovery lists only its channels. `None`: all channels are
    /// listed.
    pub probe_name: Option<String>,
}

type Answer = Result<Response, Problem>;
type Shared = axum::extract::State<Arc<ServerState>>;

/// Returns the routes of the API and the OpenAPI document of exactly these routes.
pub(super) fn routes() -> (Router<Arc<ServerState>>, Document) {
    let (v1, described) = OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(import::import))
        .routes(routes!(import::export))
        .routes(routes!(status::statuses))
        .routes(routes!(status::summary))
        .routes(routes!(channels::one, channels::replace, channels::change, channels::disable))
        .routes(routes!(channels::report))
        .routes(routes!(channels::history))
        .routes(routes!(series::series))
        .routes(routes!(probe_now::probe))
        .routes(routes!(probe_now::probe_draft))
        .routes(routes!(maintenance::list, maintenance::begin, maintenance::end_of_channel))
        .routes(routes!(maintenance::list_all))
        .routes(routes!(maintenance::end))
        .routes(routes!(checks::list))
        .routes(routes!(thumbnail::thumbnail))
        .routes(routes!(templates::list, templates::create))
        .routes(routes!(templates::one, templates::replace, templates::delete))
        .routes(routes!(probes::list, probes::create))
        .routes(routes!(probes::one, probes::replace, probes::delete))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::active))
        .routes(routes!(webhook::webhook))
        .routes(routes!(zabbix::trigger))
        .routes(routes!(alerts::one))
        .routes(routes!(alerts::history))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve))
        .routes(routes!(alert_actions::unacknowledge))
        .routes(routes!(alert_actions::acknowledge_several))
        .routes(routes!(alert_actions::unacknowledge_several))
        .routes(routes!(alert_actions::resolve_several))
        .routes(routes!(discovery::discovery))
        .routes(routes!(events::events))
        .routes(routes!(session::read, session::begin, session::end))
        .routes(routes!(session::tokens))
        .routes(routes!(openapi::openapi))
        .split_for_parts();
    let v1 = v1.fallback(not_found).method_not_allowed_fallback(not_allowed);
    let head = openapi::Head::openapi().nest("/api/v1", described);
    let (others, document) = OpenApiRouter::with_openapi(head).routes(routes!(zabbix::old_path)).split_for_parts();
    (Router::new().nest("/api/v1", v1).merge(others), document)
}

/// Makes a problem document for a layer in front of the routes.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    Problem::new(status, detail).into_response()
}

pub(super) async fn not_found() -> impl IntoResponse {
    Problem::new(StatusCode::NOT_FOUND, "nothing is at this path; /api/v1/openapi.json says what is")
}

async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not allowed here; the Allow header says what is")
}

impl ServerState {
    fn store(&self) -> Result<&Store, Problem> {
        self.api.store.as_ref().ok_or_else(|| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "there is no database; set DATABASE_URL=postgres://user:password@host/database and start again",
            )
        })
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    json_as("application/json", status, body)
}

fn json_as(content_type: &'static str, status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => {
            let content_type = (CONTENT_TYPE, HeaderValue::from_static(content_type));
            (status, [content_type], Body::from(text)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer has no form in JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Makes the response 201 to a request that created a channel, template or probe, with its address in `Location`.
fn created(state: &ServerState, list: &str, key: &str, body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::from_str(&format!("{}/api/v1/{list}/{key}", state.settings.link_prefix)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Makes the response 200 with one row and its version in `ETag`.
fn versioned(entry: &Versioned<impl Serialize>) -> Response {
    let mut response = json(StatusCode::OK, &entry.row);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", entry.version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_with_its_version_as_a_quoted_etag() {
        let response = versioned(&Versioned { row: "row", version: 12 });
        assert_eq!(
            (response.status(), &response.headers()[ETAG]),
            (StatusCode::OK, &HeaderValue::from_static("\"12\""))
        );
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}
