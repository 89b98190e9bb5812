//! Tables whose rows clients read and write one at a time, by id or name. The SQL is made from the fields of the row's
//! struct.

use super::filtered::Filtered;
use super::{Page, StoreError, Versioned};
use crate::catalog::{JsonObject, TableRow};
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use std::marker::PhantomData;

/// SQL texts that name the columns of a table, made from the fields of the row's struct.
pub(super) struct ColumnLists {
    /// SQL expression that makes the JSON document of a row.
    pub document: String,
    /// Names of the writable columns, separated by commas.
    pub writable: String,
    /// SQL statement that selects the values of the writable columns from the JSON rows in `$1`. A column that is
    /// `null` or missing gets its default.
    pub given: String,
}

impl ColumnLists {
    /// Makes the SQL texts for the table with the alias `alias`. The columns in `joined` come from other tables, by the
    /// given expressions.
    pub(super) fn of<R: TableRow>(alias: &str, joined: &[(&str, &str)]) -> Self {
        let expression = |name: &str| match joined.iter().find(|(column, _)| *column == name) {
            Some((_, expression)) => (*expression).to_owned(),
            None => format!("{alias}.{name}"),
        };
        let value = |name: &str| match R::DEFAULTS.iter().find(|(column, _)| *column == name) {
            Some((_, default)) => format!("coalesce({name}, {default})"),
            None => name.to_owned(),
        };
        let members = R::columns().iter().map(|name| format!("'{name}', {}", expression(name)));
        let writable = || R::writable().collect::<Vec<_>>().join(", ");
        Self {
            document: format!("jsonb_build_object({})", comma_separated(members)),
            writable: writable(),
            given: format!(
                "SELECT {} FROM jsonb_populate_recordset(NULL::{}, $1)",
                comma_separated(R::writable().map(value)),
                R::TABLE
            ),
        }
    }
}

