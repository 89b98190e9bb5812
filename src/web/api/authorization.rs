//! Authorisation of API requests by an extractor: a handler that takes [`Authorized`] runs only for callers with the
//! permission.

use super::problem::Problem;
use super::tokens::{Role, bearer};
use super::{Api, ServerState};
use crate::web::server::peer;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use std::marker::PhantomData;
use std::sync::Arc;

/// Permission that a request handler demands of its caller.
pub(super) trait Permission: Send + Sync + 'static {
    /// Lowest role that has the permission.
    const ROLE: Role;
}

/// Permission to read channels, templates, probes, alerts and events.
pub(super) struct Read;
/// Permission to write alerts: to send notifications of alerts, and to acknowledge and resolve alerts.
pub(super) struct Operate;
/// Permission to write channels, templates and probes.
pub(super) struct Admin;

impl Permission for Read {
    const ROLE: Role = Role::Read;
}

impl Permission for Operate {
    const ROLE: Role = Role::Operate;
}

impl Permission for Admin {
    const ROLE: Role = Role::Admin;
}

/// Proof that the caller of a request has the permission `P`. Only the extractor makes it. A caller without the
/// permission gets 401 or 403.
pub(super) struct Authorized<P> {
    /// Name of the caller's token; `loopback` if the exporter runs without tokens.
    pub(super) caller: String,
    permission: PhantomData<P>,
}

impl<P> Authorized<P> {
    /// Logs one audit line for a write: the caller, the action, the code or name of what was written (such as a
    /// channel's code), and the caller's address.
    pub(super) fn audit(&self, what: &str, key: &str) {
        let from = peer().map(|peer| peer.to_string()).unwrap_or_default();
        tracing::info!(who = self.caller, what, key, from, "audit");
    }
}

impl<P: Permission> FromRequestParts<Arc<ServerState>> for Authorized<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<ServerState>) -> Result<Self, Problem> {
        let caller = authorize(&state.api, &parts.headers, P::ROLE)?;
        Ok(Self { caller, permission: PhantomData })
    }
}

/// Returns the name of the caller for the audit log.
///
/// # Errors
/// Fails with 401 if the token is missing or unknown. Fails with 403 if the token's role is below `role`, if a page of
/// another site sends a write, or if there are no tokens and a write comes to an API that listens beyond loopback.
fn authorize(api: &Api, headers: &HeaderMap, role: Role) -> Result<String, Problem> {
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if cross_site && role > Role::Read {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a page of another site may not write here"));
    }
    let Some(tokens) = &api.tokens else {
        if api.loopback || role == Role::Read {
            return Ok("loopback".to_owned());
        }
        let how = "writing beyond loopback takes tokens; make one with `packager_exporter token create` and set --api.tokens-file";
        return Err(Problem::new(StatusCode::FORBIDDEN, how));
    };
    let Some(token) = bearer(headers) else {
        let how = "send Authorization: Bearer TOKEN; `packager_exporter token create` makes one";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, how));
    };
    let tokens = tokens.current();
    let Some(holder) = tokens.holder(token) else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "this token is not known"));
    };
    if holder.role < role {
        let why = format!("token `{}` has not the role that this takes: {role:?}", holder.name).to_lowercase();
        return Err(Problem::new(StatusCode::FORBIDDEN, why));
    }
    Ok(holder.name.clone())
}
