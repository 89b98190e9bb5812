//! Turns of an output to be decoded.

use super::clock_step::ObservedTimes;
use crate::facts::{SegmentFacts, SignalFacts, quiet};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// Shortest digital silence at the live edge because of which picture and sound are decoded.
const LEAST_SILENCE: Seconds = Seconds(1.0);

/// Reason why a probe decodes the picture and sound of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalTurn {
    /// The turn of the rotation has come.
    Due,
    /// The coded sound at the live edge is digital silence.
    Silent,
    /// The picture is suspected to stand still, by the sizes of coded pictures.
    Suspected,
    /// The last decode showed a fault whose end hasn't been seen.
    Unsettled,
    /// The template has the output decoded in every probe.
    Always,
}

/// Share of the interval by which a turn is put off for which there was no decoder free.
const PUT_OFF: f64 = 0.1;

/// When the next turn of an output comes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SignalTurns {
    /// Time from which the output is to be decoded; `None` before the first question.
    due: Option<Timestamp>,
    /// Time between two turns, as the newest probe's template has it.
    interval: Seconds,
    /// Time of a turn before the first question, which the first probe takes that may decode at once.
    first_ended: Option<Timestamp>,
    /// Time of the newest decode that didn't confirm that the picture stands still, although it was suspected to.
    refuted: Option<Timestamp>,
}

impl SignalTurns {
    /// Returns whether the output's turn has come at `now`. The first call sets the first turn to `delay` after `now`.
    pub(super) fn is_due(&mut self, now: Timestamp, interval: Seconds, delay: Seconds) -> bool {
        let first_ended = self.first_ended;
        let first = || first_ended.map_or_else(|| delay.after(now), |at| interval.after(at));
        let first = *self.due.get_or_insert_with(first);
        self.interval = interval;
        // A template may have become more impatient.
        let latest = interval.after(now);
        let due = if first > latest { latest } else { first };
        self.due = Some(due);
        now >= due
    }

    /// Whether a suspicion is a reason to decode at `now`: none was refuted within the interval. So a picture that is suspected again and
    /// again and isn't at fault, such as a talk with hardly any movement, takes few decodes from other outputs.
    pub(super) fn may_suspect(&self, now: Timestamp) -> bool {
        self.refuted.is_none_or(|at| Seconds::between(at, now) >= self.interval)
    }

    /// Records whether a decode in the probe that began at `now` confirmed the suspicion that the picture stands still.
    pub(super) fn record_suspicion(&mut self, is_confirmed: bool, now: Timestamp) {
        self.refuted = (!is_confirmed).then_some(now);
    }

    /// Records whether the output was decoded in the probe that began at `now`, or its turn has to be put off.
    pub(super) fn record(&mut self, facts: &SignalFacts, now: Timestamp) {
        if facts.attempted {
            self.end(now);
        } else if facts.missing.is_put_off() {
            self.put_off(now);
        }
    }

    /// Puts a turn off to which a probe that began at `now` didn't come. If more outputs are to be decoded than can be, the time between
    /// their turns gets longer, and the probes between them don't try.
    fn put_off(&mut self, now: Timestamp) {
        let by = Seconds(self.interval.0 * PUT_OFF);
        if let Some(due) = self.due.filter(|due| *due <= now) {
            let next = by.after(due);
            self.due = Some(if next > now { next } else { by.after(now) });
        }
    }

    /// Ends the turn of a probe that began at `now`: the next one comes an interval later.
    fn end(&mut self, now: Timestamp) {
        if let Some(due) = self.due.filter(|due| *due <= now) {
            // The turns of many outputs stay apart as they were, unless a turn came much too late.
            let next = self.interval.after(due);
            self.due = Some(if next > now { next } else { self.interval.after(now) });
        } else if self.due.is_none() {
            self.first_ended = Some(now);
        }
    }
}

