//! Channels: pages, single rows, writes and bulk imports.

use super::narrowed::Narrowed;
use super::table::shown;
use super::{Page, Shown, Store, StoreError, Writer, alone};
use crate::catalog;
use crate::document::{Document, Errors, Problem};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::{BTreeMap, BTreeSet};

/// A channel as the API shows it.
pub(super) const DOCUMENT: &str =
    "jsonb_build_object('id', c.id, 'channel_code', channel_code, 'channel_name', channel_name,
  'channel_type', channel_type, 'tier', tier, 'codec', codec, 'resolution', resolution, 'fps', fps, 'is_4k', is_4k,
  'is_hdr', is_hdr, 'probe_id', probe_id, 'input_url', input_url, 'outputs', outputs, 'ladder', ladder,
  'template_id', template_id, 'template_name', template_name, 'enabled', c.enabled, 'source', source,
  'missing_since', missing_since, 'version', c.version, 'created_at', c.created_at, 'updated_at', c.updated_at)";
pub(super) const FROM: &str = "FROM channels c LEFT JOIN templates t ON t.id = c.template_id";

/// Of the rows in `$1`: what is `null` or missing gets its default.
const GIVEN: &str = "SELECT channel_code, coalesce(channel_name, channel_code), coalesce(channel_type, 'LIVE'), tier, codec,
    resolution, fps, coalesce(is_4k, false), coalesce(is_hdr, false), probe_id, input_url, coalesce(outputs, '{}'), ladder,
    template_id, coalesce(enabled, true)
  FROM jsonb_to_recordset($1) AS r(channel_code text, channel_name text, channel_type text, tier int, codec text,
    resolution text, fps float8, is_4k bool, is_hdr bool, probe_id int, input_url text, outputs jsonb, ladder jsonb,
    template_id int, enabled bool)";
const COLUMNS: &str = "channel_code, channel_name, channel_type, tier, codec, resolution, fps, is_4k, is_hdr, probe_id,
  input_url, outputs, ladder, template_id, enabled";
const EXCLUDED: &str =
    "excluded.channel_name, excluded.channel_type, excluded.tier, excluded.codec, excluded.resolution,
  excluded.fps, excluded.is_4k, excluded.is_hdr, excluded.probe_id, excluded.input_url, excluded.outputs,
  excluded.ladder, excluded.template_id, excluded.enabled";
const OWN: &str = "c.channel_name, c.channel_type, c.tier, c.codec, c.resolution, c.fps, c.is_4k, c.is_hdr, c.probe_id,
  c.input_url, c.outputs, c.ladder, c.template_id, c.enabled";

/// Rows of one statement: far below its timeout.
const AT_ONCE: usize = 5000;

#[derive(Debug, Clone, Default)]
pub struct ChannelFilter {
    pub tier: Option<i32>,
    pub is_4k: Option<bool>,
    pub enabled: Option<bool>,
    pub template: Option<String>,
    /// Part of the code or name, in any case.
    pub q: Option<String>,
    /// Ids above this.
    pub after: i64,
    pub limit: usize,
}

/// One row of an import and where it stood.
#[derive(Debug, Clone)]
pub struct Row {
    /// What can't be read of it; the columns are without that.
    pub wrong: Vec<String>,
    pub line: usize,
    pub columns: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
}

impl Store {
    /// # Errors
    /// The database is away.
    pub async fn channels(&self, filter: &ChannelFilter) -> Result<Page, StoreError> {
        let mut sql = Narrowed::new(format!("SELECT c.id::bigint, {DOCUMENT} {FROM} WHERE c.id > "), filter.after);
        sql.equal("tier", filter.tier);
        sql.equal("is_4k", filter.is_4k);
        sql.equal("c.enabled", filter.enabled);
        sql.equal("template_name", filter.template.as_deref());
        if let Some(q) = &filter.q {
            sql.and("position(lower(", q, ") IN lower(channel_code || ' ' || channel_name)) > 0");
        }
        sql.page(" ORDER BY c.id LIMIT ", filter.limit, &self.pool).await
    }

