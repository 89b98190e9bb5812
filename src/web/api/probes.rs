//! Probes.

use super::authorization::{Admin, Authorized, Read};
use super::openapi::{answers, schema};
use super::request::{IfMatch, JsonBody, Key, NoParameters, Parameters};
use super::{Answer, Shared, created, json, listed, shown};
use axum::extract::State as Extract;
use http::StatusCode;
use serde_json::json as value;

/// Probes by id, a page at a time.
#[utoipa::path(get, path = "/probes", tag = "probes", operation_id = "list_probes", params(schema::Pages),
    responses((status = 200, description = "A page", body = schema::Probes), answers::Reading))]
pub async fn list(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    Ok(listed("probes", state.store()?.probes(after.unwrap_or(0), limit).await?))
}

/// One probe.
#[utoipa::path(get, path = "/probes/{key}", tag = "probes", operation_id = "probe", params(("key" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The probe", body = schema::Probe, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Reading, answers::Keyed))]
pub async fn one(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    Ok(shown(&state.store()?.probe(&key).await?))
}

/// Creates a probe.
#[utoipa::path(post, path = "/probes", tag = "probes", operation_id = "create_probe", request_body = schema::ProbeWritten,
    responses((status = 201, description = "Created", body = schema::ProbeDone, headers(("Location" = String))), answers::Writing, answers::Conflicting))]
pub async fn create(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let id = state.store()?.create_probe(&body).await?;
    caller.audit("probe created", &id.to_string());
    let answer = value!({"status": "ok", "probe_id": id, "message": "Probe created successfully"});
    Ok(created(&state, "probes", &id.to_string(), &answer))
}

/// Replaces a probe.
#[utoipa::path(put, path = "/probes/{key}", tag = "probes", operation_id = "replace_probe", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")), request_body = schema::ProbeWritten,
    responses((status = 200, description = "The probe now", body = schema::Probe, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Writing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn replace(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    let after = state.store()?.change_probe(&key, &body, expected).await?;
    caller.audit("probe replaced", &key);
    Ok(shown(&after))
}

/// Deletes a probe that nothing uses.
#[utoipa::path(delete, path = "/probes/{key}", tag = "probes", operation_id = "delete_probe", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")),
    responses((status = 200, description = "Deleted", body = schema::Done), answers::Removing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn delete(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
) -> Answer {
    state.store()?.delete_probe(&key, expected).await?;
    caller.audit("probe deleted", &key);
    Ok(json(StatusCode::OK, &value!({"status": "ok", "message": "Probe deleted"})))
}