impl ObservedTimes for SignalTurns {
    fn shift(&mut self, by: Seconds) {
        self.due.shift(by);
        self.first_ended.shift(by);
        self.refuted.shift(by);
    }
}

/// Whether a track is digital silence at the end of the newest inspected segment.
pub(super) fn is_silent(segments: &[Arc<SegmentFacts>]) -> bool {
    let mut newest: Vec<&SegmentFacts> = segments.iter().map(AsRef::as_ref).collect();
    newest.sort_by_key(|segment| segment.segment.number);
    newest.drain(..newest.len().saturating_sub(1));
    quiet::silence(&newest).iter().any(|track| track.now() >= LEAST_SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Undecoded;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn an_output_has_one_turn_in_each_interval() {
        let mut turns = SignalTurns::default();
        let due = |turns: &mut SignalTurns, second| turns.is_due(at(second), Seconds(300.0), Seconds(40.0));
        assert!(!due(&mut turns, 0) && !due(&mut turns, 30));
        assert!(due(&mut turns, 45) && due(&mut turns, 60), "it stays due until it was decoded");
        turns.end(at(60));
        assert!(!due(&mut turns, 330));
        assert!(due(&mut turns, 345), "300 s after it was due");
        turns.end(at(345));
        assert!(due(&mut turns, 2000));
        turns.end(at(2000));
        assert!(!due(&mut turns, 2290) && due(&mut turns, 2300), "after a long pause the interval begins anew");
    }

    #[test]
    fn a_turn_without_a_free_decoder_is_put_off_and_keeps_its_distance_to_others() {
        let refused = SignalFacts { missing: Undecoded::NoTurn, ..SignalFacts::default() };
        let mut turns = SignalTurns::default();
        let due = |turns: &mut SignalTurns, second| turns.is_due(at(second), Seconds(300.0), Seconds(40.0));
        assert!(!due(&mut turns, 0));
        turns.record(&refused, at(20));
        assert!(due(&mut turns, 45), "only a turn that has come is put off");
        turns.record(&refused, at(45));
        assert!(!due(&mut turns, 60) && due(&mut turns, 70), "30 s after it was due");
        turns.record(&SignalFacts { missing: Undecoded::Failed, ..refused }, at(70));
        assert!(due(&mut turns, 71));
        turns.record(&SignalFacts { attempted: true, ..refused }, at(75));
        assert!(!due(&mut turns, 365) && due(&mut turns, 370));
    }

    #[test]
    fn a_refuted_suspicion_waits_for_an_interval_and_a_confirmed_one_does_not() {
        let mut turns = SignalTurns::default();
        assert!(!turns.is_due(at(0), Seconds(300.0), Seconds(40.0)) && turns.may_suspect(at(0)));
        turns.record_suspicion(false, at(10));
        assert!(!turns.may_suspect(at(20)) && !turns.may_suspect(at(309)) && turns.may_suspect(at(310)));
        turns.record_suspicion(false, at(310));
        turns.record_suspicion(true, at(320));
        assert!(turns.may_suspect(at(321)));
        turns.record_suspicion(false, at(330));
        turns.shift(Seconds(-100.0));
        assert!(!turns.may_suspect(at(529)) && turns.may_suspect(at(530)), "a clock that is set changes no age");
    }

    #[test]
    fn a_first_turn_that_was_taken_at_once_counts() {
        let mut turns = SignalTurns::default();
        turns.end(at(0));
        let mut due = |second| turns.is_due(at(second), Seconds(300.0), Seconds::ZERO);
        assert!(!due(6) && !due(290) && due(300));
    }

    #[test]
    fn a_shorter_interval_holds_at_once() {
        let mut turns = SignalTurns::default();
        assert!(!turns.is_due(at(0), Seconds(3600.0), Seconds(3000.0)));
        assert!(!turns.is_due(at(10), Seconds(60.0), Seconds(50.0)));
        assert!(turns.is_due(at(70), Seconds(60.0), Seconds(50.0)));
    }
}
