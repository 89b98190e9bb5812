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
    let mut texts = files_below(&["config", "dashboards", "docs", "rules"], &["md", "yml", "json"]);
    texts.push(root().join("README.md"));
    let mut unknown = Vec::new();
    for file in texts {
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

/// Returns the files in folders of the repository whose names have one of these ends.
fn files_below(folders: &[&str], ends: &[&str]) -> Vec<PathBuf> {
    folders.iter().flat_map(|folder| files(&root().join(folder), ends)).collect()
}

fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = |path: &PathBuf| path.extension().is_some_and(|end| ends.iter().any(|wanted| end == *wanted));
    entries.flat_map(|path| if path.is_dir() { files(&path, ends) } else { vec![path] }).filter(kept).collect()
}

#[test]
fn every_test_that_the_invariants_name_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let invariants = section(&text, "Invariants, and the tests that hold them");
    let is_test = |name: &&str| {
        name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let named: BTreeSet<&str> = invariants.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 30, "names of tests stand between backticks: {named:?}");
    let sources: Vec<String> = files_below(&["src", "crates", "tests", "xtask"], &["rs"])
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let declared = sources.iter().flat_map(|source| source.split("fn ").skip(1));
    let functions: BTreeSet<&str> = declared.filter_map(|rest| Some(rest.split_once('(')?.0)).collect();
    let missing: Vec<&str> = named.difference(&functions).copied().collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names tests that don't exist:\n{}", missing.join("\n"));
}

#[test]
fn the_architectures_tables_list_the_modules_of_each_library() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let layers = section(&text, "Layers");
    for (heading, library) in
        [("crates/media", "crates/media/src"), ("crates/signal", "crates/signal/src"), ("src", "src")]
    {
        let (_, table) = layers.split_once(format!("\n`{heading}`:\n").as_str()).unwrap();
        let rows = table.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with("| `"));
        let listed: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let lib = std::fs::read_to_string(root().join(library).join("lib.rs")).unwrap();
        let lines = lib.lines().map(|line| line.trim_start_matches("pub "));
        let modules: BTreeSet<&str> = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
        assert!(modules.len() > 10, "lib.rs lists its modules as `mod name;` or `pub mod name;`");
        assert_eq!(listed, modules, "modules in the table of {heading} and in {library}/lib.rs");
    }
}

/// Returns the section of a Markdown text with this title, up to the next section.
fn section<'t>(text: &'t str, title: &str) -> &'t str {
    let (_, rest) = text.split_once(format!("\n## {title}\n").as_str()).unwrap();
    rest.split("\n## ").next().unwrap_or_default()
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
