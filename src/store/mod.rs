//! The PostgreSQL database: channels, templates and probes, the history of alerts, and the task that follows changes.
//!
//! Rows are written and read as JSON documents that the database makes. The members of a document are the fields of the
//! row's struct.

mod alerts;
mod alert_writes;
mod changes;
mod channels;
mod error;
mod exporters;
mod filtered;
mod follow;
mod handovers;
mod probes;
mod seed;
mod states;
mod statuses;
mod session_key;
mod sync;
mod table;
mod templates;
mod writable;

pub use alert_writes::AlertWrite;
pub use alerts::{
    AlertEventRow, AlertFilter, AlertRow, AlertStatus, EndedAlert, EndedAlerts, ExpiredSilences, OpenAlert,
    PostableAlert, PresentAlert, WebhookAlert,
};
pub use changes::AlertEvent;
pub use channels::{Change, ChannelFilter, ImportCounts, ImportRow};
pub use error::StoreError;
pub(crate) use exporters::SharingExporter;
pub use handovers::{HandoverRow, StoredHandover};
pub use probes::{ProbeRow, ProbeWritten};
pub(crate) use states::{ChannelPast, ChannelStateRow, StateChange};
pub use statuses::{FailedCheck, LastProbe, Rungs, SharedStatus, StatusPosition, StatusRow};
pub use sync::{Changed, ListedChannel, Sync, Synced};

use crate::catalog::SecretPlaces;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

/// Longest time for which a request waits for a connection to the database.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest number of one exporter's connections to the database. PostgreSQL takes 100 in all by default.
const MAX_CONNECTIONS: u32 = 16;

/// Migrations of this version of the exporter. They only add to the schema, so an older exporter works with the schema
/// of a newer one and ignores the migrations that it does not know.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut all = sqlx::migrate!();
    all.set_ignore_missing(true);
    all
});

/// State of the database, as the task sees it that keeps the catalogue up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The exporter has not reached the database yet.
    Starting,
    Connected {
        /// Faults of the rows that are not in force, because they are invalid.
        bad_rows: Vec<String>,
    },
    Away {
        why: String,
    },
}

/// Client of the database. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    options: PgConnectOptions,
    /// Folder of the secret files that rows may name. `None`: rows may name none.
    secrets: SecretPlaces,
    health: Arc<watch::Sender<Health>>,
    /// True once the catalogue was read from the database. From then on it is in force, even while the database can't
    /// be reached.
    was_read: Arc<AtomicBool>,
    exporters: exporters::LastRead,
}

/// Row of a table and its version, which a client names in `If-Match`.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<R> {
    pub row: R,
    pub version: i32,
}

/// One page of a list, by ascending or descending id.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<R> {
    pub rows: Vec<R>,
    /// Id of the last row of the page, after which the next page begins. `None`: this is the last page.
    pub next: Option<i64>,
}

impl<R> Page<R> {
    /// Makes a page of the first `limit` rows. `numbered` is an iterator over pairs of id and row.
    pub fn of(numbered: impl IntoIterator<Item = (i64, R)>, limit: usize) -> Self {
        let mut numbered = numbered.into_iter();
        let (ids, rows): (Vec<i64>, Vec<R>) = numbered.by_ref().take(limit).unzip();
        let next = numbered.next().and_then(|_| ids.last().copied());
        Self { rows, next }
    }
}

