//! A list of which only the given filters stand in the statement: with all of them in it, each "or not given", PostgreSQL
//! keeps one plan for every case, and it takes no filter's index.

use super::{Page, StoreError};
use serde_json::Value;
use sqlx::postgres::Postgres;
use sqlx::{Encode, PgPool, QueryBuilder, Type};

pub struct Narrowed<'a>(QueryBuilder<'a, Postgres>);

impl<'a> Narrowed<'a> {
    /// `select` ends in what `key` is compared with.
    pub fn new(select: String, key: i64) -> Self {
        let mut sql = QueryBuilder::new(select);
        sql.push_bind(key);
        Self(sql)
    }

    pub fn equal<T>(&mut self, column: &str, value: Option<T>)
    where
        T: 'a + Encode<'a, Postgres> + Type<Postgres>,
    {
        if let Some(value) = value {
            self.0.push(format_args!(" AND {column} = ")).push_bind(value);
        }
    }

    /// A condition on a text.
    pub fn and(&mut self, before: &str, value: &'a str, after: &str) {
        self.0.push(format_args!(" AND {before}")).push_bind(value).push(after);
    }

    /// One more row than asked for is read: it tells whether there is another page.
    pub async fn page(mut self, order: &str, limit: usize, pool: &PgPool) -> Result<Page, StoreError> {
        self.0.push(order).push_bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows: Vec<(i64, Value)> = self.0.build_query_as().fetch_all(pool).await?;
        Ok(page(rows, limit))
    }
}

/// A page out of `limit + 1` rows that carry their id.
fn page(mut rows: Vec<(i64, Value)>, limit: usize) -> Page {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(id, _)| *id);
    Page { items: rows.into_iter().map(|(_, document)| document).collect(), next }
}
