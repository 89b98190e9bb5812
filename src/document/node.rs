//! Parses a document to a tree of nodes. The visitor that builds the tree numbers the nodes.
//!
//! yaml_serde gives a position only with an error. So each node and key keeps its number in the order of visiting
//! ([`NodeIndex`]), and [`locate`] visits the document again and fails at that number: the error has the position.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;

/// Index of a node or key in its document, in order of appearance.
pub(crate) type NodeIndex = usize;

/// Largest number of nodes in a tree. YAML aliases are expanded, so a small file can describe a huge tree.
const MAX_NODES: usize = 2_000_000;
const MAX_TEXT_BYTES: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: NodeIndex,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub at: NodeIndex,
    pub name: String,
}

impl Node {
    /// Makes a node that has no position in a document.
    #[must_use]
    pub fn synthetic(value: Value) -> Self {
        Self { at: NodeIndex::MAX, value }
    }

    /// Returns the entries of a mapping; empty for a node that is not a mapping.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the value of the key `name`. `None`: the node is not a mapping or has no such key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// Returns the node index of the value of the key `name`, or that of the mapping if it has no such key.
    #[must_use]
    pub fn index_of(&self, name: &str) -> NodeIndex {
        self.get(name).map_or(self.at, |node| node.at)
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether a text or a key of the tree has the character NUL, which PostgreSQL can't store.
    #[must_use]
    pub fn has_nul(&self) -> bool {
        match &self.value {
            Value::Text(text) => text.contains('\0'),
            Value::List(nodes) => nodes.iter().any(Self::has_nul),
            Value::Map(entries) => entries.iter().any(|(key, node)| key.name.contains('\0') || node.has_nul()),
            Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) => false,
        }
    }

    /// Returns a copy of the mapping without the entries whose keys are in `names`.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.entries().iter().filter(|(key, _)| !names.contains(&key.name.as_str())).cloned();
        Self { at: self.at, value: Value::Map(kept.collect()) }
    }

    /// Returns this tree merged over `base`: mappings are merged key by key, in the order of `base`; every other value
    /// replaces that of `base`. The keys of [`HEADER_SECTIONS`] are the same in upper and lower case.
    #[must_use]
    pub fn merged_over(&self, base: &Self) -> Self {
        self.merged(base, |a, b| a.name == b.name)
    }

    fn merged(&self, base: &Self, is_same: fn(&Key, &Key) -> bool) -> Self {
        let (Value::Map(own), Value::Map(below)) = (&self.value, &base.value) else {
            return self.clone();
        };
        let below_that = |key: &Key| match HEADER_SECTIONS.contains(&key.name.as_str()) {
            true => |a: &Key, b: &Key| a.name.eq_ignore_ascii_case(&b.name),
            false => |a: &Key, b: &Key| a.name == b.name,
        };
        let mut merged: Vec<(Key, Self)> = below
            .iter()
            .map(|(key, under)| match own.iter().find(|(k, _)| is_same(k, key)) {
                Some((own_key, node)) => (own_key.clone(), node.merged(under, below_that(key))),
                None => (key.clone(), under.clone()),
            })
            .collect();
        merged.extend(own.iter().filter(|(k, _)| !below.iter().any(|(b, _)| is_same(b, k))).cloned());
        Self { at: self.at, value: Value::Map(merged) }
    }
}

/// Mappings whose keys are names of HTTP headers (RFC 9110 5.1).
pub(crate) const HEADER_SECTIONS: [&str; 3] = ["headers", "header_files", "header_env"];

/// A key that occurs twice in one mapping.
#[derive(Debug)]
pub(super) struct RepeatedKey {
    pub first: NodeIndex,
    pub second: NodeIndex,
    pub name: String,
}

/// Syntax of a document: YAML or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Yaml,
    Json,
}

/// Error for a text that can't be parsed, with line and column, both from 1.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub position: Option<(usize, usize)>,
    pub message: String,
}

/// Parses `text` into a tree, and lists the keys that occur twice in one mapping (the first occurrence counts).
pub(super) fn build(text: &str, form: Syntax) -> Result<(Node, Vec<RepeatedKey>), SyntaxError> {
    let mut builder = Builder { json: form == Syntax::Json, ..Builder::default() };
    let node = visit(&mut builder, text, form)?;
    Ok((node, builder.repeated))
}

