//! When a request's connection was resolved, opened and secured: the connector's hooks note it for the request
//! that waits for them.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    static TRAIL: Arc<Trail>;
}

/// Marks of one request. They stay empty where a kept-alive connection serves it.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<Marks>);

#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// What DNS answered, as far as the guard let it pass.
    pub addresses: Vec<IpAddr>,
    pub connecting: Option<Instant>,
    pub resolving: Option<Instant>,
    pub resolved: Option<Instant>,
    /// The TLS hello was written: the TCP connection stands.
    pub hello: Option<Instant>,
    pub connected: Option<Instant>,
}

/// What a request is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Dns,
    Tcp,
    Tls,
    Answer,
}

impl Trail {
    pub fn marks(&self) -> Marks {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The task that polls now works for this trail's request.
    fn is_in_reach(self: &Arc<Self>) -> bool {
        TRAIL.try_with(|trail| Arc::ptr_eq(trail, self)).unwrap_or(false)
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Marks::default();
    }
}

impl Marks {
    pub fn phase(&self) -> Phase {
        match self {
            Self { connected: Some(_), .. } | Self { connecting: None, .. } => Phase::Answer,
            Self { hello: Some(_), .. } => Phase::Tls,
            Self { resolving: Some(_), resolved: None, .. } => Phase::Dns,
            _ => Phase::Tcp,
        }
    }

    pub fn dns(&self) -> Option<Duration> {
        self.connected?;
        Some(self.resolved?.saturating_duration_since(self.resolving?))
    }

    pub fn tcp(&self) -> Option<Duration> {
        let up = self.hello.or(self.connected);
        self.connected?;
        Some(up?.saturating_duration_since(self.resolved.or(self.connecting)?))
    }

    pub fn tls(&self) -> Option<Duration> {
        Some(self.connected?.saturating_duration_since(self.hello?))
    }
}

/// Runs `request` with `trail` in reach of the hooks.
pub(super) async fn followed<T>(trail: &Arc<Trail>, request: impl Future<Output = T>) -> T {
    TRAIL.scope(Arc::clone(trail), request).await
}

/// Notes something on the trail of the request that this task works for. None is in reach where the connection is
/// being made in the background, because a kept-alive one became free first.
pub(super) fn note(change: impl FnOnce(&mut Marks)) {
    let _ = TRAIL.try_with(|trail| change(&mut trail.0.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// The connect timeout passed.
#[derive(Debug, thiserror::Error)]
#[error("connect timeout")]
pub(super) struct ConnectTimeout;

/// Layer around the connector: marks begin and end, and bounds the time between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed(pub Duration);

#[derive(Debug, Clone)]
pub(super) struct TimedService<S> {
    inner: S,
    limit: Duration,
}

impl<S> tower::Layer<S> for Timed {
    type Service = TimedService<S>;

    fn layer(&self, inner: S) -> TimedService<S> {
        TimedService { inner, limit: self.0 }
    }
}

impl<S, R> tower::Service<R> for TimedService<S>
where
    S: tower::Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        Box::pin(connect(self.inner.call(request), self.limit))
    }
}

async fn connect<T>(inner: impl Future<Output = Result<T, BoxError>>, limit: Duration) -> Result<T, BoxError> {
    note(|marks| *marks = Marks { connecting: Some(Instant::now()), ..Marks::default() });
    let own = TRAIL.try_with(Arc::clone).ok();
    let mut connecting = std::pin::pin!(tokio::time::timeout(limit, inner));
    let connected = std::future::poll_fn(|cx| {
        // Polled from elsewhere, it goes on in the background: the request took a kept-alive connection that became
        // free, and doesn't wait for this one any more.
        if let Some(own) = own.as_ref().filter(|own| !own.is_in_reach()) {
            own.forget();
        }
        connecting.as_mut().poll(cx)
    });
    let connection = connected.await.map_err(|_| ConnectTimeout)??;
    note(|marks| marks.connected = Some(Instant::now()));
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_request_does_not_wait_for_a_connection_that_goes_on_in_the_background() {
        let trail = Arc::new(Trail::default());
        let never = std::future::pending::<Result<(), BoxError>>();
        let mut connecting = Box::pin(connect(never, Duration::from_secs(60)));
        followed(&trail, async { assert!((&mut connecting).now_or_never().is_none()) }).await;
        assert_eq!(trail.marks().phase(), Phase::Tcp);
        assert!((&mut connecting).now_or_never().is_none());
        assert_eq!(trail.marks().phase(), Phase::Answer, "the request took a kept-alive connection");
    }
}
