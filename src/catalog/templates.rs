//! Reads templates.yml: thresholds, ladder and checks of each template, merged over the template that it extends.

use super::request_keys::{self, RequestKeys, SecretFiles, SecretSource};
use super::{Coverage, CoverageMode, RequestSettings, SIGNAL_INTERVAL, SignalMode, Template};
use crate::checks::CheckSettings;
use crate::document::{self, Fault, Key, Node, TimeLength, Value, suggestion};
use crate::expectations::{ExpectedLadder, Thresholds};
use packager_media::units::Seconds;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Name of the template that always exists. A file may set its keys; thresholds of environment variables apply to this
/// template alone.
pub(crate) const BUILT_IN: &str = "default";
const MAX_NAME_BYTES: usize = 64;
const MAX_LEVELS: usize = 16;

/// The keys of a template as templates.yml has them, merged over the templates that it extends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TemplateKeys {
    #[serde(rename = "extends")]
    _extends: Option<String>,
    timeout: TimeLength,
    min_mos: Option<f64>,
    loudness_target: Option<f64>,
    loudness_tolerance: Option<f64>,
    macroblocking_threshold: Option<f64>,
    freeze_threshold_ms: Option<f64>,
    segment_duration_target: Option<TimeLength>,
    segment_duration_tolerance: f64,
    max_download_time: TimeLength,
    segments: Coverage,
    ladder: ExpectedLadder,
    hold: TimeLength,
    query_identifies: bool,
    signal: SignalMode,
    signal_interval: TimeLength,
    request: RequestKeys,
    checks: CheckSettings,
}

impl Default for TemplateKeys {
    fn default() -> Self {
        let thresholds = Thresholds::default();
        Self {
            _extends: None,
            timeout: TimeLength(30.0),
            min_mos: thresholds.min_mos,
            loudness_target: thresholds.loudness_target,
            loudness_tolerance: thresholds.loudness_tolerance,
            macroblocking_threshold: thresholds.macroblocking_threshold,
            freeze_threshold_ms: thresholds.freeze_threshold_ms,
            segment_duration_target: thresholds.segment_duration_target.map(TimeLength),
            segment_duration_tolerance: thresholds.segment_duration_tolerance,
            max_download_time: TimeLength(thresholds.max_download_time),
            segments: Coverage::default(),
            ladder: ExpectedLadder::default(),
            hold: TimeLength(60.0),
            query_identifies: false,
            signal: SignalMode::default(),
            signal_interval: TimeLength(SIGNAL_INTERVAL),
            request: RequestKeys::default(),
            checks: CheckSettings::default(),
        }
    }
}

