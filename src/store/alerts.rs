//! Alerts in the database: Alertmanager's notifications, and the history of alerts.

use super::filtered::Filtered;
use super::table::comma_separated;
use super::{Page, Store, StoreError, Writer, lock_writers};
use crate::catalog::field_names;
use packager_media::units::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;
use utoipa::ToSchema;

/// SQL expression that makes the JSON document of an [`AlertRow`] from the table `alerts` with the alias `a`.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let member = |name: &&str| match *name {
        "channel" => "'channel', a.labels->>'channel'".to_owned(),
        name => format!("'{name}', a.{name}"),
    };
    format!("jsonb_build_object({})", comma_separated(field_names::<AlertRow>().iter().map(member)))
});

/// SQL statement that writes the alerts of a notification in `$1`. It changes an alert only in these cases. A new alert
/// is inserted. A firing alert gets its new text. An alert that has ended is resolved. An alert that a person resolved
/// is reopened if it still fires.
///
/// Anything else is a repeated or late notification: an alert that Alertmanager has resolved stays resolved, no matter
/// which notification comes last. The exception is `$2`: if it is true, Alertmanager has these alerts now, and an alert
/// that it resolved more than 30 s ago is reopened.
///
/// The start of an alert counts in whole milliseconds: Alertmanager's webhook has nanoseconds, and its API drops them. With both
/// an alert would be two.
const WRITE: &str = "
INSERT INTO alerts AS a (fingerprint, alertname, channel_id, severity, status, summary, description, labels, annotations,
                         starts_at, ends_at, resolved_at, resolved_by)
