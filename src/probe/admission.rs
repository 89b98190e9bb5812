//! Admission of probes: the bound on the number of captures that run at the same time (`probe.max_in_flight`).

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Admits captures up to a bound, which a reload may change while captures run.
#[derive(Debug)]
pub(crate) struct Admission {
    free: Arc<Semaphore>,
    size: Mutex<usize>,
}

impl Admission {
    pub(crate) fn new(size: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(size)), size: Mutex::new(size) }
    }

    pub(crate) fn size(&self) -> usize {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until another capture may run. The capture counts as running until the permit is dropped. `None` never
    /// happens, because the semaphore is never closed.
    pub(crate) async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.free.acquire().await.ok()
    }

    /// Changes the bound. A lower bound takes effect as running captures end. Must be called inside a tokio runtime.
    pub(crate) fn resize(&self, to: usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let from = std::mem::replace(&mut *size, to);
        if to > from {
            self.free.add_permits(to - from);
        }
        let fewer = u32::try_from(from.saturating_sub(to)).unwrap_or(u32::MAX);
        if fewer > 0 {
            let free = Arc::clone(&self.free);
            tokio::spawn(async move {
                if let Ok(places) = free.acquire_many_owned(fewer).await {
                    places.forget();
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn settled(places: &Admission, free: usize) {
        while places.free.available_permits() != free {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_taken_place_that_is_to_go_goes_when_its_capture_ends() {
        let places = Admission::new(2);
        let (a, b) = (places.acquire().await.unwrap(), places.acquire().await.unwrap());
        places.resize(1);
        tokio::task::yield_now().await;
        drop(a);
        settled(&places, 0).await;
        drop(b);
        settled(&places, 1).await;
        assert_eq!(places.size(), 1);
    }

    #[tokio::test]
    async fn more_places_are_there_at_once_also_for_those_who_wait() {
        let places = Admission::new(1);
        let first = places.acquire().await.unwrap();
        let mut second = Box::pin(places.acquire());
        assert!(futures_util::FutureExt::now_or_never(&mut second).is_none());
        places.resize(3);
        assert!(second.await.is_some() && places.acquire().await.is_some());
        drop(first);
    }
}
