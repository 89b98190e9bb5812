use super::*;
use crate::report::testing::{self, broken, clean, large};
use packager_media::units::{Seconds, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Parses an exposition and returns the value of each sample by name and labels.
fn samples(text: &str) -> BTreeMap<(String, BTreeMap<String, String>), f64> {
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    let parsed: BTreeMap<_, _> = lines.iter().map(|line| sample(line)).collect();
    assert_eq!(parsed.len(), lines.len(), "no series twice");
    parsed
}

fn sample(line: &str) -> ((String, BTreeMap<String, String>), f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|l| !l.is_empty());
    let labels = labels.map(|l| l.split_once("=\"").unwrap());
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect();
    ((name.to_owned(), labels), value.parse().unwrap())
}

fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    samples(text).get(&(name.to_owned(), labels)).copied()
}

fn of_rendition(text: &str, name: &str, rendition: &str) -> Option<f64> {
    value(text, name, &[("output", "hls"), ("rendition", rendition)])
}

fn of_output(text: &str, name: &str) -> Option<f64> {
    value(text, name, &[("output", "hls")])
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exposition").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, expected, "{name} changed: look at it, then update with UPDATE_GOLDEN=1");
}

/// Objections of promtool that are accepted: bit rates are in bits per second, as in manifests and players.
const BITS: &str = "packager_rendition_bandwidth_bits_per_second use base unit \"bytes\" instead of \"bits\"";

/// Fails with the output of promtool if it objects to the exposition `text`.
fn promtool(text: &str) {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.expect("promtool (of Prometheus; Debian: apt-get install prometheus) must be in PATH");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let words: Vec<&str> = words.lines().filter(|l| !l.is_empty() && *l != BITS).collect();
    assert!(words.is_empty(), "promtool: {words:#?}");
    assert!(matches!(output.status.code(), Some(0 | LINT)), "promtool ended with {}", output.status);
}

/// Exit code of promtool for an exposition that it can read and to which it objects.
const LINT: i32 = 3;

#[test]
fn the_exposition_of_a_healthy_channel_is_as_recorded() {
    golden("clean.prom", &exposition(&clean()));
}

#[test]
fn the_exposition_of_a_broken_channel_is_as_recorded() {
    golden("broken.prom", &exposition(&broken()));
}

#[test]
fn promtool_accepts_what_a_probe_and_the_exporter_answer() {
    promtool(&exposition(&clean()));
    promtool(&exposition(&broken()));
    promtool(&own().encode());
}

#[test]
fn every_gauge_of_the_tables_is_filled_by_a_healthy_channel() {
    let mut report = clean();
    report.outcomes.extend(broken().outcomes);
    suspect(&mut report);
    let finding = report.outcomes.iter_mut().find_map(|outcome| outcome.findings.first_mut()).unwrap();
    finding.evidence.insert("status".into(), 404.into());
    let filled: Vec<String> = samples(&exposition(&report)).into_keys().map(|(name, _)| name).collect();
    for gauge in gauges() {
        assert!(filled.iter().any(|name| name == gauge.name), "{}", gauge.name);
    }
}

/// Makes all pictures of a report look like repetitions.
fn suspect(report: &mut Report) {
    let renditions = report.capture.outputs.iter_mut().flat_map(|output| &mut output.renditions);
    for segment in renditions.flat_map(|rendition| &mut rendition.segments) {
        let inspection = Arc::make_mut(segment).inspection.iter_mut();
        for pictures in inspection.flat_map(|i| &mut i.tracks).filter_map(|track| track.still_pictures.as_mut()) {
            pictures.still = pictures.judged;
        }
    }
}

#[test]
fn a_suspicion_is_there_while_it_lasts() {
    let suspected =
        |report: &Report| value(&exposition(report), "packager_signal_still_suspected", &[("output", "hls")]);
    let mut report = clean();
    assert_eq!(suspected(&report), None);
    suspect(&mut report);
    assert_eq!(suspected(&report), Some(1.0));
}

#[test]
fn what_was_not_measured_is_absent_and_never_zero() {
    let text = exposition(&broken());
    assert_eq!(of_rendition(&text, "packager_segment_size_bytes", "1080p"), None, "no segment was fetched");
    assert_eq!(value(&text, "packager_segments_inspected", &[("output", "backup")]), None, "no playlist to inspect by");
    assert_eq!(of_rendition(&text, "packager_rendition_available", "540p"), None, "the deadline left it out");
    assert_eq!(of_rendition(&text, "packager_segment_size_bytes", "360p"), None, "half a body is no size");
    assert_eq!(value(&text, "probe_http_status_code", &[("output", "backup")]), None, "no answer came");
    assert_eq!(value(&text, "packager_renditions", &[("output", "backup"), ("media", "video")]), None);
}

