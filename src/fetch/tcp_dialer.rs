//! Opens TCP connections to the addresses of a host, in a staggered race (RFC 8305): an address that doesn't answer delays the
//! next one by a fraction of a second, and doesn't use up the time of the request.

use crate::catalog::IpProtocol;
use crate::fetch::connect_trace::{self, BoxError};
use crate::fetch::resolve::{Resolver, WordedFailure};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _};

/// Time after which TCP probes an idle connection, and the interval of these probes.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// Time after which a connection is closed whose data or probes nobody acknowledges: the server failed over without a word.
#[cfg(target_os = "linux")]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for which an address may leave a connection attempt unanswered before the next address is tried too.
const LONGEST_STAGGER: Duration = Duration::from_millis(250);

/// A connector that opens TCP connections to addresses that the guard allows.
#[derive(Debug, Clone)]
pub(super) struct TcpDialer {
    pub(super) resolver: Resolver,
    /// It only meets addresses, and sets the options of the sockets.
    inner: HttpConnector,
    source_address: Option<IpAddr>,
    /// The time for the connection, which all addresses share.
    connect_timeout: Duration,
}

impl TcpDialer {
    pub(crate) fn new(
        resolver: &Resolver,
        protocol: Option<IpProtocol>,
        source_address: Option<IpAddr>,
        connect_timeout: Duration,
    ) -> Self {
        let mut inner = HttpConnector::new();
        inner.enforce_http(false);
        inner.set_nodelay(true);
        inner.set_keepalive(Some(TCP_KEEPALIVE));
        inner.set_keepalive_interval(Some(TCP_KEEPALIVE));
        inner.set_keepalive_retries(Some(3));
        #[cfg(target_os = "linux")]
        inner.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT));
        inner.set_local_address(source_address);
        let resolver = resolver.with_protocol(protocol.unwrap_or(IpProtocol::Any));
        Self { resolver, inner, source_address, connect_timeout }
    }

    /// Opens a connection to the server of `uri`, of which only host and port count.
    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, BoxError> {
        connect_trace::mark(|marks| marks.port = uri.port_u16());
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let addresses = self.addresses(uri.host().unwrap_or_default()).await?;
        let addresses = in_order(addresses, self.source_address).into_iter().map(|ip| SocketAddr::new(ip, port));
        self.connect_to_any(addresses.collect()).await
    }

    /// Returns the addresses of a host that may be asked. Names are judged after DNS; an address, of the URL, of
    /// `connect_to` or of a proxy, meets no resolver.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, WordedFailure> {
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            self.resolver.check(host, ip).map_err(WordedFailure)?;
            return Ok(vec![ip]);
        }
        connect_trace::mark(|marks| marks.resolving = Some(Instant::now()));
        let allowed = self.resolver.addresses(host).await.map_err(WordedFailure)?;
        connect_trace::mark(|marks| marks.resolved = Some(Instant::now()));
        Ok(allowed)
    }

    async fn connect_to_any(&self, addresses: Vec<SocketAddr>) -> Result<TokioIo<TcpStream>, BoxError> {
        // All of them are tried before the time for the connection ends.
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
        let stagger = LONGEST_STAGGER.min(self.connect_timeout / count);
        let attempt = |address: SocketAddr| {
            connect_trace::mark(|marks| marks.addresses.push(address.ip()));
            let inner = self.inner.clone();
            async move { Ok(inner.oneshot(format!("http://{address}/").parse()?).await?) }
        };
        first_to_connect(addresses, stagger, attempt).await
    }
}

