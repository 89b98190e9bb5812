//! Channels in the database: pages, single channels, writes, and imports of many channels.

use super::filtered::Filtered;
use super::table::{ColumnLists, comma_separated, demand_free, get, text_column};
use super::{Page, Store, StoreError, Versioned, Writer, lock_writers, on_blocking_thread};
use crate::catalog::{self, Channel, ChannelRow, JsonObject, SecretFiles, SecretPlaces, TableRow as _};
use crate::document::{Document, DocumentErrors, Problem};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// SQL lists of the columns of `channels` with the alias `c`. `t` is the alias of the channel's template.
pub(super) static LISTS: LazyLock<ColumnLists> =
    LazyLock::new(|| ColumnLists::of::<ChannelRow>("c", &[("template_name", "t.template_name")]));
pub(super) const FROM: &str = "FROM channels c LEFT JOIN templates t ON t.id = c.template_id";

/// Columns that refer to a row of another table: the column, the table, and the word for one of its rows in messages.
const REFERENCES: [(&str, &str, &str); 2] = [("template_id", "templates", "template"), ("probe_id", "probes", "probe")];
/// Largest number of rows that one SQL statement writes. It takes far less time than the statement timeout.
const BATCH: usize = 5000;

/// Filters of a list of channels. A filter that is `None` is not applied.
#[derive(Debug, Clone, Default)]
pub struct ChannelFilter {
    pub tier: Option<i32>,
    pub is_4k: Option<bool>,
    pub enabled: Option<bool>,
    /// Name of the listed channels' template.
    pub template: Option<String>,
    /// Text that is contained in code or name of the listed channels; upper and lower case are the same.
    pub q: Option<String>,
    /// Id of the channel after which the page begins.
    pub after: i64,
    /// Largest number of channels on the page.
    pub limit: usize,
}

/// One row of an import of channels.
#[derive(Debug, Clone)]
pub struct ImportRow {
    /// Line of the row in the imported file, from 1.
    pub line: usize,
    /// Values of the columns of an imported row that could be read.
    pub columns: JsonObject,
    /// Faults of the columns of an imported row that could not be read.
    pub problems: Vec<String>,
}

/// Numbers of channels that an import created, updated and left unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
}

/// Treatment of the columns that the body of a write leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Columns that the body leaves out get their defaults.
    Replace,
    /// Columns that the body leaves out keep their values.
    Merge,
}

