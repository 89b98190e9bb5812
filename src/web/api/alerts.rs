//! Endpoints for alerts: lists, history, acknowledgement and resolution.

use super::alert_changes::{AlertAction, AlertChange};
use super::authorization::{Authorized, Operate, Read};
use super::bodies::{self, AlertHistory, AlertPage};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{AlertId, Parameters, typed_json};
use super::{Answer, Shared, json};
use crate::store::{AlertFilter, AlertRow};
use crate::web::ServerState;
use crate::web::access::{Caller, is_name};
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request, State as Extract};
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

const DEFAULT_SILENCE: Duration = Duration::from_secs(3600);
const MAX_SILENCE: Duration = Duration::from_secs(30 * 86_400);
const MAX_COMMENT_CHARS: usize = 4096;
/// Value of `resolved_by` for an alert whose end Alertmanager reported. No person may have this name.
const ALERTMANAGER: &str = "alertmanager";

/// Body of an acknowledgement or a resolution. An empty body is the same as an empty object and needs no content type.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"by": "lan", "comment": "packager-01 restarts", "for": "2h"}))]
pub(super) struct AckRequest {
    /// Name of the person who acts. Without the field it is the token's name. For a caller who is logged in (a session,
    /// user or proxy) it is always the caller's name.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) by: Option<String>,
    #[schema(max_length = 4096)]
    pub(super) comment: Option<String>,
    /// Duration of the silence, such as `30m` or `8h`. Without the field it is 1 h. Only an acknowledgement may have
    /// it.
    #[serde(rename = "for")]
    #[schema(max_length = 64)]
    pub(super) duration: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for AckRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self::default());
        }
        let request: Self = typed_json(request).await?;
        demand_short(request.comment.as_deref())?;
        Ok(request)
    }
}

impl AckRequest {
    /// Makes the change that acknowledges alerts.
    pub(super) fn acknowledgement(
        self,
        state: Arc<ServerState>,
        caller: Authorized<Operate>,
    ) -> Result<Arc<AlertChange>, Problem> {
        let duration = silence_duration(self.duration.as_deref())?;
        AlertChange::new(state, caller, AlertAction::Acknowledge(duration), self.by, self.comment)
    }

    /// Makes the change that resolves alerts by hand.
    pub(super) fn resolution(
        self,
        state: Arc<ServerState>,
        caller: Authorized<Operate>,
    ) -> Result<Arc<AlertChange>, Problem> {
        if self.duration.is_some() {
            return Err(Problem::bad("`for` belongs to acknowledge; a resolved alert opens again if it still fires"));
        }
        AlertChange::new(state, caller, AlertAction::Resolve, self.by, self.comment)
    }
}

/// Refuses a comment of more than [`MAX_COMMENT_CHARS`] characters.
pub(super) fn demand_short(comment: Option<&str>) -> Result<(), Problem> {
    if comment.is_some_and(|comment| comment.chars().count() > MAX_COMMENT_CHARS) {
        return Err(Problem::bad(format!("`comment` must have at most {MAX_COMMENT_CHARS} characters")));
    }
    Ok(())
}

/// Filters of the lists of alerts, for the OpenAPI document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Filters {
    /// Severity of the listed alerts: the value of the label `severity`.
    #[param(max_length = 512)]
    severity: Option<String>,
    #[param(pattern = "^(|firing|acknowledged|resolved)$")]
    status: Option<String>,
    /// Code of the channel of the listed alerts.
    #[param(max_length = 512)]
    channel: Option<String>,
    /// Name of the listed alerts: the value of the label `alertname`.
    #[param(max_length = 512)]
    alertname: Option<String>,
    /// Earliest start of the listed alerts, RFC 3339.
    #[param(pattern = "^(|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$")]
    since: Option<String>,
    /// Earliest end of the listed alerts, RFC 3339. Active alerts have no end and are listed, too.
    #[param(pattern = "^(|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$")]
    active_since: Option<String>,
}

/// Lists firing and acknowledged alerts, newest first.
#[utoipa::path(get, path = "/alerts/active", tag = "alerts", operation_id = "active_alerts",
    params(Filters, bodies::Pages),
    responses((status = 200, description = "A page", body = AlertPage), answers::ReadErrors))]
