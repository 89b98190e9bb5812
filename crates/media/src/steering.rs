//! Content steering: the server that a manifest names for the choice of a CDN, and the answers of such a server.

use crate::redact::Quoted;
use crate::units::Seconds;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// Largest number of pathways that are read of one manifest or of one answer.
const MAX_PATHWAYS: usize = 64;
/// The pathway of variants without PATHWAY-ID (RFC 8216bis 4.4.6.2).
pub(crate) const DEFAULT_PATHWAY: &str = ".";

/// What a manifest says of its steering server: EXT-X-CONTENT-STEERING (RFC 8216bis 4.4.6.6), or ContentSteering of an MPD
/// (ETSI TS 103 998).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentSteering {
    /// URL of the steering server: SERVER-URI, or the text of ContentSteering.
    pub server: Url,
    /// Pathway with which players start: PATHWAY-ID, or ContentSteering@defaultServiceLocation. `None` if the manifest names none.
    pub first_pathway: Option<String>,
    /// Pathways that the manifest has, at most 64: PATHWAY-ID of the variants, or BaseURL@serviceLocation.
    pub pathways: BTreeSet<String>,
}

impl ContentSteering {
    /// Makes the record of a steering server. Pathways beyond the bound are left out.
    pub(crate) fn new<'a>(server: Url, first: Option<&str>, pathways: impl IntoIterator<Item = &'a str>) -> Self {
        let pathways = pathways.into_iter().take(MAX_PATHWAYS).map(bounded).collect();
        Self { server, first_pathway: first.filter(|id| !id.is_empty()).map(bounded), pathways }
    }
}

/// The answer of a steering server: the order in which it wants players to use the pathways.
#[derive(Debug, Clone, PartialEq)]
pub struct SteeringManifest {
    /// TTL: time after which players ask the steering server again.
    pub ttl: Seconds,
    /// PATHWAY-PRIORITY: pathways in the order in which players use them, at most 64.
    pub priority: Vec<String>,
    /// PATHWAY-CLONES: pathways that the steering server adds, each with the pathway of the manifest of which it is a copy.
    pub clones: Vec<PathwayClone>,
}

/// A pathway that a steering server adds to those of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathwayClone {
    /// ID of the added pathway.
    pub id: String,
    /// BASE-ID: the pathway of the manifest of which the added pathway is a copy with other URIs.
    pub base: String,
    /// HOST: host of the copy's URIs. `None`: the copy has the hosts of the copied pathway.
    pub host: Option<String>,
    /// PARAMS: query parameters that the copy's URIs have, at most 64.
    pub parameters: BTreeMap<String, String>,
    /// PER-VARIANT-URIS: URIs of single variants by STABLE-VARIANT-ID, at most 64.
    pub variants: BTreeMap<String, Url>,
}

impl PathwayClone {
    fn read(clone: &Value) -> Option<Self> {
        let text = |name| clone.get(name).and_then(Value::as_str).map(bounded);
        let replacement = clone.get("URI-REPLACEMENT");
        let entries = |name| {
            let entries = replacement.and_then(|r| r.get(name)).and_then(Value::as_object).into_iter().flatten();
            entries.filter_map(|(key, value)| Some((key, value.as_str()?))).take(MAX_PATHWAYS)
        };
        let variants = entries("PER-VARIANT-URIS");
        Some(Self {
            id: text("ID")?,
            base: text("BASE-ID")?,
            host: replacement.and_then(|r| r.get("HOST")).and_then(Value::as_str).map(str::to_owned),
            parameters: entries("PARAMS").map(|(name, value)| (name.clone(), value.to_owned())).collect(),
            variants: variants.filter_map(|(id, uri)| Some((id.clone(), Url::parse(uri).ok()?))).collect(),
        })
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "VERSION")]
    version: Option<Value>,
    #[serde(rename = "TTL")]
    ttl: Option<Value>,
    #[serde(rename = "PATHWAY-PRIORITY", alias = "SERVICE-LOCATION-PRIORITY")]
    priority: Option<Value>,
    #[serde(rename = "PATHWAY-CLONES", default)]
    clones: Value,
}

/// Reads the answer of a steering server, a JSON object (draft-pantos-content-steering, Steering Manifest).
///
/// # Errors
/// A text that says what is wrong, if players must ignore the answer: it isn't JSON, its VERSION isn't 1, it has no TTL above 0, or
/// PATHWAY-PRIORITY isn't a list with at least one pathway.
pub fn parse_steering_manifest(body: &[u8]) -> Result<SteeringManifest, String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let written: Written = serde_json::from_slice(body).map_err(|e| format!("it is no JSON object: {e}"))?;
    if written.version.as_ref().and_then(Value::as_f64) != Some(1.0) {
        return Err(format!("VERSION is {}, not 1", quoted_json(written.version.as_ref())));
    }
    let ttl = written.ttl.as_ref().and_then(Value::as_f64).filter(|ttl| *ttl > 0.0);
    let ttl =
        Seconds(ttl.ok_or_else(|| format!("TTL is {}, not a number above 0", quoted_json(written.ttl.as_ref())))?);
    let priority = texts(written.priority.as_ref());
    if priority.is_empty() {
        return Err(format!("PATHWAY-PRIORITY is {}, not a list of pathways", quoted_json(written.priority.as_ref())));
    }
    let clones = written.clones.as_array().into_iter().flatten().take(MAX_PATHWAYS);
    Ok(SteeringManifest { ttl, priority, clones: clones.filter_map(PathwayClone::read).collect() })
}

