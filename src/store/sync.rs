//! Synchronises channels with another system. Channels of that system are created, changed and, if so configured,
//! disabled; none is deleted.

use super::channels::{FROM, LISTS, checked, upsert};
use super::{Store, StoreError, Writer, lock_writers};
use crate::catalog::{ChannelRow, JsonObject, SecretPlaces, TableRow as _};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::{BTreeMap, BTreeSet};

/// Channels that an Inspector LIVE server lists, and what the synchronisation with this server may change.
#[derive(Debug, Clone)]
pub struct Sync<'a> {
    /// Name of the synchronisation, such as `inspector_live/live-packager-01`.
    pub source: &'a str,
    pub wanted: Vec<ListedChannel>,
    /// Codes of the channels that the server lists, but that aren't written because their programs can't be used. They
    /// aren't disabled as missing.
    pub unusable_codes: BTreeSet<String>,
    /// Columns that every synchronisation writes. The other columns are only written when a channel is created.
    pub owned: Vec<&'static str>,
    /// Whether channels with the same code that no synchronisation created belong to this synchronisation from now on.
    pub adopt: bool,
    /// Largest share of the enabled channels of this synchronisation that may be disabled at once, from 0 to 1. `None`:
    /// no channel is disabled.
    pub disable: Option<f64>,
}

/// One channel as the server describes it: values by column, with the names of template and probe in place of their
/// ids.
#[derive(Debug, Clone)]
pub struct ListedChannel {
    /// Position of the channel in the server's answer, for messages.
    pub at: String,
    pub code: String,
    pub columns: JsonObject,
    /// Columns that depend on something that the server didn't say. They are only written when the channel is created.
    pub uncertain: BTreeSet<&'static str>,
}

/// Result of a synchronisation, or of a dry run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Synced {
    pub added: Vec<String>,
    pub changed: Vec<Changed>,
    pub unchanged: usize,
    /// Codes of the channels that the server no longer lists and that weren't disabled. The settings don't allow it,
    /// too many are missing at once, or a person has enabled the channel again.
    pub missing: Vec<String>,
    pub disabled: Vec<String>,
    /// Reason why missing channels were not disabled although the settings ask for it.
    pub held: Option<String>,
    /// Codes of the channels that weren't changed because this synchronisation didn't create them, each with the
    /// synchronisation that did; `None` if a person created the channel.
    pub foreign: Vec<(String, Option<String>)>,
    /// Channels that could not be written: the position of each in the server's answer, and the reason.
    pub bad: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    pub code: String,
    /// Changed fields of the channel: column, value before, value after.
    pub fields: Vec<(String, Value, Value)>,
}

struct StoredChannel {
    source: Option<String>,
    missing: bool,
    row: ChannelRow,
}

/// Writes to the database that a synchronisation has planned.
#[derive(Default)]
struct Plan {
    rows: Vec<JsonObject>,
    /// Codes of the channels that the server lists, and that belong to this synchronisation from now on.
    brought: Vec<String>,
}