pub(super) async fn active(_: Authorized<Read>, state: Shared, parameters: Parameters) -> Answer {
    page(state, parameters, true).await
}

/// Lists all alerts, newest first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", operation_id = "list_alerts", params(Filters, bodies::Pages),
    responses((status = 200, description = "A page", body = AlertPage), answers::ReadErrors))]
pub(super) async fn list(_: Authorized<Read>, state: Shared, parameters: Parameters) -> Answer {
    page(state, parameters, false).await
}

async fn page(Extract(state): Shared, mut parameters: Parameters, active: bool) -> Answer {
    let filter = filter(&mut parameters, active)?;
    parameters.end()?;
    if filter.status.as_ref().is_some_and(|s| !matches!(s.as_str(), "firing" | "acknowledged" | "resolved")) {
        return Err(Problem::bad("parameter `status` must be firing, acknowledged or resolved"));
    }
    for (name, time) in [("since", &filter.since), ("active_since", &filter.active_since)] {
        if time.as_ref().is_some_and(|time| time.parse::<Timestamp>().is_err()) {
            return Err(Problem::bad(format!("parameter `{name}` must be a time such as 2026-01-31T18:00:00Z")));
        }
    }
    let page = state.store()?.alerts(&filter).await?;
    Ok(json(StatusCode::OK, &AlertPage::from(page)))
}

fn filter(parameters: &mut Parameters, active: bool) -> Result<AlertFilter, Problem> {
    let (limit, before) = parameters.page()?;
    Ok(AlertFilter {
        active,
        severity: parameters.text("severity"),
        status: parameters.text("status"),
        channel: parameters.text("channel"),
        alertname: parameters.text("alertname"),
        since: parameters.text("since"),
        active_since: parameters.text("active_since"),
        before,
        limit,
    })
}

/// Reads one alert.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", operation_id = "alert",
    params(("id" = i64, Path, description = "Id of the alert")),
    responses((status = 200, description = "The alert", body = AlertRow), answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn one(_: Authorized<Read>, Extract(state): Shared, AlertId(id): AlertId) -> Answer {
    Ok(json(StatusCode::OK, &state.store()?.alert(id).await?))
}

/// Acknowledges an alert. With --alertmanager.url the alert is silenced in Alertmanager first; if that fails, nothing
/// is changed. An alert that somebody has acknowledged already keeps that acknowledgement.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert",
    params(("id" = i64, Path, description = "Id of the alert")), request_body = Option<AckRequest>,
    responses((status = 200, description = "The alert after the write", body = AlertRow), answers::WriteErrors,
        answers::EntryErrors, answers::ConflictErrors, answers::SilenceErrors))]
pub(super) async fn acknowledge(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    AlertId(id): AlertId,
    request: AckRequest,
) -> Answer {
    let change = request.acknowledgement(state, caller)?;
    Ok(json(StatusCode::OK, &change.apply(id, None).await?.alert))
}

/// Lists the events of an alert, oldest first: it fired, was acknowledged, was reopened, got another text, ended.
#[utoipa::path(get, path = "/alerts/{id}/history", tag = "alerts", operation_id = "alert_history",
    params(("id" = i64, Path, description = "Id of the alert")),
    responses((status = 200, description = "At most the newest 1,000 events", body = AlertHistory), answers::ReadErrors,
        answers::EntryErrors))]
pub(super) async fn history(_: Authorized<Read>, Extract(state): Shared, AlertId(id): AlertId) -> Answer {
    let events = state.store()?.alert_history(id).await?;
    Ok(json(StatusCode::OK, &AlertHistory { events }))
}

/// Resolves an alert by hand. With --alertmanager.url an alert that still fires in Alertmanager can't be resolved, and the silence
/// of an acknowledged alert is ended first; if that fails, nothing is changed. Without it the next notification reopens the alert.
#[utoipa::path(post, path = "/alerts/{id}/resolve", tag = "alerts", operation_id = "resolve_alert",
    params(("id" = i64, Path, description = "Id of the alert")), request_body = Option<AckRequest>,
    responses((status = 200, description = "The alert after the write", body = AlertRow), answers::WriteErrors,
        answers::EntryErrors, answers::ConflictErrors, answers::SilenceErrors))]
