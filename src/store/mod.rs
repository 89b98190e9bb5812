//! PostgreSQL: the catalogue's rows, the history of alerts, and following what changes there.
//!
//! Rows come and go as JSON made by the database itself, so that a column is named once, in SQL.

mod alerts;
mod changes;
mod channels;
mod error;
mod follow;
mod narrowed;
mod probes;
mod sync;
mod table;
mod templates;

pub use alerts::{AlertFilter, EndedAlert, Expired, Notification, PostableAlert, SilencedAlert};
pub use changes::AlertNews;
pub use channels::{ChannelFilter, Imported, Row};
pub use error::StoreError;
pub use sync::{Changed, Sync, Synced, Wanted};

use serde_json::Value;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

/// A request waits so long for the database before it is answered with 503.
const PATIENCE: Duration = Duration::from_secs(3);
/// PostgreSQL's own default is 100 in all.
const CONNECTIONS: u32 = 16;

/// Migrations only add, so that an older exporter goes on where a newer one has been: what it doesn't know is left alone.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut all = sqlx::migrate!();
    all.set_ignore_missing(true);
    all
});

/// How it stands with the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Not reached yet.
    Starting,
    Connected {
        /// Rows of the catalogue that are not in force, and why.
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

/// A row as the API shows it, and its version for `If-Match`.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub document: Value,
    pub version: i32,
}

/// One page of a list, by ascending or descending id.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub items: Vec<Value>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

impl Store {
    /// Reads the URL; the database is reached later, by [`Store::follow`] and by the first request.
    ///
    /// # Errors
    /// A URL that isn't one of PostgreSQL. Its password is in no message.
    pub fn new(url: &str) -> Result<Self, String> {
        let options: PgConnectOptions = url.parse().map_err(|_| {
            "DATABASE_URL is not understood; write postgres://user:password@host:5432/database".to_owned()
        })?;
        let options =
            options.application_name("packager_exporter").options([("TimeZone", "UTC"), ("statement_timeout", "30s")]);
        let pool =
            PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE).connect_lazy_with(options);
        Ok(Self { pool, health: Arc::new(watch::Sender::new(Health::Starting)) })
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Applies the migrations that are missing.
    ///
    /// # Errors
    /// A database that is away, or whose migrations were changed by hand.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&self.pool).await?;
        if let Some(migration) = last.filter(|last| MIGRATIONS.iter().all(|known| known.version < *last)) {
            tracing::warn!(migration, "the schema is of a newer exporter; this one goes on with what it knows of it");
        }
        Ok(())
    }

    /// The last migration that was applied; 0 before the first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let any: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&self.pool).await?;
        let last = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
        Ok(if any { sqlx::query_scalar(last).fetch_one(&self.pool).await? } else { 0 })
    }

    /// An answer of the database at this moment.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

impl Shown {
    /// # Errors
    /// It has another version than `expected`.
    fn still(&self, expected: Option<i32>) -> Result<(), StoreError> {
        match expected {
            Some(version) if version != self.version => Err(StoreError::Changed(self.version)),
            _ => Ok(()),
        }
    }
}

/// Who writes many rows of a table.
#[derive(Debug, Clone, Copy)]
#[repr(i64)]
enum Writer {
    Channels = 0x7061_636b_0001,
    Alerts = 0x7061_636b_0002,
}

/// Until the transaction's end no other writes many rows there: two that take the same rows in other orders would wait for each other.
async fn alone(connection: &mut PgConnection, writer: Writer) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(writer as i64).execute(connection).await?;
    Ok(())
}
