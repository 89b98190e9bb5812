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
fn availability_goes_on_when_a_channel_moves_to_another_exporter() {
    let series = [
        ("probe_success{channel=\"CH\",tier=\"1\",packager=\"p\",exporter=\"e1\"}", "_ 0x29 stale"),
        ("probe_success{channel=\"CH\",tier=\"1\",packager=\"p\",exporter=\"e2\"}", "_x31 1x10"),
    ];
    shows("packager-channel", "Available today", &series, &[("{}", 0.25)]);
}
