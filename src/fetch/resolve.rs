//! DNS lookups, one for each new connection. The address guard filters the answer before a connection is opened.

use crate::facts::{Failure, FailureKind};
use crate::fetch::connect_trace;
use crate::fetch::guard::AddressGuard;
use packager_media::redact;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Largest number of DNS lookups at the same time. A lookup blocks a thread until the name server answers, even after
/// the request has given up, and file access needs threads of the same pool (512).
const MAX_LOOKUPS: usize = 256;
/// Largest number of addresses that are used of one DNS answer.
const MAX_ADDRESSES: usize = 16;

/// Failure of the DNS resolver, as an error that the HTTP client passes on unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(super) struct ResolveFailure(pub Failure);

#[derive(Debug)]
pub(super) struct Resolver {
    guard: AddressGuard,
    lookups: Arc<Semaphore>,
}

impl Resolver {
    pub(crate) fn new(guard: AddressGuard) -> Self {
        Self { guard, lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookups) = (self.guard, Arc::clone(&self.lookups));
        Box::pin(async move {
            connect_trace::mark(|marks| marks.resolving = Some(Instant::now()));
            let found = lookup(name.as_str().to_owned(), lookups).await.map_err(|e| no_address(name.as_str(), &e))?;
            let kept = guard.filter_addresses(name.as_str(), found).map_err(ResolveFailure)?;
            if kept.is_empty() {
                return Err(no_address(name.as_str(), &io::Error::other("an empty answer")).into());
            }
            connect_trace::mark(|marks| {
                marks.resolved = Some(Instant::now());
                marks.addresses.clone_from(&kept);
            });
            // The HTTP client replaces port 0 by the URL's port.
            Ok(Box::new(kept.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// Looks up a name in a separate task. The operating system's lookup can't be cancelled. If the request gives up
/// earlier, the lookup still counts in the largest number of lookups until its thread is free.
async fn lookup(host: String, lookups: Arc<Semaphore>) -> io::Result<Vec<IpAddr>> {
    let slot = lookups.acquire_owned().await.map_err(io::Error::other)?;
    let task = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host, 0)).await;
        drop(slot);
        found.map(|all| all.take(MAX_ADDRESSES).map(|at| at.ip()).collect())
    });
    task.await.map_err(io::Error::other)?
}

fn no_address(host: &str, error: &io::Error) -> ResolveFailure {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let message =
        format!("no address for {host}: {}; check the name and this host's DNS", redact::sanitize_line(text, 200));
    ResolveFailure(Failure { kind: FailureKind::Dns, message })
}