SELECT DISTINCT ON (fingerprint, r.\"startsAt\") fingerprint, coalesce(labels->>'alertname', ''), c.id, labels->>'severity',
       r.status, annotations->>'summary', annotations->>'description', labels, annotations, r.\"startsAt\",
       CASE r.status WHEN 'resolved' THEN r.\"endsAt\" END, CASE r.status WHEN 'resolved' THEN now() END,
       CASE r.status WHEN 'resolved' THEN 'alertmanager' END
FROM (SELECT fingerprint, status, labels, annotations, date_trunc('milliseconds', \"startsAt\") AS \"startsAt\", \"endsAt\"
      FROM jsonb_to_recordset($1) AS r(fingerprint text, status text, labels jsonb, annotations jsonb,
                                       \"startsAt\" timestamptz, \"endsAt\" timestamptz)) r
LEFT JOIN channels c ON c.channel_code = labels->>'channel'
ORDER BY fingerprint, r.\"startsAt\", r.status DESC
ON CONFLICT (fingerprint, starts_at) DO UPDATE
  SET status = CASE WHEN excluded.status = 'firing' AND a.status = 'acknowledged' THEN a.status ELSE excluded.status END,
      ends_at = excluded.ends_at, resolved_at = excluded.resolved_at,
      resolved_by = excluded.resolved_by, annotations = excluded.annotations, summary = excluded.summary,
      description = excluded.description, updated_at = now(),
      acknowledged_at = CASE WHEN excluded.status = 'resolved' OR a.status <> 'resolved' THEN a.acknowledged_at END,
      acknowledged_by = CASE WHEN excluded.status = 'resolved' OR a.status <> 'resolved' THEN a.acknowledged_by END,
      silence_id = CASE WHEN excluded.status = 'resolved' OR a.status <> 'resolved' THEN a.silence_id END
  WHERE (excluded.status = 'resolved' AND (a.status <> 'resolved' OR a.resolved_by <> 'alertmanager'))
     OR (excluded.status = 'firing' AND a.status = 'resolved' AND a.resolved_by <> 'alertmanager')
     OR (excluded.status = 'firing' AND a.status = 'resolved' AND $2 AND a.resolved_at < now() - interval '30 seconds')
     OR (excluded.status = 'firing' AND a.status <> 'resolved' AND excluded.annotations <> a.annotations)
RETURNING a.status, a.silence_id, xmax = 0";

/// SQL statement that resolves older alerts with the fingerprints in `$1`. If an alert fires with a later start, the
/// older one has ended in between, and the notification of its end was lost.
const SUPERSEDE: &str = "
UPDATE alerts a SET status = 'resolved', ends_at = n.starts_at, resolved_at = now(), resolved_by = 'alertmanager',
                    updated_at = now()
FROM (SELECT fingerprint, max(date_trunc('milliseconds', \"startsAt\")) AS starts_at
      FROM jsonb_to_recordset($1) AS r(fingerprint text, \"startsAt\" timestamptz) GROUP BY fingerprint) n
WHERE a.fingerprint = n.fingerprint AND a.starts_at < n.starts_at AND a.status <> 'resolved'
RETURNING a.silence_id";

/// SQL statement that writes what inhibits or silences the alerts in `$1`.
const SUPPRESS: &str = "
UPDATE alerts a SET inhibited_by = r.inhibited_by, silenced_by = r.silenced_by, updated_at = now()
FROM (SELECT fingerprint, date_trunc('milliseconds', \"startsAt\") AS starts_at,
             array(SELECT jsonb_array_elements_text(\"inhibitedBy\")) AS inhibited_by,
             array(SELECT jsonb_array_elements_text(\"silencedBy\")) AS silenced_by
      FROM jsonb_to_recordset($1) AS r(fingerprint text, \"startsAt\" timestamptz, \"inhibitedBy\" jsonb, \"silencedBy\" jsonb)) r
WHERE a.fingerprint = r.fingerprint AND a.starts_at = r.starts_at AND a.status <> 'resolved'
  AND (a.inhibited_by, a.silenced_by) IS DISTINCT FROM (r.inhibited_by, r.silenced_by)";

/// One alert in a notification of Alertmanager's webhook. Other members of the JSON object are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookAlert)]
pub struct WebhookAlert {
    /// Fingerprint that Alertmanager computes from the alert's labels.
    #[schema(min_length = 1, max_length = 128)]
    pub fingerprint: String,
    #[schema(pattern = "^(firing|resolved)$")]
    pub status: String,
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    #[schema(required = false)]
    pub annotations: BTreeMap<String, String>,
    /// Start of the alert, RFC 3339.
    #[schema(format = DateTime)]
    pub starts_at: String,
    /// End of the alert, RFC 3339. For a firing alert it is the year 1, or the time at which Prometheus gives the alert
    /// up.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub ends_at: Option<String>,
}

/// Longest value, in bytes, of a label by which lists of alerts are filtered. PostgreSQL's indexes take no value above
/// 2,704 bytes.
const MAX_LABEL_BYTES: usize = 1024;

impl WebhookAlert {
    /// Returns whether the labels alertname, channel and severity have at most 1,024 bytes each.
    #[must_use]
    pub fn labels_fit(&self) -> bool {
        ["alertname", "channel", "severity"]
            .iter()
            .all(|name| self.labels.get(*name).is_none_or(|value| value.len() <= MAX_LABEL_BYTES))
    }

    /// Replaces NUL by U+FFFD in every text of the alert, because PostgreSQL can't store NUL. Otherwise one bad text
    /// would hold back the other alerts of the notification.
    pub fn remove_nul(&mut self) {
        let clean = |text: &mut String| {
            if text.contains('\0') {
                *text = text.replace('\0', "\u{FFFD}");
            }
        };
        for texts in [&mut self.labels, &mut self.annotations] {
            if texts.keys().any(|name| name.contains('\0')) {
                let names = std::mem::take(texts);
                *texts = names.into_iter().map(|(name, text)| (name.replace('\0', "\u{FFFD}"), text)).collect();
            }
            texts.values_mut().for_each(clean);
        }
        clean(&mut self.fingerprint);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    Firing,
    Acknowledged,
    Resolved,
}

/// Alert as the database table `alerts` has it and as the API shows it. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Alert)]
pub struct AlertRow {
    pub id: i64,
    /// Fingerprint that Alertmanager computes from the alert's labels.
    pub fingerprint: String,
    pub alertname: String,
    #[schema(required)]
    pub channel_id: Option<i32>,
    /// Channel code: the value of the alert's label `channel`.
    #[schema(required)]
    pub channel: Option<String>,
    #[schema(required)]
    pub severity: Option<String>,
    pub status: AlertStatus,
    #[schema(required)]
    pub summary: Option<String>,
    #[schema(required)]
    pub description: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: String,
    #[schema(required)]
    pub ends_at: Option<String>,
    #[schema(required)]
    pub acknowledged_at: Option<String>,
    #[schema(required)]
    pub acknowledged_by: Option<String>,
    #[schema(required)]
    pub comment: Option<String>,
    #[schema(required)]
    pub resolved_at: Option<String>,
    /// `alertmanager`, or the name of the person who resolved the alert.
    #[schema(required)]
    pub resolved_by: Option<String>,
    /// Id of the silence that the acknowledgement set in Alertmanager.
    #[schema(required)]
    pub silence_id: Option<String>,
    /// Fingerprints of the alerts that inhibit this alert in Alertmanager. If there are any, nobody was notified of
    /// this alert.
    pub inhibited_by: Vec<String>,
    /// Ids of the silences in Alertmanager that match this alert.
    pub silenced_by: Vec<String>,
}

/// Event in the history of an alert. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertEvent)]
pub struct AlertEventRow {
    #[schema(format = DateTime)]
    pub at: String,
    #[schema(pattern = "^(fired|acknowledged|unacknowledged|reopened|text_changed|resolved)$")]
    pub event: String,
    /// `alertmanager`, or the name of the person who caused the event; null if it is unknown.
    #[schema(required)]
    pub by: Option<String>,
    #[schema(required)]
    pub comment: Option<String>,
    /// Id of the silence that an acknowledgement set in Alertmanager.
    #[schema(required)]
    pub silence_id: Option<String>,
    /// Summary of the alert at the time of the event.
    #[schema(required)]
    pub summary: Option<String>,
    #[schema(required)]
    pub description: Option<String>,
}

/// Alert that Alertmanager has at the moment, with the same members as in a notification to a webhook.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PresentAlert {
    #[serde(flatten)]
    pub alert: WebhookAlert,
    /// Fingerprints of the alerts that inhibit the alert in Alertmanager.
    pub inhibited_by: Vec<String>,
    /// Ids of the silences in Alertmanager that match the alert.
    pub silenced_by: Vec<String>,
}

/// Filters of a list of alerts. A filter that is `None` is not applied.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Whether the list has only firing and acknowledged alerts.
    pub active: bool,
    pub severity: Option<String>,
    /// Status of the listed alerts: `firing`, `acknowledged` or `resolved`.
    pub status: Option<String>,
    /// Channel code of the listed alerts.
    pub channel: Option<String>,
    /// Name of the listed alerts.
    pub alertname: Option<String>,
    /// Earliest start of the listed alerts, RFC 3339.
    pub since: Option<String>,
    /// Earliest end of the listed alerts, RFC 3339; active alerts have none and are listed.
    pub active_since: Option<String>,
    /// Id below which the page begins; the newest alert is first.
    pub before: Option<i64>,
    /// Largest number of alerts on the page.
    pub limit: usize,
}

/// Largest number of alerts that one SQL statement deletes. Notifications wait until the statement ends.
const DELETE_BATCH: i64 = 5000;

/// An alert that is firing or acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAlert {
    pub id: i64,
    /// Fingerprint that Alertmanager computes from the alert's labels.
    pub fingerprint: String,
    /// Time at which the exporter learned of the alert.
    pub first_notified_at: Timestamp,
}

/// Alert in the form that Alertmanager's `POST /api/v2/alerts` takes. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: String,
    pub ends_at: String,
}

/// An alert that has ended, because Alertmanager no longer has it.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedAlert {
    /// Id of the silence that the acknowledgement set. `None`: it set no silence.
    pub silence_id: Option<String>,
    /// Whether the alert was inhibited or silenced when Alertmanager last had it, so that nobody is notified of its end.
    pub is_suppressed: bool,
    pub alert: PostableAlert,
}

/// Alerts that have ended, and the alerts that were open after that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndedAlerts {
    pub ended: Vec<EndedAlert>,
    /// Labels `alertname`, `channel` and `packager` of the firing and acknowledged alerts, as far as an alert has them; each
    /// combination once.
    pub still_open: Vec<BTreeMap<String, String>>,
}

/// Ids of silences whose alerts have ended.
pub type ExpiredSilences = Vec<String>;

impl Store {
    /// Writes the alerts of a notification, and returns the silences of the alerts that have ended. Repeated and
    /// reordered notifications change nothing but the text.
    ///
    /// # Errors
    /// Fails if a time is not RFC 3339, or if the database can't be reached; Alertmanager sends the notification again
    /// then.
    pub async fn write_notification(&self, alerts: &[WebhookAlert]) -> Result<ExpiredSilences, StoreError> {
        let rows = serde_json::to_value(alerts).map_err(|e| StoreError::Refused(e.to_string()))?;
        let mut transaction = self.begin().await?;
        lock_writers(&mut transaction, Writer::Alerts).await?;
        let expired = write_alerts(&mut transaction, &rows, false).await?;
        transaction.commit().await?;
        Ok(expired)
    }

    /// Writes the alerts that Alertmanager has now, the inhibited and silenced ones included, and returns the silences
    /// of the alerts that have ended since the last write.
    ///
    /// # Errors
    /// Fails if a time is not RFC 3339, or if the database can't be reached.
    pub async fn write_present(&self, alerts: &[PresentAlert]) -> Result<ExpiredSilences, StoreError> {
        let rows = serde_json::to_value(alerts).map_err(|e| StoreError::Refused(e.to_string()))?;
        let mut transaction = self.begin().await?;
        lock_writers(&mut transaction, Writer::Alerts).await?;
        let expired = write_alerts(&mut transaction, &rows, true).await?;
        sqlx::query(SUPPRESS).bind(&rows).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(expired)
    }

    /// Returns the events of an alert, oldest first; at most the newest 1,000 events.
    ///
    /// # Errors
    /// Fails if there is no such alert, or if the database can't be reached.
    pub async fn alert_history(&self, id: i64) -> Result<Vec<AlertEventRow>, StoreError> {
        let mut connection = self.connection().await?;
        select(&mut connection, id, "").await?;
        let sql = "SELECT jsonb_build_object('at', at, 'event', event, 'by', by, 'comment', comment, 'silence_id', silence_id,
                     'summary', summary, 'description', description)
                   FROM (SELECT * FROM alert_events WHERE alert_id = $1 ORDER BY id DESC LIMIT 1000) e ORDER BY at, id";
        let rows: Vec<Json<AlertEventRow>> = sqlx::query_scalar(sql).bind(id).fetch_all(&mut *connection).await?;
        Ok(rows.into_iter().map(|Json(row)| row).collect())
    }

    /// Returns one page of the alerts that pass the filter, by descending id.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Page<AlertRow>, StoreError> {
        let before = filter.before.unwrap_or(i64::MAX);
        // PostgreSQL uses the partial index only for its own condition.
        let active = if filter.active { "status <> 'resolved' AND " } else { "" };
        let document = &*DOCUMENT;
        let mut sql = Filtered::new(format!("SELECT a.id, {document} FROM alerts a WHERE {active}a.id < "), before);
        sql.equal("severity", filter.severity.as_deref());
        sql.equal("status", filter.status.as_deref());
        sql.equal("labels->>'channel'", filter.channel.as_deref());
        sql.equal("alertname", filter.alertname.as_deref());
        if let Some(time) = &filter.active_since {
            sql.and("coalesce(ends_at, 'infinity') >= ", time, "::timestamptz");
        }
        if let Some(since) = &filter.since {
            sql.and("starts_at >= ", since, "::timestamptz");
        }
        sql.page(" ORDER BY a.id DESC LIMIT ", filter.limit, &self.pool).await
    }

    /// Returns the alert with the id `id`.
    ///
    /// # Errors
    /// Fails if there is no such alert, or if the database can't be reached.
    pub async fn alert(&self, id: i64) -> Result<AlertRow, StoreError> {
        select(&mut *self.connection().await?, id, "").await
    }

    /// Returns at most 10,000 firing and acknowledged alerts that were last written more than `least_age` ago, by id.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn open_alerts(&self, least_age: Duration) -> Result<Vec<OpenAlert>, StoreError> {
        let sql = "SELECT id, fingerprint, (extract(epoch FROM created_at) * 1000)::bigint FROM alerts
                   WHERE status <> 'resolved' AND updated_at < now() - make_interval(secs => $1) ORDER BY id LIMIT 10000";
        let rows: Vec<(i64, String, i64)> =
            sqlx::query_as(sql).bind(least_age.as_secs_f64()).fetch_all(&mut *self.connection().await?).await?;
        let open = |(id, fingerprint, created)| OpenAlert {
            id,
            fingerprint,
            first_notified_at: Timestamp::from_millisecond(created).unwrap_or(Timestamp::UNIX_EPOCH),
        };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Resolves alerts that Alertmanager no longer has, and returns those of them that were still open, with the alerts that
    /// stay open.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn resolve_ended(&self, ids: &[i64]) -> Result<EndedAlerts, StoreError> {
        let sql = "UPDATE alerts SET status = 'resolved', ends_at = now(), resolved_at = now(),
                     resolved_by = 'alertmanager', updated_at = now()
                   WHERE id = ANY($1) AND status <> 'resolved'
                   RETURNING silence_id,
                     silence_id IS NOT NULL OR cardinality(inhibited_by) > 0 OR cardinality(silenced_by) > 0,
                     jsonb_build_object('labels', labels, 'annotations', annotations,
                     'startsAt', starts_at, 'endsAt', ends_at)";
        let mut transaction = self.begin().await?;
        lock_writers(&mut transaction, Writer::Alerts).await?;
        let ended: Vec<(Option<String>, bool, Json<PostableAlert>)> =
            sqlx::query_as(sql).bind(ids).fetch_all(&mut *transaction).await?;
        let sql = "SELECT DISTINCT jsonb_strip_nulls(jsonb_build_object('alertname', labels->'alertname',
                     'channel', labels->'channel', 'packager', labels->'packager'))
                   FROM alerts WHERE status <> 'resolved'";
        let still_open: Vec<Json<BTreeMap<String, String>>> =
            sqlx::query_scalar(sql).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        let row = |(silence_id, is_suppressed, Json(alert))| EndedAlert { silence_id, is_suppressed, alert };
        let ended = ended.into_iter().map(row);
        Ok(EndedAlerts {
            ended: ended.collect(),
            still_open: still_open.into_iter().map(|Json(labels)| labels).collect(),
        })
    }

    /// Deletes alerts that ended more than `retention` ago, and returns their number. States of channels that were last
    /// seen more than `retention` ago are deleted too.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn delete_old_alerts(&self, retention: Duration) -> Result<u64, StoreError> {
        let sql = "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts
                     WHERE status = 'resolved' AND ends_at < now() - make_interval(secs => $1) ORDER BY ends_at LIMIT $2)";
        let mut deleted = 0;
        loop {
            let mut transaction = self.begin().await?;
            lock_writers(&mut transaction, Writer::Alerts).await?;
            let done =
                sqlx::query(sql).bind(retention.as_secs_f64()).bind(DELETE_BATCH).execute(&mut *transaction).await?;
            transaction.commit().await?;
            deleted += done.rows_affected();
            if done.rows_affected() < DELETE_BATCH.unsigned_abs() {
                break;
            }
        }
        for (table, last) in [("channel_states", "seen_at"), ("channel_status", "updated_at")] {
            let sql = format!("DELETE FROM {table} WHERE {last} < now() - make_interval(secs => $1)");
            sqlx::query(&sql).bind(retention.as_secs_f64()).execute(&mut *self.connection().await?).await?;
        }
        Ok(deleted)
    }
}

/// Writes the alerts in `rows`, and returns the silences of the alerts that have ended.
async fn write_alerts(
    connection: &mut PgConnection,
    rows: &serde_json::Value,
    are_present: bool,
) -> Result<ExpiredSilences, StoreError> {
    let written: Vec<(String, Option<String>, bool)> =
        sqlx::query_as(WRITE).bind(rows).bind(are_present).fetch_all(&mut *connection).await?;
    let superseded: Vec<Option<String>> = sqlx::query_scalar(SUPERSEDE).bind(rows).fetch_all(connection).await?;
    let ended = written.into_iter().filter(|(status, ..)| status == "resolved").filter_map(|(_, silence, _)| silence);
    Ok(ended.chain(superseded.into_iter().flatten()).collect())
}

pub(super) async fn select(connection: &mut PgConnection, id: i64, lock: &str) -> Result<AlertRow, StoreError> {
    let sql = format!("SELECT {} FROM alerts a WHERE a.id = $1 {lock}", *DOCUMENT);
    let alert: Option<Json<AlertRow>> = sqlx::query_scalar(&sql).bind(id).fetch_optional(connection).await?;
    alert.map(|Json(alert)| alert).ok_or_else(|| StoreError::Missing(format!("there is no alert {id}")))
}
