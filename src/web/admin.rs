//! Endpoints for the configuration, the metrics, the health and the reload of the exporter itself.

use super::access::{Allowed, Read, Reload, Scrape};
use super::api::openapi::answers;
use super::{ServerState, respond};
use axum::extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;

type Shared = extract::State<Arc<ServerState>>;

/// Reads the configuration in force, with secrets redacted.
#[utoipa::path(get, path = "/config", tag = "probing", operation_id = "config",
    responses((status = 200, description = "YAML", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn config(_: Allowed<Read>, extract::State(state): Shared) -> Response {
    respond::text(StatusCode::OK, state.backend.config().to_yaml())
}

/// Reads the metrics of the exporter itself.
#[utoipa::path(get, path = "/metrics", tag = "probing", operation_id = "metrics",
    responses((status = 200, description = "Text exposition 0.0.4", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn metrics(_: Allowed<Scrape>, extract::State(state): Shared, headers: HeaderMap) -> Response {
    respond::exposition(&headers, state.backend.self_metrics()).await
}

/// Answers 200 while the process runs, also when `/-/ready` answers 503.
#[utoipa::path(get, path = "/-/healthy", tag = "probing", operation_id = "healthy",
    responses((status = 200, description = "The process runs", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn healthy() -> Response {
    respond::text(StatusCode::OK, "Healthy")
}

/// Answers 503 while the exporter is stopping, and until it has read the catalogue of its database.
#[utoipa::path(get, path = "/-/ready", tag = "probing", operation_id = "ready",
    responses((status = 200, description = "Probes are answered", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn ready(extract::State(state): Shared) -> Response {
    if state.stopping.load(Ordering::Relaxed) {
        return respond::text(StatusCode::SERVICE_UNAVAILABLE, "Not ready: shutting down");
    }
    match state.unread_catalog() {
        Some(why) => respond::text(StatusCode::SERVICE_UNAVAILABLE, format!("Not ready: {why}")),
        None => respond::text(StatusCode::OK, "Ready"),
    }
}

/// Reads the configuration of the exporter again.
#[utoipa::path(post, path = "/-/reload", tag = "probing", operation_id = "reload",
    responses((status = 200, description = "The new configuration is in force", body = String, content_type = "text/plain"),
        (status = 500, description = "What is wrong in the new configuration; the old one stays in force", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn reload(_: Allowed<Reload>, extract::State(state): Shared) -> Response {
    match state.reload().await {
        Ok(()) => respond::text(StatusCode::OK, "Reloaded"),
        Err(why) => {
            let text = format!("failed to reload the configuration; the old one stays in force: {why}");
            respond::text(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

/// Reads the configuration of the exporter again, as POST does. Prometheus accepts PUT too.
#[utoipa::path(put, path = "/-/reload", tag = "probing", operation_id = "reload_by_put",
    responses((status = 200, description = "The new configuration is in force", body = String, content_type = "text/plain"),
        (status = 500, description = "What is wrong in the new configuration; the old one stays in force", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn reload_by_put(allowed: Allowed<Reload>, state: Shared) -> Response {
    reload(allowed, state).await
}
