use std::time::Duration;
use tokio::time::Instant;

/// One probe's time, divided over the stages, so that a manifest that hangs still leaves time to say so and a
/// rendition that hangs still leaves time for the others' segments.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    start: Instant,
    total: Duration,
}

impl Budget {
    #[must_use]
    pub fn new(start: Instant, total: Duration) -> Self {
        Self { start, total }
    }

    /// Latest end of the wait for a place among the probes in flight: what is left must still do for a probe.
    #[must_use]
    pub fn admission(&self) -> Instant {
        self.until(0.4)
    }

    #[must_use]
    pub fn manifest(&self) -> Instant {
        self.until(0.6)
    }

    #[must_use]
    pub fn playlists(&self) -> Instant {
        self.until(0.8)
    }

    /// The rest is for the checks and the answer.
    #[must_use]
    pub fn segments(&self) -> Instant {
        self.until(0.97)
    }

    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.start + self.total
    }

    #[must_use]
    pub fn total(&self) -> Duration {
        self.total
    }

    fn until(&self, share: f64) -> Instant {
        self.start + self.total.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_ends_before_the_next_and_all_before_the_deadline() {
        let start = Instant::now();
        for total in [Duration::from_millis(50), Duration::from_secs(10), Duration::from_secs(3600)] {
            let budget = Budget::new(start, total);
            let ends = [budget.admission(), budget.manifest(), budget.playlists(), budget.segments()];
            assert!(start < ends[0] && ends.is_sorted() && ends[3] < budget.deadline(), "{total:?}");
            assert_eq!((budget.deadline(), budget.total()), (start + total, total));
        }
    }
}
