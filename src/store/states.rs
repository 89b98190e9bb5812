//! States of channels as the exporters saw them, in a table with one row for each change.

use super::alerts::{AlertRow, DOCUMENT};
use super::{Store, StoreError};
use crate::finding::Severity;
use crate::report::ChannelCondition;
use crate::rfc3339;
use packager_media::units::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::sync::LazyLock;
use utoipa::ToSchema;

/// Largest number of states, and of alerts, in the history of a channel.
const MAX_ROWS: i64 = 1000;

/// Change of a channel's state, as one exporter saw it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateChange {
    pub channel: String,
    pub state: ChannelCondition,
    /// Severity of the worst failed check. `None`: no check failed.
    pub severity: Option<Severity>,
    /// Ids of the failed checks of severity minor or above, in order.
    pub failed_checks: Vec<&'static str>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub since: Timestamp,
    /// Whether the change comes from the first probe since the start of the exporter. The newest row may have the same
    /// state already then.
    pub is_first: bool,
}

/// State of a channel as one exporter saw it. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChannelStateInterval)]
pub struct ChannelStateRow {
    #[schema(pattern = "^(up|degraded|down)$")]
    pub state: String,
    /// Severity of the worst failed check; null if no check failed.
    #[schema(required)]
    pub severity: Option<String>,
    pub failed_checks: Vec<String>,
    #[schema(format = DateTime)]
    pub since: String,
    /// Time at which the exporter's next state began; null for its newest state.
    #[schema(required, format = DateTime)]
    pub until: Option<String>,
    /// Time of the last probe that saw the state, exact to a minute.
    #[schema(format = DateTime)]
    pub seen_at: String,
    /// Name of the exporter that probed: its `--cluster.address`, its `--probe.name`, or its URL.
    pub exporter: String,
}

/// States and alerts of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelPast {
    /// The newest states, newest first.
    pub states: Vec<ChannelStateRow>,
    /// Time from which on no state is missing, RFC 3339.
    pub complete_since: String,
    /// The newest alerts, newest first.
    pub alerts: Vec<AlertRow>,
}

/// Rows get their ids in the order of the changes. Their times may go back, when a clock is set.
const WRITE: &str = "
INSERT INTO channel_states (channel_code, exporter, state, severity, failed_checks, since, seen_at)
SELECT r.channel, $2, r.state, r.severity, array(SELECT jsonb_array_elements_text(r.failed_checks)), r.since, r.since
FROM ROWS FROM (jsonb_to_recordset($1) AS (channel text, state text, severity text, failed_checks jsonb, since timestamptz,
                                           is_first boolean)) WITH ORDINALITY
  AS r(channel, state, severity, failed_checks, since, is_first, position)
WHERE NOT r.is_first OR NOT EXISTS (
  SELECT FROM (SELECT state, failed_checks FROM channel_states s WHERE s.channel_code = r.channel AND s.exporter = $2
               ORDER BY s.id DESC LIMIT 1) newest
  WHERE newest.state = r.state AND newest.failed_checks = array(SELECT jsonb_array_elements_text(r.failed_checks)))
ORDER BY r.position";

const SEEN: &str = "
UPDATE channel_states s SET seen_at = r.at
FROM (SELECT key AS channel, value::timestamptz AS at FROM jsonb_each_text($1)) r
WHERE s.channel_code = r.channel AND s.exporter = $2 AND s.seen_at < r.at
  AND s.id = (SELECT max(id) FROM channel_states n WHERE n.channel_code = r.channel AND n.exporter = $2)";

/// States that lasted until a time or later. A state ends with the next row of its exporter, at its own beginning if the clock was set back
/// in between. The states that last come first, so that none is cut off.
const LASTED: &str = "
SELECT * FROM (SELECT *, CASE WHEN lead(id) OVER later IS NOT NULL THEN greatest(since, lead(since) OVER later) END AS until
  FROM channel_states WHERE channel_code = $1 WINDOW later AS (PARTITION BY exporter ORDER BY id)) ended
WHERE coalesce(until, seen_at) >= $2::timestamptz ORDER BY until IS NULL DESC, id DESC";

/// The first of the states, the newest before the others.
static STATES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT jsonb_build_object('state', state, 'severity', severity, 'failed_checks', failed_checks, 'since', since,
           'until', until, 'seen_at', seen_at, 'exporter', exporter)
         FROM ({LASTED} LIMIT $3) s ORDER BY id DESC"
    )
});

/// The latest end of the states that [`STATES`] leaves out.
static CUT_UNTIL: LazyLock<String> =
    LazyLock::new(|| format!("SELECT to_jsonb(max(until)) FROM ({LASTED} OFFSET $3) s"));

impl Store {
    /// Writes changes of channels' states that `exporter` saw.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn write_states(&self, exporter: &str, changes: &[StateChange]) -> Result<(), StoreError> {
        let rows = serde_json::to_value(changes).map_err(|e| StoreError::Refused(e.to_string()))?;
        sqlx::query(WRITE).bind(rows).bind(exporter).execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Writes the times at which `exporter` last saw channels in their newest state. `seen` has the times by channel
    /// code.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn states_seen(&self, exporter: &str, seen: &serde_json::Value) -> Result<(), StoreError> {
        sqlx::query(SEEN).bind(seen).bind(exporter).execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Returns the states and the alerts of a channel that lasted until `since` or later, each newest first and at most
    /// 1,000, and the time from which on the states are complete.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn channel_history(&self, code: &str, since: Timestamp) -> Result<ChannelPast, StoreError> {
        let since = since.to_string();
        let states: Vec<Json<ChannelStateRow>> = sqlx::query_scalar(&STATES)
            .bind(code)
            .bind(&since)
            .bind(MAX_ROWS)
            .fetch_all(&mut *self.connection().await?)
            .await?;
        let sql = format!(
            "SELECT {} FROM alerts a WHERE labels->>'channel' = $1 AND (ends_at IS NULL OR ends_at >= $2::timestamptz)
             ORDER BY a.id DESC LIMIT $3",
            *DOCUMENT
        );
        let alerts: Vec<Json<AlertRow>> = sqlx::query_scalar(&sql)
            .bind(code)
            .bind(&since)
            .bind(MAX_ROWS)
            .fetch_all(&mut *self.connection().await?)
            .await?;
        let states: Vec<ChannelStateRow> = states.into_iter().map(|Json(row)| row).collect();
        let cut_until: Option<Json<Option<String>>> = match states.len() as i64 >= MAX_ROWS {
            true => {
                let query = sqlx::query_scalar(&CUT_UNTIL).bind(code).bind(&since).bind(MAX_ROWS);
                query.fetch_one(&mut *self.connection().await?).await?
            }
            false => None,
        };
        let complete_since = cut_until.and_then(|Json(until)| until).unwrap_or(since);
        Ok(ChannelPast { states, complete_since, alerts: alerts.into_iter().map(|Json(row)| row).collect() })
    }
}
