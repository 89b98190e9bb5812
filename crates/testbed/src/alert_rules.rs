//! Generator of the check ids in the expressions of `rules/`, from the checks' metadata, which names the alert of each
//! check.

use packager_exporter::checks::{CHECKS, CheckMeta};
use std::path::{Path, PathBuf};

/// Rule files with generated check ids, below the repository's root.
const FILES: [&str; 2] = ["rules/channel.rules.yml", "rules/legacy_names.rules.yml"];

/// Names of the alerts by severity, which report every check without an alert of its own.
pub const BY_SEVERITY: [&str; 3] = ["ChannelDegraded", "ChannelDefect", "ChannelAdvisory"];

/// Names of the recording rules that cover every check of playlist validation.
const PLAYLIST_VALIDATION: [&str; 2] = ["playlist_validation_is_valid", "playlist_validation_error_count"];

/// Returns each rule file with generated ids: its path, its text now, and the text that it should have.
pub fn files(root: &Path) -> std::io::Result<Vec<(PathBuf, String, String)>> {
    let read = |file: &str| {
        let path = root.join(file);
        let text = std::fs::read_to_string(&path)?;
        let generated = generate(&text);
        Ok((path, text, generated))
    };
    FILES.iter().map(|file| read(file)).collect()
}

/// Writes the current check ids into the alert rules: each rule with checks of its own gets their ids in its first
/// matcher of the label `check`, and in the matchers on later lines that repeat the first.
fn generate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut ids: Option<(&str, Vec<&str>)> = None;
    let mut first: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        if let Some(name) = rule_name(line) {
            ids = assigned(name);
            first = None;
        }
        let found = ids.as_ref().and_then(|(operator, ids)| Some((find_matcher(line, operator)?, operator, ids)));
        match found {
            Some((old, operator, ids)) if *first.get_or_insert(old) == old => {
                out.push_str(&line.replacen(old, &matcher(operator, ids), 1));
            }
            _ => out.push_str(line),
        }
    }
    out
}

/// Returns the name of the alert or of the recorded series that begins on this line; `None` for other lines.
fn rule_name(line: &str) -> Option<&str> {
    let item = line.trim().strip_prefix("- ")?;
    item.strip_prefix("alert: ").or_else(|| item.strip_prefix("record: "))
}

/// Returns the operator of a rule's check matcher (`=` or `!`) and its check ids. `None` for a rule to which no check
/// is assigned.
fn assigned(rule: &str) -> Option<(&'static str, Vec<&'static str>)> {
    let ids = |wanted: &dyn Fn(&CheckMeta) -> bool| CHECKS.iter().filter(|m| wanted(m)).map(|m| m.id).collect();
    if BY_SEVERITY.contains(&rule) {
        return Some(("!", ids(&|meta| meta.alert.is_some())));
    }
    if PLAYLIST_VALIDATION.contains(&rule) {
        return Some(("=", ids(&CheckMeta::validates_playlists)));
    }
    let own: Vec<&str> = ids(&|meta| meta.alert == Some(rule));
    (!own.is_empty()).then_some(("=", own))
}

/// Returns the check matcher of this operator on a line of a rule file. `None` for a line without one.
fn find_matcher<'a>(line: &'a str, operator: &str) -> Option<&'a str> {
    let begin = line.find(&format!("check{operator}"))?;
    let open = begin + line[begin..].find('"')?;
    let close = open + 1 + line[open + 1..].find('"')?;
    Some(&line[begin..=close])
}

/// Returns the check matcher of these ids.
fn matcher(operator: &str, ids: &[&str]) -> String {
    let regex = match (operator, ids.len()) {
        ("!", 1) => "=",
        (_, 1) => "",
        _ => "~",
    };
    format!("check{operator}{regex}\"{}\"", ids.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matcher_of_a_rule_gets_the_checks_that_name_the_rule() {
        let text = "- alert: ChannelChanged\n  expr: a{check=~\"old|older\", x=\"y\"} or b{check=\"stays\"}\n";
        let expected = "- alert: ChannelChanged\n  expr: a{check=~\"ladder_changed|origin_switched\", x=\"y\"} or b{check=\"stays\"}\n";
        assert_eq!(generate(text), expected);
        assert_eq!(generate(expected), expected);
    }

    #[test]
    fn a_matcher_that_repeats_the_first_gets_the_same_checks() {
        let text = |ids: &str, other: &str| {
            format!(
                "- alert: ChannelChanged\n  expr: |\n    a{{check=~\"{ids}\"}}\n    unless b{{check=~\"{ids}\"}}\n    or c{{check=~\"{other}\"}}\n"
            )
        };
        assert_eq!(generate(&text("old|older", "other")), text("ladder_changed|origin_switched", "other"));
    }

    #[test]
    fn a_single_check_is_matched_by_equality() {
        let expected = "- alert: MpdStale\n  expr: a{check=\"dash_mpd_stale\"}\n";
        assert_eq!(generate("- alert: MpdStale\n  expr: a{check=~\"x|y\"}\n"), expected);
        assert_eq!(generate(expected), expected);
    }

    #[test]
    fn the_rules_by_severity_leave_out_every_check_with_an_alert() {
        let line = generate("- alert: ChannelDefect\n  expr: a{severity=\"minor\", check!~\"x\"}\n");
        assert!(line.contains("check!~\"rendition_unavailable|"), "{line}");
        assert!(!line.contains("cors_missing"), "{line}");
    }

    #[test]
    fn a_rule_without_checks_of_its_own_stays() {
        let text = "- alert: SegmentSlowerThanRealTime\n  expr: a{check=\"segment_download_slow\"}\n";
        assert_eq!(generate(text), text);
    }
}
