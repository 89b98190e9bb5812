//! Tests that the documents agree with the program that they describe.

use crate::exporter::run;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stdout(arguments: &[&str]) -> String {
    let (code, out, why) = run(root(), arguments);
    assert_eq!(code, 0, "{why}");
    out
}

#[test]
fn the_generated_documents_match_the_program() {
    for (file, arguments) in
        [("docs/checks.md", &["list-checks", "--format", "markdown"][..]), ("docs/metrics.md", &["list-metrics"])]
    {
        let written = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(written == stdout(arguments), "{file} is not what the program says: run `make docs`");
    }
}

#[test]
fn every_metric_that_a_document_or_a_configuration_names_exists() {
    let known = known();
    let mut files: Vec<PathBuf> =
        ["config", "dashboards", "docs", "rules"].iter().flat_map(|folder| texts(&root().join(folder))).collect();
    files.push(root().join("README.md"));
    let mut unknown = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let names = names(&text).filter(|name| !known.contains(name));
        unknown.extend(names.map(|name| format!("{}: {name}", file.display())));
    }
    assert!(unknown.is_empty(), "no such metric:\n{}", unknown.join("\n"));
}

/// Returns the names that documents may use: metrics with the series of histograms, checks, the program and its crate of
/// parsers, the scrape job of channels, the bucket in InfluxDB, and the database's notification channel.
fn known() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = [
        "packager_exporter",
        "packager_media",
        "packager_signal",
        "packager_channels",
        "packager_metrics",
        "packager_catalogue",
    ]
    .map(str::to_owned)
    .into();
    let metrics = stdout(&["list-metrics"]);
    for row in metrics.lines().filter(|line| line.starts_with("| `")) {
        let name = row.split('`').nth(1).unwrap();
        known.insert(name.to_owned());
        if row.contains("| histogram |") {
            known.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        }
    }
    assert!(known.len() > 50, "list-metrics begins each row with the metric's name");
    known.extend(packager_exporter::checks::CHECKS.iter().map(|meta| meta.id.to_owned()));
    known
}

/// Iterates over words that look like names of the exporter's metrics. A name that ends in `_` is the beginning of
/// several names, as in `packager_check_*`.
fn names(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("packager_") && !word.ends_with('_')).map(str::to_owned)
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = |path: &PathBuf| path.extension().is_some_and(|e| e == "md" || e == "yml" || e == "json");
    entries.flat_map(|path| if path.is_dir() { texts(&path) } else { vec![path] }).filter(kept).collect()
}

#[test]
fn every_statement_of_the_deployment_guide_has_an_answer() {
    let text = std::fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let sections = text.split("\n## ").skip(1);
    let mut answers = 0;
    for row in sections.flat_map(str::lines).filter(|line| line.starts_with("| ") && *line != "| the guide | here |") {
        let answer = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        let kinds = ["*as written*", "*otherwise*: ", "*the guide errs*: "];
        assert!(kinds.iter().any(|kind| answer.starts_with(kind)), "{row}");
        answers += 1;
    }
    assert!(answers > 60, "{answers}");
}
