//! Accepts connections on every listener and serves them within bounds, until told to stop.

mod stall;

use super::security::Security;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use stall::Stall;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Bounds of one server.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at a time, over all listeners; more wait in the kernel's queue.
    pub connections: usize,
    /// A new connection's first request must be complete by then, its TLS handshake included.
    pub first_request: Duration,
    /// Between requests, and for a later request's head. Above a minute: Prometheus keeps its connection from
    /// scrape to scrape.
    pub keep_alive: Duration,
    /// A client that takes nothing of its answer for so long is let go.
    pub write_stall: Duration,
    /// Bytes of a request's head.
    pub head: usize,
    /// At the end, what is in flight has so long to finish.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 2048,
            first_request: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            head: 32 << 10,
            drain: Duration::from_secs(120),
        }
    }
}

/// At most one warning of full connections in this time.
const QUIET: Duration = Duration::from_secs(60);
/// Most header fields of a request.
const MAX_HEADERS: usize = 64;
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;

/// Serves `app` until `stop` resolves; then takes no more connections and lets requests in flight finish.
pub async fn serve(
    listeners: Vec<TcpListener>,
    app: Router,
    security: Arc<Security>,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let drain = bounds.drain;
    let graceful = Arc::new(GracefulShutdown::new());
    let free = Arc::new(Semaphore::new(bounds.connections));
    let server = Arc::new(Server { app, security, bounds });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&server), Arc::clone(&free), Arc::clone(&graceful)));
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

async fn accept(listener: TcpListener, server: Arc<Server>, free: Arc<Semaphore>, graceful: Arc<GracefulShutdown>) {
    let mut warned: Option<Instant> = None;
    loop {
        if free.available_permits() == 0 && warned.is_none_or(|at| at.elapsed() >= QUIET) {
            warned = Some(Instant::now());
            tracing::warn!(connections = server.bounds.connections, "all connections are taken; new ones wait");
        }
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let (server, watcher) = (Arc::clone(&server), graceful.watcher());
        tokio::spawn(async move {
            if let Err(error) = PEER.scope(Some(peer.ip().to_canonical()), server.connection(stream, watcher)).await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
}

/// A connection that was reset while it waited is nobody's loss; anything else (out of file descriptors) would
/// spin.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "can't accept connections; trying again in a second");
        sleep(Duration::from_secs(1)).await;
    }
}

tokio::task_local! {
    /// Whose request is being answered.
    static PEER: Option<IpAddr>;
}

/// Who is on the other side of the connection that the running request came by; a proxy, where there is one.
#[must_use]
pub fn peer() -> Option<IpAddr> {
    PEER.try_with(|peer| *peer).ok().flatten()
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

impl Server {
    async fn connection(&self, stream: TcpStream, watcher: Watcher) -> Result<(), Problem> {
        let asked = Arc::new(AtomicBool::new(false));
        let too_late = async {
            sleep(self.bounds.first_request).await;
            if asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = self.greet(stream, watcher, &asked) => ended,
            () = too_late => Err("no complete request in time".into()),
        }
    }

    async fn greet(&self, stream: TcpStream, watcher: Watcher, asked: &Arc<AtomicBool>) -> Result<(), Problem> {
        let _ = stream.set_nodelay(true);
        let stream = Stall::new(stream, self.bounds.write_stall);
        let Some(tls) = self.security.current().await.tls() else {
            return self.talk(stream, false, watcher, asked).await;
        };
        let stream = TlsAcceptor::from(tls).accept(stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.talk(stream, http2, watcher, asked).await
    }

    async fn talk<S>(&self, stream: S, http2: bool, watcher: Watcher, asked: &Arc<AtomicBool>) -> Result<(), Problem>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (app, asked, peer) = (self.app.clone(), Arc::clone(asked), peer());
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            // HTTP/2 answers each request in a task of its own.
            PEER.scope(peer, app.clone().oneshot(request.map(Body::new)))
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
