//! Tests of the web layer over real sockets. Only the probes behind it are made by the tests.

mod access;
mod api;
mod authorization;
mod bounds;
mod events;
mod login;
mod routes;
mod series;
mod status;
mod tls;
mod ui;

use super::api::Api;
use super::security::Security;
use super::server::{Bounds, serve};
use super::{Backend, Part, ServerState, Settings, app};
use crate::catalog::{CatalogSnapshot, Channel, Coverage, CoverageMode, RequestSettings, SignalMode, Template};
use crate::checks::CheckSettings;
use crate::config::Config;
use crate::expectations::{ExpectedLadder, Thresholds};
use crate::facts::{Capture, StageDurations};
use crate::probe::{ProbeError, ProbeRequest};
use crate::report::Report;
use futures_util::future::BoxFuture;
use packager_media::units::{Seconds, Timestamp};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server with its own port.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
    state: Arc<ServerState>,
}

impl Running {
    async fn start(backend: Fake, settings: Settings, security: Arc<Security>, bounds: Bounds) -> Self {
        Self::serving(ServerState::new(Arc::new(backend), settings, Api::default()), security, bounds).await
    }

    async fn with_api(backend: Fake, api: Api) -> Self {
        let state = ServerState::new(Arc::new(backend), Settings::default(), api);
        Self::serving(state, Security::load(None).unwrap(), Bounds::default()).await
    }

    async fn serving(state: Arc<ServerState>, security: Arc<Security>, bounds: Bounds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app = app(&state, &security, Part::All);
        let ended = tokio::spawn(serve(vec![listener], app, security, bounds, async move {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), ended, state }
    }

    async fn plain(backend: Fake) -> Self {
        Self::start(backend, Settings::default(), Security::load(None).unwrap(), Bounds::default()).await
    }

    async fn secured(config: &Path) -> Self {
        let security = Security::load_every(Some(config), Duration::ZERO).unwrap();
        Self::start(backend(answers), Settings::default(), security, Bounds::default()).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = client().get(self.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Stops the server, and waits until everything in it has ended.
    async fn finish(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), &mut self.ended).await.expect("the server ends").unwrap();
    }
}

fn client() -> reqwest::Client {
    builder().build().unwrap()
}

fn builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

type Answer = Result<Arc<Report>, ProbeError>;

/// Backend whose answers a test sets.
struct Fake {
    probe: Box<dyn Fn(ProbeRequest, Duration) -> BoxFuture<'static, Answer> + Send + Sync>,
    config: Arc<Config>,
    self_metrics: String,
    reload: Result<(), String>,
    /// Reasons of the failed logins that were counted.
    auth_failures: Arc<Mutex<Vec<&'static str>>>,
}

impl Backend for Fake {
    fn probe(&self, request: ProbeRequest, timeout: Duration) -> BoxFuture<'static, Answer> {
        (self.probe)(request, timeout)
    }

    fn probe_draft(&self, channel: Channel, timeout: Duration) -> BoxFuture<'static, Answer> {
        let ask = ProbeRequest { target: channel.code, template: None, output: None };
        (self.probe)(ask, timeout)
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    fn self_metrics(&self) -> Vec<u8> {
        self.self_metrics.clone().into_bytes()
    }

    fn reload(&self) -> Result<(), String> {
        self.reload.clone()
    }

    fn auth_failed(&self, reason: &'static str) {
        self.auth_failures.lock().unwrap().push(reason);
    }
}

/// Makes a backend whose probe returns `answer` without waiting, and whose catalogue is empty.
fn backend(answer: fn(&ProbeRequest, Duration) -> Result<Report, ProbeError>) -> Fake {
    Fake {
        probe: Box::new(move |ask, timeout| Box::pin(async move { answer(&ask, timeout).map(Arc::new) })),
        config: Arc::default(),
        self_metrics: "packager_exporter_up 1\n".to_owned(),
        reload: Ok(()),
        auth_failures: Arc::default(),
    }
}

/// Makes a server state without channels, for tests of single endpoints.
pub(super) fn idle_state() -> Arc<ServerState> {
    ServerState::new(Arc::new(backend(answers)), Settings::default(), Api::default())
}

fn config_of(snapshot: CatalogSnapshot) -> Arc<Config> {
    Arc::new(Config { snapshot, ..Config::default() })
}

/// Returns the result of a probe by the target's name: `down` has failed, `nobody` is unknown, `busy` is refused for
/// overload, and every other target is healthy.
fn answers(ask: &ProbeRequest, timeout: Duration) -> Result<Report, ProbeError> {
    match ask.target.as_str() {
        "nobody" => Err(ProbeError::BadRequest("unknown channel `nobody`; see /config".to_owned())),
        "busy" => Err(ProbeError::Overloaded("64 probes are in flight; raise max_probes".to_owned())),
        target => Ok(report(target, ask.template.as_deref().unwrap_or("TPL_HD"), timeout)),
    }
}

fn report(code: &str, template: &str, timeout: Duration) -> Report {
    let started_at = Timestamp::UNIX_EPOCH;
    Report {
        channel: Arc::new(channel(code)),
        template: Arc::new(self::template(template)),
        started_at,
        duration: Seconds(0.25),
        timeout: timeout.into(),
        success: code != "down",
        capture: Capture {
            started_at,
            deadline_exceeded: false,
            outputs: Vec::new(),
            stages: StageDurations::default(),
        },
        outcomes: Vec::new(),
        history: Vec::new(),
    }
}

fn channel(code: &str) -> Channel {
    Channel {
        code: code.to_owned(),
        name: code.to_owned(),
        channel_type: "LIVE".to_owned(),
        tier: None,
        codec: None,
        resolution: None,
        fps: None,
        is_4k: false,
        is_hdr: Some(false),
        template: "TPL_HD".to_owned(),
        probe: None,
        enabled: true,
        outputs: Vec::new(),
        ladder: None,
        request: RequestSettings::default(),
    }
}

fn template(name: &str) -> Template {
    Template {
        name: name.to_owned(),
        timeout: Seconds(20.0),
        thresholds: Thresholds::default(),
        segments: Coverage { mode: CoverageMode::Newest, count: 1, budget: None, oldest: false },
        ladder: ExpectedLadder::default(),
        hold: Seconds(300.0),
        query_identifies: false,
        signal: SignalMode::Rotation,
        signal_interval: Seconds(300.0),
        request: RequestSettings::default(),
        checks: CheckSettings::default(),
    }
}
