//! A table whose entries are read and written whole, by id or name, and guarded by their version.

use super::narrowed::Narrowed;
use super::{Page, Shown, StoreError};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

pub struct Table {
    pub name: &'static str,
    /// One of its entries, in messages.
    pub entry: &'static str,
    /// The column of the names.
    pub key: &'static str,
    /// An entry as the API shows it.
    pub document: &'static str,
    /// What is written.
    pub columns: &'static str,
    /// The values of `columns`, out of the rows in `$1`.
    pub given: &'static str,
}

/// An entry that nobody else changes until the transaction's end.
pub struct Held {
    pub id: i32,
    pub document: Value,
}

impl Table {
    pub async fn page(&self, pool: &PgPool, after: i64, limit: usize) -> Result<Page, StoreError> {
        let Self { name, document, .. } = self;
        let sql = Narrowed::new(format!("SELECT id::bigint, {document} FROM {name} WHERE id > "), after);
        sql.page(" ORDER BY id LIMIT ", limit, pool).await
    }

    pub async fn one(&self, connection: &mut PgConnection, key: &str) -> Result<Shown, StoreError> {
        shown(connection, &self.by_key(), self.entry, key).await
    }

    /// # Errors
    /// No such entry, another version than `expected`, or the database is away.
    pub async fn hold(
        &self,
        connection: &mut PgConnection,
        key: &str,
        expected: Option<i32>,
    ) -> Result<Held, StoreError> {
        let before = shown(connection, &format!("{} FOR UPDATE", self.by_key()), self.entry, key).await?;
        before.still(expected)?;
        let id = before.document.get("id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok());
        let id = id.ok_or_else(|| StoreError::Refused(format!("a {} without an id", self.entry)))?;
        Ok(Held { id, document: before.document })
    }

    /// The new entry's id.
    pub async fn insert(&self, connection: &mut PgConnection, row: &Value) -> Result<i32, StoreError> {
        let Self { name, columns, given, .. } = self;
        let sql = format!("INSERT INTO {name} ({columns}) {given} RETURNING id");
        Ok(sqlx::query_scalar(&sql).bind(json!([row])).fetch_one(connection).await?)
    }

    pub async fn replace(&self, connection: &mut PgConnection, id: i32, row: &Value) -> Result<Shown, StoreError> {
        let Self { name, document, columns, given, .. } = self;
        let sql = format!("UPDATE {name} SET ({columns}) = ({given}) WHERE id = $2 RETURNING {document}, version");
        let (document, version) = sqlx::query_as(&sql).bind(json!([row])).bind(id).fetch_one(connection).await?;
        Ok(Shown { document, version })
    }

    pub async fn delete(&self, connection: &mut PgConnection, id: i32) -> Result<(), StoreError> {
        sqlx::query(&format!("DELETE FROM {} WHERE id = $1", self.name)).bind(id).execute(connection).await?;
        Ok(())
    }

    fn by_key(&self) -> String {
        let Self { name, key, document, .. } = self;
        format!("SELECT {document}, version FROM {name} WHERE {key} = $1 OR id = $2 ORDER BY {key} = $1 DESC LIMIT 1")
    }
}

/// What `sql` finds by a name or code in `$1` or an id in `$2`.
pub async fn shown(connection: &mut PgConnection, sql: &str, entry: &str, key: &str) -> Result<Shown, StoreError> {
    let id = key.parse::<i32>().ok();
    let row: Option<(Value, i32)> = sqlx::query_as(sql).bind(key).bind(id).fetch_optional(connection).await?;
    let missing = || StoreError::Missing(format!("there is no {entry} `{}`", key.escape_debug()));
    let (document, version) = row.ok_or_else(missing)?;
    Ok(Shown { document, version })
}
