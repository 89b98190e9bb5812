//! References to secret files in rows of the database. A client writes them and never reads them: in what it reads
//! [`HIDDEN`] stands in their place, and where it sends that back the stored reference stays.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Text that replaces a reference in everything that clients read.
pub(crate) const HIDDEN: &str = "<hidden>";

/// Keys of settings of requests whose values are never shown.
const SECRET_KEYS: [&str; 11] = [
    "bearer_token",
    "bearer_token_env",
    "bearer_token_file",
    "ca_file",
    "cert_file",
    "key_file",
    "password",
    "password_env",
    "password_file",
    "salt_file",
    "username",
];
/// Keys of settings of requests whose mappings have values that are never shown.
const SECRET_SECTIONS: [&str; 3] = ["header_env", "header_files", "headers"];

/// Serializes a column with its references hidden.
///
/// # Errors
/// Returns the error of the serializer.
pub(super) fn hidden<S: Serializer>(column: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    hide_in(column, false).serialize(serializer)
}

/// Serializes a column that may be `null` with its references hidden.
///
/// # Errors
/// Returns the error of the serializer.
pub(super) fn optional_hidden<S: Serializer>(
    column: &Option<Map<String, Value>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    column.as_ref().map(|column| hide_in(column, false)).serialize(serializer)
}

fn hide_in(object: &Map<String, Value>, all: bool) -> Map<String, Value> {
    let hide = |(key, value): (&String, &Value)| (key.clone(), hide(key, value, all));
    object.iter().map(hide).collect()
}

fn hide(key: &str, value: &Value, all: bool) -> Value {
    match value {
        Value::Object(object) => Value::Object(hide_in(object, SECRET_SECTIONS.contains(&key))),
        Value::String(_) if all || SECRET_KEYS.contains(&key) => HIDDEN.into(),
        _ => value.clone(),
    }
}

/// Puts the stored references back where a written column has [`HIDDEN`] in their place. Where nothing is stored the text
/// stays, and is then refused.
pub(crate) fn restore_hidden(written: &mut Value, stored: Option<&Value>) {
    match written {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                restore_hidden(value, stored.and_then(|stored| stored.get(key)));
            }
        }
        Value::String(text) if text == HIDDEN => {
            if let Some(stored) = stored {
                *written = stored.clone();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_never_shown_and_stays_when_what_was_read_is_sent_back() {
        let stored = json!({"proxy_url": "http://proxy:3128", "ca_file": "ca.pem", "header_files": {"X-Key": "key"},
            "basic_auth": {"username": "u", "password_file": "p"}, "no_proxy": ["a"]});
        let shown = Value::Object(hide_in(stored.as_object().unwrap(), false));
        assert_eq!(
            shown,
            json!({"proxy_url": "http://proxy:3128", "ca_file": HIDDEN, "header_files": {"X-Key": HIDDEN},
                "basic_auth": {"username": HIDDEN, "password_file": HIDDEN}, "no_proxy": ["a"]})
        );
        let mut back = shown;
        back["basic_auth"]["username"] = "other".into();
        restore_hidden(&mut back, Some(&stored));
        assert_eq!(back["basic_auth"], json!({"username": "other", "password_file": "p"}));
        assert_eq!((&back["ca_file"], &back["header_files"]), (&stored["ca_file"], &stored["header_files"]));
        let mut lost = json!({"ca_file": HIDDEN});
        restore_hidden(&mut lost, None);
        assert_eq!(lost, json!({"ca_file": HIDDEN}), "nothing was stored");
    }
}
