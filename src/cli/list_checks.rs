//! `list-checks`: lists every check with its parameters, as text, as Markdown for docs/checks.md, or as JSON.

use super::args::ListFormat;
use crate::checks::{self, CheckDescription, CheckGroup, CheckMeta, CheckParameter};
use std::fmt::Write as _;

/// Returns the list of checks in `format`, with a line end at its end.
#[must_use]
pub(super) fn list_checks(format: ListFormat) -> String {
    let listed = checks::list();
    match format {
        ListFormat::Text => listed.iter().map(text).collect(),
        ListFormat::Markdown => markdown(&listed),
        ListFormat::Json => serde_json::to_string_pretty(&listed).unwrap_or_default() + "\n",
    }
}

fn text(listed: &CheckDescription) -> String {
    let meta = listed.meta;
    let history = if meta.needs_history { ", from the second probe on" } else { "" };
    let mut out = format!("{} ({}{history})\n    fails when {}\n", meta.id, meta.severity.as_str(), condition(&meta));
    for p in &listed.parameters {
        // Writing to a String doesn't fail.
        let _ = writeln!(out, "    {} = {}: {}", p.name, default(p), p.help);
    }
    let _ = writeln!(out, "    {}", meta.reference);
    out
}

fn markdown(listed: &[CheckDescription]) -> String {
    let mut out = String::from(INTRODUCTION);
    let mut groups: Vec<CheckGroup> = listed.iter().map(|l| l.meta.group).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let _ = write!(out, "\n## {}\n\n", title(group));
        out.push_str(
            "| check | severity | fails when | parameters | reference | TR 101 290 |\n|---|---|---|---|---|---|\n",
        );
        for l in listed.iter().filter(|l| l.meta.group == group) {
            let parameters: Vec<String> = l.parameters.iter().map(parameter).collect();
            let again = if l.meta.needs_history { " ²" } else { "" };
            let (severity, help, reference) =
                (l.meta.severity.as_str(), cell(condition(&l.meta)), cell(l.meta.reference));
            let parameters = parameters.join("<br>");
            let (id, numbers) = (l.meta.id, l.meta.tr_101_290());
            let _ = writeln!(out, "| `{id}`{again} | {severity} | {help} | {parameters} | {reference} | {numbers} |");
        }
    }
    out + &how_to_set(listed)
}

const INTRODUCTION: &str = "# Checks

Made by `packager_exporter list-checks --format markdown`. Severities and parameters are defaults; a template may change
them. A critical violation makes `probe_success` 0; in one rendition it is major as long as another of its kind plays, and in single segments once players have passed them. A check marked ² compares with an earlier probe: it does not run on
the first. The last column has the indicators of ETSI TR 101 290 5.2 that a check covers, as far as segments show them.
";

fn title(group: CheckGroup) -> &'static str {
    match group {
        CheckGroup::Delivery => "Reachability and delivery",
        CheckGroup::Ladder => "Ladder",
        CheckGroup::Timeline => "Listed segments",
        CheckGroup::Hls => "HLS playlists",
        CheckGroup::Dash => "DASH manifests",
        CheckGroup::Segments => "Segments",
        CheckGroup::OverTime => "Over time",
        CheckGroup::Outputs => "Between outputs",
    }
}

fn parameter(p: &CheckParameter) -> String {
    format!("`{}` = `{}`: {}", p.name, cell(&default(p)), cell(p.help))
}

/// Returns the help sentence of a check without "fails when", because the title of the table's column says these words.
fn condition(meta: &CheckMeta) -> &'static str {
    meta.help.strip_prefix("fails when ").unwrap_or(meta.help)
}

fn default(p: &CheckParameter) -> String {
    p.default.to_string()
}

/// Escapes the character `|` in a cell of a Markdown table, where it would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn how_to_set(listed: &[CheckDescription]) -> String {
    let mut out = String::from(
        "
## How to set them

In `config/templates.yml`, under `checks` of a template. Every check has `enabled` and `severity` (`warning`, `minor`,
`major`, `critical`); its own parameters stand beside them. What is left out stays at its default.

```yaml
TPL_LIVE_HD:
  checks:
",
    );
    let number = |l: &CheckDescription| l.parameters.iter().find(|p| p.default.is_number()).cloned();
    let shown = listed.iter().find_map(|l| number(l).map(|p| (l.meta.id, p)));
    if let Some((id, p)) = &shown {
        let _ = writeln!(out, "    {id}:\n      severity: warning\n      {}: {}", p.name, p.default);
    }
    // Nobody should copy a line that switches off what matters most.
    let others = listed.iter().filter(|l| shown.as_ref().is_none_or(|(id, _)| l.meta.id != *id));
    if let Some(other) = others.min_by_key(|l| l.meta.severity) {
        let _ = writeln!(out, "    {}:\n      enabled: false", other.meta.id);
    }
    out.push_str(
        "```\n\n`packager_exporter check-config` says whether the file is right before the exporter reads it.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_check_and_parameter_stands_in_every_format() {
        for format in [ListFormat::Text, ListFormat::Markdown, ListFormat::Json] {
            let out = list_checks(format);
            assert!(out.ends_with('\n'));
            for l in checks::list() {
                assert!(out.contains(l.meta.id), "{format:?} lacks {}", l.meta.id);
                for p in &l.parameters {
                    assert!(out.contains(p.name), "{format:?} lacks {}.{}", l.meta.id, p.name);
                }
            }
        }
    }

    #[test]
    fn the_condition_is_said_once() {
        for format in [ListFormat::Text, ListFormat::Markdown] {
            assert!(!list_checks(format).contains("fails when fails when"));
        }
        let markdown = list_checks(ListFormat::Markdown);
        assert!(!markdown.lines().any(|l| l.starts_with("| `") && l.contains("| fails when ")), "{markdown}");
    }

    #[test]
    fn json_is_a_list_with_metadata_and_defaults() {
        let list: serde_json::Value = serde_json::from_str(&list_checks(ListFormat::Json)).unwrap();
        assert_eq!(list[0]["meta"]["id"], checks::list()[0].meta.id);
        assert!(list[0]["parameters"].is_array());
    }

    #[test]
    fn a_row_has_six_cells_whatever_the_help_says() {
        for line in list_checks(ListFormat::Markdown).lines().filter(|l| l.starts_with("| `")) {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 7, "{line}");
        }
    }

    #[test]
    fn the_example_in_the_documentation_is_a_valid_template() {
        let markdown = list_checks(ListFormat::Markdown);
        let yaml = markdown.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("templates.yml");
        std::fs::write(&file, yaml).unwrap();
        let files = crate::catalog::CatalogFiles { channels: None, templates: Some(file) };
        let loaded = crate::catalog::load(&files, &BTreeMap::new(), &crate::catalog::SecretPlaces::default()).unwrap();
        assert_eq!(
            loaded.snapshot.template("TPL_LIVE_HD").unwrap().disabled_checks().len(),
            2,
            "one is off by default"
        );
    }
}
