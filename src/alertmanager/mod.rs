//! Client of Alertmanager's API v2: silences for acknowledged alerts, and the alerts that Alertmanager has.

mod follow;
mod maintenance;

pub(crate) use maintenance::{Maintenance, MaintenanceLabel};

use crate::fetch::{read_service_answer, service_client};
use crate::service_contact::{ContactRecord, ServiceContact};
use crate::store::{EndedAlerts, PresentAlert, WebhookAlert};
use http::StatusCode;
use maintenance::Silence;
use packager_media::redact;
use packager_media::units::{Seconds, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Longest time of one request to Alertmanager.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer of Alertmanager that is read, in bytes. An alert has one or two KB; thousands fire in a storm.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Pauses after each failed attempt to send a request to Alertmanager; after the last the request is given up.
const RETRY_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// Comment of the silence for an acknowledgement without a comment, because Alertmanager refuses an empty comment.
const DEFAULT_COMMENT: &str = "acknowledged";

/// Client of one Alertmanager. A clone is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Alertmanager {
    client: reqwest::Client,
    /// URL of Alertmanager without a slash at its end.
    base: Arc<str>,
    /// The same for messages, without user and password.
    redacted_url: Arc<str>,
    contact: ContactRecord,
}

/// Receiver of what [`Alertmanager::follow`] learns of alerts.
pub(crate) trait AlertListener: Send + Sync + 'static {
    /// Takes the alerts that Alertmanager has, before those that it lacks are resolved.
    fn present(&self, alerts: &[PresentAlert]);

    /// Takes the alerts that were resolved because Alertmanager no longer has them.
    fn ended(&self, alerts: &EndedAlerts);
}

/// Body of Alertmanager's `POST /api/v2/silences`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SilenceRequest<'a> {
    matchers: Vec<Matcher<'a>>,
    starts_at: String,
    ends_at: String,
    created_by: &'a str,
    comment: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Matcher<'a> {
    name: &'a str,
    value: &'a str,
    is_regex: bool,
    is_equal: bool,
}

impl<'a> SilenceRequest<'a> {
    /// Makes the request for a silence that matches exactly `labels` and begins at `now`.
    fn new(
        labels: &'a BTreeMap<String, String>,
        created_by: &'a str,
        comment: Option<&'a str>,
        now: Timestamp,
        duration: Duration,
    ) -> Self {
        let matcher =
            |(name, value): (&'a String, &'a String)| Matcher { name, value, is_regex: false, is_equal: true };
        Self {
            matchers: labels.iter().map(matcher).collect(),
            starts_at: now.to_string(),
            ends_at: Seconds::from(duration).after(now).to_string(),
            created_by,
            comment: comment.filter(|text| !text.trim().is_empty()).unwrap_or(DEFAULT_COMMENT),
        }
    }
}

/// Answer to Alertmanager's `POST /api/v2/silences`.
#[derive(Debug, Deserialize)]
struct SilenceCreated {
    #[serde(rename = "silenceID")]
    id: String,
}

impl SilenceCreated {
    /// Whether the silence's id can be put into the path of a URL: it isn't empty and has only ASCII letters, digits
    /// and `-`.
    fn has_safe_id(&self) -> bool {
        !self.id.is_empty() && self.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }
}

/// Answer to Alertmanager's `GET /api/v2/status`.
#[derive(Debug, Deserialize)]
struct Status {
    /// Time at which the Alertmanager process started, as RFC 3339 text.
    uptime: String,
}

/// One alert in the answer to Alertmanager's `GET /api/v2/alerts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KnownAlert {
    fingerprint: String,
    starts_at: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    status: Suppression,
}

/// What keeps Alertmanager from notifying anybody of an alert: the alerts that inhibit it and the silences that match
/// it. Both lists are empty if somebody is notified.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Suppression {
    inhibited_by: Vec<String>,
    silenced_by: Vec<String>,
}

impl From<KnownAlert> for PresentAlert {
    fn from(known: KnownAlert) -> Self {
        let KnownAlert { fingerprint, starts_at, labels, annotations, status } = known;
        let mut alert =
            WebhookAlert { fingerprint, status: "firing".to_owned(), labels, annotations, starts_at, ends_at: None };
        alert.remove_nul();
        Self { alert, inhibited_by: status.inhibited_by, silenced_by: status.silenced_by }
    }
}

impl Alertmanager {
    /// Makes a client for the Alertmanager at `url`.
    ///
    /// # Errors
    /// Returns the reason if the HTTP client can't be set up.
    pub(crate) fn new(url: &Url) -> Result<Self, String> {
        let client = service_client(REQUEST_TIMEOUT).map_err(|e| format!("no HTTP client for Alertmanager: {e}"))?;
        let base = url.as_str().trim_end_matches('/').into();
        let redacted_url = redact::url(url).trim_end_matches('/').into();
        Ok(Self { client, base, redacted_url, contact: ContactRecord::default() })
    }

