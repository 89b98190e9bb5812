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
        let (answer, shared) = {
            let mut running = self.lock();
            match running.get(&key) {
                Some(flight) if flight.deadline <= deadline => (flight.answer.clone(), true),
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
