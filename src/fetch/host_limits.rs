//! The bound on the requests to one server at the same time, shared fairly between the channels that ask it.

use crate::catalog::ConnectionSettings;
use crate::permits::{GrantOrder, Permit, Permits};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use url::Url;

/// Number of remembered hosts from which on hosts without a request in flight are forgotten.
const SWEEP_AT: usize = 4096;

/// Identity of the channel that sends a request.
pub(super) type Sender = usize;

/// A permit to have one request to a server in flight.
pub(super) type RequestPermit = Permit<Sender>;

/// The permits of each host and port to which a request was sent. The channel that has the fewest requests in flight there
/// comes first, so that one with many segments doesn't make the others wait.
#[derive(Debug)]
pub(super) struct HostLimits {
    /// Largest number of requests to one host and port at the same time.
    pub(crate) per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Permits<Sender>>>>,
}

impl HostLimits {
    pub(crate) fn new(each: usize) -> Self {
        Self { per_host: each.max(1), hosts: Mutex::default() }
    }

    /// Waits until a request of the channel `sender` to `url`'s host and port may start. Another request may start when the
    /// permit is dropped. With `connect_to` the address to connect to is the server, whatever names it serves.
    pub(crate) async fn acquire(
        &self,
        url: &Url,
        settings: &ConnectionSettings,
        sender: Sender,
    ) -> Option<RequestPermit> {
        self.permits(url, settings).acquire(sender, Instant::now()).await
    }

    fn permits(&self, url: &Url, settings: &ConnectionSettings) -> Arc<Permits<Sender>> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= SWEEP_AT {
            // Permits that nobody holds or waits for are all free, so forgetting them changes nothing.
            hosts.retain(|_, permits| Arc::strong_count(permits) > 1 || permits.is_in_use());
        }
        let new = || Arc::new(Permits::new(self.per_host, GrantOrder::Turns));
        Arc::clone(hosts.entry(key(url, settings)).or_insert_with(new))
    }
}

fn key(url: &Url, settings: &ConnectionSettings) -> String {
    let (host, port) = settings.target(url);
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn plain() -> ConnectionSettings {
        ConnectionSettings::default()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_memory_of_hosts_is_bounded_and_keeps_those_in_use() {
        let limits = HostLimits::new(1);
        let held = limits.acquire(&url("http://held/"), &plain(), 1).await;
        for n in 0..SWEEP_AT + 10 {
            limits.acquire(&url(&format!("http://h{n}/")), &plain(), 1).await;
        }
        assert!(limits.hosts.lock().unwrap().len() < SWEEP_AT);
        assert!(limits.acquire(&url("http://held/"), &plain(), 2).now_or_never().is_none(), "its only permit is held");
        drop(held);
    }

    #[tokio::test]
    async fn hosts_and_ports_are_limited_separately_and_schemes_by_their_port() {
        let limits = HostLimits::new(1);
        let is_free = |text: &str| limits.acquire(&url(text), &plain(), 2).now_or_never().is_some();
        let _permit = limits.acquire(&url("http://h/a"), &plain(), 1).await.unwrap();
        let free = ["http://h:80/b", "http://h:8080/", "https://h/", "http://i/"].map(is_free);
        assert_eq!(free, [false, true, true, true]);
        assert_eq!(HostLimits::new(0).per_host, 1, "no request could ever be sent");
    }
}