    /// `key` is an id or a code.
    ///
    /// # Errors
    /// There is no such channel, or the database is away.
    pub async fn channel(&self, key: &str) -> Result<Shown, StoreError> {
        found(&mut *self.pool.acquire().await?, key, "").await
    }

    /// # Errors
    /// A code that is taken, a template or probe that isn't there, or the database is away.
    pub async fn create_channel(&self, columns: Map<String, Value>) -> Result<i32, StoreError> {
        let sql = format!("INSERT INTO channels ({COLUMNS}) {GIVEN} RETURNING id");
        Ok(sqlx::query_scalar(&sql).bind(json!([columns])).fetch_one(&self.pool).await?)
    }

    /// Replaces a channel, or with `merge` changes what `columns` has.
    ///
    /// # Errors
    /// No such channel, another version than `expected`, a bad value, or the database is away.
    pub async fn change_channel(
        &self,
        key: &str,
        columns: Map<String, Value>,
        merge: bool,
        expected: Option<i32>,
    ) -> Result<Shown, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let before = found(&mut transaction, key, "FOR UPDATE OF c").await?;
        before.still(expected)?;
        let code = before.document.get("channel_code").cloned().unwrap_or_default();
        if columns.get("channel_code").is_some_and(|given| *given != code) {
            return Err(StoreError::field(
                "channel_code",
                "a code can't change; create another channel and disable this",
            ));
        }
        for (name, id) in [("template_name", "template_id"), ("probe_name", "probe_id")] {
            let other = columns.get(name).is_some_and(|given| before.document.get(name) != Some(given));
            if merge && other && !columns.contains_key(id) {
                return Err(StoreError::field(name, format!("is read-only; write `{id}`")));
            }
        }
        let mut whole = match before.document {
            Value::Object(before) if merge => writable(before),
            _ => Map::new(),
        };
        whole.extend(columns);
        whole.insert("channel_code".to_owned(), code.clone());
        let whole = checked(&whole, "body")?;
        let rows = json!([whole]);
        let sql = format!("UPDATE channels c SET ({COLUMNS}) = ({GIVEN}) WHERE channel_code = $2");
        sqlx::query(&sql).bind(rows).bind(code.as_str()).execute(&mut *transaction).await?;
        let after = found(&mut transaction, code.as_str().unwrap_or_default(), "").await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Every channel, by id.
    ///
    /// # Errors
    /// The database is away.
    pub async fn all_channels(&self) -> Result<Vec<Value>, StoreError> {
        let mut all = Vec::new();
        let mut filter = ChannelFilter { limit: AT_ONCE, ..ChannelFilter::default() };
        loop {
            let page = self.channels(&filter).await?;
            all.extend(page.items);
            let Some(next) = page.next else { return Ok(all) };
            filter.after = next;
        }
    }