impl Service<Uri> for TcpDialer {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Returns the addresses in the order in which they are tried: as DNS sorted them, but the two kinds of addresses by turns.
/// A source address can only reach addresses of its own kind.
fn in_order(addresses: Vec<IpAddr>, source: Option<IpAddr>) -> Vec<IpAddr> {
    let reachable = |ip: &IpAddr| source.is_none_or(|source| source.is_ipv4() == ip.is_ipv4());
    let Some(begins_with_ipv4) = addresses.first().map(IpAddr::is_ipv4) else { return addresses };
    let (first, second): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.into_iter().filter(reachable).partition(|ip| ip.is_ipv4() == begins_with_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before {
            return ordered;
        }
    }
}

/// Attempts the addresses in their order, and returns the first connection. The next attempt begins when one fails, or
/// after `stagger` beside those that have no answer yet.
///
/// # Errors
/// The first attempt's failure, when all have failed.
pub(crate) async fn first_to_connect<A, T, F>(
    addresses: Vec<A>,
    stagger: Duration,
    mut attempt: impl FnMut(A) -> F,
) -> Result<T, BoxError>
where
    F: Future<Output = Result<T, BoxError>>,
{
    let mut waiting = addresses.into_iter();
    let (mut attempts, mut first_failure) = (FuturesUnordered::new(), None);
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(attempt(address));
        }
        tokio::select! {
            ended = attempts.next() => match ended {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(failure)) => _ = first_failure.get_or_insert(failure),
                None => return Err(first_failure.unwrap_or_else(no_address)),
            },
            () = tokio::time::sleep(stagger), if waiting.len() > 0 => {}
        }
    }
}

fn no_address() -> BoxError {
    io::Error::new(io::ErrorKind::NetworkUnreachable, "no address of the kind of source_address").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::guard::AddressGuard;

    const AGES: Duration = Duration::from_secs(3600);

    fn addresses(last: &[u8]) -> Vec<SocketAddr> {
        last.iter().map(|n| SocketAddr::from(([192, 0, 2, *n], 80))).collect()
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_hold_up_the_next() {
        let attempt = |address: SocketAddr| async move {
            if address == addresses(&[1])[0] { std::future::pending().await } else { Ok(address) }
        };
        let connected = first_to_connect(addresses(&[1, 2]), Duration::from_millis(1), attempt).await;
        assert_eq!(connected.unwrap(), addresses(&[2])[0]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_followed_by_the_next_at_once() {
        let mut tried = Vec::new();
        let attempt = |address: SocketAddr| {
            tried.push(address);
            async move { if address == addresses(&[1])[0] { Err("refused".into()) } else { Ok(address) } }
        };
        let connected = first_to_connect(addresses(&[1, 2, 3]), AGES, attempt).await;
        assert_eq!(connected.unwrap(), addresses(&[2])[0]);
        assert_eq!(tried, addresses(&[1, 2]), "nobody waits for the third");
    }

    #[tokio::test]
    async fn the_first_failure_is_reported_when_all_have_failed() {
        let attempt = |address: SocketAddr| async move { Err::<(), BoxError>(address.to_string().into()) };
        let failure = first_to_connect(addresses(&[1, 2, 3]), AGES, attempt).await.unwrap_err();
        assert_eq!(failure.to_string(), "192.0.2.1:80");
        let none = first_to_connect(Vec::new(), AGES, attempt).await.unwrap_err();
        assert!(none.to_string().contains("source_address"), "{none}");
    }

    #[test]
    fn addresses_of_both_kinds_are_tried_by_turns() {
        let ips = |all: &[&str]| all.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect::<Vec<_>>();
        let found = ips(&["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        let expected = ips(&["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(in_order(found.clone(), None), expected);
        let source = Some("192.0.2.9".parse().unwrap());
        assert_eq!(in_order(found, source), ips(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]));
        assert!(in_order(Vec::new(), None).is_empty());
    }

    /// A listener whose backlog is full drops further SYN packets, as a dead host's network does. Another one listens on the
    /// same port of the next address.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_name_with_one_dead_address_is_reached_at_another() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(0).unwrap();
        let dead = full.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(dead)).await {
            queued.push(stream);
        }
        let alive = SocketAddr::new("127.0.0.2".parse().unwrap(), dead.port());
        let _listener = tokio::net::TcpListener::bind(alive).await.unwrap();
        let guard = AddressGuard { allow_private: true };
        let dialer = TcpDialer::new(&Resolver::new(guard), None, None, AGES);
        let trail = std::sync::Arc::new(connect_trace::ConnectTrace::default());
        let connecting = dialer.connect_to_any(vec![dead, alive]);
        let connected = connect_trace::with_trace(&trail, connecting).await.unwrap();
        assert_eq!(connected.inner().peer_addr().unwrap(), alive);
        assert_eq!(trail.marks().addresses, [dead.ip(), alive.ip()], "addresses that were tried, for a message");
    }
}
