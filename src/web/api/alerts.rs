//! Alerts: lists, acknowledge, resolve.

use super::access::{Role, audit};
use super::ask::{self, Key, Parameters};
use super::openapi::{answers, schema};
use super::problem::Problem;
use super::{Answer, Shared, json, listed};
use crate::document::{self, Document};
use crate::store::AlertFilter;
use axum::body::{Body, HttpBody as _};
use axum::extract::{RawQuery, State as Extract};
use http::{HeaderMap, StatusCode};
use packager_media::units::Timestamp;
use serde::Deserialize;
use std::time::Duration;

const USUAL_SILENCE: Duration = Duration::from_secs(3600);
const MAX_COMMENT: usize = 4096;
const MAX_SILENCE: Duration = Duration::from_secs(30 * 86_400);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    by: Option<String>,
    comment: Option<String>,
    /// How long it stays silent, such as `2h`.
    #[serde(rename = "for")]
    lasting: Option<String>,
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
pub async fn active(state: Shared, headers: HeaderMap, raw: RawQuery) -> Answer {
    of(state, headers, raw, true).await
}

/// All alerts, newest first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", operation_id = "list_alerts", params(Filters, schema::Pages),
    responses((status = 200, description = "A page", body = schema::Alerts), answers::Reading))]
pub async fn list(state: Shared, headers: HeaderMap, raw: RawQuery) -> Answer {
    of(state, headers, raw, false).await
}

async fn of(Extract(state): Shared, headers: HeaderMap, RawQuery(raw): RawQuery, active: bool) -> Answer {
    state.may(&headers, Role::Read)?;
    let mut parameters = Parameters::read(raw.as_deref())?;
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
pub async fn one(Extract(state): Shared, Key(id): Key, headers: HeaderMap) -> Answer {
    state.may(&headers, Role::Read)?;
    Ok(json(StatusCode::OK, &state.store()?.alert(number(&id)?).await?))
}

/// Acknowledges an alert. Sets a silence first, where Alertmanager is known: an acknowledgement that keeps paging is none.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert", params(("id" = i64, Path, description = "The alert's id")), request_body = Option<schema::Said>,
    responses((status = 200, description = "The alert now", body = schema::Alert), answers::Writing, answers::Keyed, answers::Conflicting, answers::Silencing))]
pub async fn acknowledge(Extract(state): Shared, Key(id): Key, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Operate)?;
    let id = number(&id)?;
    let said = said(&headers, body).await?;
    let lasting = lasting(said.lasting.as_deref())?;
    let by = by(said.by, &who)?;
    let store = state.store()?;
    let alert = store.alert(id).await?;
    let firing = alert.get("status").and_then(|s| s.as_str()) == Some("firing");
    let silence = match &state.api.alertmanager {
        Some(alertmanager) if firing => {
            let set = alertmanager.silence(&alert, &by, said.comment.as_deref(), lasting).await;
            Some(set.map_err(|why| Problem::new(StatusCode::BAD_GATEWAY, why))?)
        }
        _ => None,
    };
    let after = store.acknowledge(id, &by, said.comment.as_deref(), silence.as_deref()).await;
    let kept = after.as_ref().ok().and_then(|alert| alert.get("silence_id")?.as_str().map(str::to_owned));
    if let (Some(alertmanager), Some(silence)) = (&state.api.alertmanager, silence)
        && kept.as_ref() != Some(&silence)
    {
        // Somebody was faster, or it ended.
        alertmanager.expire(vec![silence]);
    }
    let after = after?;
    audit(&who, "alert acknowledged", &format!("{id} by {by}"));
    Ok(json(StatusCode::OK, &after))
}

/// Closes an alert by hand; still firing, it opens again at the next notification.
#[utoipa::path(post, path = "/alerts/{id}/resolve", tag = "alerts", operation_id = "resolve_alert", params(("id" = i64, Path, description = "The alert's id")), request_body = Option<schema::Said>,
    responses((status = 200, description = "The alert now", body = schema::Alert), answers::Writing, answers::Keyed))]
pub async fn resolve(Extract(state): Shared, Key(id): Key, headers: HeaderMap, body: Body) -> Answer {
    let who = state.may(&headers, Role::Operate)?;
    let id = number(&id)?;
    let said = said(&headers, body).await?;
    if said.lasting.is_some() {
        return Err(Problem::bad("`for` belongs to acknowledge; a resolved alert opens again if it still fires"));
    }
    let by = by(said.by, &who)?;
    let after = state.store()?.resolve(id, &by, said.comment.as_deref()).await?;
    let silence = after.get("silence_id").and_then(|s| s.as_str()).map(str::to_owned);
    if let (Some(alertmanager), Some(silence)) = (&state.api.alertmanager, silence) {
        alertmanager.expire(vec![silence]);
    }
    audit(&who, "alert resolved", &format!("{id} by {by}"));
    Ok(json(StatusCode::OK, &after))
}

/// An empty body says nothing and needs no content type.
async fn said(headers: &HeaderMap, body: Body) -> Result<Said, Problem> {
    if body.is_end_stream() {
        return Ok(Said::default());
    }
    let document: Document = ask::document(headers, body).await?;
    let said: Said = document::read(&document.root).map_err(|faults| Problem::fields(&document.errors(faults)))?;
    if said.comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT) {
        return Err(Problem::bad(format!("`comment` must have at most {MAX_COMMENT} characters")));
    }
    Ok(said)
}

fn by(said: Option<String>, who: &str) -> Result<String, Problem> {
    let by = said.unwrap_or_else(|| who.to_owned());
    let fits = !by.trim().is_empty() && by.chars().count() <= 128 && !by.chars().any(char::is_control);
    // It tells Alertmanager's own end of an alert from a person's.
    if fits && by != "alertmanager" { Ok(by) } else { Err(Problem::bad("`by` must be a name of 1 to 128 characters")) }
}

fn lasting(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(USUAL_SILENCE) };
    let lasting = humantime::parse_duration(text).ok().filter(|d| !d.is_zero() && *d <= MAX_SILENCE);
    lasting.ok_or_else(|| Problem::bad("`for` must be a length of time such as 30m or 8h, at most 30d"))
}

fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::new(StatusCode::NOT_FOUND, "an alert's id is a number"))
}
