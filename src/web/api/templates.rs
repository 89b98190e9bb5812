//! Endpoints for templates. Without a database they read the catalogue in force.

use super::authorization::{Admin, Authorized, Read};
use super::bodies::{self, Done, TemplateDone, TemplatePage};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{IfMatch, JsonBody, Key, NoParameters, Parameters};
use super::{Answer, Shared, created, json, versioned};
use crate::catalog::{TemplateRow, TemplateWritten};
use crate::store::Page;
use axum::extract::State as Extract;
use http::StatusCode;

/// Lists templates by id, a page at a time.
#[utoipa::path(get, path = "/templates", tag = "templates", operation_id = "list_templates", params(bodies::Pages),
    responses((status = 200, description = "A page", body = TemplatePage), answers::ReadErrors))]
pub(super) async fn list(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.page()?;
    parameters.end()?;
    let after = after.unwrap_or(0);
    let page = match &state.api.store {
        Some(store) => store.templates(after, limit).await?,
        None => {
            let config = state.backend.config();
            let numbered = (1..).zip(config.snapshot.templates.values()).filter(|(n, _)| *n > after);
            Page::of(numbered.map(|(n, template)| (n, TemplateRow::from(&**template))), limit)
        }
    };
    Ok(json(StatusCode::OK, &TemplatePage::from(page)))
}

/// Reads one template.
#[utoipa::path(get, path = "/templates/{key}", tag = "templates", operation_id = "template",
    params(("key" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The template", body = TemplateRow,
        headers(("ETag" = String, description = "Version of the template, for If-Match"))),
        answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn one(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    if let Some(store) = &state.api.store {
        return Ok(versioned(&store.template(&key).await?));
    }
    let config = state.backend.config();
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no template `{}`", key.escape_debug()));
    let template = config.snapshot.templates.get(&key).ok_or_else(missing)?;
    Ok(json(StatusCode::OK, &TemplateRow::from(&**template)))
}

/// Creates a template in the database.
#[utoipa::path(post, path = "/templates", tag = "templates", operation_id = "create_template",
    request_body = TemplateWritten,
    responses((status = 201, description = "Created", body = TemplateDone, headers(("Location" = String))),
        answers::WriteErrors, answers::ConflictErrors))]
pub(super) async fn create(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let template_id = state.store()?.create_template(&body).await?;
    caller.audit("template created", &template_id.to_string());
    let done = TemplateDone { status: bodies::OK, template_id, message: "Template created successfully" };
    Ok(created(&state, "templates", &template_id.to_string(), &done))
}

/// Replaces a template. A field that is left out gets its default.
#[utoipa::path(put, path = "/templates/{key}", tag = "templates", operation_id = "replace_template",
    params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the template has another version")),
    request_body = TemplateWritten,
    responses((status = 200, description = "The template after the write", body = TemplateRow,
        headers(("ETag" = String, description = "Version of the template, for If-Match"))),
        answers::WriteErrors, answers::EntryErrors, answers::PreconditionErrors, answers::ConflictErrors))]
pub(super) async fn replace(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    let after = state.store()?.change_template(&key, &body, expected).await?;
    caller.audit("template replaced", &key);
    Ok(versioned(&after))
}

/// Deletes a template that no channel and no other template uses.
#[utoipa::path(delete, path = "/templates/{key}", tag = "templates", operation_id = "delete_template",
    params(("key" = String, Path, description = "Id or name"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the template has another version")),
    responses((status = 200, description = "Deleted", body = Done),
        answers::DeleteErrors, answers::EntryErrors, answers::PreconditionErrors, answers::ConflictErrors))]
pub(super) async fn delete(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
) -> Answer {
    state.store()?.delete_template(&key, expected).await?;
    caller.audit("template deleted", &key);
    Ok(json(StatusCode::OK, &Done { status: bodies::OK, message: "Template deleted" }))
}
