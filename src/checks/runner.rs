//! Runs the checks on one output, rates what they found by what players do about it, and makes findings of it.

use super::verdict::{self, RawOutcome};
use super::{CheckContext, CheckOutcome, CheckSettings, alternatives, missing, passed_segments, verdicts};

/// Runs every check that `settings` enables and whose scope includes the output's protocol.
#[must_use]
pub fn run(context: &CheckContext<'_>, settings: &CheckSettings) -> Vec<CheckOutcome> {
    let mut raw = verdicts(context, settings);
    passed_segments::rate(context, &mut raw);
    alternatives::rate(context, &mut raw);
    let outcome = |o: RawOutcome| {
        let outcome = verdict::outcome(o.meta, o.severity, o.verdict, &context.output.name);
        let missing = outcome.reason.and_then(|reason| missing::missing_input(context, o.meta, reason));
        CheckOutcome { missing, ..outcome }
    };
    raw.into_iter().map(outcome).collect()
}
