//! Where the secrets may be that channels and templates name: files below one folder, and environment variables whose
//! names begin with one prefix.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Places of the secrets of a catalogue.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct SecretPlaces {
    /// Folder of the files that rows of a database may name. `None`: they may name none. It says nothing about the files
    /// that channels.yml and templates.yml name.
    pub(crate) folder: Option<PathBuf>,
    /// Environment variables that may be named, with their values.
    variables: BTreeMap<String, String>,
}

impl SecretPlaces {
    /// Makes the places of secrets. `prefix` is the beginning of the names of those `variables` that may be named;
    /// `None`: none may.
    #[must_use]
    pub(crate) fn new(folder: Option<PathBuf>, prefix: Option<&str>, variables: &BTreeMap<String, String>) -> Self {
        let named = variables.iter().filter(|(name, _)| prefix.is_some_and(|prefix| name.starts_with(prefix)));
        let variables = named.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { folder, variables }
    }

    /// Returns the value of an environment variable that may be named.
    ///
    /// # Errors
    /// Fails if there is no such variable, or if it is empty. The message doesn't say which other variables there are.
    pub(super) fn variable(&self, name: &str) -> Result<String, String> {
        match self.variables.get(name).map(|value| value.trim_end_matches(['\r', '\n'])) {
            Some("") => Err("is the name of an empty environment variable".to_owned()),
            Some(value) => Ok(value.to_owned()),
            None => Err("must be the name of an environment variable of the exporter that begins with \
                         `catalog.secret_variables` of exporter.yml"
                .to_owned()),
        }
    }
}

/// Values of variables are secrets, so only the names are printed.
impl fmt::Debug for SecretPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.variables.keys().collect();
        f.debug_struct("SecretPlaces").field("folder", &self.folder).field("variables", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_with_the_prefix_can_be_named_and_no_value_is_printed() {
        let variables = [("SECRET_A", "hunter2\n"), ("SECRET_B", ""), ("DATABASE_URL", "postgres://u:p@h/d")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let places = SecretPlaces::new(None, Some("SECRET_"), &variables);
        assert_eq!(places.variable("SECRET_A"), Ok("hunter2".to_owned()));
        assert!(places.variable("SECRET_B").unwrap_err().contains("empty"));
        assert!(places.variable("DATABASE_URL").unwrap_err().contains("catalog.secret_variables"));
        assert!(!format!("{places:?}").contains("hunter2"));
        assert!(SecretPlaces::new(None, None, &variables).variable("SECRET_A").is_err());
    }
}
