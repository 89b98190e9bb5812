//! Maps programs of Inspector LIVE to channels, by the configured fields, defaults and rules.

use crate::config::{InspectorSettings, Set};
use crate::store::ListedChannel;
use packager_media::redact;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Longest text in bytes in a field of an Inspector LIVE program. A program with a longer text doesn't become a
/// channel.
const MAX_TEXT_BYTES: usize = 1024;
const MAX_SHOWN_CHARS: usize = 64;

/// The programs of one Inspector LIVE server as channels.
#[derive(Debug, Default)]
pub(crate) struct MappedPrograms {
    /// The channels, each with the catalogue columns that were made of its Inspector LIVE program.
    pub(crate) wanted: Vec<ListedChannel>,
    /// The channel codes of Inspector LIVE programs with an unusable field. Their channels aren't changed, and they
    /// aren't disabled as missing either.
    pub(crate) present: BTreeSet<String>,
    /// Each Inspector LIVE program that can't be used: its place in the server's answer, such as `programs[3]`, and the
    /// reason.
    pub(crate) bad: Vec<(String, String)>,
    /// Whether every program in the answer has a code. Only then is a channel that isn't in the answer really gone.
    pub(crate) all_named: bool,
}

/// Maps programs of Inspector LIVE to channels.
///
/// # Errors
/// Returns the first program's problem when no program can be used, because such an answer says nothing about any
/// channel.
pub(crate) fn map_programs(inspector: &InspectorSettings, programs: Vec<Value>) -> Result<MappedPrograms, String> {
    let mut mapped = MappedPrograms { all_named: true, ..MappedPrograms::default() };
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let total = programs.len();
    for (i, program) in programs.into_iter().enumerate() {
        let program = Program(program);
        let at = format!("{}[{i}]", inspector.programs);
        let code = match program.code(inspector) {
            Ok(code) => code,
            Err(why) => {
                mapped.all_named = false;
                mapped.bad.push((at, why));
                continue;
            }
        };
        let at = format!("{at} {}", redact::escape(&code, MAX_SHOWN_CHARS));
        if let Some(first) = first.insert(code.clone(), i) {
            mapped.bad.push((at, format!("{}[{first}] has the same code", inspector.programs)));
            continue;
        }
        match program.columns(inspector, &code) {
            Ok(Some((columns, uncertain))) => mapped.wanted.push(ListedChannel { at, code, columns, uncertain }),
            Ok(None) => {}
            Err(why) => {
                mapped.bad.push((at, why));
                mapped.present.insert(code);
            }
        }
    }
    match mapped.bad.first() {
        Some((at, why)) if mapped.wanted.is_empty() => {
            Err(format!("none of the {total} programs can be used; the first, {at}: {why}"))
        }
        _ => Ok(mapped),
    }
}

