//! Row of the database table `channels`.

use super::table_row::{JsonObject, TableRow, json_number, present, write_schema};
use super::{Channel, Output, secret_references, show};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, OneOf, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// Channel as the database table `channels` has it and as the API shows it.
///
/// A column is added in three places: a migration, a field here (with its default in [`TableRow::DEFAULTS`] when the
/// column may not be null), and the reader of channels.yml in `catalog/channels.rs`, which checks every write. The SQL
/// lists, the columns of an import and an export, and the OpenAPI schemas follow from the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Channel, description = "Channel. A channel of channels.yml has no ids, version and times.")]
pub struct ChannelRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i32, required = false)]
    pub id: Option<i32>,
    /// Code of the channel, which is unique and never changes: 1 to 64 letters, digits, `_`, `.`, `-`, at least one of
    /// them a letter or digit.
    #[schema(pattern = "^[_.-]*[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length = 64)]
    pub channel_code: String,
    /// Name of the channel for people. A write without a name sets it to the channel's code.
    #[schema(min_length = 1, max_length = 256)]
    pub channel_name: String,
    /// Type of the channel. A write without a type sets it to `LIVE`.
    #[schema(min_length = 1, max_length = 256)]
    pub channel_type: String,
    #[schema(required, minimum = 0, maximum = 2147483647)]
    pub tier: Option<u32>,
    #[schema(required, min_length = 1, max_length = 256)]
    pub codec: Option<String>,
    #[schema(required, pattern = "^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$")]
    pub resolution: Option<String>,
    /// Frame rate of the channel in frames per second.
    #[serde(serialize_with = "json_number")]
    #[schema(required, minimum = 1, maximum = 300)]
    pub fps: Option<f64>,
    pub is_4k: bool,
    /// Whether the channel is HDR. `null`: unknown, and no dynamic range is expected.
    #[schema(required)]
    pub is_hdr: Option<bool>,
    /// Id of the row of the table `probes` (an exporter) to which the channel belongs. `null`: it belongs to none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 2147483647)]
    pub probe_id: Option<Option<i32>>,
    /// URL of the output `hls`. `{code}` in the URL stands for the channel's code.
    #[schema(required, pattern = "^https?://", max_length = 4096)]
    pub input_url: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 2147483647)]
    pub template_id: Option<Option<i32>>,
    /// Whether the channel is enabled. A write without a value sets it to `true`.
    pub enabled: bool,
    /// Further outputs by output name, such as `dash` or `backup`: a URL, or an object with settings of its own.
    #[serde(serialize_with = "secret_references::hidden")]
    #[schema(value_type = std::collections::BTreeMap<String, OutputWritten>)]
    pub outputs: JsonObject,
    /// Ladder that this channel promises instead of the `ladder` of its template; docs/checks.md describes the keys.
    #[schema(required, value_type = Option<Object>)]
    pub ladder: Option<JsonObject>,
    /// How the channel's servers are asked: the section `request` of channels.yml (docs/operations.md). Secrets are named by
    /// files below `catalog.secrets`, which no answer shows: `<hidden>` stands in their place, and keeps them in a write.
    #[serde(default, serialize_with = "secret_references::optional_hidden")]
    #[schema(required, value_type = Option<Object>)]
    pub request: Option<JsonObject>,
    #[schema(required)]
    pub template_name: Option<String>,
    /// Synchronisation that created the channel, such as `inspector_live/NAME`; `null`: a person created it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub source: Option<Option<String>>,
    /// Time at which the synchronisation that created the channel disabled it because its server no longer lists the
    /// channel; `null` otherwise.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub missing_since: Option<Option<String>>,
    /// Version of the row, which is the ETag of the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub updated_at: Option<String>,
}

