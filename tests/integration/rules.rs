//! The alert and recording rules that are shipped: Prometheus's own tools, the runbooks, and the checks they cover.

use packager_exporter::checks;
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Alerts by severity alone, for every check that has no alert of its own.
const CATCH_ALL: [&str; 3] = ["ChannelDegraded", "ChannelDefect", "ChannelAdvisory"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn ending(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    files.sort();
    assert!(!files.is_empty(), "no {end} in {folder}");
    files
}

fn promtool(arguments: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new("promtool").args(arguments).args(files).output();
    let output = output.expect("promtool (of Prometheus; Debian: apt-get install prometheus) must be in PATH");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

struct Alert {
    name: String,
    expr: String,
    severity: Option<String>,
    annotations: Value,
}

fn alerts() -> Vec<Alert> {
    let mut found = Vec::new();
    for file in ending("rules", ".rules.yml") {
        let document: Value = serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let groups = document["groups"].as_sequence().unwrap();
        let rules = groups.iter().flat_map(|group| group["rules"].as_sequence().unwrap());
        found.extend(rules.filter(|rule| rule["alert"].is_string()).map(|rule| Alert {
            name: rule["alert"].as_str().unwrap().to_owned(),
            expr: rule["expr"].as_str().unwrap().to_owned(),
            severity: rule["labels"]["severity"].as_str().map(str::to_owned),
            annotations: rule["annotations"].clone(),
        }));
    }
    found
}

#[test]
fn promtool_accepts_every_rule_and_each_fires_and_ends_when_it_should() {
    promtool(&["check", "rules"], &ending("rules", ".rules.yml"));
    promtool(&["test", "rules"], &ending("rules/tests", ".test.yml"));
}

#[test]
fn every_alert_has_a_runbook_and_a_test_and_no_runbook_is_left_over() {
    let tests: String =
        ending("rules/tests", ".test.yml").iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    let pages = ending("docs/runbooks", ".md");
    let pages: BTreeSet<String> = pages.iter().map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let alerts = alerts();
    for Alert { name, annotations, .. } in &alerts {
        assert!(tests.contains(&format!("alertname=\"{name}\",alertstate=\"firing\"")), "{name} has no test");
        let runbook = annotations["runbook_url"].as_str().unwrap_or_default();
        assert!(runbook.ends_with(&format!("/runbooks/{name}.md")), "{name}: {runbook}");
        let text = std::fs::read_to_string(root().join(format!("docs/runbooks/{name}.md"))).unwrap_or_default();
        for part in ["## What viewers see", "## Confirm", "## Likely causes", "## What to do"] {
            assert!(text.contains(part), "docs/runbooks/{name}.md lacks {part}");
        }
    }
    let names: BTreeSet<String> = alerts.into_iter().map(|alert| alert.name).collect();
    assert_eq!(names, pages);
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_was_measured() {
    for Alert { name, expr, severity, annotations } in alerts() {
        let known = ["critical", "major", "minor", "warning", "none"];
        let inherited = expr.contains(", severity)");
        let said = severity.as_deref().map_or(inherited, |said| known.contains(&said) && !inherited);
        assert!(said, "{name}: a severity of its own or, of its check, by label");
        assert!(annotations["summary"].is_string(), "{name}");
        let description = annotations["description"].as_str().unwrap_or_default();
        assert!(
            description.contains("value") || description.contains(".Value") || expr.starts_with("absent("),
            "{name}"
        );
    }
}

#[test]
fn every_check_is_alerted_on_by_its_own_alert_or_by_its_severity() {
    let known: BTreeSet<String> = checks::list().iter().map(|listed| listed.meta.id.to_owned()).collect();
    // By a gauge instead of a verdict.
    let mut own = BTreeSet::from(["rendition_available".to_owned()]);
    let (catch_all, others): (Vec<_>, Vec<_>) =
        alerts().into_iter().partition(|alert| CATCH_ALL.contains(&alert.name.as_str()));
    own.extend(others.iter().flat_map(|alert| named(&alert.expr, "check=")));
    assert!(own.is_subset(&known), "no such check: {:?}", own.difference(&known).collect::<Vec<_>>());
    assert_eq!(catch_all.len(), CATCH_ALL.len());
    for alert in &catch_all {
        let left_out: BTreeSet<String> = named(&alert.expr, "check!").collect();
        assert_eq!(left_out, own, "{} leaves out what has an alert, and nothing else", alert.name);
    }
}

/// The names in `check="a"`, `check=~"a|b"`, or with `check!` those in `check!~"a|b"`.
fn named<'a>(expression: &'a str, begin: &str) -> impl Iterator<Item = String> + 'a {
    let parts: Vec<&str> = expression.split(begin).skip(1).collect();
    let quoted = parts.into_iter().filter_map(|rest| rest.trim_start_matches('~').strip_prefix('"')?.split('"').next());
    quoted.flat_map(|names| names.split('|')).map(str::to_owned)
}