/// Catalogue columns, and the names of those that depend on a field that the program lacks.
type Columns = (Map<String, Value>, BTreeSet<&'static str>);

struct Program(Value);

impl Program {
    fn code(&self, inspector: &InspectorSettings) -> Result<String, String> {
        match self.text(&inspector.fields.id)? {
            Some(id) if !id.trim().is_empty() => self.fill_pattern(&inspector.channel.channel_code, str::to_owned),
            _ => Err(format!("the program has no `{}`", inspector.fields.id)),
        }
    }

    /// Returns the catalogue columns of the channel that a program of Inspector LIVE becomes, and those of them that are uncertain.
    /// `None`: a rule of the configuration skips the program.
    fn columns(&self, inspector: &InspectorSettings, code: &str) -> Result<Option<Columns>, String> {
        let Some((set, uncertain)) = self.apply_rules(inspector)? else { return Ok(None) };
        let (fields, usual) = (&inspector.fields, &inspector.channel);
        let mut columns = Map::new();
        let mut put = |column: &str, value: Option<Value>| {
            if let Some(value) = value {
                columns.insert(column.to_owned(), value);
            }
        };
        let text = |given: Option<String>| given.map(|text| Value::from(text.trim())).filter(|t| t != "");
        let fps = set.fps.map_or_else(|| self.rate(&fields.fps), |fps| Ok(Some(fps)))?;
        let resolution = self.text(&fields.resolution)?;
        let url = set.input_url.as_ref().unwrap_or(&usual.input_url);
        put("channel_code", Some(code.into()));
        put("channel_name", text(self.text(&fields.name)?));
        put("channel_type", text(set.channel_type.or_else(|| Some(usual.channel_type.clone()))));
        put("tier", set.tier.or(usual.tier).map(Value::from));
        put("codec", text(set.codec.map_or_else(|| self.text(&fields.codec), |codec| Ok(Some(codec)))?));
        put("resolution", text(set.resolution.or_else(|| resolution.and_then(|text| parse_resolution(&text)))));
        put("fps", fps.map(Value::from));
        put("is_4k", Some(set.is_4k.unwrap_or(false).into()));
        put("is_hdr", set.is_hdr.map(Value::from));
        put("probe", text(set.probe.or_else(|| usual.probe.clone())));
        put("input_url", Some(self.fill_pattern(url, percent_encode)?.into()));
        put("template", text(set.template.or_else(|| Some(usual.template.clone()))));
        Ok(Some((columns, uncertain)))
    }

    /// Returns what the rules set, and the columns that a rule might have set whose field the program lacks. `None`: a rule skips
    /// the program.
    fn apply_rules(&self, inspector: &InspectorSettings) -> Result<Option<(Set, BTreeSet<&'static str>)>, String> {
        let (mut set, mut uncertain) = (Set::default(), BTreeSet::new());
        for rule in &inspector.rules {
            match self.text(&rule.field)? {
                None => uncertain.extend(set_columns(&rule.set).difference(&set_columns(&set))),
                Some(text) if rule.fits(&text) && rule.skip => return Ok(None),
                Some(text) if rule.fits(&text) => set_missing(&mut set, &rule.set),
                Some(_) => {}
            }
        }
        // Without such a rule the source says nothing of it.
        if inspector.rules.iter().all(|rule| rule.set.is_4k.is_none()) {
            uncertain.insert("is_4k");
        }
        Ok(Some((set, uncertain)))
    }

    /// Returns a field of the Inspector LIVE program as text. A dot in `field` separates the keys of nested objects.
    /// `None`: the program doesn't have the field.
    fn text(&self, field: &str) -> Result<Option<String>, String> {
        let found = field.split('.').try_fold(&self.0, |value, key| value.get(key));
        let text = match found {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(_) => return Err(format!("`{field}` is neither text nor a number")),
        };
        if text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
            return Err(format!("`{field}` must have at most {MAX_TEXT_BYTES} bytes and no control characters"));
        }
        Ok(Some(text))
    }

    /// Returns a field of the Inspector LIVE program as a frame rate in frames per second, from values such as `25`,
    /// `"25"`, `"29.97"`, `"30000/1001"` and `"50p"`. `None`: the field is absent or empty.
    fn rate(&self, field: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.text(field)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        let number = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
        let (over, under) = number.split_once('/').unwrap_or((number, "1"));
        let rate = over.trim().parse::<f64>().ok().zip(under.trim().parse::<f64>().ok()).map(|(a, b)| a / b);
        let rate = rate
            .filter(|rate| rate.is_finite())
            .ok_or_else(|| format!("`{field}`: `{}` is not a frame rate", redact::escape(&text, MAX_SHOWN_CHARS)))?;
        Ok(Some(rate))
    }

    /// Replaces each field name in braces in `pattern` by the value that the Inspector LIVE program has in this field.
    fn fill_pattern(&self, pattern: &str, written: impl Fn(&str) -> String) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            let (field, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("`{pattern}` has an opening brace without a closing one"))?;
            let value =
                self.text(field)?.ok_or_else(|| format!("the program has no `{field}`, which `{pattern}` needs"))?;
            out.push_str(before);
            out.push_str(&written(value.trim()));
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Sets the columns of a channel in `set` that no earlier rule has set, from the rule's columns `later`.
fn set_missing(set: &mut Set, later: &Set) {
    let Set { channel_type, tier, template, probe, input_url, codec, resolution, fps, is_4k, is_hdr } = later;
    set.channel_type = set.channel_type.take().or_else(|| channel_type.clone());
    set.tier = set.tier.or(*tier);
    set.template = set.template.take().or_else(|| template.clone());
    set.probe = set.probe.take().or_else(|| probe.clone());
    set.input_url = set.input_url.take().or_else(|| input_url.clone());
    set.codec = set.codec.take().or_else(|| codec.clone());
    set.resolution = set.resolution.take().or_else(|| resolution.clone());
    set.fps = set.fps.or(*fps);
    set.is_4k = set.is_4k.or(*is_4k);
    set.is_hdr = set.is_hdr.or(*is_hdr);
}

/// Returns the names of the columns that `set` has.
fn set_columns(set: &Set) -> BTreeSet<&'static str> {
    let Set { channel_type, tier, template, probe, input_url, codec, resolution, fps, is_4k, is_hdr } = set;
    let columns = [
        ("channel_type", channel_type.is_some()),
        ("tier", tier.is_some()),
        ("template_id", template.is_some()),
        ("probe_id", probe.is_some()),
        ("input_url", input_url.is_some()),
        ("codec", codec.is_some()),
        ("resolution", resolution.is_some()),
        ("fps", fps.is_some()),
        ("is_4k", is_4k.is_some()),
        ("is_hdr", is_hdr.is_some()),
    ];
    columns.into_iter().filter(|(_, is_set)| *is_set).map(|(column, _)| column).collect()
}

