//! The division of a probe's time over its stages.

use std::time::Duration;
use tokio::time::Instant;

/// The time of one probe, divided over its stages: a manifest that hangs leaves time to report it, and a rendition that
/// hangs leaves time for the segments of the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeBudget {
    start: Instant,
    total: Duration,
}

impl TimeBudget {
    #[must_use]
    pub(crate) fn new(start: Instant, total: Duration) -> Self {
        Self { start, total }
    }

    /// The latest end of the wait for admission; the rest of the time must be enough for a probe.
    #[must_use]
    pub(crate) fn admission(&self) -> Instant {
        self.until(0.4)
    }

    /// The latest end of the top manifest's request.
    #[must_use]
    pub(crate) fn manifest(&self) -> Instant {
        self.until(0.6)
    }

    /// The instant by which requests for media playlists must end.
    #[must_use]
    pub(crate) fn playlists(&self) -> Instant {
        self.until(0.8)
    }

    /// The latest end of the segments' requests; the rest of the time is for the checks and the answer.
    #[must_use]
    pub(crate) fn segments(&self) -> Instant {
        self.until(0.97)
    }

    /// The instant at which the probe must have answered.
    #[must_use]
    pub(crate) fn deadline(&self) -> Instant {
        self.start + self.total
    }

    /// The whole time of the probe.
    #[must_use]
    pub(crate) fn total(&self) -> Duration {
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
    fn each_stage_ends_at_its_share_of_the_time() {
        let start = Instant::now();
        let budget = TimeBudget::new(start, Duration::from_secs(100));
        let ends = [budget.admission(), budget.manifest(), budget.playlists(), budget.segments(), budget.deadline()];
        assert_eq!(ends.map(|end| (end - start).as_secs()), [40, 60, 80, 97, 100]);
    }

    #[test]
    fn each_stage_ends_before_the_next_and_all_before_the_deadline() {
        let start = Instant::now();
        for total in [Duration::from_millis(50), Duration::from_secs(10), Duration::from_secs(3600)] {
            let budget = TimeBudget::new(start, total);
            let ends = [budget.admission(), budget.manifest(), budget.playlists(), budget.segments()];
            assert!(start < ends[0] && ends.is_sorted() && ends[3] < budget.deadline(), "{total:?}");
            assert_eq!((budget.deadline(), budget.total()), (start + total, total));
        }
    }
}
