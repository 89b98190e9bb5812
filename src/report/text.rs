//! Writes a report as text for a person at a terminal.

use super::view::mask_value;
use super::{OutputView, RenditionView, Report, ReportView};
use crate::checks::{CheckOutcome, CheckResult};
use crate::finding::{Finding, Severity};
use packager_media::{redact, units};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Largest number of violations of one check that the text lists; further ones are only counted.
const MAX_VIOLATIONS: usize = 5;
const MAX_CHARACTERS: usize = 2_000;
/// Longest name of a rendition in the table, in characters. Longer names would push the numbers off the screen.
const MAX_NAME: usize = 40;

/// How much of a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextDetail {
    /// What fits on a screen: checks that weren't run are counted.
    Summary,
    /// Also which checks weren't run, and why.
    Full,
}

/// The report as lines of text, with secrets redacted: the verdict, the failed checks with the most severe first, the
/// outputs with their renditions, and the checks that weren't run. `colour` adds ANSI colours.
#[must_use]
pub fn text(report: &Report, colour: bool, detail: TextDetail) -> String {
    let (view, paint) = (report.view(), Paint(colour));
    let mut out = verdict(&view, report, paint);
    let mut outcomes: Vec<&CheckOutcome> = report.failed().collect();
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.severity));
    for outcome in outcomes {
        out.push_str(&failed(outcome, paint));
    }
    for output in &view.outputs {
        out.push_str(&output_lines(output, report));
    }
    out.push_str(&match detail {
        TextDetail::Full => not_run(&report.outcomes),
        TextDetail::Summary => not_run_count(&report.outcomes),
    });
    out
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn as_colour(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn severity(self, severity: Severity) -> String {
        let code = if severity >= Severity::Major { "31" } else { "33" };
        self.as_colour(code, severity.as_str())
    }
}

fn verdict(view: &ReportView<'_>, report: &Report, paint: Paint) -> String {
    let count = |result| view.checks.iter().filter(|o| o.result == result).count();
    let mut out = format!(
        "{}  {}, template {}, {:.3}: {} of {} checks failed, {} not run, {:.2} s{}\n",
        word(view, paint),
        subject(view),
        plain(view.template),
        report.started_at,
        count(CheckResult::Failed),
        view.checks.len(),
        count(CheckResult::NotRun),
        view.duration_seconds,
        if view.deadline_exceeded { ", cut short by the deadline" } else { "" },
    );
    if view.outputs.is_empty() {
        out.push_str("no output was probed: the channel has no output, or no output with the requested name\n");
    }
    out
}

/// Returns the verdict on a channel in one word. `DEGRADED`: a major check failed and no critical one. `FAILED`:
/// `probe_success` is 0.
fn word(view: &ReportView<'_>, paint: Paint) -> String {
    let failed = view.checks.iter().filter(|o| o.result == CheckResult::Failed);
    match (view.success, failed.map(|o| o.severity).max()) {
        (false, _) => paint.as_colour("1;31", "FAILED"),
        (true, Some(Severity::Major | Severity::Critical)) => paint.as_colour("1;33", "DEGRADED"),
        (true, _) => paint.as_colour("1;32", "OK"),
    }
}

fn subject(view: &ReportView<'_>) -> String {
    let (target, name) = (plain(view.target), plain(view.channel_info.name));
    if target == name { target } else { format!("{target} ({name})") }
}

fn output_lines(output: &OutputView<'_>, report: &Report) -> String {
    let facts = report.capture.outputs.iter().find(|o| o.name == output.name);
    let problem = facts.and_then(|o| o.manifest.problem());
    let state = match (problem, output.http.http_status_code) {
        (Some(problem), _) => plain(&redact::text(&problem)),
        (None, Some(status)) => format!("HTTP {status}"),
        (None, None) => String::new(),
    };
    let mut out = format!("\n{} ({}) {}  {state}\n", plain(output.name), output.protocol, plain(&output.url));
    if output.insecure_skip_verify {
        out.push_str("certificates are not verified (insecure_skip_verify)\n");
    }
    if !output.renditions.is_empty() {
        out.push_str(&table(&output.renditions));
        out.push_str(&systems(&output.renditions));
    }
    out
}