/// Percent-encodes everything but unreserved characters (RFC 3986 2.3), so that a value is exactly one path segment.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// Returns width and height, such as `1920x1080`, from texts such as `1920x1080`, `UHD 3840×2160`, `1080i` and `UHD`.
/// `None`: the text names no known resolution.
fn parse_resolution(text: &str) -> Option<String> {
    static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(\d{2,5})\s*[xX×*]\s*(\d{2,5})").ok());
    if let Some(found) = PAIR.as_ref().and_then(|pair| pair.captures(text)) {
        return Some(format!("{}x{}", found.get(1)?.as_str(), found.get(2)?.as_str()));
    }
    let words =
        [("2160", "3840x2160"), ("UHD", "3840x2160"), ("1080", "1920x1080"), ("FHD", "1920x1080"), ("720", "1280x720")];
    let found = words.iter().find(|(word, _)| text.to_ascii_uppercase().contains(word));
    found.map(|(_, picture)| (*picture).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inspector(rules: &str) -> InspectorSettings {
        let text = format!("name: i\nurl: https://i/\n{rules}");
        crate::document::deserialize(&crate::document::Document::parse("exporter.yml".to_owned(), text).unwrap().root)
            .unwrap()
    }

    fn one(inspector: &InspectorSettings, program: Value) -> Value {
        let mapped = map_programs(inspector, vec![program]).unwrap();
        mapped.wanted.first().map_or(Value::Null, |wanted| Value::Object(wanted.columns.clone()))
    }

    #[test]
    fn the_default_mapping_takes_inspector_lives_own_field_names() {
        let program = json!({"id": "CH_TV_4K_001", "name": "FPT 4K Channel", "codec": "HEVC", "resolution": "UHD 3840x2160", "fps": 50});
        let expected = json!({"channel_code": "CH_TV_4K_001", "channel_name": "FPT 4K Channel", "channel_type": "LIVE",
            "tier": 1, "codec": "HEVC", "resolution": "3840x2160", "fps": 50.0, "is_4k": true,
            "probe": "packager", "input_url": "http://packager-01/live/CH_TV_4K_001/master.m3u8", "template": "TPL_LIVE_4K_HDR"});
        assert_eq!(one(&inspector(""), program), expected);
        let bare = one(&inspector(""), json!({"id": "A", "name": "News", "codec": null, "resolution": "1920x1080"}));
        assert_eq!((&bare["template"], &bare["is_4k"]), (&json!("TPL_LIVE_HD"), &json!(false)));
        assert!(bare.get("codec").is_none() && bare.get("fps").is_none(), "{bare}");
    }

    #[test]
    fn the_first_matching_rule_decides_and_a_rule_may_skip_a_program() {
        let rules = "fields: {id: meta.code, name: title}
channel: {channel_code: 'CH_{meta.code}', input_url: 'http://{host}/{meta.code}/{title}.m3u8', template: T, probe: null, tier: null}
rules:
  - {field: title, matches: '^(?i)test', skip: true}
  - {field: group, equals: sports, set: {tier: 1, template: SPORTS}}
  - {field: group, contains: sport, set: {tier: 2, is_hdr: true, fps: 50}}
";
        let of = |title: &str, group: &str| {
            one(&inspector(rules), json!({"meta": {"code": 7}, "title": title, "group": group, "host": "p-2"}))
        };
        let both = of("a b/../c?", "sports");
        assert_eq!((&both["tier"], &both["template"], &both["is_hdr"]), (&json!(1), &json!("SPORTS"), &json!(true)));
        assert_eq!(both["channel_code"], "CH_7");
        assert_eq!(both["input_url"], "http://p-2/7/a%20b%2F..%2Fc%3F.m3u8");
        assert!(both.get("probe").is_none());
        assert_eq!(of("News", "e-sport")["tier"], 2);
        assert_eq!(of("News", "news").get("tier"), None);
        assert_eq!(of("TEST card", "news"), Value::Null);
    }

    #[test]
    fn a_column_of_a_rule_whose_field_is_missing_is_uncertain() {
        let rules = "rules:
  - {field: group, equals: sports, set: {tier: 1, template: SPORTS}}
  - {field: resolution, contains: UHD, set: {is_4k: true, template: UHD, tier: 2}}
";
        let uncertain = |rules: &str, program: Value| {
            let mapped = map_programs(&inspector(rules), vec![program]).unwrap();
            mapped.wanted[0].uncertain.iter().copied().collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(uncertain(rules, json!({"id": "A", "group": "news", "resolution": "UHD"})), none);
        assert_eq!(uncertain(rules, json!({"id": "A", "group": "news"})), ["is_4k", "template_id", "tier"]);
        assert_eq!(uncertain(rules, json!({"id": "A", "group": "sports"})), ["is_4k"], "an earlier rule decided");
        assert_eq!(uncertain(rules, json!({"id": "A", "resolution": "UHD"})), ["template_id", "tier"]);
        assert_eq!(uncertain("rules: []\n", json!({"id": "A", "name": "A"})), ["is_4k"], "no rule says it");
    }

    #[test]
    fn a_bad_program_is_named_and_the_others_are_mapped() {
        let programs = vec![
            json!({"id": "A", "name": "A"}),
            json!({"id": "B", "name": ["x"]}),
            json!({"id": "C", "name": "nul \u{0}"}),
            json!({"name": "no id"}),
            json!("text"),
            json!({"id": "A", "name": "again"}),
            json!({"id": "D", "name": "D", "fps": "fast"}),
            json!({"id": "E", "name": "x".repeat(2000)}),
        ];
        let mapped = map_programs(&inspector(""), programs).unwrap();
        assert_eq!(mapped.wanted.iter().map(|w| w.code.as_str()).collect::<Vec<_>>(), ["A"]);
        let bad: Vec<String> = mapped.bad.iter().map(|(at, why)| format!("{at}: {why}")).collect();
        let parts = [
            "programs[1] B: `name` is neither",
            "programs[2] C: `name` must have",
            "programs[3]: the program has no `id`",
            "programs[4]: the program has no `id`",
            "programs[5] A: programs[0] has the same code",
            "programs[6] D: `fps`: `fast` is not a frame rate",
            "programs[7] E: `name` must have at most 1024",
        ];
        assert_eq!(bad.len(), parts.len(), "{bad:?}");
        for (part, bad) in parts.iter().zip(&bad) {
            assert!(bad.starts_with(part), "{part}: {bad}");
        }
        assert!(!mapped.all_named, "a program without an id could be any channel");
        assert_eq!(mapped.present.iter().collect::<Vec<_>>(), ["B", "C", "D", "E"]);
    }

    #[test]
    fn an_answer_with_bad_programs_only_is_an_error() {
        let error = map_programs(&inspector(""), vec![json!({"id": 1, "name": {}}), json!({})]).unwrap_err();
        assert!(error.contains("none of the 2 programs") && error.contains("programs[0] 1: `name`"), "{error}");
    }

    #[test]
    fn resolutions_and_frame_rates_are_read_in_their_usual_forms() {
        let pictures = [
            ("1920x1080", Some("1920x1080")),
            ("UHD 3840 × 2160p50", Some("3840x2160")),
            ("1080i", Some("1920x1080")),
            ("uhd", Some("3840x2160")),
            ("720p", Some("1280x720")),
            ("HD", None),
        ];
        for (text, expected) in pictures {
            assert_eq!(parse_resolution(text).as_deref(), expected, "{text}");
        }
        let rate = |value: Value| Program(json!({"fps": value})).rate("fps");
        assert_eq!(rate(json!("30000/1001")).unwrap().map(|r| (r * 100.0).round()), Some(2997.0));
        assert_eq!((rate(json!("50p")), rate(json!(25)), rate(json!(" "))), (Ok(Some(50.0)), Ok(Some(25.0)), Ok(None)));
        assert!(rate(json!("25/0")).is_err() && rate(json!("NaN")).is_err());
    }
}
