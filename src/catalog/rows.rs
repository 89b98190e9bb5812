//! Reads the catalogue from database rows, and checks single rows before they are written. Rows and files are read by
//! the same code, so that both refuse the same values.

use super::{
    CatalogSnapshot, ChannelRow, Environment, SecretFiles, SecretPlaces, SecretSource, TableRow as _, channels, load,
    templates,
};
use super::{TemplateRow, secret_references};
use crate::document::{Document, DocumentErrors, Fault, Key, Node, Value, suggestion};
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys of channels.yml that a channel in the database can't have, each with the text that says what to write instead.
const COLUMN_NAMES: [(&str, &str); 2] = [("template", "write `template_id`"), ("probe", "write `probe_id`")];
/// Members of a template's JSON that the check of a write skips, because they are ignored or read elsewhere.
const TEMPLATE_IGNORED: [&str; 6] = ["id", "probe_name", "template_name", "version", "created_at", "updated_at"];

/// Builds a catalogue from database rows: templates as `{name: keys}` and channels as `[channel]`, both JSON. A faulty
/// row is left out and listed in the errors; the others are part of the catalogue. `secrets` is where the secrets may be that the rows name.
///
/// # Errors
/// Fails if a text is not JSON.
pub(crate) fn load_rows(
    templates: String,
    channels: String,
    variables: &BTreeMap<String, String>,
    secrets: &SecretPlaces,
) -> Result<(CatalogSnapshot, DocumentErrors), DocumentErrors> {
    let (environment, mut problems) = Environment::read(variables);
    let document = Document::parse_json("database, templates".to_owned(), templates)?;
    let (found, faults) =
        templates::read_templates(&document.root, &environment.thresholds, SecretSource::Database(secrets));
    problems.extend(document.errors(faults).0);
    let mut snapshot = CatalogSnapshot { templates: found, ..CatalogSnapshot::default() };
    let document = Document::parse_json("database, channels".to_owned(), channels)?;
    let (found, mut faults) = channels::read_channels(&document, SecretSource::Database(secrets));
    for found in found {
        match load::missing_template(&found, &snapshot.templates) {
            Some(fault) => faults.push(fault),
            None => drop(snapshot.channels.insert(found.channel.code.clone(), Arc::new(found.channel))),
        }
    }
    problems.extend(document.errors(faults).0);
    Ok((snapshot, DocumentErrors(problems)))
}

/// Returns the columns that the JSON of a channel sets, checked by the same rules as channels.yml. `secrets` are the files
/// that it may name; a caller that checks many channels reads each file once.
///
/// # Errors
/// Lists every unknown key and every bad value.
pub(crate) fn channel_columns(
    document: &Document,
    secrets: &mut SecretFiles<'_>,
) -> Result<Map<String, serde_json::Value>, DocumentErrors> {
    let root = &document.root;
    let mut faults = not_a_mapping(root, "expected a channel's keys");
    let writable: Vec<&str> = ChannelRow::writable().collect();
    let read_only = [ChannelRow::READ_ONLY, &["probe_name"]].concat();
    let mut others = [read_only.as_slice(), &["probe_id", "template_id"]].concat();
    for (key, node) in root.entries().iter().filter(|(key, _)| !writable.contains(&key.name.as_str())) {
        if let Some((_, instead)) = COLUMN_NAMES.iter().find(|(name, _)| *name == key.name) {
            faults.push(Fault::value(node.at, *instead));
        } else if !read_only.contains(&key.name.as_str()) {
            let hint = suggestion(&key.name, &writable);
            faults.push(Fault { hint, ..Fault::key(key.at, format!("unknown key `{}`", key.name)) });
        }
        others.push(&key.name);
    }
    for (name, id) in [("template_name", "template_id"), ("probe_name", "probe_id")] {
        let alone = root.get(name).filter(|node| node.value != Value::Null && root.get(id).is_none());
        faults.extend(alone.map(|node| Fault::value(node.at, format!("is read-only; write `{id}`"))));
    }
    for key in ["template_id", "probe_id"] {
        let wrong = root.get(key).filter(|n| !is_row_id_or_null(n));
        faults.extend(wrong.map(|n| Fault::value(n.at, "must be a whole number from 1, or null")));
    }
    faults.extend(channels::channel_faults(&without_nulls(root).without(&others), secrets));
    document.errors(faults).or(columns(&root.without(&read_only)))
}