impl Store {
    /// Returns one page of the channels that pass the filter, by id.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn channels(&self, filter: &ChannelFilter) -> Result<Page<ChannelRow>, StoreError> {
        let document = &LISTS.document;
        let mut sql = Filtered::new(format!("SELECT c.id::bigint, {document} {FROM} WHERE c.id > "), filter.after);
        sql.equal("tier", filter.tier);
        sql.equal("is_4k", filter.is_4k);
        sql.equal("c.enabled", filter.enabled);
        sql.equal("template_name", filter.template.as_deref());
        if let Some(q) = &filter.q {
            sql.and("position(lower(", q, ") IN lower(channel_code || ' ' || channel_name)) > 0");
        }
        sql.page(" ORDER BY c.id LIMIT ", filter.limit, &self.pool).await
    }

    /// Returns the channel with the id or code `key`.
    ///
    /// # Errors
    /// Fails if there is no such channel, or if the database can't be reached.
    pub async fn channel(&self, key: &str) -> Result<Versioned<ChannelRow>, StoreError> {
        select(&mut *self.connection().await?, key, "").await
    }

    /// Creates a channel and returns its code and id.
    ///
    /// # Errors
    /// Fails with every bad field; fails if the code is taken, if the template or probe doesn't exist, or if the
    /// database can't be reached.
    pub async fn create_channel(&self, body: &Document) -> Result<(String, i32), StoreError> {
        let columns = catalog::channel_columns(body, &mut SecretFiles::of_database(&self.secrets));
        let columns = columns.map_err(StoreError::Invalid)?;
        let ColumnLists { writable, given, .. } = &*LISTS;
        let mut connection = self.connection().await?;
        // A refused statement would use up an id.
        demand_free(&mut connection, "channels", "channel_code", &columns).await?;
        for (column, table, entry) in REFERENCES {
            let Some(id) = columns.get(column).and_then(Value::as_i64) else { continue };
            let sql = format!("SELECT EXISTS (SELECT FROM {table} WHERE id = $1)");
            if !sqlx::query_scalar::<_, bool>(&sql).bind(id).fetch_one(&mut *connection).await? {
                return Err(StoreError::field(column, format!("there is no such {entry}")));
            }
        }
        let sql = format!("INSERT INTO channels ({writable}) {given} RETURNING channel_code, id");
        Ok(sqlx::query_as(&sql).bind(json!([columns])).fetch_one(&mut *connection).await?)
    }

    /// Makes the channel that a write of `body` would make, and writes nothing. Where `body` has `<hidden>` in place of
    /// a reference to a secret, the reference of the stored channel with the same code is used.
    ///
    /// # Errors
    /// Fails with every bad field; fails if the template doesn't exist, or if the database can't be reached.
    pub async fn draft_channel(&self, body: &Document) -> Result<Channel, StoreError> {
        let given = catalog::given_columns(body).map_err(StoreError::Invalid)?;
        let mut connection = self.connection().await?;
        let code = given.get("channel_code").and_then(Value::as_str).unwrap_or_default().to_owned();
        let given = match select(&mut connection, &code, "").await {
            Ok(stored) if stored.row.channel_code == code => restored(given, &stored.row.values()),
            Ok(_) | Err(StoreError::Missing(_)) => given,
            Err(error) => return Err(error),
        };
        let columns = checked(&given, "body", &self.secrets)?;
        let template = match columns.get("template_id").and_then(Value::as_i64) {
            Some(id) => {
                let sql = "SELECT template_name FROM templates WHERE id = $1";
                let name: Option<String> = sqlx::query_scalar(sql).bind(id).fetch_optional(&mut *connection).await?;
                Some(name.ok_or_else(|| StoreError::field("template_id", "there is no such template"))?)
            }
            None => None,
        };
        catalog::channel_of(columns, template, &self.secrets).map_err(StoreError::Invalid)
    }

    /// Changes the channel with the id or code `key`.
    ///
    /// # Errors
    /// Fails with every bad field; fails if there is no such channel, if its version is not `expected`, if the body has
    /// another code, or if the database can't be reached.
    pub async fn change_channel(
        &self,
        key: &str,
        body: &Document,
        change: Change,
        expected: Option<i32>,
    ) -> Result<Versioned<ChannelRow>, StoreError> {
        let given = catalog::given_columns(body).map_err(StoreError::Invalid)?;
        self.write_channel(key, given, change, expected).await
    }

    /// Disables the channel with the id or code `key`. Service discovery leaves it out then, but it can still be
    /// probed.
    ///
    /// # Errors
    /// Fails if there is no such channel, if its version is not `expected`, or if the database can't be reached.
    pub async fn disable_channel(&self, key: &str, expected: Option<i32>) -> Result<Versioned<ChannelRow>, StoreError> {
        let columns = JsonObject::from_iter([("enabled".to_owned(), Value::Bool(false))]);
        self.write_channel(key, columns, Change::Merge, expected).await
    }

    async fn write_channel(
        &self,
        key: &str,
        columns: JsonObject,
        change: Change,
        expected: Option<i32>,
    ) -> Result<Versioned<ChannelRow>, StoreError> {
        let mut transaction = self.begin().await?;
        let before = select(&mut transaction, key, "FOR UPDATE OF c").await?;
        before.require(expected)?;
        let code = before.row.channel_code.clone();
        if columns.get("channel_code").is_some_and(|given| given.as_str() != Some(&code)) {
            return Err(StoreError::field(
                "channel_code",
                "a code can't change; create another channel and disable this",
            ));
        }
        let values = before.row.values();
        for (name, id) in [("template_name", "template_id"), ("probe_name", "probe_id")] {
            let other = columns.get(name).is_some_and(|given| values.get(name) != Some(given));
            if change == Change::Merge && other && !columns.contains_key(id) {
                return Err(StoreError::field(name, format!("is read-only; write `{id}`")));
            }
        }
        let mut whole = match change {
            Change::Merge => before.row.writable_values(),
            Change::Replace => JsonObject::new(),
        };
        whole.extend(restored(columns, &values));
        whole.insert("channel_code".to_owned(), code.clone().into());
        let whole = checked(&whole, "body", &self.secrets)?;
        let ColumnLists { writable, given, .. } = &*LISTS;
        let sql = format!("UPDATE channels c SET ({writable}) = ({given}) WHERE channel_code = $2");
        sqlx::query(&sql).bind(json!([whole])).bind(&code).execute(&mut *transaction).await?;
        let after = select(&mut transaction, &code, "").await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Returns every channel, by id.
    ///
    /// # Errors
    /// Fails if the database can't be reached.
    pub async fn all_channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        let mut all = Vec::new();
        let mut filter = ChannelFilter { limit: BATCH, ..ChannelFilter::default() };
        loop {
            let page = self.channels(&filter).await?;
            all.extend(page.rows);
            let Some(next) = page.next else { return Ok(all) };
            filter.after = next;
        }
    }

    /// Creates and changes channels by their codes, all or none. A column that a row leaves out keeps its value.
    /// `progress` is called with the number of written rows.
    ///
    /// # Errors
    /// Fails with every bad row and its line, or if the database can't be reached.
    pub async fn import_channels(
        &self,
        rows: Vec<ImportRow>,
        dry_run: bool,
        progress: impl Fn(usize),
    ) -> Result<ImportCounts, StoreError> {
        let mut transaction = self.begin().await?;
        lock_writers(&mut transaction, Writer::Channels).await?;
        let codes: Vec<&str> = rows.iter().filter_map(|row| row.columns.get("channel_code")?.as_str()).collect();
        let document = &LISTS.document;
        let sql = format!(
            "SELECT channel_code, {document} {FROM} WHERE channel_code = ANY($1) ORDER BY c.id FOR UPDATE OF c"
        );
        let before: Vec<(String, Json<ChannelRow>)> =
            sqlx::query_as(&sql).bind(&codes).fetch_all(&mut *transaction).await?;
        let before = before.into_iter().map(|(code, Json(row))| (code, row)).collect();
        let secrets = self.secrets.clone();
        let work = move || merged(&rows, before, &secrets).map(|(whole, problems)| (rows, whole, problems));
        let (rows, whole, mut problems) = on_blocking_thread(work).await??;
        problems.extend(missing_references(&mut transaction, &rows).await?);
        problems.sort_by_key(|problem| problem.position);
        DocumentErrors(problems).or(()).map_err(StoreError::Invalid)?;
        let mut done = ImportCounts::default();
        for part in whole.chunks(BATCH) {
            let written = upsert(&mut transaction, part).await?;
            let created = written.iter().filter(|created| **created).count();
            done.created += created;
            done.updated += written.len() - created;
            done.unchanged += part.len() - written.len();
            progress(done.created + done.updated + done.unchanged);
        }
        if !dry_run {
            transaction.commit().await?;
        }
        Ok(done)
    }
}

