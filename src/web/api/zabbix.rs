//! Endpoint that takes Alertmanager's webhook and forwards the alerts to Zabbix.

use super::authorization::{Authorized, Operate};
use super::bodies::{self, ZabbixDone};
use super::openapi::answers;
use super::problem::Problem;
use super::webhook::{self, WebhookPayload};
use super::{Answer, Shared, json};
use crate::alertmanager::AlertListener;
use crate::store::{EndedAlerts, PresentAlert, WebhookAlert};
use crate::zabbix::{AlertNotification, AlertState, OfferError, ZabbixQueue};
use axum::extract::{Request, State as Extract};
use http::StatusCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Longest text of a value for Zabbix, in characters. Values are kept in memory while Zabbix can't be reached.
const MAX_TEXT_CHARS: usize = 1024;
/// Number of the severity major in a value for Zabbix.
const MAJOR: u8 = 3;
/// Largest number of ended alerts that are remembered.
const MAX_ENDED: usize = 20_000;

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
        let firing = alert.status == "firing";
        let severity = if firing { severity(alert.labels.get("severity").map(String::as_str)) } else { 0 };
        let text =
            alert.annotations.get("summary").filter(|_| firing).map(|text| text.chars().take(MAX_TEXT_CHARS).collect());
        let entry = worst.entry(pair(&alert.labels)).or_default();
        if severity > entry.0 {
            *entry = (severity, text.unwrap_or_default());
        }
    }
    let state = |((channel, alert), (severity, text))| AlertState { channel, alert, severity, text };
    worst.into_iter().map(state).collect()
}

/// Returns the channel and the name under which Zabbix has an alert with these labels.
fn pair(labels: &BTreeMap<String, String>) -> (String, String) {
    let label = |name: &str| labels.get(name).map(|text| plain(text)).filter(|text| !text.is_empty());
    let channel = label("channel").or_else(|| label("packager")).unwrap_or_else(|| "-".to_owned());
    (channel, label("alertname").unwrap_or_else(|| "-".to_owned()))
}

/// Sender of the ends of alerts to Zabbix of which Alertmanager sends no notification, because the alerts are silenced or inhibited
/// then. Alertmanager goes on as if the alert had never ended: if it fires again, it is not notified until the route's
/// `repeat_interval` is over. So this sender tells Zabbix that too.
pub(crate) struct UnnotifiedEnds {
    queue: ZabbixQueue,
    /// Channels and names of the alerts that this sender has ended in Zabbix, and that haven't fired again.
    ended: Mutex<BTreeSet<(String, String)>>,
}

impl UnnotifiedEnds {
    pub(crate) fn new(queue: ZabbixQueue) -> Self {
        Self { queue, ended: Mutex::default() }
    }

    fn offer(&self, states: &[AlertState]) -> bool {
        if states.is_empty() {
            return false;
        }
        let offered = self.queue.offer(AlertNotification { states: states.to_vec(), alive: false });
        if let Err(why @ OfferError::Full) = &offered {
            tracing::error!(%why, "Zabbix does not learn of alerts that are silenced or inhibited; look for them there");
        }
        offered.is_ok()
    }
}

impl AlertListener for UnnotifiedEnds {
    fn present(&self, alerts: &[PresentAlert]) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let states = fired_again(alerts, &ended);
        if self.offer(&states) {
            ended.retain(|pair| !states.iter().any(|state| (&state.channel, &state.alert) == (&pair.0, &pair.1)));
        }
    }

    fn ended(&self, alerts: &EndedAlerts) {
        let states = ends(alerts);
        if self.offer(&states) {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.extend(states.into_iter().map(|state| (state.channel, state.alert)));
            while ended.len() > MAX_ENDED {
                ended.pop_first();
            }
        }
    }
}

