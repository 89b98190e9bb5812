//! Alerts: lists, acknowledge, resolve.

use super::authorization::{Authorized, Operate, Read};
use super::openapi::{answers, schema};
use super::problem::Problem;
use super::request::{AlertId, JsonBody, Parameters};
use super::{Answer, Shared, json, listed};
use crate::document;
use crate::store::AlertFilter;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request, State as Extract};
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::Deserialize;
use std::time::Duration;

const DEFAULT_SILENCE: Duration = Duration::from_secs(3600);
const MAX_COMMENT_CHARS: usize = 4096;
const MAX_SILENCE: Duration = Duration::from_secs(30 * 86_400);

/// Body of an acknowledgement or a resolution. An empty body stands for an empty object and needs no content type.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AckRequest {
    /// Person who acts; the token's name when missing.
    by: Option<String>,
    comment: Option<String>,
    /// Duration of the silence, such as `2h`; 1 h when missing.
    #[serde(rename = "for")]
    duration: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for AckRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self::default());
        }
        let JsonBody(document) = JsonBody::from_request(request, state).await?;
        let request: Self =
            document::read(&document.root).map_err(|faults| Problem::fields(&document.errors(faults)))?;
        if request.comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT_CHARS) {
            return Err(Problem::bad(format!("`comment` must have at most {MAX_COMMENT_CHARS} characters")));
        }
        Ok(request)
    }
}

/// What the lists may be narrowed to, for the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Filters {
    /// The label `severity`.
    #[param(max_length = 512)]
    severity: Option<String>,
    #[param(pattern = "^(|firing|acknowledged|resolved)$")]
    status: Option<String>,
    /// A channel's code.
    #[param(max_length = 512)]
    channel: Option<String>,
    /// Started at or after this time, RFC 3339.
    #[param(pattern = "^(|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$")]
    since: Option<String>,
}

/// What is firing or acknowledged, newest first.
#[utoipa::path(get, path = "/alerts/active", tag = "alerts", operation_id = "active_alerts", params(Filters, schema::Pages),
    responses((status = 200, description = "A page", body = schema::Alerts), answers::Reading))]
pub async fn active(_: Authorized<Read>, state: Shared, parameters: Parameters) -> Answer {
    page(state, parameters, true).await
}

/// All alerts, newest first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", operation_id = "list_alerts", params(Filters, schema::Pages),
    responses((status = 200, description = "A page", body = schema::Alerts), answers::Reading))]
pub async fn list(_: Authorized<Read>, state: Shared, parameters: Parameters) -> Answer {
    page(state, parameters, false).await
}

async fn page(Extract(state): Shared, mut parameters: Parameters, active: bool) -> Answer {
    let (limit, before) = parameters.page()?;
    let filter = AlertFilter {
        active,
        severity: parameters.text("severity"),
        status: parameters.text("status"),
        channel: parameters.text("channel"),
        since: parameters.text("since"),
        before,
        limit,
    };
    parameters.end()?;
    if filter.status.as_ref().is_some_and(|s| !matches!(s.as_str(), "firing" | "acknowledged" | "resolved")) {
        return Err(Problem::bad("parameter `status` must be firing, acknowledged or resolved"));
    }
    if filter.since.as_ref().is_some_and(|since| since.parse::<Timestamp>().is_err()) {
        return Err(Problem::bad("parameter `since` must be a time such as 2026-01-31T18:00:00Z"));
    }
    Ok(listed("alerts", state.store()?.alerts(&filter).await?))
}

/// One alert.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", operation_id = "alert", params(("id" = i64, Path, description = "The alert's id")),
    responses((status = 200, description = "The alert", body = schema::Alert), answers::Reading, answers::Keyed))]
pub async fn one(_: Authorized<Read>, Extract(state): Shared, AlertId(id): AlertId) -> Answer {
    Ok(json(StatusCode::OK, &state.store()?.alert(id).await?))
}

/// Acknowledges an alert. Sets a silence first, where Alertmanager is known: an acknowledgement that keeps paging is none.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert", params(("id" = i64, Path, description = "The alert's id")), request_body = Option<schema::Said>,
    responses((status = 200, description = "The alert now", body = schema::Alert), answers::Writing, answers::Keyed, answers::Conflicting, answers::Silencing))]
pub async fn acknowledge(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    AlertId(id): AlertId,
    request: AckRequest,
) -> Answer {
    let duration = silence_duration(request.duration.as_deref())?;
    let by = person(request.by, &caller)?;
    let store = state.store()?;
    let alert = store.alert(id).await?;
    let firing = alert.get("status").and_then(|s| s.as_str()) == Some("firing");
    let labels = alert.get("labels").cloned().map(serde_json::from_value).and_then(Result::ok).unwrap_or_default();
    let silence = match &state.api.alertmanager {
        Some(alertmanager) if firing => {
            let set = alertmanager.silence(&labels, &by, request.comment.as_deref(), duration).await;
            Some(set.map_err(|why| Problem::new(StatusCode::BAD_GATEWAY, why))?)
        }
        _ => None,
    };
    let after = store.acknowledge(id, &by, request.comment.as_deref(), silence.as_deref()).await;
    let kept = after.as_ref().ok().and_then(|alert| alert.get("silence_id")?.as_str().map(str::to_owned));
    if let (Some(alertmanager), Some(silence)) = (&state.api.alertmanager, silence)
        && kept.as_ref() != Some(&silence)
    {
        // Somebody was faster, or it ended.
        alertmanager.expire(vec![silence]);
    }
    let after = after?;
    caller.audit("alert acknowledged", &format!("{id} by {by}"));
    Ok(json(StatusCode::OK, &after))
}

/// Closes an alert by hand; still firing, it opens again at the next notification.
#[utoipa::path(post, path = "/alerts/{id}/resolve", tag = "alerts", operation_id = "resolve_alert", params(("id" = i64, Path, description = "The alert's id")), request_body = Option<schema::Said>,
    responses((status = 200, description = "The alert now", body = schema::Alert), answers::Writing, answers::Keyed))]
pub async fn resolve(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    AlertId(id): AlertId,
    request: AckRequest,
) -> Answer {
    if request.duration.is_some() {
        return Err(Problem::bad("`for` belongs to acknowledge; a resolved alert opens again if it still fires"));
    }
    let by = person(request.by, &caller)?;
    let after = state.store()?.resolve(id, &by, request.comment.as_deref()).await?;
    let silence = after.get("silence_id").and_then(|s| s.as_str()).map(str::to_owned);
    if let (Some(alertmanager), Some(silence)) = (&state.api.alertmanager, silence) {
        alertmanager.expire(vec![silence]);
    }
    caller.audit("alert resolved", &format!("{id} by {by}"));
    Ok(json(StatusCode::OK, &after))
}

/// Name of the person who acts: `by` of the body, else the name of the caller's token.
fn person(by: Option<String>, caller: &Authorized<Operate>) -> Result<String, Problem> {
    let by = by.unwrap_or_else(|| caller.caller.clone());
    let fits = !by.trim().is_empty() && by.chars().count() <= 128 && !by.chars().any(char::is_control);
    // This name in `resolved_by` marks the ends that Alertmanager reported.
    if fits && by != "alertmanager" { Ok(by) } else { Err(Problem::bad("`by` must be a name of 1 to 128 characters")) }
}

fn silence_duration(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_SILENCE) };
    let duration = humantime::parse_duration(text).ok().filter(|d| !d.is_zero() && *d <= MAX_SILENCE);
    duration.ok_or_else(|| Problem::bad("`for` must be a length of time such as 30m or 8h, at most 30d"))
}
