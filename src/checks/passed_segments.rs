//! Rates a critical fault of single segments that players have passed as major: the newest segment of the rendition has no such
//! fault, and most others have none either. Such an event stays for the template's `hold`, but nobody waits any more.

use super::alternatives::RawOutcome;
use super::{CheckContext, CheckVerdict, Violation};
use crate::finding::Severity;
use std::collections::{BTreeSet, HashMap};

/// Number of inspected segments for each broken one, at least, of which players are said to pass the broken ones.
const INSPECTED_PER_BROKEN: usize = 4;

/// Broken segments of one rendition.
#[derive(Default)]
struct BrokenSegments {
    numbers: BTreeSet<u64>,
    /// Number of violations that were left out because there were too many.
    more: usize,
}

/// Rates critical violations of segments as major in every rendition whose newest inspected segment has none, if no more than
/// one in four inspected segments has any. A severity that the template sets is not changed.
pub(super) fn rate(context: &CheckContext<'_>, outcomes: &mut [RawOutcome]) {
    let mut broken: HashMap<String, BrokenSegments> = HashMap::new();
    for violation in outcomes.iter().flat_map(RawOutcome::critical_violations) {
        let (Some(rendition), Some(number)) = (&violation.rendition, segment_number(violation)) else { continue };
        let broken = broken.entry(rendition.clone()).or_default();
        broken.numbers.insert(number);
        let more = violation.evidence.get("more").and_then(serde_json::Value::as_u64);
        broken.more += more.and_then(|more| usize::try_from(more).ok()).unwrap_or(0);
    }
    broken.retain(|rendition, broken| is_passed(context, rendition, broken));
    for outcome in outcomes.iter_mut().filter(|o| o.severity.is_none()) {
        let default = outcome.meta.severity;
        let CheckVerdict::Ran(violations) = &mut outcome.verdict else { continue };
        for violation in violations.iter_mut().filter(|v| v.severity.unwrap_or(default) == Severity::Critical) {
            let passed = violation.rendition.as_ref().is_some_and(|rendition| broken.contains_key(rendition));
            if passed && segment_number(violation).is_some() {
                violation.severity = Some(Severity::Major);
            }
        }
    }
}

/// Returns the number of the segment that a violation is about; `None` if it isn't about an inspected segment.
fn segment_number(violation: &Violation) -> Option<u64> {
    violation.evidence.get("inspected_at")?;
    violation.evidence.get("number")?.as_u64()
}

fn is_passed(context: &CheckContext<'_>, rendition: &str, broken: &BrokenSegments) -> bool {
    let Some(past) = context.past.renditions.get(rendition) else { return false };
    let newest = past.segments.iter().map(|s| s.segment.number).next_back();
    let count = broken.numbers.len() + broken.more;
    newest.is_some_and(|newest| !broken.numbers.contains(&newest))
        && count * INSPECTED_PER_BROKEN <= past.segments.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::delivery::segment_unavailable;
    use crate::checks::testing::*;

    /// Returns the severities of segment_unavailable after `count` segments were inspected, of which those in `missing`
    /// answered 404.
    fn severities(count: u64, missing: &[u64], template: Option<Severity>) -> Vec<Option<Severity>> {
        let mut scene = Scene::live();
        scene.remember((0..count).map(|n| {
            let segment = ts_segment(n, 2.0 * n as f64, 2.0);
            if missing.contains(&n) { with_status(segment, 404) } else { segment }
        }));
        let verdict = segment_unavailable::check(&scene.context(), &segment_unavailable::Params::default());
        let mut outcomes = [RawOutcome { meta: &segment_unavailable::META, severity: template, verdict }];
        rate(&scene.context(), &mut outcomes);
        violations(outcomes[0].verdict.clone()).iter().map(|v| v.severity).collect()
    }

    #[test]
    fn a_segment_that_players_have_passed_is_major() {
        assert_eq!(severities(4, &[2], None), [Some(Severity::Major)]);
        assert_eq!(severities(8, &[2, 5], None), [Some(Severity::Major); 2]);
        assert_eq!(severities(4, &[2], Some(Severity::Critical)), [None], "the template's severity stays");
    }

    #[test]
    fn it_is_critical_while_it_is_the_newest_or_one_of_many() {
        assert_eq!(severities(4, &[3], None), [None]);
        assert_eq!(severities(3, &[1], None), [None]);
        assert_eq!(
            severities(40, &(0..39).collect::<Vec<_>>(), None).first(),
            Some(&None),
            "also those left out count"
        );
    }
}