#[test]
fn a_probe_without_a_new_segment_has_gauges_of_the_rendition_and_none_of_segments() {
    let mut report = clean();
    for rendition in &mut report.capture.outputs[0].renditions {
        rendition.segments.clear();
    }
    let text = exposition(&report);
    assert_eq!(of_rendition(&text, "packager_rendition_available", "1080p"), Some(1.0));
    assert_eq!(of_output(&text, "packager_segments_inspected"), Some(0.0), "0 is what was measured");
    assert_eq!(of_rendition(&text, "packager_segment_size_bytes", "1080p"), None);
    for name in ["packager_ts_continuity_errors", "packager_av_offset_seconds"] {
        assert_eq!(of_output(&text, name), None, "{name}");
    }
}

#[test]
fn lost_renditions_are_unavailable_and_one_that_could_not_be_asked_leaves_the_count_open() {
    let mut report = broken();
    let available = [("output", "hls"), ("media", "video")];
    let text = exposition(&report);
    assert_eq!(of_rendition(&text, "packager_rendition_available", "1080p"), Some(0.0), "404");
    assert_eq!(of_rendition(&text, "packager_rendition_available", "720p"), Some(0.0), "HTML");
    assert_eq!(value(&text, "packager_renditions_available", &available), None);
    report.capture.outputs[0].renditions.remove(2);
    let text = exposition(&report);
    assert_eq!(value(&text, "packager_renditions_available", &available), Some(1.0));
    assert_eq!(value(&text, "packager_renditions", &available), Some(4.0));
    let text_media = [("output", "hls"), ("media", "text")];
    assert_eq!(value(&text, "packager_renditions_available", &text_media), Some(1.0), "captions come with the video");
}

#[test]
fn a_promised_media_that_the_manifest_does_not_list_counts_zero() {
    let mut report = clean();
    report.capture.outputs[0].renditions.truncate(2);
    let text = exposition(&report);
    let audio = [("output", "hls"), ("media", "audio")];
    assert_eq!(value(&text, "packager_renditions", &audio), Some(0.0));
    assert_eq!(value(&text, "packager_renditions_expected", &audio), Some(1.0));
    assert_eq!(value(&text, "packager_renditions_available", &audio), Some(0.0));
}

#[test]
fn a_check_that_did_not_run_is_neither_ok_nor_failed() {
    let text = exposition(&clean());
    let not_run = [("check", "hls_media_sequence_regressed"), ("output", "hls"), ("reason", "first_probe")];
    assert_eq!(value(&text, "packager_check_not_run", &not_run), Some(1.0));
    assert_eq!(text.matches("\npackager_check_not_run{").count(), 1, "only a check that should have run");
    assert!(!text.contains("packager_check_ok{check=\"hls_media_sequence_regressed\""));
    assert!(!text.contains("packager_check_violations{"), "only where there are any");
}

#[test]
fn renditions_are_counted_by_the_status_of_their_answers() {
    let text = exposition(&broken());
    let with = |request: &'static str, status: &'static str| {
        let labels = [("output", "hls"), ("request", request), ("status", status)];
        value(&text, "packager_rendition_answers", &labels)
    };
    assert_eq!((with("playlist", "404"), with("segment", "404")), (Some(1.0), None));
    assert_eq!(with("segment", "200"), Some(2.0), "half a body has a status too");
}

#[test]
fn violations_are_counted_by_rendition() {
    let labels = |rendition| {
        [("check", "rendition_unavailable"), ("severity", "major"), ("output", "hls"), ("rendition", rendition)]
    };
    let text = exposition(&broken());
    assert_eq!(value(&text, "packager_check_violations", &labels("1080p")), Some(1.0));
    assert_eq!(value(&text, "packager_check_violations", &labels("720p")), Some(2.0));
}

#[test]
fn of_two_renditions_with_one_name_the_second_is_counted_as_dropped() {
    let mut report = clean();
    let twin = report.capture.outputs[0].renditions[0].clone();
    report.capture.outputs[0].renditions.push(twin);
    let text = exposition(&report);
    assert_eq!(samples(&text).len(), samples(&exposition(&clean())).len());
    assert!(value(&text, "packager_series_dropped", &[]).unwrap() > 10.0);
    promtool(&text);
}

