//! Settings of the synchronisation with Inspector LIVE: where its list of programs is, and how a program becomes a
//! channel.

use crate::document::{Fault, Node, TimeLength, Value};
use packager_media::redact;
use regex::Regex;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use url::Url;

/// Largest `tier`, because the column of the database is a signed 32-bit integer.
const MAX_TIER: u32 = i32::MAX as u32;

/// Settings of one Inspector LIVE server. Every key has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InspectorSettings {
    /// Name of this Inspector LIVE server. It is stored as `inspector_live/NAME` with each channel that its
    /// synchronisation created.
    pub name: String,
    /// Address of the list of programs, such as `https://live-packager-01:8443/api/v1/programs`.
    #[serde(serialize_with = "redacted")]
    pub url: Option<Url>,
    /// File with the bearer token, relative to the folder of exporter.yml. It is read at each synchronisation.
    pub token_file: Option<PathBuf>,
    /// File with certificates of authorities that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Interval between synchronisations by `serve`. `None`: only `packager_exporter sync inspector` synchronises.
    pub every: Option<TimeLength>,
    pub timeout: TimeLength,
    pub max_bytes: u64,
    pub max_programs: usize,
    /// Path of the list of programs in the JSON answer; a dot separates the keys of nested objects.
    pub programs: String,
    pub fields: FieldNames,
    /// Values for the keys of a new channel that no rule sets.
    pub channel: ChannelDefaults,
    /// Rules in order of precedence: a key of the channel takes its value from the first matching rule that sets the
    /// key.
    pub rules: Vec<MappingRule>,
    /// Keys of a channel that every synchronisation overwrites. The other keys are written when the channel is created;
    /// later only people edit them.
    pub owns: Vec<OwnedKey>,
    /// Whether the synchronisation takes over an existing channel with the same code that no synchronisation created.
    /// Otherwise the program of Inspector LIVE is left out.
    pub adopt: bool,
    /// Whether a channel that this synchronisation created is disabled when Inspector LIVE's answer no longer lists it.
    pub disable_missing: bool,
    /// Largest share (0 to 1) of the enabled channels of this synchronisation that may be disabled at once. When more
    /// are missing, none is disabled.
    pub max_disabled: f64,
}

/// Writes an address without user, password and the values of its query, which may be tokens.
fn redacted<S: Serializer>(url: &Option<Url>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(redact::url).serialize(serializer)
}

/// Names of a program's fields in Inspector LIVE's answer; a dot separates the keys of nested objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FieldNames {
    pub id: String,
    pub name: String,
    pub codec: String,
    pub resolution: String,
    pub fps: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelDefaults {
    /// Pattern of the channel's code: `{id}`, or any other field of the Inspector LIVE program in braces.
    pub channel_code: String,
    /// Pattern of the channel's manifest URL, with fields of the Inspector LIVE program in braces. The values of the
    /// fields are percent-encoded.
    pub input_url: String,
    pub channel_type: String,
    pub tier: Option<u32>,
    /// Name of the probe (exporter) in the database's table `probes`.
    pub probe: Option<String>,
    pub template: String,
}

/// A rule for the programs of Inspector LIVE with a certain value in a field, such as `{field: name, contains: 4K, set:
/// {template: TPL_LIVE_4K_HDR}}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingRule {
    /// Name of the field in Inspector LIVE's answer.
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
    /// Whether programs that the rule matches don't become channels.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip: bool,
    pub set: Set,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Set {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_4k: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_hdr: Option<bool>,
}

/// A key of a channel that every synchronisation may overwrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnedKey {
    ChannelName,
    ChannelType,
    Tier,
    Codec,
    Resolution,
    Fps,
    #[serde(rename = "is_4k")]
    Is4k,
    IsHdr,
    Probe,
    InputUrl,
    Template,
}

impl OwnedKey {
    /// Returns the name of the column in the database table `channels`.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::ChannelName => "channel_name",
            Self::ChannelType => "channel_type",
            Self::Tier => "tier",
            Self::Codec => "codec",
            Self::Resolution => "resolution",
            Self::Fps => "fps",
            Self::Is4k => "is_4k",
            Self::IsHdr => "is_hdr",
            Self::Probe => "probe_id",
            Self::InputUrl => "input_url",
            Self::Template => "template_id",
        }
    }
}

/// A regular expression whose matching time is bounded by the length of the text (crate `regex`).
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = |e: regex::Error| {
            let why = e.to_string();
            let last = why.lines().last().unwrap_or_default().to_owned();
            serde::de::Error::custom(format!("not a regular expression: {last}"))
        };
        Regex::new(&text).map(Self).map_err(wrong)
    }
}

