//! Errors of the database, sorted by what a caller of the API can do about them.

use crate::document::{Errors, Problem};
use sqlx::error::{DatabaseError, ErrorKind};

/// Error of the database or of a value for it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached at the moment; the caller may try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// There is no such entry.
    #[error("{0}")]
    Missing(String),
    /// A name is taken, or the entry is in use or has ended.
    #[error("{0}")]
    Conflict(String),
    /// The entry has this version, and `If-Match` names another.
    #[error("it was changed since you read it (version {0} now); read it again")]
    Changed(i32),
    /// Values can't be written.
    #[error("{0}")]
    Invalid(Errors),
    /// The database refused a statement: a fault of the exporter or of the schema.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// Error of one field of a request.
    #[must_use]
    pub fn field(name: &str, message: impl std::fmt::Display) -> Self {
        Self::Invalid(Problem::of("body", format!("{name}: {message}")).into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_database(&*error),
            sqlx::Error::PoolTimedOut => Self::Away("no connection came free in time".to_owned()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Away(error.to_string())
            }
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            other => Self::Refused(format!("migrations can't be applied: {other}")),
        }
    }
}

/// Error by its code (PostgreSQL documentation, appendix A). The classes 08 (connection), 28 and 3D (a role or a
/// database that does not exist yet), 40 (rolled back because of another transaction), 53 (resources) and 57 (operator
/// intervention) are temporary, and so is 25006 (a standby, after a failover). Class 22 is a bad value.
fn of_database(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default().into_owned();
    let constraint = error.constraint().unwrap_or_default();
    match (error.kind(), code.get(..2).unwrap_or_default()) {
        (ErrorKind::UniqueViolation, _) => StoreError::Conflict(taken(constraint)),
        (ErrorKind::ForeignKeyViolation, _) => foreign(constraint, error.message()),
        (ErrorKind::CheckViolation | ErrorKind::NotNullViolation, _) | (_, "22") => {
            StoreError::Invalid(Problem::of("body", error.message()).into())
        }
        (_, "08" | "28" | "3D" | "40" | "53" | "57") => StoreError::Away(error.message().to_owned()),
        _ if code == "25006" => StoreError::Away(error.message().to_owned()),
        _ => StoreError::Refused(error.message().to_owned()),
    }
}

fn taken(constraint: &str) -> String {
    let what = match constraint {
        "channels_channel_code_key" => "channel_code",
        "templates_template_name_key" => "template_name",
        "probes_probe_name_key" => "probe_name",
        _ => "key",
    };
    format!("this {what} is taken; change that entry instead, or choose another")
}

fn foreign(constraint: &str, message: &str) -> StoreError {
    let removing = message.contains("update or delete");
    match (constraint, removing) {
        ("channels_template_id_fkey", true) => {
            StoreError::Conflict("channels use this template; give them another first".to_owned())
        }
        ("channels_probe_id_fkey", true) => {
            StoreError::Conflict("channels belong to this probe; give them another first".to_owned())
        }
        ("channels_template_id_fkey", false) => StoreError::field("template_id", "there is no such template"),
        ("channels_probe_id_fkey", false) => StoreError::field("probe_id", "there is no such probe"),
        _ => StoreError::Refused(message.to_owned()),
    }
}
