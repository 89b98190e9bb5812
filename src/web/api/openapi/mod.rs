//! `GET /api/v1/openapi.json`: OpenAPI 3.1, gathered from the routes themselves; no route is without its description.

pub(in crate::web) mod answers;
pub(super) mod schema;

use super::{Shared, json};
use axum::Extension;
use axum::extract::State as Extract;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Server};
use utoipa::{Modify, OpenApi};

/// What the routes don't say.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "packager_exporter",
        description = "Channels, templates, probes and alerts of packager_exporter, and its probing. Errors under /api are problem documents \
            (RFC 9457), others plain text. Unknown fields and parameters are refused. With tokens set, reading takes the role `read`, alerts take \
            `operate`, everything else takes `admin`."
    ),
    components(schemas(schema::Problem)),
    modifiers(&Schemes),
    security((), ("token" = []), ("user" = [])),
    tags(
        (name = "channels", description = "What is probed"),
        (name = "templates", description = "What is expected of a channel"),
        (name = "probes", description = "Exporters and appliances that channels belong to"),
        (name = "alerts", description = "What Alertmanager told, and what people did about it"),
        (name = "events", description = "What happens, as it happens"),
        (name = "probing", description = "What Prometheus scrapes, and the page"),
        (name = "exporter", description = "The exporter itself")
    )
)]
pub(super) struct Head;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token of --api.tokens-file. Without tokens, whoever reaches the API on loopback may do everything.",
        ));
        let user = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("A user of --web.config.file, where it has some; a token stands for one."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        components.add_security_scheme("user", SecurityScheme::Http(user.build()));
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "exporter", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object), answers::Guarded))]
pub async fn openapi(Extract(state): Shared, Extension(document): Extension<Arc<Document>>) -> Response {
    let mut document = Document::clone(&document);
    let prefix = &state.settings.link_prefix;
    document.servers = Some(vec![Server::new(if prefix.is_empty() { "/" } else { prefix })]);
    json(StatusCode::OK, &serde_json::to_value(document).unwrap_or_default())
}
