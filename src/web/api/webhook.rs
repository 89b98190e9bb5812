//! Endpoint for Alertmanager's webhook, version 4. Alertmanager repeats a notification only after an answer of 5xx. So
//! a notification that can't be understood gets 4xx, and 5xx only says that the database can't be reached.

use super::authorization::{Authorized, Operate};
use super::bodies::{self, WebhookDone};
use super::openapi::answers;
use super::problem::Problem;
use super::request;
use super::{Answer, Shared, json};
use crate::store::WebhookAlert;
use axum::extract::{Request, State as Extract};
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

/// Largest body of a notification, in bytes. Alertmanager sends all alerts of a group at once unless `max_alerts`
/// bounds them.
const MAX_BODY_BYTES: usize = 32 << 20;
const MAX_FINGERPRINT_BYTES: usize = 128;

/// Notification of Alertmanager's webhook, version 4. Other members of the JSON object are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"version": "4", "status": "firing", "receiver": "database", "alerts": [{"status": "firing",
    "labels": {"alertname": "ChannelDown", "severity": "critical", "channel": "CH_TV_HD_001"},
    "annotations": {"summary": "CH_TV_HD_001 is down"}, "startsAt": "2026-01-31T18:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "1a2b3c4d5e6f7081"}]}))]
pub(super) struct WebhookPayload {
    #[schema(pattern = "^4$")]
    version: String,
    alerts: Vec<WebhookAlert>,
    /// Number of alerts that Alertmanager left out of the notification.
    #[serde(rename = "truncatedAlerts", default)]
    #[schema(value_type = usize, required = false)]
    truncated: u64,
}

/// Writes the alerts of a notification from Alertmanager. Repeated and reordered notifications change nothing.
#[utoipa::path(post, path = "/alerts/webhook", tag = "alerts", operation_id = "webhook", request_body = WebhookPayload,
    responses((status = 200, description = "Written", body = WebhookDone), answers::WriteErrors))]
pub(super) async fn webhook(caller: Authorized<Operate>, Extract(state): Shared, request: Request) -> Answer {
    let store = state.store()?;
    let alerts = read(request).await?;
    let expired = store.write_notification(&alerts).await?;
    if let Some(alertmanager) = &state.api.alertmanager {
        alertmanager.expire(expired);
    }
    caller.audit("alerts notified", &alerts.len().to_string());
    Ok(json(StatusCode::OK, &WebhookDone { status: bodies::OK, alerts: alerts.len() }))
}

/// Reads the alerts of the notification in a request's body.
pub(super) async fn read(request: Request) -> Result<Vec<WebhookAlert>, Problem> {
    let (_, text) = request::text(request, &["application/json"], MAX_BODY_BYTES).await?;
    alerts(&text).map_err(Problem::bad)
}

fn alerts(text: &str) -> Result<Vec<WebhookAlert>, String> {
    let payload: WebhookPayload =
        serde_json::from_str(text).map_err(|e| format!("not a notification of Alertmanager's webhook: {e}"))?;
    if payload.version != "4" {
        return Err("this is not version 4 of Alertmanager's webhook".to_owned());
    }
    let (good, bad) = separate(payload.alerts);
    match bad.as_slice() {
        [] => {}
        [why, ..] if good.is_empty() => return Err((*why).to_owned()),
        // Alertmanager sends a refused notification never again, so the others are kept.
        [why, ..] => tracing::warn!(alerts = bad.len(), why, "alerts of a notification were left out"),
    }
    if payload.truncated > 0 {
        tracing::warn!(
            alerts = payload.truncated,
            "Alertmanager left alerts out; remove max_alerts from its webhook_configs"
        );
    }
    Ok(good)
}

/// Separates the alerts of a notification that can be written from the others. For each of the others the result says
/// what is wrong with it.
fn separate(alerts: Vec<WebhookAlert>) -> (Vec<WebhookAlert>, Vec<&'static str>) {
    let (mut good, mut bad) = (Vec::with_capacity(alerts.len()), Vec::new());
    for mut alert in alerts {
        alert.remove_nul();
        match fault(&alert) {
            Some(why) => bad.push(why),
            None => good.push(alert),
        }
    }
    (good, bad)
}

