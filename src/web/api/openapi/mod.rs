//! Endpoint `GET /api/v1/openapi.json`: the OpenAPI 3.1 document, which is gathered from the routes.

pub(in crate::web) mod answers;

use super::bodies::ProblemDocument;
use super::{Shared, json};
use axum::Extension;
use axum::extract::State as Extract;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Server};
use utoipa::{Modify, OpenApi};

/// Parts of the OpenAPI document that belong to no route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "packager_exporter",
        description = "Channels, templates, probes and alerts of packager_exporter, and its probing. Errors under /api are problem documents \
            (RFC 9457), other errors are plain text. Unknown fields and parameters are refused. When tokens are configured, reading needs the \
            role `read`, writing alerts needs `operate`, and every other write needs `admin`."
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Schemes),
    security((), ("token" = []), ("user" = [])),
    tags(
        (name = "channels", description = "Channels that are probed"),
        (name = "templates", description = "Expectations that channels are checked against"),
        (name = "probes", description = "Exporters and appliances that channels belong to"),
        (name = "alerts", description = "Notifications of Alertmanager, acknowledgements and resolutions"),
        (name = "events", description = "Probe results and changes of alerts as they happen"),
        (name = "probing", description = "Metrics that Prometheus scrapes, and the page"),
        (name = "exporter", description = "The exporter itself")
    )
)]
pub(super) struct Head;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token of --api.tokens-file. Without tokens, any client of an API on loopback may do everything.",
        ));
        let user = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("A user of --web.config.file, if it has users; a token is accepted in place of a user."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        components.add_security_scheme("user", SecurityScheme::Http(user.build()));
    }
}

/// Reads the OpenAPI document of the API.
#[utoipa::path(get, path = "/openapi.json", tag = "exporter", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object), answers::AccessErrors))]
pub(crate) async fn openapi(Extract(state): Shared, Extension(document): Extension<Arc<Document>>) -> Response {
    let mut document = Document::clone(&document);
    let prefix = &state.settings.link_prefix;
    document.servers = Some(vec![Server::new(if prefix.is_empty() { "/" } else { prefix })]);
    json(StatusCode::OK, &document)
}
