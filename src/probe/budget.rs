//! Division of a probe's time among its stages.

use std::time::Duration;
use tokio::time::Instant;

/// Least time for the request for the multivariant playlist or MPD, also where its share of the probe's time is shorter. A
/// shorter probe gives it all the time but that of the checks.
const LEAST_MANIFEST_TIME: Duration = Duration::from_secs(2);

/// The time of one probe, divided among its stages: a manifest that hangs leaves time to report it, and a rendition
/// that hangs leaves time for the segments of the others.
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

    /// Returns the instant by which the wait for admission has to end, so that the rest of the time is enough for a
    /// probe.
    #[must_use]
    pub(crate) fn admission(&self) -> Instant {
        self.until(0.4)
    }

    /// Returns the instant by which the top manifest's request has to end. A short probe takes the time from the later
    /// stages, because without a manifest there is nothing to probe.
    #[must_use]
    pub(crate) fn manifest(&self) -> Instant {
        self.until(0.6).max(self.segments().min(self.start + LEAST_MANIFEST_TIME))
    }

    /// Returns the instant by which requests for media playlists have to end.
    #[must_use]
    pub(crate) fn playlists(&self) -> Instant {
        self.until(0.8).max(self.manifest())
    }

    /// Returns the instant by which requests for segments have to end; the rest of the time is for the checks and the
    /// answer.
    #[must_use]
    pub(crate) fn segments(&self) -> Instant {
        self.until(0.97)
    }

    /// Returns the instant by which decoding has to end. It ends before the segments' time does: the process has to be ended, and a
    /// busy machine may take its time for that.
    #[must_use]
    pub(crate) fn decoding(&self) -> Instant {
        self.until(0.85)
    }

    /// Returns the instant by which the probe has to answer.
    #[must_use]
    pub(crate) fn deadline(&self) -> Instant {
        self.start + self.total
    }

    /// Returns the time budget of the whole probe.
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
        assert_eq!((budget.decoding() - start).as_secs(), 85);
    }

    #[test]
    fn a_short_probe_leaves_its_time_to_the_manifest() {
        let start = Instant::now();
        let ends = |seconds: f64| {
            let budget = TimeBudget::new(start, Duration::from_secs_f64(seconds));
            [budget.manifest(), budget.playlists(), budget.segments()].map(|end| (end - start).as_millis())
        };
        assert_eq!(ends(1.5), [1455, 1455, 1455], "a scrape timeout of 2 s, from which 0.5 s are taken off");
        assert_eq!(ends(2.5), [2000, 2000, 2425]);
        assert_eq!(ends(4.0), [2400, 3200, 3880]);
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
