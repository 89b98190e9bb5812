//! Sharing of captures: simultaneous requests for the same probe get the same report.

use super::ProbeError;
use crate::report::Report;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Properties that two requests must have in common to share a capture: channel code, template name and output name.
pub(crate) type CaptureKey = (String, String, Option<String>);
type CaptureResult = Result<Arc<Report>, ProbeError>;

/// A request may get the report of a running capture that ends after the request's deadline, by this share of the
/// request's remaining time. This is necessary because simultaneous requests don't arrive in the order of their
/// deadlines. It is safe because a capture waits for nothing during the last 3 % of its time
/// ([`TimeBudget::segments`](super::budget::TimeBudget::segments)).
const SPARE: f64 = 0.01;

/// Captures that are running. Simultaneous requests for the same probe share one of them and get the same report.
#[derive(Debug, Default)]
pub(crate) struct SharedCaptures {
    running: Mutex<HashMap<CaptureKey, RunningCapture>>,
}

#[derive(Debug, Clone)]
struct RunningCapture {
    deadline: Instant,
    answer: SharedAnswer,
}

/// The answer of a capture for each of its requests.
#[derive(Debug, Clone)]
struct SharedAnswer {
    future: Shared<BoxFuture<'static, CaptureResult>>,
    /// Whether one of the requests has got the report. What is done once with a report is done by the first that gets it: the request that
    /// started the capture may be gone then.
    is_taken: Arc<AtomicBool>,
}

impl SharedCaptures {
    /// Joins the running capture of `key` if it ends in time for this request. Otherwise starts `capture` as a separate
    /// task, so that a client that closes its connection doesn't end it for the others. Returns the report, and whether
    /// it was made for an earlier request.
    pub(crate) async fn share(
        self: &Arc<Self>,
        key: CaptureKey,
        deadline: Instant,
        capture: impl Future<Output = CaptureResult> + Send + 'static,
    ) -> (CaptureResult, bool) {
        let spare = deadline.saturating_duration_since(Instant::now()).mul_f64(SPARE);
        let SharedAnswer { future, is_taken } = {
            let mut running = self.lock();
            match running.get(&key) {
                Some(flight) if flight.deadline <= deadline + spare => flight.answer.clone(),
                Some(_) => Self::launch(capture, None),
                None => {
                    let landing = RemoveOnEnd { flights: self.clone(), key: key.clone() };
                    let answer = Self::launch(capture, Some(landing));
                    running.insert(key, RunningCapture { deadline, answer: answer.clone() });
                    answer
                }
            }
        };
        let answer = future.await;
        (answer, is_taken.swap(true, Ordering::Relaxed))
    }

    fn launch(
        capture: impl Future<Output = CaptureResult> + Send + 'static,
        landing: Option<RemoveOnEnd>,
    ) -> SharedAnswer {
        let task = tokio::spawn(async move {
            let _landing = landing;
            capture.await
        });
        let answer = async move {
            task.await.unwrap_or_else(|e| Err(ProbeError::Overloaded(format!("the probe's task ended early: {e}"))))
        };
        SharedAnswer { future: answer.boxed().shared(), is_taken: Arc::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CaptureKey, RunningCapture>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a capture from the list when this value is dropped, however the capture ends.
struct RemoveOnEnd {
    flights: Arc<SharedCaptures>,
    key: CaptureKey,
}

impl Drop for RemoveOnEnd {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::oneshot;

    fn key() -> CaptureKey {
        ("TV1".to_owned(), "T".to_owned(), None)
    }

    /// Makes an error that stands for a report in these tests, because a report takes more code to make.
    fn answer(name: &str) -> CaptureResult {
        Err(ProbeError::BadRequest(name.to_owned()))
    }

    fn answered(outcome: (CaptureResult, bool)) -> (String, bool) {
        (outcome.0.map(|_| "a report".to_owned()).unwrap_or_else(|e| e.to_string()), outcome.1)
    }

    async fn landed(flights: &SharedCaptures) {
        while !flights.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Returns the answers to two requests; the second request comes while the capture of the first is running.
    async fn two(flights: &Arc<SharedCaptures>, first: Instant, second: Instant) -> [(String, bool); 2] {
        let (end, ended) = oneshot::channel::<()>();
        let first = flights.share(key(), first, async move {
            let _ = ended.await;
            answer("first")
        });
        let second = async {
            let joined = flights.share(key(), second, async { answer("second") });
            let (joined, ()) = tokio::join!(joined, async { end.send(()).unwrap() });
            joined
        };
        let (first, second) = tokio::join!(first, second);
        let mut answers = [answered(first), answered(second)];
        // Either of them may be the first that gets the report.
        answers.sort();
        answers
    }

    #[tokio::test]
    async fn requests_at_the_same_time_share_one_capture_and_the_next_request_starts_another() {
        let flights = Arc::new(SharedCaptures::default());
        let soon = Instant::now() + Duration::from_secs(10);
        let answers = two(&flights, soon, soon + Duration::from_secs(1)).await;
        assert_eq!(answers, [("first".into(), false), ("first".into(), true)]);
        landed(&flights).await;
        assert_eq!(answered(flights.share(key(), soon, async { answer("third") }).await), ("third".into(), false));
    }

    #[tokio::test]
    async fn requests_at_the_same_moment_share_a_capture_in_whatever_order_they_come() {
        let flights = Arc::new(SharedCaptures::default());
        let soon = Instant::now() + Duration::from_secs(100);
        let answers = two(&flights, soon, soon - Duration::from_millis(500)).await;
        assert_eq!(answers, [("first".into(), false), ("first".into(), true)]);
    }

    #[tokio::test]
    async fn a_request_with_less_time_starts_its_own_capture_and_leaves_the_other_to_be_shared() {
        let flights = Arc::new(SharedCaptures::default());
        let late = Instant::now() + Duration::from_secs(60);
        let (end, ended) = oneshot::channel::<()>();
        let long = flights.share(key(), late, async move {
            let _ = ended.await;
            answer("long")
        });
        let short = async {
            let own = flights.share(key(), Instant::now() + Duration::from_secs(1), async { answer("short") }).await;
            assert_eq!(flights.lock().len(), 1, "the long capture can still be joined");
            end.send(()).unwrap();
            own
        };
        let (long, short) = tokio::join!(long, short);
        assert_eq!((answered(long), answered(short)), (("long".into(), false), ("short".into(), false)));
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_does_not_end_the_capture_for_the_others() {
        let flights = Arc::new(SharedCaptures::default());
        let soon = Instant::now() + Duration::from_secs(10);
        let (end, ended) = oneshot::channel::<()>();
        let mut first = Box::pin(flights.share(key(), soon, async move {
            let _ = ended.await;
            answer("first")
        }));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(flights.share(key(), soon, async { answer("second") }));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        end.send(()).unwrap();
        assert_eq!(answered(second.await), ("first".into(), false), "the first that gets the report");
    }

    #[tokio::test]
    async fn a_capture_that_panics_is_answered_and_frees_its_permit() {
        let flights = Arc::new(SharedCaptures::default());
        let soon = Instant::now() + Duration::from_secs(10);
        let places = Arc::new(tokio::sync::Semaphore::new(1));
        let place = places.clone().acquire_owned().await.unwrap();
        let broken = async move {
            let _place = place;
            panic!("a bug")
        };
        let (answer, _) = flights.share(key(), soon, broken).await;
        assert!(matches!(answer, Err(ProbeError::Overloaded(why)) if why.contains("ended early")));
        landed(&flights).await;
        assert_eq!(places.available_permits(), 1);
    }
}
