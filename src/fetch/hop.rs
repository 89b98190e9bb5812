//! One HTTP request to one server without redirects, up to the headers of its answer.

use crate::catalog::ConnectionSettings;
use crate::facts::{Failure, FailureKind};
use crate::fetch::connect_trace::{self, ConnectTrace, PhaseMarks};
use crate::fetch::headers::RequestHeaders;
use crate::fetch::host_limits::{RequestPermit, Sender};
use crate::fetch::http_clients::HttpClient;
use crate::fetch::{ClientParts, failure};
use http::{Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientFailure;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// An answer whose headers have arrived. Its permit counts against the host's limit until the body has been read.
pub(super) struct HopAnswer {
    pub(crate) response: Response<Incoming>,
    pub(crate) marks: PhaseMarks,
    pub(crate) began: Instant,
    pub(crate) answered: Instant,
    pub(crate) permit: RequestPermit,
}

impl ClientParts {
    pub(crate) async fn hop(
        &self,
        url: &Url,
        headers: &RequestHeaders,
        settings: &ConnectionSettings,
        deadline: Instant,
    ) -> Result<HopAnswer, Failure> {
        self.guard.check_url(url)?;
        if Instant::now() >= deadline {
            return Err(Failure::new(
                FailureKind::Deadline,
                "no time was left for this request; raise the scrape timeout or the template's timeout".to_owned(),
            ));
        }
        let agent = self.http_client(url, settings.for_url(url, headers.has_credentials()), deadline).await?;
        let asked = Instant::now();
        let slot = self.acquire_permit(url, settings, headers.sender(), deadline).await?;
        let waited = asked.elapsed();
        let result = self.send_with_permit(&agent, url, headers, deadline, slot).await;
        result.map_err(|failure| blame_connection_wait(failure, waited, asked.elapsed()))
    }

    async fn send_with_permit(
        &self,
        agent: &HttpClient,
        url: &Url,
        headers: &RequestHeaders,
        deadline: Instant,
        slot: RequestPermit,
    ) -> Result<HopAnswer, Failure> {
        // A server may close a kept-alive connection at the moment at which it is used again, and a GET may be repeated (RFC 9112
        // 9.3.1). It may have closed others as well, so that the request is repeated until it had a connection of its own. A server
        // that takes its time before it closes the connection has failed the request.
        let (mut stale, mut unprocessed, mut timed_out) = (0, 0, false);
        loop {
            let missed = match send_once(agent, url, headers, deadline).await {
                // A server says so of a connection that was idle for too long (RFC 9110 15.5.9), not of this request.
                Ok(answer) if answer.is_idle_timeout() && !timed_out => {
                    timed_out = true;
                    continue;
                }
                Ok(answer) => return Ok(answer.into_hop(slot)),
                Err(missed) => missed,
            };
            match missed.again {
                Again::Stale if stale == 0 || (stale < MAX_STALE && missed.took < STALE_AT_ONCE) => stale += 1,
                Again::Unprocessed if unprocessed < MAX_UNPROCESSED => unprocessed += 1,
                _ => return Err(missed.failure),
            }
        }
    }

    async fn http_client(
        &self,
        url: &Url,
        settings: ConnectionSettings,
        deadline: Instant,
    ) -> Result<HttpClient, Failure> {
        timeout_at(deadline, self.agents.client(settings)).await.unwrap_or_else(|_| {
            let host = failure::host_port(url);
            let message = format!("the certificate files for {host} could not be read within the probe's time");
            Err(Failure::new(FailureKind::Deadline, message))
        })
    }

    async fn acquire_permit(
        &self,
        url: &Url,
        settings: &ConnectionSettings,
        sender: Sender,
        deadline: Instant,
    ) -> Result<RequestPermit, Failure> {
        let began = Instant::now();
        timeout_at(deadline, self.host_limits.acquire(url, settings, sender)).await.ok().flatten().ok_or_else(|| {
            let message = format!(
                "no connection became free within {}: all {} connections to {} were in use; the server answers slowly, \
                 or fetch.max_connections_per_host is too low",
                failure::format_seconds(began.elapsed()),
                self.host_limits.per_host,
                failure::host_port(url)
            );
            Failure::new(FailureKind::Deadline, message)
        })
    }
}

/// Turns a timeout into a failure of kind `Deadline` if the wait for a free connection took at least half of the time,
/// because the server isn't to blame then.
fn blame_connection_wait(failure: Failure, waited: Duration, all: Duration) -> Failure {
    if failure.kind != FailureKind::Timeout || waited * 2 < all {
        return failure;
    }
    let waited = failure::format_seconds(waited);
    Failure::new(FailureKind::Deadline, format!("{}, after a wait of {waited} for a free connection", failure.message))
}

/// Number of kept-alive connections on which a request is sent in vain before the next failure counts.
const MAX_STALE: usize = 16;
/// Time within which the end of a kept-alive connection shows that it was dead before the request, if it isn't the first one.
const STALE_AT_ONCE: Duration = Duration::from_secs(1);
/// Number of times for which a request is sent again that a server refused to process, as with more streams than it allows.
const MAX_UNPROCESSED: usize = 2;

struct AttemptAnswer {
    response: Response<Incoming>,
    marks: PhaseMarks,
    began: Instant,
}

impl AttemptAnswer {
    /// Returns whether the server may have timed out a kept-alive connection, at the moment at which it was used again.
    fn is_idle_timeout(&self) -> bool {
        let is_timeout = self.response.status() == StatusCode::REQUEST_TIMEOUT;
        is_timeout && self.marks.connecting.is_none() && self.response.version() < Version::HTTP_2
    }

    fn into_hop(self, slot: RequestPermit) -> HopAnswer {
        HopAnswer {
            response: self.response,
            marks: self.marks,
            began: self.began,
            answered: Instant::now(),
            permit: slot,
        }
    }
}

struct AttemptError {
    failure: Failure,
    again: Again,
    /// Time from the request to its failure.
    took: Duration,
}

/// Whether a failed request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// It was sent on a kept-alive connection, whose end may have nothing to do with this request.
    Stale,
    /// The server didn't process it (RFC 9113 8.7): REFUSED_STREAM, or GOAWAY with NO_ERROR.
    Unprocessed,
}

