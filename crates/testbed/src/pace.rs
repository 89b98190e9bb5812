//! Pace of this machine: how much slower it works now than when it is idle. Deadlines of tests scale with it, so that
//! no test fails because the machine is busy.

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// CPU time for which [`slowdown`] works to measure how slow the machine is. It is longer than the kernel lets one
/// thread run while others wait, so the measurement includes the waiting.
const SAMPLE: Duration = Duration::from_millis(20);

/// Returns how many times longer than on an idle machine a fixed amount of work takes now: 1.0 on an idle machine,
/// never less. With four busy loops on two cores it is about 2.5.
#[must_use]
pub fn slowdown() -> f64 {
    let (began, cpu) = (Instant::now(), thread_time());
    let mut used = Duration::ZERO;
    while used < SAMPLE {
        black_box((0..10_000_u32).fold(0_u32, |sum, n| black_box(sum.wrapping_mul(31) ^ n)));
        used = thread_time().saturating_sub(cpu);
    }
    (began.elapsed().as_secs_f64() / used.as_secs_f64()).max(1.0)
}

/// Returns the time `idle`, which is enough on an idle machine, multiplied by the current slowdown.
#[must_use]
pub fn patience(idle: Duration) -> Duration {
    idle.mul_f64(slowdown())
}

/// Returns user and system CPU time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_never_shorter_than_on_an_idle_machine() {
        let idle = Duration::from_secs(2);
        assert!(patience(idle) >= idle);
    }
}
