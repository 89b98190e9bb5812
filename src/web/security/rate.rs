//! Rate limit of the web configuration (`rate_limit`): a token bucket over all requests, as in exporter-toolkit.

use super::file::RateLimit;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Token bucket that limits the rate of requests.
pub(crate) struct RateLimiter {
    /// Time after which the token bucket gets one more token, so that one more request is allowed.
    interval: Duration,
    /// Time by which a request may be earlier than its token: `interval` × (burst − 1).
    tolerance: Duration,
    /// Time at which the token bucket is full again. `None`: it was never used.
    full_at: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// Makes the rate limiter for a configuration. `None`: requests are not limited.
    ///
    /// # Errors
    /// Fails if the burst is 0.
    pub(crate) fn new(limit: Option<&RateLimit>) -> Result<Option<Self>, String> {
        let Some(limit) = limit.filter(|l| !l.interval.is_zero()) else { return Ok(None) };
        let spare = limit.burst.checked_sub(1).ok_or("rate_limit: burst is 0, which refuses every request; set it")?;
        let tolerance = limit.interval.saturating_mul(spare);
        Ok(Some(Self { interval: limit.interval, tolerance, full_at: Mutex::new(None) }))
    }

    /// Takes a token from the bucket at the time `now`, and returns false if there is none.
    pub(crate) fn take(&self, now: Instant) -> bool {
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
        let limiter = RateLimiter::new(Some(&limit)).unwrap().unwrap();
        let start = Instant::now();
        let at = |ms| limiter.take(start + Duration::from_millis(ms));
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(999), at(1000), at(1001)], [false, true, false]);
        assert_eq!([at(9000), at(9000), at(9000), at(9000)], [true, true, true, false]);
    }

    #[test]
    fn an_interval_of_zero_is_no_limit_and_a_burst_of_zero_is_refused() {
        let limit = |seconds, burst| RateLimit { interval: Duration::from_secs(seconds), burst };
        assert!(matches!(RateLimiter::new(None), Ok(None)));
        assert!(matches!(RateLimiter::new(Some(&limit(0, 5))), Ok(None)));
        assert!(RateLimiter::new(Some(&limit(1, 0))).err().unwrap().contains("burst is 0"));
        let one = RateLimiter::new(Some(&limit(1, 1))).unwrap().unwrap();
        let start = Instant::now();
        let at = |ms| one.take(start + Duration::from_millis(ms));
        assert_eq!([at(0), at(0), at(999), at(1000), at(1000), at(2000)], [true, false, false, true, false, true]);
    }
}