#[test]
fn a_stream_of_endless_renditions_is_cut_at_the_bound_and_keeps_the_verdict() {
    let text = exposition(&large(1, 3_000, 80));
    assert_eq!(samples(&text).len(), MAX_SERIES);
    assert!(value(&text, "packager_series_dropped", &[]).unwrap() > 20_000.0);
    assert_eq!(value(&text, "probe_success", &[]), Some(1.0));
    assert_eq!(text.matches("\npackager_check_ok{").count(), 80);
    promtool(&text);
}

#[test]
fn a_stream_cannot_choose_a_label_freely() {
    let mut report = clean();
    report.capture.outputs[0].renditions[0].rendition.name =
        format!("a\u{0}\n\u{1b}[31m\"}} 1\n{}", "x".repeat(10_000));
    let text = exposition(&report);
    let longest = samples(&text).into_keys().flat_map(|(_, labels)| labels.into_values()).map(|v| v.chars().count());
    assert!(longest.max().unwrap() <= MAX_LABEL_ESCAPED);
    assert!(!text.contains(['\u{1b}', '\0']));
    promtool(&text);
}

/// Largest length of a label value in an exposition: 128 characters, and the backslash before a quotation mark.
const MAX_LABEL_ESCAPED: usize = 129;

#[test]
fn numbers_that_are_not_finite_are_left_out() {
    let mut report = clean();
    report.history[0].renditions.get_mut("1080p").unwrap().edge_age = Some(Seconds(f64::NAN));
    report.capture.outputs[0].renditions[0].rendition.frame_rate = Some(f64::INFINITY);
    let segment = std::sync::Arc::make_mut(report.capture.outputs[0].renditions[0].segments.last_mut().unwrap());
    segment.segment.duration = Seconds(0.0);
    let text = exposition(&report);
    assert_eq!(of_rendition(&text, "packager_playlist_age_seconds", "1080p"), None);
    assert_eq!(of_rendition(&text, "packager_segment_download_ratio", "1080p"), None, "divided by nothing");
    assert!(!text.contains("NaN") && !text.contains("} inf") && !text.contains("\"inf\""));
    assert!(!serde_json::to_string(&report).unwrap().contains("null"), "serde_json writes NaN as null");
}

#[test]
fn twelve_renditions_with_80_checks_stay_under_150_kilobytes() {
    let text = exposition(&large(2, 6, 80));
    assert!(text.len() < 150_000, "{} bytes", text.len());
    assert_eq!(value(&text, "packager_series_dropped", &[]), Some(0.0));
}

#[test]
fn the_largest_of_each_quantity_is_measured_by_rendition() {
    let mut report = broken();
    let renditions = report.outcomes.iter_mut().find(|o| o.check.id == "rendition_unavailable").unwrap();
    for (finding, seconds) in renditions.findings.iter_mut().zip([0.5, 1.0, -2.5]) {
        finding.evidence.insert("off_seconds".into(), seconds.into());
        finding.evidence.insert("line".into(), 7.into());
    }
    let text = exposition(&report);
    let off = |rendition| {
        let labels = [("check", "rendition_unavailable"), ("severity", "major"), ("output", "hls")];
        let more = [("rendition", rendition), ("quantity", "off"), ("unit", "s")];
        value(&text, "packager_violation_measured", &[&labels[..], &more].concat())
    };
    assert_eq!((off("1080p"), off("720p"), off("360p")), (Some(0.5), Some(-2.5), None));
    assert!(!text.contains("quantity=\"line\""), "{text}");
}

/// Gauges without a field of the same name in the JSON report. JSON has the verdicts of checks in `checks` and
/// `findings`, and the HTTP statuses of each rendition. It has no number of dropped series, because only metrics are bounded.
const NOT_IN_JSON: [&str; 6] = [
    "packager_check_ok",
    "packager_check_not_run",
    "packager_rendition_answers",
    "packager_check_violations",
    "packager_violation_measured",
    "packager_series_dropped",
];

#[test]
fn json_has_every_gauge_under_its_name_without_prefix_and_with_its_value() {
    for report in [clean(), broken()] {
        let mut report = report;
        report.capture.outputs[0].renditions.truncate(4); // without the two of one name
        let json = serde_json::to_value(&report).unwrap();
        for ((name, labels), expected) in samples(&exposition(&report)) {
            if NOT_IN_JSON.contains(&name.as_str()) {
                continue;
            }
            let found = in_json(&json, &name, &labels);
            assert_eq!(found, Some(expected), "{name} {labels:?}");
        }
    }
}

