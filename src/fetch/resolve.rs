//! DNS lookups, one for each new connection. The address guard filters the answer before a connection is opened.

use crate::catalog::IpProtocol;
use crate::facts::{Failure, FailureKind};
use crate::fetch::guard::AddressGuard;
use packager_media::redact;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Largest number of DNS lookups at the same time. A lookup blocks a thread until the name server answers, even after
/// the request has given up, and file access needs threads of the same pool (512).
const MAX_LOOKUPS: usize = 256;
/// Largest number of addresses that are used of one DNS answer.
const MAX_ADDRESSES: usize = 16;

/// A failure that is worded already, as an error that the HTTP client passes on unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(super) struct WordedFailure(pub Failure);

/// Looks up the names of servers. Its clones share the bound on lookups.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    guard: AddressGuard,
    protocol: IpProtocol,
    lookups: Arc<Semaphore>,
}

impl Resolver {
    pub(crate) fn new(guard: AddressGuard) -> Self {
        Self { guard, protocol: IpProtocol::Any, lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }

    /// A resolver that uses addresses of this kind alone.
    pub(crate) fn with_protocol(&self, protocol: IpProtocol) -> Self {
        Self { protocol, ..self.clone() }
    }

    /// The addresses of `host` that may be asked, at least one.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let mut found = self.lookup(host).await?;
        let kind = match self.protocol {
            IpProtocol::Any => "",
            IpProtocol::Ip4 => "IPv4 ",
            IpProtocol::Ip6 => "IPv6 ",
        };
        found.retain(|ip| self.wants(ip));
        if found.is_empty() {
            return Err(no_address(host, &format!("DNS has no {kind}address of it")));
        }
        self.guard.filter_addresses(host, found)
    }

    /// Judges the addresses of a host behind a proxy, and returns those to which the proxy may connect, at least one. A name that this
    /// machine's DNS doesn't know can't be judged, and is refused.
    pub(crate) async fn check_proxied(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(ip) => self.check(host, ip).map(|()| vec![ip]),
            // A proxy that looks the name up itself may choose any of them, so each has to be allowed.
            Err(_) => self.every_address(host).await.map_err(|failure| Failure {
                message: format!("{}; the address guard judges hosts behind a proxy, too", failure.message),
                ..failure
            }),
        }
    }

    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let found = lookup(host.to_owned(), Arc::clone(&self.lookups)).await;
        found.map_err(|e| no_address(host, &e.to_string()))
    }

    /// Judges every address of a name, and returns those of the wanted kind, IPv4 before IPv6.
    async fn every_address(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let mut found = self.lookup(host).await?;
        found.iter().try_for_each(|ip| self.check(host, *ip))?;
        found.retain(|ip| self.wants(ip));
        found.sort_by_key(IpAddr::is_ipv6);
        if found.is_empty() {
            return Err(no_address(host, "DNS has no address of it that may be used"));
        }
        Ok(found)
    }

    fn wants(&self, ip: &IpAddr) -> bool {
        match self.protocol {
            IpProtocol::Any => true,
            IpProtocol::Ip4 => ip.is_ipv4(),
            IpProtocol::Ip6 => ip.is_ipv6(),
        }
    }

    /// Judges an address that no DNS answer gave.
    pub(crate) fn check(&self, host: &str, ip: IpAddr) -> Result<(), Failure> {
        self.guard.check_address(ip).map_err(|why| Failure::new(FailureKind::Refused, format!("refused: {host} {why}")))
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

fn no_address(host: &str, text: &str) -> Failure {
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    let message =
        format!("no address for {host}: {}; check the name and this host's DNS", redact::sanitize_line(text, 200));
    Failure { kind: FailureKind::Dns, message }
}
