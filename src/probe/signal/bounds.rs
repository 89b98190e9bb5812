//! Bounds on decoding, which all probes share: how many decodes run and how many probes wait for one.

use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Longest time that a probe waits for another decode to end. A probe that waits holds its place among the probes in flight, so
/// a longer wait would make the exporter refuse probes.
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Number of probes that may wait, for each decode that may run.
const WAITING_PER_DECODE: usize = 2;
/// Number of outputs without a turn whose newest segments are kept at the same time, in case their picture is suspected.
const WATCHED: usize = 64;
/// Largest number of bytes that are kept of each of the [`WATCHED`] outputs: some seconds of a low rung. All together
/// are 128 MiB.
pub(super) const WATCHED_BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct DecodeBounds {
    decodes: Semaphore,
    queue: Semaphore,
    watched: Semaphore,
}

impl DecodeBounds {
    /// Makes bounds with at most `decodes` decodes at the same time, at least one.
    pub(super) fn new(decodes: usize) -> Self {
        let decodes = decodes.clamp(1, Semaphore::MAX_PERMITS / WAITING_PER_DECODE);
        Self {
            decodes: Semaphore::new(decodes),
            queue: Semaphore::new(decodes * WAITING_PER_DECODE),
            watched: Semaphore::new(WATCHED),
        }
    }

    /// Returns the permit to keep the newest segments of one output; `None` if the segments of [`WATCHED`] outputs are
    /// kept already.
    pub(super) fn watch(&self) -> Option<SemaphorePermit<'_>> {
        self.watched.try_acquire().ok()
    }

    /// Returns the permit for the decodes of one output. Waits for at most half a second, and not at all if enough other probes wait;
    /// `None`: there was no permit in that time, or before `deadline`.
    pub(super) async fn begin(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.decodes.try_acquire() {
            return Some(permit);
        }
        let _place = self.queue.try_acquire().ok()?;
        let until = deadline.min(Instant::now() + MAX_WAIT);
        timeout_at(until, self.decodes.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    /// Time of a probe that no wait may come near, however busy the machine is.
    const PROBE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn probes_hardly_wait_while_all_decodes_are_taken() {
        let bounds = DecodeBounds::new(1);
        let began = Instant::now();
        let taken = bounds.begin(began + PROBE).await;
        assert!(taken.is_some());
        let probes = join_all((0..100).map(|_| bounds.begin(began + PROBE)));
        assert!(probes.await.iter().all(Option::is_none));
        assert!(began.elapsed() < PROBE / 2, "they waited for {:?}", began.elapsed());
        drop(taken);
        assert!(bounds.begin(Instant::now() + PROBE).await.is_some());
    }

    #[test]
    fn so_many_outputs_are_watched_at_the_same_time() {
        let bounds = DecodeBounds::new(1);
        let mut watched: Vec<_> = (0..WATCHED).map_while(|_| bounds.watch()).collect();
        assert!(watched.len() == WATCHED && bounds.watch().is_none());
        watched.pop();
        assert!(bounds.watch().is_some());
    }

    #[tokio::test]
    async fn only_some_probes_wait() {
        let bounds = DecodeBounds::new(1);
        let far = Instant::now() + PROBE;
        let _taken = bounds.begin(far).await;
        let mut probes: Vec<_> = (0..5).map(|_| Box::pin(bounds.begin(far))).collect();
        let ended = probes.iter_mut().map(|probe| probe.as_mut().now_or_never().is_some());
        assert_eq!(ended.collect::<Vec<_>>(), [false, false, true, true, true]);
    }

    #[tokio::test]
    async fn a_decode_that_ends_meanwhile_makes_way() {
        let bounds = DecodeBounds::new(1);
        let far = Instant::now() + PROBE;
        let taken = bounds.begin(far).await;
        let mut waiting = Box::pin(bounds.begin(far));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(taken);
        assert!(waiting.now_or_never().flatten().is_some());
    }
}
