//! Probes: the exporters (and Inspector LIVE appliances) that channels belong to.

use super::{Page, Shown, Store, StoreError, page};
use crate::document::{self, Document, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;

const DOCUMENT: &str = "jsonb_build_object('id', id, 'probe_name', probe_name, 'location', location, 'kind', kind,
  'url', url, 'enabled', enabled, 'version', version, 'created_at', created_at, 'updated_at', updated_at)";
const GIVEN: &str = "SELECT probe_name, location, coalesce(kind, 'exporter'), url, coalesce(enabled, true)
  FROM jsonb_to_recordset($1) AS r(probe_name text, location text, kind text, url text, enabled bool)";

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
        let sql = format!("SELECT id::bigint, {DOCUMENT} FROM probes WHERE id > $1 ORDER BY id LIMIT $2");
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        Ok(page(sqlx::query_as(&sql).bind(after).bind(most).fetch_all(&self.pool).await?, limit))
    }

    /// `key` is an id or a name.
    ///
    /// # Errors
    /// There is no such probe, or the database is away.
    pub async fn probe(&self, key: &str) -> Result<Shown, StoreError> {
        found(&mut *self.pool.acquire().await?, key, "").await
    }

    /// # Errors
    /// Every bad field, a name that is taken, or the database is away.
    pub async fn create_probe(&self, body: &Document) -> Result<i32, StoreError> {
        let written = written(body)?;
        let sql = format!("INSERT INTO probes (probe_name, location, kind, url, enabled) {GIVEN} RETURNING id");
        Ok(sqlx::query_scalar(&sql).bind(json!([written])).fetch_one(&self.pool).await?)
    }

    /// Replaces a probe.
    ///
    /// # Errors
    /// Every bad field, no such probe, another version than `expected`, or the database is away.
    pub async fn change_probe(&self, key: &str, body: &Document, expected: Option<i32>) -> Result<Shown, StoreError> {
        let written = written(body)?;
        let mut transaction = self.pool.begin().await?;
        let before = found(&mut transaction, key, "FOR UPDATE").await?;
        if expected.is_some_and(|version| version != before.version) {
            return Err(StoreError::Changed(before.version));
        }
        let id = before.document.get("id").and_then(Value::as_i64).unwrap_or_default();
        let sql = format!("UPDATE probes SET (probe_name, location, kind, url, enabled) = ({GIVEN}) WHERE id = $2");
        sqlx::query(&sql).bind(json!([written])).bind(id).execute(&mut *transaction).await?;
        let after = found(&mut transaction, &id.to_string(), "").await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// # Errors
    /// Channels belong to it, another version than `expected`, no such probe, or the database is away.
    pub async fn delete_probe(&self, key: &str, expected: Option<i32>) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = found(&mut transaction, key, "FOR UPDATE").await?;
        if expected.is_some_and(|version| version != before.version) {
            return Err(StoreError::Changed(before.version));
        }
        let id = before.document.get("id").and_then(Value::as_i64);
        sqlx::query("DELETE FROM probes WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn written(body: &Document) -> Result<Written, StoreError> {
    let root = body.root.without(&["id", "version", "created_at", "updated_at"]);
    let written: Written = document::read(&root).map_err(|faults| StoreError::Invalid(body.errors(faults)))?;
    let mut faults = Vec::new();
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

async fn found(connection: &mut PgConnection, key: &str, lock: &str) -> Result<Shown, StoreError> {
    let sql = format!(
        "SELECT {DOCUMENT}, version FROM probes WHERE probe_name = $1 OR id = $2
         ORDER BY probe_name = $1 DESC LIMIT 1 {lock}"
    );
    let id = key.parse::<i32>().ok();
    let row: Option<(Value, i32)> = sqlx::query_as(&sql).bind(key).bind(id).fetch_optional(connection).await?;
    let (document, version) =
        row.ok_or_else(|| StoreError::Missing(format!("there is no probe `{}`", key.escape_debug())))?;
    Ok(Shown { document, version })
}