impl Store {
    /// Makes the client for the database with the URL `url`. The first connection is made later, by [`Store::follow`]
    /// or the first request.
    ///
    /// # Errors
    /// Fails if `url` is not a URL of a PostgreSQL database. The message doesn't contain the password.
    pub fn new(url: &str) -> Result<Self, String> {
        let how = "write postgres://user:password@host:5432/database";
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") {
            let scheme: String = scheme.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
            return Err(format!("DATABASE_URL begins with `{scheme}://`, but the database must be PostgreSQL; {how}"));
        }
        let options: PgConnectOptions = url.parse().map_err(|_| format!("DATABASE_URL is not understood; {how}"))?;
        let options =
            options.application_name("packager_exporter").options([("TimeZone", "UTC"), ("statement_timeout", "30s")]);
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, metadata| Box::pin(writable::is_usable(connection, metadata)))
            .after_connect(|connection, _| Box::pin(writable::demand(connection)))
            .connect_lazy_with(options.clone());
        let health = Arc::new(watch::Sender::new(Health::Starting));
        Ok(Self {
            pool,
            options,
            secrets: SecretPlaces::default(),
            health,
            was_read: Arc::default(),
            exporters: exporters::LastRead::default(),
        })
    }

    /// This store, whose rows may name the secrets of `places`.
    #[must_use]
    pub(crate) fn with_secrets(self, places: SecretPlaces) -> Self {
        Self { secrets: places, ..self }
    }

    /// Returns whether the catalogue was read from the database since the start.
    #[must_use]
    pub fn was_read(&self) -> bool {
        self.was_read.load(Ordering::Relaxed)
    }

    /// Adds to an error the reason why there is no connection to the database.
    async fn explained(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Away(why) if why == error::NO_CONNECTION => {
                let reason = writable::reason(&self.options).await;
                StoreError::Away(reason.unwrap_or(why))
            }
            other => other,
        }
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// Why none came about: the pool itself says only that its time was over.
    async fn connection(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.pool.acquire().await {
            Ok(connection) => Ok(connection),
            Err(error) => Err(self.explained(error.into()).await),
        }
    }

    /// A transaction on a connection of the pool.
    ///
    /// # Errors
    /// Why no connection came about.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        match self.pool.begin().await {
            Ok(transaction) => Ok(transaction),
            Err(error) => Err(self.explained(error.into()).await),
        }
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Applies the missing migrations to the database.
    ///
    /// # Errors
    /// Fails if the database can't be reached, or if its migrations were changed by hand.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&self.pool).await?;
        if let Some(migration) = last.filter(|last| MIGRATIONS.iter().all(|known| known.version < *last)) {
            tracing::warn!(migration, "the schema is of a newer exporter; this one uses the part that it knows");
        }
        Ok(())
    }

    /// Returns the version of the last migration that was applied, or 0 if none was applied.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let any: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&self.pool).await?;
        let last = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
        Ok(if any { sqlx::query_scalar(last).fetch_one(&self.pool).await? } else { 0 })
    }

    /// Checks that the database can be written at the moment, with a write that changes no row.
    ///
    /// # Errors
    /// Returns the reason why the database can't be written.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let written = sqlx::query("UPDATE alerts SET status = status WHERE false").execute(&self.pool).await;
        match written {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explained(error.into()).await),
        }
    }
}

impl<R> Versioned<R> {
    /// Checks that the row has the version `expected`. `None`: any version is accepted.
    ///
    /// # Errors
    /// Fails if the row has another version.
    fn require(&self, expected: Option<i32>) -> Result<(), StoreError> {
        match expected {
            Some(version) if version != self.version => Err(StoreError::Changed(self.version)),
            _ => Ok(()),
        }
    }
}

/// Runs work that reads files or takes long with many rows on a thread for such work, so that it holds up no request.
async fn on_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Refused(format!("reading the rows ended: {error}")))
}

/// Kind of a write of many rows. The value is the key of its advisory lock.
#[derive(Debug, Clone, Copy)]
#[repr(i64)]
enum Writer {
    Channels = 0x7061_636b_0001,
    Alerts = 0x7061_636b_0002,
}

/// Takes the advisory lock for a kind of write until the end of the transaction. Without the lock, two writers of the
/// same rows in different orders would wait for each other.
async fn lock_writers(connection: &mut PgConnection, writer: Writer) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(writer as i64).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_url_of_another_database_is_refused_without_its_password() {
        for (url, says) in [
            ("mysql://u:s3cret@h/d", "begins with `mysql://`, but the database must be PostgreSQL"),
            ("h:5432/d", "begins with `://`"),
            ("postgres://u:s3cret@h:port/d", "is not understood"),
        ] {
            let error = Store::new(url).unwrap_err();
            assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
        }
        assert!(Store::new("postgresql://u:p@h/d").is_ok());
    }

    #[tokio::test]
    async fn a_server_that_refuses_the_connection_is_the_reason() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let store = Store::new(&format!("postgres://u:p@127.0.0.1:{port}/d")).unwrap();
        let why = store.ping().await.unwrap_err().to_string();
        assert!(why.contains("Connection refused"), "{why}");
    }

    #[tokio::test]
    async fn work_with_many_rows_holds_up_no_other_task() {
        let (send, receive) = std::sync::mpsc::channel();
        tokio::spawn(async move { send.send(()) });
        let work = move || receive.recv_timeout(Duration::from_secs(10));
        assert_eq!(on_blocking_thread(work).await.unwrap(), Ok(()));
    }

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
