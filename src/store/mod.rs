//! PostgreSQL: channels, templates and probes, the history of alerts, and the task that follows changes.
//!
//! Rows come and go as JSON documents that the database makes; a document's members are the fields of the row's struct.

mod alerts;
mod changes;
mod channels;
mod error;
mod filtered;
mod follow;
mod probes;
mod states;
mod sync;
mod table;
mod templates;

pub use alerts::{
    AlertEventRow, AlertFilter, AlertRow, AlertStatus, EndedAlert, ExpiredSilences, OpenAlert, PostableAlert,
    PresentAlert, WebhookAlert,
};
pub use changes::AlertEvent;
pub use channels::{Change, ChannelFilter, ImportCounts, ImportRow};
pub use error::StoreError;
pub use probes::{ProbeRow, ProbeWritten};
pub(crate) use states::{ChannelCondition, ChannelStateRow, StateChange};
pub use sync::{Changed, Sync, Synced, Wanted};

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

/// Longest time that a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Most connections of one exporter; PostgreSQL takes 100 in all by default.
const MAX_CONNECTIONS: u32 = 16;

/// Migrations of this version. They only add to the schema, so an older exporter works with the schema of a newer one
/// and ignores the migrations that it does not know.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut all = sqlx::migrate!();
    all.set_ignore_missing(true);
    all
});

/// State of the database as the task that follows it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The database was not reached yet.
    Starting,
    Connected {
        /// Faults of rows that are not in force.
        bad_rows: Vec<String>,
    },
    Away {
        why: String,
    },
}

/// The database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    health: Arc<watch::Sender<Health>>,
}

/// Row of a table and its version, which `If-Match` names.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<R> {
    pub row: R,
    pub version: i32,
}

/// One page of a list, by ascending or descending id.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<R> {
    pub rows: Vec<R>,
    /// Id of the last row of the page, after which the next page begins; `None` on the last page.
    pub next: Option<i64>,
}

impl<R> Page<R> {
    /// Page of the first `limit` rows of `numbered`, which come with their ids.
    pub fn of(numbered: impl IntoIterator<Item = (i64, R)>, limit: usize) -> Self {
        let mut numbered = numbered.into_iter();
        let (ids, rows): (Vec<i64>, Vec<R>) = numbered.by_ref().take(limit).unzip();
        let next = numbered.next().and_then(|_| ids.last().copied());
        Self { rows, next }
    }
}

impl Store {
    /// Store of a URL. The first connection is made later, by [`Store::follow`] or the first request.
    ///
    /// # Errors
    /// The URL is not one of PostgreSQL. Its password is in no message.
    pub fn new(url: &str) -> Result<Self, String> {
        let options: PgConnectOptions = url.parse().map_err(|_| {
            "DATABASE_URL is not understood; write postgres://user:password@host:5432/database".to_owned()
        })?;
        let options =
            options.application_name("packager_exporter").options([("TimeZone", "UTC"), ("statement_timeout", "30s")]);
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool, health: Arc::new(watch::Sender::new(Health::Starting)) })
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Applies the missing migrations.
    ///
    /// # Errors
    /// The database is away, or its migrations were changed by hand.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&self.pool).await?;
        if let Some(migration) = last.filter(|last| MIGRATIONS.iter().all(|known| known.version < *last)) {
            tracing::warn!(migration, "the schema is of a newer exporter; this one uses the part that it knows");
        }
        Ok(())
    }

    /// Version of the last migration that was applied; 0 before the first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let any: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&self.pool).await?;
        let last = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
        Ok(if any { sqlx::query_scalar(last).fetch_one(&self.pool).await? } else { 0 })
    }

    /// Demands an answer of the database now.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

impl<R> Versioned<R> {
    /// Demands the version `expected`; `None` takes any.
    ///
    /// # Errors
    /// The row has another version.
    fn require(&self, expected: Option<i32>) -> Result<(), StoreError> {
        match expected {
            Some(version) if version != self.version => Err(StoreError::Changed(self.version)),
            _ => Ok(()),
        }
    }
}

/// Kind of a write of many rows, with the key of its advisory lock.
#[derive(Debug, Clone, Copy)]
#[repr(i64)]
enum Writer {
    Channels = 0x7061_636b_0001,
    Alerts = 0x7061_636b_0002,
}

/// Takes the advisory lock of a kind of write until the end of the transaction. Two writers of the same rows in
/// different orders would wait for each other.
async fn lock_writers(connection: &mut PgConnection, writer: Writer) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(writer as i64).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_limit_and_names_the_next_only_when_there_is_one() {
        let page = |count: i64, limit| Page::of((1..=count).map(|id| (id, id * 10)), limit);
        assert_eq!(page(2, 3), Page { rows: vec![10, 20], next: None });
        assert_eq!(page(3, 3), Page { rows: vec![10, 20, 30], next: None });
        assert_eq!(page(4, 3), Page { rows: vec![10, 20, 30], next: Some(3) });
        assert_eq!(page(0, 3), Page { rows: vec![], next: None });
    }

    #[test]
    fn a_write_demands_the_version_that_was_read() {
        let row = Versioned { row: (), version: 2 };
        assert!(row.require(None).is_ok() && row.require(Some(2)).is_ok());
        assert!(matches!(row.require(Some(1)), Err(StoreError::Changed(2))));
        assert!(matches!(row.require(Some(3)), Err(StoreError::Changed(2))));
    }
}
