//! Results of checks: the verdict that a check's function returns, and the outcome that the runner makes of it.

use super::{CheckMeta, MissingInput};
use crate::finding::{Finding, Severity};
use serde::{Serialize, Serializer};

/// Verdict that the function of a check returns for one output.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckVerdict {
    /// The check neither passed nor failed, because its input is missing: in a first probe, for a manifest that can't
    /// be read, or if the probe ran out of time. The text is the reason, as users read it.
    NotRun(&'static str),
    /// The check ran. It passed if the list of violations is empty.
    Ran(Vec<Violation>),
}

/// One reason why a check fails. The runner adds check, output, severity and reference, which makes it a [`Finding`].
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Name of the rendition with the fault. `None`: the violation concerns the whole output.
    pub rendition: Option<String>,
    pub message: String,
    /// Evidence of the violation: measured values and positions, by name.
    pub evidence: serde_json::Map<String, serde_json::Value>,
    /// Severity of this violation. `None`: it has the check's own severity. A severity in the template overrides both.
    pub severity: Option<Severity>,
}

impl Violation {
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { rendition: None, message: message.into(), evidence: serde_json::Map::new(), severity: None }
    }

    /// Sets the name of the rendition with the fault.
    #[must_use]
    pub fn in_rendition(mut self, rendition: &str) -> Self {
        self.rendition = Some(rendition.to_owned());
        self
    }

    /// Adds a named value to the evidence of a violation, or replaces the value with the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
}

/// The verdict of one check, before its violations become findings.
pub(super) struct RawOutcome {
    pub meta: &'static CheckMeta,
    /// Severity that the template sets for the check. `None`: the template sets none.
    pub severity: Option<Severity>,
    pub verdict: CheckVerdict,
}

impl RawOutcome {
    fn is_critical(&self, violation: &Violation) -> bool {
        self.severity.or(violation.severity).unwrap_or(self.meta.severity) == Severity::Critical
    }

    /// Iterates over the violations of severity critical.
    pub(super) fn critical_violations(&self) -> impl Iterator<Item = &Violation> {
        self.violations().iter().filter(|v| self.is_critical(v))
    }

    /// Iterates over the violations that are critical by the check's own word; none if the template sets the check's severity.
    pub(super) fn critical_by_itself(&mut self) -> impl Iterator<Item = &mut Violation> {
        let default = self.meta.severity;
        let violations = match &mut self.verdict {
            CheckVerdict::Ran(violations) if self.severity.is_none() => violations.as_mut_slice(),
            _ => &mut [],
        };
        violations.iter_mut().filter(move |v| v.severity.unwrap_or(default) == Severity::Critical)
    }

    pub(super) fn violations(&self) -> &[Violation] {
        match &self.verdict {
            CheckVerdict::Ran(violations) => violations,
            CheckVerdict::NotRun(_) => &[],
        }
    }
}

/// Result of one check on one output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckOutcome {
    /// Metadata of the check. It is serialized as the id of the check.
    #[serde(serialize_with = "serialize_id")]
    pub check: &'static CheckMeta,
    /// Severity of the worst finding of the check. If the check passed or didn't run, it is the severity that the check
    /// is configured to have.
    pub severity: Severity,
    /// Name of the output that the check judged.
    pub output: String,
    pub result: CheckResult,
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Reason why the check didn't run. `None`: it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Input whose absence kept the check from running. `None`: it ran, or the output has nothing that it judges.
    #[serde(skip)]
    pub missing: Option<MissingInput>,
}

fn serialize_id<S: Serializer>(check: &CheckMeta, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.id)
}

/// Whether a check passed, failed, or couldn't run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    Ok,
    Failed,
    NotRun,
}

/// Makes the outcome of a check from its verdict. `severity` is the template's setting. `None`: the template sets none.
pub(super) fn outcome(
    check: &'static CheckMeta,
    severity: Option<Severity>,
    verdict: CheckVerdict,
    output: &str,
) -> CheckOutcome {
    let configured = severity.unwrap_or(check.severity);
    let (result, findings, reason) = match verdict {
        CheckVerdict::NotRun(reason) => (CheckResult::NotRun, Vec::new(), Some(reason)),
        CheckVerdict::Ran(violations) if violations.is_empty() => (CheckResult::Ok, Vec::new(), None),
        CheckVerdict::Ran(violations) => {
            let findings = violations.into_iter().map(|v| finding(check, severity, v, output)).collect();
            (CheckResult::Failed, findings, None)
        }
    };
    let worst = findings.iter().map(|f: &Finding| f.severity).max().unwrap_or(configured);
    CheckOutcome { check, severity: worst, output: output.to_owned(), result, findings, reason, missing: None }
}

/// Makes a finding from a violation. A severity that the template sets applies to every violation; without it a
/// violation may have its own.
fn finding(check: &CheckMeta, configured: Option<Severity>, violation: Violation, output: &str) -> Finding {
    Finding {
        check: check.id,
        severity: configured.or(violation.severity).unwrap_or(check.severity),
        output: output.to_owned(),
        rendition: violation.rendition,
        message: violation.message,
        evidence: violation.evidence,
        reference: check.reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::timeline::live_latency_high::META;

    #[test]
    fn the_worst_finding_is_the_outcomes_severity() {
        let mixed =
            vec![Violation::new("a").severity(Severity::Warning), Violation::new("b").severity(Severity::Critical)];
        let outcome = outcome(&META, None, CheckVerdict::Ran(mixed), "hls");
        let severities: Vec<_> = outcome.findings.iter().map(|f| f.severity).collect();
        assert_eq!((outcome.result, outcome.severity), (CheckResult::Failed, Severity::Critical));
        assert_eq!(severities, [Severity::Warning, Severity::Critical]);
    }

    #[test]
    fn a_check_that_passed_or_did_not_run_has_its_configured_severity() {
        let passed = outcome(&META, None, CheckVerdict::Ran(Vec::new()), "hls");
        assert_eq!((passed.result, passed.severity, passed.reason), (CheckResult::Ok, Severity::Major, None));
        let set = outcome(&META, Some(Severity::Warning), CheckVerdict::Ran(Vec::new()), "hls");
        assert_eq!(set.severity, Severity::Warning);
        let not_run = outcome(&META, Some(Severity::Minor), CheckVerdict::NotRun("why"), "hls");
        assert_eq!(
            (not_run.result, not_run.severity, not_run.reason),
            (CheckResult::NotRun, Severity::Minor, Some("why"))
        );
    }

    #[test]
    fn a_finding_carries_the_checks_metadata_and_the_violations_details() {
        let violation = Violation::new("late").in_rendition("720p").with("age", 7);
        let outcome = outcome(&META, None, CheckVerdict::Ran(vec![violation]), "backup");
        let finding = &outcome.findings[0];
        assert_eq!((finding.check, finding.reference), (META.id, META.reference));
        assert_eq!((finding.output.as_str(), finding.rendition.as_deref()), ("backup", Some("720p")));
        assert_eq!((finding.severity, finding.message.as_str()), (Severity::Major, "late"));
        assert_eq!(finding.evidence["age"], 7);
    }

    #[test]
    fn an_outcome_is_serialized_with_the_id_of_its_check() {
        let outcome = outcome(&META, None, CheckVerdict::NotRun("first observation"), "hls");
        let expected = serde_json::json!({
            "check": "live_latency_high", "severity": "major", "output": "hls", "result": "not_run",
            "reason": "first observation",
        });
        assert_eq!(serde_json::to_value(&outcome).unwrap(), expected);
    }
}
