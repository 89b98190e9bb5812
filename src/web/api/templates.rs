//! Templates.

use super::authorization::{Admin, Authorized, Read};
use super::openapi::{answers, schema};
use super::problem::Problem;
use super::request::{IfMatch, JsonBody, Key, NoParameters, Parameters};
use super::{Answer, Shared, created, json, listed, page, shown};
use crate::catalog::Template;
use axum::extract::State as Extract;
use http::StatusCode;
use serde_json::{Value, json as value};

/// Templates by id, a page at a time.
#[utoipa::path(get, path = "/templates", tag = "templates", operation_id = "list_templates", params(schema::Pages),
    responses((status = 200, description = "A page", body = schema::Templates), answers::Reading))]
pub async fn list(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    let page = match &state.api.store {
        Some(store) => store.templates(after.unwrap_or(0), limit).await?,
        None => {
            let loaded = state.backend.config();
            page((1..).zip(loaded.snapshot.templates.values()), after.unwrap_or(0), limit, |t| document(t))
        }
    };
    Ok(listed("templates", page))
}

/// One template.
#[utoipa::path(get, path = "/templates/{key}", tag = "templates", operation_id = "template", params(("key" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The template", body = schema::Template, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Reading, answers::Keyed))]
pub async fn one(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    if let Some(store) = &state.api.store {
        return Ok(shown(&store.template(&key).await?));
    }
    let loaded = state.backend.config();
    let template = loaded.snapshot.templates.get(&key);
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no template `{}`", key.escape_debug()));
    Ok(json(StatusCode::OK, &document(template.ok_or_else(missing)?)))
}

/// Creates a template.
#[utoipa::path(post, path = "/templates", tag = "templates", operation_id = "create_template", request_body = schema::TemplateWritten,
    responses((status = 201, description = "Created", body = schema::TemplateDone, headers(("Location" = String))), answers::Writing, answers::Conflicting))]
pub async fn create(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let id = state.store()?.create_template(&body).await?;
    caller.audit("template created", &id.to_string());
    let answer = value!({"status": "ok", "template_id": id, "message": "Template created successfully"});
    Ok(created(&state, "templates", &id.to_string(), &answer))
}

/// Replaces a template.
#[utoipa::path(put, path = "/templates/{key}", tag = "templates", operation_id = "replace_template", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")), request_body = schema::TemplateWritten,
    responses((status = 200, description = "The template now", body = schema::Template, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Writing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn replace(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    let after = state.store()?.change_template(&key, &body, expected).await?;
    caller.audit("template replaced", &key);
    Ok(shown(&after))
}

/// Deletes a template that nothing uses.
#[utoipa::path(delete, path = "/templates/{key}", tag = "templates", operation_id = "delete_template", params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")),
    responses((status = 200, description = "Deleted", body = schema::Done), answers::Removing, answers::Keyed, answers::Conditional, answers::Conflicting))]
pub async fn delete(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
) -> Answer {
    state.store()?.delete_template(&key, expected).await?;
    caller.audit("template deleted", &key);
    Ok(json(StatusCode::OK, &value!({"status": "ok", "message": "Template deleted"})))
}

/// A template of the files, with all that it extends: the thresholds as the table's columns, everything else in `settings`.
fn document(template: &Template) -> Value {
    let mut shown = value!({"template_name": template.name});
    let columns = serde_json::to_value(&template.thresholds).unwrap_or_default();
    let mut settings = serde_json::to_value(template).unwrap_or_default();
    if let (Value::Object(shown), Value::Object(columns), Value::Object(settings)) =
        (&mut shown, columns, &mut settings)
    {
        settings.retain(|key, _| !columns.contains_key(key));
        shown.extend(columns);
        shown.insert("settings".to_owned(), Value::Object(std::mem::take(settings)));
    }
    shown
}
