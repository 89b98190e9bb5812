//! Probes.

use super::access::{Role, audit};
use super::ask::{self, Parameters};
use super::{Answer, Shared, json, listed, shown};
use axum::body::Body;
use axum::extract::{Path, RawQuery, State as Extract};
use http::{HeaderMap, StatusCode};
use serde_json::json as value;

pub async fn list(Extract(state): Shared, headers: HeaderMap, RawQuery(raw): RawQuery) -> Answer {
    state.may(&headers, Role::Read)?;
    let mut parameters = Parameters::read(raw.as_deref())?;
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    Ok(listed("probes", state.store()?.probes(after.unwrap_or(0), limit).await?))
}

pub async fn one(Extract(state): Shared, Path(key): Path<String>, headers: HeaderMap) -> Answer {
    state.may(&headers, Role::Read)?;
    Ok(shown(&state.store()?.probe(&key).await?))
}

pub async fn create(Extract(state): Shared, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let id = state.store()?.create_probe(&ask::document(&headers, body).await?).await?;
    audit(&who, "probe created", &id.to_string());
    let answer = value!({"status": "ok", "probe_id": id, "message": "Probe created successfully"});
    Ok(json(StatusCode::CREATED, &answer))
}

pub async fn replace(Extract(state): Shared, Path(key): Path<String>, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let expected = ask::expected(&headers)?;
    let body = ask::document(&headers, body).await?;
    let after = state.store()?.change_probe(&key, &body, expected).await?;
    audit(&who, "probe replaced", &key);
    Ok(shown(&after))
}

pub async fn delete(Extract(state): Shared, Path(key): Path<String>, headers: HeaderMap) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    state.store()?.delete_probe(&key).await?;
    audit(&who, "probe deleted", &key);
    Ok(json(StatusCode::OK, &value!({"status": "ok", "message": "Probe deleted"})))
}