/// Makes a channel of the columns that [`channel_columns`] returned and the name of its template. Without a template the channel
/// has the built-in one.
///
/// # Errors
/// Lists every bad value.
pub(crate) fn channel_of(
    mut columns: Map<String, serde_json::Value>,
    template: Option<String>,
    secrets: &SecretPlaces,
) -> Result<super::Channel, DocumentErrors> {
    let is_ignored = |name: &str| matches!(name, "template_id" | "probe_id");
    let is_unset = |value: &serde_json::Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    columns.retain(|name, value| !is_ignored(name) && !is_unset(value));
    if let Some(template) = template {
        columns.insert("template".to_owned(), template.into());
    }
    let text = serde_json::json!({"channels": [columns]}).to_string();
    let document = Document::parse_json("body".to_owned(), text)?;
    let (found, mut faults) = channels::read_channels(&document, SecretSource::Database(secrets));
    let channel = found.into_iter().next().map(|found| found.channel);
    if channel.is_none() && faults.is_empty() {
        faults.push(Fault::value(document.root.at, "this is no channel"));
    }
    let errors = document.errors(faults);
    match channel {
        Some(channel) if errors.0.is_empty() => Ok(channel),
        _ => Err(errors),
    }
}

/// Returns the columns that the JSON of a channel names, unchecked, for a caller that merges them over a row first.
///
/// # Errors
/// Fails if the document is not a JSON object.
pub(crate) fn given_columns(document: &Document) -> Result<Map<String, serde_json::Value>, DocumentErrors> {
    let faults = not_a_mapping(&document.root, "expected a channel's keys");
    let kept: Vec<&str> = ChannelRow::READ_ONLY.iter().copied().filter(|name| *name != "template_name").collect();
    document.errors(faults).or(columns(&document.root.without(&kept)))
}

/// Returns the columns that the JSON of a template sets, checked together with `others` (`{name: keys}`), the templates
/// that it may extend.
///
/// # Errors
/// Lists every unknown key and every bad value.
pub(crate) fn template_columns(
    document: &Document,
    others: &Document,
    secrets: &SecretPlaces,
) -> Result<Map<String, serde_json::Value>, DocumentErrors> {
    let root = &document.root;
    let mut faults = not_a_mapping(root, "expected a template's keys");
    let name = root.get("template_name").and_then(Node::text).unwrap_or_default();
    if name.is_empty() {
        faults.push(Fault::value(root.at, "`template_name` is missing"));
    }
    let settings = root.get("settings").map_or(Node::synthetic(Value::Map(Vec::new())), Node::clone);
    let thresholds = root.without(&TEMPLATE_IGNORED).without(&["settings"]);
    for (key, node) in settings.entries() {
        if templates::is_column(&key.name) {
            faults.push(Fault::value(node.at, format!("belongs beside `settings`: `{}` is a column", key.name)));
        }
    }
    let columnless: Vec<&Key> =
        thresholds.entries().iter().map(|(key, _)| key).filter(|key| !templates::is_column(&key.name)).collect();
    for key in &columnless {
        faults
            .push(Fault::key(key.at, format!("unknown key `{}`; keys without a column go into `settings`", key.name)));
    }
    let columnless: Vec<&str> = columnless.into_iter().map(|key| key.name.as_str()).collect();
    // A name that isn't there must not hide what is wrong in the keys.
    let own = without_nulls(&thresholds.without(&columnless)).merged_over(&settings);
    faults.extend(templates::template_faults(
        if name.is_empty() { "new" } else { name },
        &own,
        &others.root,
        SecretSource::Database(secrets),
    ));
    let mut row = columns(&root.without(&TEMPLATE_IGNORED));
    row.insert("template_name".to_owned(), name.into());
    row.entry("settings").or_insert_with(|| Map::new().into());
    document.errors(faults).or(row)
}

/// Returns the first template of `others` (`{name: settings}`) that a change of another template from `before` to the columns
/// `after` makes invalid, and what is wrong with it then. `None`: every template that was valid stays so.
pub(crate) fn template_broken_by(
    others: &Document,
    before: &TemplateRow,
    after: &Map<String, serde_json::Value>,
    secrets: &SecretPlaces,
) -> Option<(String, String)> {
    let source = SecretSource::Database(secrets);
    let beside = |name: &str, settings: serde_json::Value| {
        let mut all = columns(&others.root);
        all.insert(name.to_owned(), settings);
        Document::parse_json("templates".to_owned(), serde_json::Value::Object(all).to_string()).ok()
    };
    let valid = |document: &Document| templates::read_templates(&document.root, &[], source).0;
    let name = after.get("template_name").and_then(serde_json::Value::as_str)?;
    let after = beside(name, after.get("settings")?.clone())?;
    let stay_valid = valid(&after);
    let before = valid(&beside(&before.template_name, before.settings.clone().into())?);
    let keys = |name: &str| others.root.get(name);
    let broken = before.into_keys().find(|name| keys(name).is_some() && !stay_valid.contains_key(name))?;
    let faults = templates::template_faults(&broken, keys(&broken)?, &after.root, source);
    let why: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
    Some((broken, why.join("; ")))
}

