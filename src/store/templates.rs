//! Templates: thresholds in columns, everything else of a template in `settings`.

use super::{Page, Shown, Store, StoreError, page};
use crate::catalog;
use crate::document::Document;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

const DOCUMENT: &str = "jsonb_build_object('id', id, 'template_name', template_name, 'min_mos', min_mos,
  'loudness_target', loudness_target, 'loudness_tolerance', loudness_tolerance,
  'macroblocking_threshold', macroblocking_threshold, 'freeze_threshold_ms', freeze_threshold_ms,
  'segment_duration_target', segment_duration_target, 'segment_duration_tolerance', segment_duration_tolerance,
  'max_download_time', max_download_time, 'settings', settings, 'version', version, 'created_at', created_at,
  'updated_at', updated_at)";
const COLUMNS: &str = "template_name, min_mos, loudness_target, loudness_tolerance, macroblocking_threshold,
  freeze_threshold_ms, segment_duration_target, segment_duration_tolerance, max_download_time, settings";
const GIVEN: &str = "SELECT template_name, min_mos, loudness_target, loudness_tolerance, macroblocking_threshold,
    freeze_threshold_ms, segment_duration_target, segment_duration_tolerance, max_download_time, coalesce(settings, '{}')
  FROM jsonb_to_recordset($1) AS r(template_name text, min_mos float8, loudness_target float8, loudness_tolerance float8,
    macroblocking_threshold float8, freeze_threshold_ms float8, segment_duration_target float8,
    segment_duration_tolerance float8, max_download_time float8, settings jsonb)";

impl Store {
    /// # Errors
    /// The database is away.
    pub async fn templates(&self, after: i64, limit: usize) -> Result<Page, StoreError> {
        let sql = format!("SELECT id::bigint, {DOCUMENT} FROM templates WHERE id > $1 ORDER BY id LIMIT $2");
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        Ok(page(sqlx::query_as(&sql).bind(after).bind(most).fetch_all(&self.pool).await?, limit))
    }

    /// `key` is an id or a name.
    ///
    /// # Errors
    /// There is no such template, or the database is away.
    pub async fn template(&self, key: &str) -> Result<Shown, StoreError> {
        found(&mut *self.pool.acquire().await?, key, "").await
    }

    /// # Errors
    /// Every bad field, a name that is taken, or the database is away.
    pub async fn create_template(&self, body: &Document) -> Result<i32, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let columns = checked(&mut connection, body, None).await?;
        let sql = format!("INSERT INTO templates ({COLUMNS}) {GIVEN} RETURNING id");
        Ok(sqlx::query_scalar(&sql).bind(json!([columns])).fetch_one(&mut *connection).await?)
    }

    /// Replaces a template. Its name may change: channels refer to its id.
    ///
    /// # Errors
    /// Every bad field, no such template, another version than `expected`, or the database is away.
    pub async fn change_template(
        &self,
        key: &str,
        body: &Document,
        expected: Option<i32>,
    ) -> Result<Shown, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = found(&mut transaction, key, "FOR UPDATE").await?;
        if expected.is_some_and(|version| version != before.version) {
            return Err(StoreError::Changed(before.version));
        }
        let id = before.document.get("id").and_then(Value::as_i64).unwrap_or_default();
        let columns = checked(&mut transaction, body, Some(id)).await?;
        let sql = format!("UPDATE templates SET ({COLUMNS}) = ({GIVEN}) WHERE id = $2");
        sqlx::query(&sql).bind(json!([columns])).bind(id).execute(&mut *transaction).await?;
        let after = found(&mut transaction, &id.to_string(), "").await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// # Errors
    /// Channels use it, another version than `expected`, no such template, or the database is away.
    pub async fn delete_template(&self, key: &str, expected: Option<i32>) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = found(&mut transaction, key, "FOR UPDATE").await?;
        if expected.is_some_and(|version| version != before.version) {
            return Err(StoreError::Changed(before.version));
        }
        let name = before.document.get("template_name").cloned().unwrap_or_default();
        let based: Option<String> = sqlx::query_scalar(
            "SELECT template_name FROM templates WHERE settings->>'extends' = $1 ORDER BY id LIMIT 1",
        )
        .bind(name.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(based) = based {
            return Err(StoreError::Conflict(format!("template `{based}` extends this one; change that first")));
        }
        let id = before.document.get("id").and_then(Value::as_i64);
        sqlx::query("DELETE FROM templates WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// The columns of a body, read with the templates that it may extend.
async fn checked(
    connection: &mut PgConnection,
    body: &Document,
    own: Option<i64>,
) -> Result<Map<String, Value>, StoreError> {
    let sql = "SELECT coalesce(jsonb_object_agg(template_name, settings), '{}')::text FROM templates
               WHERE id IS DISTINCT FROM $1";
    let others: String = sqlx::query_scalar(sql).bind(own).fetch_one(connection).await?;
    let others = Document::parse_json("templates".to_owned(), others).map_err(StoreError::Invalid)?;
    catalog::template_columns(body, &others).map_err(StoreError::Invalid)
}

async fn found(connection: &mut PgConnection, key: &str, lock: &str) -> Result<Shown, StoreError> {
    let sql = format!(
        "SELECT {DOCUMENT}, version FROM templates WHERE template_name = $1 OR id = $2
         ORDER BY template_name = $1 DESC LIMIT 1 {lock}"
    );
    let id = key.parse::<i32>().ok();
    let row: Option<(Value, i32)> = sqlx::query_as(&sql).bind(key).bind(id).fetch_optional(connection).await?;
    let (document, version) =
        row.ok_or_else(|| StoreError::Missing(format!("there is no template `{}`", key.escape_debug())))?;
    Ok(Shown { document, version })
}
