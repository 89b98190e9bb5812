//! Silences in Alertmanager, over its API v2.

use crate::fetch::{read_service_answer, service_client};
use crate::store::{Silenced, Store};
use packager_media::units::{Seconds, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(5);
/// An alert is a KB or two; a storm has thousands.
const MAX_ANSWER: usize = 64 << 20;
/// Prometheus sends each alert that fires again within a minute (`--rules.alert.resend-delay`), and after its own restart as soon as
/// the rule's `for` allows.
const SENT_AGAIN: Duration = Duration::from_secs(300);
/// Pauses before what failed is tried again.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Where Alertmanager is; cheap to clone.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    client: reqwest::Client,
    base: Arc<str>,
}

impl Alertmanager {
    /// # Errors
    /// No HTTP client can be set up.
    pub fn new(url: &Url) -> Result<Self, String> {
        let client = service_client(PATIENCE).map_err(|e| format!("no HTTP client for Alertmanager: {e}"))?;
        Ok(Self { client, base: url.as_str().trim_end_matches('/').into() })
    }

    /// Sets a silence on exactly the labels of an alert; the answer is its id.
    ///
    /// # Errors
    /// Why there is none, and that nothing was changed.
    pub async fn silence(
        &self,
        alert: &Value,
        by: &str,
        comment: Option<&str>,
        lasting: Duration,
    ) -> Result<String, String> {
        let labels = alert.get("labels").and_then(Value::as_object);
        let matcher =
            |(name, value): (&String, &Value)| json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        let now = Timestamp::now();
        let body = json!({
            "matchers": labels.into_iter().flatten().map(matcher).collect::<Vec<_>>(),
            "startsAt": now.to_string(),
            "endsAt": Seconds::from(lasting).after(now).to_string(),
            "createdBy": by,
            // Alertmanager refuses an empty one.
            "comment": comment.filter(|text| !text.trim().is_empty()).unwrap_or("acknowledged"),
        });
        let why = |e: &dyn std::fmt::Display| {
            format!("Alertmanager at {} took no silence, so nothing was changed: {e}", self.base)
        };
        let request = self.client.post(format!("{}/api/v2/silences", self.base));
        let request = request.header("content-type", "application/json").body(body.to_string());
        #[derive(Deserialize)]
        struct Set {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let set: Set = answer(request).await.map_err(|e| why(&e))?;
        // It becomes a part of a path.
        let fits = !set.id.is_empty() && set.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(set.id) } else { Err(why(&"its silenceID is none")) }
    }

    /// Alertmanager tells nobody that a silenced alert has ended. So what is acknowledged is looked up there, until dropped;
    /// what it doesn't have any more is resolved with its silence, and its end told anew to Alertmanager, which then tells
    /// everybody who was told of the beginning. One that has just started again has forgotten its alerts until Prometheus
    /// sends them again: until then its word counts only for what it has told since.
    pub async fn follow(self, store: Store, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(why) = self.look(&store, every).await {
                tracing::warn!(why, "can't see which acknowledged alerts have ended");
            }
        }
    }

    async fn look(&self, store: &Store, settled: Duration) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Status {
            /// When it started, RFC 3339.
            uptime: String,
        }
        #[derive(Deserialize)]
        struct Known {
            fingerprint: String,
        }
        let silenced = store.silenced(settled).await.map_err(|e| e.to_string())?;
        if silenced.is_empty() {
            return Ok(());
        }
        let status: Status = answer(self.client.get(format!("{}/api/v2/status", self.base))).await?;
        let started: Timestamp = status.uptime.parse().map_err(|e| format!("its uptime is no time: {e}"))?;
        let settled_in = Seconds::between(started, Timestamp::now()) > Seconds::from(SENT_AGAIN);
        let known: Vec<Known> = answer(self.client.get(format!("{}/api/v2/alerts", self.base))).await?;
        let known: HashSet<String> = known.into_iter().map(|alert| alert.fingerprint).collect();
        let ended = |alert: &Silenced| (settled_in || alert.told > started) && !known.contains(&alert.fingerprint);
        let ended: Vec<i64> = silenced.iter().filter(|alert| ended(alert)).map(|alert| alert.id).collect();
        for (silence, alert) in store.ended(&ended).await.map_err(|e| e.to_string())? {
            tokio::spawn(self.clone().tell_end(silence, alert));
        }
        Ok(())
    }

    async fn tell_end(self, silence: String, alert: Value) {
        if !silence.is_empty() && !self.expired(&silence).await {
            return;
        }
        let body = json!([alert]).to_string();
        for wait in AGAIN {
            let request = self.client.post(format!("{}/api/v2/alerts", self.base));
            let answer = request.header("content-type", "application/json").body(body.clone()).send().await;
            match answer.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, retry_in = ?wait, "Alertmanager isn't told that a silenced alert ended")
                }
            }
            tokio::time::sleep(wait).await;
        }
        tracing::error!("Alertmanager can't be told that a silenced alert has ended; it tells nobody of it");
    }

    /// Ends silences, in the background. What can't be ended is logged: it would hide the next alert until it runs out.
    pub fn expire(&self, silences: Vec<String>) {
        for id in silences {
            let own = self.clone();
            tokio::spawn(async move { own.expired(&id).await });
        }
    }

    /// Whether it is ended.
    async fn expired(&self, id: &str) -> bool {
        for wait in AGAIN {
            let request = self.client.delete(format!("{}/api/v2/silence/{id}", self.base));
            match request.send().await.map(|response| response.status().as_u16()) {
                // 404, 500 "already expired": there is nothing left to end.
                Ok(200..300 | 404 | 500) => return true,
                _ => tokio::time::sleep(wait).await,
            }
        }
        tracing::error!(silence = id, "can't be ended in Alertmanager; end it there, it hides the next alert");
        false
    }
}

/// A JSON answer of Alertmanager, bounded.
async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, String> {
    let response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(|e| e.to_string())?;
    let body = read_service_answer(response, MAX_ANSWER).await?;
    serde_json::from_slice(&body).map_err(|e| format!("its answer is not understood: {e}"))
}
