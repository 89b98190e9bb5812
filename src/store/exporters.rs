//! Exporters that share the channels of the database, in a table with one row for each, which the exporter renews.
//!
//! All times are those of the database's clock, because the clocks of exporters differ.

use super::{Store, StoreError};
use crate::assignment::LiveExporter;
use packager_media::units::Seconds;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Interval at which an exporter renews its row.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// Longest time for which a request waits for the rows before it takes the last known ones.
const READ_TIME: Duration = Duration::from_secs(1);
/// Longest time for which an ending exporter waits for the removal of its row.
const LEAVE_TIME: Duration = Duration::from_secs(2);

/// An exporter that shares the channels with others, as its row in the table `exporters` describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharingExporter {
    /// Host and port under which Prometheus reaches the exporter.
    pub address: String,
    /// The exporter's `--probe.name`: it takes only the channels of that probe. `None`: it takes channels of every probe.
    pub probe: Option<String>,
    /// Weight of the exporter (`--cluster.weight`), above 0: it takes channels in proportion to the weights of all
    /// exporters.
    pub weight: f64,
}

/// The exporters that shared the channels when the table was last read, and the time of that; `None` before the first reading.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRead(Arc<Mutex<Option<ReadExporters>>>);

type ReadExporters = (Instant, Vec<LiveExporter>);

/// Time in seconds after which an exporter that doesn't renew its row is given up.
macro_rules! given_up_after {
    () => {
        "interval '10 seconds'"
    };
}

/// Condition that an exporter with the alias `w` renewed its row throughout the time after which others are given up. Without
/// such a witness nobody is given up: the database was away, or all exporters start again.
macro_rules! witness {
    () => {
        concat!(
            "EXISTS (SELECT FROM exporters w WHERE w.seen_at >= statement_timestamp() - ",
            given_up_after!(),
            " AND w.steady_since < statement_timestamp() - ",
            given_up_after!(),
            ")"
        )
    };
}

const RENEW: &str = concat!(
    "INSERT INTO exporters AS e (address, probe_name, weight, joined_at, steady_since, seen_at)
     VALUES ($1, $2, $3, statement_timestamp(), statement_timestamp(), statement_timestamp())
     ON CONFLICT (address) DO UPDATE SET probe_name = excluded.probe_name, weight = excluded.weight, seen_at = excluded.seen_at,
       steady_since = CASE WHEN e.seen_at < excluded.seen_at - ",
    given_up_after!(),
    " THEN excluded.seen_at ELSE e.steady_since END,
       joined_at = CASE WHEN e.seen_at < excluded.seen_at - ",
    given_up_after!(),
    " AND ",
    witness!(),
    " THEN excluded.seen_at ELSE e.joined_at END"
);

/// A row that nobody renews for an hour is forgotten, also without a witness.
const LIVE: &str = concat!(
    "SELECT address, probe_name, weight, extract(epoch FROM statement_timestamp() - joined_at)::float8
     FROM exporters WHERE seen_at >= statement_timestamp() - ",
    given_up_after!(),
    " OR (seen_at >= statement_timestamp() - interval '1 hour' AND NOT ",
    witness!(),
    ") ORDER BY address"
);

const DELETE_OLD: &str = "DELETE FROM exporters WHERE seen_at < statement_timestamp() - interval '1 day'";

impl Store {
    /// Keeps the row of an exporter that shares channels up to date until the future is dropped.
    pub(crate) async fn share_channels(self, own: SharingExporter) {
        // The schema is made before the catalogue is read, and nobody may send probes before that.
        while !self.was_read() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tracing::info!(address = own.address, weight = own.weight, "sharing the channels with other exporters");
        let mut ticks = tokio::time::interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.renew_exporter(&own).await {
                tracing::debug!(%error, "the row of this exporter was not renewed");
            }
        }
    }

    async fn renew_exporter(&self, own: &SharingExporter) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        sqlx::query(DELETE_OLD).execute(&mut *connection).await?;
        let renewed = sqlx::query(RENEW).bind(&own.address).bind(&own.probe).bind(own.weight);
        renewed.execute(&mut *connection).await?;
        drop(connection);
        self.read_live_exporters().await.map(drop)
    }

    /// Removes the row of an exporter that ends, so that its channels move at once.
    pub(crate) async fn stop_sharing(&self, address: &str) {
        let delete = sqlx::query("DELETE FROM exporters WHERE address = $1").bind(address).execute(&self.pool);
        match tokio::time::timeout(LEAVE_TIME, delete).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the row of this exporter stays until it is given up"),
            Err(_) => tracing::debug!(within = ?LEAVE_TIME, "the row of this exporter stays until it is given up"),
        }
    }

    /// Returns the exporters that share the channels, by address; none if no exporter does. While the database doesn't answer
    /// these are the last known ones.
    ///
    /// # Errors
    /// Fails if the database doesn't answer, and never did since the start.
    pub(crate) async fn live_exporters(&self) -> Result<Vec<LiveExporter>, StoreError> {
        let read = tokio::time::timeout(READ_TIME, self.read_live_exporters()).await;
        let why = match read {
            Ok(Ok(exporters)) => return Ok(exporters),
            Ok(Err(error)) => error,
            Err(_) => StoreError::Away(format!("the server does not answer within {READ_TIME:?}")),
        };
        self.last_live_exporters().ok_or(why)
    }

    /// Returns the exporters that shared the channels when the table was last read. `None`: it was never read.
    pub(crate) fn last_live_exporters(&self) -> Option<Vec<LiveExporter>> {
        let last = self.exporters.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, exporters) = last.as_ref()?;
        let since = Seconds::from(read_at.elapsed());
        let aged = |exporter: &LiveExporter| LiveExporter { age: exporter.age + since, ..exporter.clone() };
        Some(exporters.iter().map(aged).collect())
    }

    async fn read_live_exporters(&self) -> Result<Vec<LiveExporter>, StoreError> {
        let rows: Vec<(String, Option<String>, f64, f64)> = sqlx::query_as(LIVE).fetch_all(&self.pool).await?;
        let exporter = |(address, probe, weight, age)| LiveExporter { address, probe, weight, age: Seconds(age) };
        let exporters: Vec<LiveExporter> = rows.into_iter().map(exporter).collect();
        *self.exporters.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), exporters.clone()));
        Ok(exporters)
    }
}
