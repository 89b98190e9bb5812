use super::Refused;
use crate::report::Report;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What two probes must agree in to share one capture: channel, template, output.
pub type Key = (String, String, Option<String>);
type Answer = Result<Arc<Report>, Refused>;

/// Part of its time by which a capture may end after an asker's deadline: two who ask at the same moment don't reach this place in the
/// order of their deadlines. A capture has done all waiting when 3 % are left ([`Budget::segments`](super::budget::Budget::segments)).
const SPARE: f64 = 0.01;

/// Captures under way. Two scrapers and a person who ask at the same time share one, and get the same verdict.
#[derive(Debug, Default)]
pub struct Flights {
    running: Mutex<HashMap<Key, Flight>>,
}

#[derive(Debug, Clone)]
struct Flight {
    deadline: Instant,
    answer: Shared<BoxFuture<'static, Answer>>,
}

impl Flights {
    /// Joins the capture under way for `key`, if that ends in time for this asker; otherwise starts `capture` as a
    /// task of its own, so that an asker who hangs up doesn't cut off the others. Says whether it joined.
    pub async fn share(
        self: &Arc<Self>,
        key: Key,
        deadline: Instant,
        capture: impl Future<Output = Answer> + Send + 'static,
    ) -> (Answer, bool) {
        let spare = deadline.saturating_duration_since(Instant::now()).mul_f64(SPARE);
        let (answer, shared) = {
            let mut running = self.lock();
            match running.get(&key) {
                Some(flight) if flight.deadline <= deadline + spare => (flight.answer.clone(), true),
                Some(_) => (Self::launch(capture, None), false),
                None => {
                    let landing = Landing { flights: self.clone(), key: key.clone() };
                    let answer = Self::launch(capture, Some(landing));
                    running.insert(key, Flight { deadline, answer: answer.clone() });
                    (answer, false)
                }
            }
        };
        (answer.await, shared)
    }

    fn launch(
        capture: impl Future<Output = Answer> + Send + 'static,
        landing: Option<Landing>,
    ) -> Shared<BoxFuture<'static, Answer>> {
        let task = tokio::spawn(async move {
            let _landing = landing;
            capture.await
        });
        let answer = async move {
            task.await.unwrap_or_else(|e| Err(Refused::Overloaded(format!("the probe's task ended early: {e}"))))
        };
        answer.boxed().shared()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Flight>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes its flight off the list however the capture ends.
struct Landing {
    flights: Arc<Flights>,
    key: Key,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::oneshot;

    fn key() -> Key {
        ("TV1".to_owned(), "T".to_owned(), None)
    }

    /// Refusals stand for reports, which take more to make.
    fn answer(name: &str) -> Answer {
        Err(Refused::BadRequest(name.to_owned()))
    }

    fn said(outcome: (Answer, bool)) -> (String, bool) {
        (outcome.0.map(|_| "a report".to_owned()).unwrap_or_else(|e| e.to_string()), outcome.1)
    }

    async fn landed(flights: &Flights) {
        while !flights.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// What the first is told, and one who asks while the first's capture is under way.
    async fn two(flights: &Arc<Flights>, first: Instant, second: Instant) -> [(String, bool); 2] {
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
        [said(first), said(second)]
    }

    #[tokio::test]
    async fn askers_at_the_same_time_share_one_capture_and_the_next_starts_another() {
        let flights = Arc::new(Flights::default());
        let soon = Instant::now() + Duration::from_secs(10);
        let told = two(&flights, soon, soon + Duration::from_secs(1)).await;
        assert_eq!(told, [("first".into(), false), ("first".into(), true)]);
        landed(&flights).await;
        assert_eq!(said(flights.share(key(), soon, async { answer("third") }).await), ("third".into(), false));
    }

    #[tokio::test]
    async fn askers_at_the_same_moment_share_it_in_whatever_order_they_come() {
        let flights = Arc::new(Flights::default());
        let soon = Instant::now() + Duration::from_secs(100);
        let told = two(&flights, soon, soon - Duration::from_millis(500)).await;
        assert_eq!(told, [("first".into(), false), ("first".into(), true)]);
    }

    #[tokio::test]
    async fn an_asker_with_less_time_starts_its_own_and_leaves_the_other_to_be_shared() {
        let flights = Arc::new(Flights::default());
        let late = Instant::now() + Duration::from_secs(60);
        let (end, ended) = oneshot::channel::<()>();
        let long = flights.share(key(), late, async move {
            let _ = ended.await;
            answer("long")
        });
        let short = async {
            let own = flights.share(key(), Instant::now() + Duration::from_secs(1), async { answer("short") }).await;
            assert_eq!(flights.lock().len(), 1, "the long one is still there to be joined");
            end.send(()).unwrap();
            own
        };
        let (long, short) = tokio::join!(long, short);
        assert_eq!((said(long), said(short)), (("long".into(), false), ("short".into(), false)));
    }

    #[tokio::test]
    async fn an_asker_who_hangs_up_does_not_cut_off_the_others() {
        let flights = Arc::new(Flights::default());
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
        assert_eq!(said(second.await), ("first".into(), true));
    }

    #[tokio::test]
    async fn a_capture_that_panics_is_answered_and_frees_its_place() {
        let flights = Arc::new(Flights::default());
        let soon = Instant::now() + Duration::from_secs(10);
        let places = Arc::new(tokio::sync::Semaphore::new(1));
        let place = places.clone().acquire_owned().await.unwrap();
        let broken = async move {
            let _place = place;
            panic!("a bug")
        };
        let (answer, _) = flights.share(key(), soon, broken).await;
        assert!(matches!(answer, Err(Refused::Overloaded(why)) if why.contains("ended early")));
        landed(&flights).await;
        assert_eq!(places.available_permits(), 1);
    }
}
