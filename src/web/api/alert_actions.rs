//! Endpoints that take an acknowledgement back, and those that acknowledge, un-acknowledge or resolve several alerts at once.

use super::alert_changes::{AlertAction, AlertChange};
use super::alerts::{AckRequest, demand_short};
use super::authorization::{Authorized, Operate};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{AlertId, NoParameters, typed_json};
use super::{Answer, Shared, json};
use crate::store::AlertRow;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request, State as Extract};
use futures_util::StreamExt as _;
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Largest number of alerts of one request.
const MAX_ALERTS: usize = 500;
/// Number of alerts that one request changes at the same time.
const AT_ONCE: usize = 4;
/// Time after which a request begins with no further alert. Proxies and people wait for an answer no longer than a minute.
const LONGEST: Duration = Duration::from_secs(30);
const NOT_TRIED: &str =
    "Alertmanager or the database is slow, so this alert was not tried; send the request again for it";

/// Body of a request that acknowledges or resolves several alerts.
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

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let request: Self = typed_json(request).await?;
        demand_short(request.comment.as_deref())?;
        demand_few("ids", request.ids.len())?;
        Ok(request)
    }
}

impl SeveralRequest {
    fn split(self) -> (AlertsToChange, AckRequest) {
        let Self { ids, by, comment, duration } = self;
        (ids.into_iter().map(|id| (id, None)).collect(), AckRequest { by, comment, duration })
    }
}

/// Body of a request that takes the acknowledgement of one alert back. An empty body is the same as an empty object and needs no
/// content type.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Unacknowledgement, example = json!({"by": "lan", "acknowledged_at": "2026-01-31T18:00:00.123456+00:00"}))]
pub(super) struct UnacknowledgeRequest {
    /// Name of the person who acts. Without the field it is the token's name.
    #[schema(min_length = 1, max_length = 128)]
    by: Option<String>,
    /// `acknowledged_at` of the acknowledgement that is taken back; the request is refused with 409 if the alert has another one now.
    /// Without the field it is the acknowledgement that the alert has.
    #[schema(format = DateTime)]
    acknowledged_at: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for UnacknowledgeRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() { Ok(Self::default()) } else { typed_json(request).await }
    }
}

/// An acknowledgement that is taken back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneAcknowledgement {
    /// Id of the alert.
    id: i64,
    /// `acknowledged_at` of the acknowledgement. If the alert has another one now, it is refused.
    #[schema(format = DateTime)]
    acknowledged_at: String,
}

/// Body of a request that takes the acknowledgements of several alerts back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SeveralAcknowledgements,
    example = json!({"alerts": [{"id": 17, "acknowledged_at": "2026-01-31T18:00:00.123456+00:00"}], "by": "lan"}))]
pub(super) struct UnacknowledgeSeveralRequest {
    #[schema(required, min_items = 1, max_items = 500)]
    alerts: Vec<OneAcknowledgement>,
    /// Name of the person who acts. Without the field it is the token's name.
    #[schema(min_length = 1, max_length = 128)]
    by: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for UnacknowledgeSeveralRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let request: Self = typed_json(request).await?;
        demand_few("alerts", request.alerts.len())?;
        Ok(request)
    }
}

fn demand_few(field: &str, count: usize) -> Result<(), Problem> {
    let fits = (1..=MAX_ALERTS).contains(&count);
    if fits { Ok(()) } else { Err(Problem::bad(format!("`{field}` must name 1 to {MAX_ALERTS} alerts"))) }
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    let why = "`acknowledged_at` must be the time that the alert has there, such as 2026-01-31T18:00:00.123456+00:00";
    text.parse().map_err(|_| Problem::bad(why))
}

/// Alerts that a request changes, by id. The time is that of the acknowledgement that is taken back.
type AlertsToChange = BTreeMap<i64, Option<Timestamp>>;

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

impl RefusedAlert {
    fn new(id: i64, problem: &Problem) -> Self {
        Self { id, status: problem.status().as_u16(), detail: problem.detail().to_owned() }
    }
}

/// Answer to a request that changes several alerts. Each alert is changed, left as it is, or refused by itself.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SeveralAlertsDone)]
pub(super) struct SeveralDone {
    /// Alerts that this request changed, after the write.
    alerts: Vec<AlertRow>,
    /// Alerts that were in the wanted state before the request, such as those that another person has acknowledged.
    unchanged: Vec<AlertRow>,
    refused: Vec<RefusedAlert>,
}

