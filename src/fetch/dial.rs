//! Opens connections: address, proxy, TCP, TLS. The address guard judges each address before it is connected to, whoever named
//! it.

use crate::catalog::{Auth, ConnectionSettings, ProxySettings};
use crate::facts::{Failure, FailureKind};
use crate::fetch::connect_trace::{self, BoxError};
use crate::fetch::headers;
use crate::fetch::resolve::{Resolver, WordedFailure};
use crate::fetch::tcp_dialer::{TcpDialer, first_to_connect};
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use packager_media::redact;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt as _};
use url::Url;

/// Largest number of addresses of one name that are tried through a proxy.
const MAX_TUNNELS: usize = 3;

/// Opens the connections of one client, all with the same settings.
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    shared: Arc<DialerShared>,
}

#[derive(Debug)]
struct DialerShared {
    settings: ConnectionSettings,
    proxy: Option<ProxyRoute>,
    tcp: TcpDialer,
    tls: Arc<ClientConfig>,
    connect_timeout: Duration,
}

/// The way through a proxy.
#[derive(Debug, Clone)]
pub(super) struct ProxyRoute {
    settings: ProxySettings,
    uri: Uri,
    matcher: Arc<Matcher>,
    /// Whether even requests of http URLs go through a tunnel, because the connection leads to another host than the URL's.
    tunnels_http: bool,
}

/// How a request reaches its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Direct,
    /// The proxy opens a connection and forwards bytes.
    Tunnel,
    /// The proxy reads the request and sends its own.
    Forward,
}

/// The certificate (DER) that the server of a response presented.
#[derive(Debug, Clone)]
pub(super) struct PeerCertificate(pub Arc<[u8]>);

/// Instant at which the connection of a response was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenedAt(pub Instant);

impl ProxyRoute {
    pub(crate) fn new(settings: &ConnectionSettings) -> Result<Option<Self>, String> {
        let Some(proxy) = &settings.proxy else { return Ok(None) };
        let uri = proxy.proxy_url.as_str().trim_end_matches('/');
        let matcher = Matcher::builder().all(uri).no(proxy.no_proxy.join(",")).build();
        let with_port = match proxy.proxy_url.port_or_known_default() {
            Some(_) => uri.to_owned(),
            None => format!("{uri}:1080"),
        };
        let uri = with_port.parse().map_err(|_| format!("proxy_url {uri} can't be used"))?;
        let tunnels_http = settings.connect_to.is_some();
        Ok(Some(Self { settings: proxy.clone(), uri, matcher: Arc::new(matcher), tunnels_http }))
    }

    fn route(&self, uri: &Uri) -> Route {
        let is_socks = self.settings.proxy_url.scheme() == "socks5";
        match self.matcher.intercept(uri) {
            None => Route::Direct,
            Some(_) if is_socks || self.tunnels_http || uri.scheme_str() == Some("https") => Route::Tunnel,
            Some(_) => Route::Forward,
        }
    }

    /// Credentials that the proxy gets with a request for `url`. `None`: it wants none, or it doesn't see the request.
    pub(crate) fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        let uri = url.as_str().parse().ok()?;
        self.tunnel_authorization().filter(|_| self.route(&uri) == Route::Forward)
    }

    /// The proxy as messages name it.
    fn name(&self) -> String {
        format!("the proxy {}", self.uri.authority().map_or("", |authority| authority.as_str()))
    }

    /// The name of the proxy if it reads the requests for `url` and sends its own.
    pub(crate) fn forwarder(&self, url: &Url) -> Option<String> {
        let uri = url.as_str().parse().ok()?;
        (self.route(&uri) == Route::Forward).then(|| self.name())
    }

    fn tunnel_authorization(&self) -> Option<HeaderValue> {
        headers::authorization(self.settings.proxy_auth.as_ref()?).ok()
    }
}

impl Dialer {
    pub(crate) fn new(
        settings: ConnectionSettings,
        proxy: Option<ProxyRoute>,
        resolver: &Resolver,
        tls: ClientConfig,
        connect_timeout: Duration,
    ) -> Self {
        let tcp = TcpDialer::new(resolver, settings.ip_protocol, settings.source_address, connect_timeout);
        Self { shared: Arc::new(DialerShared { settings, proxy, tcp, tls: Arc::new(tls), connect_timeout }) }
    }
}

impl Service<Uri> for Dialer {
    type Response = ServerConnection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ServerConnection, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { connect_trace::connect(shared.dial(uri), shared.connect_timeout).await })
    }
}