/// Makes the states of the alerts among `ended` that fire again and are neither silenced nor inhibited. Those below major are left
/// out, because alertmanager.yml sends Zabbix only critical and major alerts.
fn fired_again(alerts: &[PresentAlert], ended: &BTreeSet<(String, String)>) -> Vec<AlertState> {
    if ended.is_empty() {
        return Vec::new();
    }
    let is_told = |present: &&PresentAlert| present.inhibited_by.is_empty() && present.silenced_by.is_empty();
    let known = |alert: &&WebhookAlert| ended.contains(&pair(&alert.labels));
    let again: Vec<_> = alerts.iter().filter(is_told).map(|present| &present.alert).filter(known).cloned().collect();
    states(&again).into_iter().filter(|state| state.severity >= MAJOR).collect()
}

/// Makes the state *resolved* for each suppressed alert on each channel that has ended and that no open alert keeps firing.
fn ends(alerts: &EndedAlerts) -> Vec<AlertState> {
    let open: BTreeSet<_> = alerts.still_open.iter().map(pair).collect();
    let suppressed = alerts.ended.iter().filter(|ended| ended.is_suppressed);
    let ended: BTreeSet<_> = suppressed.map(|ended| pair(&ended.alert.labels)).collect();
    let state = |(channel, alert): &(String, String)| AlertState {
        channel: channel.clone(),
        alert: alert.clone(),
        severity: 0,
        text: String::new(),
    };
    ended.difference(&open).map(state).collect()
}

fn severity(label: Option<&str>) -> u8 {
    match label {
        Some("critical") => 4,
        Some("major") => MAJOR,
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
    use crate::store::{EndedAlert, PostableAlert};

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
    fn an_alert_ends_with_the_last_of_its_channel() {
        let labels = |channel: &str, rendition: &str| {
            alert("firing", &[("alertname", "Down"), ("channel", channel), ("rendition", rendition)], "").labels
        };
        let ended = |labels| EndedAlert {
            silence_id: None,
            is_suppressed: true,
            alert: PostableAlert {
                labels,
                annotations: BTreeMap::new(),
                starts_at: String::new(),
                ends_at: String::new(),
            },
        };
        let all = [("TV1", "480p"), ("TV1", "720p"), ("TV2", "480p")];
        let ended = all.map(|(channel, rendition)| ended(labels(channel, rendition))).to_vec();
        let mut alerts = EndedAlerts { ended, still_open: vec![labels("TV2", "720p"), labels("TV3", "480p")] };
        let of = |alerts: &EndedAlerts| ends(alerts).into_iter().map(|s| (s.channel, s.severity)).collect::<Vec<_>>();
        assert_eq!(of(&alerts), [("TV1".to_owned(), 0)]);
        alerts.still_open.clear();
        assert_eq!(of(&alerts), [("TV1".to_owned(), 0), ("TV2".to_owned(), 0)]);
        alerts.ended.iter_mut().for_each(|ended| ended.is_suppressed = false);
        assert_eq!(of(&alerts), [], "Alertmanager notifies of the end");
    }

    #[test]
    fn an_alert_that_ended_unnotified_fires_again_once_it_is_neither_silenced_nor_inhibited() {
        let present = |channel: &str, severity: &str, inhibited_by: &[&str], silenced_by: &[&str]| PresentAlert {
            alert: alert("firing", &[("alertname", "Down"), ("channel", channel), ("severity", severity)], "why"),
            inhibited_by: inhibited_by.iter().map(|text| (*text).to_owned()).collect(),
            silenced_by: silenced_by.iter().map(|text| (*text).to_owned()).collect(),
        };
        let ended = ["TV1", "TV2", "TV3", "TV4"].map(|channel| (channel.to_owned(), "Down".to_owned())).into();
        let alerts = [
            present("TV1", "major", &[], &[]),
            present("TV2", "critical", &["f"], &[]),
            present("TV3", "critical", &[], &["s"]),
            present("TV4", "minor", &[], &[]),
            present("TV5", "critical", &[], &[]),
        ];
        let states = fired_again(&alerts, &ended);
        let found: Vec<_> = states.iter().map(|state| (state.channel.as_str(), state.severity, &*state.text)).collect();
        assert_eq!(found, [("TV1", 3, "why")]);
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
