//! Templates: thresholds in columns, everything else of a template in `settings`.

use super::table::Table;
use super::{Page, Shown, Store, StoreError};
use crate::catalog;
use crate::document::Document;
use serde_json::Value;
use sqlx::PgConnection;

const TEMPLATES: Table = Table {
    name: "templates",
    entry: "template",
    key: "template_name",
    document: "jsonb_build_object('id', id, 'template_name', template_name, 'min_mos', min_mos,
      'loudness_target', loudness_target, 'loudness_tolerance', loudness_tolerance,
      'macroblocking_threshold', macroblocking_threshold, 'freeze_threshold_ms', freeze_threshold_ms,
      'segment_duration_target', segment_duration_target, 'segment_duration_tolerance', segment_duration_tolerance,
      'max_download_time', max_download_time, 'settings', settings, 'version', version, 'created_at', created_at,
      'updated_at', updated_at)",
    columns: "template_name, min_mos, loudness_target, loudness_tolerance, macroblocking_threshold,
      freeze_threshold_ms, segment_duration_target, segment_duration_tolerance, max_download_time, settings",
    given: "SELECT template_name, min_mos, loudness_target, loudness_tolerance, macroblocking_threshold,
        freeze_threshold_ms, segment_duration_target, segment_duration_tolerance, max_download_time, coalesce(settings, '{}')
      FROM jsonb_to_recordset($1) AS r(template_name text, min_mos float8, loudness_target float8, loudness_tolerance float8,
        macroblocking_threshold float8, freeze_threshold_ms float8, segment_duration_target float8,
        segment_duration_tolerance float8, max_download_time float8, settings jsonb)",
};

impl Store {
    /// # Errors
    /// The database is away.
    pub async fn templates(&self, after: i64, limit: usize) -> Result<Page, StoreError> {
        TEMPLATES.page(&self.pool, after, limit).await
    }

    /// `key` is an id or a name.
    ///
    /// # Errors
    /// There is no such template, or the database is away.
    pub async fn template(&self, key: &str) -> Result<Shown, StoreError> {
        TEMPLATES.one(&mut *self.pool.acquire().await?, key).await
    }

    /// # Errors
    /// Every bad field, a name that is taken, or the database is away.
    pub async fn create_template(&self, body: &Document) -> Result<i32, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let row = checked(&mut connection, body, None).await?;
        TEMPLATES.insert(&mut connection, &row).await
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
        let before = TEMPLATES.hold(&mut transaction, key, expected).await?;
        let row = checked(&mut transaction, body, Some(before.id)).await?;
        let after = TEMPLATES.replace(&mut transaction, before.id, &row).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// # Errors
    /// Channels use it, others extend it, another version than `expected`, no such template, or the database is away.
    pub async fn delete_template(&self, key: &str, expected: Option<i32>) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = TEMPLATES.hold(&mut transaction, key, expected).await?;
        let name = before.document.get("template_name").and_then(Value::as_str);
        let based: Option<String> = sqlx::query_scalar(
            "SELECT template_name FROM templates WHERE settings->>'extends' = $1 ORDER BY id LIMIT 1",
        )
        .bind(name)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(based) = based {
            return Err(StoreError::Conflict(format!("template `{based}` extends this one; change that first")));
        }
        TEMPLATES.delete(&mut transaction, before.id).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// The columns of a body, read with the templates that it may extend.
async fn checked(connection: &mut PgConnection, body: &Document, own: Option<i32>) -> Result<Value, StoreError> {
    let sql = "SELECT coalesce(jsonb_object_agg(template_name, settings), '{}')::text FROM templates
               WHERE id IS DISTINCT FROM $1";
    let others: String = sqlx::query_scalar(sql).bind(own).fetch_one(connection).await?;
    let others = Document::parse_json("templates".to_owned(), others).map_err(StoreError::Invalid)?;
    catalog::template_columns(body, &others).map(Value::Object).map_err(StoreError::Invalid)
}