/// Takes an acknowledgement back: the alert fires again for everybody. With --alertmanager.url its silence is ended first; if that
/// fails, nothing is changed.
#[utoipa::path(post, path = "/alerts/{id}/unacknowledge", tag = "alerts", operation_id = "unacknowledge_alert",
    params(("id" = i64, Path, description = "Id of the alert")), request_body = Option<UnacknowledgeRequest>,
    responses((status = 200, description = "The alert after the write", body = AlertRow), answers::WriteErrors,
        answers::EntryErrors, answers::ConflictErrors, answers::SilenceErrors))]
pub(super) async fn unacknowledge(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    AlertId(id): AlertId,
    request: UnacknowledgeRequest,
) -> Answer {
    let acknowledged_at = request.acknowledged_at.as_deref().map(time).transpose()?;
    let change = AlertChange::new(state, caller, AlertAction::Unacknowledge, request.by, None)?;
    Ok(json(StatusCode::OK, &change.apply(id, acknowledged_at).await?.alert))
}

/// Acknowledges several alerts. With --alertmanager.url each is silenced first; an alert whose silence fails is refused.
#[utoipa::path(post, path = "/alerts/acknowledge", tag = "alerts", operation_id = "acknowledge_alerts",
    request_body = SeveralRequest,
    responses((status = 200, description = "What was changed, and what was refused", body = SeveralDone), answers::WriteErrors))]
pub(super) async fn acknowledge_several(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    _: NoParameters,
    request: SeveralRequest,
) -> Answer {
    state.store()?;
    let (alerts, request) = request.split();
    Ok(several(&request.acknowledgement(state, caller)?, alerts).await)
}

/// Takes the acknowledgements of several alerts back. With --alertmanager.url the silence of each is ended first; an alert whose
/// silence can't be ended, or that has another acknowledgement now, is refused.
#[utoipa::path(post, path = "/alerts/unacknowledge", tag = "alerts", operation_id = "unacknowledge_alerts",
    request_body = UnacknowledgeSeveralRequest,
    responses((status = 200, description = "What was changed, and what was refused", body = SeveralDone), answers::WriteErrors))]
pub(super) async fn unacknowledge_several(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    _: NoParameters,
    request: UnacknowledgeSeveralRequest,
) -> Answer {
    state.store()?;
    let one = |one: OneAcknowledgement| Ok((one.id, Some(time(&one.acknowledged_at)?)));
    let alerts = request.alerts.into_iter().map(one).collect::<Result<AlertsToChange, Problem>>()?;
    let change = AlertChange::new(state, caller, AlertAction::Unacknowledge, request.by, None)?;
    Ok(several(&change, alerts).await)
}

/// Resolves several alerts by hand. With --alertmanager.url an alert that still fires in Alertmanager is refused.
#[utoipa::path(post, path = "/alerts/resolve", tag = "alerts", operation_id = "resolve_alerts",
    request_body = SeveralRequest,
    responses((status = 200, description = "What was changed, and what was refused", body = SeveralDone), answers::WriteErrors))]
pub(super) async fn resolve_several(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    _: NoParameters,
    request: SeveralRequest,
) -> Answer {
    state.store()?;
    let (alerts, request) = request.split();
    Ok(several(&request.resolution(state, caller)?, alerts).await)
}

/// Applies a change to each of the alerts, and answers what became of each.
async fn several(change: &Arc<AlertChange>, alerts: AlertsToChange) -> axum::response::Response {
    let begun = Instant::now();
    let apply = |(id, acknowledged_at)| async move {
        if begun.elapsed() > LONGEST {
            return (id, Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, NOT_TRIED)));
        }
        (id, change.apply(id, acknowledged_at).await)
    };
    let mut changes = futures_util::stream::iter(alerts).map(apply).buffered(AT_ONCE);
    let mut done = SeveralDone::default();
    while let Some((id, written)) = changes.next().await {
        match written {
            Ok(written) if written.is_changed => done.alerts.push(written.alert),
            Ok(written) => done.unchanged.push(written.alert),
            Err(problem) => done.refused.push(RefusedAlert::new(id, &problem)),
        }
    }
    json(StatusCode::OK, &done)
}
