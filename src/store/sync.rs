//! Channels as another system has them: what it brings is created, changed and, where told to, disabled; never deleted.

use super::channels::{FROM, LISTS, checked, upsert};
use super::{Store, StoreError, Writer, lock_writers};
use crate::catalog::{ChannelRow, JsonObject, TableRow as _};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::{BTreeMap, BTreeSet};

/// What a source has, and how far its word goes.
#[derive(Debug, Clone)]
pub struct Sync<'a> {
    /// `inspector_live/live-packager-01`.
    pub source: &'a str,
    pub wanted: Vec<Wanted>,
    /// Codes that the source has too, though nothing is to be written of them: they aren't missing.
    pub present: BTreeSet<String>,
    /// Columns that follow the source; the others are written when a channel is created.
    pub owned: Vec<&'static str>,
    /// Channels of the same code that nobody brought become the source's.
    pub adopt: bool,
    /// The largest share of the source's enabled channels that may be disabled at once; nothing disables none.
    pub disable: Option<f64>,
}

/// One channel of the source: columns of the table, but `template` and `probe` by their names.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it stood, for messages.
    pub at: String,
    pub code: String,
    pub columns: JsonObject,
}

/// What came of it, or with a dry run: would.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Synced {
    pub added: Vec<String>,
    pub changed: Vec<Changed>,
    pub unchanged: usize,
    /// No longer there, this time or before, and still in force.
    pub missing: Vec<String>,
    pub disabled: Vec<String>,
    /// Why the missing ones stay in force although they might be disabled.
    pub held: Option<String>,
    /// Left alone: a person's, or another source's. Code and whose.
    pub foreign: Vec<(String, Option<String>)>,
    /// Left out. Where it stood, and why.
    pub bad: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    pub code: String,
    /// Column, before, after.
    pub fields: Vec<(String, Value, Value)>,
}

struct Known {
    source: Option<String>,
    missing: bool,
    row: ChannelRow,
}

/// What is to be written.
#[derive(Default)]
struct Plan {
    rows: Vec<JsonObject>,
    /// Theirs from now on, and there.
    brought: Vec<String>,
}

impl Store {
    /// All or nothing, but for what is `bad`: that is left out and told.
    ///
    /// # Errors
    /// The database is away, or refuses.
    pub async fn sync_channels(&self, sync: &Sync<'_>, dry_run: bool) -> Result<Synced, StoreError> {
        let mut transaction = self.pool.begin().await?;
        lock_writers(&mut transaction, Writer::Channels).await?;
        let names = Names::read(&mut transaction).await?;
        let known = known(&mut transaction, sync).await?;
        let mut done = Synced::default();
        let mut plan = Plan::default();
        for wanted in &sync.wanted {
            if let Err(why) = sync.one(wanted, &known, &names, &mut plan, &mut done) {
                done.bad.push((wanted.at.clone(), why));
            }
        }
        sync.missing(&known, &mut done);
        upsert(&mut transaction, &plan.rows).await?;
        let brought = "UPDATE channels SET source = $1, missing_since = NULL
                       WHERE channel_code = ANY($2) AND (source IS DISTINCT FROM $1 OR missing_since IS NOT NULL)";
        sqlx::query(brought).bind(sync.source).bind(&plan.brought).execute(&mut *transaction).await?;
        let gone = "UPDATE channels SET enabled = false, missing_since = now() WHERE channel_code = ANY($1)";
        sqlx::query(gone).bind(&done.disabled).execute(&mut *transaction).await?;
        if !dry_run {
            transaction.commit().await?;
        }
        Ok(done)
    }
}

async fn known(connection: &mut PgConnection, sync: &Sync<'_>) -> Result<BTreeMap<String, Known>, StoreError> {
    let codes: Vec<&str> = sync.wanted.iter().map(|wanted| wanted.code.as_str()).collect();
    let document = &LISTS.document;
    let sql = format!(
        "SELECT channel_code, source, missing_since IS NOT NULL, {document} {FROM}
         WHERE channel_code = ANY($1) OR source = $2 ORDER BY c.id FOR UPDATE OF c"
    );
    let rows: Vec<(String, Option<String>, bool, Json<ChannelRow>)> =
        sqlx::query_as(&sql).bind(&codes).bind(sync.source).fetch_all(connection).await?;
    let known = rows.into_iter().map(|(code, source, missing, Json(row))| (code, Known { source, missing, row }));
    Ok(known.collect())
}

