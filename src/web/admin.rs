//! What an operator asks of the exporter itself.

use super::{State, respond};
use axum::extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;

type Shared = extract::State<Arc<State>>;

pub async fn config(extract::State(state): Shared) -> Response {
    respond::text(StatusCode::OK, (state.backend.config_text)())
}

pub async fn metrics(extract::State(state): Shared, headers: HeaderMap) -> Response {
    respond::exposition(&headers, (state.backend.own_metrics)()).await
}

/// The process answers; nothing more. A restart would not help where `/-/ready` says no.
pub async fn healthy() -> Response {
    respond::text(StatusCode::OK, "Healthy")
}

pub async fn ready(extract::State(state): Shared) -> Response {
    if state.stopping.load(Ordering::Relaxed) {
        return respond::text(StatusCode::SERVICE_UNAVAILABLE, "Not ready: shutting down");
    }
    match (state.backend.ready)() {
        Ok(()) => respond::text(StatusCode::OK, "Ready"),
        Err(why) => respond::text(StatusCode::SERVICE_UNAVAILABLE, format!("Not ready: {why}")),
    }
}

pub async fn reload(extract::State(state): Shared) -> Response {
    match state.reload().await {
        Ok(()) => respond::text(StatusCode::OK, "Reloaded"),
        Err(why) => {
            let text = format!("failed to reload the configuration; the old one stays in force: {why}");
            respond::text(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}
