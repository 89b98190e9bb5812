//! What a library's error means to the engineer on call: which party, which address, what to look at.

use crate::facts::{Failure, FailureKind};
use crate::fetch::resolve::Stopped;
use crate::fetch::trail::{ConnectTimeout, Marks, Phase};
use packager_media::redact;
use packager_media::units::Timestamp;
use rustls::CertificateError;
use rustls_pki_types::UnixTime;
use std::error::Error;
use std::io;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Longest text taken over from a library, which may quote the server.
const MAX_TEXT: usize = 200;
/// Addresses and certificate names listed in one message.
const MAX_LISTED: usize = 4;

impl Failure {
    pub(super) fn new(kind: FailureKind, message: String) -> Self {
        Self { kind, message }
    }
}

/// Why a request got no headers.
pub(super) fn of_request(error: &reqwest::Error, url: &Url, marks: &Marks, began: Instant) -> Failure {
    if let Some(Stopped(failure)) = find::<Stopped>(error) {
        return failure.clone();
    }
    if find::<ConnectTimeout>(error).is_some() {
        return Failure::new(connect_kind(marks.phase()), waited(url, marks, began));
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return Failure::new(FailureKind::Tls, format!("TLS: {}", of_tls(tls, url)));
    }
    let text = redact::sanitize_line(&innermost(error).to_string(), MAX_TEXT);
    match marks.phase() {
        Phase::Tcp | Phase::Dns => of_connect(find_io(error), &text, url, marks),
        Phase::Tls => {
            Failure::new(FailureKind::Tls, format!("TLS: {} broke off the handshake: {text}", host_port(url)))
        }
        Phase::Answer => of_answer(error, &text, url),
    }
}

/// The deadline came before the headers.
pub(super) fn out_of_time(url: &Url, marks: &Marks, began: Instant) -> Failure {
    Failure::new(FailureKind::Timeout, waited(url, marks, began))
}

/// The body came whole, as far as it came, and isn't what its Content-Encoding says.
pub(super) fn is_decoding(error: &io::Error) -> bool {
    find::<reqwest::Error>(error).is_none()
}

/// Why a body ended early; `expected` is its Content-Length.
pub(super) fn of_body(error: &io::Error, received: u64, expected: Option<u64>) -> Failure {
    let text = redact::sanitize_line(&innermost(error).to_string(), MAX_TEXT);
    if is_decoding(error) {
        return Failure::new(FailureKind::Encoding, format!("the body doesn't decompress: {text}"));
    }
    let of = expected.map(|n| format!(" of {n}")).unwrap_or_default();
    let closed = find_io(error).is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof);
    let why = match (closed, expected) {
        (true, Some(_)) => String::new(),
        (true, None) => ": the connection was closed before the last chunk".to_owned(),
        (false, _) => format!(": {text}"),
    };
    Failure::new(FailureKind::Cut, format!("body ended after {received}{of} bytes{why}"))
}

fn connect_kind(phase: Phase) -> FailureKind {
    match phase {
        Phase::Dns => FailureKind::Dns,
        Phase::Tcp => FailureKind::Connect,
        Phase::Tls => FailureKind::Tls,
        Phase::Answer => FailureKind::Timeout,
    }
}

fn waited(url: &Url, marks: &Marks, began: Instant) -> String {
    let host = url.host_str().unwrap_or_default();
    let time = seconds(began.elapsed());
    match (marks.phase(), marks.connected) {
        (Phase::Dns, _) => format!("DNS gave no answer for {host} within {time}; check this host's name servers"),
        (Phase::Tcp, _) => {
            let peers = peers(url, marks);
            format!("no connection to {peers} within {time}: host down, or a firewall or route drops the packets")
        }
        (Phase::Tls, _) => format!("TLS handshake with {} not finished within {time}", host_port(url)),
        (Phase::Answer, Some(connected)) => {
            format!("no answer from {} within {} after connecting", host_port(url), seconds(connected.elapsed()))
        }
        (Phase::Answer, None) => format!("no answer from {} within {time} on a kept-alive connection", host_port(url)),
    }
}