/// Returns the line with the DRM systems of all renditions; empty if there are none.
fn systems(renditions: &[RenditionView<'_>]) -> String {
    let all: BTreeSet<_> = renditions.iter().flat_map(|r| &r.drm).collect();
    let names: Vec<_> = all.into_iter().map(ToString::to_string).collect();
    if names.is_empty() { String::new() } else { format!("encrypted for {}\n", names.join(", ")) }
}

const HEAD: [&str; 10] =
    ["rendition", "resolution", "target", "window", "latency", "segment", "size", "download", "measured", "declared"];

fn table(renditions: &[RenditionView<'_>]) -> String {
    let rows: Vec<[String; 10]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(renditions.iter().map(cells)).collect();
    let mut widths = [0; 10];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// Returns one line of the table of renditions: the name is aligned to the left, numbers to the right.
fn line(row: &[String; 10], widths: &[usize; 10]) -> String {
    let mut out = String::from(" ");
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        let width = *width;
        let _ = if column == 0 { write!(out, " {cell:<width$}") } else { write!(out, "  {cell:>width$}") };
    }
    format!("{}\n", out.trim_end())
}

fn cells(r: &RenditionView<'_>) -> [String; 10] {
    let duration = r.segment.segment_duration_seconds;
    let transfer = &r.segment.transfer;
    [
        redact::sanitize_label(r.name, MAX_NAME).into_owned(),
        Some(r.rendition_info.resolution.clone()).filter(|s| !s.is_empty()).unwrap_or_else(|| "-".to_owned()),
        seconds(r.playlist.playlist_target_duration_seconds),
        seconds(r.playlist.playlist_window_seconds),
        seconds(r.playlist.live_edge_latency_seconds),
        transfer.segment_number.map_or_else(|| "-".to_owned(), |n| n.to_string()),
        transfer.segment_size_bytes.map_or_else(|| "-".to_owned(), size),
        seconds(transfer.segment_download_duration_seconds),
        seconds(duration.measured),
        seconds(duration.declared),
    ]
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |s| format!("{} s", units::fixed(s, 3)))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}

fn failed(outcome: &CheckOutcome, paint: Paint) -> String {
    let mut out = format!("\n{}  {}  {}\n", paint.severity(outcome.severity), outcome.check.id, plain(&outcome.output));
    for finding in outcome.findings.iter().take(MAX_VIOLATIONS) {
        out.push_str(&violation(finding));
    }
    let more = outcome.findings.len().saturating_sub(MAX_VIOLATIONS);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more");
    }
    if let Some(finding) = outcome.findings.first() {
        let _ = writeln!(out, "  reference: {}", finding.reference);
    }
    out
}

fn violation(finding: &Finding) -> String {
    let rendition = finding.rendition.as_deref().map(|r| format!("{}: ", plain(r))).unwrap_or_default();
    let mut out = format!("  {rendition}{}\n", plain(&redact::text(&finding.message)));
    let evidence: Vec<String> =
        finding.evidence.iter().map(|(name, value)| format!("{name}={}", format_evidence(value))).collect();
    if !evidence.is_empty() {
        let _ = writeln!(out, "    {}", evidence.join("  "));
    }
    out
}

fn format_evidence(value: &serde_json::Value) -> String {
    match mask_value(value) {
        serde_json::Value::String(text) => plain(&text),
        other => plain(&other.to_string()),
    }
}

fn not_run_count(outcomes: &[CheckOutcome]) -> String {
    match outcomes.iter().filter(|outcome| outcome.result == CheckResult::NotRun).count() {
        0 => String::new(),
        count => format!("\n{count} not run (--verbose)\n"),
    }
}

fn not_run(outcomes: &[CheckOutcome]) -> String {
    let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for outcome in outcomes.iter().filter(|o| o.result == CheckResult::NotRun) {
        let (output, reason) = (outcome.output.as_str(), outcome.reason.unwrap_or("no reason given"));
        match reasons.iter_mut().find(|(o, r, _)| (*o, *r) == (output, reason)) {
            Some((_, _, checks)) => checks.push(outcome.check.id),
            None => reasons.push((output, reason, vec![outcome.check.id])),
        }
    }
    let lines = reasons
        .iter()
        .map(|(output, reason, checks)| format!("\nnot run, {}, {reason}: {}\n", plain(output), checks.join(", ")));
    lines.collect()
}

fn plain(text: &str) -> String {
    redact::sanitize_label(text, MAX_CHARACTERS).into_owned()
}
