//! Record of the instants at which a request's connection was resolved, opened and secured. Hooks in the connector
//! write it for the request that waits for the connection.

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    static TRAIL: Arc<ConnectTrace>;
}

/// The recorded instants of one request. They stay empty if a kept-alive connection serves the request.
#[derive(Debug, Default)]
pub(super) struct ConnectTrace(Mutex<PhaseMarks>);

/// Instants at which the phases of opening a connection began or ended; `None` for a phase that wasn't reached.
#[derive(Debug, Clone, Default)]
pub(super) struct PhaseMarks {
    /// Addresses to which a connection was attempted, in the order of the attempts.
    pub(crate) addresses: Vec<IpAddr>,
    /// Port to which the connection is opened. `None`: the URL's.
    pub(crate) port: Option<u16>,
    /// The proxy through which the connection leads, as messages name it. `None`: it leads to the server itself.
    pub(crate) proxy: Option<String>,
    /// Whether the connection to the proxy was established.
    pub(crate) reached_proxy: bool,
    pub(crate) connecting: Option<Instant>,
    pub(crate) resolving: Option<Instant>,
    pub(crate) resolved: Option<Instant>,
    /// Instant at which the TLS ClientHello was made, which is when the TCP connection was established.
    pub(crate) hello: Option<Instant>,
    pub(crate) connected: Option<Instant>,
}

/// Phase in which an HTTP request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestPhase {
    Dns,
    Tcp,
    Tls,
    Answer,
}

impl ConnectTrace {
    pub(crate) fn marks(&self) -> PhaseMarks {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether the current task sends the request whose connection this trace records.
    fn is_current(self: &Arc<Self>) -> bool {
        TRAIL.try_with(|trail| Arc::ptr_eq(trail, self)).unwrap_or(false)
    }

    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = PhaseMarks::default();
    }
}

impl PhaseMarks {
    pub(crate) fn phase(&self) -> RequestPhase {
        match self {
            Self { connected: Some(_), .. } | Self { connecting: None, .. } => RequestPhase::Answer,
            Self { hello: Some(_), .. } => RequestPhase::Tls,
            Self { resolving: Some(_), resolved: None, .. } => RequestPhase::Dns,
            _ => RequestPhase::Tcp,
        }
    }

    pub(crate) fn dns(&self) -> Option<Duration> {
        self.connected?;
        Some(self.resolved?.saturating_duration_since(self.resolving?))
    }

    pub(crate) fn tcp(&self) -> Option<Duration> {
        let up = self.hello.or(self.connected);
        self.connected?;
        Some(up?.saturating_duration_since(self.resolved.or(self.connecting)?))
    }

    pub(crate) fn tls(&self) -> Option<Duration> {
        Some(self.connected?.saturating_duration_since(self.hello?))
    }
}

/// Runs `request` so that the connector's hooks record into the trace `trail`.
pub(super) async fn with_trace<T>(trail: &Arc<ConnectTrace>, request: impl Future<Output = T>) -> T {
    TRAIL.scope(Arc::clone(trail), request).await
}

/// Records something in the trace of the current task's request. Nothing is recorded for a connection that is opened in
/// the background because a kept-alive connection became free first.
pub(super) fn mark(change: impl FnOnce(&mut PhaseMarks)) {
    let _ = TRAIL.try_with(|trail| change(&mut trail.0.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Error of a connection that wasn't opened within the connect timeout.
#[derive(Debug, thiserror::Error)]
#[error("connect timeout")]
pub(super) struct ConnectTimeout;

/// Runs `inner`, which opens a connection, within `limit`, and records when it begins and ends.
///
/// # Errors
/// That of `inner`, or [`ConnectTimeout`].
pub(super) async fn connect<T>(
    inner: impl Future<Output = Result<T, BoxError>>,
    limit: Duration,
) -> Result<T, BoxError> {
    mark(|marks| *marks = PhaseMarks { connecting: Some(Instant::now()), ..PhaseMarks::default() });
    let own = TRAIL.try_with(Arc::clone).ok();
    let mut connecting = std::pin::pin!(tokio::time::timeout(limit, inner));
    let connected = std::future::poll_fn(|cx| {
        // A poll by another task means that the connection is opened in the background: the request took a kept-alive
        // connection that became free, and doesn't wait for this one any more.
        if let Some(own) = own.as_ref().filter(|own| !own.is_current()) {
            own.clear();
        }
        connecting.as_mut().poll(cx)
    });
    let connection = connected.await.map_err(|_| ConnectTimeout)??;
    mark(|marks| marks.connected = Some(Instant::now()));
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_request_does_not_wait_for_a_connection_that_goes_on_in_the_background() {
        let trail = Arc::new(ConnectTrace::default());
        let never = std::future::pending::<Result<(), BoxError>>();
        let mut connecting = Box::pin(connect(never, Duration::from_secs(60)));
        with_trace(&trail, async { assert!((&mut connecting).now_or_never().is_none()) }).await;
        assert_eq!(trail.marks().phase(), RequestPhase::Tcp);
        assert!((&mut connecting).now_or_never().is_none());
        assert_eq!(trail.marks().phase(), RequestPhase::Answer, "the request took a kept-alive connection");
    }

    /// Makes phase marks at these milliseconds: connecting, resolving, resolved, hello, connected.
    fn marks(at: [Option<u64>; 5]) -> PhaseMarks {
        let start = Instant::now();
        let [connecting, resolving, resolved, hello, connected] =
            at.map(|at| at.map(|ms| start + Duration::from_millis(ms)));
        PhaseMarks { connecting, resolving, resolved, hello, connected, ..PhaseMarks::default() }
    }

    #[test]
    fn a_request_is_in_the_phase_that_began_last() {
        let phase = |at| marks(at).phase();
        assert_eq!(phase([None; 5]), RequestPhase::Answer, "a kept-alive connection");
        assert_eq!(phase([Some(0), None, None, None, None]), RequestPhase::Tcp, "the URL has an address");
        assert_eq!(phase([Some(0), Some(1), None, None, None]), RequestPhase::Dns);
        assert_eq!(phase([Some(0), Some(1), Some(3), None, None]), RequestPhase::Tcp);
        assert_eq!(phase([Some(0), Some(1), Some(3), Some(8), None]), RequestPhase::Tls);
        assert_eq!(phase([Some(0), Some(1), Some(3), Some(8), Some(20)]), RequestPhase::Answer);
    }

    #[test]
    fn time_counts_to_the_phase_in_which_it_passed() {
        let times = |at| {
            let marks = marks(at);
            [marks.dns(), marks.tcp(), marks.tls()].map(|time| time.map(|t| t.as_millis()))
        };
        assert_eq!(times([Some(0), Some(1), Some(3), Some(8), Some(20)]), [Some(2), Some(5), Some(12)]);
        assert_eq!(times([Some(0), Some(1), Some(3), None, Some(20)]), [Some(2), Some(17), None], "http");
        assert_eq!(
            times([Some(0), None, None, Some(8), Some(20)]),
            [None, Some(8), Some(12)],
            "the URL has an address"
        );
        assert_eq!(times([Some(0), Some(1), Some(3), Some(8), None]), [None; 3], "not connected");
        assert_eq!(times([None; 5]), [None; 3]);
    }
}
