//! `rate_limit`: a token bucket over all requests, as exporter-toolkit has it.

use super::file::RateLimit;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub struct Limiter {
    interval: Duration,
    /// How far ahead of its time a request may come: the burst.
    tolerance: Duration,
    /// When the bucket would be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Limiter {
    /// `None` without a limit.
    pub fn new(limit: Option<&RateLimit>) -> Result<Option<Self>, String> {
        let Some(limit) = limit.filter(|l| !l.interval.is_zero()) else { return Ok(None) };
        let spare = limit.burst.checked_sub(1).ok_or("rate_limit: burst is 0, which refuses every request; set it")?;
        let tolerance = limit.interval.saturating_mul(spare);
        Ok(Some(Self { interval: limit.interval, tolerance, full_at: Mutex::new(None) }))
    }

    /// Takes a token, if there is one at `now`.
    pub fn take(&self, now: Instant) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = full_at.map_or(now, |at| at.max(now));
        let free = due.duration_since(now) <= self.tolerance;
        if free {
            *full_at = due.checked_add(self.interval);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let limit = RateLimit { interval: Duration::from_secs(1), burst: 3 };
        let limiter = Limiter::new(Some(&limit)).unwrap().unwrap();
        let start = Instant::now();
        let at = |ms| limiter.take(start + Duration::from_millis(ms));
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(999), at(1000), at(1001)], [false, true, false]);
        assert_eq!([at(9000), at(9000), at(9000), at(9000)], [true, true, true, false]);
    }
}
