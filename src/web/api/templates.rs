//! Templates.

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
    Ok(listed("templates", state.store()?.templates(after.unwrap_or(0), limit).await?))
}

pub async fn one(Extract(state): Shared, Path(key): Path<String>, headers: HeaderMap) -> Answer {
    state.may(&headers, Role::Read)?;
    Ok(shown(&state.store()?.template(&key).await?))
}

pub async fn create(Extract(state): Shared, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let id = state.store()?.create_template(&ask::document(&headers, body).await?).await?;
    audit(&who, "template created", &id.to_string());
    let answer = value!({"status": "ok", "template_id": id, "message": "Template created successfully"});
    Ok(json(StatusCode::CREATED, &answer))
}

pub async fn replace(Extract(state): Shared, Path(key): Path<String>, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let expected = ask::expected(&headers)?;
    let body = ask::document(&headers, body).await?;
    let after = state.store()?.change_template(&key, &body, expected).await?;
    audit(&who, "template replaced", &key);
    Ok(shown(&after))
}

pub async fn delete(Extract(state): Shared, Path(key): Path<String>, headers: HeaderMap) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    state.store()?.delete_template(&key).await?;
    audit(&who, "template deleted", &key);
    Ok(json(StatusCode::OK, &value!({"status": "ok", "message": "Template deleted"})))
}
