//! Alerts as they change, whoever changes them: this exporter, another one, or psql.

use super::{Store, StoreError, alerts};
use serde_json::Value;
use sqlx::postgres::PgListener;
use std::collections::BTreeMap;
use std::time::Duration;

const RETRY: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(15);
/// Alerts read at a time.
const AT_ONCE: usize = 500;

/// What there is to tell of alerts.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertNews {
    Changed {
        /// `fired`, `acknowledged` or `resolved`.
        change: &'static str,
        /// As the API shows it, at the time of telling.
        alert: Value,
    },
    /// The database was away: changes may have been missed.
    Gap,
}

impl Store {
    /// Tells of every change until dropped. Nothing is read while nobody is there to be told.
    pub async fn alert_changes(self, listened_to: impl Fn() -> bool, mut tell: impl FnMut(AlertNews)) {
        let mut wait = RETRY;
        let mut missed = false;
        loop {
            let Err(error) = self.changes(&listened_to, &mut tell, &mut wait, missed).await;
            missed = true;
            // `follow` says at the same time, and louder, that the database is away.
            tracing::debug!(%error, retry_in = ?wait, "changes of alerts are not heard");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_AT_MOST);
        }
    }

    async fn changes(
        &self,
        listened_to: &impl Fn() -> bool,
        tell: &mut impl FnMut(AlertNews),
        wait: &mut Duration,
        missed: bool,
    ) -> Result<std::convert::Infallible, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen("packager_alerts").await?;
        *wait = RETRY;
        if missed {
            tell(AlertNews::Gap);
        }
        loop {
            let Some(first) = listener.try_recv().await? else {
                tell(AlertNews::Gap);
                continue;
            };
            let mut notices = vec![first];
            while notices.len() < AT_ONCE
                && let Some(more) = listener.next_buffered()
            {
                notices.push(more);
            }
            if listened_to() {
                let changes: Vec<_> = notices.iter().filter_map(|notice| change(notice.payload())).collect();
                self.told(&changes, tell).await?;
            }
        }
    }

    async fn told(&self, changes: &[(i64, &'static str)], tell: &mut impl FnMut(AlertNews)) -> Result<(), StoreError> {
        let ids: Vec<i64> = changes.iter().map(|(id, _)| *id).collect();
        let sql = format!("SELECT a.id, {} FROM alerts a WHERE a.id = ANY($1)", alerts::DOCUMENT);
        let rows: Vec<(i64, Value)> = sqlx::query_as(&sql).bind(ids).fetch_all(&self.pool).await?;
        let rows: BTreeMap<i64, Value> = rows.into_iter().collect();
        for (id, change) in changes {
            if let Some(alert) = rows.get(id) {
                tell(AlertNews::Changed { change, alert: alert.clone() });
            }
        }
        Ok(())
    }
}

/// Id and new status, as the trigger of the table writes them.
fn change(payload: &str) -> Option<(i64, &'static str)> {
    let (id, status) = payload.split_once(' ')?;
    let change = match status {
        "firing" => "fired",
        "acknowledged" => "acknowledged",
        _ => "resolved",
    };
    Some((id.parse().ok()?, change))
}
