//! Gauges of the checks, for `/probe`.

use super::series::{Series, flag};
use super::{Gauge, gauge};
use crate::checks::{CheckOutcome, CheckResult, MissingInput};
use crate::report::ReportView;
use std::collections::BTreeMap;

/// Gauges of the checks' results.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_check_ok",
        &["check", "severity", "output"],
        "1 if the check passed, 0 if it failed. Absent if the check didn't run.",
        |v, s| {
            for outcome in v.checks.iter().filter(|o| o.result != CheckResult::NotRun) {
                let held = outcome.result == CheckResult::Ok;
                s.set(&[outcome.check.id, outcome.severity.as_str(), &outcome.output], flag(held));
            }
        },
    ),
    gauge(
        "packager_check_not_run",
        &["check", "output", "reason"],
        "1 for a check that should have run and didn't. The reason is no_manifest, no_playlist or no_segment (it could not be \
         read), first_probe (the check compares probes), no_time (the probe's deadline passed), no_turn (no decoder was free in time) \
         or not_decoded (ffmpeg couldn't decode it). Absent if the check ran, if the template disables it, if the output has \
         nothing that the check judges, and for checks of picture and sound without ffmpeg: see packager_exporter_decoder_up.",
        |v, s| {
            for outcome in v.checks {
                let reason = outcome.missing.map(MissingInput::as_str);
                s.set(&[outcome.check.id, &outcome.output, reason.unwrap_or_default()], reason.map(|_| 1.0));
            }
        },
    ),
    gauge(
        "packager_check_violations",
        &["check", "severity", "output", "rendition"],
        "Number of violations that the check found. The rendition label is empty for violations of the whole output. \
         Absent without violations.",
        violations,
    ),
    gauge(
        "packager_violation_measured",
        &["check", "severity", "output", "rendition", "quantity", "unit"],
        "A quantity that the check's violations name, of the violation with the largest one, in the unit of the label: s, \
         bit/s, d, or none for ratios, statuses and numbers. Absent without violations.",
        measured,
    ),
];

fn violations(view: &ReportView<'_>, series: &mut Series<'_>) {
    for outcome in view.checks {
        for ((severity, rendition), count) in counted(outcome) {
            series.set(&[outcome.check.id, severity.as_str(), &outcome.output, rendition], Some(count));
        }
    }
}

/// Numbers in a violation's evidence that the metric of measured values exports, because people read them. Each item is
/// the end of the number's name in the evidence, and the unit. Numbers that only say where a violation is, such as
/// lines and segment numbers, aren't exported.
const QUANTITIES: [(&str, &str); 8] = [
    ("_seconds", "s"),
    ("seconds", "s"),
    ("bits_per_second", "bit/s"),
    ("ratio", ""),
    ("status", ""),
    ("days", "d"),
    ("continuity_errors", ""),
    ("transport_errors", ""),
];

fn measured(view: &ReportView<'_>, series: &mut Series<'_>) {
    for outcome in view.checks {
        let mut largest = BTreeMap::new();
        for finding in &outcome.findings {
            let rendition = finding.rendition.as_deref().unwrap_or_default();
            for (name, value) in &finding.evidence {
                let (Some((quantity, unit)), Some(value)) = (quantity(name), value.as_f64()) else { continue };
                let key = (finding.severity, rendition, quantity, unit);
                let before = largest.entry(key).or_insert(value);
                if value.abs() > before.abs() {
                    *before = value;
                }
            }
        }
        for ((severity, rendition, quantity, unit), value) in largest {
            let labels = [outcome.check.id, severity.as_str(), &outcome.output, rendition, quantity, unit];
            series.set(&labels, Some(value));
        }
    }
}

/// Returns quantity and unit of a number in a violation's evidence. `None`: the number's name ends with no name in
/// [`QUANTITIES`].
fn quantity(name: &str) -> Option<(&str, &'static str)> {
    let (end, unit) = QUANTITIES.iter().find(|(end, _)| name.ends_with(end))?;
    let quantity = if end.starts_with('_') { name.strip_suffix(end)? } else { name };
    Some((if quantity == "seconds" { "duration" } else { quantity }, unit))
}

fn counted(outcome: &CheckOutcome) -> BTreeMap<(crate::finding::Severity, &str), f64> {
    let mut counts = BTreeMap::new();
    for finding in &outcome.findings {
        *counts.entry((finding.severity, finding.rendition.as_deref().unwrap_or_default())).or_insert(0.0) += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_has_a_unit_and_a_place_is_none() {
        assert_eq!(quantity("off_seconds"), Some(("off", "s")));
        assert_eq!(quantity("seconds"), Some(("duration", "s")));
        assert_eq!(quantity("bits_per_second"), Some(("bits_per_second", "bit/s")));
        assert_eq!(quantity("status"), Some(("status", "")));
        for place in ["line", "number", "byte", "media_sequence", "url"] {
            assert_eq!(quantity(place), None, "{place}");
        }
    }
}
