//! Check of the continuity counter of a PID.

use crate::container::ContinuityCounter;

/// State of the continuity counter of one PID.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ContinuityState {
    /// Whether a packet with payload was seen on the PID.
    started: bool,
    first: u8,
    last: u8,
    /// Whether the last packet of the PID was already a duplicate: only one duplicate is allowed.
    duplicated: bool,
    /// Whether the last packet of the PID was damaged, so that the next counter can't be predicted.
    after_damage: bool,
    /// discontinuity_indicator of the PID's first packet with payload, or of one without payload before it.
    discontinuity: bool,
    /// The last eight bytes of the PID's last packet, by which a duplicate is recognised.
    fingerprint: u64,
}

/// Relation of a transport packet to the packet before it on the same PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CounterVerdict {
    /// The continuity counter is the expected one, or a signalled discontinuity or damage allows any.
    Follows,
    /// The packet repeats the one before it on the PID, and has to be ignored.
    Duplicate,
    /// Packets are missing: the continuity counter isn't the expected one.
    Discontinuous { expected: u8 },
}

impl ContinuityState {
    /// Compares a packet with payload with the packet before it on the same PID (ISO/IEC 13818-1 2.4.3.3
    /// continuity_counter, 2.4.3.5 discontinuity_indicator).
    #[inline]
    pub(super) fn check(&mut self, counter: u8, discontinuity: bool, fingerprint: u64) -> CounterVerdict {
        let before = *self;
        self.last = counter;
        self.fingerprint = fingerprint;
        self.duplicated = false;
        self.after_damage = false;
        if !before.started {
            self.started = true;
            self.first = counter;
            self.discontinuity |= discontinuity;
            return CounterVerdict::Follows;
        }
        let expected = (before.last + 1) & 0xf;
        if counter == before.last && fingerprint == before.fingerprint && !before.duplicated {
            self.duplicated = true;
            return CounterVerdict::Duplicate;
        }
        if counter == expected || discontinuity || before.after_damage {
            CounterVerdict::Follows
        } else {
            CounterVerdict::Discontinuous { expected }
        }
    }

    /// Goes on from the counter of a packet without payload whose discontinuity_indicator is set: the next packet with payload has the
    /// counter after it. Other packets without payload repeat the counter of the packet before them (ISO/IEC 13818-1 2.4.3.3,
    /// 2.4.3.5).
    pub(super) fn restart_at(&mut self, counter: u8) {
        self.last = counter;
        self.discontinuity |= !self.started;
        // The packet before it isn't repeated any more.
        self.duplicated = true;
    }

    /// Notes a packet that was damaged in transport. Its loss is already reported, so the counter of the next packet
    /// isn't judged.
    pub(super) fn mark_damaged(&mut self) {
        self.after_damage = true;
    }

    #[must_use]
    pub(super) fn counter(&self, pid: u16) -> Option<ContinuityCounter> {
        let Self { first, last, discontinuity, .. } = *self;
        self.started.then_some(ContinuityCounter { pid, first, last, discontinuity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(packets: &[(u8, bool, u64)]) -> Vec<CounterVerdict> {
        let mut state = ContinuityState::default();
        packets
            .iter()
            .map(|(counter, discontinuity, fingerprint)| state.check(*counter, *discontinuity, *fingerprint))
            .collect()
    }

    #[test]
    fn a_counter_wraps_after_15() {
        assert_eq!(run(&[(14, false, 1), (15, false, 2), (0, false, 3)]), [CounterVerdict::Follows; 3]);
    }

    #[test]
    fn a_packet_may_be_repeated_once() {
        let again = run(&[(3, false, 1), (3, false, 1), (3, false, 1), (4, false, 2)]);
        assert_eq!(
            again,
            [
                CounterVerdict::Follows,
                CounterVerdict::Duplicate,
                CounterVerdict::Discontinuous { expected: 4 },
                CounterVerdict::Follows
            ]
        );
    }

    #[test]
    fn the_same_counter_with_other_bytes_is_a_loss() {
        assert_eq!(run(&[(3, false, 1), (3, false, 2)])[1], CounterVerdict::Discontinuous { expected: 4 });
    }

    #[test]
    fn a_signalled_discontinuity_allows_any_counter() {
        assert_eq!(run(&[(3, false, 1), (9, true, 2), (10, false, 3)]), [CounterVerdict::Follows; 3]);
    }

    #[test]
    fn a_discontinuity_signalled_without_payload_sets_the_counter() {
        let mut state = ContinuityState::default();
        state.check(3, false, 1);
        state.restart_at(11);
        assert_eq!(state.check(12, false, 2), CounterVerdict::Follows);
        assert_eq!(state.check(14, false, 3), CounterVerdict::Discontinuous { expected: 13 });
        assert!(!state.counter(5).unwrap().discontinuity, "it came after the first packet");
        state.restart_at(4);
        assert_eq!(state.counter(5).map(|c| c.last), Some(4), "the next segment goes on from it");
    }

    #[test]
    fn a_discontinuity_signalled_before_the_first_payload_is_that_of_the_first() {
        let mut state = ContinuityState::default();
        state.restart_at(11);
        assert_eq!(state.counter(5), None, "no packet with payload");
        assert_eq!(state.check(12, false, 2), CounterVerdict::Follows);
        let counter = state.counter(5).unwrap();
        assert_eq!((counter.first, counter.last, counter.discontinuity), (12, 12, true));
    }

    #[test]
    fn the_packet_after_a_damaged_one_may_have_any_counter() {
        let mut state = ContinuityState::default();
        state.check(1, false, 1);
        state.mark_damaged();
        assert_eq!(state.check(3, false, 2), CounterVerdict::Follows);
        assert_eq!(state.check(5, false, 3), CounterVerdict::Discontinuous { expected: 4 });
    }

    #[test]
    fn the_summary_has_the_counters_of_both_ends() {
        let mut state = ContinuityState::default();
        assert_eq!(state.counter(5), None);
        state.check(15, true, 1);
        state.check(0, false, 2);
        let counter = state.counter(5).unwrap();
        assert_eq!((counter.pid, counter.first, counter.last, counter.discontinuity), (5, 15, 0, true));
    }

    #[test]
    fn two_pairs_of_duplicates_may_follow_each_other() {
        let verdicts = run(&[(1, false, 1), (1, false, 1), (2, false, 1), (2, false, 1)]);
        let (follows, duplicate) = (CounterVerdict::Follows, CounterVerdict::Duplicate);
        assert_eq!(verdicts, [follows, duplicate, follows, duplicate]);
    }
}
