//! Authorisation of API requests by an extractor: a handler that takes [`Authorized`] runs only for callers with the
//! permission.

use super::ServerState;
use super::problem::Problem;
pub(super) use crate::web::access::{Admin, Operate, Read, Scrape};
use crate::web::access::{Caller, Permission, permitted};
use crate::web::server::peer;
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::marker::PhantomData;
use std::sync::Arc;

/// Proof that the caller of a request has the permission `P`. Only the extractor makes it. A caller without the
/// permission gets 401 or 403.
pub(super) struct Authorized<P> {
    pub(super) caller: Arc<Caller>,
    permission: PhantomData<P>,
}

impl<P> Authorized<P> {
    /// Logs one audit line for a write: the caller, the action, the code or name of what was written (such as a
    /// channel's code), and the caller's address.
    pub(super) fn audit(&self, what: &str, key: &str) {
        let from = peer().map(|peer| peer.to_string()).unwrap_or_default();
        tracing::info!(who = self.caller.name, what, key, from, "audit");
    }
}

impl<P: Permission> FromRequestParts<Arc<ServerState>> for Authorized<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<ServerState>) -> Result<Self, Problem> {
        let caller = permitted::<P>(parts).map_err(|(status, why)| Problem::new(status, why))?;
        Ok(Self { caller, permission: PhantomData })
    }
}