impl From<Failure> for AttemptError {
    fn from(failure: Failure) -> Self {
        Self { failure, again: Again::No, took: Duration::ZERO }
    }
}

/// Returns whether a request that failed with `error` may be sent again; `reused`: it was sent on a kept-alive connection.
fn may_be_repeated(error: &ClientFailure, reused: bool) -> Again {
    let http2 = failure::find_error::<h2::Error>(error);
    match http2.map(|e| (e.is_reset(), e.is_go_away(), e.reason())) {
        Some((true, _, Some(h2::Reason::REFUSED_STREAM)) | (_, true, Some(h2::Reason::NO_ERROR))) => Again::Unprocessed,
        // The server ended this request only; the connection is sound.
        Some((true, ..)) => Again::No,
        _ if reused => Again::Stale,
        _ => Again::No,
    }
}

/// Sends the HTTP request once, without a second attempt.
async fn send_once(
    agent: &HttpClient,
    url: &Url,
    headers: &RequestHeaders,
    deadline: Instant,
) -> Result<AttemptAnswer, AttemptError> {
    let request = headers.request(url, agent.proxy_authorization(url))?;
    let trail = Arc::new(ConnectTrace::default());
    let began = Instant::now();
    let sent = timeout_at(deadline, connect_trace::with_trace(&trail, agent.send(request))).await;
    let marks = trail.marks();
    match sent {
        Ok(Ok(response)) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            // A server that isn't a proxy has no reason to send it.
            let Some(proxy) = agent.forwarder(url) else { return Ok(AttemptAnswer { response, marks, began }) };
            let message = format!("{proxy} wants other credentials: set or correct proxy_auth");
            Err(Failure::new(FailureKind::Connect, message).into())
        }
        Ok(Ok(response)) => Ok(AttemptAnswer { response, marks, began }),
        Ok(Err(error)) => {
            let again = may_be_repeated(&error, marks.connecting.is_none());
            let failure = failure::request_failure(&error, url, &marks, began);
            Err(AttemptError { failure, again, took: began.elapsed() })
        }
        Err(_) => Err(failure::header_timeout(url, &marks, began).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_the_exporters_own_when_half_of_the_time_was_a_wait_for_a_connection() {
        let judged = |kind, waited: u64, all: u64| {
            let failure = Failure::new(kind, "no answer".to_owned());
            blame_connection_wait(failure, Duration::from_millis(waited), Duration::from_millis(all))
        };
        assert_eq!(judged(FailureKind::Timeout, 499, 1000).kind, FailureKind::Timeout);
        let own = judged(FailureKind::Timeout, 500, 1000);
        assert_eq!(own.kind, FailureKind::Deadline);
        assert_eq!(own.message, "no answer, after a wait of 0.50 s for a free connection");
        assert_eq!(judged(FailureKind::Connect, 900, 1000).kind, FailureKind::Connect);
    }
}
