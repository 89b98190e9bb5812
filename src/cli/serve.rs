//! `serve`: listeners, signals, and the end.

use super::args::Serve;
use super::{Exit, backend, logging};
use crate::web::security::Security;
use crate::web::server::{Bounds, serve};
use crate::web::{Backend, Settings, State, app};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves until SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// What keeps it from starting: configuration, web configuration, an address that can't be bound.
pub fn run(args: &Serve) -> Result<Exit, String> {
    logging::start(args.log.level, args.log.format);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("can't start threads: {e}"))?;
    let ended = runtime.block_on(async {
        let signals = Signals::new()?;
        served(args, backend::backend(args.config.source())?, signals).await
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended.map(|()| Exit::Healthy)
}

async fn served(args: &Serve, backend: Backend, mut signals: Signals) -> Result<(), String> {
    let security = Security::load(args.web_config.as_deref())?;
    let state = State::new(backend, settings(args));
    let listeners = listen(args, security.current().await.tls().is_some()).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let wait = async {
        let _ = stopped.await;
    };
    let reload = Arc::clone(&state);
    let server = serve(listeners, app(&state, &security), security, Bounds::default(), wait);
    let orders = async {
        signals.end(&reload).await;
        tracing::info!("stopping; probes in flight may finish, a second signal ends them");
        reload.stop();
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

fn settings(args: &Serve) -> Settings {
    let (route_prefix, link_prefix) = args.prefixes();
    Settings { route_prefix, link_prefix, timeout_offset: args.timeout_offset, history_limit: args.history_limit }
}

async fn listen(args: &Serve, tls: bool) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    for address in &args.listen {
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

    /// Resolves at SIGTERM or SIGINT; until then each SIGHUP reloads.
    async fn end(&mut self, state: &Arc<State>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => reloaded(state.reload()).await,
            }
        }
    }
}

async fn reloaded(reload: impl Future<Output = Result<(), String>>) {
    match reload.await {
        Ok(()) => tracing::info!("configuration read again"),
        Err(error) => tracing::error!(error, "configuration is bad; the old one stays in force"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use crate::probe::Refused;
    use clap::Parser;
    use tokio::sync::mpsc;

    fn send(signal: &str) {
        let own = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &own]).status().unwrap().success());
    }

    #[tokio::test]
    async fn sighup_reloads_and_sigterm_ends() {
        let (reloads, mut reloaded) = mpsc::unbounded_channel();
        let backend = Backend {
            probe: Arc::new(|_, _| Box::pin(async { Err(Refused::Overloaded("no probes here".to_owned())) })),
            exposition: Arc::new(|_| Vec::new()),
            log_text: Arc::new(|_| String::new()),
            own_metrics: Arc::new(Vec::new),
            config_text: Arc::new(String::new),
            channel_codes: Arc::new(Vec::new),
            reload: Arc::new(move || {
                let _ = reloads.send(());
                Err("still bad".to_owned())
            }),
            ready: Arc::new(|| Ok(())),
        };
        let args = Cli::parse_from(["packager_exporter", "--web.listen-address", "localhost:0"]).serve;
        let signals = Signals::new().unwrap();
        let serving = tokio::spawn(async move { served(&args, backend, signals).await });
        send("HUP");
        reloaded.recv().await.unwrap();
        assert!(!serving.is_finished(), "a bad reload changes nothing");
        send("TERM");
        assert_eq!(serving.await.unwrap(), Ok(()));
    }
}
