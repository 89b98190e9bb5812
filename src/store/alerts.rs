//! Alerts: what Alertmanager tells, what people do about it, and the history of both.

use super::narrowed::Narrowed;
use super::{Page, Store, StoreError, Writer, alone};
use packager_media::units::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const DOCUMENT: &str = "jsonb_build_object('id', a.id, 'fingerprint', fingerprint, 'alertname', alertname,
  'channel_id', channel_id, 'channel', a.labels->>'channel', 'severity', severity, 'status', status, 'summary', summary,
  'description', description, 'labels', labels, 'annotations', annotations, 'starts_at', starts_at, 'ends_at', ends_at,
  'acknowledged_at', acknowledged_at, 'acknowledged_by', acknowledged_by, 'comment', comment,
  'resolved_at', resolved_at, 'resolved_by', resolved_by, 'silence_id', silence_id)";

/// A row is new, or firing again after somebody closed it by hand, or resolved now. Everything else is a repeat, or late:
/// what Alertmanager has resolved stays so, whichever notification comes last.
const WRITE: &str = "
INSERT INTO alerts AS a (fingerprint, alertname, channel_id, severity, status, summary, description, labels, annotations,
                         starts_at, ends_at, resolved_at, resolved_by)
SELECT DISTINCT ON (fingerprint, r.starts_at) fingerprint, coalesce(labels->>'alertname', ''), c.id, labels->>'severity',
       r.status, annotations->>'summary', annotations->>'description', labels, annotations, r.starts_at,
       CASE r.status WHEN 'resolved' THEN r.ends_at END, CASE r.status WHEN 'resolved' THEN now() END,
       CASE r.status WHEN 'resolved' THEN 'alertmanager' END
FROM jsonb_to_recordset($1) AS r(fingerprint text, status text, labels jsonb, annotations jsonb, starts_at timestamptz,
                                 ends_at timestamptz)
LEFT JOIN channels c ON c.channel_code = labels->>'channel'
ORDER BY fingerprint, r.starts_at, r.status DESC
ON CONFLICT (fingerprint, starts_at) DO UPDATE
  SET status = excluded.status, ends_at = excluded.ends_at, resolved_at = excluded.resolved_at,
      resolved_by = excluded.resolved_by, annotations = excluded.annotations, summary = excluded.summary,
      description = excluded.description, updated_at = now(),
      acknowledged_at = CASE excluded.status WHEN 'resolved' THEN a.acknowledged_at END,
      acknowledged_by = CASE excluded.status WHEN 'resolved' THEN a.acknowledged_by END,
      silence_id = CASE excluded.status WHEN 'resolved' THEN a.silence_id END
  WHERE (excluded.status = 'resolved' AND (a.status <> 'resolved' OR a.resolved_by <> 'alertmanager'))
     OR (excluded.status = 'firing' AND a.status = 'resolved' AND a.resolved_by <> 'alertmanager')
RETURNING a.status, a.silence_id, xmax = 0";

/// An alert that fires with a later start has ended in between: its end was not told.
const SUPERSEDE: &str = "
UPDATE alerts a SET status = 'resolved', ends_at = n.starts_at, resolved_at = now(), resolved_by = 'alertmanager',
                    updated_at = now()
FROM (SELECT fingerprint, max(starts_at) AS starts_at
      FROM jsonb_to_recordset($1) AS r(fingerprint text, starts_at timestamptz) GROUP BY fingerprint) n
WHERE a.fingerprint = n.fingerprint AND a.starts_at < n.starts_at AND a.status <> 'resolved'
RETURNING a.silence_id";

/// One alert of a notification, in Alertmanager's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub fingerprint: String,
    pub status: String,
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339.
    #[serde(rename(deserialize = "startsAt"))]
    pub starts_at: String,
    #[serde(rename(deserialize = "endsAt"), default)]
    pub ends_at: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Firing or acknowledged.
    pub active: bool,
    pub severity: Option<String>,
    pub status: Option<String>,
    /// A channel's code.
    pub channel: Option<String>,
    /// RFC 3339: started at or after this.
    pub since: Option<String>,
    /// Ids below this; newest first.
    pub before: Option<i64>,
    pub limit: usize,
}

