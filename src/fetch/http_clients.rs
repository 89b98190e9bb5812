//! The HTTP clients with their connection pools: one for all channels without settings of their own, and one for each distinct
//! way in which connections are to be opened.

use crate::catalog::{ClientIdentity, ConnectionSettings};
use crate::config;
use crate::facts::{Failure, FailureKind};
use crate::fetch::ClientError;
use crate::fetch::chain_expiries::{ChainExpiries, Roots};
use crate::fetch::dial::{Dialer, OpenedAt, ProxyRoute};
use crate::fetch::guard::AddressGuard;
use crate::fetch::resolve::Resolver;
use crate::fetch::tls::{self, TlsSettings};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientFailure;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use url::Url;

/// Number of idle connections that are kept for each host; `IDLE_TIME` is how long. With these bounds a probe of eight
/// renditions with two segments at once opens no new connection each minute, and hundreds of hosts are affordable.
const IDLE_PER_HOST: usize = 16;
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Interval of pings on an HTTP/2 connection. Without them a dead connection fails every probe of its host until TCP
/// gives it up, which takes minutes.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest number of clients. The one that was not used for longest is dropped first.
const MAX_CLIENTS: usize = 1024;
const MAX_PEM_BYTES: u64 = 1 << 20;
/// Largest read buffer of a connection in bytes, and so of the head of an answer. A connection has its buffer while it waits for
/// bytes, and hyper enlarges it up to this bound as they arrive: hundreds of probes in flight have a thousand of them.
const MAX_READ_BUFFER: usize = 64 << 10;

/// The body of a request, which has none.
pub(super) type NoBody = Empty<Bytes>;

/// An HTTP client whose connections all have the same settings. Its clones share the connections.
#[derive(Debug, Clone)]
pub(super) struct HttpClient {
    inner: hyper_util::client::legacy::Client<Dialer, NoBody>,
    proxy: Option<ProxyRoute>,
    max_age: Duration,
}

impl HttpClient {
    /// Sends the request, and returns the answer when its headers are there. A connection that has reached its largest age gets no
    /// request after this one.
    pub(crate) async fn send(&self, mut request: Request<NoBody>) -> Result<Response<Incoming>, ClientFailure> {
        let connection = capture_connection(&mut request);
        let response = self.inner.request(request).await?;
        let opened = response.extensions().get::<OpenedAt>();
        if opened.is_some_and(|OpenedAt(at)| at.elapsed() >= self.max_age) {
            connection.connection_metadata().as_ref().inspect(|connected| connected.poison());
        }
        Ok(response)
    }

    /// The name of the proxy that reads a request for `url` and answers it. `None`: no proxy does.
    pub(crate) fn forwarder(&self, url: &Url) -> Option<String> {
        self.proxy.as_ref()?.forwarder(url)
    }

    /// Credentials for the proxy that forwards a request for `url`. `None`: no proxy sees the request, or it wants none.
    pub(crate) fn proxy_authorization(&self, url: &Url) -> Option<HeaderValue> {
        self.proxy.as_ref()?.authorization(url)
    }
}

#[derive(Debug)]
pub(super) struct HttpClients {
    roots: Arc<Roots>,
    connect_timeout: Duration,
    max_age: Duration,
    pub(crate) resolver: Resolver,
    pub(crate) chains: Arc<ChainExpiries>,
    clients: Mutex<HashMap<ConnectionSettings, KnownClient>>,
}

#[derive(Debug)]
struct KnownClient {
    client: HttpClient,
    /// Versions of the files that the settings name, as they were read.
    files: Vec<FileVersion>,
    used: Instant,
}

/// Modification time and size of a CA file, by which a change is noticed.
type FileVersion = (Option<SystemTime>, u64);

