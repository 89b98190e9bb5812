//! What people do about alerts: they acknowledge them, take an acknowledgement back, and resolve them.

use super::alerts::select;
use super::{AlertRow, AlertStatus, Store, StoreError};

/// Result of what a person did to an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertWrite {
    /// Alert after the write.
    pub alert: AlertRow,
    /// Whether this write changed the alert. `false`: it was in the wanted state before.
    pub is_changed: bool,
}

impl AlertRow {
    /// Refuses to take back an acknowledgement that the alert doesn't have: it is resolved, or has another one.
    ///
    /// # Errors
    /// Fails if the alert is resolved or acknowledged.
    pub fn demand_not_acknowledged(&self) -> Result<(), StoreError> {
        let why = match self.status {
            AlertStatus::Firing => return Ok(()),
            AlertStatus::Resolved => "this alert is resolved; nobody has to work on it".to_owned(),
            AlertStatus::Acknowledged => format!(
                "this is not the acknowledgement that the alert has: {} acknowledged it at {}; read the alert again",
                self.acknowledged_by.as_deref().unwrap_or("somebody"),
                self.acknowledged_at.as_deref().unwrap_or("an unknown time")
            ),
        };
        Err(StoreError::Conflict(why))
    }
}

impl Store {
    /// Acknowledges an alert. `silence` is the id of the silence that was set in Alertmanager. An alert that is acknowledged
    /// already keeps its acknowledgement, and is not changed.
    ///
    /// # Errors
    /// Fails if the alert is resolved, if there is no such alert, or if the database can't be reached.
    pub async fn acknowledge(
        &self,
        id: i64,
        by: &str,
        comment: Option<&str>,
        silence: Option<&str>,
    ) -> Result<AlertWrite, StoreError> {
        let mut transaction = self.begin().await?;
        let before = select(&mut transaction, id, "FOR UPDATE").await?;
        if before.status == AlertStatus::Resolved {
            return Err(StoreError::Conflict("this alert is resolved; there is nothing to acknowledge".to_owned()));
        }
        let done = sqlx::query(
            "UPDATE alerts SET status = 'acknowledged', acknowledged_at = now(), acknowledged_by = $2, comment = $3,
                    silence_id = $4, updated_at = now()
             WHERE id = $1 AND status = 'firing'",
        )
        .bind(id)
        .bind(by)
        .bind(comment)
        .bind(silence)
        .execute(&mut *transaction)
        .await?;
        written(transaction, id, done.rows_affected()).await
    }

    /// Takes the acknowledgement of `acknowledged_at` (RFC 3339) back: the alert fires again. An alert that is not acknowledged is
    /// not changed.
    ///
    /// # Errors
    /// Fails if the alert is resolved, if it has another acknowledgement now, if there is no such alert, or if the database can't
    /// be reached.
    pub async fn unacknowledge(&self, id: i64, by: &str, acknowledged_at: &str) -> Result<AlertWrite, StoreError> {
        let mut transaction = self.begin().await?;
        let before = select(&mut transaction, id, "FOR UPDATE").await?;
        // The trigger writes the name into the alert's history.
        sqlx::query("SELECT set_config('packager.actor', $1, true)").bind(by).execute(&mut *transaction).await?;
        let done = sqlx::query(
            "UPDATE alerts SET status = 'firing', acknowledged_at = NULL, acknowledged_by = NULL, comment = NULL,
                    silence_id = NULL, updated_at = now()
             WHERE id = $1 AND status = 'acknowledged' AND acknowledged_at = $2::timestamptz",
        )
        .bind(id)
        .bind(acknowledged_at)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            before.demand_not_acknowledged()?;
        }
        written(transaction, id, done.rows_affected()).await
    }

    /// Resolves an alert by hand. Alertmanager's next notification that the alert fires reopens it. An alert that is resolved
    /// already is not changed.
    ///
    /// # Errors
    /// Fails if there is no such alert, or if the database can't be reached.
    pub async fn resolve(&self, id: i64, by: &str, comment: Option<&str>) -> Result<AlertWrite, StoreError> {
        let mut transaction = self.begin().await?;
        select(&mut transaction, id, "FOR UPDATE").await?;
        let done = sqlx::query(
            "UPDATE alerts SET status = 'resolved', ends_at = now(), resolved_at = now(), resolved_by = $2,
                    comment = coalesce($3, comment), updated_at = now()
             WHERE id = $1 AND status <> 'resolved'",
        )
        .bind(id)
        .bind(by)
        .bind(comment)
        .execute(&mut *transaction)
        .await?;
        written(transaction, id, done.rows_affected()).await
    }
}

/// Ends the transaction of a write that changed `rows` rows of the alert `id`.
async fn written(
    mut transaction: sqlx::Transaction<'static, sqlx::Postgres>,
    id: i64,
    rows: u64,
) -> Result<AlertWrite, StoreError> {
    let alert = select(&mut transaction, id, "").await?;
    transaction.commit().await?;
    Ok(AlertWrite { alert, is_changed: rows > 0 })
}