impl SteeringManifest {
    /// Returns the pathway of the manifest to which players go: the first of the priority that the manifest has, or the one of which
    /// it is a clone. `None` if the manifest has none of them, so that players stay where they are.
    #[must_use]
    pub fn chosen<'a>(&'a self, steering: &ContentSteering) -> Option<ChosenPathway<'a>> {
        self.priority.iter().find_map(|id| {
            if steering.pathways.contains(id) {
                return Some(ChosenPathway { id, clone: None });
            }
            let clone = self.clones.iter().find(|clone| clone.id == *id)?;
            steering.pathways.contains(&clone.base).then_some(ChosenPathway { id, clone: Some(clone) })
        })
    }
}

/// The pathway to which a steering server sends players.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenPathway<'a> {
    pub id: &'a str,
    /// The clone that defines the pathway if the steering server added it; `None` if the manifest itself lists the
    /// pathway.
    pub clone: Option<&'a PathwayClone>,
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    list.filter(|id| !id.is_empty()).take(MAX_PATHWAYS).map(bounded).collect()
}

/// Returns a value as the message shows it: shortened JSON, or `missing`.
fn quoted_json(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), |value| Quoted(&value.to_string()).to_string())
}

fn bounded(text: &str) -> String {
    text.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<SteeringManifest, String> {
        parse_steering_manifest(format!("{{\"VERSION\":1,{more}}}").as_bytes())
    }

    #[test]
    fn an_answer_has_a_version_a_lifetime_and_pathways() {
        let found = read(r#""TTL":300,"RELOAD-URI":"https://s/?a=1","PATHWAY-PRIORITY":["b","a"]"#).unwrap();
        assert_eq!((found.ttl, found.priority), (Seconds(300.0), vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(read(r#""TTL":1.5,"SERVICE-LOCATION-PRIORITY":["b"]"#).unwrap().priority, ["b"]);
        assert!(
            parse_steering_manifest("\u{feff}{\"VERSION\":1,\"TTL\":1,\"PATHWAY-PRIORITY\":[\"a\"]}".as_bytes())
                .is_ok()
        );
    }

    #[test]
    fn players_ignore_an_answer_without_them() {
        let wrong = |more: &str| read(more).unwrap_err();
        assert_eq!(wrong(r#""PATHWAY-PRIORITY":["a"]"#), "TTL is missing, not a number above 0");
        assert_eq!(wrong(r#""TTL":"300","PATHWAY-PRIORITY":["a"]"#), "TTL is `\"300\"`, not a number above 0");
        assert_eq!(wrong(r#""TTL":0,"PATHWAY-PRIORITY":["a"]"#), "TTL is `0`, not a number above 0");
        for none in ["", r#","PATHWAY-PRIORITY":[]"#, r#","PATHWAY-PRIORITY":"a""#, r#","PATHWAY-PRIORITY":[1]"#] {
            assert!(wrong(&format!("\"TTL\":1{none}")).starts_with("PATHWAY-PRIORITY is "), "{none}");
        }
        let other = parse_steering_manifest(br#"{"VERSION":2,"TTL":1,"PATHWAY-PRIORITY":["a"]}"#);
        assert_eq!(other.unwrap_err(), "VERSION is `2`, not 1");
        assert!(parse_steering_manifest(b"<html>").unwrap_err().starts_with("it is no JSON object: "));
        assert!(parse_steering_manifest(b"[1]").unwrap_err().starts_with("it is no JSON object: "));
    }

    #[test]
    fn players_go_to_the_first_pathway_that_the_manifest_has() {
        let steering = ContentSteering::new(Url::parse("http://s/").unwrap(), Some("a"), ["a", "b"]);
        let chosen = |priority: &str, clones: &str| {
            let more = format!("\"TTL\":1,\"PATHWAY-PRIORITY\":[{priority}],\"PATHWAY-CLONES\":[{clones}]");
            let found = read(&more).unwrap();
            found.chosen(&steering).map(|c| (c.id.to_owned(), c.clone.is_some()))
        };
        assert_eq!(chosen(r#""c","b","a""#, ""), Some(("b".to_owned(), false)));
        assert_eq!(chosen(r#""c""#, ""), None);
        let clone = r#"{"BASE-ID":"a","ID":"c","URI-REPLACEMENT":{"HOST":"c.example"}}"#;
        assert_eq!(chosen(r#""c","a""#, clone), Some(("c".to_owned(), true)));
        assert_eq!(chosen(r#""c","a""#, r#"{"BASE-ID":"x","ID":"c"}"#), Some(("a".to_owned(), false)));
    }
}
