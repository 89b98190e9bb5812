//! Deserializes a tree of nodes with serde, and keeps the position of every fault.

use super::{Fault, Node, NodeIndex, Value, suggestion};
use packager_media::redact;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Keys of documents whose values never appear in a message.
const SECRET: [&str; 3] = ["password", "bearer_token", "headers"];
/// Largest number of bad values in a document that are skipped to find further faults.
const MAX_ROUNDS: usize = 50;

/// Deserializes `node` as a `T`. The error lists all unknown keys and all bad values, not only the first.
pub(crate) fn deserialize<T: DeserializeOwned>(node: &Node) -> Result<T, Vec<Fault>> {
    match deserialize_partial(node) {
        (Some(value), faults) if faults.is_empty() => Ok(value),
        (_, faults) => Err(faults),
    }
}

/// Deserializes `node` as far as possible: a bad value is left out and the rest is read again. Returns the value and
/// all faults. `None`: a required value was left out.
pub(crate) fn deserialize_partial<T: DeserializeOwned>(node: &Node) -> (Option<T>, Vec<Fault>) {
    let unknown = RefCell::default();
    let mut dropped = BTreeSet::new();
    let mut faults = Vec::new();
    let mut whole = None;
    while faults.len() < MAX_ROUNDS {
        match T::deserialize(NodeDeserializer {
            node,
            context: &Context { dropped: &dropped, unknown: &unknown },
            secret: false,
        }) {
            Ok(value) => {
                whole = Some(value);
                break;
            }
            // The required value is missing because it was bad and left out.
            Err(fault) if fault.missing && !dropped.is_empty() => break,
            Err(fault) => {
                let at = fault.at.unwrap_or(node.at);
                faults.push(Fault { at: Some(at), ..fault });
                if at == node.at || !dropped.insert(at) {
                    break;
                }
            }
        }
    }
    faults.extend(unknown.into_inner().into_values());
    (whole, faults)
}

struct Context<'a> {
    dropped: &'a BTreeSet<NodeIndex>,
    unknown: &'a RefCell<BTreeMap<NodeIndex, Fault>>,
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
    context: &'a Context<'a>,
    secret: bool,
}

impl<'a> NodeDeserializer<'a> {
    fn at(self, fault: Fault) -> Fault {
        match fault.at {
            Some(_) => fault,
            None if self.secret => Fault::value(self.node.at, "expected text; write it in quotes"),
            None => Fault { at: Some(self.node.at), ..fault },
        }
    }

    fn inner(self, node: &'a Node, key: &str) -> Self {
        Self { node, context: self.context, secret: self.secret || SECRET.contains(&key) }
    }

    fn list<'de, V: Visitor<'de>>(self, nodes: &'a [Node], visitor: V) -> Result<V::Value, Fault> {
        let kept = nodes.iter().filter(|n| !self.context.dropped.contains(&n.at));
        visitor.visit_seq(SeqDeserializer::new(kept.map(|n| self.inner(n, ""))))
    }

    fn map<'de, V: Visitor<'de>>(self, visitor: V, fields: Option<&[&str]>) -> Result<V::Value, Fault> {
        let entries = self.node.entries().iter();
        let kept = entries.filter(|(key, node)| {
            let known = fields.is_none_or(|fields| fields.contains(&key.name.as_str()));
            if !known {
                let mut fault = Fault::key(key.at, format!("unknown key `{}`", key.name));
                fault.hint = suggestion(&key.name, fields.unwrap_or_default());
                self.context.unknown.borrow_mut().insert(key.at, fault);
            }
            known && !self.context.dropped.contains(&node.at)
        });
        visitor
            .visit_map(MapDeserializer::new(kept.map(|(key, node)| (key.name.as_str(), self.inner(node, &key.name)))))
    }

    fn variant<'de, V: Visitor<'de>>(self, variants: &[&str], visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) if variants.contains(&text.as_str()) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Value::Text(text) => {
                let hint = suggestion(text, variants);
                Err(Fault { hint, ..Fault::floating(format!("`{}` is not possible here", shorten(text))) })
            }
            other => Err(Fault::floating(format!("expected one of {}, found {}", variants.join(", "), found(other)))),
        }
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(v) => visitor.visit_bool(*v),
            Value::Unsigned(v) => visitor.visit_u64(*v),
            Value::Signed(v) => visitor.visit_i64(*v),
            Value::Float(v) if v.is_finite() => visitor.visit_f64(*v),
            Value::Float(v) => Err(Fault::floating(format!("expected a finite number, found {v}"))),
            Value::Text(v) => visitor.visit_str(v),
            Value::List(nodes) => self.list(nodes, visitor),
            Value::Map(_) => self.map(visitor, None),
        }
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.any(visitor).map_err(|fault| self.at(fault))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let read = if self.node.value == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) };
        read.map_err(|fault| self.at(fault))
    }

    /// Deserializes a struct from a mapping. A key without a value (`checks:`) counts as an empty mapping.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(_) | Value::Null => self.map(visitor, Some(fields)).map_err(|fault| self.at(fault)),
            other => {
                let message = format!("expected a section with keys ({}), found {}", fields.join(", "), found(other));
                Err(self.at(Fault::floating(message)))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.map(visitor, None).map_err(|fault| self.at(fault)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.list(&[], visitor).map_err(|fault| self.at(fault)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.variant(variants, visitor).map_err(|fault| self.at(fault))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self).map_err(|fault| self.at(fault))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Fault> for NodeDeserializer<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.message, self.hint)
    }
}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::floating(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::floating(format!("expected {}, found {}", expectation(expected), unexpected(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: true, ..Self::floating(format!("`{field}` is missing")) }
    }
}

/// Returns what to write in the file in place of an unexpected value. serde expresses this with the names of Rust
/// types.
fn expectation(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "f64" | "f32" => "a number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "text (in quotes if it looks like a number)".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

fn unexpected(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(v) => v.to_string(),
        Unexpected::Unsigned(v) => v.to_string(),
        Unexpected::Signed(v) => v.to_string(),
        Unexpected::Float(v) => v.to_string(),
        Unexpected::Str(v) => format!("the text `{}`", shorten(v)),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => unexpected(&Unexpected::Unit),
        Value::Bool(v) => v.to_string(),
        Value::Unsigned(v) => v.to_string(),
        Value::Signed(v) => v.to_string(),
        Value::Float(v) => v.to_string(),
        Value::Text(v) => unexpected(&Unexpected::Str(v)),
        Value::List(_) => unexpected(&Unexpected::Seq),
        Value::Map(_) => unexpected(&Unexpected::Map),
    }
}

fn shorten(text: &str) -> String {
    let mut short = redact::escape(text, 80);
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}