/// Returns the problems of rows that name templates or probes that do not exist. The database would name only the
/// first.
async fn missing_references(connection: &mut PgConnection, rows: &[ImportRow]) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    for (column, table, _) in REFERENCES {
        let named = || rows.iter().filter_map(|row| Some((row, row.columns.get(column)?.as_i64()?)));
        let asked: BTreeSet<i64> = named().map(|(_, id)| id).collect();
        let sql = format!("SELECT id::bigint FROM {table} WHERE id = ANY($1)");
        let known: Vec<i64> = sqlx::query_scalar(&sql).bind(Vec::from_iter(asked)).fetch_all(&mut *connection).await?;
        let known = BTreeSet::from_iter(known);
        for (row, id) in named().filter(|(_, id)| !known.contains(id)) {
            problems.push(problem_of_line(row.line, format!("{column}: {id} is not among the {table}")));
        }
    }
    Ok(problems)
}

fn problem_of_line(line: usize, message: String) -> Problem {
    Problem { source: "line".to_owned(), position: Some((line, 1)), message }
}

/// Creates and changes channels by code. The result has an element for each channel that was created (true) or changed
/// (false).
pub(super) async fn upsert(connection: &mut PgConnection, rows: &[JsonObject]) -> Result<Vec<bool>, StoreError> {
    let ColumnLists { writable, given, .. } = &*LISTS;
    let changeable = |prefix: &str| {
        let names = ChannelRow::writable().filter(|name| *name != "channel_code");
        comma_separated(names.map(|name| format!("{prefix}{name}")))
    };
    let (names, old, new) = (changeable(""), changeable("c."), changeable("excluded."));
    // An id is drawn for new rows only: else an import of 5,000 channels each minute would use up all ids within a
    // year.
    let sql = format!(
        "INSERT INTO channels AS c (id, {writable})
         SELECT coalesce(k.id, nextval(pg_get_serial_sequence('channels', 'id'))), g.*
         FROM ({given}) g ({writable}) LEFT JOIN channels k ON k.channel_code = g.channel_code
         ON CONFLICT (channel_code) DO UPDATE
           SET ({names}) = ROW({new})
           WHERE ({old}) IS DISTINCT FROM ({new})
         RETURNING (xmax = 0) AS created"
    );
    Ok(sqlx::query_scalar(&sql).bind(Json(rows)).fetch_all(connection).await?)
}

/// Returns the channel with the code or id `key`. A channel whose code looks like an id takes precedence over the
/// channel with this id.
async fn select(connection: &mut PgConnection, key: &str, lock: &str) -> Result<Versioned<ChannelRow>, StoreError> {
    let document = &LISTS.document;
    let sql = format!(
        "SELECT {document}, c.version {FROM} WHERE channel_code = $1 OR c.id = $2 ORDER BY channel_code = $1 DESC LIMIT 1 {lock}"
    );
    get(connection, &sql, "channel", key).await
}