/// Alerts forgotten in one statement: notifications wait for its end.
const AT_ONCE: i64 = 5000;

/// Acknowledged alert that has a silence in Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilencedAlert {
    pub id: i64,
    /// Alertmanager's fingerprint of the labels.
    pub fingerprint: String,
    /// Time at which the exporter got the alert's first notification.
    pub first_notified_at: Timestamp,
}

/// Alert in the form that `POST /api/v2/alerts` of Alertmanager takes. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: String,
    pub ends_at: String,
}

/// Acknowledged alert that was found to have ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedAlert {
    /// Silence that the acknowledgement set; `None` when it set none.
    pub silence_id: Option<String>,
    pub alert: PostableAlert,
}

/// Silences that have nothing to silence any more.
pub type Expired = Vec<String>;

impl Store {
    /// Takes a notification in. Repeats and reordering change nothing.
    ///
    /// # Errors
    /// A time that is none, or the database is away: Alertmanager tells it again.
    pub async fn notified(&self, alerts: &[Notification]) -> Result<Expired, StoreError> {
        let rows = serde_json::to_value(alerts).map_err(|e| StoreError::Refused(e.to_string()))?;
        let mut transaction = self.pool.begin().await?;
        alone(&mut transaction, Writer::Alerts).await?;
        let written: Vec<(String, Option<String>, bool)> =
            sqlx::query_as(WRITE).bind(&rows).fetch_all(&mut *transaction).await?;
        let superseded: Vec<Option<String>> =
            sqlx::query_scalar(SUPERSEDE).bind(&rows).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        let ended =
            written.into_iter().filter(|(status, ..)| status == "resolved").filter_map(|(_, silence, _)| silence);
        Ok(ended.chain(superseded.into_iter().flatten()).collect())
    }

    /// # Errors
    /// The database is away.
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Page, StoreError> {
        let before = filter.before.unwrap_or(i64::MAX);
        // In the words of the index's own condition, so that it is taken.
        let active = if filter.active { "status <> 'resolved' AND " } else { "" };
        let mut sql = Narrowed::new(format!("SELECT a.id, {DOCUMENT} FROM alerts a WHERE {active}a.id < "), before);
        sql.equal("severity", filter.severity.as_deref());
        sql.equal("status", filter.status.as_deref());
        sql.equal("labels->>'channel'", filter.channel.as_deref());
        if let Some(since) = &filter.since {
            sql.and("starts_at >= ", since, "::timestamptz");
        }
        sql.page(" ORDER BY a.id DESC LIMIT ", filter.limit, &self.pool).await
    }

    /// # Errors
    /// There is no such alert, or the database is away.
    pub async fn alert(&self, id: i64) -> Result<Value, StoreError> {
        found(&mut *self.pool.acquire().await?, id, "").await
    }

