//! Wall clock of the probes, which tests replace, and detection of its steps.

use packager_media::units::{Seconds, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Wall clock of a probe. Modules below `probe` don't read the wall clock but get `now` as an argument; ARCHITECTURE.md names the two
/// exceptions.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The clock is the system's.
    System,
    /// The clock is set by a test, in Unix milliseconds, so that any instant of a stream can be replayed.
    Manual(Arc<AtomicI64>),
    /// The clock is stepped by a test: `wall` is the wall-clock time in Unix milliseconds, and `passed` the number of
    /// milliseconds that have passed.
    Stepped { wall: Arc<AtomicI64>, passed: Arc<AtomicI64> },
}

impl Clock {
    /// Returns the current wall-clock time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(millis) | Self::Stepped { wall: millis, .. } => {
                Timestamp::from_millisecond(millis.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// Returns the time that has passed since a fixed instant, to whatever time the wall clock was set meanwhile.
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

/// Smallest difference in seconds between the wall clock and the monotonic clock that means that the wall clock was
/// set. Smaller differences arise because NTP makes the wall clock faster or slower.
const LEAST_STEP: Seconds = Seconds(1.0);
/// Longest time between the two readings of the monotonic clock around a reading of the wall clock. Beyond it, the
/// readings don't fit each other well enough.
const LONGEST_READING: Seconds = Seconds(0.2);

/// Detects that the wall clock was set.
#[derive(Debug, Default)]
pub(super) struct ClockSteps(Mutex<StepState>);

#[derive(Debug, Default)]
struct StepState {
    /// Wall clock and passed time at the last reading; `None` before the first.
    last: Option<(Timestamp, Seconds)>,
    count: u64,
}

impl ClockSteps {
    /// Reads the clock, and calls `follow` with the step if the clock was set since the last reading: positive for a
    /// step forwards, negative for a step back. Returns the number of steps so far. No other reading returns before
    /// `follow` has returned.
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