impl HttpClients {
    pub(crate) fn new(settings: &config::FetchSettings, guard: AddressGuard) -> Result<Self, ClientError> {
        let seconds = |key: &str, value| {
            let time = Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero());
            time.ok_or_else(|| ClientError(format!("fetch.{key}: give a number of seconds above 0")))
        };
        let connect_timeout = seconds("connect_timeout", settings.connect_timeout)?;
        let max_age = seconds("max_connection_age", settings.max_connection_age)?;
        let (roots, resolver) = (Arc::new(system_roots()), Resolver::new(guard));
        let (chains, clients) = (Arc::default(), Mutex::default());
        let clients = Self { roots, connect_timeout, max_age, resolver, chains, clients };
        // What doesn't depend on a channel fails here, once and for all.
        let plain = TlsSettings { roots: Arc::clone(&clients.roots), ..TlsSettings::default() };
        clients.build(ConnectionSettings::default(), plain).map_err(ClientError)?;
        Ok(clients)
    }

    /// Returns the client for `settings`. A new client is made when a certificate or key file that `settings` names has
    /// changed.
    ///
    /// # Errors
    /// Fails if such a file can't be read, or if no client can be made with its content.
    pub(crate) async fn client(&self, settings: ConnectionSettings) -> Result<HttpClient, Failure> {
        let files = file_versions(&settings).await?;
        if let Some(known) = self.known().get_mut(&settings)
            && known.files == files
        {
            known.used = Instant::now();
            return Ok(known.client.clone());
        }
        let tls = self.tls_settings(&settings).await?;
        let client = self.build(settings.clone(), tls).map_err(unusable)?;
        let mut clients = self.known();
        while clients.len() >= MAX_CLIENTS && !clients.contains_key(&settings) {
            let unused = clients.iter().min_by_key(|(_, known)| known.used).map(|(settings, _)| settings.clone());
            unused.and_then(|settings| clients.remove(&settings));
        }
        clients.insert(settings, KnownClient { client: client.clone(), files, used: Instant::now() });
        Ok(client)
    }

    async fn tls_settings(&self, settings: &ConnectionSettings) -> Result<TlsSettings, Failure> {
        let mut tls =
            TlsSettings { roots: Arc::clone(&self.roots), insecure: settings.is_insecure(), ..TlsSettings::default() };
        if let Some(file) = &settings.ca_file {
            let named = |why| unusable(format!("ca_file {}: {why}", file.display()));
            let mut roots = (*self.roots).clone();
            tls.listed = read_certificates(file).await.map_err(named)?;
            for certificate in &tls.listed {
                let added = roots.add(certificate.clone());
                added.map_err(|e| named(format!("contains a certificate that can't be used: {e}")))?;
            }
            tls.roots = Arc::new(roots);
        }
        if let Some(ClientIdentity { cert_file, key_file }) = &settings.identity {
            let named = |key: &str, file: &Path, why| unusable(format!("{key} {}: {why}", file.display()));
            let chain = read_certificates(cert_file).await.map_err(|why| named("cert_file", cert_file, why))?;
            let key = read_key(key_file).await.map_err(|why| named("key_file", key_file, why))?;
            tls.identity = Some((chain, key));
        }
        Ok(tls)
    }

    fn build(&self, settings: ConnectionSettings, tls: TlsSettings) -> Result<HttpClient, String> {
        let tls = tls::client_config(tls, Arc::clone(&self.chains))?;
        let proxy = ProxyRoute::new(&settings)?;
        let dialer = Dialer::new(settings, proxy.clone(), &self.resolver, tls, self.connect_timeout);
        let inner = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIME)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .http1_max_buf_size(MAX_READ_BUFFER)
            // Players ignore a malformed header line as well.
            .http1_ignore_invalid_headers_in_responses(true)
            .build(dialer);
        Ok(HttpClient { inner, proxy, max_age: self.max_age })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionSettings, KnownClient>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unusable(why: String) -> Failure {
    Failure { kind: FailureKind::Tls, message: why }
}

async fn file_versions(settings: &ConnectionSettings) -> Result<Vec<FileVersion>, Failure> {
    let identity = settings.identity.as_ref();
    let files = [
        ("ca_file", settings.ca_file.as_ref()),
        ("cert_file", identity.map(|identity| &identity.cert_file)),
        ("key_file", identity.map(|identity| &identity.key_file)),
    ];
    let mut versions = Vec::new();
    for (key, file) in files {
        let Some(file) = file else { continue };
        let version = file_version(file).await.map_err(|e| unusable(format!("{key} {}: {e}", file.display())))?;
        versions.push(version);
    }
    Ok(versions)
}

async fn file_version(file: &Path) -> std::io::Result<FileVersion> {
    let metadata = tokio::fs::metadata(file).await?;
    Ok((metadata.modified().ok(), metadata.len()))
}

async fn read_pem(file: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let opened = tokio::fs::File::open(file).await.map_err(|e| e.to_string())?;
    opened.take(MAX_PEM_BYTES).read_to_end(&mut text).await.map_err(|e| e.to_string())?;
    Ok(text)
}

async fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read_pem(file).await?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates.map_err(|e| format!("not PEM: {e}"))? {
        none if none.is_empty() => {
            Err("contains no certificate; it must be PEM with at least one BEGIN CERTIFICATE".to_owned())
        }
        certificates => Ok(certificates),
    }
}

async fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read_pem(file).await?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        "contains no private key; it must be PEM with one BEGIN PRIVATE KEY, without passphrase".to_owned()
    })
}

fn system_roots() -> Roots {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = Roots::default();
    // A certificate that can't be used is one that nobody's chain leads to.
    let _ = found.certs.into_iter().filter_map(|certificate| roots.add(certificate).err()).count();
    if roots.store.is_empty() {
        let why = found.errors.first().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(
            why,
            "this system has no CA certificates: https works only for channels with a ca_file; \
             install ca-certificates"
        );
    }
    roots
}

/// Makes an HTTP client for the operator's own services (Alertmanager, InfluxDB). It trusts the system's CA
/// certificates, has no address guard and follows no redirects; `timeout` limits a whole request.
///
/// # Errors
/// The TLS library can't make a client on this machine; the error is its text.
pub(crate) fn service_client(timeout: Duration) -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(system_roots().store)
        .with_no_client_auth();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(timeout);
    client.tls_backend_preconfigured(tls).build().map_err(|e| e.to_string())
}

/// Reads the body of an answer from one of the operator's own services, at most `at_most` bytes.
///
/// # Errors
/// The body is cut off or longer than `at_most` bytes; the error says which.
pub(crate) async fn read_service_answer(mut response: reqwest::Response, at_most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| e.without_url().to_string())? {
        if body.len() + piece.len() > at_most {
            return Err(format!("the answer is longer than {at_most} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