    /// Returns when Alertmanager last said what it knows.
    pub(crate) fn contact(&self) -> ServiceContact {
        self.contact.contact()
    }

    /// Reads a resource of Alertmanager, and records whether it answered. `path` is its path below `/api/v2`.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let answered = answer(self.client.get(format!("{}/api/v2/{path}", self.base))).await;
        self.contact.record(&answered, Timestamp::now());
        answered
    }

    /// Sets a silence that matches exactly the labels of one alert, and returns the id of the silence.
    ///
    /// # Errors
    /// Returns a text that says why Alertmanager didn't set the silence, and that nothing was changed.
    pub(crate) async fn silence(
        &self,
        labels: &BTreeMap<String, String>,
        created_by: &str,
        comment: Option<&str>,
        duration: Duration,
    ) -> Result<String, String> {
        let why = |e: &dyn std::fmt::Display| {
            format!("Alertmanager at {} took no silence, so nothing was changed: {e}", self.redacted_url)
        };
        let body = SilenceRequest::new(labels, created_by, comment, Timestamp::now(), duration);
        let body = serde_json::to_string(&body).map_err(|e| why(&e))?;
        let request = self.client.post(format!("{}/api/v2/silences", self.base));
        let request = request.header("content-type", "application/json").body(body);
        let created: SilenceCreated = answer(request).await.map_err(|e| why(&e))?;
        if created.has_safe_id() { Ok(created.id) } else { Err(why(&"its answer has no usable silenceID")) }
    }

    /// Ends silences in the background. An error is logged for a silence that can't be ended, since it hides the next
    /// alert until it expires by itself.
    pub(crate) fn expire(&self, silences: Vec<String>) {
        for id in silences {
            let client = self.clone();
            tokio::spawn(async move { client.expire_now(&id).await });
        }
    }

    /// Ends one silence in Alertmanager, with retries, and returns whether it has ended.
    async fn expire_now(&self, id: &str) -> bool {
        for pause in RETRY_PAUSES {
            if self.end_silence(id).await.is_ok() {
                return true;
            }
            tokio::time::sleep(pause).await;
        }
        tracing::error!(silence = id, "can't be ended in Alertmanager; end it there, it hides the next alert");
        false
    }

    /// Ends one silence in Alertmanager. A silence that has ended before counts as ended.
    ///
    /// # Errors
    /// Returns a text that says why Alertmanager didn't end the silence, and that nothing was changed.
    pub(crate) async fn end_silence(&self, id: &str) -> Result<(), String> {
        let why = |e: String| {
            format!("Alertmanager at {} did not end the silence, so nothing was changed: {e}", self.redacted_url)
        };
        if !(SilenceCreated { id: id.to_owned() }).has_safe_id() {
            return Err(why("its id has characters that no path may have".to_owned()));
        }
        let url = format!("{}/api/v2/silence/{id}", self.base);
        let response = self.client.delete(&url).send().await.map_err(|e| why(e.without_url().to_string()))?;
        match response.status().as_u16() {
            200..300 | 404 => Ok(()),
            // Alertmanager's answer for a silence that has ended before, and version 0.25's for one that it doesn't know.
            500 if self.has_ended(&url).await => Ok(()),
            status => Err(why(format!("HTTP status {status}"))),
        }
    }

    /// Returns whether the silence at `url` has ended or is unknown, as far as Alertmanager says so.
    async fn has_ended(&self, url: &str) -> bool {
        let Ok(response) = self.client.get(url).send().await else { return false };
        let is_unknown = response.status() == StatusCode::NOT_FOUND;
        is_unknown || parsed::<Silence>(response).await.is_ok_and(|silence| silence.has_ended())
    }

    /// Returns the time at which the Alertmanager process started.
    async fn started_at(&self) -> Result<Timestamp, String> {
        let status: Status = self.get("status").await?;
        status.uptime.parse().map_err(|e| format!("its uptime is no time: {e}"))
    }

    /// Returns all alerts that fire in Alertmanager, the inhibited and silenced ones included.
    async fn alerts(&self) -> Result<Vec<PresentAlert>, String> {
        let alerts: Vec<KnownAlert> = self.get("alerts").await?;
        Ok(alerts.into_iter().map(PresentAlert::from).collect())
    }

    /// Returns the fingerprints of all alerts that fire in Alertmanager.
    ///
    /// # Errors
    /// Returns a text that says why Alertmanager didn't answer, and that nothing was changed.
    pub(crate) async fn firing(&self) -> Result<HashSet<String>, String> {
        let alerts = self.alerts().await.map_err(|e| {
            format!(
                "Alertmanager at {} does not say which alerts still fire, so nothing was changed: {e}",
                self.redacted_url
            )
        })?;
        Ok(alerts.into_iter().map(|present| present.alert.fingerprint).collect())
    }
}

