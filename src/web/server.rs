//! HTTP server: accepts connections on every listener and serves them within bounds until it is stopped.

mod connections;
mod stall;

use super::respond;
use super::security::Security;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use connections::{BusyBody, ConnectionPermit, Connections};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use stall::StallGuard;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Bounds of the HTTP server.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Largest number of connections at the same time, over all listeners. One address may have half of them. A further
    /// connection takes the place of an idle one.
    pub connections: usize,
    /// Number of further connections, on which only probes and requests for metrics and health are answered. Further
    /// ones wait in the kernel's queue.
    pub reserved: usize,
    /// Longest time until the head of a new connection's first request has arrived, TLS handshake included.
    pub first_request: Duration,
    /// Longest time between two requests of a connection, and for the head of the later request. It is above a minute
    /// because Prometheus keeps its connection from scrape to scrape.
    pub keep_alive: Duration,
    /// Longest time for which a client may read nothing of its response.
    pub write_stall: Duration,
    /// Largest head of a request that is accepted, in bytes.
    pub head: usize,
    /// Longest time for which requests in flight may go on after the server was stopped.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 2048,
            reserved: 256,
            first_request: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            head: 32 << 10,
            drain: Duration::from_secs(120),
        }
    }
}

/// Shortest time between two warnings that all connections are taken.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
/// Largest number of header fields in a request.
const MAX_HEADERS: usize = 64;
/// Largest number of requests at the same time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;

/// Serves `app` until `stop` resolves. Then it accepts no more connections and lets requests in flight finish.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    app: Router,
    security: Arc<Security>,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let drain = bounds.drain;
    let graceful = Arc::new(GracefulShutdown::new());
    let connections = Connections::new(bounds.connections, bounds.reserved);
    let server = Arc::new(Server { app, security, bounds });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&server), Arc::clone(&connections), Arc::clone(&graceful)));
    }
    stop.await;
    accepting.shutdown().await;
    if let Some(graceful) = Arc::into_inner(graceful)
        && timeout(drain, graceful.shutdown()).await.is_err()
    {
        tracing::warn!(seconds = drain.as_secs(), "requests still in flight are cut off");
    }
}

struct Server {
    app: Router,
    security: Arc<Security>,
    bounds: Bounds,
}

async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    connections: Arc<Connections>,
    graceful: Arc<GracefulShutdown>,
) {
    let mut warned: Option<Instant> = None;
    loop {
        if connections.is_full() && warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
            warned = Some(Instant::now());
            tracing::warn!(
                connections = server.bounds.connections,
                "all connections are taken; idle ones are closed for new ones"
            );
        }
        connections.room().await;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let peer = peer.ip().to_canonical();
        let Some(permit) = connections.admit(peer) else {
            tracing::debug!(%peer, "connection refused: its address has too many");
            continue;
        };
        let (server, watcher) = (Arc::clone(&server), graceful.watcher());
        tokio::spawn(async move {
            if let Err(error) = PEER.scope(Some(peer), server.connection(stream, watcher, Arc::new(permit))).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

/// Waits after an error of `accept` that would come again at once, such as too many open files. After a connection that
/// was reset before it was accepted, there is no pause.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "can't accept connections; trying again in a second");
        sleep(Duration::from_secs(1)).await;
    }
}

tokio::task_local! {
    /// Address of the client whose request the task serves.
    static PEER: Option<IpAddr>;
}

/// Returns the address of the client of the running request, which may be a proxy. `None` outside a request.
#[must_use]
pub(crate) fn peer() -> Option<IpAddr> {
    PEER.try_with(|peer| *peer).ok().flatten()
}

/// Runs the work of a request to its end, also if the client goes away and nobody waits for it any more. The work knows the
/// client's address as the request does.
///
/// # Errors
/// Fails if the work panics, or if the exporter ends before the work.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::spawn(PEER.scope(peer(), work)).await
}

/// Answers a request. The connection is busy until the answer was sent.
async fn answer(
    app: Router,
    request: hyper::Request<Incoming>,
    permit: Arc<ConnectionPermit>,
) -> Result<Response<BusyBody>, Infallible> {
    let in_flight = permit.begin();
    let response = if permit.is_reserved() && !may_use_reserved(request.uri().path()) {
        crowded()
    } else {
        app.oneshot(request.map(Body::new)).await?
    };
    Ok(response.map(|body| BusyBody::new(body, in_flight)))
}

/// Returns whether a request is answered on a reserved connection: those of Prometheus and of health checks. Every
/// route may have a prefix.
fn may_use_reserved(path: &str) -> bool {
    ["/probe", "/metrics", "/-/healthy", "/-/ready"].iter().any(|reserved| path.ends_with(reserved))
}

fn crowded() -> Response {
    let why = "all connections are busy; the rest are for probes and health checks. Try again in a few seconds";
    let mut response = respond::text(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

type ConnectionError = Box<dyn std::error::Error + Send + Sync>;

impl Server {
    async fn connection(
        &self,
        stream: TcpStream,
        watcher: Watcher,
        permit: Arc<ConnectionPermit>,
    ) -> Result<(), ConnectionError> {
        let requested = Arc::new(AtomicBool::new(false));
        let first_request_late = async {
            sleep(self.bounds.first_request).await;
            if requested.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = self.handshake(stream, watcher, &requested, &permit) => ended,
            () = permit.taken() => Err("idle, and another connection needs the place".into()),
            () = first_request_late => Err("no complete request in time".into()),
        }
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        watcher: Watcher,
        requested: &Arc<AtomicBool>,
        permit: &Arc<ConnectionPermit>,
    ) -> Result<(), ConnectionError> {
        let _ = stream.set_nodelay(true);
        let stream = StallGuard::new(stream, self.bounds.write_stall);
        let Some(tls) = self.security.current().await.tls() else {
            return self.exchange(stream, false, watcher, (requested, permit)).await;
        };
        let stream = TlsAcceptor::from(tls).accept(stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.exchange(stream, http2, watcher, (requested, permit)).await
    }

    async fn exchange<S>(
        &self,
        stream: S,
        http2: bool,
        watcher: Watcher,
        (requested, permit): (&Arc<AtomicBool>, &Arc<ConnectionPermit>),
    ) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (app, requested, permit, peer) = (self.app.clone(), Arc::clone(requested), Arc::clone(permit), peer());
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            requested.store(true, Ordering::Relaxed);
            // HTTP/2 answers each request in a task of its own.
            PEER.scope(peer, answer(app.clone(), request, Arc::clone(&permit)))
        });
        let builder = self.builder();
        let builder = if http2 { builder.http2_only() } else { builder.http1_only() };
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.keep_alive)
            .max_buf_size(self.bounds.head)
            .max_headers(MAX_HEADERS);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(self.bounds.head).unwrap_or(u32::MAX));
        builder
    }
}
