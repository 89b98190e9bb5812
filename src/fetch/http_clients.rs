//! HTTP clients with their connection pools: one trusts only the system's CA certificates, and one for each `ca_file`
//! trusts that file's certificates as well.

use crate::config;
use crate::facts::{Failure, FailureKind};
use crate::fetch::ClientError;
use crate::fetch::chain_expiries::{ChainExpiries, Roots};
use crate::fetch::connect_trace::ConnectTimerLayer;
use crate::fetch::guard::AddressGuard;
use crate::fetch::resolve::Resolver;
use crate::fetch::tls;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncReadExt;

/// Number of idle connections that are kept for each host; `IDLE_TIME` is how long. With these bounds a probe of eight
/// renditions with two segments at once opens no new connection each minute, and hundreds of hosts are affordable.
const IDLE_PER_HOST: usize = 16;
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Interval of pings on an HTTP/2 connection. Without them a dead connection fails every probe of its host until TCP
/// gives it up, which takes minutes.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest number of distinct `ca_file` settings whose clients are kept.
const MAX_AGENTS: usize = 64;
const MAX_CA_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct HttpClients {
    system: reqwest::Client,
    roots: Roots,
    connect_timeout: Duration,
    resolver: Arc<Resolver>,
    pub(crate) chains: Arc<ChainExpiries>,
    by_file: Mutex<HashMap<PathBuf, (FileVersion, reqwest::Client)>>,
}

/// Modification time and size of a CA file, by which a change is noticed.
type FileVersion = (Option<SystemTime>, u64);

impl HttpClients {
    pub(crate) fn new(settings: &config::FetchSettings, guard: AddressGuard) -> Result<Self, ClientError> {
        let connect_timeout = Duration::try_from_secs_f64(settings.connect_timeout)
            .ok()
            .filter(|d| !d.is_zero())
            .ok_or_else(|| ClientError("fetch.connect_timeout: give a number of seconds above 0".to_owned()))?;
        let (roots, resolver, chains) = (system_roots(), Arc::new(Resolver::new(guard)), Arc::default());
        let system = build_client(roots.clone(), connect_timeout, &resolver, &chains).map_err(ClientError)?;
        Ok(Self { system, roots, connect_timeout, resolver, chains, by_file: Mutex::default() })
    }

    /// Returns the client that trusts only the system's CA certificates.
    pub(crate) fn system(&self) -> &reqwest::Client {
        &self.system
    }

    /// Returns the client that trusts the certificates in `file` as well as the system's. It is made anew when the file
    /// changes.
    pub(crate) async fn trusting(&self, file: &Path) -> Result<reqwest::Client, Failure> {
        let broken =
            |why: String| Failure { kind: FailureKind::Tls, message: format!("ca_file {}: {why}", file.display()) };
        let stamp = file_version(file).await.map_err(|e| broken(e.to_string()))?;
        if let Some((of, agent)) = self.files().get(file)
            && *of == stamp
        {
            return Ok(agent.clone());
        }
        let mut roots = self.roots.clone();
        add_ca_file(&mut roots, file).await.map_err(broken)?;
        let agent = build_client(roots, self.connect_timeout, &self.resolver, &self.chains).map_err(broken)?;
        let mut files = self.files();
        if files.len() >= MAX_AGENTS && !files.contains_key(file) {
            files.clear();
        }
        files.insert(file.to_owned(), (stamp, agent.clone()));
        Ok(agent)
    }

    fn files(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (FileVersion, reqwest::Client)>> {
        self.by_file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn file_version(file: &Path) -> std::io::Result<FileVersion> {
    let metadata = tokio::fs::metadata(file).await?;
    Ok((metadata.modified().ok(), metadata.len()))
}

async fn add_ca_file(roots: &mut Roots, file: &Path) -> Result<(), String> {
    let mut text = Vec::new();
    let opened = tokio::fs::File::open(file).await.map_err(|e| e.to_string())?;
    opened.take(MAX_CA_BYTES).read_to_end(&mut text).await.map_err(|e| e.to_string())?;
    let before = roots.store.len();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|e| format!("not PEM: {e}"))?;
        roots.add(certificate).map_err(|e| format!("contains a certificate that can't be used: {e}"))?;
    }
    if roots.store.len() == before {
        return Err("contains no certificate; it must be PEM with at least one BEGIN CERTIFICATE".to_owned());
    }
    Ok(())
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

fn build_client(
    roots: Roots,
    connect_timeout: Duration,
    resolver: &Arc<Resolver>,
    chains: &Arc<ChainExpiries>,
) -> Result<reqwest::Client, String> {
    let tls = tls::client_config(roots, Arc::clone(chains))?;
    reqwest::Client::builder()
        // A proxy would open connections that the address guard can't judge.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::clone(resolver))
        .connector_layer(ConnectTimerLayer(connect_timeout))
        .tls_backend_preconfigured(tls)
        .tls_info(true)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIME)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        // Players ignore a malformed header line as well.
        .http1_ignore_invalid_headers_in_responses(true)
        .build()
        .map_err(|e| e.to_string())
}