fn of_connect(error: Option<&io::Error>, text: &str, url: &Url, marks: &Marks) -> Failure {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let peers = peers(url, marks);
    let message = match error.map(io::Error::kind) {
        Some(ConnectionRefused) => {
            format!("connection refused by {peers}: nothing listens there (service down, wrong port)")
        }
        Some(HostUnreachable | NetworkUnreachable) => format!("no route to {peers}: {text}"),
        Some(TimedOut) => format!("no connection to {peers}: host down, or a firewall or route drops the packets"),
        _ => format!("no connection to {peers}: {text}"),
    };
    Failure::new(FailureKind::Connect, message)
}

fn of_answer(error: &reqwest::Error, text: &str, url: &Url) -> Failure {
    let server = host_port(url);
    let hyper = find::<hyper::Error>(error);
    if hyper.is_some_and(hyper::Error::is_incomplete_message) {
        return Failure::new(
            FailureKind::Cut,
            format!("{server} closed the connection before its headers were complete"),
        );
    }
    if hyper.is_some_and(hyper::Error::is_parse) {
        return Failure::new(FailureKind::Protocol, format!("{server} answered something that isn't HTTP: {text}"));
    }
    match find_io(error) {
        Some(_) => Failure::new(FailureKind::Cut, format!("connection to {server} lost before the answer: {text}")),
        None => Failure::new(FailureKind::Protocol, format!("no valid answer from {server}: {text}")),
    }
}

fn of_tls(error: &rustls::Error, url: &Url) -> String {
    let host = host_port(url);
    match error {
        rustls::Error::InvalidCertificate(why) => of_certificate(why, &host),
        rustls::Error::AlertReceived(alert) => format!("{host} refused the handshake with the alert {alert:?}"),
        rustls::Error::InvalidMessage(_) => format!("{host} doesn't speak TLS on this port (http instead of https?)"),
        rustls::Error::General(text) => redact::sanitize_line(text, MAX_TEXT),
        other => format!("{host}: {}", redact::sanitize_line(&other.to_string(), MAX_TEXT)),
    }
}

fn of_certificate(why: &CertificateError, host: &str) -> String {
    match why {
        CertificateError::Expired => format!("a certificate of {host} has expired"),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("a certificate of {host} expired on {}", date(*not_after))
        }
        CertificateError::NotValidYet => format!("a certificate of {host} is not valid yet; check the clocks"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("a certificate of {host} is not valid before {}; check the clocks", date(*not_before))
        }
        CertificateError::UnknownIssuer => format!(
            "unknown issuer of the certificate of {host}: set ca_file to its CA, or let the server send its \
             intermediate certificates"
        ),
        CertificateError::BadSignature => format!(
            "the signature on a certificate of {host} doesn't fit the key of the trusted CA of that name: update \
             ca_file if the CA was renewed"
        ),
        CertificateError::NotValidForName => format!("the certificate of {host} is for another name"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = presented.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ");
            format!("the certificate of {host} is for another name: {}", redact::sanitize_line(&names, MAX_TEXT))
        }
        other => {
            format!("the certificate of {host} is refused: {}", redact::sanitize_line(&other.to_string(), MAX_TEXT))
        }
    }
}

fn date(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok());
    at.map_or_else(|| "an unknown date".to_owned(), |t| t.to_string())
}

/// The addresses that the connection went to.
fn peers(url: &Url, marks: &Marks) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    if marks.addresses.is_empty() {
        return host_port(url);
    }
    let all = marks.addresses.iter().take(MAX_LISTED).map(|ip| std::net::SocketAddr::new(*ip, port).to_string());
    format!("{} ({})", all.collect::<Vec<_>>().join(", "), url.host_str().unwrap_or_default())
}

pub(super) fn host_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

pub(super) fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 1.0 { format!("{s:.2} s") } else { format!("{s:.1} s") }
}

/// `error` and what lies below it. A custom error inside an `io::Error` isn't its source but its content.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |e| below(*e)).take(32)
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|e| e.downcast_ref())
}

/// The innermost `io::Error`: the operating system's own, where there is one.
fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    chain(error).filter_map(|e| e.downcast_ref()).last()
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}
