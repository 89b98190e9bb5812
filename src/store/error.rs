//! Errors of the database, sorted by what a caller of the API can do about them.

use crate::document::{DocumentErrors, Problem};
use sqlx::error::{DatabaseError, ErrorKind};

/// Reason of an error for which the pool of connections gives no reason.
pub(super) const NO_CONNECTION: &str = "no connection came about in time";

/// Error of the database, or of a value that was to be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached at the moment. The caller may try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// The requested channel, template, probe or alert doesn't exist.
    #[error("{0}")]
    Missing(String),
    /// The write conflicts with what is stored: the name is taken, the template or probe is in use, or the alert is
    /// resolved.
    #[error("{0}")]
    Conflict(String),
    /// The channel, template or probe was changed meanwhile: `If-Match` names another version than the current one,
    /// which is the value here.
    #[error("it was changed since you read it (version {0} now); read it again")]
    Changed(i32),
    /// The values of a write are invalid.
    #[error("{0}")]
    Invalid(DocumentErrors),
    /// The database refused a statement: a fault of the exporter or of the schema.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// Makes an error about one field of a request.
    #[must_use]
    pub fn field(name: &str, message: impl std::fmt::Display) -> Self {
        Self::Invalid(Problem::of("body", format!("{name}: {message}")).into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_database(&*error),
            sqlx::Error::PoolTimedOut => Self::Away(NO_CONNECTION.to_owned()),
            // The reason of a connection that was made and refused.
            sqlx::Error::Configuration(why) => Self::Away(why.to_string()),
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

/// Sorts an error of the database by its code (PostgreSQL documentation, appendix A). The classes 08 (connection), 28
/// and 3D (a role or a database that does not exist yet), 40 (rolled back because of another transaction), 53
/// (resources) and 57 (operator intervention) are temporary, and so is 25006 (a standby, after a failover). Class 22 is
/// a bad value.
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

pub(super) fn taken(constraint: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;
    use std::fmt;

    /// Error of a database server in tests: code, constraint and message.
    #[derive(Debug)]
    struct Fake(&'static str, &'static str, &'static str);

    impl fmt::Display for Fake {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.2)
        }
    }

    impl std::error::Error for Fake {}

    impl DatabaseError for Fake {
        fn message(&self) -> &str {
            self.2
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn constraint(&self) -> Option<&str> {
            Some(self.1)
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            match self.0 {
                "23505" => ErrorKind::UniqueViolation,
                "23503" => ErrorKind::ForeignKeyViolation,
                "23514" => ErrorKind::CheckViolation,
                "23502" => ErrorKind::NotNullViolation,
                _ => ErrorKind::Other,
            }
        }
    }

    fn of(code: &'static str, constraint: &'static str, message: &'static str) -> StoreError {
        of_database(&Fake(code, constraint, message))
    }

    #[test]
    fn an_error_that_passes_is_one_of_a_database_that_is_away() {
        for code in ["08006", "28P01", "3D000", "40001", "53300", "57P03", "25006"] {
            assert!(matches!(of(code, "", "m"), StoreError::Away(_)), "{code}");
        }
        for code in ["25001", "42P01", "0A000", ""] {
            assert!(matches!(of(code, "", "m"), StoreError::Refused(_)), "{code}");
        }
    }

    #[test]
    fn a_bad_value_is_invalid_and_names_what_the_database_names() {
        for code in ["23514", "23502", "22003"] {
            let StoreError::Invalid(errors) = of(code, "", "value too long") else { panic!("{code}") };
            assert!(errors.to_string().contains("value too long"));
        }
    }

    #[test]
    fn a_taken_name_is_named_by_its_column() {
        for (constraint, column) in [
            ("channels_channel_code_key", "channel_code"),
            ("templates_template_name_key", "template_name"),
            ("probes_probe_name_key", "probe_name"),
            ("other", "key"),
        ] {
            let StoreError::Conflict(why) = of("23505", constraint, "") else { panic!("{constraint}") };
            assert!(why.starts_with(&format!("this {column} is taken")), "{why}");
        }
    }

    #[test]
    fn a_reference_in_use_is_a_conflict_and_one_to_nothing_is_a_bad_field() {
        let removing = "update or delete on table violates foreign key constraint";
        for (constraint, entry, field) in
            [("channels_template_id_fkey", "template", "template_id"), ("channels_probe_id_fkey", "probe", "probe_id")]
        {
            let StoreError::Conflict(why) = of("23503", constraint, removing) else { panic!("{constraint}") };
            assert!(why.contains(entry), "{why}");
            let StoreError::Invalid(errors) = of("23503", constraint, "insert or update") else {
                panic!("{constraint}")
            };
            assert!(errors.to_string().contains(&format!("{field}: there is no such {entry}")), "{errors}");
        }
        assert!(matches!(of("23503", "other", removing), StoreError::Refused(_)));
    }
}