/// The body of a template with the stored references where it has `<hidden>` in their place. `None`: it has none.
pub(crate) fn with_hidden_restored(document: &Document, stored: &TemplateRow) -> Option<Document> {
    let mut body = json(&document.root);
    let written = body.get_mut("settings")?;
    let before = written.clone();
    secret_references::restore_hidden(written, Some(&stored.settings.clone().into()));
    if *written == before {
        return None;
    }
    Document::parse_json("body".to_owned(), body.to_string()).ok()
}

fn not_a_mapping(root: &Node, message: &str) -> Vec<Fault> {
    if matches!(root.value, Value::Map(_)) { Vec::new() } else { vec![Fault::value(root.at, message)] }
}

fn is_row_id_or_null(node: &Node) -> bool {
    match node.value {
        Value::Null => true,
        Value::Unsigned(id) => (1..=i32::MAX as u64).contains(&id),
        _ => false,
    }
}

/// Returns a copy of a mapping without the entries whose value is `null`, which clients send for keys that are not set.
fn without_nulls(root: &Node) -> Node {
    let some = root.entries().iter().filter(|(_, node)| node.value != Value::Null).cloned();
    Node { at: root.at, value: Value::Map(some.collect()) }
}

fn columns(node: &Node) -> Map<String, serde_json::Value> {
    let column = |key: &str, node: &Node| match &node.value {
        Value::Text(name) if key == "channel_name" => channels::normalized(name).into(),
        _ => json(node),
    };
    node.entries().iter().map(|(key, node)| (key.name.clone(), column(&key.name, node))).collect()
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Unsigned(value) => (*value).into(),
        Value::Signed(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.clone().into(),
        Value::List(nodes) => nodes.iter().map(json).collect(),
        Value::Map(_) => serde_json::Value::Object(columns(node)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse_json("body".to_owned(), text.to_owned()).unwrap()
    }

    fn channel(text: &str) -> Result<Map<String, serde_json::Value>, String> {
        let places = SecretPlaces::default();
        channel_columns(&document(text), &mut SecretFiles::of_database(&places)).map_err(|e| e.to_string())
    }

    #[test]
    fn a_secret_file_is_read_once_for_all_channels_that_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "s3cret").unwrap();
        let places = SecretPlaces::new(Some(folder.path().to_owned()), None, &BTreeMap::new());
        let channel = document(
            r#"{"channel_code": "A", "input_url": "http://a/b",
                "request": {"basic_auth": {"username": "u", "password_file": "key"}}}"#,
        );
        let mut secrets = SecretFiles::of_database(&places);
        channel_columns(&channel, &mut secrets).unwrap();
        std::fs::write(&file, "").unwrap();
        channel_columns(&channel, &mut secrets).unwrap();
        let again = channel_columns(&channel, &mut SecretFiles::of_database(&places));
        assert!(again.unwrap_err().to_string().contains("is empty"));
    }

    #[test]
    fn the_guides_channel_is_taken_and_what_was_read_may_be_sent_back() {
        let guide = r#"{"channel_code": "CH_TV_HD_001", "channel_name": "FPT Channel 1 HD", "channel_type": "LIVE",
            "tier": 1, "codec": "H.264", "resolution": "1920x1080", "fps": 25, "is_4k": false, "is_hdr": false,
            "probe_id": 3, "input_url": "http://packager-01/live/CH_TV_HD_001/master.m3u8", "template_id": 1,
            "enabled": true}"#;
        let columns = channel(guide).unwrap();
        assert_eq!(columns["probe_id"], 3);
        assert_eq!(columns["resolution"], "1920x1080");
        let read = r#"{"id": 7, "version": 3, "template_name": "T", "template_id": 1, "channel_code": "A", "codec": null,
            "input_url": "http://a/m.m3u8"}"#;
        let columns = channel(read).unwrap();
        assert_eq!(columns.keys().collect::<Vec<_>>(), ["template_id", "channel_code", "codec", "input_url"]);
    }

    #[test]
    fn every_bad_field_of_a_channel_is_named() {
        let error = channel(
            r#"{"channel_code": "A B", "fsp": 25, "tier": "one", "fps": 0, "probe_id": 1.5, "template": "T",
                "request": {"headers": {"X-Key": "s3cret"}}, "input_url": "ftp://a/b"}"#,
        )
        .unwrap_err();
        for part in [
            "unknown key `fsp`; did you mean `fps`? Known: channel_code, ",
            "template_id",
            "tier",
            "probe_id: must be a whole number",
            "template: write `template_id`",
            "`A B` is not a channel code",
            "fps: is 0",
            "`ftp:` can't be probed",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert_eq!(error.lines().count(), 7, "{error}");
        assert!(!error.contains("s3cret"));
        let secret = r#"{"channel_code": "A", "input_url": "http://a/b", "request": {"headers": {"X-Key": "s3cret"}}}"#;
        let error = channel(secret).unwrap_err();
        assert!(error.contains("request.headers.X-Key: would stand readable in the database"), "{error}");
        assert!(!error.contains("s3cret"));
        let error = channel(r#"{"channel_code": 1, "outputs": {"dash": 5}, "template_name": "T"}"#).unwrap_err();
        for part in
            ["channel_code: expected", "outputs.dash: expected", "template_name: is read-only; write `template_id`"]
        {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert_eq!(error.lines().count(), 3, "{error}");
        assert!(channel("[]").unwrap_err().contains("expected a channel's keys"));
    }

    #[test]
    fn a_template_is_checked_with_what_it_extends() {
        let others = document(r#"{"BASE": {"hold": "30s"}}"#);
        let of = |text: &str| {
            template_columns(&document(text), &others, &SecretPlaces::default()).map_err(|e| e.to_string())
        };
        let good = of(r#"{"template_name": "T", "min_mos": 3.5, "settings": {"extends": "BASE", "timeout": "5s"}}"#);
        assert_eq!(good.unwrap()["settings"]["timeout"], "5s");
        let error = of(r#"{"template_name": "T", "min_mos": 9, "hodl": 1, "settings": {"timeout": "x"}}"#).unwrap_err();
        for part in ["min_mos: is 9", "unknown key `hodl`; keys without", "timeout"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert_eq!(error.lines().count(), 3, "{error}");
        let error = of(r#"{"template_name": "T", "min_moss": 3, "settings": {"extends": "BAES"}}"#).unwrap_err();
        assert!(error.contains("`min_moss`") && error.contains("did you mean `BASE`?"), "{error}");
        let error = of(r#"{"min_mos": 9, "settings": {"hold": "1s", "max_download_time": 2}}"#).unwrap_err();
        for part in ["`template_name` is missing", "min_mos: is 9", "`max_download_time` is a column"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn a_change_breaks_a_template_that_was_valid_and_extends_the_changed_one() {
        let others = document(
            r#"{"BAD": {"extends": "BASE", "hodl": 1}, "LEAF": {"extends": "MIDDLE"},
                "MIDDLE": {"extends": "BASE", "segments": {"budget": "2 Mbit/s"}}, "OTHER": {"hold": "30s"}}"#,
        );
        let row = |name: &str, settings: &str| {
            let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
            serde_json::json!({"template_name": name, "settings": settings})
        };
        let before: TemplateRow = serde_json::from_value(row("BASE", r#"{"segments": {"mode": "heads"}}"#)).unwrap();
        let broken = |after: serde_json::Value| {
            template_broken_by(&others, &before, after.as_object().unwrap(), &SecretPlaces::default())
        };
        assert_eq!(broken(row("BASE", r#"{"segments": {"mode": "heads"}, "timeout": "5s"}"#)), None);
        let (name, why) = broken(row("BASE", r#"{"segments": {"mode": "newest"}}"#)).unwrap();
        assert!(name == "LEAF" && why.contains("for the mode `heads` only"), "{name}: {why}");
        let (name, why) = broken(row("RENAMED", r#"{"segments": {"mode": "heads"}}"#)).unwrap();
        assert!(name == "LEAF" && why.contains("there is no template `BASE`"), "{name}: {why}");
    }

    #[test]
    fn a_bad_row_is_left_out_and_named_and_the_others_come_into_force() {
        let templates = r#"{"T": {"min_mos": 3.5}, "BAD": {"hodl": 1}}"#;
        let channels = r#"{"channels": [
            {"channel_code": "A", "input_url": "http://a/m.m3u8", "template": "T", "tier": 1},
            {"channel_code": "B", "input_url": "http://a/m.m3u8", "template": "BAD"},
            {"channel_code": "C", "input_url": "nowhere", "template": "T"}]}"#;
        let (snapshot, errors) =
            load_rows(templates.into(), channels.into(), &BTreeMap::new(), &SecretPlaces::default()).unwrap();
        assert_eq!(snapshot.channels.keys().collect::<Vec<_>>(), ["A"]);
        assert_eq!(snapshot.templates.keys().collect::<Vec<_>>(), ["T", "default"]);
        let errors = errors.to_string();
        for part in ["`hodl`", "there is no template `BAD`", "channels[2].input_url"] {
            assert!(errors.contains(part), "{part} in {errors}");
        }
    }
}