pub(super) fn comma_separated(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A database table whose rows have an id, a unique name and a version.
pub(super) struct Table<R> {
    /// Word for one row in messages, such as `template`.
    entry: &'static str,
    /// Column of the table that contains the unique name of each row.
    key: &'static str,
    lists: ColumnLists,
    row: PhantomData<R>,
}

/// A row that is locked until the end of the transaction.
pub(super) struct Locked<R> {
    pub id: i32,
    pub row: R,
}

impl<R: TableRow> Table<R> {
    pub(super) fn new(entry: &'static str, key: &'static str) -> Self {
        Self { entry, key, lists: ColumnLists::of::<R>(R::TABLE, &[]), row: PhantomData }
    }

    /// Returns at most `limit` rows of the table with ids above `after`, by id.
    pub(super) async fn page(&self, pool: &PgPool, after: i64, limit: usize) -> Result<Page<R>, StoreError> {
        let (document, table) = (&self.lists.document, R::TABLE);
        let sql = Filtered::new(format!("SELECT id::bigint, {document} FROM {table} WHERE id > "), after);
        sql.page(" ORDER BY id LIMIT ", limit, pool).await
    }

    /// Returns the row of the table that has the id or name `key`.
    pub(super) async fn get(&self, connection: &mut PgConnection, key: &str) -> Result<Versioned<R>, StoreError> {
        get(connection, &self.select(), self.entry, key).await
    }

    /// Locks the row with the id or name `key` until the end of the transaction.
    ///
    /// # Errors
    /// Fails if there is no such row, if its version is not `expected`, or if the database can't be reached.
    pub(super) async fn lock(
        &self,
        connection: &mut PgConnection,
        key: &str,
        expected: Option<i32>,
    ) -> Result<Locked<R>, StoreError> {
        let (document, table) = (&self.lists.document, R::TABLE);
        let sql = format!(
            "SELECT {document}, version, id FROM {table} WHERE {0} = $1 OR id = $2 ORDER BY {0} = $1 DESC LIMIT 1 FOR UPDATE",
            self.key
        );
        let row: Option<(Json<R>, i32, i32)> =
            sqlx::query_as(&sql).bind(key).bind(key.parse::<i32>().ok()).fetch_optional(connection).await?;
        let (Json(row), version, id) = row.ok_or_else(|| missing(self.entry, key))?;
        Versioned { row: (), version }.require(expected)?;
        Ok(Locked { id, row })
    }

    /// Inserts a row into the table and returns its id.
    pub(super) async fn insert(&self, connection: &mut PgConnection, columns: &JsonObject) -> Result<i32, StoreError> {
        let ColumnLists { writable, given, .. } = &self.lists;
        demand_free(connection, R::TABLE, self.key, columns).await?;
        let sql = format!("INSERT INTO {} ({writable}) {given} RETURNING id", R::TABLE);
        Ok(sqlx::query_scalar(&sql).bind(json!([columns])).fetch_one(connection).await?)
    }

    /// Replaces the writable columns of a row and returns the new row.
    pub(super) async fn replace(
        &self,
        connection: &mut PgConnection,
        id: i32,
        columns: &JsonObject,
    ) -> Result<Versioned<R>, StoreError> {
        let ColumnLists { document, writable, given } = &self.lists;
        let sql =
            format!("UPDATE {} SET ({writable}) = ({given}) WHERE id = $2 RETURNING {document}, version", R::TABLE);
        let (Json(row), version) = sqlx::query_as(&sql).bind(json!([columns])).bind(id).fetch_one(connection).await?;
        Ok(Versioned { row, version })
    }

    pub(super) async fn delete(&self, connection: &mut PgConnection, id: i32) -> Result<(), StoreError> {
        sqlx::query(&format!("DELETE FROM {} WHERE id = $1", R::TABLE)).bind(id).execute(connection).await?;
        Ok(())
    }

    fn select(&self) -> String {
        let (document, table, key) = (&self.lists.document, R::TABLE, self.key);
        format!("SELECT {document}, version FROM {table} WHERE {key} = $1 OR id = $2 ORDER BY {key} = $1 DESC LIMIT 1")
    }
}

/// Refuses a name or code that is taken already. A refusal by the insert statement would use up an id.
pub(super) async fn demand_free(
    connection: &mut PgConnection,
    table: &str,
    key: &str,
    columns: &JsonObject,
) -> Result<(), StoreError> {
    let sql = format!("SELECT EXISTS (SELECT FROM {table} WHERE {key} = $1)");
    let is_taken: bool = sqlx::query_scalar(&sql).bind(text_column(columns, key)).fetch_one(connection).await?;
    if is_taken { Err(StoreError::Conflict(super::error::taken(&format!("{table}_{key}_key")))) } else { Ok(()) }
}

/// Returns the row that `sql` selects by a name or code in `$1` or an id in `$2`.
pub(super) async fn get<R: TableRow>(
    connection: &mut PgConnection,
    sql: &str,
    entry: &str,
    key: &str,
) -> Result<Versioned<R>, StoreError> {
    let id = key.parse::<i32>().ok();
    let row: Option<(Json<R>, i32)> = sqlx::query_as(sql).bind(key).bind(id).fetch_optional(connection).await?;
    let (Json(row), version) = row.ok_or_else(|| missing(entry, key))?;
    Ok(Versioned { row, version })
}

fn missing(entry: &str, key: &str) -> StoreError {
    StoreError::Missing(format!("there is no {entry} `{}`", key.escape_debug()))
}

/// Returns the text in a column of a row's document; empty if there is none.
pub(super) fn text_column<'a>(columns: &'a JsonObject, name: &str) -> &'a str {
    columns.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::TemplateRow;

    #[test]
    fn the_lists_name_every_column_with_its_default_and_its_table() {
        let lists = ColumnLists::of::<TemplateRow>("t", &[("version", "0")]);
        assert!(lists.document.starts_with("jsonb_build_object('id', t.id, 'template_name', t.template_name, "));
        assert!(lists.document.contains("'settings', t.settings, 'version', 0, 'created_at', t.created_at"));
        assert!(lists.writable.starts_with("template_name, min_mos, ") && lists.writable.ends_with(", settings"));
        assert!(lists.given.starts_with("SELECT template_name, min_mos, "), "{}", lists.given);
        let end = "coalesce(settings, '{}') FROM jsonb_populate_recordset(NULL::templates, $1)";
        assert!(lists.given.ends_with(end), "{}", lists.given);
    }
}
