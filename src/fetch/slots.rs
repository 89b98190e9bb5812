//! How many requests may be under way to one host and port at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// Hosts remembered before those without a request under way are forgotten.
const SWEEP_AT: usize = 4096;

#[derive(Debug)]
pub(super) struct Slots {
    pub each: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Slots {
    pub fn new(each: usize) -> Self {
        Self { each: each.clamp(1, Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Waits for a slot of `url`'s host and port; it is free again when the permit is dropped.
    pub async fn take(&self, url: &Url) -> Option<OwnedSemaphorePermit> {
        self.of(url).acquire_owned().await.ok()
    }

    fn of(&self, url: &Url) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= SWEEP_AT {
            // One that nobody else holds has all its permits: forgetting it loses nothing.
            hosts.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        Arc::clone(hosts.entry(key(url)).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }
}

fn key(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_of_hosts_is_bounded_and_keeps_those_in_use() {
        let slots = Slots::new(1);
        let held = slots.take(&Url::parse("http://held/").unwrap()).await;
        for n in 0..SWEEP_AT + 10 {
            slots.take(&Url::parse(&format!("http://h{n}/")).unwrap()).await;
        }
        assert!(slots.hosts.lock().unwrap().len() < SWEEP_AT);
        assert_eq!(slots.of(&Url::parse("http://held/").unwrap()).available_permits(), 0);
        drop(held);
    }
}
