//! Alertmanager's webhook, version 4. Only a 5xx makes Alertmanager tell it again, so only an absent database is one.

use super::authorization::{Authorized, Operate};
use super::openapi::{answers, schema};
use super::problem::Problem;
use super::request;
use super::{Answer, Shared, json};
use crate::store::Notification;
use axum::extract::{Request, State as Extract};
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::Deserialize;
use serde_json::json as value;

/// Alertmanager sends all alerts of a group at once, unless `max_alerts` bounds them.
const MAX_BODY: usize = 32 << 20;

/// What is used of it; later versions of Alertmanager may say more.
#[derive(Debug, Deserialize)]
struct Told {
    version: String,
    alerts: Vec<Notification>,
    #[serde(default, rename = "truncatedAlerts")]
    truncated: u64,
}

/// Takes Alertmanager's notification in; repeats and reordering change nothing.
#[utoipa::path(post, path = "/alerts/webhook", tag = "alerts", operation_id = "webhook", request_body = schema::Webhook,
    responses((status = 200, description = "Written", body = schema::WebhookDone), answers::Writing))]
pub async fn webhook(caller: Authorized<Operate>, Extract(state): Shared, request: Request) -> Answer {
    let store = state.store()?;
    let alerts = read(request).await?;
    let expired = store.notified(&alerts).await?;
    if let Some(alertmanager) = &state.api.alertmanager {
        alertmanager.expire(expired);
    }
    caller.audit("alerts notified", &alerts.len().to_string());
    Ok(json(StatusCode::OK, &value!({"status": "ok", "alerts": alerts.len()})))
}

/// The alerts of a notification.
pub async fn read(request: Request) -> Result<Vec<Notification>, Problem> {
    let (_, text) = request::text(request, &["application/json"], MAX_BODY).await?;
    let told: Told = serde_json::from_str(&text)
        .map_err(|e| Problem::bad(format!("not a notification of Alertmanager's webhook: {e}")))?;
    if told.version != "4" {
        return Err(Problem::bad("this is not version 4 of Alertmanager's webhook"));
    }
    if let Some(why) = told.alerts.iter().find_map(wrong) {
        return Err(Problem::bad(why));
    }
    if told.truncated > 0 {
        tracing::warn!(
            alerts = told.truncated,
            "Alertmanager left alerts out; take max_alerts out of its webhook_configs"
        );
    }
    Ok(told.alerts)
}

fn wrong(alert: &Notification) -> Option<String> {
    let time = |text: &str| text.parse::<Timestamp>().is_ok();
    if !matches!(alert.status.as_str(), "firing" | "resolved") {
        return Some("an alert's status must be firing or resolved".to_owned());
    }
    if alert.fingerprint.is_empty() || alert.fingerprint.len() > 128 {
        return Some("an alert has no fingerprint, or one above 128 bytes".to_owned());
    }
    let good = time(&alert.starts_at) && alert.ends_at.as_deref().is_none_or(time);
    (!good).then(|| "startsAt and endsAt must be times of RFC 3339".to_owned())
}