impl TableRow for ChannelRow {
    const TABLE: &'static str = "channels";
    const READ_ONLY: &'static [&'static str] =
        &["id", "template_name", "source", "missing_since", "version", "created_at", "updated_at"];
    const DEFAULTS: &'static [(&'static str, &'static str)] = &[
        ("channel_name", "channel_code"),
        ("channel_type", "'LIVE'"),
        ("is_4k", "false"),
        ("enabled", "true"),
        ("outputs", "'{}'"),
    ];

    fn values(&self) -> JsonObject {
        let mut values = self.public_values();
        values.insert("outputs".to_owned(), self.outputs.clone().into());
        values.insert("request".to_owned(), self.request.clone().into());
        values
    }
}

/// An output in a channel's `outputs`, for the OpenAPI document.
pub(crate) struct OutputWritten;

impl PartialSchema for OutputWritten {
    fn schema() -> RefOr<Schema> {
        let url = || Object::builder().schema_type(Type::String).pattern(Some("^https?://")).max_length(Some(4096));
        let section = Object::builder()
            .description(Some("`url`, perhaps `resolve`, and keys of `request` that hold for this output alone"))
            .property("url", url())
            .required("url")
            .property("resolve", Object::builder().schema_type(Type::String).enum_values(Some(["any", "each"])));
        let null = Object::builder().schema_type(Type::Null);
        OneOf::builder().item(url().description(Some("URL of the output"))).item(section).item(null).into()
    }
}

impl ToSchema for OutputWritten {}

impl ChannelRow {
    /// Returns the columns that channels.yml has under the same name: all writable columns but the ids, for which the
    /// file has names.
    pub fn shared_with_files() -> impl Iterator<Item = &'static str> {
        Self::writable().filter(|name| !matches!(*name, "probe_id" | "template_id"))
    }

    /// Returns the names of the columns whose values are JSON of `kind`.
    #[must_use]
    pub fn columns_of(kind: &Type) -> BTreeSet<String> {
        let RefOr::T(Schema::Object(object)) = Self::schema() else { return BTreeSet::new() };
        let is_of_kind = |property: &RefOr<Schema>| match property {
            RefOr::T(Schema::Object(property)) => match &property.schema_type {
                SchemaType::Type(one) => one == kind,
                SchemaType::Array(several) => several.contains(kind),
                SchemaType::AnyValue => false,
            },
            _ => false,
        };
        object.properties.into_iter().filter(|(_, property)| is_of_kind(property)).map(|(name, _)| name).collect()
    }
}

impl From<&Channel> for ChannelRow {
    /// Makes the row of a channel of channels.yml. Columns that only a database has are absent, and values in the
    /// queries of URLs are redacted.
    fn from(channel: &Channel) -> Self {
        let others = channel.outputs.iter().skip(1).map(|output| (output.name.clone(), redacted_output(output)));
        let ladder = channel.ladder.as_ref().map(serde_json::to_value).and_then(Result::ok);
        Self {
            id: None,
            channel_code: channel.code.clone(),
            channel_name: channel.name.clone(),
            channel_type: channel.channel_type.clone(),
            tier: channel.tier,
            codec: channel.codec.clone(),
            resolution: channel.resolution.map(|resolution| resolution.to_string()),
            fps: channel.fps,
            is_4k: channel.is_4k,
            is_hdr: channel.is_hdr,
            probe_id: None,
            input_url: channel.outputs.first().and_then(masked_url),
            template_id: None,
            enabled: channel.enabled,
            outputs: others.collect(),
            ladder: ladder.and_then(|ladder| ladder.as_object().cloned()),
            request: None,
            template_name: Some(channel.template.clone()),
            source: None,
            missing_since: None,
            version: None,
            created_at: None,
            updated_at: None,
        }
    }
}

/// An output of channels.yml as a row shows it: its URL, within its settings if it has any of its own.
fn redacted_output(output: &Output) -> serde_json::Value {
    let mut shown = serde_json::to_value(output).unwrap_or_default();
    let Some(keys) = shown.as_object_mut() else { return serde_json::Value::Null };
    keys.remove("name");
    let only_url = keys.len() == 1;
    if only_url { keys.remove("url").unwrap_or_default() } else { shown }
}

fn masked_url(output: &Output) -> Option<String> {
    show::url(&output.url, serde_json::value::Serializer).ok()?.as_str().map(str::to_owned)
}

