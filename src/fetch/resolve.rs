//! DNS: one lookup a connection, its answers filtered by the guard before anything connects.

use crate::facts::{Failure, FailureKind};
use crate::fetch::guard::Guard;
use crate::fetch::trail;
use packager_media::redact;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Lookups under way at once. The system's resolver blocks a thread for as long as a dead name server lets it, and
/// goes on after the request gave up; file access shares those threads (512).
const MAX_LOOKUPS: usize = 256;
/// Addresses taken from one answer.
const MAX_ADDRESSES: usize = 16;

/// A failure found below the HTTP client, on its way up through it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(super) struct Stopped(pub Failure);

#[derive(Debug)]
pub(super) struct Resolver {
    guard: Guard,
    lookups: Arc<Semaphore>,
}

impl Resolver {
    pub fn new(guard: Guard) -> Self {
        Self { guard, lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookups) = (self.guard, Arc::clone(&self.lookups));
        Box::pin(async move {
            trail::note(|marks| marks.resolving = Some(Instant::now()));
            let found = lookup(name.as_str().to_owned(), lookups).await.map_err(|e| unknown(name.as_str(), &e))?;
            let kept = guard.filter(name.as_str(), found).map_err(Stopped)?;
            if kept.is_empty() {
                return Err(unknown(name.as_str(), &io::Error::other("an empty answer")).into());
            }
            trail::note(|marks| {
                marks.resolved = Some(Instant::now());
                marks.addresses.clone_from(&kept);
            });
            // Port 0 stands for the URL's own.
            Ok(Box::new(kept.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// In a task of its own, so that the count holds until the thread is back, even if the request is long gone.
async fn lookup(host: String, lookups: Arc<Semaphore>) -> io::Result<Vec<IpAddr>> {
    let slot = lookups.acquire_owned().await.map_err(io::Error::other)?;
    let task = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host, 0)).await;
        drop(slot);
        found.map(|all| all.take(MAX_ADDRESSES).map(|at| at.ip()).collect())
    });
    task.await.map_err(io::Error::other)?
}

fn unknown(host: &str, error: &io::Error) -> Stopped {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let message =
        format!("no address for {host}: {}; check the name and this host's DNS", redact::sanitize_line(text, 200));
    Stopped(Failure { kind: FailureKind::Dns, message })
}
