//! The HTTP clients with their connection pools: one for the system's CA certificates, one more for each `ca_file`.

use crate::config;
use crate::facts::{Failure, FailureKind};
use crate::fetch::ClientError;
use crate::fetch::chains::Chains;
use crate::fetch::guard::Guard;
use crate::fetch::resolve::Resolver;
use crate::fetch::tls;
use crate::fetch::trail::Timed;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncReadExt;

/// Idle connections kept for each host, and how long: a probe a minute of eight renditions, each asked for two segments
/// at once, opens none; few enough for hundreds of hosts.
const IDLE_PER_HOST: usize = 16;
const IDLE_TIME: Duration = Duration::from_secs(75);
/// A dead HTTP/2 connection would fail every probe of its host until TCP gives it up (minutes): ask it.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Distinct `ca_file` settings kept at once.
const MAX_AGENTS: usize = 64;
const MAX_CA_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Agents {
    system: reqwest::Client,
    roots: RootCertStore,
    connect_timeout: Duration,
    resolver: Arc<Resolver>,
    pub chains: Arc<Chains>,
    by_file: Mutex<HashMap<PathBuf, (Stamp, reqwest::Client)>>,
}

/// What tells one content of a file from the next.
type Stamp = (Option<SystemTime>, u64);

impl Agents {
    pub fn new(settings: &config::Fetch, guard: Guard) -> Result<Self, ClientError> {
        let connect_timeout = Duration::try_from_secs_f64(settings.connect_timeout)
            .ok()
            .filter(|d| !d.is_zero())
            .ok_or_else(|| ClientError("fetch.connect_timeout: give a number of seconds above 0".to_owned()))?;
        let (roots, resolver, chains) = (system_roots(), Arc::new(Resolver::new(guard)), Arc::default());
        let system = build(roots.clone(), connect_timeout, &resolver, &chains).map_err(ClientError)?;
        Ok(Self { system, roots, connect_timeout, resolver, chains, by_file: Mutex::default() })
    }

    /// The client that trusts the system's CA certificates.
    pub fn system(&self) -> &reqwest::Client {
        &self.system
    }

    /// The client that trusts those in `file` as well; made again when the file has changed.
    pub async fn trusting(&self, file: &Path) -> Result<reqwest::Client, Failure> {
        let broken =
            |why: String| Failure { kind: FailureKind::Tls, message: format!("ca_file {}: {why}", file.display()) };
        let stamp = stamp(file).await.map_err(|e| broken(e.to_string()))?;
        if let Some((of, agent)) = self.files().get(file)
            && *of == stamp
        {
            return Ok(agent.clone());
        }
        let mut roots = self.roots.clone();
        add_file(&mut roots, file).await.map_err(broken)?;
        let agent = build(roots, self.connect_timeout, &self.resolver, &self.chains).map_err(broken)?;
        let mut files = self.files();
        if files.len() >= MAX_AGENTS && !files.contains_key(file) {
            files.clear();
        }
        files.insert(file.to_owned(), (stamp, agent.clone()));
        Ok(agent)
    }

    fn files(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Stamp, reqwest::Client)>> {
        self.by_file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn stamp(file: &Path) -> std::io::Result<Stamp> {
    let metadata = tokio::fs::metadata(file).await?;
    Ok((metadata.modified().ok(), metadata.len()))
}

async fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let mut text = Vec::new();
    let opened = tokio::fs::File::open(file).await.map_err(|e| e.to_string())?;
    opened.take(MAX_CA_BYTES).read_to_end(&mut text).await.map_err(|e| e.to_string())?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|e| format!("not PEM: {e}"))?;
        roots.add(certificate).map_err(|e| format!("a certificate in it is unusable: {e}"))?;
    }
    if roots.len() == before {
        return Err("holds no certificate; it must be PEM with at least one BEGIN CERTIFICATE".to_owned());
    }
    Ok(())
}

fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(why, "no CA certificates on this system: https works only for channels with a ca_file");
    }
    roots
}

/// A client for the operator's own services (Alertmanager, InfluxDB): the system's authorities, no guard, no redirects.
///
/// # Errors
/// What the TLS library says of this machine.
pub fn service_client(timeout: Duration) -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(system_roots())
        .with_no_client_auth();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(timeout);
    client.tls_backend_preconfigured(tls).build().map_err(|e| e.to_string())
}

/// The body of a service's answer.
///
/// # Errors
/// It is cut off, or longer than that.
pub async fn bounded(mut response: reqwest::Response, at_most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| e.without_url().to_string())? {
        if body.len() + piece.len() > at_most {
            return Err(format!("the answer is longer than {at_most} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn build(
    roots: RootCertStore,
    connect_timeout: Duration,
    resolver: &Arc<Resolver>,
    chains: &Arc<Chains>,
) -> Result<reqwest::Client, String> {
    let tls = tls::settings(roots, Arc::clone(chains))?;
    reqwest::Client::builder()
        // A proxy would connect where the guard can't see.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::clone(resolver))
        .connector_layer(Timed(connect_timeout))
        .tls_backend_preconfigured(tls)
        .tls_info(true)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIME)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        // Players ignore a malformed header line too.
        .http1_ignore_invalid_headers_in_responses(true)
        .build()
        .map_err(|e| e.to_string())
}
