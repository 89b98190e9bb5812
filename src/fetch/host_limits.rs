//! Bound on the number of requests to one host and port at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// Number of remembered hosts from which on hosts without a request in flight are forgotten.
const SWEEP_AT: usize = 4096;

/// One semaphore for each host and port to which a request was sent.
#[derive(Debug)]
pub(super) struct HostLimits {
    /// Largest number of requests to one host and port at the same time.
    pub(crate) per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl HostLimits {
    pub(crate) fn new(each: usize) -> Self {
        Self { per_host: each.clamp(1, Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Waits until a request to the host and port of `url` may start. Another request may start when the permit is
    /// dropped.
    pub(crate) async fn acquire(&self, url: &Url) -> Option<OwnedSemaphorePermit> {
        self.semaphore(url).acquire_owned().await.ok()
    }

    fn semaphore(&self, url: &Url) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= SWEEP_AT {
            // A semaphore that nobody else holds has all its permits, so forgetting it changes nothing.
            hosts.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        Arc::clone(hosts.entry(key(url)).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
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
        let slots = HostLimits::new(1);
        let held = slots.acquire(&Url::parse("http://held/").unwrap()).await;
        for n in 0..SWEEP_AT + 10 {
            slots.acquire(&Url::parse(&format!("http://h{n}/")).unwrap()).await;
        }
        assert!(slots.hosts.lock().unwrap().len() < SWEEP_AT);
        assert_eq!(slots.semaphore(&Url::parse("http://held/").unwrap()).available_permits(), 0);
        drop(held);
    }

    #[tokio::test]
    async fn hosts_and_ports_are_limited_separately_and_schemes_by_their_port() {
        let limits = HostLimits::new(2);
        let free = |text: &str| limits.semaphore(&Url::parse(text).unwrap()).available_permits();
        let _permit = limits.acquire(&Url::parse("http://h/a").unwrap()).await.unwrap();
        assert_eq!(
            (free("http://h:80/b"), free("http://h:8080/"), free("https://h/"), free("http://i/")),
            (1, 2, 2, 2)
        );
        assert_eq!(HostLimits::new(0).per_host, 1, "no request could ever be sent");
    }
}