impl DialerShared {
    async fn dial(&self, uri: Uri) -> Result<ServerConnection, BoxError> {
        let url = Url::parse(&uri.to_string())?;
        let target = self.target(&url)?;
        let route = self.proxy.as_ref().map_or(Route::Direct, |proxy| proxy.route(&uri));
        let tcp = match &self.proxy {
            Some(proxy) if route != Route::Direct => {
                let host = target.host().unwrap_or_default();
                let judged = self.tcp.resolver.check_proxied(host).await.map_err(WordedFailure)?;
                match route {
                    Route::Tunnel => self.dial_tunnel(proxy, &target, &judged).await?,
                    _ => self.dial_proxy(proxy, route, target).await?,
                }
            }
            _ => self.tcp.clone().oneshot(target).await?,
        };
        if url.scheme() != "https" {
            return Ok(ServerConnection::plain(tcp, route == Route::Forward));
        }
        connect_trace::mark(|marks| marks.hello = Some(Instant::now()));
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = self.settings.server_name.as_deref().unwrap_or(host).to_owned();
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(ServerName::try_from(name)?, tcp.into_inner());
        Ok(ServerConnection::tls(tls.await?))
    }

    /// The URI of the server to connect to.
    fn target(&self, url: &Url) -> Result<Uri, BoxError> {
        let (host, port) = self.settings.target(url);
        Ok(format!("{}://{host}:{port}/", url.scheme()).parse()?)
    }

    /// Opens a connection through the proxy to one of the addresses of the target, which were judged: the proxy must not look the name up
    /// again. The next attempt begins when one fails, or after a share of the time beside those that have no answer yet.
    async fn dial_tunnel(
        &self,
        proxy: &ProxyRoute,
        target: &Uri,
        addresses: &[IpAddr],
    ) -> Result<TokioIo<TcpStream>, BoxError> {
        let addresses = addresses.get(..MAX_TUNNELS).unwrap_or(addresses);
        let share = self.connect_timeout / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        let attempt =
            |address| async move { self.dial_proxy(proxy, Route::Tunnel, at_address(target, address)?).await };
        first_to_connect(addresses.to_vec(), share, attempt).await
    }

    /// Opens a connection to the proxy, and through it to the target.
    async fn dial_proxy(&self, proxy: &ProxyRoute, route: Route, target: Uri) -> Result<TokioIo<TcpStream>, BoxError> {
        let named = proxy.name();
        connect_trace::mark(|marks| marks.proxy = Some(named.clone()));
        let connected = self.tcp.clone().oneshot(proxy.uri.clone()).await;
        let mut connection = Some(connected.map_err(|error| unreachable_proxy(&error, &named))?);
        connect_trace::mark(|marks| marks.reached_proxy = true);
        if route == Route::Forward {
            return connection.ok_or_else(|| io::Error::other("no connection").into());
        }
        // The connection is there already, so that its own failure isn't hidden by that of the tunnel.
        let tcp = tower::service_fn(move |_: Uri| {
            std::future::ready(connection.take().ok_or_else(|| io::Error::other("the connection is used")))
        });
        let opened = match proxy.settings.proxy_url.scheme() {
            "socks5" => {
                let mut socks = SocksV5::new(proxy.uri.clone(), tcp);
                if let Some(Auth::Basic { username, password }) = &proxy.settings.proxy_auth {
                    socks = socks.with_auth(username.clone(), password.clone());
                }
                socks.oneshot(target.clone()).await.map_err(BoxError::from)
            }
            _ => {
                let mut tunnel = Tunnel::new(proxy.uri.clone(), tcp);
                if let Some(authorization) = proxy.tunnel_authorization() {
                    tunnel = tunnel.with_auth(authorization);
                }
                tunnel.oneshot(target.clone()).await.map_err(BoxError::from)
            }
        };
        opened.map_err(|error| tunnel_failure(&error, &named, &target))
    }
}

/// `target` with an address in place of its host.
fn at_address(target: &Uri, address: IpAddr) -> Result<Uri, BoxError> {
    let to = SocketAddr::new(address, target.port_u16().unwrap_or_default());
    Ok(format!("{}://{to}/", target.scheme_str().unwrap_or("http")).parse()?)
}

/// The failure of a connection to the proxy itself.
fn unreachable_proxy(error: &BoxError, proxy: &str) -> BoxError {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused};
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    if let Some(WordedFailure(failure)) = super::failure::find_error(error) {
        let message = format!("{proxy}: {}", failure.message);
        return WordedFailure(Failure { message, ..failure.clone() }).into();
    }
    let message = match super::failure::find_io_error(error).map(io::Error::kind) {
        Some(ConnectionRefused) => {
            format!("connection refused by {proxy}: no service listens on this port; check proxy_url")
        }
        Some(AddrNotAvailable) => format!(
            "no connection to {proxy}: this machine doesn't have the address that source_address names, or no free port"
        ),
        _ => {
            let innermost = super::failure::innermost_error(error).to_string();
            format!("no connection to {proxy}: {}; check proxy_url", redact::sanitize_line(&innermost, 200))
        }
    };
    WordedFailure(Failure::new(FailureKind::Connect, message)).into()
}

