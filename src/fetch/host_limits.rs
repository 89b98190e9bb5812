//! The bound on the requests to one server at the same time.

use crate::catalog::ConnectionSettings;
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

    /// Waits until a request to `url`'s host and port may start. Another request may start when the permit is dropped.
    /// With `connect_to` the address to connect to is the server, whatever names it serves.
    pub(crate) async fn acquire(&self, url: &Url, settings: &ConnectionSettings) -> Option<OwnedSemaphorePermit> {
        self.semaphore(url, settings).acquire_owned().await.ok()
    }

    fn semaphore(&self, url: &Url, settings: &ConnectionSettings) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= SWEEP_AT {
            // A semaphore that nobody else holds has all its permits, so forgetting it changes nothing.
            hosts.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        Arc::clone(hosts.entry(key(url, settings)).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
    }
}

fn key(url: &Url, settings: &ConnectionSettings) -> String {
    let (host, port) = settings.target(url);
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> ConnectionSettings {
        ConnectionSettings::default()
    }

    #[tokio::test]
    async fn the_memory_of_hosts_is_bounded_and_keeps_those_in_use() {
        let slots = HostLimits::new(1);
        let held = slots.acquire(&Url::parse("http://held/").unwrap(), &plain()).await;
        for n in 0..SWEEP_AT + 10 {
            slots.acquire(&Url::parse(&format!("http://h{n}/")).unwrap(), &plain()).await;
        }
        assert!(slots.hosts.lock().unwrap().len() < SWEEP_AT);
        assert_eq!(slots.semaphore(&Url::parse("http://held/").unwrap(), &plain()).available_permits(), 0);
        drop(held);
    }

    #[tokio::test]
    async fn hosts_and_ports_are_limited_separately_and_schemes_by_their_port() {
        let limits = HostLimits::new(2);
        let free = |text: &str| limits.semaphore(&Url::parse(text).unwrap(), &plain()).available_permits();
        let _permit = limits.acquire(&Url::parse("http://h/a").unwrap(), &plain()).await.unwrap();
        assert_eq!(
            (free("http://h:80/b"), free("http://h:8080/"), free("https://h/"), free("http://i/")),
            (1, 2, 2, 2)
        );
        assert_eq!(HostLimits::new(0).per_host, 1, "no request could ever be sent");
    }
}