/// Reads the templates of a document, and lists every fault. The built-in template, with its `thresholds` from
/// environment variables, is among the templates. Secrets come from `source`.
pub(super) fn read_templates(
    root: &Node,
    thresholds: &[(&'static str, f64)],
    source: SecretSource<'_>,
) -> (BTreeMap<String, Arc<Template>>, Vec<Fault>) {
    let mut faults = Vec::new();
    if !matches!(root.value, Value::Map(_) | Value::Null) {
        faults.push(Fault::value(root.at, "expected templates by name (`TPL_LIVE_HD:` and its keys below)"));
    }
    let from_environment = built_in_template(thresholds);
    let mut written: BTreeMap<&str, &Node> = BTreeMap::from([(BUILT_IN, &from_environment)]);
    let set_by_file = root.get(BUILT_IN).map(|own| own.merged_over(&from_environment));
    for (key, node) in root.entries() {
        faults.extend(name_fault(key));
        written.insert(&key.name, if key.name == BUILT_IN { set_by_file.as_ref().unwrap_or(node) } else { node });
    }
    let mut templates = BTreeMap::new();
    let mut secrets = SecretFiles::new(source);
    for &name in written.keys() {
        match merge_extended(name, &written).and_then(|node| parse_template(name, &node, &mut secrets)) {
            Ok(template) => drop(templates.insert(name.to_owned(), Arc::new(template))),
            Err(found) => faults.extend(found),
        }
    }
    (templates, faults)
}

/// Returns every fault of the template `name`, whose `keys` are merged over the templates of `others` that it extends.
pub(super) fn template_faults(name: &str, keys: &Node, others: &Node, source: SecretSource<'_>) -> Vec<Fault> {
    let from_environment = built_in_template(&[]);
    let mut written: BTreeMap<&str, &Node> = BTreeMap::from([(BUILT_IN, &from_environment)]);
    written.extend(others.entries().iter().map(|(key, node)| (key.name.as_str(), node)));
    written.insert(name, keys);
    let key = Key { at: keys.at, name: name.to_owned() };
    let mut faults: Vec<Fault> = name_fault(&key).into_iter().collect();
    let secrets = &mut SecretFiles::new(source);
    let parsed = merge_extended(name, &written).and_then(|node| parse_template(name, &node, secrets));
    faults.extend(parsed.err().unwrap_or_default());
    faults
}

/// Returns whether the database has a column for the key `key` of a template.
pub(super) fn is_column(key: &str) -> bool {
    !matches!(key, "timeout" | "hold" | "signal_interval") && RANGES.iter().any(|(name, ..)| *name == key)
}

fn built_in_template(thresholds: &[(&'static str, f64)]) -> Node {
    let entry = |&(name, number): &(&str, f64)| {
        (Key { at: usize::MAX, name: name.to_owned() }, Node::synthetic(Value::Float(number)))
    };
    Node::synthetic(Value::Map(thresholds.iter().map(entry).collect()))
}

fn name_fault(key: &Key) -> Option<Fault> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let good = !key.name.is_empty() && key.name.len() <= MAX_NAME_BYTES && key.name.bytes().all(fits);
    let message = "a template's name is 1 to 64 letters, digits, `_`, `-`, `.`";
    (!good).then(|| Fault::key(key.at, format!("{message}; `{}` is not", key.name.escape_debug())))
}

/// Returns the keys of the template `name`, merged over those of the templates that it extends.
fn merge_extended(name: &str, written: &BTreeMap<&str, &Node>) -> Result<Node, Vec<Fault>> {
    let mut chain: Vec<&str> = vec![name];
    let mut node = written.get(name).map_or(Node::synthetic(Value::Null), |n| (*n).clone());
    let mut top = &node;
    let mut layers = Vec::new();
    while let Some(base) = top.get("extends") {
        let Some(wanted) = base.text() else { break };
        let Some((&known, &next)) = written.get_key_value(wanted) else {
            let names: Vec<&str> = written.keys().copied().collect();
            let hint = suggestion(wanted, &names);
            return Err(vec![Fault { hint, ..Fault::value(base.at, format!("there is no template `{wanted}`")) }]);
        };
        let circular = chain.contains(&known);
        chain.push(known);
        if circular || chain.len() > MAX_LEVELS {
            let why = if circular { "extends itself" } else { "is built on too many levels" };
            return Err(vec![Fault::value(base.at, format!("`{name}` {why}: {}", chain.join(" → ")))]);
        }
        layers.push(next);
        top = next;
    }
    for layer in layers {
        node = node.merged_over(&request_keys::without_replaced(&node, layer));
    }
    Ok(node)
}

fn parse_template(name: &str, node: &Node, secrets: &mut SecretFiles<'_>) -> Result<Template, Vec<Fault>> {
    let (written, mut faults) = document::deserialize_partial::<TemplateKeys>(node);
    faults.extend(written.iter().flat_map(|written| range_faults(written, node)));
    let Some(written) = written.filter(|_| faults.is_empty()) else { return Err(faults) };
    let request = match node.get("request") {
        Some(section) => request_keys::request_settings(&written.request, section, secrets)?,
        None => RequestSettings::default(),
    };
    Ok(Template {
        name: name.to_owned(),
        timeout: Seconds(written.timeout.0),
        thresholds: Thresholds {
            segment_duration_target: written.segment_duration_target.map(|l| l.0),
            segment_duration_tolerance: written.segment_duration_tolerance,
            max_download_time: written.max_download_time.0,
            min_mos: written.min_mos,
            loudness_target: written.loudness_target,
            loudness_tolerance: written.loudness_tolerance,
            macroblocking_threshold: written.macroblocking_threshold,
            freeze_threshold_ms: written.freeze_threshold_ms,
        },
        segments: written.segments,
        ladder: written.ladder,
        hold: Seconds(written.hold.0),
        query_identifies: written.query_identifies,
        signal: written.signal,
        signal_interval: Seconds(written.signal_interval.0),
        request,
        checks: written.checks,
    })
}

const RANGES: [(&str, RangeInclusive<f64>, &str); 11] = [
    ("timeout", 0.5..=600.0, "seconds"),
    ("hold", 0.0..=86_400.0, "seconds"),
    ("signal_interval", 10.0..=86_400.0, "seconds"),
    ("segment_duration_target", 0.1..=120.0, "seconds"),
    ("segment_duration_tolerance", 0.0..=1.0, "a ratio: 0.1 is 10 %"),
    ("max_download_time", 0.01..=600.0, "seconds"),
    ("min_mos", 1.0..=5.0, "a mean opinion score"),
    ("loudness_target", -70.0..=0.0, "LUFS"),
    ("loudness_tolerance", 0.0..=30.0, "LU"),
    ("macroblocking_threshold", 0.0..=1.0, "a ratio"),
    ("freeze_threshold_ms", 0.0..=600_000.0, "milliseconds"),
];

/// Returns the allowed range of `key` as text if `number` is outside of the range. `None`: the number is allowed, or
/// the key has no range.
pub(super) fn range_message(key: &str, number: f64) -> Option<String> {
    let (_, range, unit) = RANGES.iter().find(|(name, ..)| *name == key)?;
    (!range.contains(&number)).then(|| format!("allowed is {} to {} ({unit})", range.start(), range.end()))
}

fn range_faults(written: &TemplateKeys, node: &Node) -> Vec<Fault> {
    let values = [
        ("timeout", Some(written.timeout.0)),
        ("hold", Some(written.hold.0)),
        ("signal_interval", Some(written.signal_interval.0)),
        ("segment_duration_target", written.segment_duration_target.map(|l| l.0)),
        ("segment_duration_tolerance", Some(written.segment_duration_tolerance)),
        ("max_download_time", Some(written.max_download_time.0)),
        ("min_mos", written.min_mos),
        ("loudness_target", written.loudness_target),
        ("loudness_tolerance", written.loudness_tolerance),
        ("macroblocking_threshold", written.macroblocking_threshold),
        ("freeze_threshold_ms", written.freeze_threshold_ms),
    ];
    let mut faults: Vec<Fault> = values
        .into_iter()
        .filter_map(|(key, value)| {
            let number = value?;
            range_message(key, number)
                .map(|allowed| Fault::value(node.index_of(key), format!("is {number}; {allowed}")))
        })
        .collect();
    let coverage = written.segments;
    if coverage.mode != CoverageMode::None && !(1..=1000).contains(&coverage.count) {
        let at = node.get("segments").map_or(node.at, |s| s.index_of("count"));
        faults.push(Fault::value(at, format!("is {}; allowed is 1 to 1000 segments", coverage.count)));
    }
    if coverage.budget.is_some() && coverage.mode != CoverageMode::Heads {
        let at = node.get("segments").map_or(node.at, |s| s.index_of("budget"));
        faults.push(Fault::value(at, "is for the mode `heads` only".to_owned()));
    }
    faults
}
