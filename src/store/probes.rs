//! Probes in the database: the exporters and Inspector LIVE appliances to which channels belong.

use super::table::Table;
use super::{Page, Store, StoreError, Versioned};
use crate::catalog::{JsonObject, TableRow, write_schema};
use crate::document::{self, Document, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// Probe (an exporter or an Inspector LIVE appliance) as the database table `probes` has it and as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Probe, description = "Exporter or Inspector LIVE appliance that channels belong to")]
pub struct ProbeRow {
    pub id: i32,
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    pub probe_name: String,
    #[schema(required, max_length = 256)]
    pub location: Option<String>,
    /// Kind of the probe: `exporter` or `inspector_live`. A write without a kind sets it to `exporter`.
    #[schema(pattern = "^(exporter|inspector_live)$", value_type = String)]
    pub kind: ProbeKind,
    #[schema(required, pattern = "^https?://", max_length = 2048)]
    pub url: Option<String>,
    /// Whether this exporter or appliance is enabled. A write without a value sets it to `true`.
    pub enabled: bool,
    /// Version of the row in the table `probes`, which is its ETag.
    pub version: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    Exporter,
    InspectorLive,
}

impl TableRow for ProbeRow {
    const TABLE: &'static str = "probes";
    const READ_ONLY: &'static [&'static str] = &["id", "version", "created_at", "updated_at"];
    const DEFAULTS: &'static [(&'static str, &'static str)] = &[("kind", "'exporter'"), ("enabled", "true")];
}

/// Body of a request that writes a probe (an exporter or an Inspector LIVE appliance): the columns that a client
/// writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeWritten {
    probe_name: String,
    location: Option<String>,
    kind: Option<ProbeKind>,
    url: Option<String>,
    enabled: Option<bool>,
}

impl PartialSchema for ProbeWritten {
    fn schema() -> RefOr<Schema> {
        let example = json!({"probe_name": "packager", "location": "Packagers", "kind": "exporter"});
        write_schema::<ProbeRow>("Fields of a probe that may be written", &["probe_name"], &[], example)
    }
}

impl ToSchema for ProbeWritten {}

static PROBES: LazyLock<Table<ProbeRow>> = LazyLock::new(|| Table::new("probe", "probe_name"));

impl Store {
    /// Returns at most `limit` probes (exporters and appliances) with ids above `after`, by id.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn probes(&self, after: i64, limit: usize) -> Result<Page<ProbeRow>, StoreError> {
        PROBES.page(&self.pool, after, limit).await
    }

    /// Returns the probe (an exporter or an appliance) with the id or name `key`.
    ///
    /// # Errors
    /// Fails if there is no such probe, or if the database can't be reached.
    pub async fn probe(&self, key: &str) -> Result<Versioned<ProbeRow>, StoreError> {
        PROBES.get(&mut *self.connection().await?, key).await
    }

    /// Creates a probe (an exporter or an appliance) in the database and returns its id.
    ///
    /// # Errors
    /// Fails with every bad field; fails if the name is taken, or if the database can't be reached.
    pub async fn create_probe(&self, body: &Document) -> Result<i32, StoreError> {
        let columns = checked_columns(body)?;
        PROBES.insert(&mut *self.connection().await?, &columns).await
    }

    /// Replaces the probe (an exporter or an appliance) with the id or name `key`.
    ///
    /// # Errors
    /// Fails with every bad field; fails if there is no such probe, if its version is not `expected`, or if the
    /// database can't be reached.
    pub async fn change_probe(
        &self,
        key: &str,
        body: &Document,
        expected: Option<i32>,
    ) -> Result<Versioned<ProbeRow>, StoreError> {
        let columns = checked_columns(body)?;
        let mut transaction = self.begin().await?;
        let before = PROBES.lock(&mut transaction, key, expected).await?;
        let after = PROBES.replace(&mut transaction, before.id, &columns).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Deletes the probe (an exporter or an appliance) with the id or name `key`.
    ///
    /// # Errors
    /// Fails if channels belong to the probe, if there is no such probe, if its version is not `expected`, or if the
    /// database can't be reached.
    pub async fn delete_probe(&self, key: &str, expected: Option<i32>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let before = PROBES.lock(&mut transaction, key, expected).await?;
        PROBES.delete(&mut transaction, before.id).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn checked_columns(body: &Document) -> Result<JsonObject, StoreError> {
    let root = body.root.without(ProbeRow::READ_ONLY);
    let (written, mut faults) = document::deserialize_partial::<ProbeWritten>(&root);
    let Some(written) = written else { return Err(StoreError::Invalid(body.errors(faults))) };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !(1..=64).contains(&written.probe_name.len()) || !written.probe_name.bytes().all(plain) {
        faults.push(Fault::value(root.index_of("probe_name"), "must be 1 to 64 letters, digits, `_`, `-`, `.`"));
    }
    if written.location.as_ref().is_some_and(|l| l.chars().count() > 256 || l.chars().any(char::is_control)) {
        faults
            .push(Fault::value(root.index_of("location"), "must be at most 256 characters without control characters"));
    }
    if written.url.as_ref().is_some_and(|u| u.len() > 2048 || !(u.starts_with("http://") || u.starts_with("https://")))
    {
        faults.push(Fault::value(
            root.index_of("url"),
            "must begin with http:// or https:// and have at most 2048 bytes",
        ));
    }
    let written = body.errors(faults).or(written).map_err(StoreError::Invalid)?;
    match json!(written) {
        Value::Object(columns) => Ok(columns),
        _ => Ok(JsonObject::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Result<JsonObject, String> {
        checked_columns(&Document::parse_json("body".to_owned(), text.to_owned()).unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_name_has_1_to_64_plain_characters() {
        let named = |name: &str| columns(&json!({"probe_name": name}).to_string());
        assert!(named("a").is_ok() && named(&"a".repeat(64)).is_ok() && named("P_1.a-b").is_ok());
        for bad in ["", "a b", "à", &"a".repeat(65)] {
            assert!(named(bad).unwrap_err().contains("must be 1 to 64 letters"), "{bad}");
        }
    }

    #[test]
    fn location_and_url_are_bounded_and_a_url_is_of_http() {
        let of = |key: &str, value: &str| columns(&json!({"probe_name": "p", key: value}).to_string());
        let long = |length: usize| format!("http://{}", "a".repeat(length - 7));
        assert!(
            of("location", &"ế".repeat(256)).is_ok()
                && of("url", &long(2048)).is_ok()
                && of("url", "https://a").is_ok()
        );
        for (key, bad) in [
            ("location", "ế".repeat(257)),
            ("location", "a\nb".to_owned()),
            ("url", long(2049)),
            ("url", "ftp://a".to_owned()),
        ] {
            assert!(of(key, &bad).unwrap_err().contains(key), "{key} {bad}");
        }
    }

    #[test]
    fn what_was_read_may_be_sent_back_and_an_unknown_kind_or_key_may_not() {
        let read = r#"{"id": 1, "probe_name": "p", "kind": "inspector_live", "enabled": false, "version": 2,
            "created_at": "x", "updated_at": "y"}"#;
        let sent = columns(read).unwrap();
        assert_eq!(sent.keys().collect::<Vec<_>>(), ["probe_name", "location", "kind", "url", "enabled"]);
        assert_eq!((&sent["kind"], &sent["enabled"]), (&json!("inspector_live"), &json!(false)));
        assert!(columns(r#"{"probe_name": "p", "kind": "camera"}"#).is_err());
        assert!(columns(r#"{"probe_name": "p", "knid": "exporter"}"#).is_err());
    }
}
