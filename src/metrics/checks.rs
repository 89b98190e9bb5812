use super::series::{Series, flag};
use super::{Gauge, gauge};
use crate::checks::{CheckOutcome, CheckResult};
use crate::report::View;
use std::collections::BTreeMap;

/// Verdicts, and the thresholds that they were made with.
pub const GAUGES: &[Gauge] = &[
    gauge(
        "packager_check_ok",
        &["check", "severity", "output"],
        "1 when the check held, 0 when it failed; absent when it couldn't run.",
        |v, s| {
            for outcome in v.checks.iter().filter(|o| o.result != CheckResult::NotRun) {
                let held = outcome.result == CheckResult::Ok;
                s.set(&[outcome.check, outcome.severity.as_str(), &outcome.output], flag(held));
            }
        },
    ),
    gauge(
        "packager_check_ran",
        &["check", "output"],
        "1 when the check ran, 0 when its input was missing or out of time.",
        |v, s| {
            for outcome in v.checks {
                s.set(&[outcome.check, &outcome.output], flag(outcome.result != CheckResult::NotRun));
            }
        },
    ),
    gauge(
        "packager_check_violations",
        &["check", "severity", "output", "rendition"],
        "Number of violations that the check found; no rendition label where they concern the whole output.",
        violations,
    ),
    gauge(
        "packager_threshold",
        &["name"],
        "A threshold of the effective template, in the unit of what it is compared with.",
        |v, s| {
            for (name, threshold) in &v.threshold {
                s.set(&[name], Some(*threshold));
            }
        },
    ),
];

fn violations(view: &View<'_>, series: &mut Series<'_>) {
    for outcome in view.checks {
        for ((severity, rendition), count) in counted(outcome) {
            series.set(&[outcome.check, severity.as_str(), &outcome.output, rendition], Some(count));
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
