//! HTTP requests of a capture: answers, failures, and how long each phase took.

use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;
use url::Url;

/// One HTTP request with its redirects, and its answer or failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// URL of the HTTP request before redirects.
    pub url: Url,
    pub result: Result<Exchange, Failure>,
}

impl Fetched {
    /// Returns the answer if its status is 2xx and its body is complete.
    #[must_use]
    pub fn ok(&self) -> Option<&Exchange> {
        self.answer().filter(|e| e.complete())
    }

    /// Returns the answer if its status is 2xx, even if its body is incomplete. `None` for any other status or a failed
    /// request.
    #[must_use]
    pub fn answer(&self) -> Option<&Exchange> {
        self.result.as_ref().ok().filter(|e| e.is_success())
    }

    /// Returns whether the probe's own deadline ended the request, which says nothing about the stream.
    #[must_use]
    pub fn probe_timed_out(&self) -> bool {
        let failure = match &self.result {
            Err(failure) => Some(failure),
            Ok(exchange) => exchange.broken.as_ref(),
        };
        failure.is_some_and(|f| f.kind == FailureKind::Deadline)
    }

    /// Returns whether the answer to a range request holds other, more or fewer bytes than requested, so that its
    /// content says nothing about the media.
    #[must_use]
    pub fn has_wrong_range(&self) -> bool {
        let broken = self.result.as_ref().ok().and_then(|e| e.broken.as_ref());
        broken.is_some_and(|f| f.kind == FailureKind::Range)
    }

    /// Returns a sentence for people about the failure of the request. `None` for a complete 2xx answer.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match &self.result {
            Err(failure) => Some(failure.message.clone()),
            Ok(e) if !e.is_success() => Some(format!("HTTP status {}", e.status)),
            Ok(e) => e.broken.as_ref().map(|f| f.message.clone()),
        }
    }
}

/// An HTTP answer whose headers were received.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// URL that answered, after redirects.
    pub final_url: Url,
    pub status: u16,
    /// HTTP version of the answer: `HTTP/1.1` or `HTTP/2.0`.
    pub version: &'static str,
    pub redirects: u32,
    pub timings: Timings,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_length: Option<u64>,
    pub last_modified: Option<Timestamp>,
    /// Date header of the answer: the time by the server's clock. `None` without a readable one.
    pub date: Option<Timestamp>,
    /// Header Origin of the request, which says on whose page the player is (Fetch Standard 3.2). `None`: it had none.
    pub page_origin: Option<String>,
    /// Other headers of the answer that checks read, with lower-case names and bounded values.
    pub headers: Vec<(String, String)>,
    /// Number of body bytes that were read, after content decoding.
    pub body_bytes: u64,
    /// Earliest `notAfter` of the certificates on the path from the server's certificate to a trusted one. `None`
    /// without TLS.
    pub certificate_expiry: Option<Timestamp>,
    /// Earliest `notAfter` of all certificates that the server sent, including those that aren't on the path to a
    /// trusted one. `None` without TLS.
    pub sent_certificates_expiry: Option<Timestamp>,
    /// Failure that ended the body of the answer early. `None` if the body is complete.
    pub broken: Option<Failure>,
}

impl Exchange {
    /// Returns whether the status of the answer is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns whether the body of the answer was read to its end.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.broken.is_none()
    }
}

/// Durations of the phases of a request on its last hop; `total` covers all hops. `None` for a phase that didn't take
/// place, because a connection was reused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    pub dns: Option<Seconds>,
    pub connect: Option<Seconds>,
    pub tls: Option<Seconds>,
    pub first_byte: Seconds,
    pub body: Seconds,
    pub total: Seconds,
}

/// Reason why a request has no answer, or no complete one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence with the address or bound concerned and, if there is one, the next step for the operator.
    pub message: String,
}

/// Phase of a request that failed, or reason for which it was refused or its answer rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The address guard refused the address, or the URL is not http(s).
    Refused,
    Dns,
    Connect,
    Tls,
    Timeout,
    /// The probe's own deadline ended the request, which says nothing about the stream.
    Deadline,
    /// The connection ended while the headers or the body were received.
    Cut,
    TooLarge,
    Redirect,
    Encoding,
    /// The answer to a range request holds other, more or fewer bytes than requested.
    Range,
    Protocol,
}
