//! What exporters hand over of outputs to the exporter that probes them next, in a table with one row for each output.

use super::{Store, StoreError};
use crate::history::OutputHandover;
use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;

/// A row of the table `output_handovers`: the handover of one output of a channel.
#[derive(Debug, Clone, Serialize)]
pub struct HandoverRow {
    /// Code of the channel.
    pub channel: String,
    /// Name of the output.
    pub output: String,
    pub handover: OutputHandover,
}

/// The handover of an output, as it was read from the database. Another exporter wrote it, or this one before its
/// restart.
#[derive(Debug, Clone)]
pub struct StoredHandover {
    /// Name of the output.
    pub output: String,
    pub handover: OutputHandover,
    /// Time at which the handover was written, by the clock of the exporter that wrote it.
    pub exporter_clock: Timestamp,
    /// Time since the row was written, by the clock of the database.
    pub age: Seconds,
}

const WRITE: &str = "
INSERT INTO output_handovers (channel_code, output_name, handover, exporter_clock, updated_at)
SELECT row->>'channel', row->>'output', row->'handover', $2::timestamptz, statement_timestamp()
FROM jsonb_array_elements($1) AS r (row)
ORDER BY 1, 2
ON CONFLICT (channel_code, output_name) DO UPDATE SET handover = excluded.handover,
  exporter_clock = excluded.exporter_clock, updated_at = excluded.updated_at";

const READ: &str = "
SELECT output_name, handover, (extract(epoch FROM exporter_clock) * 1000000)::bigint,
  extract(epoch FROM statement_timestamp() - updated_at)::float8
FROM output_handovers WHERE channel_code = $1";

impl Store {
    /// Writes what this exporter hands over of outputs, by its clock at `now`.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn write_handovers(&self, rows: &[HandoverRow], now: Timestamp) -> Result<(), StoreError> {
        let rows = serde_json::to_value(rows).map_err(|e| StoreError::Refused(e.to_string()))?;
        let mut connection = self.connection().await?;
        sqlx::query(WRITE).bind(rows).bind(now.to_string()).execute(&mut *connection).await?;
        Ok(())
    }

    /// Removes what was handed over of outputs that no exporter probed for a day.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn delete_old_handovers(&self) -> Result<(), StoreError> {
        let delete = "DELETE FROM output_handovers WHERE updated_at < statement_timestamp() - interval '1 day'";
        sqlx::query(delete).execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Reads what was handed over of a channel's outputs. A row of an exporter of another version that can't be understood is
    /// left out.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn handovers(&self, channel: &str) -> Result<Vec<StoredHandover>, StoreError> {
        let rows: Vec<(String, serde_json::Value, i64, f64)> =
            sqlx::query_as(READ).bind(channel).fetch_all(&self.pool).await?;
        let stored = |(output, handover, clock, age)| {
            Some(StoredHandover {
                output,
                handover: serde_json::from_value(handover).ok()?,
                exporter_clock: Timestamp::from_microsecond(clock).ok()?,
                age: Seconds(age),
            })
        };
        Ok(rows.into_iter().filter_map(stored).collect())
    }
}
