//! Tests of what single panels of the dashboards show, with made-up series, by promtool.

use packager_testbed::grafana::read_descriptions;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Values of a series at intervals of 15 s, as promtool writes them, by the series.
type Series = (&'static str, &'static str);

/// Runs promtool on the query of a panel: after ten minutes it must have these samples (labels and value).
fn shows(uid: &str, title: &str, series: &[Series], samples: &[(&str, f64)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dashboards = read_descriptions(&root.join("dashboards")).unwrap();
    let dashboard = dashboards.iter().find(|dashboard| dashboard.uid == uid).unwrap();
    let panel = dashboard.panels().find(|panel| panel.title == title).unwrap();
    let all = |text: String, name: &&str| text.replace(*name, ".*");
    let expression = ["$tier", "$packager", "$channel"].iter().fold(panel.queries[0].expression(), all);
    let series: Vec<Value> = series.iter().map(|(name, values)| json!({"series": name, "values": values})).collect();
    let samples: Vec<Value> = samples.iter().map(|(labels, value)| json!({"labels": labels, "value": value})).collect();
    let document = json!({
        "rule_files": [root.join("rules/recording.rules.yml")],
        "evaluation_interval": "15s",
        "tests": [{"interval": "15s", "input_series": series, "promql_expr_test":
            [{"expr": expression, "eval_time": "10m", "exp_samples": samples}]}],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("panel.test.yml");
    std::fs::write(&file, document.to_string()).unwrap();
    let output = Command::new("promtool").args(["test", "rules"]).arg(file).output().unwrap();
    let report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{title}: {report}");
}

#[test]
fn a_configuration_that_is_held_back_is_not_in_force() {
    let series = |e1: (&'static str, &'static str), e2: (&'static str, &'static str)| {
        [
            ("packager_exporter_config_last_reload_successful{instance=\"e1\"}", e1.0),
            ("packager_exporter_config_reload_held{instance=\"e1\"}", e1.1),
            ("packager_exporter_config_last_reload_successful{instance=\"e2\"}", e2.0),
            ("packager_exporter_config_reload_held{instance=\"e2\"}", e2.1),
        ]
    };
    let (good, bad, held) = (("1x40", "0x40"), ("0x40", "0x40"), ("0x40", "1x40"));
    for (e1, e2, shown) in [(good, good, 1.0), (bad, good, 0.0), (held, good, 0.0), (bad, held, 0.0)] {
        shows("packager-exporter-health", "Configuration in force", &series(e1, e2), &[("{}", shown)]);
    }
}

#[test]
fn availability_goes_on_when_a_channel_moves_to_another_exporter() {
    let series = [
        ("probe_success{channel=\"CH\",tier=\"1\",packager=\"p\",exporter=\"e1\"}", "_ 0x29 stale"),
        ("probe_success{channel=\"CH\",tier=\"1\",packager=\"p\",exporter=\"e2\"}", "_x31 1x10"),
    ];
    shows("packager-channel", "Available today", &series, &[("{}", 0.25)]);
}

#[test]
fn a_rung_of_a_broken_output_is_not_hidden_by_the_same_rung_of_another() {
    let series = [
        ("packager_rendition_available{channel=\"CH\",output=\"hls\",rendition=\"720p\",exporter=\"e\"}", "1x40"),
        ("packager_rendition_available{channel=\"CH\",output=\"dash\",rendition=\"720p\",exporter=\"e\"}", "0x40"),
    ];
    let samples = [
        ("{channel=\"CH\",output=\"dash\",rendition=\"720p\"}", 0.0),
        ("{channel=\"CH\",output=\"hls\",rendition=\"720p\"}", 1.0),
    ];
    shows("packager-ladder", "Rung availability percentage", &series, &samples);
}

#[test]
fn an_offset_of_sound_that_is_early_is_not_hidden_by_a_smaller_one() {
    for (hls, dash, shown) in
        [("0.1x40", "-0.4x40", -0.4), ("0.5x40", "-0.4x40", 0.5), ("-0.2x40", "-0.1x40", -0.2), ("0x40", "0x40", 0.0)]
    {
        let series = [
            ("packager_av_offset_seconds{channel=\"CH\",output=\"hls\"}", hls),
            ("packager_av_offset_seconds{channel=\"CH\",output=\"dash\"}", dash),
        ];
        shows("packager-segments", "Audio to video offset", &series, &[("{channel=\"CH\"}", shown)]);
    }
}
