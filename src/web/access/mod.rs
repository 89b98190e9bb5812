//! Access control: who sends a request, and what the sender may do. The guard in front of every route identifies the
//! caller; handlers demand a role.

mod failures;
mod origin;
mod proxies;
mod session;

pub(crate) use failures::{AuthFailure, AuthFailures, network};
pub(crate) use origin::{is_cross_site, is_own_name, is_same_origin};
pub(crate) use proxies::{ProxyConfig, TrustedProxies};
pub(crate) use session::{Origin, SESSION_LIFETIME, Session, SessionKey, Sessions, set_cookie};

use super::ServerState;
use super::api::Role;
use super::respond;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use std::marker::PhantomData;
use std::sync::Arc;

/// Longest name of a caller, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 128;
/// Name of every caller of an exporter without tokens and users.
pub(crate) const LOOPBACK: &str = "loopback";

/// How a caller was identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// By a token of --api.tokens-file.
    Token,
    /// By a user and password of --web.config.file.
    User,
    /// By the cookie of a session, which began with a token or a user.
    Session(Session),
    /// By the header of a trusted proxy.
    Proxy,
    /// The exporter has neither tokens nor users.
    Open,
    /// The request has no valid credentials.
    Nobody,
}

/// The sender of a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Name of the token, of the user, or [`LOOPBACK`]. It is empty for [`Identity::Nobody`].
    pub(crate) name: String,
    /// Role of the caller. `None`: the caller may only use what is open to everybody.
    pub(crate) role: Option<Role>,
    pub(crate) identity: Identity,
    /// Reason why the credentials of the request are not valid. `None`: they are valid, or there are none.
    pub(crate) failure: Option<AuthFailure>,
    /// Whether `/probe`, `/metrics` and service discovery are open to everybody.
    pub(crate) open_scrapes: bool,
}

impl Caller {
    /// Returns whether the caller's name is that of a person or of a session, so that nobody else's name may be given
    /// for what the caller does.
    pub(crate) fn is_logged_in(&self) -> bool {
        matches!(self.identity, Identity::User | Identity::Session(_) | Identity::Proxy)
    }

    /// Checks that the caller has a role.
    ///
    /// # Errors
    /// Returns status and reason of the refusal: 401 without valid credentials, 503 if they can't be verified yet, 403 if the
    /// role is too low.
    pub(crate) fn require(&self, role: Role) -> Result<(), (StatusCode, String)> {
        match (self.role, &self.identity) {
            (Some(own), _) if own >= role => Ok(()),
            (Some(_), Identity::Open) => Err((
                StatusCode::FORBIDDEN,
                "writing beyond loopback takes tokens; make one with `packager_exporter token create` and set \
                 --api.tokens-file"
                    .to_owned(),
            )),
            (Some(own), identity) => {
                let kind = if *identity == Identity::Token { "token" } else { "login" };
                let why = format!("{kind} `{}` has the role {own}, but this needs the role {role}", self.name);
                Err((StatusCode::FORBIDDEN, why))
            }
            (None, _) => {
                let why = self.failure.map_or(
                    "log in at /ui/, or send Authorization: Bearer TOKEN; `packager_exporter token create` makes one",
                    AuthFailure::advice,
                );
                Err((self.failure.map_or(StatusCode::UNAUTHORIZED, AuthFailure::status), why.to_owned()))
            }
        }
    }
}

/// Permission that a request handler demands of its caller.
pub(crate) trait Permission: Send + Sync + 'static {
    /// Lowest role that has the permission.
    const ROLE: Role;
    /// Whether everybody has the permission unless --web.scrape-auth is set.
    const IS_SCRAPE: bool = false;
    /// Whether everybody has the permission if the exporter has neither tokens nor users.
    const IS_OPEN_WITHOUT_LOGINS: bool = false;
}

/// Permission to read channels, templates, probes, alerts, events, logs and the configuration.
pub(crate) struct Read;
/// Permission to write alerts: to send notifications of alerts, and to acknowledge and resolve alerts.
pub(crate) struct Operate;
/// Permission to write channels, templates and probes, and to see tokens.
pub(crate) struct Admin;
/// Permission to probe channels, and to read metrics and service discovery, as Prometheus does.
pub(crate) struct Scrape;
/// Permission to make the exporter read its configuration files again.
pub(crate) struct Reload;

impl Permission for Read {
    const ROLE: Role = Role::Read;
}

impl Permission for Operate {
    const ROLE: Role = Role::Operate;
}

impl Permission for Admin {
    const ROLE: Role = Role::Admin;
}

impl Permission for Scrape {
    const ROLE: Role = Role::Read;
    const IS_SCRAPE: bool = true;
}

impl Permission for Reload {
    const ROLE: Role = Role::Admin;
    const IS_OPEN_WITHOUT_LOGINS: bool = true;
}

/// Returns the caller of a request if the caller has the permission `P`.
///
/// # Errors
/// Returns status and reason of the refusal.
pub(crate) fn permitted<P: Permission>(parts: &Parts) -> Result<Arc<Caller>, (StatusCode, String)> {
    let caller = parts.extensions.get::<Arc<Caller>>().cloned();
    let caller = caller.ok_or((StatusCode::UNAUTHORIZED, "the caller of this request is not known".to_owned()))?;
    let is_open =
        (P::IS_SCRAPE && caller.open_scrapes) || (P::IS_OPEN_WITHOUT_LOGINS && caller.identity == Identity::Open);
    if !is_open {
        caller.require(P::ROLE)?;
    }
    Ok(caller)
}

/// Proof that the caller of a request outside the API has the permission `P`. Another caller gets 401 or 403 as plain
/// text.
pub(crate) struct Allowed<P>(PhantomData<P>);

impl<P: Permission> FromRequestParts<Arc<ServerState>> for Allowed<P> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<ServerState>) -> Result<Self, Response> {
        match permitted::<P>(parts) {
            Ok(_) => Ok(Self(PhantomData)),
            Err((status, why)) => {
                let mut response = respond::text(status, why);
                if status == StatusCode::UNAUTHORIZED {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                Err(response)
            }
        }
    }
}

/// Returns whether a text can be the name of a caller: 1 to 128 characters without control characters.
#[must_use]
pub(crate) fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS && !name.chars().any(char::is_control)
}
