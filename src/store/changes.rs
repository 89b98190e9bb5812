//! Reports changes of alerts when they are committed, whoever makes them: this exporter, another one, or psql.

use super::alerts::{AlertRow, DOCUMENT};
use super::{Store, StoreError, writable};
use crate::backoff::Backoff;
use sqlx::postgres::PgListener;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

/// First pause before the exporter connects to the database again.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(15);
/// Interval at which the exporter checks that the database server whose notifications it receives isn't read-only.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Largest number of alerts that one SQL statement reads.
const BATCH: usize = 500;

/// Event of the database: an alert changed, or changes may have been missed.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertEvent {
    Changed {
        /// Kind of the change: `fired`, `acknowledged` or `resolved`.
        change: &'static str,
        /// The alert at the time when the exporter read it, which may be after a later change.
        alert: Box<AlertRow>,
    },
    /// The database could not be reached for a time, so changes may have been missed.
    Gap,
}

impl Store {
    /// Calls `report` with every change of an alert until the future is dropped. No alert is read while `has_listeners`
    /// returns false.
    pub async fn alert_changes(self, has_listeners: impl Fn() -> bool, mut report: impl FnMut(AlertEvent)) {
        let mut backoff = Backoff::new(RETRY, MAX_RETRY);
        let mut missed = false;
        loop {
            let Err(error) = self.follow_changes(&has_listeners, &mut report, &mut backoff, missed).await;
            missed = true;
            let pause = backoff.failed();
            // `follow` logs at the same time, as an error, that the database is away.
            tracing::debug!(%error, retry_in = ?pause, "changes of alerts are not read");
            tokio::time::sleep(pause).await;
        }
    }

    async fn follow_changes(
        &self,
        has_listeners: &impl Fn() -> bool,
        report: &mut impl FnMut(AlertEvent),
        backoff: &mut Backoff,
        missed: bool,
    ) -> Result<Infallible, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen("packager_alerts").await?;
        backoff.reset();
        if missed {
            report(AlertEvent::Gap);
        }
        loop {
            let Ok(first) = tokio::time::timeout(CHECK_EVERY, listener.try_recv()).await else {
                writable::demand_of_listener(&mut listener).await?;
                continue;
            };
            let Some(first) = first? else {
                report(AlertEvent::Gap);
                continue;
            };
            let mut notices = vec![first];
            while notices.len() < BATCH
                && let Some(more) = listener.next_buffered()
            {
                notices.push(more);
            }
            if has_listeners() {
                let changes: Vec<_> = notices.iter().filter_map(|notice| change(notice.payload())).collect();
                self.report_changes(&changes, report).await?;
            }
        }
    }

    async fn report_changes(
        &self,
        changes: &[(i64, &'static str)],
        report: &mut impl FnMut(AlertEvent),
    ) -> Result<(), StoreError> {
        let ids: Vec<i64> = changes.iter().map(|(id, _)| *id).collect();
        let sql = format!("SELECT a.id, {} FROM alerts a WHERE a.id = ANY($1)", *DOCUMENT);
        let rows: Vec<(i64, Json<AlertRow>)> =
            sqlx::query_as(&sql).bind(ids).fetch_all(&mut *self.connection().await?).await?;
        let rows: BTreeMap<i64, AlertRow> = rows.into_iter().map(|(id, Json(alert))| (id, alert)).collect();
        for (id, change) in changes {
            if let Some(alert) = rows.get(id) {
                report(AlertEvent::Changed { change, alert: Box::new(alert.clone()) });
            }
        }
        Ok(())
    }
}

/// Parses the payload of the trigger on the table `alerts`, which has the id and the new status of an alert, and
/// returns the id and the change.
fn change(payload: &str) -> Option<(i64, &'static str)> {
    let (id, status) = payload.split_once(' ')?;
    let change = match status {
        "firing" => "fired",
        "acknowledged" => "acknowledged",
        _ => "resolved",
    };
    Some((id.parse().ok()?, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_of_the_trigger_names_the_alert_and_its_change() {
        assert_eq!(change("7 firing"), Some((7, "fired")));
        assert_eq!(change("8 acknowledged"), Some((8, "acknowledged")));
        assert_eq!(change("9 resolved"), Some((9, "resolved")));
        assert_eq!((change("9"), change("x firing")), (None, None));
    }
}
