//! Division of the exporter's budget (`probe.budget`) among the outputs whose templates have the mode `heads`.

use crate::history::OutputKey;
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Time in seconds after its last probe for which an output keeps its part of the budget.
const KEPT: f64 = 300.0;
/// Largest bit rate of one output that counts, in bits per second: a manifest with a wrong unit must not take the budget of all others.
const MAX_DECLARED: u64 = 1_000_000_000;
/// Time in seconds between two looks for outputs that are no longer probed.
const LOOK_EVERY: f64 = 10.0;

/// The bit rates that the manifests of all probed outputs declare whose templates have the mode `heads`.
#[derive(Debug, Default)]
pub(crate) struct DeclaredRates(Mutex<RateTable>);

#[derive(Debug, Default)]
struct RateTable {
    /// Declared bit rate of each output in bits per second, and the time of its last probe.
    outputs: HashMap<OutputKey, (u64, Timestamp)>,
    /// Sum of the bit rates.
    sum: u64,
    /// Time at which outputs that are no longer probed were looked for.
    looked_at: Timestamp,
}

impl DeclaredRates {
    /// Records the bit rate that the manifest of an output declares, and returns which share of its bytes the output may take, so that all
    /// outputs together take `budget` (in bits per second). `None`: no output declares a bit rate.
    pub(crate) fn share(&self, output: OutputKey, declared: u64, budget: u64, now: Timestamp) -> Option<f64> {
        let declared = declared.min(MAX_DECLARED);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, _) = table.outputs.insert(output, (declared, now)).unwrap_or((0, now));
        table.sum = table.sum.saturating_sub(before).saturating_add(declared);
        if Seconds::between(table.looked_at, now).0.abs() >= LOOK_EVERY {
            table.forget(now);
        }
        (table.sum > 0).then(|| budget as f64 / table.sum as f64)
    }
}

impl RateTable {
    fn forget(&mut self, now: Timestamp) {
        self.looked_at = now;
        self.outputs.retain(|_, (_, at)| Seconds::between(*at, now).0.abs() < KEPT);
        self.sum = self.outputs.values().fold(0, |sum, (declared, _)| sum.saturating_add(*declared));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn outputs_share_the_budget_by_their_bit_rates_and_leave_it_when_they_are_no_longer_probed() {
        let rates = DeclaredRates::default();
        let share = |channel: &str, declared, second| {
            let key = OutputKey { channel: channel.to_owned(), output: "hls".to_owned() };
            rates.share(key, declared, 1_000_000, at(second))
        };
        assert_eq!(share("A", 0, 0), None, "no bit rate is declared");
        assert_eq!(share("A", 4_000_000, 15), Some(0.25));
        assert_eq!(share("B", 1_000_000, 16), Some(0.2));
        assert_eq!(share("A", 3_000_000, 30), Some(0.25), "another ladder replaces the one before");
        assert_eq!(share("A", 3_000_000, 315), Some(0.25));
        assert_eq!(share("A", 3_000_000, 326), Some(1.0 / 3.0), "B was last probed 310 s ago");
        assert_eq!(share("C", 500_000, 327), Some(1.0 / 3.5));
        assert_eq!(share("C", u64::MAX, 328), Some(1.0 / 1003.0));
        assert_eq!(share("C", 500_000, 329), Some(1.0 / 3.5));
    }
}
