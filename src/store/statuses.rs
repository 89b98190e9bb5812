//! What exporters know of channels by their last probes, in a table with one row for each channel and exporter.

use super::{Store, StoreError};
use crate::finding::Severity;
use crate::report::ChannelCondition;
use crate::rfc3339;
use packager_media::units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A check that failed in the last probe of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedCheck {
    /// Id of the check.
    pub check: String,
    #[schema(value_type = String, pattern = "^(critical|major|minor|warning)$")]
    pub severity: Severity,
    /// Start of the first probe in the current series of probes in which the check failed, RFC 3339.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// Numbers of video renditions on the output on which most expected renditions are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rungs {
    pub output: String,
    /// Number of video renditions that are available.
    pub available: u64,
    /// Number of video renditions that the ladder promises; without a ladder, the number that the manifest lists.
    pub expected: u64,
}

/// The last probe of all outputs of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastProbe {
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    pub duration_seconds: f64,
}

/// What one exporter knows of a channel by its last probe of all outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedStatus {
    /// Code of the channel.
    pub channel: String,
    pub state: ChannelCondition,
    /// Start of the first probe with this state.
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
    /// Whether `since` is exact. It is false if the exporter's first probe already had this state.
    pub since_exact: bool,
    /// Checks that failed in the last probe, worst first.
    pub failed: Vec<FailedCheck>,
    /// `None`: the video renditions could not be counted on any output.
    pub rungs: Option<Rungs>,
    /// Codec as last measured. `None`: no probe measured it.
    pub codec: Option<String>,
    /// Resolution as last measured. `None`: no probe measured it.
    pub resolution: Option<String>,
    pub last_probe: LastProbe,
    /// Longest of the last intervals between probes, in seconds.
    pub interval_seconds: f64,
}

/// The status of a channel as the table has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusRow {
    /// Name of the exporter that wrote the row: its `--cluster.address`, its `--probe.name`, or its URL.
    pub exporter: String,
    pub status: SharedStatus,
    /// Time since the row was written, by the clock of the database: clocks of exporters differ.
    pub age: Seconds,
}

/// Position in the table's order of writing, from which the next reading goes on. The default is the beginning.
#[derive(Debug, Clone, Default)]
pub struct StatusPosition(Option<String>);

const WRITE: &str = "
INSERT INTO channel_status (channel_code, exporter, status, updated_at)
SELECT status->>'channel', $2, status, clock_timestamp() FROM jsonb_array_elements($1) AS r (status)
ON CONFLICT (channel_code, exporter) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at";

/// Rows are read again that were written up to 5 s before the newest row: their transactions may have ended later.
const READ: &str = "
SELECT exporter, status, extract(epoch FROM clock_timestamp() - updated_at)::float8, updated_at::text FROM channel_status
WHERE $1 IS NULL OR updated_at > $1::timestamptz - interval '5 seconds' ORDER BY updated_at";

impl Store {
    /// Writes what `exporter` knows of channels in place of what it wrote of them before.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn write_statuses(&self, exporter: &str, statuses: &[SharedStatus]) -> Result<(), StoreError> {
        let rows = serde_json::to_value(statuses).map_err(|e| StoreError::Refused(e.to_string()))?;
        sqlx::query(WRITE).bind(rows).bind(exporter).execute(&self.pool).await?;
        Ok(())
    }

    /// Reads the rows that were written since `position`, and moves it on. Rows near it may come again. A row of an exporter of
    /// another version that can't be understood is left out.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn read_statuses(&self, position: &mut StatusPosition) -> Result<Vec<StatusRow>, StoreError> {
        let rows: Vec<(String, serde_json::Value, f64, String)> =
            sqlx::query_as(READ).bind(&position.0).fetch_all(&self.pool).await?;
        if let Some((.., newest)) = rows.last() {
            position.0 = Some(newest.clone());
        }
        let row = |(exporter, status, age, _)| {
            Some(StatusRow { exporter, status: serde_json::from_value(status).ok()?, age: Seconds(age) })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}