impl Sync<'_> {
    fn one(
        &self,
        wanted: &Wanted,
        known: &BTreeMap<String, Known>,
        names: &Names,
        plan: &mut Plan,
        done: &mut Synced,
    ) -> Result<(), String> {
        let columns = names.resolved(&wanted.columns)?;
        let Some(before) = known.get(&wanted.code) else {
            let row = checked(&columns, "program").map_err(said)?;
            plan.rows.push(row);
            plan.brought.push(wanted.code.clone());
            done.added.push(wanted.code.clone());
            return Ok(());
        };
        let ours = before.source.as_deref() == Some(self.source);
        if !ours && (before.source.is_some() || !self.adopt) {
            done.foreign.push((wanted.code.clone(), before.source.clone()));
            return Ok(());
        }
        let mut after = before.row.writable_values();
        after.extend(columns.into_iter().filter(|(column, _)| self.owned.contains(&column.as_str())));
        if before.missing {
            after.insert("enabled".to_owned(), true.into());
        }
        let after = checked(&after, "program").map_err(said)?;
        let mut fields = differences(&before.row.values(), &after);
        if !ours {
            fields.push(("source".to_owned(), Value::Null, self.source.into()));
        }
        plan.brought.push(wanted.code.clone());
        if fields.is_empty() {
            done.unchanged += 1;
        } else {
            plan.rows.push(after);
            done.changed.push(Changed { code: wanted.code.clone(), fields });
        }
        Ok(())
    }

    fn missing(&self, known: &BTreeMap<String, Known>, done: &mut Synced) {
        let here: BTreeSet<&str> = self.wanted.iter().map(|wanted| wanted.code.as_str()).collect();
        let ours: Vec<(&String, &Known)> = known
            .iter()
            .filter(|(_, known)| known.source.as_deref() == Some(self.source) && known.row.enabled)
            .collect();
        let gone = |code: &str| !here.contains(code) && !self.present.contains(code);
        // One that a person enabled again although it is missing stays so.
        let (again, gone): (Vec<_>, Vec<_>) =
            ours.iter().filter(|(code, _)| gone(code)).partition(|(_, known)| known.missing);
        let gone: Vec<String> = gone.into_iter().map(|(code, _)| (*code).clone()).collect();
        done.missing = again.into_iter().map(|(code, _)| (*code).clone()).collect();
        let Some(share) = self.disable else { return done.missing.extend(gone) };
        let bound = share * ours.len() as f64;
        // Of a handful of channels one is always a large share.
        if gone.len() as f64 <= if share > 0.0 { bound.max(1.0) } else { 0.0 } {
            done.disabled = gone;
        } else {
            let (gone_now, all) = (gone.len(), ours.len());
            done.held = Some(format!(
                "{gone_now} of {all} channels are gone at once, more than `max_disabled` ({share}) allows: none is disabled"
            ));
            done.missing.extend(gone);
        }
    }
}

/// Numbers are the same whether written 25 or 25.0.
fn differences(before: &JsonObject, after: &JsonObject) -> Vec<(String, Value, Value)> {
    let same = |a: &Value, b: &Value| a == b || (a.is_number() && a.as_f64() == b.as_f64());
    let changed = after.iter().filter_map(|(column, new)| {
        let old = before.get(column).unwrap_or(&Value::Null);
        (!same(old, new)).then(|| (column.clone(), old.clone(), new.clone()))
    });
    changed.collect()
}

fn said(error: StoreError) -> String {
    match error {
        StoreError::Invalid(errors) => {
            errors.0.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// Templates and probes by name.
struct Names {
    templates: BTreeMap<String, i32>,
    probes: BTreeMap<String, i32>,
}

impl Names {
    async fn read(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let templates: Vec<(String, i32)> =
            sqlx::query_as("SELECT template_name, id FROM templates").fetch_all(&mut *connection).await?;
        let probes: Vec<(String, i32)> =
            sqlx::query_as("SELECT probe_name, id FROM probes").fetch_all(&mut *connection).await?;
        Ok(Self { templates: templates.into_iter().collect(), probes: probes.into_iter().collect() })
    }

    fn resolved(&self, columns: &JsonObject) -> Result<JsonObject, String> {
        let mut resolved = columns.clone();
        for (name, ids, column) in [("template", &self.templates, "template_id"), ("probe", &self.probes, "probe_id")] {
            let Some(Value::String(given)) = resolved.remove(name) else { continue };
            let id =
                ids.get(&given).ok_or_else(|| format!("{name}: the database has no `{}`", given.escape_debug()))?;
            resolved.insert(column.to_owned(), json!(id));
        }
        Ok(resolved)
    }
}