impl Store {
    /// Writes all channels of a synchronisation or none. A channel that can't be written is left out and reported in
    /// `bad`.
    ///
    /// # Errors
    /// Fails if the database can't be reached, or refuses a statement.
    pub async fn sync_channels(&self, sync: &Sync<'_>, dry_run: bool) -> Result<Synced, StoreError> {
        let mut transaction = self.begin().await?;
        lock_writers(&mut transaction, Writer::Channels).await?;
        let names = Names::read(&mut transaction).await?;
        let known = known(&mut transaction, sync).await?;
        let mut done = Synced::default();
        let mut plan = Plan::default();
        for wanted in &sync.wanted {
            if let Err(why) = sync.plan_channel(wanted, &known, &names, &self.secrets, &mut plan, &mut done) {
                done.bad.push((wanted.at.clone(), why));
            }
        }
        sync.plan_missing(&known, &mut done);
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

async fn known(connection: &mut PgConnection, sync: &Sync<'_>) -> Result<BTreeMap<String, StoredChannel>, StoreError> {
    let codes: Vec<&str> = sync.wanted.iter().map(|wanted| wanted.code.as_str()).collect();
    let document = &LISTS.document;
    let sql = format!(
        "SELECT channel_code, source, missing_since IS NOT NULL, {document} {FROM}
         WHERE channel_code = ANY($1) OR source = $2 ORDER BY c.id FOR UPDATE OF c"
    );
    let rows: Vec<(String, Option<String>, bool, Json<ChannelRow>)> =
        sqlx::query_as(&sql).bind(&codes).bind(sync.source).fetch_all(connection).await?;
    let known =
        rows.into_iter().map(|(code, source, missing, Json(row))| (code, StoredChannel { source, missing, row }));
    Ok(known.collect())
}

impl Sync<'_> {
    fn plan_channel(
        &self,
        wanted: &ListedChannel,
        known: &BTreeMap<String, StoredChannel>,
        names: &Names,
        secrets: &SecretPlaces,
        plan: &mut Plan,
        done: &mut Synced,
    ) -> Result<(), String> {
        let columns = names.resolved(&wanted.columns)?;
        let Some(before) = known.get(&wanted.code) else {
            let row = checked(&columns, "program", secrets).map_err(message_of)?;
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
        let follows = |column: &str| self.owned.contains(&column) && !wanted.uncertain.contains(column);
        after.extend(columns.into_iter().filter(|(column, _)| follows(column)));
        if before.missing {
            after.insert("enabled".to_owned(), true.into());
        }
        let after = checked(&after, "program", secrets).map_err(message_of)?;
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

    fn plan_missing(&self, known: &BTreeMap<String, StoredChannel>, done: &mut Synced) {
        let here: BTreeSet<&str> = self.wanted.iter().map(|wanted| wanted.code.as_str()).collect();
        let ours: Vec<(&String, &StoredChannel)> = known
            .iter()
            .filter(|(_, known)| known.source.as_deref() == Some(self.source) && known.row.enabled)
            .collect();
        let gone = |code: &str| !here.contains(code) && !self.unusable_codes.contains(code);
        // A missing channel that a person enabled again stays enabled.
        let (again, gone): (Vec<_>, Vec<_>) =
            ours.iter().filter(|(code, _)| gone(code)).partition(|(_, known)| known.missing);
        let gone: Vec<String> = gone.into_iter().map(|(code, _)| (*code).clone()).collect();
        done.missing = again.into_iter().map(|(code, _)| (*code).clone()).collect();
        let Some(share) = self.disable else { return done.missing.extend(gone) };
        let bound = share * ours.len() as f64;
        // One channel may always be disabled: of a handful it is a large share.
        if gone.len() as f64 <= if share > 0.0 { bound.max(1.0) } else { 0.0 } {
            done.disabled = gone;
        } else {
            let (gone_now, all) = (gone.len(), ours.len());
            done.held = Some(format!(
                "{gone_now} of {all} channels are missing at once, more than `max_disabled` ({share}) allows: none is disabled"
            ));
            done.missing.extend(gone);
        }
    }
}

/// Returns the columns whose values differ: column, value before, value after. 25 and 25.0 are the same number.
fn differences(before: &JsonObject, after: &JsonObject) -> Vec<(String, Value, Value)> {
    let same = |a: &Value, b: &Value| a == b || (a.is_number() && a.as_f64() == b.as_f64());
    let changed = after.iter().filter_map(|(column, new)| {
        let old = before.get(column).unwrap_or(&Value::Null);
        (!same(old, new)).then(|| (column.clone(), old.clone(), new.clone()))
    });
    changed.collect()
}

fn message_of(error: StoreError) -> String {
    match error {
        StoreError::Invalid(errors) => {
            errors.0.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// Ids of the templates and of the probes in the database, by name.
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

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "inspector_live/a";

    fn columns(value: Value) -> JsonObject {
        value.as_object().cloned().unwrap()
    }

    fn known(code: &str, source: Option<&str>, enabled: bool, missing: bool) -> (String, StoredChannel) {
        let row = json!({"channel_code": code, "channel_name": code, "channel_type": "LIVE", "tier": 1, "codec": null,
            "resolution": null, "fps": 25, "is_4k": false, "is_hdr": false, "probe_id": null, "template_id": null,
            "input_url": "http://a/m.m3u8", "enabled": enabled, "outputs": {}, "ladder": null, "template_name": null});
        let row: ChannelRow = serde_json::from_value(row).unwrap();
        (code.to_owned(), StoredChannel { source: source.map(str::to_owned), missing, row })
    }

    fn wanted(code: &str, columns: JsonObject) -> ListedChannel {
        ListedChannel { at: "program 1".to_owned(), code: code.to_owned(), columns, uncertain: BTreeSet::new() }
    }

    fn sync(codes: &[&str], disable: Option<f64>) -> Sync<'static> {
        let wanted = codes.iter().map(|code| self::wanted(code, JsonObject::new())).collect();
        Sync { source: SOURCE, wanted, unusable_codes: BTreeSet::new(), owned: vec!["tier"], adopt: false, disable }
    }

    fn missing(sync: &Sync<'_>, all: &[(&str, bool, bool)]) -> Synced {
        let known = all.iter().map(|(code, enabled, missing)| known(code, Some(SOURCE), *enabled, *missing)).collect();
        let mut done = Synced::default();
        sync.plan_missing(&known, &mut done);
        done
    }

    #[test]
    fn missing_channels_are_disabled_up_to_the_configured_share() {
        let ten: Vec<String> = (0..10).map(|n| format!("C{n}")).collect();
        let all: Vec<(&str, bool, bool)> = ten.iter().map(|code| (code.as_str(), true, false)).collect();
        let here: Vec<&str> = ten.iter().map(String::as_str).collect();
        let done = missing(&sync(&here[..8], Some(0.2)), &all);
        assert_eq!((done.disabled, done.missing, done.held), (vec!["C8".to_owned(), "C9".to_owned()], vec![], None));
        let done = missing(&sync(&here[..7], Some(0.2)), &all);
        assert_eq!((done.disabled.len(), done.missing.len()), (0, 3));
        assert!(done.held.unwrap().starts_with("3 of 10 channels are missing at once"));
        let done = missing(&sync(&here[..9], None), &all);
        assert_eq!((done.disabled.len(), done.missing.len(), done.held), (0, 1, None), "none is disabled by default");
    }

    #[test]
    fn one_channel_may_always_be_disabled_unless_the_share_is_zero() {
        let all = [("A", true, false), ("B", true, false)];
        assert_eq!(missing(&sync(&["A"], Some(0.01)), &all).disabled, ["B"]);
        assert!(missing(&sync(&[], Some(0.01)), &all).held.is_some());
        assert!(missing(&sync(&["A"], Some(0.0)), &all).held.is_some());
    }

    #[test]
    fn a_disabled_channel_is_not_missing_and_one_enabled_again_by_hand_stays_enabled() {
        let done =
            missing(&sync(&[], Some(1.0)), &[("OFF", false, false), ("AGAIN", true, true), ("GONE", true, false)]);
        assert_eq!((done.disabled, done.missing), (vec!["GONE".to_owned()], vec!["AGAIN".to_owned()]));
        let mut unusable = sync(&[], Some(1.0));
        unusable.unusable_codes.insert("GONE".to_owned());
        assert!(missing(&unusable, &[("GONE", true, false)]).disabled.is_empty());
    }

    fn plan(sync: &Sync<'_>, wanted: Value, before: Option<(String, StoredChannel)>) -> (Plan, Synced) {
        plan_wanted(sync, self::wanted("A", columns(wanted)), before)
    }

    fn plan_wanted(sync: &Sync<'_>, wanted: ListedChannel, before: Option<(String, StoredChannel)>) -> (Plan, Synced) {
        let names = Names { templates: [("T".to_owned(), 7)].into(), probes: [("P".to_owned(), 9)].into() };
        let (mut plan, mut done) = (Plan::default(), Synced::default());
        let known = before.into_iter().collect();
        if let Err(why) = sync.plan_channel(&wanted, &known, &names, &SecretPlaces::default(), &mut plan, &mut done) {
            done.bad.push((wanted.at, why));
        }
        (plan, done)
    }

    #[test]
    fn a_new_channel_is_created_with_the_ids_of_its_template_and_probe() {
        let wanted = json!({"channel_code": "A", "input_url": "http://a/m.m3u8", "template": "T", "probe": "P"});
        let (plan, done) = self::plan(&sync(&[], None), wanted, None);
        assert_eq!((&plan.rows[0]["template_id"], &plan.rows[0]["probe_id"]), (&json!(7), &json!(9)));
        assert_eq!((plan.brought, done.added), (vec!["A".to_owned()], vec!["A".to_owned()]));
        let (plan, done) = self::plan(&sync(&[], None), json!({"channel_code": "A", "template": "X"}), None);
        assert_eq!((plan.rows.len(), done.bad[0].1.as_str()), (0, "template: the database has no `X`"));
    }

    #[test]
    fn only_the_owned_columns_of_a_known_channel_follow_the_source() {
        let wanted = json!({"channel_code": "A", "tier": 2, "codec": "H.264"});
        let (plan, done) = self::plan(&sync(&[], None), wanted, Some(known("A", Some(SOURCE), true, false)));
        let fields = vec![("tier".to_owned(), json!(1), json!(2))];
        assert_eq!(done.changed, [Changed { code: "A".to_owned(), fields }]);
        assert_eq!((plan.rows[0].get("codec"), plan.brought.len()), (Some(&Value::Null), 1));
        let (plan, done) =
            self::plan(&sync(&[], None), json!({"tier": 1}), Some(known("A", Some(SOURCE), true, false)));
        assert_eq!((plan.rows.len(), done.unchanged, plan.brought.len()), (0, 1, 1));
    }

    #[test]
    fn an_uncertain_column_is_only_written_to_a_new_channel() {
        let uncertain = || ListedChannel {
            uncertain: ["tier"].into(),
            ..wanted(
                "A",
                columns(json!({"channel_code": "A", "input_url": "http://a/m.m3u8", "template": "T", "tier": 2})),
            )
        };
        let before = known("A", Some(SOURCE), true, false);
        let (plan, done) = plan_wanted(&sync(&[], None), uncertain(), Some(before));
        assert_eq!((plan.rows.len(), done.unchanged), (0, 1), "{:?}", done.changed);
        let (plan, _) = plan_wanted(&sync(&[], None), uncertain(), None);
        assert_eq!(plan.rows[0]["tier"], 2);
    }

    #[test]
    fn a_channel_that_came_back_is_enabled_again() {
        let (plan, _) = self::plan(&sync(&[], None), json!({}), Some(known("A", Some(SOURCE), false, true)));
        assert_eq!(plan.rows[0]["enabled"], json!(true));
        let (plan, done) = self::plan(&sync(&[], None), json!({}), Some(known("A", Some(SOURCE), false, false)));
        assert_eq!((plan.rows.len(), done.unchanged), (0, 1), "a person disabled it");
    }

    #[test]
    fn a_channel_without_a_source_is_left_alone_unless_adopted_and_one_of_another_source_always() {
        let (_, done) = self::plan(&sync(&[], None), json!({}), Some(known("A", None, true, false)));
        assert_eq!(done.foreign, [("A".to_owned(), None)]);
        let adopting = Sync { adopt: true, ..sync(&[], None) };
        let (plan, done) = self::plan(&adopting, json!({}), Some(known("A", None, true, false)));
        assert_eq!(done.changed[0].fields, [("source".to_owned(), Value::Null, json!(SOURCE))]);
        assert_eq!(plan.brought, ["A"]);
        let (_, done) = self::plan(&adopting, json!({}), Some(known("A", Some("other/b"), true, false)));
        assert_eq!(done.foreign, [("A".to_owned(), Some("other/b".to_owned()))]);
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let before = columns(json!({"fps": 25, "tier": 1, "codec": null}));
        assert!(differences(&before, &columns(json!({"fps": 25.0, "tier": 1, "probe_id": null}))).is_empty());
        let changed = differences(&before, &columns(json!({"fps": 25.5, "codec": "H.264"})));
        assert_eq!(changed.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["fps", "codec"]);
    }
}