    /// `silence` is the one that was set in Alertmanager for it. Acknowledged again: the first stays.
    ///
    /// # Errors
    /// It is resolved already, there is no such alert, or the database is away.
    pub async fn acknowledge(
        &self,
        id: i64,
        by: &str,
        comment: Option<&str>,
        silence: Option<&str>,
    ) -> Result<Value, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = found(&mut transaction, id, "FOR UPDATE").await?;
        if before.get("status").and_then(Value::as_str) == Some("resolved") {
            return Err(StoreError::Conflict("this alert is resolved; there is nothing to acknowledge".to_owned()));
        }
        sqlx::query(
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
        let after = found(&mut transaction, id, "").await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Closes by hand; Alertmanager's next notification of it opens it again. Resolved already: it stays as it is.
    ///
    /// # Errors
    /// There is no such alert, or the database is away.
    pub async fn resolve(&self, id: i64, by: &str, comment: Option<&str>) -> Result<Value, StoreError> {
        let mut transaction = self.pool.begin().await?;
        found(&mut transaction, id, "FOR UPDATE").await?;
        sqlx::query(
            "UPDATE alerts SET status = 'resolved', ends_at = now(), resolved_at = now(), resolved_by = $2,
                    comment = coalesce($3, comment), updated_at = now()
             WHERE id = $1 AND status <> 'resolved'",
        )
        .bind(id)
        .bind(by)
        .bind(comment)
        .execute(&mut *transaction)
        .await?;
        let after = found(&mut transaction, id, "").await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// At most 10,000 alerts that were acknowledged with a silence more than `least_age` ago, by id.
    ///
    /// # Errors
    /// The database is away.
    pub async fn silenced_alerts(&self, least_age: Duration) -> Result<Vec<SilencedAlert>, StoreError> {
        let sql = "SELECT id, fingerprint, (extract(epoch FROM created_at) * 1000)::bigint FROM alerts
                   WHERE status = 'acknowledged' AND silence_id IS NOT NULL
                     AND acknowledged_at < now() - make_interval(secs => $1) ORDER BY id LIMIT 10000";
        let rows: Vec<(i64, String, i64)> =
            sqlx::query_as(sql).bind(least_age.as_secs_f64()).fetch_all(&self.pool).await?;
        let silenced = |(id, fingerprint, created)| SilencedAlert {
            id,
            fingerprint,
            first_notified_at: Timestamp::from_millisecond(created).unwrap_or(Timestamp::UNIX_EPOCH),
        };
        Ok(rows.into_iter().map(silenced).collect())
    }

    /// Resolves acknowledged alerts that Alertmanager no longer has, and answers those that were still acknowledged.
    ///
    /// # Errors
    /// The database is away.
    pub async fn resolve_ended(&self, ids: &[i64]) -> Result<Vec<EndedAlert>, StoreError> {
        let sql = "UPDATE alerts SET status = 'resolved', ends_at = now(), resolved_at = now(),
                     resolved_by = 'alertmanager', updated_at = now()
                   WHERE id = ANY($1) AND status = 'acknowledged'
                   RETURNING silence_id, jsonb_build_object('labels', labels, 'annotations', annotations,
                     'startsAt', starts_at, 'endsAt', ends_at)";
        let mut transaction = self.pool.begin().await?;
        alone(&mut transaction, Writer::Alerts).await?;
        let ended: Vec<(Option<String>, Json<PostableAlert>)> =
            sqlx::query_as(sql).bind(ids).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(ended.into_iter().map(|(silence_id, Json(alert))| EndedAlert { silence_id, alert }).collect())
    }

    /// Takes away what was resolved longer ago than `kept`; says how many.
    ///
    /// # Errors
    /// The database is away.
    pub async fn forget_alerts(&self, kept: Duration) -> Result<u64, StoreError> {
        let sql = "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts
                     WHERE status = 'resolved' AND ends_at < now() - make_interval(secs => $1) ORDER BY ends_at LIMIT $2)";
        let mut forgotten = 0;
        loop {
            let mut transaction = self.pool.begin().await?;
            alone(&mut transaction, Writer::Alerts).await?;
            let done = sqlx::query(sql).bind(kept.as_secs_f64()).bind(AT_ONCE).execute(&mut *transaction).await?;
            transaction.commit().await?;
            forgotten += done.rows_affected();
            if done.rows_affected() < AT_ONCE.unsigned_abs() {
                return Ok(forgotten);
            }
        }
    }
}

async fn found(connection: &mut PgConnection, id: i64, lock: &str) -> Result<Value, StoreError> {
    let sql = format!("SELECT {DOCUMENT} FROM alerts a WHERE a.id = $1 {lock}");
    let alert = sqlx::query_scalar(&sql).bind(id).fetch_optional(connection).await?;
    alert.ok_or_else(|| StoreError::Missing(format!("there is no alert {id}")))
}
