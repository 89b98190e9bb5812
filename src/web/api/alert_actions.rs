//! Endpoints that take an acknowledgement back, and those that acknowledge, un-acknowledge or resolve several alerts at once.

use super::alerts::{AckRequest, acknowledge_one, demand_short, person, resolve_one};
use super::authorization::{Authorized, Operate};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{AlertId, JsonBody, NoParameters};
use super::{Answer, Shared, json};
use crate::document;
use crate::store::AlertRow;
use crate::web::ServerState;
use axum::extract::{FromRequest, Request, State as Extract};
use futures_util::StreamExt as _;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Largest number of alerts of one request.
const MAX_ALERTS: usize = 500;
/// Number of alerts that one request changes at the same time.
const AT_ONCE: usize = 4;

/// Body of a request that changes several alerts.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SeveralAlerts, example = json!({"ids": [17, 18], "by": "lan", "comment": "packager-01 restarts", "for": "2h"}))]
pub(super) struct SeveralRequest {
    /// Ids of the alerts.
    #[schema(required, min_items = 1, max_items = 500)]
    ids: Vec<i64>,
    /// Name of the person who acts. Without the field it is the token's name.
    #[schema(min_length = 1, max_length = 128)]
    by: Option<String>,
    #[schema(max_length = 4096)]
    comment: Option<String>,
    /// Duration of the silences, such as `30m` or `8h`. Without the field it is 1 h. Only an acknowledgement may have it.
    #[serde(rename = "for")]
    #[schema(max_length = 64)]
    duration: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for SeveralRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBody(document) = JsonBody::from_request(request, state).await?;
        let request: Self =
            document::deserialize(&document.root).map_err(|faults| Problem::fields(&document.errors(faults)))?;
        demand_short(request.comment.as_deref())?;
        if request.ids.is_empty() || request.ids.len() > MAX_ALERTS {
            return Err(Problem::bad(format!("`ids` must name 1 to {MAX_ALERTS} alerts")));
        }
        Ok(request)
    }
}

/// An alert that a request for several alerts left unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefusedAlert {
    id: i64,
    /// HTTP status that a request for this alert alone would have.
    status: u16,
    /// Reason in one sentence.
    detail: String,
}

/// Answer to a request that changes several alerts. Each alert is changed or refused by itself.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SeveralAlertsDone)]
pub(super) struct SeveralDone {
    /// Alerts after the write.
    alerts: Vec<AlertRow>,
    refused: Vec<RefusedAlert>,
}

#[derive(Clone, Copy)]
enum Action {
    Acknowledge,
    Unacknowledge,
    Resolve,
}

/// Takes an acknowledgement back: the alert fires again for everybody. With --alertmanager.url its silence is ended.
#[utoipa::path(post, path = "/alerts/{id}/unacknowledge", tag = "alerts", operation_id = "unacknowledge_alert",
    params(("id" = i64, Path, description = "Id of the alert")), request_body = Option<AckRequest>,
    responses((status = 200, description = "The alert after the write", body = AlertRow), answers::WriteErrors,
        answers::EntryErrors, answers::ConflictErrors))]
pub(super) async fn unacknowledge(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    AlertId(id): AlertId,
    request: AckRequest,
) -> Answer {
    Ok(json(StatusCode::OK, &unacknowledge_one(&state, &caller, id, &request).await?))
}

/// Acknowledges several alerts. With --alertmanager.url each is silenced first; an alert whose silence fails is refused.
#[utoipa::path(post, path = "/alerts/acknowledge", tag = "alerts", operation_id = "acknowledge_alerts",
    request_body = SeveralRequest,
    responses((status = 200, description = "What was changed, and what was refused", body = SeveralDone), answers::WriteErrors))]
pub(super) async fn acknowledge_several(
    caller: Authorized<Operate>,
    state: Shared,
    _: NoParameters,
    request: SeveralRequest,
) -> Answer {
    several(&caller, state, request, Action::Acknowledge).await
}

/// Takes the acknowledgements of several alerts back.
#[utoipa::path(post, path = "/alerts/unacknowledge", tag = "alerts", operation_id = "unacknowledge_alerts",
    request_body = SeveralRequest,
    responses((status = 200, description = "What was changed, and what was refused", body = SeveralDone), answers::WriteErrors))]
pub(super) async fn unacknowledge_several(
    caller: Authorized<Operate>,
    state: Shared,
    _: NoParameters,
    request: SeveralRequest,
) -> Answer {
    several(&caller, state, request, Action::Unacknowledge).await
}

/// Resolves several alerts by hand. With --alertmanager.url an alert that still fires in Alertmanager is refused.
#[utoipa::path(post, path = "/alerts/resolve", tag = "alerts", operation_id = "resolve_alerts",
    request_body = SeveralRequest,
    responses((status = 200, description = "What was changed, and what was refused", body = SeveralDone), answers::WriteErrors))]
pub(super) async fn resolve_several(
    caller: Authorized<Operate>,
    state: Shared,
    _: NoParameters,
    request: SeveralRequest,
) -> Answer {
    several(&caller, state, request, Action::Resolve).await
}

async fn several(
    caller: &Authorized<Operate>,
    Extract(state): Shared,
    request: SeveralRequest,
    action: Action,
) -> Answer {
    state.store()?;
    let SeveralRequest { ids, by, comment, duration } = request;
    let (single, state) = (AckRequest { by, comment, duration }, &*state);
    let single = &single;
    let ids: BTreeSet<i64> = ids.into_iter().collect();
    let change = |id: i64| async move {
        let changed = match action {
            Action::Acknowledge => acknowledge_one(state, caller, id, single).await,
            Action::Unacknowledge => unacknowledge_one(state, caller, id, single).await,
            Action::Resolve => resolve_one(state, caller, id, single).await,
        };
        (id, changed)
    };
    let changed: Vec<_> = futures_util::stream::iter(ids).map(change).buffered(AT_ONCE).collect().await;
    let mut done = SeveralDone::default();
    for (id, changed) in changed {
        match changed {
            Ok(alert) => done.alerts.push(alert),
            // A fault of the request is the same for each alert.
            Err(problem) if problem.status() == StatusCode::BAD_REQUEST => return Err(problem),
            Err(problem) => {
                let (status, detail) = (problem.status().as_u16(), problem.detail().to_owned());
                done.refused.push(RefusedAlert { id, status, detail });
            }
        }
    }
    Ok(json(StatusCode::OK, &done))
}

async fn unacknowledge_one(
    state: &ServerState,
    caller: &Authorized<Operate>,
    id: i64,
    request: &AckRequest,
) -> Result<AlertRow, Problem> {
    if request.duration.is_some() || request.comment.is_some() {
        return Err(Problem::bad("`for` and `comment` belong to acknowledge; this request takes only `by`"));
    }
    let by = person(request.by.clone(), &caller.caller)?;
    let (after, silence) = state.store()?.unacknowledge(id, &by).await?;
    if let (Some(alertmanager), Some(silence)) = (&state.api.alertmanager, silence) {
        alertmanager.expire(vec![silence]);
    }
    caller.audit("alert unacknowledged", &format!("{id} by {by}"));
    Ok(after)
}
