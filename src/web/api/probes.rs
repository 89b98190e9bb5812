//! Endpoints for probes: the exporters and Inspector LIVE appliances to which channels belong.

use super::authorization::{Admin, Authorized, Read};
use super::bodies::{self, Done, ProbeDone, ProbePage};
use super::openapi::answers;
use super::request::{IfMatch, JsonBody, Key, NoParameters, Parameters};
use super::{Answer, Shared, created, json, versioned};
use crate::store::{ProbeRow, ProbeWritten};
use axum::extract::State as Extract;
use http::StatusCode;

/// Lists probes (exporters and Inspector LIVE appliances) by id, a page at a time.
#[utoipa::path(get, path = "/probes", tag = "probes", operation_id = "list_probes", params(bodies::Pages),
    responses((status = 200, description = "A page", body = ProbePage), answers::ReadErrors))]
pub(super) async fn list(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    let page = state.store()?.probes(after.unwrap_or(0), limit).await?;
    Ok(json(StatusCode::OK, &ProbePage::from(page)))
}

/// Reads one probe (an exporter or an Inspector LIVE appliance).
#[utoipa::path(get, path = "/probes/{key}", tag = "probes", operation_id = "probe",
    params(("key" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The probe", body = ProbeRow,
        headers(("ETag" = String, description = "Version of the probe, for If-Match"))),
        answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn one(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    Ok(versioned(&state.store()?.probe(&key).await?))
}

/// Creates a probe (an exporter or an Inspector LIVE appliance).
#[utoipa::path(post, path = "/probes", tag = "probes", operation_id = "create_probe", request_body = ProbeWritten,
    responses((status = 201, description = "Created", body = ProbeDone, headers(("Location" = String))),
        answers::WriteErrors, answers::ConflictErrors))]
pub(super) async fn create(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let probe_id = state.store()?.create_probe(&body).await?;
    caller.audit("probe created", &probe_id.to_string());
    let done = ProbeDone { status: bodies::OK, probe_id, message: "Probe created successfully" };
    Ok(created(&state, "probes", &probe_id.to_string(), &done))
}

/// Replaces a probe (an exporter or an Inspector LIVE appliance).
#[utoipa::path(put, path = "/probes/{key}", tag = "probes", operation_id = "replace_probe",
    params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the probe has another version")),
    request_body = ProbeWritten,
    responses((status = 200, description = "The probe after the write", body = ProbeRow,
        headers(("ETag" = String, description = "Version of the probe, for If-Match"))),
        answers::WriteErrors, answers::EntryErrors, answers::PreconditionErrors, answers::ConflictErrors))]
pub(super) async fn replace(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    let after = state.store()?.change_probe(&key, &body, expected).await?;
    caller.audit("probe replaced", &key);
    Ok(versioned(&after))
}

/// Deletes a probe (an exporter or an Inspector LIVE appliance) to which no channel belongs.
#[utoipa::path(delete, path = "/probes/{key}", tag = "probes", operation_id = "delete_probe",
    params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the probe has another version")),
    responses((status = 200, description = "Deleted", body = Done),
        answers::DeleteErrors, answers::EntryErrors, answers::PreconditionErrors, answers::ConflictErrors))]
pub(super) async fn delete(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
) -> Answer {
    state.store()?.delete_probe(&key, expected).await?;
    caller.audit("probe deleted", &key);
    Ok(json(StatusCode::OK, &Done { status: bodies::OK, message: "Probe deleted" }))
}