    /// Creates and changes channels by their codes, all or none. What a row doesn't have stays as it is. `progress` hears how
    /// many rows are done.
    ///
    /// # Errors
    /// Every bad row by its line, or the database is away.
    pub async fn import_channels(
        &self,
        rows: Vec<Row>,
        dry_run: bool,
        progress: impl Fn(usize),
    ) -> Result<Imported, StoreError> {
        let mut transaction = self.pool.begin().await?;
        alone(&mut transaction, Writer::Channels).await?;
        let codes: Vec<&str> = rows.iter().filter_map(|row| row.columns.get("channel_code")?.as_str()).collect();
        let sql = format!(
            "SELECT channel_code, {DOCUMENT} {FROM} WHERE channel_code = ANY($1) ORDER BY c.id FOR UPDATE OF c"
        );
        let before: Vec<(String, Value)> = sqlx::query_as(&sql).bind(&codes).fetch_all(&mut *transaction).await?;
        let (whole, mut problems) = merged(&rows, before.into_iter().collect())?;
        problems.extend(references(&mut transaction, &rows).await?);
        problems.sort_by_key(|problem| problem.position);
        Errors(problems).or(()).map_err(StoreError::Invalid)?;
        let mut done = Imported::default();
        for part in whole.chunks(AT_ONCE) {
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

/// Templates and probes that rows name and that aren't there, by line: the database would tell only the first.
async fn references(connection: &mut PgConnection, rows: &[Row]) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    for (column, table) in [("template_id", "templates"), ("probe_id", "probes")] {
        let named = || rows.iter().filter_map(|row| Some((row, row.columns.get(column)?.as_i64()?)));
        let asked: BTreeSet<i64> = named().map(|(_, id)| id).collect();
        let sql = format!("SELECT id::bigint FROM {table} WHERE id = ANY($1)");
        let known: Vec<i64> = sqlx::query_scalar(&sql).bind(Vec::from_iter(asked)).fetch_all(&mut *connection).await?;
        let known = BTreeSet::from_iter(known);
        for (row, id) in named().filter(|(_, id)| !known.contains(id)) {
            problems.push(of_line(row.line, format!("{column}: {id} is not among the {table}")));
        }
    }
    Ok(problems)
}

fn of_line(line: usize, message: String) -> Problem {
    Problem { source: "line".to_owned(), position: Some((line, 1)), message }
}

/// Creates and changes by code; of each row that wasn't there already as it is: whether it was created. An id is drawn for
/// new rows alone: else an import of 5,000 channels each minute would run out of them within a year.
pub(super) async fn upsert(connection: &mut PgConnection, rows: &[Value]) -> Result<Vec<bool>, StoreError> {
    let sql = format!(
        "INSERT INTO channels AS c (id, {COLUMNS})
         SELECT coalesce(k.id, nextval(pg_get_serial_sequence('channels', 'id'))), g.*
         FROM ({GIVEN}) g ({COLUMNS}) LEFT JOIN channels k ON k.channel_code = g.channel_code
         ON CONFLICT (channel_code) DO UPDATE
           SET (channel_name, channel_type, tier, codec, resolution, fps, is_4k, is_hdr, probe_id, input_url, outputs,
                ladder, template_id, enabled) = ROW({EXCLUDED})
           WHERE ({OWN}) IS DISTINCT FROM ({EXCLUDED})
         RETURNING (xmax = 0) AS created"
    );
    Ok(sqlx::query_scalar(&sql).bind(Json(rows)).fetch_all(connection).await?)
}

async fn found(connection: &mut PgConnection, key: &str, lock: &str) -> Result<Shown, StoreError> {
    let sql = format!(
        "SELECT {DOCUMENT}, c.version {FROM} WHERE channel_code = $1 OR c.id = $2 ORDER BY channel_code = $1 DESC LIMIT 1 {lock}"
    );
    shown(connection, &sql, "channel", key).await
}

pub(super) fn writable(mut document: Map<String, Value>) -> Map<String, Value> {
    for key in ["id", "template_name", "source", "missing_since", "version", "created_at", "updated_at"] {
        document.remove(key);
    }
    document
}

pub(super) fn checked(columns: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, StoreError> {
    let text = Value::Object(columns.clone()).to_string();
    let document = Document::parse_json(name.to_owned(), text).map_err(StoreError::Invalid)?;
    catalog::channel_columns(&document).map_err(StoreError::Invalid)
}

/// Each row over what the database has of its channel, and what is wrong in them.
fn merged(rows: &[Row], mut before: BTreeMap<String, Value>) -> Result<(Vec<Value>, Vec<Problem>), StoreError> {
    let mut whole = Vec::with_capacity(rows.len());
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for row in rows {
        let problem = |message: String| of_line(row.line, message);
        problems.extend(row.wrong.iter().cloned().map(problem));
        if row.columns.is_empty() && !row.wrong.is_empty() {
            continue;
        }
        let code = row.columns.get("channel_code").and_then(Value::as_str).unwrap_or_default();
        if let Some(first) = lines.insert(code, row.line) {
            problems.push(problem(format!("channel_code: `{code}` stands in line {first} already")));
        }
        let mut columns = match before.remove(code) {
            Some(Value::Object(before)) => writable(before),
            _ => Map::new(),
        };
        columns.extend(row.columns.clone());
        match checked(&columns, "line") {
            Ok(columns) => whole.push(Value::Object(columns)),
            Err(StoreError::Invalid(errors)) => problems.extend(errors.0.into_iter().map(|e| problem(e.message))),
            Err(other) => return Err(other),
        }
    }
    Ok((whole, problems))
}