/// OpenAPI schema of a request body that writes a channel.
pub(crate) struct ChannelWritten;

impl PartialSchema for ChannelWritten {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({
            "channel_code": "CH_TV_HD_001", "channel_name": "FPT Channel 1 HD", "tier": 1, "resolution": "1920x1080",
            "fps": 25, "input_url": "http://packager-01/live/CH_TV_HD_001/master.m3u8",
            "outputs": {"dash": "http://packager-01/live/CH_TV_HD_001/manifest.mpd"}, "template_id": 1, "probe_id": 3,
        });
        write_schema::<ChannelRow>("Fields of a channel that may be written", &[], &["probe_name"], example)
    }
}

impl ToSchema for ChannelWritten {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_is_not_null_has_a_default_and_every_default_a_column() {
        let not_null = ["channel_name", "channel_type", "is_4k", "enabled", "outputs"];
        let defaults: BTreeSet<&str> = ChannelRow::DEFAULTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(defaults, BTreeSet::from(not_null));
        assert!(defaults.iter().all(|name| ChannelRow::writable().any(|column| column == *name)));
    }

    #[test]
    fn a_row_of_the_database_keeps_null_and_a_channel_of_a_file_has_no_database_columns() {
        let row = r#"{"id":1,"channel_code":"A","channel_name":"A","channel_type":"LIVE","tier":null,"codec":null,
            "resolution":null,"fps":25,"is_4k":false,"is_hdr":null,"probe_id":null,"input_url":"http://a/m.m3u8",
            "template_id":2,"enabled":true,"outputs":{},"ladder":null,"request":null,"template_name":"T","source":null,
            "missing_since":null,"version":3,"created_at":"2026-01-31T18:00:00Z","updated_at":"2026-01-31T18:00:00Z"}"#;
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let read: ChannelRow = serde_json::from_value(row.clone()).unwrap();
        assert_eq!((&read.probe_id, &read.template_id, &read.source), (&Some(None), &Some(Some(2)), &Some(None)));
        assert_eq!(serde_json::to_value(&read).unwrap(), row);
        let of_file = ChannelRow { id: None, probe_id: None, template_id: None, source: None, ..read };
        let of_file = ChannelRow { missing_since: None, version: None, created_at: None, updated_at: None, ..of_file };
        let names: BTreeSet<String> = of_file.values().keys().cloned().collect();
        let only_database =
            ["id", "probe_id", "template_id", "source", "missing_since", "version", "created_at", "updated_at"];
        let all: BTreeSet<&str> = ChannelRow::columns().iter().copied().collect();
        let missing: BTreeSet<&str> = all.into_iter().filter(|name| !names.contains(*name)).collect();
        assert_eq!(missing, BTreeSet::from(only_database));
    }

    #[test]
    fn the_kind_of_a_column_follows_from_its_field() {
        let of = |kind| ChannelRow::columns_of(&kind).into_iter().collect::<Vec<_>>();
        assert_eq!(of(Type::Boolean), ["enabled", "is_4k", "is_hdr"]);
        assert_eq!(of(Type::Number), ["fps"]);
        assert_eq!(of(Type::Integer), ["id", "probe_id", "template_id", "tier", "version"]);
        assert_eq!(of(Type::Object), ["ladder", "outputs", "request"]);
    }

    #[test]
    fn a_write_may_have_every_column_and_ignores_the_read_only_ones() {
        let RefOr::T(Schema::Object(schema)) = ChannelWritten::schema() else { panic!("an object") };
        let names: BTreeSet<&str> = schema.properties.keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = ChannelRow::columns().iter().copied().chain(["probe_name"]).collect();
        assert_eq!(names, expected);
        assert!(schema.required.is_empty());
        let RefOr::T(Schema::Object(id)) = &schema.properties["id"] else { panic!("an object") };
        assert!(id.schema_type == SchemaType::AnyValue);
        let RefOr::T(Schema::Object(code)) = &schema.properties["channel_code"] else { panic!("an object") };
        assert!(code.schema_type == SchemaType::Array(vec![Type::String, Type::Null]));
    }
}