/// The failure of a proxy that was reached and opened no connection to the target. The library's text says whether the
/// proxy refused or the target can't be reached.
fn tunnel_failure(error: &BoxError, proxy: &str, target: &Uri) -> BoxError {
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    let target = target.authority().map_or("", |authority| authority.as_str());
    let text = error.to_string();
    let has = |texts: &[&str]| texts.iter().any(|part| text.contains(part));
    let message = if has(&["authorization required", "credentials not accepted", "user/pass", "authentication"]) {
        format!("{proxy} wants other credentials: set or correct proxy_auth")
    } else if has(&["not allowed", "unsuccessful"]) {
        format!("{proxy} refused to connect to {target}; ask its administrator whether it may")
    } else if has(&["unexpected end of file", "io error"]) {
        format!(
            "{proxy} closed the connection instead of connecting to {target}; check that proxy_url has the right scheme"
        )
    } else {
        let why = super::failure::innermost_error(error).to_string();
        let why = why.trim_start_matches("SOCKS error: ").trim_start_matches("tunnel error: ");
        format!("{proxy} has no connection to {target}: {}", redact::sanitize_line(why, 200))
    };
    WordedFailure(Failure::new(FailureKind::Connect, message)).into()
}

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection to a server, perhaps within TLS.
pub(super) struct ServerConnection {
    io: TokioIo<Box<dyn Transport>>,
    /// Whether a proxy reads the requests, which then have the whole URL.
    is_forwarded: bool,
    speaks_http2: bool,
    certificate: Option<PeerCertificate>,
    opened: OpenedAt,
}

impl ServerConnection {
    fn plain(tcp: TokioIo<TcpStream>, is_forwarded: bool) -> Self {
        let io: Box<dyn Transport> = Box::new(tcp.into_inner());
        Self {
            io: TokioIo::new(io),
            is_forwarded,
            speaks_http2: false,
            certificate: None,
            opened: OpenedAt(Instant::now()),
        }
    }

    fn tls(stream: tokio_rustls::client::TlsStream<TcpStream>) -> Self {
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.map(|leaf| PeerCertificate(leaf.as_ref().into()));
        let speaks_http2 = session.alpn_protocol() == Some(b"h2");
        let io: Box<dyn Transport> = Box::new(stream);
        Self { io: TokioIo::new(io), is_forwarded: false, speaks_http2, certificate, opened: OpenedAt(Instant::now()) }
    }
}

impl Connection for ServerConnection {
    fn connected(&self) -> Connected {
        let mut info = Connected::new().proxy(self.is_forwarded).extra(self.opened);
        if self.speaks_http2 {
            info = info.negotiated_h2();
        }
        match &self.certificate {
            Some(certificate) => info.extra(certificate.clone()),
            None => info,
        }
    }
}

impl Read for ServerConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for ServerConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::guard::AddressGuard;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A proxy whose tunnels to 127.0.0.9 get `answer`; without one it never answers.
    async fn proxy(answer: Option<&'static str>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    let answer = if head.starts_with(b"CONNECT 127.0.0.9:") { answer } else { Some("200 OK") };
                    if let Some(answer) = answer {
                        stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.unwrap();
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        url
    }

    #[tokio::test]
    async fn a_tunnel_leads_to_the_first_address_that_answers() {
        for answer in [Some("502 Bad Gateway"), None] {
            let (proxy_auth, no_proxy) = (None, Vec::new());
            let proxy = ProxySettings { proxy_url: proxy(answer).await, proxy_auth, no_proxy };
            let settings = ConnectionSettings { proxy: Some(proxy), ..ConnectionSettings::default() };
            let route = ProxyRoute::new(&settings).unwrap().unwrap();
            let tls = crate::fetch::tls::client_config(Default::default(), Arc::default()).unwrap();
            let resolver = Resolver::new(AddressGuard { allow_private: true });
            let dialer = Dialer::new(settings, Some(route.clone()), &resolver, tls, Duration::from_secs(1));
            let target: Uri = "https://live.example:443/".parse().unwrap();
            let addresses = |all: &[&str]| all.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
            let both = dialer.shared.dial_tunnel(&route, &target, &addresses(&["127.0.0.9", "127.0.0.1"])).await;
            assert!(both.is_ok(), "{answer:?}: {}", both.unwrap_err());
            let dead = addresses(&["127.0.0.9"]);
            let dead = dialer.shared.dial_tunnel(&route, &target, &dead);
            let dead = tokio::time::timeout(Duration::from_secs(1), dead).await;
            assert!(!matches!(dead, Ok(Ok(_))), "{answer:?}");
        }
    }
}
