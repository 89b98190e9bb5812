//! Reads pages of a filtered list. The SQL statement contains only the filters that a request sets: with every filter
//! in it, each as "or not given", PostgreSQL would keep one plan for all requests, and that plan uses no filter's
//! index.

use super::{Page, StoreError};
use serde::de::DeserializeOwned;
use sqlx::postgres::Postgres;
use sqlx::types::Json;
use sqlx::{Encode, PgPool, QueryBuilder, Type};

/// SQL statement that selects one page of a list.
pub(super) struct Filtered<'a>(QueryBuilder<'a, Postgres>);

impl<'a> Filtered<'a> {
    /// Begins an SQL statement that selects the rows of a page. `select` is the statement's text: it selects an id and
    /// a JSON document, and ends with a comparison operator, such as `WHERE id > `. `cursor` becomes the right side of
    /// the comparison.
    pub(super) fn new(select: String, cursor: i64) -> Self {
        let mut sql = QueryBuilder::new(select);
        sql.push_bind(cursor);
        Self(sql)
    }

    /// Adds to an SQL statement the condition that `column` equals `value`, if there is a value.
    pub(super) fn equal<T>(&mut self, column: &str, value: Option<T>)
    where
        T: 'a + Encode<'a, Postgres> + Type<Postgres>,
    {
        if let Some(value) = value {
            self.0.push(format_args!(" AND {column} = ")).push_bind(value);
        }
    }

    /// Adds to an SQL statement a condition that is made of the SQL text `before`, the bound text `value`, and the SQL
    /// text `after`.
    pub(super) fn and(&mut self, before: &str, value: &'a str, after: &str) {
        self.0.push(format_args!(" AND {before}")).push_bind(value).push(after);
    }

    /// Reads a page of at most `limit` rows with the SQL statement.
    pub(super) async fn page<R>(mut self, order: &str, limit: usize, pool: &PgPool) -> Result<Page<R>, StoreError>
    where
        R: DeserializeOwned + Send + Unpin + 'static,
    {
        // One row more than the page has tells whether there is another page.
        self.0.push(order).push_bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows: Vec<(i64, Json<R>)> = self.0.build_query_as().fetch_all(pool).await?;
        Ok(Page::of(rows.into_iter().map(|(id, Json(row))| (id, row)), limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_filters_stand_in_the_statement() {
        let mut sql = Filtered::new("SELECT id FROM channels WHERE id > ".to_owned(), 7);
        sql.equal("tier", Some(1));
        sql.equal::<bool>("is_4k", None);
        sql.and("position(lower(", "hd", ") IN name) > 0");
        assert_eq!(
            sql.0.sql(),
            "SELECT id FROM channels WHERE id > $1 AND tier = $2 AND position(lower($3) IN name) > 0"
        );
    }
}
