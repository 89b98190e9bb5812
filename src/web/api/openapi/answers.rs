//! Error responses in the OpenAPI document, by what an endpoint does.

use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::header::Header;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr};

/// Error responses of every endpoint: users and rate limit of `--web.config.file`.
pub(crate) struct AccessErrors;
/// Error responses of every endpoint whose answers are plain text.
pub(crate) struct PlainTextErrors;
/// Error responses of an endpoint that takes parameters and reads the database.
pub(crate) struct ReadErrors;
/// Error responses of an endpoint whose path names one channel, template, probe or alert.
pub(crate) struct EntryErrors;
/// Error responses of an endpoint that takes a body and demands a role.
pub(crate) struct WriteErrors;
/// Error responses of an endpoint that demands a role and takes no body.
pub(crate) struct DeleteErrors;
/// Error responses of an endpoint that fails if a name is taken, the row is in use, or the alert is resolved.
pub(crate) struct ConflictErrors;
/// Error responses of an endpoint that takes `If-Match`.
pub(crate) struct PreconditionErrors;
/// Error responses of an endpoint that begins a session.
pub(crate) struct SessionErrors;
/// Error response of an endpoint that refuses every parameter.
pub(crate) struct BadRequest;
/// Error responses of an endpoint that sends requests to Alertmanager.
pub(crate) struct SilenceErrors;

impl IntoResponses for AccessErrors {
    fn responses() -> Responses {
        problems(&[401, 403, 429, 503])
    }
}

impl IntoResponses for PlainTextErrors {
    fn responses() -> Responses {
        [
            (401, "A user of --web.config.file or a token is needed"),
            (403, "The role is too low, or the request is of another site or names another host"),
            (429, meaning(429)),
            (503, "Too many requests at once, or not ready; try again"),
        ]
        .map(|(status, why)| (status.to_string(), refusal(status, why, "text/plain", Content::default()).into()))
        .into()
    }
}

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        problems(&[400, 401, 403, 429, 500, 503])
    }
}

impl IntoResponses for EntryErrors {
    fn responses() -> Responses {
        problems(&[400, 404])
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> Responses {
        problems(&[400, 401, 403, 408, 413, 415, 422, 429, 500, 503])
    }
}

impl IntoResponses for DeleteErrors {
    fn responses() -> Responses {
        problems(&[401, 403, 429, 500, 503])
    }
}

impl IntoResponses for ConflictErrors {
    fn responses() -> Responses {
        problems(&[409])
    }
}

impl IntoResponses for PreconditionErrors {
    fn responses() -> Responses {
        problems(&[412])
    }
}

impl IntoResponses for SessionErrors {
    fn responses() -> Responses {
        problems(&[409, 415])
    }
}

impl IntoResponses for BadRequest {
    fn responses() -> Responses {
        problems(&[400])
    }
}

impl IntoResponses for SilenceErrors {
    fn responses() -> Responses {
        problems(&[502])
    }
}

type Responses = BTreeMap<String, RefOr<Response>>;

fn problems(statuses: &[u16]) -> Responses {
    statuses.iter().map(|status| (status.to_string(), problem(*status).into())).collect()
}

fn problem(status: u16) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    refusal(status, meaning(status), "application/problem+json", content)
}

fn refusal(status: u16, why: &str, kind: &str, content: Content) -> Response {
    let response = ResponseBuilder::new().description(why).content(kind, content);
    match status {
        401 => response.header("WWW-Authenticate", text("Scheme of the credentials.")),
        429 | 503 => response.header("Retry-After", text("Seconds.")),
        _ => response,
    }
    .build()
}

fn text(description: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String).build());
    header.description = Some(description.to_owned());
    header
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "A parameter, the JSON or the encoding of the request can't be read",
        401 => "A user of --web.config.file or a token is needed",
        403 => {
            "The role is too low, or there are no tokens and the API is not on loopback, or the request is of another site or names another host"
        }
        404 => "There is no such entry",
        408 => "The body did not arrive in time",
        409 => "The name is taken, the entry is in use or has ended, or the alert still fires",
        412 => "Somebody changed the entry since it was read",
        413 => "The body is too large",
        415 => "The content type is not supported",
        422 => "Every bad field or row, in `errors`",
        429 => "More requests than --web.config.file allows",
        500 => "The database refused a statement; the log has the reason",
        502 => "Alertmanager did not do or say what was needed; nothing was changed",
        _ => "There is no database, or it is away; try again",
    }
}
