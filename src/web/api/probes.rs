//! Probes.

use super::access::{Role, audit};
use super::ask::{self, Key, Parameters};
use super::openapi::{answers, schema};
use super::{Answer, Shared, created, json, listed, shown};
use axum::body::Body;
use axum::extract::{RawQuery, State as Extract};
use http::{HeaderMap, StatusCode};
use serde_json::json as value;

/// Probes by id, a page at a time.
#[utoipa::path(get, path = "/probes", tag = "probes", operation_id = "list_probes", params(schema::Pages),
    responses((status = 200, description = "A page", body = schema::Probes), answers::Reading))]
pub async fn list(Extract(state): Shared, headers: HeaderMap, RawQuery(raw): RawQuery) -> Answer {
    state.may(&headers, Role::Read)?;
    let mut parameters = Parameters::read(raw.as_deref())?;
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    Ok(listed("probes", state.store()?.probes(after.unwrap_or(0), limit).await?))
}

/// One probe.
#[utoipa::path(get, path = "/probes/{key}", tag = "probes", operation_id = "probe", params(("key" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The probe", body = schema::Probe, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Reading, answers::Keyed))]
pub async fn one(Extract(state): Shared, Key(key): Key, headers: HeaderMap) -> Answer {
    state.may(&headers, Role::Read)?;
    Ok(shown(&state.store()?.probe(&key).await?))
}

/// Creates a probe.
#[utoipa::path(post, path = "/probes", tag = "probes", operation_id = "create_probe", request_body = schema::ProbeWritten,
    responses((status = 201, description = "Created", body = schema::ProbeDone, headers(("Location" = String))), answers::Writing, answers::Conflicting))]
pub async fn create(Extract(state): Shared, headers: HeaderMap, RawQuery(raw): RawQuery, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    Parameters::read(raw.as_deref())?.end()?;
    let id = state.store()?.create_probe(&ask::document(&headers, body).await?).await?;
    audit(&who, "probe created", &id.to_string());
    let answer = value!({"status": "ok", "probe_id": id, "message": "Probe created successfully"});
    Ok(created(&state, "probes", &id.to_string(), &answer))
}

/// Replaces a probe.
#[utoipa::path(put, path = "/probes/{key}", tag = "probes", operation_id = "replace_probe", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")), request_body = schema::ProbeWritten,
    responses((status = 200, description = "The probe now", body = schema::Probe, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Writing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn replace(Extract(state): Shared, Key(key): Key, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let expected = ask::expected(&headers)?;
    let body = ask::document(&headers, body).await?;
    let after = state.store()?.change_probe(&key, &body, expected).await?;
    audit(&who, "probe replaced", &key);
    Ok(shown(&after))
}

/// Deletes a probe that nothing uses.
#[utoipa::path(delete, path = "/probes/{key}", tag = "probes", operation_id = "delete_probe", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")),
    responses((status = 200, description = "Deleted", body = schema::Done), answers::Removing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn delete(Extract(state): Shared, Key(key): Key, headers: HeaderMap) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let expected = ask::expected(&headers)?;
    state.store()?.delete_probe(&key, expected).await?;
    audit(&who, "probe deleted", &key);
    Ok(json(StatusCode::OK, &value!({"status": "ok", "message": "Probe deleted"})))
}