fn in_json(json: &Value, name: &str, labels: &BTreeMap<String, String>) -> Option<f64> {
    let key = name.strip_prefix("packager_").or(name.strip_prefix("probe_"))?;
    let named = |list: &'static str, of: &Value, name: &str| {
        of[list].as_array().into_iter().flatten().find(|o| o["name"] == name).cloned()
    };
    let mut at = json.clone();
    let output = labels.get("output").map(|o| named("outputs", json, o));
    if let Some(output) = output {
        at = output?;
    }
    if name == "packager_renditions" {
        return Some(at["renditions"].as_array()?.iter().filter(|r| r["media"] == labels["media"]).count() as f64);
    }
    if let Some(rendition) = labels.get("rendition") {
        at = named("renditions", &at, rendition)?;
    }
    let found = &at[key];
    if name.ends_with("_info") {
        for (label, text) in labels.iter().filter(|(label, _)| *label != "output") {
            let there = found[label] == **text || at[label] == **text || at["name"] == **text;
            assert!(there, "{name}: {label}=\"{text}\"");
        }
        return Some(1.0);
    }
    let inner = ["kind", "method", "phase", "stage", "media", "name", "status"].iter().find_map(|l| labels.get(*l));
    number(inner.map_or(found, |inner| &found[inner]))
}

fn number(value: &Value) -> Option<f64> {
    value.as_bool().map(|b| f64::from(u8::from(b))).or(value.as_f64())
}

fn own() -> SelfMetrics {
    SelfMetrics::new().unwrap()
}

#[test]
fn the_exporters_own_metrics_count_what_happened() {
    let own = own();
    let held = own.probe_begins();
    drop(own.probe_begins());
    own.probe_finished(ProbeResult::Success, Seconds(0.3));
    own.probe_finished(ProbeResult::Refused, Seconds(0.0));
    own.probe_shared();
    own.fetched(5_000);
    own.catalog_loaded(1_200, 7, testing::at(0.0));
    own.reloaded(Timestamp::from_second(1_000).unwrap(), false);
    own.history_outputs(42);
    own.template_thresholds([("GONE", "max_download_time".to_owned(), 3.0)]);
    own.template_thresholds([("HD", "max_download_time".to_owned(), 2.0), ("HD", "min_mos".to_owned(), f64::NAN)]);
    let text = own.encode();
    let expected = [
        "packager_exporter_probes_in_flight 1",
        "packager_exporter_probes_total{result=\"success\"} 1",
        "packager_exporter_probes_total{result=\"failure\"} 0",
        "packager_exporter_probes_total{result=\"refused\"} 1",
        "packager_exporter_probes_total{result=\"bad_request\"} 0",
        "packager_exporter_probe_duration_seconds_count 1",
        "packager_exporter_fetched_bytes_total 5000",
        "packager_exporter_shared_probes_total 1",
        "packager_exporter_catalog_channels 1200",
        "packager_exporter_catalog_templates 7",
        "packager_exporter_catalog_loaded_timestamp_seconds 1772366400",
        "packager_exporter_config_last_reload_successful 0",
        "packager_exporter_config_last_reload_success_timestamp_seconds 1000",
        "packager_exporter_history_outputs 42",
        "packager_template_threshold{name=\"max_download_time\",template=\"HD\"} 2",
    ];
    for line in expected {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert_eq!(text.matches("\npackager_template_threshold{").count(), 1, "the templates in force, and no others");
    let build = text.lines().find(|l| l.starts_with("packager_exporter_build_info{")).unwrap();
    assert!(build.ends_with(" 1") && build.contains(env!("CARGO_PKG_VERSION")), "{build}");
    drop(held);
    assert!(own.encode().contains("packager_exporter_probes_in_flight 0"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_measured() {
    let text = own().encode();
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        assert!(text.contains(&format!("\n{name} ")), "{name}");
    }
}

#[test]
fn the_reference_names_every_metric_with_its_labels() {
    let text = reference();
    for gauge in gauges() {
        assert!(text.contains(&format!("| `{}` | {} |", gauge.name, gauge.labels.join(", "))), "{}", gauge.name);
    }
    assert!(text.contains("| `packager_exporter_probes_total` | counter | result |"));
    assert!(text.contains("| `packager_exporter_build_info` | gauge | revision, version |"));
    assert!(!text.contains("`process_cpu"));
}