fn fault(alert: &WebhookAlert) -> Option<&'static str> {
    let is_time = |text: &str| text.parse::<Timestamp>().is_ok();
    if !matches!(alert.status.as_str(), "firing" | "resolved") {
        return Some("an alert's status must be firing or resolved");
    }
    if alert.fingerprint.is_empty() || alert.fingerprint.len() > MAX_FINGERPRINT_BYTES {
        return Some("an alert has no fingerprint, or one above 128 bytes");
    }
    if !alert.labels_fit() {
        return Some("the label alertname, channel or severity has more than 1024 bytes");
    }
    let good = is_time(&alert.starts_at) && alert.ends_at.as_deref().is_none_or(is_time);
    (!good).then_some("startsAt and endsAt must be times of RFC 3339")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn payload(change: impl Fn(&mut Value)) -> Result<Vec<WebhookAlert>, String> {
        let mut payload = json!({"version": "4", "receiver": "db", "alerts": [{"status": "firing",
            "labels": {"alertname": "A"}, "startsAt": "2026-01-31T18:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://p", "fingerprint": "f"}]});
        change(&mut payload);
        alerts(&payload.to_string())
    }

    #[test]
    fn a_notification_is_read_without_what_is_not_needed() {
        let alerts = payload(|_| ()).unwrap();
        let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
        assert_eq!((alert.status.as_str(), alert.fingerprint.as_str()), ("firing", "f"));
        assert_eq!((alert.starts_at.as_str(), alert.annotations.len()), ("2026-01-31T18:00:00Z", 0));
        assert_eq!(alert.ends_at.as_deref(), Some("0001-01-01T00:00:00Z"));
        assert!(payload(|p| drop(p["alerts"][0].as_object_mut().unwrap().remove("endsAt"))).is_ok());
        assert!(payload(|p| p["alerts"][0]["fingerprint"] = "f".repeat(128).into()).is_ok());
    }

    /// A notification is accepted if one of its alerts is bad: Alertmanager never repeats a refused notification, so
    /// all its alerts would be lost.
    #[test]
    fn one_bad_alert_of_a_notification_costs_no_other() {
        let both = |change: &dyn Fn(&mut Value)| {
            payload(|p| {
                let mut second = p["alerts"][0].clone();
                change(&mut second);
                p["alerts"].as_array_mut().unwrap().push(second);
            })
        };
        let kept = |change: &dyn Fn(&mut Value)| both(change).unwrap().len();
        assert_eq!(kept(&|alert| alert["startsAt"] = "yesterday".into()), 1);
        assert_eq!(kept(&|alert| alert["labels"]["channel"] = "x".repeat(1025).into()), 1);
        assert_eq!(kept(&|alert| alert["labels"]["channel"] = "x".repeat(1024).into()), 2);
        let with_nul = both(&|alert| alert["annotations"] = json!({"summary": "a\u{0}b", "\u{0}": "c"})).unwrap();
        let annotations: Vec<_> =
            with_nul[1].annotations.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(annotations, [("summary", "a\u{FFFD}b"), ("\u{FFFD}", "c")]);
    }

    #[test]
    fn a_bad_version_status_fingerprint_or_time_is_named() {
        let of = |key: &str, value: Value| payload(|p| p["alerts"][0][key] = value.clone()).unwrap_err();
        assert!(payload(|p| p["version"] = "3".into()).unwrap_err().contains("version 4"));
        assert!(of("status", "suppressed".into()).contains("firing or resolved"));
        assert!(of("fingerprint", "".into()).contains("fingerprint"));
        assert!(of("fingerprint", "f".repeat(129).into()).contains("above 128 bytes"));
        assert!(of("startsAt", "yesterday".into()).contains("RFC 3339"));
        assert!(of("endsAt", "tomorrow".into()).contains("RFC 3339"));
        assert!(alerts("{}").unwrap_err().contains("not a notification"));
    }
}
