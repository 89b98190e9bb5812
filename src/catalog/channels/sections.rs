//! Splits channels.yml into one section for each channel. `channels` is a list or a map, and each channel is merged
//! over `defaults`.

use crate::catalog::request_keys::without_replaced;
use crate::document::{Fault, Key, Node, NodeIndex, Value, suggestion};
use packager_media::stream::Protocol;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// Section of one channel in channels.yml: its keys merged over `defaults`, with `input_url` moved into `outputs` as
/// `hls` or `dash`.
pub(super) struct Section {
    pub node: Node,
    pub code_at: NodeIndex,
}

const KNOWN: [&str; 2] = ["defaults", "channels"];

pub(super) fn split(root: &Node) -> (Vec<Section>, Vec<Fault>) {
    let mut faults = Vec::new();
    for (key, _) in root.entries().iter().filter(|(key, _)| !KNOWN.contains(&key.name.as_str())) {
        let hint = suggestion(&key.name, &KNOWN);
        faults.push(Fault { hint, ..Fault::key(key.at, format!("unknown key `{}`", key.name)) });
    }
    if !matches!(root.value, Value::Map(_) | Value::Null) {
        faults.push(Fault::value(root.at, "expected `channels:` with the channels below it, and perhaps `defaults:`"));
    }
    let defaults =
        root.get("defaults").map_or(Node::synthetic(Value::Map(Vec::new())), |node| defaults(node, &mut faults));
    let given = root.get("channels").map_or(Vec::new(), |node| channel_nodes(node, &mut faults));
    let mut sections = Vec::new();
    for (own, code_at) in given {
        match with_output(&own) {
            Ok(node) => {
                let below = rename_output(&defaults, first_output(root.get("defaults")), first_output(Some(&own)));
                sections.push(Section { node: node.merged_over(&without_replaced(&node, &below)), code_at });
            }
            Err(fault) => faults.push(fault),
        }
    }
    (sections, faults)
}

/// Makes the section for the keys of a single channel, which has no `defaults`.
pub(super) fn single_section(keys: &Node) -> Result<Section, Fault> {
    Ok(Section { node: with_output(keys)?, code_at: keys.index_of("channel_code") })
}

fn defaults(node: &Node, faults: &mut Vec<Fault>) -> Node {
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        faults.push(Fault::value(node.at, "expected the keys that channels have in common"));
    }
    for key in ["channel_code", "channel_name"] {
        if let Some(own) = node.get(key) {
            faults.push(Fault::value(own.at, "belongs to one channel, not to all"));
        }
    }
    with_output(node).unwrap_or_else(|fault| {
        faults.push(fault);
        node.clone()
    })
}

/// Returns the keys of each channel in channels.yml, its code included, and the place of the code in the file.
fn channel_nodes(node: &Node, faults: &mut Vec<Fault>) -> Vec<(Node, NodeIndex)> {
    match &node.value {
        Value::Null => Vec::new(),
        Value::List(nodes) => nodes.iter().filter_map(|own| list_entry(own, faults)).collect(),
        Value::Map(entries) => entries.iter().filter_map(|(key, own)| map_entry(key, own, faults)).collect(),
        _ => {
            faults.push(Fault::value(node.at, "expected a list of channels, or channels by code"));
            Vec::new()
        }
    }
}

fn list_entry(own: &Node, faults: &mut Vec<Fault>) -> Option<(Node, NodeIndex)> {
    if !matches!(own.value, Value::Map(_)) {
        faults.push(Fault::value(own.at, "expected a channel's keys (`- channel_code: CH_TV_HD_001` and more below)"));
        return None;
    }
    Some((own.clone(), own.index_of("channel_code")))
}

/// Returns the keys of one channel from a map of channels by code. The code becomes the key `channel_code`.
fn map_entry(key: &Key, own: &Node, faults: &mut Vec<Fault>) -> Option<(Node, NodeIndex)> {
    if !matches!(own.value, Value::Map(_) | Value::Null) {
        faults.push(Fault::value(own.at, "expected a channel's keys"));
        return None;
    }
    if let Some(code) = own.get("channel_code") {
        faults.push(Fault::value(code.at, format!("the code stands in front already: `{}`", key.name)));
        return None;
    }
    let code = Key { at: key.at, name: "channel_code".to_owned() };
    let mut entries = vec![(code, Node { at: key.at, value: Value::Text(key.name.clone()) })];
    entries.extend(own.entries().iter().cloned());
    Some((Node { at: own.at, value: Value::Map(entries) }, key.at))
}