pub(super) async fn resolve(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    AlertId(id): AlertId,
    request: AckRequest,
) -> Answer {
    let change = request.resolution(state, caller)?;
    Ok(json(StatusCode::OK, &change.apply(id, None).await?.alert))
}

/// Returns the name of the person who acts: the caller who is logged in, otherwise `by` of the body, otherwise the name
/// of the caller's token.
pub(super) fn person(by: Option<String>, caller: &Caller) -> Result<String, Problem> {
    let by = by.filter(|_| !caller.is_logged_in()).unwrap_or_else(|| caller.name.clone());
    let fits = is_name(&by);
    if fits && by != ALERTMANAGER { Ok(by) } else { Err(Problem::bad("`by` must be a name of 1 to 128 characters")) }
}

pub(super) fn silence_duration(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_SILENCE) };
    let duration = humantime::parse_duration(text).ok().filter(|d| !d.is_zero() && *d <= MAX_SILENCE);
    duration.ok_or_else(|| Problem::bad("`for` must be a length of time such as 30m or 8h, at most 30d"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::access::Identity;
    use axum::body::Body;

    #[test]
    fn a_silence_lasts_an_hour_or_as_long_as_asked_up_to_thirty_days() {
        let seconds = |text| silence_duration(text).ok().map(|duration| duration.as_secs());
        assert_eq!((seconds(None), seconds(Some("30m")), seconds(Some("1s"))), (Some(3600), Some(1800), Some(1)));
        assert_eq!(seconds(Some("30d")), Some(30 * 86_400));
        for bad in ["30d 1s", "0s", "", "soon", "-1h"] {
            assert_eq!(seconds(Some(bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_person_has_a_name_of_1_to_128_characters_that_is_not_alertmanagers() {
        let caller = |name: &str, identity| Caller {
            name: name.to_owned(),
            role: None,
            identity,
            failure: None,
            open_scrapes: true,
        };
        let token = caller("token", Identity::Token);
        let person = |by: &str| person(Some(by.to_owned()), &token).is_ok();
        assert!(person("l") && person(&"ế".repeat(128)));
        for bad in ["", "  ", "a\nb", "alertmanager", &"ế".repeat(129)] {
            assert!(!person(bad), "{bad}");
        }
        assert_eq!(super::person(None, &token).unwrap(), "token");
        assert!(super::person(None, &caller("alertmanager", Identity::Token)).is_err());
        let by = super::person(Some("minh".to_owned()), &caller("lan", Identity::User));
        assert_eq!(by.unwrap(), "lan", "who is logged in is nobody else");
    }

    async fn read(body: &'static str, content_type: Option<&str>) -> Result<AckRequest, u16> {
        let mut request = Request::builder();
        if let Some(kind) = content_type {
            request = request.header("content-type", kind);
        }
        let request = request.body(Body::from(body)).unwrap();
        AckRequest::from_request(request, &()).await.map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn an_empty_body_stands_for_an_empty_object_and_another_is_strict() {
        assert_eq!(read("", None).await, Ok(AckRequest::default()));
        let lan = AckRequest { by: Some("lan".to_owned()), ..AckRequest::default() };
        assert_eq!(read(r#"{"by": "lan"}"#, Some("application/json; charset=utf-8")).await, Ok(lan));
        assert_eq!(read(r#"{"by": "lan"}"#, Some("text/plain")).await, Err(415));
        assert_eq!(read(r#"{"by": "lan""#, Some("application/json")).await, Err(400));
        assert_eq!(read(r#"{"who": "lan"}"#, Some("application/json")).await, Err(422));
    }

    #[tokio::test]
    async fn a_comment_has_at_most_4096_characters() {
        for (length, expected) in [(4096, None), (4097, Some(400))] {
            let body: &'static str = format!(r#"{{"comment": "{}"}}"#, "ế".repeat(length)).leak();
            assert_eq!(read(body, Some("application/json")).await.err(), expected, "{length}");
        }
    }
}