/// Returns line and column of the node with the index `at`, both from 1. In JSON they are those of the value's end.
/// `None`: the document has no such node.
pub(super) fn locate(text: &str, form: Syntax, at: NodeIndex) -> Option<(usize, usize)> {
    let mut builder = Builder { stop: Some(at), ..Builder::default() };
    visit(&mut builder, text, form).err()?.position
}

fn visit(builder: &mut Builder, text: &str, form: Syntax) -> Result<Node, SyntaxError> {
    match form {
        Syntax::Yaml => Seed(builder).deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
            SyntaxError { position: error.location().map(|l| (l.line(), l.column())), message: error.to_string() }
        }),
        Syntax::Json => {
            let mut json = serde_json::Deserializer::from_str(text);
            let node = Seed(builder).deserialize(&mut json).and_then(|node| json.end().map(|()| node));
            node.map_err(|error| SyntaxError {
                position: (error.line() > 0).then(|| (error.line(), error.column())),
                message: error.to_string(),
            })
        }
    }
}

#[derive(Default)]
struct Builder {
    count: usize,
    text_bytes: usize,
    stop: Option<NodeIndex>,
    repeated: Vec<RepeatedKey>,
    json: bool,
}

impl Builder {
    fn next(&mut self) -> NodeIndex {
        self.count += 1;
        self.count - 1
    }

    /// Fails at the node whose position [`locate`] looks for, and when the tree exceeds the bounds of nodes or text.
    fn check<E: serde::de::Error>(&mut self, at: NodeIndex, text_bytes: usize) -> Result<(), E> {
        self.text_bytes += text_bytes;
        if self.stop == Some(at) {
            return Err(E::custom("here"));
        }
        if self.count > MAX_NODES || self.text_bytes > MAX_TEXT_BYTES {
            return Err(E::custom("too much once aliases are copied out; write less, or use fewer aliases"));
        }
        Ok(())
    }
}

/// Returns a number without a fraction as an integer. 25.0 is the same number as 25 in JSON (RFC 8259 section 6; JSON
/// Schema core 2020-12 section 4.2.2), and pandas writes 25.0.
fn exact_integer(v: f64) -> Option<Value> {
    // Every whole number below 2^53 is a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let exact = v.fract() == 0.0 && v.abs() < EXACT;
    exact.then_some(if v < 0.0 { Value::Signed(v as i64) } else { Value::Unsigned(v as u64) })
}

struct Seed<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        let at = self.0.next();
        let value = from.deserialize_any(Build { builder: self.0, at })?;
        Ok(Node { at, value })
    }
}

struct Build<'b> {
    builder: &'b mut Builder,
    at: NodeIndex,
}

impl Build<'_> {
    fn scalar<E: serde::de::Error>(self, value: Value) -> Result<Value, E> {
        self.builder.check(self.at, 0)?;
        Ok(value)
    }
}

impl<'de> Visitor<'de> for Build<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain YAML without tags")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<Value, E> {
        self.scalar(Value::Bool(v))
    }

    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Value, E> {
        self.scalar(Value::Unsigned(v))
    }

    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Value, E> {
        self.scalar(Value::Signed(v))
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        let value = self.builder.json.then(|| exact_integer(v)).flatten();
        self.scalar(value.unwrap_or(Value::Float(v)))
    }

    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Value, E> {
        self.builder.check(self.at, v.len())?;
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.builder.check(self.at, 0)?;
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(Seed(self.builder))? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.builder.check(self.at, 0)?;
        let mut seen: HashMap<String, NodeIndex> = HashMap::new();
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed(self.builder))? {
            let node = map.next_value_seed(Seed(self.builder))?;
            match seen.get(&key.name) {
                Some(&first) => self.builder.repeated.push(RepeatedKey { first, second: key.at, name: key.name }),
                None => {
                    seen.insert(key.name.clone(), key.at);
                    entries.push((key, node));
                }
            }
        }
        Ok(Value::Map(entries))
    }
}

struct KeySeed<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Key, D::Error> {
        let at = self.0.next();
        let value = from.deserialize_any(Build { builder: self.0, at })?;
        let name = match value {
            Value::Text(text) => text,
            Value::Unsigned(n) => n.to_string(),
            Value::Signed(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            _ => return Err(D::Error::custom("a key must be a plain name")),
        };
        Ok(Key { at, name })
    }
}
