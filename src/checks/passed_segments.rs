//! Rates a critical fault of consecutive segments that players have passed as major: at least three segments without a fault
//! follow them. Such an event stays for the template's `hold`, but nobody waits any more. A fault that comes back within `hold`
//! stays critical: viewers meet it again and again.

use super::verdict::RawOutcome;
use super::{CheckContext, Violation};
use crate::finding::Severity;
use std::collections::{BTreeSet, HashMap};

/// Number of inspected segments without the fault, at least, that must follow the broken ones. Players begin three segments
/// behind the live edge (RFC 8216bis 6.3.3), so that those that played there are past the fault.
pub(super) const GOOD_AFTERWARDS: usize = 3;

/// Broken segments of one rendition.
#[derive(Default)]
struct BrokenSegments {
    numbers: BTreeSet<u64>,
    /// Whether violations were left out because there were too many, so that not all numbers are known.
    is_cut: bool,
}

/// Rates critical violations of segments as major in every rendition whose broken segments follow each other, and are followed by
/// at least three inspected segments without any. A severity that the template sets is not changed.
pub(super) fn rate(context: &CheckContext<'_>, outcomes: &mut [RawOutcome]) {
    let mut broken: HashMap<String, BrokenSegments> = HashMap::new();
    for violation in outcomes.iter().flat_map(RawOutcome::critical_violations) {
        let (Some(rendition), Some(number)) = (&violation.rendition, segment_number(violation)) else { continue };
        let broken = broken.entry(rendition.clone()).or_default();
        broken.numbers.insert(number);
        broken.is_cut |= violation.evidence.contains_key("more");
    }
    broken.retain(|rendition, broken| is_passed(context, rendition, broken));
    for violation in outcomes.iter_mut().flat_map(RawOutcome::critical_by_itself) {
        let passed = violation.rendition.as_ref().is_some_and(|rendition| broken.contains_key(rendition));
        if passed && segment_number(violation).is_some() {
            violation.severity = Some(Severity::Major);
        }
    }
}

/// Returns the number of the segment that a violation is about; `None` if it isn't about an inspected segment.
fn segment_number(violation: &Violation) -> Option<u64> {
    violation.evidence.get("inspected_at")?;
    violation.evidence.get("number")?.as_u64()
}

fn is_passed(context: &CheckContext<'_>, rendition: &str, broken: &BrokenSegments) -> bool {
    let (Some(past), Some(oldest), Some(newest)) =
        (context.past.renditions.get(rendition), broken.numbers.first(), broken.numbers.last())
    else {
        return false;
    };
    let numbers = || past.segments.iter().map(|s| s.segment.number);
    let is_one_run = numbers().all(|n| n < *oldest || n > *newest || broken.numbers.contains(&n));
    // A packager that was restarted may begin at a lower number, so they must also be inspected later.
    let inspected_later = numbers().rev().take_while(|n| !broken.numbers.contains(n));
    let good: BTreeSet<u64> = inspected_later.filter(|n| n > newest).collect();
    !broken.is_cut && is_one_run && good.len() >= GOOD_AFTERWARDS
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
        severities_in(&scene, template)
    }

    fn severities_in(scene: &Scene, template: Option<Severity>) -> Vec<Option<Severity>> {
        let verdict = segment_unavailable::check(&scene.context(), &segment_unavailable::Params::default());
        let mut outcomes = [RawOutcome { meta: &segment_unavailable::META, severity: template, verdict }];
        rate(&scene.context(), &mut outcomes);
        violations(outcomes[0].verdict.clone()).iter().map(|v| v.severity).collect()
    }

    #[test]
    fn a_segment_that_players_have_passed_is_major() {
        assert_eq!(severities(4, &[0], None), [Some(Severity::Major)]);
        assert_eq!(severities(6, &[1, 2], None), [Some(Severity::Major); 2]);
        assert_eq!(severities(4, &[0], Some(Severity::Critical)), [None], "the template's severity stays");
    }

    #[test]
    fn it_is_critical_until_three_good_segments_follow() {
        assert_eq!(severities(8, &[7], None), [None]);
        assert_eq!(severities(8, &[5], None), [None]);
        assert_eq!(severities(8, &[4], None), [Some(Severity::Major)]);
    }

    #[test]
    fn a_fault_that_comes_back_is_critical() {
        assert_eq!(severities(30, &[2, 10, 18, 26], None), [None; 4], "also while the newest segments are good");
        let many = severities(40, &(0..36).collect::<Vec<_>>(), None);
        assert_eq!(many.first(), Some(&None), "there may be good ones among those left out");
    }

    #[test]
    fn segments_of_before_a_restart_do_not_follow() {
        let mut scene = Scene::live();
        let before = (100..110).map(|n| ts_segment(n, 2.0 * n as f64, 2.0));
        scene.remember(before.chain([with_status(ts_segment(5, 0.0, 2.0), 404), ts_segment(6, 2.0, 2.0)]));
        assert_eq!(severities_in(&scene, None), [None]);
    }
}
