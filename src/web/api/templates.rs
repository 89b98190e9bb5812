//! Templates.

use super::access::{Role, audit};
use super::ask::{self, Key, Parameters};
use super::openapi::{answers, schema};
use super::{Answer, Shared, created, json, listed, shown};
use axum::body::Body;
use axum::extract::{RawQuery, State as Extract};
use http::{HeaderMap, StatusCode};
use serde_json::json as value;

/// Templates by id, a page at a time.
#[utoipa::path(get, path = "/templates", tag = "templates", operation_id = "list_templates", params(schema::Pages),
    responses((status = 200, description = "A page", body = schema::Templates), answers::Reading))]
pub async fn list(Extract(state): Shared, headers: HeaderMap, RawQuery(raw): RawQuery) -> Answer {
    state.may(&headers, Role::Read)?;
    let mut parameters = Parameters::read(raw.as_deref())?;
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    Ok(listed("templates", state.store()?.templates(after.unwrap_or(0), limit).await?))
}

/// One template.
#[utoipa::path(get, path = "/templates/{key}", tag = "templates", operation_id = "template", params(("key" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The template", body = schema::Template, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Reading, answers::Keyed))]
pub async fn one(Extract(state): Shared, Key(key): Key, headers: HeaderMap) -> Answer {
    state.may(&headers, Role::Read)?;
    Ok(shown(&state.store()?.template(&key).await?))
}

/// Creates a template.
#[utoipa::path(post, path = "/templates", tag = "templates", operation_id = "create_template", request_body = schema::TemplateWritten,
    responses((status = 201, description = "Created", body = schema::TemplateDone, headers(("Location" = String))), answers::Writing, answers::Conflicting))]
pub async fn create(Extract(state): Shared, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let id = state.store()?.create_template(&ask::document(&headers, body).await?).await?;
    audit(&who, "template created", &id.to_string());
    let answer = value!({"status": "ok", "template_id": id, "message": "Template created successfully"});
    Ok(created(&state, "templates", &id.to_string(), &answer))
}

/// Replaces a template.
#[utoipa::path(put, path = "/templates/{key}", tag = "templates", operation_id = "replace_template", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")), request_body = schema::TemplateWritten,
    responses((status = 200, description = "The template now", body = schema::Template, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Writing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn replace(Extract(state): Shared, Key(key): Key, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let expected = ask::expected(&headers)?;
    let body = ask::document(&headers, body).await?;
    let after = state.store()?.change_template(&key, &body, expected).await?;
    audit(&who, "template replaced", &key);
    Ok(shown(&after))
}

/// Deletes a template that nothing uses.
#[utoipa::path(delete, path = "/templates/{key}", tag = "templates", operation_id = "delete_template", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")),
    responses((status = 200, description = "Deleted", body = schema::Done), answers::Removing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn delete(Extract(state): Shared, Key(key): Key, headers: HeaderMap) -> Answer {
    let who = state.may(&headers, Role::Admin)?;
    let expected = ask::expected(&headers)?;
    state.store()?.delete_template(&key, expected).await?;
    audit(&who, "template deleted", &key);
    Ok(json(StatusCode::OK, &value!({"status": "ok", "message": "Template deleted"})))
}