impl Default for InspectorSettings {
    fn default() -> Self {
        let rule = |field: &str, text: &str, set: Set| MappingRule {
            field: field.to_owned(),
            contains: Some(text.to_owned()),
            set,
            ..MappingRule::default()
        };
        Self {
            name: String::new(),
            url: None,
            token_file: None,
            ca_file: None,
            every: None,
            timeout: TimeLength(30.0),
            max_bytes: 16 << 20,
            max_programs: 10_000,
            programs: "programs".to_owned(),
            fields: FieldNames::default(),
            channel: ChannelDefaults::default(),
            rules: vec![
                rule("name", "4K", Set { template: Some("TPL_LIVE_4K_HDR".to_owned()), ..Set::default() }),
                rule("resolution", "UHD", Set { is_4k: Some(true), ..Set::default() }),
            ],
            owns: vec![OwnedKey::ChannelName, OwnedKey::Codec, OwnedKey::Resolution, OwnedKey::Fps, OwnedKey::Is4k],
            adopt: false,
            disable_missing: false,
            max_disabled: 0.2,
        }
    }
}

impl Default for FieldNames {
    fn default() -> Self {
        Self {
            id: "id".to_owned(),
            name: "name".to_owned(),
            codec: "codec".to_owned(),
            resolution: "resolution".to_owned(),
            fps: "fps".to_owned(),
        }
    }
}

impl Default for ChannelDefaults {
    fn default() -> Self {
        Self {
            channel_code: "{id}".to_owned(),
            input_url: "http://packager-01/live/{id}/master.m3u8".to_owned(),
            channel_type: "LIVE".to_owned(),
            tier: Some(1),
            probe: Some("packager".to_owned()),
            template: "TPL_LIVE_HD".to_owned(),
        }
    }
}

/// Resolves file paths in the settings of the sources against `folder`, and returns every fault in these settings.
pub(super) fn complete(sources: &mut [InspectorSettings], folder: &Path, root: &Node) -> Vec<Fault> {
    let nodes = match root.get("inspector_live").map(|node| &node.value) {
        Some(Value::List(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    let mut names = BTreeSet::new();
    let mut faults = Vec::new();
    for (source, node) in sources.iter_mut().zip(nodes) {
        for file in [&mut source.token_file, &mut source.ca_file].into_iter().flatten() {
            *file = folder.join(&*file);
        }
        if !names.insert(source.name.clone()) {
            faults.push(Fault::value(node.index_of("name"), "another of the list has this name"));
        }
        faults.extend(source.faults(node));
    }
    faults
}

impl InspectorSettings {
    fn faults(&self, node: &Node) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |key: &str, message: &str| faults.push(Fault::value(node.index_of(key), message));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            wrong("name", "`name` must be 1 to 64 letters, digits, `_`, `-`, `.`");
        }
        match &self.url {
            None => wrong("url", "`url` is missing; write https://live-packager-01:8443/api/v1/programs"),
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                wrong("url", "credentials don't belong into a URL; set token_file");
            }
            Some(url) if url.scheme() == "https" || (url.scheme() == "http" && self.token_file.is_none()) => {}
            Some(_) => wrong("url", "must begin with https:// where a token is sent"),
        }
        if self.every.is_some_and(|every| !(10.0..=86_400.0).contains(&every.0)) {
            wrong("every", "allowed is 10s to 1d");
        }
        if !(1.0..=600.0).contains(&self.timeout.0) {
            wrong("timeout", "allowed is 1s to 10m");
        }
        if !(1024..=256 << 20).contains(&self.max_bytes) {
            wrong("max_bytes", "allowed is 1024 to 268435456");
        }
        if !(1..=50_000).contains(&self.max_programs) {
            wrong("max_programs", "allowed is 1 to 50000");
        }
        if !(0.0..=1.0).contains(&self.max_disabled) {
            wrong("max_disabled", "must be a ratio: 0.2 is 20 %");
        }
        if self.channel.tier.is_some_and(|tier| tier > MAX_TIER) {
            wrong("channel", "`tier` is above every tier there is");
        }
        let rules = match node.get("rules").map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes.as_slice(),
            _ => &[],
        };
        let read = self.rules.iter().zip(rules);
        faults.extend(read.filter_map(|(rule, at)| Some(Fault::value(at.at, rule.wrong()?))));
        faults
    }
}

impl MappingRule {
    fn wrong(&self) -> Option<&'static str> {
        let conditions = [self.contains.is_some(), self.equals.is_some(), self.matches.is_some()];
        if self.field.is_empty() || conditions.iter().filter(|given| **given).count() != 1 {
            return Some("a rule has a `field` and one of `contains`, `equals` and `matches`");
        }
        if self.set.tier.is_some_and(|tier| tier > MAX_TIER) {
            return Some("`tier` is above every tier there is");
        }
        if !self.skip && self.set == Set::default() {
            return Some("a rule without `set` or `skip: true` does nothing");
        }
        None
    }

    /// Returns whether the rule matches an Inspector LIVE program in which the rule's field has the value `text`.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let contains = self.contains.as_ref().is_some_and(|part| text.contains(part));
        let equals = self.equals.as_ref().is_some_and(|whole| text == whole);
        contains || equals || self.matches.as_ref().is_some_and(|pattern| pattern.0.is_match(text))
    }
}
