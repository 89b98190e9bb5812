//! Continuity counters, one a PID.

use crate::container::Counter;

/// One PID's counter state.
#[derive(Debug, Clone, Copy, Default)]
pub struct State {
    seen: bool,
    first: u8,
    last: u8,
    /// The last packet was already sent twice.
    repeated: bool,
    /// The next counter can't be foretold: the packet before was damaged.
    unsure: bool,
    /// The first packet's discontinuity_indicator.
    discontinuity: bool,
    /// The last packet's closing bytes: a duplicate has the same.
    print: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Follows,
    /// The same packet once more: to be ignored.
    Duplicate,
    Broken {
        expected: u8,
    },
}

impl State {
    /// The next packet with payload of this PID, ISO/IEC 13818-1 2.4.3.3 (continuity_counter) and 2.4.3.5
    /// (discontinuity_indicator).
    pub fn next(&mut self, counter: u8, discontinuity: bool, print: u64) -> Verdict {
        let before = *self;
        self.last = counter;
        self.print = print;
        self.repeated = false;
        self.unsure = false;
        if !before.seen {
            self.seen = true;
            self.first = counter;
            self.discontinuity = discontinuity;
            return Verdict::Follows;
        }
        let expected = (before.last + 1) & 0xf;
        if counter == before.last && print == before.print && !before.repeated {
            self.repeated = true;
            return Verdict::Duplicate;
        }
        if counter == expected || discontinuity || before.unsure {
            Verdict::Follows
        } else {
            Verdict::Broken { expected }
        }
    }

    /// A packet of this PID was damaged in transport; its loss is reported already.
    pub fn damaged(&mut self) {
        self.unsure = true;
    }

    #[must_use]
    pub fn counter(&self, pid: u16) -> Option<Counter> {
        let Self { first, last, discontinuity, .. } = *self;
        self.seen.then_some(Counter { pid, first, last, discontinuity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(packets: &[(u8, bool, u64)]) -> Vec<Verdict> {
        let mut state = State::default();
        packets.iter().map(|(counter, discontinuity, print)| state.next(*counter, *discontinuity, *print)).collect()
    }

    #[test]
    fn a_counter_goes_round() {
        assert_eq!(run(&[(14, false, 1), (15, false, 2), (0, false, 3)]), [Verdict::Follows; 3]);
    }

    #[test]
    fn a_packet_may_be_repeated_once() {
        let again = run(&[(3, false, 1), (3, false, 1), (3, false, 1), (4, false, 2)]);
        assert_eq!(again, [Verdict::Follows, Verdict::Duplicate, Verdict::Broken { expected: 4 }, Verdict::Follows]);
    }

    #[test]
    fn the_same_counter_with_other_bytes_is_a_loss() {
        assert_eq!(run(&[(3, false, 1), (3, false, 2)])[1], Verdict::Broken { expected: 4 });
    }

    #[test]
    fn a_signalled_discontinuity_is_none() {
        assert_eq!(run(&[(3, false, 1), (9, true, 2), (10, false, 3)]), [Verdict::Follows; 3]);
    }

    #[test]
    fn damage_is_not_counted_twice() {
        let mut state = State::default();
        state.next(1, false, 1);
        state.damaged();
        assert_eq!(state.next(3, false, 2), Verdict::Follows);
        assert_eq!(state.next(5, false, 3), Verdict::Broken { expected: 4 });
    }
}
