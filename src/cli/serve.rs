//! Subcommand `serve`: listeners, signals and shutdown.

use super::args::Serve;
use super::{Exit, backend, database, logging};
use crate::alertmanager::Alertmanager;
use crate::prometheus_api::PrometheusApi;
use crate::store::{SharingExporter, Store, StoreError};
use crate::web::api::{Api, TokenFile, UnnotifiedEnds};
use crate::web::listen::ListenAddress;
use crate::web::security::Security;
use crate::web::server::{Bounds, serve};
use crate::web::{Backend, Part, SESSION_LIFETIME, ServerState, SessionKey, Sessions, Settings, app};
use packager_media::units::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Interval at which the alerts of the database are brought up to date with Alertmanager.
const ALERTS_EVERY: Duration = Duration::from_secs(5);
/// Interval at which the file of --api.tokens-file is checked for changes.
const TOKENS_EVERY: Duration = Duration::from_secs(1);

/// Time between two tries to read the key of sessions from the database.
const SESSION_KEY_EVERY: Duration = Duration::from_millis(500);
/// Interval at which logouts are exchanged with the other exporters of the database.
const LOGOUTS_EVERY: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT. A second signal ends the process at once.
///
/// # Errors
/// Returns what prevents the start: a faulty configuration or web configuration, or an address that can't be bound.
pub(super) fn run(args: &Serve) -> Result<Exit, String> {
    logging::start(args.log.level, args.log.format);
    raise_open_files();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("can't start threads: {e}"))?;
    let ended = runtime.block_on(async {
        let signals = Signals::new()?;
        let store = database::optional_store(&args.config.source())?;
        if args.sharing().is_some() && store.is_none() {
            return Err("--cluster.address needs a database: set DATABASE_URL".to_owned());
        }
        let (backend, sinks) =
            backend::backend(args.config.source(), store.clone(), &args.links(), args.signal.settings(false))?;
        let api = Api {
            loopback: false,
            is_apart: false,
            probing_loopback: false,
            zabbix: Some(sinks.zabbix.clone()),
            tokens: args.tokens.as_deref().map(TokenFile::load).transpose().map_err(|e| e.to_string())?.map(Arc::new),
            alertmanager: args.alertmanager.as_ref().map(Alertmanager::new).transpose()?,
            prometheus: args.prometheus.as_ref().map(PrometheusApi::new).transpose()?,
            probe_name: args.probe_name.clone(),
            store: store.clone(),
        };
        if let (Some(store), Some(alertmanager)) = (&store, &api.alertmanager) {
            let zabbix = UnnotifiedEnds::new(sinks.zabbix.clone());
            tokio::spawn(alertmanager.clone().follow(store.clone(), ALERTS_EVERY, zabbix));
        }
        if let Some(tokens) = &api.tokens {
            tokio::spawn(tokens.clone().follow(TOKENS_EVERY));
        }
        if let Some(store) = &store {
            tokio::spawn(delete_old_alerts(store.clone(), args.alerts_kept));
        }
        serve_until(args, backend, api, signals, sinks.flush()).await
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended.map(|()| Exit::Healthy)
}

/// Raises the number of files that the process may have open to the largest that its surroundings allow. Container engines and shells allow
/// 1,024 at first, which the connections of some fifteen packagers reach.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, open_files = limit.current, "the largest number of open files can't be raised");
    }
}

