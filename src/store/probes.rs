//! Probes: the exporters (and Inspector LIVE appliances) that channels belong to.

use super::table::Table;
use super::{Page, Shown, Store, StoreError};
use crate::document::{self, Document, Fault};
use serde::{Deserialize, Serialize};
use serde_json::json;

const PROBES: Table = Table {
    name: "probes",
    entry: "probe",
    key: "probe_name",
    document: "jsonb_build_object('id', id, 'probe_name', probe_name, 'location', location, 'kind', kind,
      'url', url, 'enabled', enabled, 'version', version, 'created_at', created_at, 'updated_at', updated_at)",
    columns: "probe_name, location, kind, url, enabled",
    given: "SELECT probe_name, location, coalesce(kind, 'exporter'), url, coalesce(enabled, true)
      FROM jsonb_to_recordset($1) AS r(probe_name text, location text, kind text, url text, enabled bool)",
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    probe_name: String,
    location: Option<String>,
    kind: Option<Kind>,
    url: Option<String>,
    enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Exporter,
    InspectorLive,
}

impl Store {
    /// # Errors
    /// The database is away.
    pub async fn probes(&self, after: i64, limit: usize) -> Result<Page, StoreError> {
        PROBES.page(&self.pool, after, limit).await
    }

    /// `key` is an id or a name.
    ///
    /// # Errors
    /// There is no such probe, or the database is away.
    pub async fn probe(&self, key: &str) -> Result<Shown, StoreError> {
        PROBES.one(&mut *self.pool.acquire().await?, key).await
    }

    /// # Errors
    /// Every bad field, a name that is taken, or the database is away.
    pub async fn create_probe(&self, body: &Document) -> Result<i32, StoreError> {
        let row = json!(written(body)?);
        PROBES.insert(&mut *self.pool.acquire().await?, &row).await
    }

    /// Replaces a probe.
    ///
    /// # Errors
    /// Every bad field, no such probe, another version than `expected`, or the database is away.
    pub async fn change_probe(&self, key: &str, body: &Document, expected: Option<i32>) -> Result<Shown, StoreError> {
        let row = json!(written(body)?);
        let mut transaction = self.pool.begin().await?;
        let before = PROBES.hold(&mut transaction, key, expected).await?;
        let after = PROBES.replace(&mut transaction, before.id, &row).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// # Errors
    /// Channels belong to it, another version than `expected`, no such probe, or the database is away.
    pub async fn delete_probe(&self, key: &str, expected: Option<i32>) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = PROBES.hold(&mut transaction, key, expected).await?;
        PROBES.delete(&mut transaction, before.id).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn written(body: &Document) -> Result<Written, StoreError> {
    let root = body.root.without(&["id", "version", "created_at", "updated_at"]);
    let (written, mut faults) = document::read_on::<Written>(&root);
    let Some(written) = written else { return Err(StoreError::Invalid(body.errors(faults))) };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !(1..=64).contains(&written.probe_name.len()) || !written.probe_name.bytes().all(plain) {
        faults.push(Fault::value(root.spot("probe_name"), "must be 1 to 64 letters, digits, `_`, `-`, `.`"));
    }
    if written.location.as_ref().is_some_and(|l| l.chars().count() > 256 || l.chars().any(char::is_control)) {
        faults.push(Fault::value(root.spot("location"), "must be at most 256 characters without control characters"));
    }
    if written.url.as_ref().is_some_and(|u| u.len() > 2048 || !(u.starts_with("http://") || u.starts_with("https://")))
    {
        faults.push(Fault::value(root.spot("url"), "must begin with http:// or https:// and have at most 2048 bytes"));
    }
    body.errors(faults).or(written).map_err(StoreError::Invalid)
}
