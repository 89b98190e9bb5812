//! Reads and writes templates in the database. Writes are checked like templates.yml.

use super::table::{Table, text_column};
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
        let others = other_templates(&mut connection, None).await?;
        let columns = self.checked_template(body, &others)?;
        TEMPLATES.insert(&mut connection, &columns).await
    }

    /// Replaces the template with the id or name `key`. Its name may change if no other template extends it, because
    /// channels refer to its id and templates to its name.
    ///
    /// # Errors
    /// Fails with every bad field; fails if a template that extends this one would lose it or become invalid, if there is
    /// no such template, if its version is not `expected`, or if the database can't be reached.
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
        let others = other_templates(&mut transaction, Some(before.id)).await?;
        let columns = self.checked_template(body, &others)?;
        if text_column(&columns, "template_name") != before.row.template_name {
            demand_not_extended(&mut transaction, &before.row.template_name).await?;
        }
        if let Some((other, why)) = catalog::template_broken_by(&others, &before.row, &columns, &self.secrets) {
            return Err(StoreError::Conflict(format!(
                "template `{other}` extends this one and would become invalid ({why}); change that first"
            )));
        }
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
        demand_not_extended(&mut transaction, &before.row.template_name).await?;
        TEMPLATES.delete(&mut transaction, before.id).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the columns that the body of a write sets. They are checked together with `others`, because the template may
    /// extend one of them.
    fn checked_template(&self, body: &Document, others: &Document) -> Result<JsonObject, StoreError> {
        catalog::template_columns(body, others, &self.secrets).map_err(StoreError::Invalid)
    }
}

/// Returns the settings of all templates as `{name: settings}`, without those of the template with the id `own`. `None`: those of
/// all templates.
async fn other_templates(connection: &mut PgConnection, own: Option<i32>) -> Result<Document, StoreError> {
    let sql = "SELECT coalesce(jsonb_object_agg(template_name, settings), '{}')::text FROM templates
               WHERE id IS DISTINCT FROM $1";
    let others: String = sqlx::query_scalar(sql).bind(own).fetch_one(connection).await?;
    Document::parse_json("templates".to_owned(), others).map_err(StoreError::Invalid)
}

/// Refuses a write that takes away the name `name` of a template while another template extends it by that name.
async fn demand_not_extended(connection: &mut PgConnection, name: &str) -> Result<(), StoreError> {
    let sql = "SELECT template_name FROM templates WHERE settings->>'extends' = $1 ORDER BY id LIMIT 1";
    let extending: Option<String> = sqlx::query_scalar(sql).bind(name).fetch_optional(connection).await?;
    match extending {
        Some(other) => Err(StoreError::Conflict(format!("template `{other}` extends this one; change that first"))),
        None => Ok(()),
    }
}
