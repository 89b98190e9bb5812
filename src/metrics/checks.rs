//! Gauges of the checks.

use super::series::{Series, flag};
use super::{Gauge, gauge};
use crate::checks::{CheckOutcome, CheckResult};
use crate::report::ReportView;
use std::collections::BTreeMap;

/// Gauges of the checks' results and of the thresholds that they were judged by.
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
        "packager_check_ran",
        &["check", "output"],
        "1 if the check ran, 0 if its input was missing or didn't arrive in time. Absent if the template disables \
         the check.",
        |v, s| {
            for outcome in v.checks {
                s.set(&[outcome.check.id, &outcome.output], flag(outcome.result != CheckResult::NotRun));
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
        "packager_threshold",
        &["name"],
        "A threshold of the template in force, in the unit of the value that it is compared with.",
        |v, s| {
            for (name, threshold) in &v.threshold {
                s.set(&[name], Some(*threshold));
            }
        },
    ),
];

fn violations(view: &ReportView<'_>, series: &mut Series<'_>) {
    for outcome in view.checks {
        for ((severity, rendition), count) in counted(outcome) {
            series.set(&[outcome.check.id, severity.as_str(), &outcome.output, rendition], Some(count));
        }
    }
}

fn counted(outcome: &CheckOutcome) -> BTreeMap<(crate::finding::Severity, &str), f64> {
    let mut counts = BTreeMap::new();
    for finding in &outcome.findings {
        *counts.entry((finding.severity, finding.rendition.as_deref().unwrap_or_default())).or_insert(0.0) += 1.0;
    }
    counts
}