/// Serves requests until shutdown, then runs `flush`.
async fn serve_until(
    args: &Serve,
    backend: Arc<dyn Backend>,
    mut api: Api,
    mut signals: Signals,
    flush: impl Future<Output = ()>,
) -> Result<(), String> {
    let security = Security::load(args.web_config.as_deref())?;
    let tls = security.current().await.tls().is_some();
    let listeners = listen(&args.listen, tls).await?;
    let own = listen(&args.api_listen, tls).await?;
    let beyond = beyond_loopback(if own.is_empty() { &listeners } else { &own });
    api.loopback = beyond.is_none();
    api.is_apart = !own.is_empty();
    api.probing_loopback = beyond_loopback(&listeners).is_none();
    let has_logins = api.tokens.is_some() || !security.current().await.users().is_empty();
    if let (Some(address), Some(_), false) = (beyond, &api.store, has_logins) {
        return Err(format!(
            "with DATABASE_URL anybody who reaches {address} could write channels: make tokens (`packager_exporter token create`) \
             and set --api.tokens-file, set users in --web.config.file, or set --api.listen-address=127.0.0.1:5000"
        ));
    }
    let store = api.store.clone();
    let state = ServerState::new(backend, settings(args), api);
    if let Some(store) = &store {
        // Before the first request.
        security.sessions().await_key();
        tokio::spawn(Arc::clone(&state).exchange_states(store.clone(), args.name()));
        tokio::spawn(share_sessions(Arc::clone(&security), store.clone()));
        let (asking, sending) = (Arc::clone(&state), Arc::clone(&state));
        tokio::spawn(
            store.clone().alert_changes(move || asking.has_listeners(), move |event| sending.send_alert(event)),
        );
    }
    let sharing = args.sharing().zip(store).map(|(own, store)| Sharing::start(store, own));
    let (stop, stopped) = tokio::sync::watch::channel(());
    let wait = |mut stopped: tokio::sync::watch::Receiver<()>| async move {
        let _ = stopped.changed().await;
    };
    let reload = Arc::clone(&state);
    let part = if own.is_empty() { Part::All } else { Part::Probing };
    let probing = app(&state, &security, part);
    let probing = serve(listeners, probing, Arc::clone(&security), Bounds::default(), wait(stopped.clone()));
    let api = serve(own, app(&state, &security, Part::Api), security, Bounds::default(), wait(stopped));
    let server = async {
        tokio::join!(probing, api);
        flush.await;
    };
    let orders = async {
        signals.end(&reload).await;
        tracing::info!("stopping; probes in flight may finish, a second signal ends them");
        reload.stop();
        if let Some(sharing) = sharing {
            sharing.end().await;
        }
        let _ = stop.send(());
        signals.end(&reload).await;
        tracing::warn!("second signal: ending at once");
    };
    tokio::select! {
        () = server => tracing::info!("stopped"),
        () = orders => {}
    }
    Ok(())
}

/// The task that keeps this exporter's row among the exporters that share the channels.
struct Sharing {
    store: Store,
    address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Sharing {
    fn start(store: Store, own: SharingExporter) -> Self {
        let address = own.address.clone();
        Self { task: tokio::spawn(store.clone().share_channels(own)), store, address }
    }

    /// Gives the exporter's channels to the others.
    async fn end(self) {
        self.task.abort();
        let _ = self.task.await;
        self.store.stop_sharing(&self.address).await;
    }
}

/// Shares sessions with all exporters of the database, until the future is dropped: the key of their cookies, so that they outlive
/// a restart, and the logouts.
async fn share_sessions(security: Arc<Security>, store: Store) {
    share_session_key(&security, &store).await;
    let mut ticks = tokio::time::interval(LOGOUTS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = exchange_logouts(security.sessions(), &store).await {
            tracing::debug!(%error, "logouts wait for the database");
        }
    }
}

/// Writes the logouts at this exporter to the database, and reads those at the others.
async fn exchange_logouts(sessions: &Sessions, store: &Store) -> Result<(), StoreError> {
    let own = sessions.take_unshared();
    if !own.is_empty()
        && let Err(error) = store.end_sessions(&own).await
    {
        sessions.put_back_unshared(own);
        return Err(error);
    }
    sessions.end_elsewhere(store.ended_sessions(SESSION_LIFETIME).await?, Timestamp::now());
    Ok(())
}

/// Replaces the random key of sessions with that of the database as soon as it can be read.
async fn share_session_key(security: &Security, store: &Store) {
    let Ok(candidate) = SessionKey::random() else { return security.sessions().keep_key() };
    loop {
        // The schema is made before the catalogue is read.
        if store.was_read() {
            match store.session_key(candidate.bytes()).await.map(SessionKey::stored) {
                Ok(Some(key)) => return security.sessions().set_key(&key),
                Ok(None) => {
                    security.sessions().keep_key();
                    return tracing::error!("the table session_key has no usable key; sessions end at a restart");
                }
                Err(error) => tracing::debug!(%error, "the key of sessions waits for the database"),
            }
        }
        tokio::time::sleep(SESSION_KEY_EVERY).await;
    }
}

fn settings(args: &Serve) -> Settings {
    let (route_prefix, link_prefix) = args.prefixes();
    Settings {
        route_prefix,
        link_prefix,
        timeout_offset: args.timeout_offset,
        external_url: args.external_url.clone(),
        grafana_url: args.grafana_url.clone(),
        page_title: args.page_title.clone(),
        scrape_auth: args.scrape_auth,
        history_limit: args.history_limit,
    }
}

/// Returns the first listening address that other machines can reach. `None`: all addresses are loopback addresses.
fn beyond_loopback(listeners: &[TcpListener]) -> Option<SocketAddr> {
    listeners.iter().filter_map(|l| l.local_addr().ok()).find(|a| !a.ip().to_canonical().is_loopback())
}

/// Deletes resolved alerts older than `kept`, every hour.
async fn delete_old_alerts(store: Store, kept: Duration) {
    // Not at once: on a first start the tables are still being made.
    let mut ticks = tokio::time::interval_at(Instant::now() + Duration::from_secs(60), Duration::from_secs(3600));
    loop {
        ticks.tick().await;
        match store.delete_old_alerts(kept).await {
            Ok(0) => {}
            Err(error) => tracing::warn!(%error, "old alerts stay; tried again in an hour"),
            Ok(alerts) => tracing::info!(alerts, "old alerts forgotten"),
        }
    }
}

async fn listen(addresses: &[ListenAddress], tls: bool) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = address.bind().await?;
        let bound = listener.local_addr().map_or_else(|_| address.to_string(), |a| a.to_string());
        tracing::info!(address = bound, tls, "listening");
        listeners.push(listener);
    }
    Ok(listeners)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let of = |kind| signal(kind).map_err(|e| format!("can't listen for signals: {e}"));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hangup: of(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT. Until then each SIGHUP reloads the configuration.
    async fn end(&mut self, state: &Arc<ServerState>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => log_reload(state.reload()).await,
            }
        }
    }
}

