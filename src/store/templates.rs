//! Reads and writes templates in the database. Writes are checked like templates.yml.

use super::table::Table;
use super::{Page, Store, StoreError, Versioned};
use crate::catalog::{self, JsonObject, TemplateRow};
use crate::document::Document;
use sqlx::PgConnection;
use std::sync::LazyLock;

static TEMPLATES: LazyLock<Table<TemplateRow>> = LazyLock::new(|| Table::new("template", "template_name"));

impl Store {
    /// Returns at most `limit` templates with ids above `after`, by id.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn templates(&self, after: i64, limit: usize) -> Result<Page<TemplateRow>, StoreError> {
        TEMPLATES.page(&self.pool, after, limit).await
    }

    /// Returns the template with the id or name `key`.
    ///
    /// # Errors
    /// Fails if there is no such template, or if the database can't be reached.
    pub async fn template(&self, key: &str) -> Result<Versioned<TemplateRow>, StoreError> {
        TEMPLATES.get(&mut *self.connection().await?, key).await
    }

    /// Creates a template and returns its id.
    ///
    /// # Errors
    /// Fails with every bad field; fails if the name is taken, or if the database can't be reached.
    pub async fn create_template(&self, body: &Document) -> Result<i32, StoreError> {
        let mut connection = self.connection().await?;
        let columns = self.checked_template(&mut connection, body, None).await?;
        TEMPLATES.insert(&mut connection, &columns).await
    }

    /// Replaces the template with the id or name `key`. Its name may change, because channels refer to its id.
    ///
    /// # Errors
    /// Fails with every bad field; fails if there is no such template, if its version is not `expected`, or if the
    /// database can't be reached.
    pub async fn change_template(
        &self,
        key: &str,
        body: &Document,
        expected: Option<i32>,
    ) -> Result<Versioned<TemplateRow>, StoreError> {
        let mut transaction = self.begin().await?;
        let before = TEMPLATES.lock(&mut transaction, key, expected).await?;
        let restored = catalog::with_hidden_restored(body, &before.row);
        let body = restored.as_ref().unwrap_or(body);
        let columns = self.checked_template(&mut transaction, body, Some(before.id)).await?;
        let after = TEMPLATES.replace(&mut transaction, before.id, &columns).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Deletes the template with the id or name `key`.
    ///
    /// # Errors
    /// Fails if channels use the template, if other templates extend it, if there is no such template, if its version
    /// is not `expected`, or if the database can't be reached.
    pub async fn delete_template(&self, key: &str, expected: Option<i32>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let before = TEMPLATES.lock(&mut transaction, key, expected).await?;
        let extending: Option<String> = sqlx::query_scalar(
            "SELECT template_name FROM templates WHERE settings->>'extends' = $1 ORDER BY id LIMIT 1",
        )
        .bind(before.row.template_name)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(other) = extending {
            return Err(StoreError::Conflict(format!("template `{other}` extends this one; change that first")));
        }
        TEMPLATES.delete(&mut transaction, before.id).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the columns that the body of a write sets. They are checked together with all other templates, because the
    /// template may extend one of them. `own` is the id of the written template, which isn't among the others; `None` for a
    /// new template.
    async fn checked_template(
        &self,
        connection: &mut PgConnection,
        body: &Document,
        own: Option<i32>,
    ) -> Result<JsonObject, StoreError> {
        let sql = "SELECT coalesce(jsonb_object_agg(template_name, settings), '{}')::text FROM templates
                   WHERE id IS DISTINCT FROM $1";
        let others: String = sqlx::query_scalar(sql).bind(own).fetch_one(connection).await?;
        let others = Document::parse_json("templates".to_owned(), others).map_err(StoreError::Invalid)?;
        catalog::template_columns(body, &others, &self.secrets).map_err(StoreError::Invalid)
    }
}