/// Sends a request to Alertmanager and parses the JSON answer, of which at most [`MAX_ANSWER_BYTES`] are read.
async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, String> {
    parsed(request.send().await.map_err(|e| e.to_string())?).await
}

async fn parsed<T: DeserializeOwned>(response: reqwest::Response) -> Result<T, String> {
    let response = response.error_for_status().map_err(|e| e.to_string())?;
    let body = read_service_answer(response, MAX_ANSWER_BYTES).await?;
    serde_json::from_slice(&body).map_err(|e| format!("its answer is not understood: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(comment: Option<&str>) -> serde_json::Value {
        let labels = [("alertname", "ChannelDown"), ("channel", "CH_1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let labels = BTreeMap::from(labels);
        let hour = Duration::from_secs(3600);
        serde_json::to_value(SilenceRequest::new(&labels, "lan", comment, Timestamp::UNIX_EPOCH, hour)).unwrap()
    }

    #[test]
    fn a_silence_matches_every_label_exactly_and_lasts_as_long_as_asked() {
        let matcher =
            |name: &str, value: &str| json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        let expected = json!({
            "matchers": [matcher("alertname", "ChannelDown"), matcher("channel", "CH_1")],
            "startsAt": "1970-01-01T00:00:00Z", "endsAt": "1970-01-01T01:00:00Z",
            "createdBy": "lan", "comment": "restart",
        });
        assert_eq!(body(Some("restart")), expected);
    }

    #[test]
    fn a_silence_without_a_comment_gets_one() {
        assert_eq!(
            (&body(None)["comment"], &body(Some(" "))["comment"]),
            (&json!("acknowledged"), &json!("acknowledged"))
        );
    }

    #[tokio::test]
    async fn no_message_shows_the_password_of_alertmanager() {
        let url = Url::parse("http://noc:s3cret@127.0.0.1:1/am/").unwrap();
        let alertmanager = Alertmanager::new(&url).unwrap();
        assert_eq!(&*alertmanager.base, "http://noc:s3cret@127.0.0.1:1/am");
        let labels = BTreeMap::from([("alertname".to_owned(), "A".to_owned())]);
        let messages = [
            alertmanager.silence(&labels, "lan", None, Duration::from_secs(60)).await.unwrap_err(),
            alertmanager.end_silence("a-1").await.unwrap_err(),
            alertmanager.firing().await.unwrap_err(),
            alertmanager.maintenances().await.unwrap_err(),
            alertmanager.started_at().await.unwrap_err(),
        ];
        let contact = alertmanager.contact();
        assert!(contact.answered_at.is_none() && contact.failing_since.is_some(), "{contact:?}");
        for message in &messages {
            assert!(!message.contains("s3cret") && !message.contains("noc"), "{message}");
        }
        assert!(
            messages[0].starts_with("Alertmanager at http://***@127.0.0.1:1/am took no silence"),
            "{}",
            messages[0]
        );
    }

    #[test]
    fn an_alert_of_alertmanager_comes_with_what_holds_it_back() {
        let known = json!({"fingerprint": "f1", "startsAt": "2026-01-31T18:00:00Z", "endsAt": "2026-01-31T18:05:00Z",
            "labels": {"alertname": "ChannelDown"}, "annotations": {"summary": "a\u{0}b"}, "receivers": [],
            "status": {"state": "suppressed", "inhibitedBy": ["f2"], "silencedBy": []}});
        let known: KnownAlert = serde_json::from_value(known).unwrap();
        let present = serde_json::to_value(PresentAlert::from(known)).unwrap();
        let expected = json!({"fingerprint": "f1", "status": "firing", "labels": {"alertname": "ChannelDown"},
            "annotations": {"summary": "a\u{FFFD}b"}, "startsAt": "2026-01-31T18:00:00Z", "endsAt": null,
            "inhibitedBy": ["f2"], "silencedBy": []});
        assert_eq!(present, expected);
    }

    #[test]
    fn an_id_that_could_leave_its_place_in_a_path_is_not_taken() {
        let safe = |id: &str| SilenceCreated { id: id.to_owned() }.has_safe_id();
        assert!(safe("a3b6-09") && !safe("") && !safe("a/b") && !safe("..") && !safe("a b"));
    }
}
