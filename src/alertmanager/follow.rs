//! Keeps the alerts in the database up to date with Alertmanager. Its notifications don't report all changes:
//! Alertmanager notifies nobody of an alert that is inhibited or silenced, nor of the end of such an alert.

use super::{AlertListener, Alertmanager, RETRY_PAUSES};
use crate::store::{EndedAlert, OpenAlert, PresentAlert, Store};
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Time after which a restarted Alertmanager has all firing alerts again. Prometheus sends each alert within a minute
/// (`--rules.alert.resend-delay`), and after its own restart as soon as the rule's `for` allows.
const RESEND_TIME: Duration = Duration::from_secs(300);
/// Longest time for which an unchanged list of alerts isn't written to the database again. Another exporter or psql may
/// have changed a row meanwhile.
const REWRITE: Duration = Duration::from_secs(60);

/// The list of alerts that was last written to the database, and the time of the write.
#[derive(Default)]
struct Written {
    alerts: Vec<PresentAlert>,
    at: Option<Instant>,
}

impl Alertmanager {
    /// Brings the database up to date with Alertmanager every `interval`, until the future is dropped. Every alert that
    /// Alertmanager has is written with its present text and with what inhibits or silences it. An alert that
    /// Alertmanager no longer has is resolved; if it was acknowledged, its silence is ended, and Alertmanager gets the
    /// end of the alert, so that it notifies everybody who was notified of the start. An alert younger than `interval`
    /// is not resolved, because Alertmanager may not have it yet. `listener` gets the alerts that there are and those that
    /// were resolved so, because Alertmanager may notify nobody of them.
    pub(crate) async fn follow(self, store: Store, interval: Duration, listener: impl AlertListener) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut written = Written::default();
        loop {
            ticks.tick().await;
            if let Err(why) = self.update(&store, interval, &mut written, &listener).await {
                tracing::warn!(why, "the history of alerts is not up to date with Alertmanager");
            }
        }
    }

    async fn update(
        &self,
        store: &Store,
        least_age: Duration,
        written: &mut Written,
        listener: &impl AlertListener,
    ) -> Result<(), String> {
        // Before Alertmanager is asked: an alert that the database learns of meanwhile isn't missing there.
        let open = store.open_alerts(least_age).await.map_err(|e| e.to_string())?;
        let started_at = self.started_at().await?;
        let present = self.alerts().await?;
        let known: HashSet<String> = present.iter().map(|present| present.alert.fingerprint.clone()).collect();
        listener.present(&present);
        self.write(store, present, written).await?;
        let ended = ended_ids(&open, &known, started_at, Timestamp::now());
        if ended.is_empty() {
            return Ok(());
        }
        let alerts = store.resolve_ended(&ended).await.map_err(|e| e.to_string())?;
        listener.ended(&alerts);
        for ended in alerts.ended {
            if ended.silence_id.is_some() {
                tokio::spawn(self.clone().report_end(ended));
            }
        }
        Ok(())
    }

    async fn write(&self, store: &Store, present: Vec<PresentAlert>, written: &mut Written) -> Result<(), String> {
        // Alerts without a severity for people: the dead man's switch, and alerts that only inhibit others.
        let is_told = |present: &PresentAlert| present.alert.labels.get("severity").is_none_or(|text| text != "none");
        let fits = |present: &PresentAlert| is_told(present) && present.alert.labels_fit();
        let present: Vec<PresentAlert> = present.into_iter().filter(fits).collect();
        if written.at.is_some_and(|at| at.elapsed() < REWRITE) && written.alerts == present {
            return Ok(());
        }
        let expired = store.write_present(&present).await.map_err(|e| e.to_string())?;
        self.expire(expired);
        *written = Written { alerts: present, at: Some(Instant::now()) };
        Ok(())
    }

    /// Ends the silence of an alert that has ended, then sends the end of the alert to Alertmanager.
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

/// Returns the database ids of the open alerts that have ended, which are those that Alertmanager does not have. An
/// Alertmanager that started less than [`RESEND_TIME`] ago may lack alerts that still fire; its answer then counts only
/// for alerts of which the exporter learned after that start.
fn ended_ids(open: &[OpenAlert], known: &HashSet<String>, started_at: Timestamp, now: Timestamp) -> Vec<i64> {
    let has_all = Seconds::between(started_at, now) > Seconds::from(RESEND_TIME);
    let ended =
        |alert: &&OpenAlert| (has_all || alert.first_notified_at > started_at) && !known.contains(&alert.fingerprint);
    open.iter().filter(ended).map(|alert| alert.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn open(id: i64, first_notified: i64) -> OpenAlert {
        OpenAlert { id, fingerprint: format!("f{id}"), first_notified_at: at(first_notified) }
    }

    #[test]
    fn an_alert_that_alertmanager_no_longer_has_has_ended() {
        let alerts = [open(1, 0), open(2, 0)];
        let known = HashSet::from(["f1".to_owned()]);
        assert_eq!(ended_ids(&alerts, &known, at(0), at(301)), [2]);
    }

    #[test]
    fn an_alertmanager_that_started_at_most_five_minutes_ago_counts_only_for_alerts_since_its_start() {
        let alerts = [open(1, 999), open(2, 1000), open(3, 1001)];
        let none = HashSet::new();
        assert_eq!(ended_ids(&alerts, &none, at(1000), at(1300)), [3]);
        assert_eq!(ended_ids(&alerts, &none, at(1000), at(1301)), [1, 2, 3]);
    }
}
