//! Ends of acknowledged alerts. Alertmanager notifies nobody when a silenced alert ends, so acknowledged alerts are
//! looked up there.

use super::{Alertmanager, RETRY_PAUSES};
use crate::store::{EndedAlert, SilencedAlert, Store};
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashSet;
use std::time::Duration;

/// Time after which a restarted Alertmanager has all firing alerts again. Prometheus sends each of them within a minute
/// (`--rules.alert.resend-delay`), and after its own restart as soon as the rule's `for` allows.
const RESEND_TIME: Duration = Duration::from_secs(300);

impl Alertmanager {
    /// Looks up acknowledged alerts every `interval`, until dropped. An alert that Alertmanager no longer has is
    /// resolved, its silence is ended, and Alertmanager gets the end of the alert, so that it notifies everybody who
    /// was notified of the start. `interval` is also the least age of an acknowledgement that is looked up.
    pub(crate) async fn follow(self, store: Store, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(why) = self.resolve_ended(&store, interval).await {
                tracing::warn!(why, "can't see which acknowledged alerts have ended");
            }
        }
    }

    async fn resolve_ended(&self, store: &Store, least_age: Duration) -> Result<(), String> {
        let silenced = store.silenced_alerts(least_age).await.map_err(|e| e.to_string())?;
        if silenced.is_empty() {
            return Ok(());
        }
        let started_at = self.started_at().await?;
        let known = self.fingerprints().await?;
        let ended = ended_ids(&silenced, &known, started_at, Timestamp::now());
        for ended in store.resolve_ended(&ended).await.map_err(|e| e.to_string())? {
            tokio::spawn(self.clone().report_end(ended));
        }
        Ok(())
    }

    /// Ends the silence of an ended alert, then sends the alert with its end.
    async fn report_end(self, ended: EndedAlert) {
        if let Some(silence) = &ended.silence_id
            && !self.expire_now(silence).await
        {
            return;
        }
        let Ok(body) = serde_json::to_string(&[&ended.alert]) else { return };
        for pause in RETRY_PAUSES {
            let request = self.client.post(format!("{}/api/v2/alerts", self.base));
            let answer = request.header("content-type", "application/json").body(body.clone()).send().await;
            match answer.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, retry_in = ?pause, "can't send the end of a silenced alert to Alertmanager");
                }
            }
            tokio::time::sleep(pause).await;
        }
        tracing::error!("the end of a silenced alert did not reach Alertmanager; nobody is notified of it");
    }
}

/// Ids of the silenced alerts that have ended: those that Alertmanager does not have. An Alertmanager that started less
/// than [`RESEND_TIME`] ago may lack alerts that still fire; its answer then counts only for alerts that were first
/// notified after its start.
fn ended_ids(silenced: &[SilencedAlert], known: &HashSet<String>, started_at: Timestamp, now: Timestamp) -> Vec<i64> {
    let has_all = Seconds::between(started_at, now) > Seconds::from(RESEND_TIME);
    let ended = |alert: &&SilencedAlert| {
        (has_all || alert.first_notified_at > started_at) && !known.contains(&alert.fingerprint)
    };
    silenced.iter().filter(ended).map(|alert| alert.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn silenced(id: i64, first_notified: i64) -> SilencedAlert {
        SilencedAlert { id, fingerprint: format!("f{id}"), first_notified_at: at(first_notified) }
    }

    #[test]
    fn an_alert_that_alertmanager_no_longer_has_has_ended() {
        let alerts = [silenced(1, 0), silenced(2, 0)];
        let known = HashSet::from(["f1".to_owned()]);
        assert_eq!(ended_ids(&alerts, &known, at(0), at(301)), [2]);
    }

    #[test]
    fn an_alertmanager_that_started_at_most_five_minutes_ago_counts_only_for_alerts_since_its_start() {
        let alerts = [silenced(1, 999), silenced(2, 1000), silenced(3, 1001)];
        let none = HashSet::new();
        assert_eq!(ended_ids(&alerts, &none, at(1000), at(1300)), [3]);
        assert_eq!(ended_ids(&alerts, &none, at(1000), at(1301)), [1, 2, 3]);
    }
}
