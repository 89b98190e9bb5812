//! The wall clock of probes, which tests replace, and its steps.

use packager_media::units::{Seconds, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// The wall clock of a probe. Modules below `probe` read no clock and get `now` as an argument.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that a test sets, in Unix milliseconds, so that any instant of a stream can be replayed.
    Manual(Arc<AtomicI64>),
    /// A clock that a test steps: `wall` is what it shows, in Unix milliseconds, and `passed` the milliseconds that have passed.
    Stepped { wall: Arc<AtomicI64>, passed: Arc<AtomicI64> },
}

impl Clock {
    /// The current instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(millis) | Self::Stepped { wall: millis, .. } => {
                Timestamp::from_millisecond(millis.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// Time that has passed since a fixed instant, whatever the wall clock was set to meanwhile.
    fn passed(&self) -> Seconds {
        static START: OnceLock<Instant> = OnceLock::new();
        match self {
            Self::System => START.get_or_init(Instant::now).elapsed().into(),
            Self::Manual(millis) | Self::Stepped { passed: millis, .. } => {
                Seconds(millis.load(Ordering::SeqCst) as f64 / 1000.0)
            }
        }
    }
}

/// A difference between wall clock and passed time from which on the wall clock was set. Smaller ones are its rate, which NTP adjusts.
const LEAST_STEP: Seconds = Seconds(1.0);
/// Time between two readings of the monotonic clock beyond which what was read of the wall clock between them is too vague.
const LONGEST_READING: Seconds = Seconds(0.2);

/// Notices when the wall clock was set.
#[derive(Debug, Default)]
pub(super) struct ClockSteps(Mutex<StepState>);

#[derive(Debug, Default)]
struct StepState {
    /// Wall clock and passed time at the last reading.
    last: Option<(Timestamp, Seconds)>,
    count: u64,
}

impl ClockSteps {
    /// Reads the clock, and calls `follow` with the step if it was set since the last reading: forwards above 0, back below. Returns
    /// the number of steps so far. No other reading returns before `follow` has.
    pub(super) fn read(&self, clock: &Clock, follow: impl FnOnce(Seconds)) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = clock.passed();
        let wall = clock.now();
        let passed = clock.passed();
        if passed - before > LONGEST_READING {
            return state.count;
        }
        let step = state.last.map_or(Seconds::ZERO, |(was, then)| Seconds::between(was, wall) - (passed - then));
        state.last = Some((wall, passed));
        if step.abs() >= LEAST_STEP {
            state.count += 1;
            follow(step);
        }
        state.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_went_on() {
        let (wall, passed) = (Arc::new(AtomicI64::new(1_800_000_000_000)), Arc::new(AtomicI64::new(0)));
        let clock = Clock::Stepped { wall: wall.clone(), passed: passed.clone() };
        let steps = ClockSteps::default();
        let read = |by_wall: i64, by_passed: i64| {
            wall.fetch_add(by_wall, Ordering::SeqCst);
            passed.fetch_add(by_passed, Ordering::SeqCst);
            let mut step = None;
            let count = steps.read(&clock, |by| step = Some(by));
            (count, step)
        };
        assert_eq!(read(0, 0), (0, None));
        assert_eq!(read(60_000, 60_000), (0, None), "it went on");
        assert_eq!(read(60_999, 60_000), (0, None), "it is a little fast");
        assert_eq!(read(61_000, 60_000), (1, Some(Seconds(1.0))));
        assert_eq!(read(-3_599_000, 1_000), (2, Some(Seconds(-3600.0))));
        assert_eq!(read(1_000, 1_000), (2, None));
    }

    #[test]
    fn a_manual_clock_only_goes_on() {
        let millis = Arc::new(AtomicI64::new(0));
        let (clock, steps) = (Clock::Manual(millis.clone()), ClockSteps::default());
        for to in [1_800_000_000_000, 1_900_000_000_000, 1_700_000_000_000] {
            millis.store(to, Ordering::SeqCst);
            assert_eq!(steps.read(&clock, |_| panic!("a step")), 0);
        }
    }
}