/// The columns of a write, with the stored references to secrets where the write has `<hidden>` in their place.
fn restored(mut columns: JsonObject, stored: &JsonObject) -> JsonObject {
    for (name, value) in &mut columns {
        catalog::restore_hidden(value, stored.get(name));
    }
    columns
}

/// Columns as a channel of the API: checked whole, with the secret files below `secrets`. `name` stands for the document in
/// messages.
pub(super) fn checked(columns: &JsonObject, name: &str, secrets: &SecretPlaces) -> Result<JsonObject, StoreError> {
    checked_with(columns, name, &mut SecretFiles::of_database(secrets))
}

/// Checks columns as [`checked`] does, with secret files that were read for other channels before.
fn checked_with(columns: &JsonObject, name: &str, secrets: &mut SecretFiles<'_>) -> Result<JsonObject, StoreError> {
    let text = json!(columns).to_string();
    let document = Document::parse_json(name.to_owned(), text).map_err(StoreError::Invalid)?;
    catalog::channel_columns(&document, secrets).map_err(StoreError::Invalid)
}

/// Merges the rows of an import over the channels that the database has, and returns the merged rows and the problems
/// of the rows.
fn merged(
    rows: &[ImportRow],
    mut before: BTreeMap<String, ChannelRow>,
    secrets: &SecretPlaces,
) -> Result<(Vec<JsonObject>, Vec<Problem>), StoreError> {
    let mut whole = Vec::with_capacity(rows.len());
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut secrets = SecretFiles::of_database(secrets);
    for row in rows {
        let problem = |message: String| problem_of_line(row.line, message);
        problems.extend(row.problems.iter().cloned().map(problem));
        if row.columns.is_empty() && !row.problems.is_empty() {
            continue;
        }
        let code = text_column(&row.columns, "channel_code");
        if let Some(first) = lines.insert(code, row.line) {
            problems.push(problem(format!("channel_code: `{code}` stands in line {first} already")));
        }
        let mut columns = before.remove(code).map(|row| row.writable_values()).unwrap_or_default();
        let written = restored(row.columns.clone(), &columns);
        columns.extend(written);
        match checked_with(&columns, "line", &mut secrets) {
            Ok(columns) => whole.push(columns),
            Err(StoreError::Invalid(errors)) => problems.extend(errors.0.into_iter().map(|e| problem(e.message))),
            Err(other) => return Err(other),
        }
    }
    Ok((whole, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: usize, columns: Value) -> ImportRow {
        ImportRow { line, columns: columns.as_object().cloned().unwrap(), problems: Vec::new() }
    }

    fn messages(problems: &[Problem]) -> Vec<(Option<(usize, usize)>, &str)> {
        problems.iter().map(|problem| (problem.position, problem.message.as_str())).collect()
    }

    #[test]
    fn a_row_is_laid_over_the_channel_that_is_there() {
        let before = json!({"id": 1, "channel_code": "A", "channel_name": "A", "channel_type": "LIVE", "tier": 1,
            "codec": "H.264", "resolution": null, "fps": 25, "is_4k": false, "is_hdr": false, "probe_id": 3,
            "template_id": 1, "input_url": "http://a/m.m3u8", "enabled": true, "outputs": {}, "ladder": null,
            "template_name": "T", "source": null, "missing_since": null, "version": 1});
        let before = BTreeMap::from([("A".to_owned(), serde_json::from_value(before).unwrap())]);
        let rows = [
            row(2, json!({"channel_code": "A", "tier": 2})),
            row(3, json!({"channel_code": "B", "input_url": "http://b/m.m3u8"})),
        ];
        let (whole, problems) = merged(&rows, before, &SecretPlaces::default()).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            (&whole[0]["tier"], &whole[0]["codec"], &whole[0]["probe_id"]),
            (&json!(2), &json!("H.264"), &json!(3))
        );
        assert!(!whole[0].contains_key("id") && !whole[0].contains_key("template_name"));
        assert_eq!(whole[1].len(), 2, "a new channel has only what its row has");
    }

    #[test]
    fn a_code_that_comes_twice_and_a_row_that_cannot_be_read_are_problems_of_their_lines() {
        let unreadable = ImportRow { line: 4, columns: JsonObject::new(), problems: vec!["not JSON".to_owned()] };
        let good = json!({"channel_code": "A", "input_url": "http://a/m.m3u8"});
        let rows = [row(2, good.clone()), row(3, good), unreadable];
        let (whole, problems) = merged(&rows, BTreeMap::new(), &SecretPlaces::default()).unwrap();
        let expected = [(Some((3, 1)), "channel_code: `A` stands in line 2 already"), (Some((4, 1)), "not JSON")];
        assert_eq!((whole.len(), messages(&problems)), (2, expected.to_vec()));
    }
}