/// Returns the name of the output that a channel's `input_url` defines: `dash` if the URL is that of an MPD, else
/// `hls`.
fn first_output(node: Option<&Node>) -> Option<&'static str> {
    match &node?.get("input_url")?.value {
        Value::Text(url) => Some(Protocol::of_address(url).name()),
        _ => Some(Protocol::Hls.name()),
    }
}

/// Renames the output `from` in the defaults to `to`. They differ if the defaults' `input_url` has one protocol and the
/// channel's `input_url` the other. Then the channel's URL replaces the defaults' URL instead of adding a second
/// output.
fn rename_output(defaults: &Node, from: Option<&str>, to: Option<&str>) -> Node {
    let (Some(from), Some(to), Value::Map(entries)) = (from, to, &defaults.value) else { return defaults.clone() };
    let mut entries = entries.clone();
    let outputs = entries.iter_mut().find(|(key, _)| key.name == "outputs");
    if let Some((_, Node { value: Value::Map(outputs), .. })) = outputs.filter(|_| from != to) {
        outputs.retain(|(key, _)| key.name != to);
        outputs.iter_mut().filter(|(key, _)| key.name == from).for_each(|(key, _)| to.clone_into(&mut key.name));
    }
    Node { at: defaults.at, value: Value::Map(entries) }
}

/// Moves `input_url` into `outputs` as the first output, so that a channel can replace or remove (`null`) an output of
/// the defaults that was written in either form.
fn with_output(node: &Node) -> Result<Node, Fault> {
    let Some((url, name)) = node.get("input_url").zip(first_output(Some(node))) else { return Ok(node.clone()) };
    let outputs = node.get("outputs");
    if let Some(twice) = outputs.and_then(|o| o.get(name)) {
        return Err(Fault::value(twice.at, "is given as `input_url` too; keep one of them"));
    }
    if outputs.is_some_and(|o| !matches!(o.value, Value::Map(_) | Value::Null)) {
        return Ok(node.clone());
    }
    let first = (Key { at: url.at, name: name.to_owned() }, url.clone());
    let others = outputs.map_or(&[] as &[_], Node::entries);
    let outputs_at = outputs.map_or(url.at, |o| o.at);
    let all = Value::Map(std::iter::once(first).chain(others.iter().cloned()).collect());
    let key = Key { at: outputs_at, name: "outputs".to_owned() };
    let rest = node.entries().iter().filter(|(k, _)| k.name != "input_url" && k.name != "outputs").cloned();
    let entries = rest.chain(std::iter::once((key, Node { at: outputs_at, value: all }))).collect();
    Ok(Node { at: node.at, value: Value::Map(entries) })
}

/// Outputs of a channel by output name, in the order of channels.yml. `null` removes an output that the defaults have.
#[derive(Debug, Default)]
pub(super) struct Outputs(Vec<(String, Option<OutputKeys>)>);

/// What is written of one output.
#[derive(Debug)]
pub(super) enum OutputKeys {
    /// Its URL alone.
    Url(String),
    /// A mapping with its URL and its settings, which is read from the document's tree.
    Section,
}

impl OutputKeys {
    /// The URL that is written in place of the output's keys; empty for a mapping.
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Url(url) => url,
            Self::Section => "",
        }
    }
}

impl<'de> Deserialize<'de> for OutputKeys {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OutputVisitor)
    }
}

struct OutputVisitor;

impl<'de> Visitor<'de> for OutputVisitor {
    type Value = OutputKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a URL, or a mapping with `url` and settings of its requests")
    }

    fn visit_str<E: serde::de::Error>(self, url: &str) -> Result<OutputKeys, E> {
        Ok(OutputKeys::Url(url.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OutputKeys, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(OutputKeys::Section)
    }
}

impl Outputs {
    pub(super) fn given(&self) -> impl Iterator<Item = (&str, &OutputKeys)> {
        self.0.iter().filter_map(|(name, keys)| Some((name.as_str(), keys.as_ref()?)))
    }
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OutputsVisitor)
    }
}

struct OutputsVisitor;

impl<'de> Visitor<'de> for OutputsVisitor {
    type Value = Outputs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("URLs by output name (`hls: http://…`)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outputs, A::Error> {
        let mut outputs = Vec::new();
        while let Some(entry) = map.next_entry()? {
            outputs.push(entry);
        }
        Ok(Outputs(outputs))
    }
}
