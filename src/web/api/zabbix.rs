//! Endpoint that takes Alertmanager's webhook and forwards the alerts to Zabbix.

use super::authorization::{Authorized, Operate};
use super::bodies::{self, ZabbixDone};
use super::openapi::answers;
use super::problem::Problem;
use super::webhook::{self, WebhookPayload};
use super::{Answer, Shared, json};
use crate::store::WebhookAlert;
use crate::zabbix::{AlertNotification, AlertState};
use axum::extract::{Request, State as Extract};
use http::StatusCode;
use std::collections::BTreeMap;

/// Longest text of a value for Zabbix, in characters. Values are kept in memory while Zabbix can't be reached.
const MAX_TEXT_CHARS: usize = 1024;

/// Forwards Alertmanager's notification to Zabbix.
#[utoipa::path(post, path = "/alerts/zabbix", tag = "alerts", operation_id = "zabbix", request_body = WebhookPayload,
    responses((status = 202, description = "Queued", body = ZabbixDone), answers::WriteErrors))]
pub(super) async fn trigger(_: Authorized<Operate>, Extract(state): Shared, request: Request) -> Answer {
    let alerts = webhook::read(request).await?;
    let (beats, alerts): (Vec<_>, Vec<_>) = alerts.into_iter().partition(is_watchdog);
    let states = states(&alerts);
    let count = states.len();
    let zabbix = state.api.zabbix.as_ref().ok_or_else(|| unavailable("this exporter sends nothing to Zabbix"))?;
    zabbix
        .offer(AlertNotification { states, alive: !beats.is_empty() })
        .map_err(|why| unavailable(&why.to_string()))?;
    Ok(json(StatusCode::ACCEPTED, &ZabbixDone { status: bodies::OK, values: count }))
}

/// Forwards Alertmanager's notification to Zabbix, as `/api/v1/alerts/zabbix` does, at the path of older deployments.
#[utoipa::path(post, path = "/api/zabixtrigger", tag = "alerts", operation_id = "zabbix_of_the_guide", request_body = WebhookPayload,
    responses((status = 202, description = "Queued", body = ZabbixDone), answers::WriteErrors))]
pub(super) async fn old_path(caller: Authorized<Operate>, state: Shared, request: Request) -> Answer {
    trigger(caller, state, request).await
}

fn unavailable(why: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// Returns whether an alert is the watchdog. It has the severity `none`, always fires and notifies nobody; it shows
/// that alerts arrive.
fn is_watchdog(alert: &WebhookAlert) -> bool {
    alert.status == "firing" && alert.labels.get("severity").is_some_and(|severity| severity == "none")
}

/// Makes one state for each alert on each channel, with the highest severity, because several renditions of a channel
/// may have the same alert.
fn states(alerts: &[WebhookAlert]) -> Vec<AlertState> {
    let mut worst: BTreeMap<(String, String), (u8, String)> = BTreeMap::new();
    for alert in alerts {
        let label = |name: &str| alert.labels.get(name).map(|text| plain(text)).filter(|text| !text.is_empty());
        let channel = label("channel").or_else(|| label("packager")).unwrap_or_else(|| "-".to_owned());
        let pair = (channel, label("alertname").unwrap_or_else(|| "-".to_owned()));
        let firing = alert.status == "firing";
        let severity = if firing { severity(alert.labels.get("severity").map(String::as_str)) } else { 0 };
        let text =
            alert.annotations.get("summary").filter(|_| firing).map(|text| text.chars().take(MAX_TEXT_CHARS).collect());
        let entry = worst.entry(pair).or_default();
        if severity > entry.0 {
            *entry = (severity, text.unwrap_or_default());
        }
    }
    let state = |((channel, alert), (severity, text))| AlertState { channel, alert, severity, text };
    worst.into_iter().map(state).collect()
}

fn severity(label: Option<&str>) -> u8 {
    match label {
        Some("critical") => 4,
        Some("major") => 3,
        Some("minor") => 2,
        _ => 1,
    }
}

/// Makes a text fit for a parameter of an item key without quotes: at most 64 characters, of which all but letters,
/// digits, `_`, `-` and `.` are replaced by `_`.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.chars().take(64).map(|c| if fits(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(status: &str, labels: &[(&str, &str)], summary: &str) -> WebhookAlert {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        WebhookAlert {
            fingerprint: "f".to_owned(),
            status: status.to_owned(),
            labels: pairs(labels),
            annotations: pairs(&[("summary", summary)]),
            starts_at: String::new(),
            ends_at: None,
        }
    }

    fn down(status: &str, severity: &str, summary: &str) -> WebhookAlert {
        alert(status, &[("alertname", "Down"), ("channel", "CH 1"), ("severity", severity)], summary)
    }

    #[test]
    fn each_alert_of_a_channel_has_the_state_of_its_highest_severity() {
        let states = states(&[
            down("firing", "minor", "one"),
            down("firing", "critical", "two"),
            down("firing", "major", "three"),
            down("resolved", "critical", "four"),
        ]);
        let [state] = states.as_slice() else { panic!("{} states", states.len()) };
        assert_eq!((state.channel.as_str(), state.alert.as_str()), ("CH_1", "Down"));
        assert_eq!((state.severity, state.text.as_str()), (4, "two"));
    }

    #[test]
    fn a_resolved_alert_has_severity_0_and_no_text() {
        let states = states(&[down("resolved", "critical", "gone")]);
        assert_eq!(states.iter().map(|s| (s.severity, s.text.as_str())).collect::<Vec<_>>(), [(0, "")]);
    }

    #[test]
    fn every_severity_has_its_number_and_an_unknown_one_counts_as_the_lowest() {
        let numbers = ["critical", "major", "minor", "warning"].map(|label| severity(Some(label)));
        assert_eq!((numbers, severity(None)), ([4, 3, 2, 1], 1));
    }

    #[test]
    fn an_alert_without_a_channel_is_of_its_packager_or_of_none() {
        let of = |labels: &[(&str, &str)]| states(&[alert("firing", labels, "")])[0].channel.clone();
        assert_eq!(of(&[("packager", "packager-01")]), "packager-01");
        assert_eq!((of(&[("channel", ""), ("packager", "p")]), of(&[])), ("p".to_owned(), "-".to_owned()));
    }

    #[test]
    fn a_text_is_cut_and_a_name_made_fit_for_an_item_key() {
        let long = states(&[down("firing", "major", &"ế".repeat(MAX_TEXT_CHARS + 1))])[0].text.chars().count();
        assert_eq!(long, MAX_TEXT_CHARS);
        assert_eq!((plain("A_b-c.9"), plain("a,b]\"ế")), ("A_b-c.9".to_owned(), "a_b___".to_owned()));
        assert_eq!(plain(&"x".repeat(65)).len(), 64);
    }

    #[test]
    fn only_a_firing_alert_of_severity_none_is_a_watchdog() {
        assert!(is_watchdog(&down("firing", "none", "")));
        assert!(!is_watchdog(&down("resolved", "none", "")) && !is_watchdog(&down("firing", "critical", "")));
        assert!(!is_watchdog(&alert("firing", &[], "")));
    }
}
