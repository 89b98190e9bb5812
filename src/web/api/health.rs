//! Endpoint `/api/v1/health`, which says whether the exporter works and why not.

use super::Shared;
use super::bodies::{HealthDocument, ProblemDocument};
use super::json;
use crate::store::Health;
use axum::extract::State as Extract;
use axum::response::Response;
use http::StatusCode;
use packager_media::units::Timestamp;
use std::sync::atomic::Ordering;

/// Reads the state of the exporter. The status is 200 while the exporter answers probes. If the database can't be
/// reached, the state is degraded; until the channels of the database were read once, no probe can be answered.
#[utoipa::path(get, path = "/health", tag = "exporter", operation_id = "health", security(()),
    responses(
        (status = 200, description = "Healthy, or degraded with the reasons", body = HealthDocument),
        (status = 503, description = "Unhealthy: no probe can be answered", body = HealthDocument),
        (status = 401, description = "A user of --web.config.file is needed", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 403, description = "The request names another host", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 429, description = "More requests than --web.config.file allows", body = ProblemDocument,
            content_type = "application/problem+json")))]
pub(super) async fn health(Extract(state): Shared) -> Response {
    let config = state.backend.config();
    let unread = state.unread_catalog();
    let (database, reasons) = match &state.api.store {
        None => ("not configured", Vec::new()),
        Some(store) => match (store.ping().await, store.health()) {
            (Err(error), _) => ("disconnected", vec![format!("{error}; the last catalogue stays in force")]),
            (Ok(()), Health::Connected { bad_rows }) => ("connected", bad_rows),
            (Ok(()), Health::Away { why }) => ("connected", vec![format!("the catalogue is not followed: {why}")]),
            (Ok(()), Health::Starting) => ("connected", Vec::new()),
        },
    };
    let stopping = state.stopping.load(Ordering::Relaxed);
    let is_unhealthy = stopping || unread.is_some();
    // It has the reason of a database that is away.
    let reasons = unread.map_or(reasons, |why| vec![why]);
    let status = match (is_unhealthy, reasons.is_empty()) {
        (true, _) => "unhealthy",
        (false, false) => "degraded",
        (false, true) => "healthy",
    };
    let stopping_reason = stopping.then(|| "the exporter is stopping".to_owned());
    let reasons: Vec<String> = stopping_reason.into_iter().chain(reasons).collect();
    let body = HealthDocument {
        status,
        database,
        timestamp: Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        channels: config.snapshot.channels.len(),
        templates: config.snapshot.templates.len(),
        reasons,
    };
    json(if is_unhealthy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, &body)
}
