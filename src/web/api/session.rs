//! Endpoints `/api/v1/session` and `/api/v1/tokens`: the session of a browser, and the tokens with their last use.

use super::authorization::{Admin, Authorized, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::NoParameters;
use super::{Answer, Role, Shared, json};
use crate::web::access::{Caller, Identity, Origin, Session, Sessions, set_cookie};
use crate::web::security::Security;
use axum::Extension;
use axum::extract::State as Extract;
use axum::response::{IntoResponse as _, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use packager_media::units::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The caller of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionDocument {
    /// Name of the token or user. An exporter without tokens and users answers `loopback`.
    name: String,
    role: Role,
    /// How the caller is known: `token`, `user`, `session`, `proxy`, or `open` if there are neither tokens nor users.
    identity: &'static str,
    /// Time at which the session ends without further requests, RFC 3339. It is absent outside a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

impl SessionDocument {
    fn new(caller: &Caller) -> Self {
        let (identity, ends_at) = match &caller.identity {
            Identity::Token => ("token", None),
            Identity::User => ("user", None),
            Identity::Proxy => ("proxy", None),
            Identity::Session(session) => ("session", Some(session.ends_at().to_string())),
            Identity::Open | Identity::Nobody => ("open", None),
        };
        Self { name: caller.name.clone(), role: caller.role.unwrap_or(Role::Read), identity, ends_at }
    }
}

/// Reads name and role of the caller.
#[utoipa::path(get, path = "/session", tag = "exporter", operation_id = "session",
    responses((status = 200, description = "The caller", body = SessionDocument), answers::ReadErrors))]
pub(super) async fn read(caller: Authorized<Read>, _: NoParameters) -> Answer {
    Ok(json(StatusCode::OK, &SessionDocument::new(&caller.caller)))
}

/// Begins a session: the answer sets a cookie that stands for the token or user of this request. The session ends 12
/// hours after the last request, with DELETE, and when the token or password is no longer valid.
#[utoipa::path(post, path = "/session", tag = "exporter", operation_id = "begin_session",
    responses((status = 200, description = "The caller; the header Set-Cookie has the session", body = SessionDocument),
        answers::ReadErrors, answers::SessionErrors))]
pub(super) async fn begin(
    caller: Authorized<Read>,
    _: NoParameters,
    Extract(state): Shared,
    Extension(security): Extension<Arc<Security>>,
    headers: HeaderMap,
) -> Answer {
    let now = Timestamp::now();
    let web = security.current().await;
    let name = &caller.caller.name;
    let started = |origin, hash: &str| {
        let session = security.sessions().begin(origin, name, hash, now);
        session.map_err(|why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why))
    };
    let tokens = state.api.tokens.as_ref().map(|tokens| tokens.current());
    let hash = match &caller.caller.identity {
        Identity::Token => tokens
            .as_ref()
            .and_then(|tokens| tokens.0.iter().find(|token| token.name == *name))
            .map(|token| token.sha256.as_str()),
        Identity::User => web.users().known_hash(name),
        _ => None,
    };
    let session: Session = match (&caller.caller.identity, hash) {
        (Identity::Session(session), _) => Sessions::renewed(session, now),
        (Identity::Token, Some(hash)) => started(Origin::Token, hash)?,
        (Identity::User, Some(hash)) => started(Origin::User, hash)?,
        _ => {
            let why = "there is nothing to log in to: this request needs no token and no user";
            return Err(Problem::new(StatusCode::CONFLICT, why));
        }
    };
    let is_secure = web.tls().is_some() || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let cookie = set_cookie(&security.sessions().cookie_value(&session), &state.settings.link_prefix, is_secure);
    if !matches!(caller.caller.identity, Identity::Session(_)) {
        caller.audit("session begun", name);
    }
    let in_session = Caller { identity: Identity::Session(session), ..Caller::clone(&caller.caller) };
    let mut response = json(StatusCode::OK, &SessionDocument::new(&in_session));
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Ends the session: the cookie is removed and no longer accepted.
#[utoipa::path(delete, path = "/session", tag = "exporter", operation_id = "end_session",
    responses((status = 204, description = "There is no session any more"), answers::DeleteErrors, answers::BadRequest))]
pub(super) async fn end(
    caller: Authorized<Read>,
    _: NoParameters,
    Extract(state): Shared,
    Extension(security): Extension<Arc<Security>>,
) -> Answer {
    let mut response: Response = StatusCode::NO_CONTENT.into_response();
    if let Identity::Session(session) = &caller.caller.identity {
        security.sessions().end(session, Timestamp::now());
        caller.audit("session ended", &caller.caller.name);
    }
    if let Some(cookie) = set_cookie("", &state.settings.link_prefix, false) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// One token, without its text and hash.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenDocument {
    name: String,
    role: Role,
    /// Time from which the token is refused, RFC 3339. It is absent if the token does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    is_expired: bool,
    /// Time of the last request with the token, or in a session of it, at this exporter since its start, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
}

/// All tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenList {
    tokens: Vec<TokenDocument>,
}

/// Lists the tokens of --api.tokens-file, each with its last use. Without tokens the list is empty.
#[utoipa::path(get, path = "/tokens", tag = "exporter", operation_id = "tokens",
    responses((status = 200, description = "All tokens", body = TokenList), answers::ReadErrors))]
pub(super) async fn tokens(_: Authorized<Admin>, _: NoParameters, Extract(state): Shared) -> Answer {
    let now = Timestamp::now();
    let usage = state.api.tokens.as_ref().map(|tokens| tokens.usage()).unwrap_or_default();
    let tokens = usage.into_iter().map(|(token, last_used)| TokenDocument {
        is_expired: token.is_expired(now),
        name: token.name,
        role: token.role,
        expires: token.expires.map(|at| at.to_string()),
        last_used: last_used.map(|at| at.to_string()),
    });
    Ok(json(StatusCode::OK, &TokenList { tokens: tokens.collect() }))
}