async fn log_reload(reload: impl Future<Output = Result<(), String>>) {
    match reload.await {
        Ok(()) => tracing::info!("configuration read again"),
        Err(error) => tracing::error!(error, "configuration is bad; the old one stays in force"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Channel;
    use crate::cli::args::Cli;
    use crate::config::Config;
    use crate::probe::{ProbeError, ProbeRequest};
    use crate::report::Report;
    use clap::Parser;
    use futures_util::future::BoxFuture;
    use tokio::sync::mpsc;

    fn send(signal: &str) {
        let own = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &own]).status().unwrap().success());
    }

    /// Test backend whose configuration never loads.
    struct BadConfig {
        reloads: mpsc::UnboundedSender<()>,
    }

    impl Backend for BadConfig {
        fn probe(&self, _: ProbeRequest, _: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>> {
            Box::pin(async { Err(ProbeError::Overloaded("no probes here".to_owned())) })
        }

        fn probe_draft(&self, _: Channel, _: Duration) -> BoxFuture<'static, Result<Arc<Report>, ProbeError>> {
            Box::pin(async { Err(ProbeError::Overloaded("no probes here".to_owned())) })
        }

        fn config(&self) -> Arc<Config> {
            Arc::default()
        }

        fn self_metrics(&self) -> Vec<u8> {
            Vec::new()
        }

        fn reload(&self) -> Result<(), String> {
            let _ = self.reloads.send(());
            Err("still bad".to_owned())
        }

        fn auth_failed(&self, _: &'static str) {}
    }

    #[tokio::test]
    async fn sighup_reloads_and_sigterm_ends() {
        let (reloads, mut reloaded) = mpsc::unbounded_channel();
        let backend = Arc::new(BadConfig { reloads });
        let args = Cli::parse_from(["packager_exporter", "--web.listen-address", "localhost:0"]).serve;
        let signals = Signals::new().unwrap();
        let serving = tokio::spawn(async move { serve_until(&args, backend, Api::default(), signals, async {}).await });
        send("HUP");
        reloaded.recv().await.unwrap();
        assert!(!serving.is_finished(), "a bad reload changes nothing");
        send("TERM");
        assert_eq!(serving.await.unwrap(), Ok(()));
    }
}
