//! Errors of libraries as failures that an engineer on call understands: which party failed, at which address, and what
//! to check next.

use crate::facts::{Failure, FailureKind};
use crate::fetch::connect_trace::{ConnectTimeout, PhaseMarks, RequestPhase};
use crate::fetch::resolve::WordedFailure;
use crate::fetch::tls_failure;
use hyper_util::client::legacy::Error as ClientFailure;
use packager_media::redact;
use std::error::Error;
use std::io;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Largest number of characters that are copied from a library's error, which may quote the server.
const MAX_TEXT: usize = 200;
/// Largest number of addresses or certificate names in one message.
const MAX_LISTED: usize = 4;

impl Failure {
    pub(super) fn new(kind: FailureKind, message: String) -> Self {
        Self { kind, message }
    }
}

/// Returns the failure of a request whose answer's headers never arrived.
pub(super) fn request_failure(error: &ClientFailure, url: &Url, marks: &PhaseMarks, began: Instant) -> Failure {
    if let Some(WordedFailure(failure)) = find_error::<WordedFailure>(error) {
        return failure.clone();
    }
    if find_error::<ConnectTimeout>(error).is_some() {
        return Failure::new(connect_timeout_kind(marks.phase()), timeout_message(url, marks, began));
    }
    if let Some(tls) = find_error::<rustls::Error>(error) {
        return Failure::new(FailureKind::Tls, format!("TLS: {}", tls_failure::message(tls, &host_port(url))));
    }
    let text = redact::sanitize_line(&innermost_error(error).to_string(), MAX_TEXT);
    match marks.phase() {
        RequestPhase::Tcp | RequestPhase::Dns => connect_failure(find_io_error(error), &text, url, marks),
        RequestPhase::Tls => Failure::new(FailureKind::Tls, tls_failure::ended(&host_port(url), &text)),
        RequestPhase::Answer => answer_failure(error, &text, url, marks),
    }
}

/// Returns the failure of a request whose deadline passed before the answer's headers arrived.
pub(super) fn header_timeout(url: &Url, marks: &PhaseMarks, began: Instant) -> Failure {
    Failure::new(FailureKind::Timeout, timeout_message(url, marks, began))
}

/// Returns whether an error while a body was read comes from its content encoding and not from its connection.
pub(super) fn is_decoding_error(error: &io::Error) -> bool {
    find_error::<hyper::Error>(error).is_none()
}

/// Returns the failure of a body that ended early. `received` is the number of bytes that arrived, `expected` its
/// Content-Length in bytes.
pub(super) fn body_failure(error: &io::Error, received: u64, expected: Option<u64>) -> Failure {
    let text = redact::sanitize_line(&innermost_error(error).to_string(), MAX_TEXT);
    if is_decoding_error(error) {
        return Failure::new(FailureKind::Encoding, format!("the body can't be decompressed: {text}"));
    }
    let of = expected.map(|n| format!(" of {n}")).unwrap_or_default();
    let closed = find_io_error(error).is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof);
    let why = match (closed, expected) {
        (true, Some(_)) => String::new(),
        (true, None) => ": the connection was closed before the last chunk".to_owned(),
        (false, _) => format!(": {text}"),
    };
    Failure::new(FailureKind::Cut, format!("the body ended after {received}{of} bytes{why}"))
}

fn connect_timeout_kind(phase: RequestPhase) -> FailureKind {
    match phase {
        RequestPhase::Dns => FailureKind::Dns,
        RequestPhase::Tcp => FailureKind::Connect,
        RequestPhase::Tls => FailureKind::Tls,
        RequestPhase::Answer => FailureKind::Timeout,
    }
}

fn timeout_message(url: &Url, marks: &PhaseMarks, began: Instant) -> String {
    let host = url.host_str().unwrap_or_default();
    let time = format_seconds(began.elapsed());
    if let Some(proxy) = &marks.proxy {
        return proxy_timeout(url, marks, proxy, &time);
    }
    match (marks.phase(), marks.connected) {
        (RequestPhase::Dns, _) => {
            format!("the DNS lookup of {host} got no answer within {time}; check the exporter host's name servers")
        }
        (RequestPhase::Tcp, _) => {
            let peers = peer_addresses(url, marks);
            format!(
                "no connection to {peers} within {time}: the host is down, or a firewall or route drops the packets"
            )
        }
        (RequestPhase::Tls, _) => format!("the TLS handshake with {} didn't finish within {time}", host_port(url)),
        (RequestPhase::Answer, Some(connected)) => {
            format!("no answer from {} within {} after connecting", host_port(url), format_seconds(connected.elapsed()))
        }
        (RequestPhase::Answer, None) => {
            format!("no answer from {} within {time} on a kept-alive connection", host_port(url))
        }
    }
}

/// Names the party that a request through a proxy waited for until its time ended.
fn proxy_timeout(url: &Url, marks: &PhaseMarks, proxy: &str, time: &str) -> String {
    let server = host_port(url);
    match marks.phase() {
        RequestPhase::Dns => {
            format!("the DNS lookup of {proxy} got no answer within {time}; check the exporter host's name servers")
        }
        RequestPhase::Tcp if !marks.reached_proxy => {
            format!("no connection to {proxy} within {time}: it is down, or a firewall or route drops the packets")
        }
        RequestPhase::Tcp => {
            format!("{proxy} opened no connection to {server} within {time}: the server or the way to it hangs")
        }
        RequestPhase::Tls => format!("the TLS handshake with {server} through {proxy} didn't finish within {time}"),
        RequestPhase::Answer => format!("no answer from {server} through {proxy} within {time}"),
    }
}

fn connect_failure(error: Option<&io::Error>, text: &str, url: &Url, marks: &PhaseMarks) -> Failure {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let peers = peer_addresses(url, marks);
    let message = match error.map(io::Error::kind) {
        Some(ConnectionRefused) => {
            format!("connection refused by {peers}: no service listens on this port; check the service and the port")
        }
        Some(AddrNotAvailable) => {
            format!(
                "no connection to {peers}: this machine doesn't have the address that source_address names, or no free port"
            )
        }
        Some(HostUnreachable | NetworkUnreachable) => format!("no route to {peers}: {text}"),
        Some(TimedOut) => {
            format!("no connection to {peers}: the host is down, or a firewall or route drops the packets")
        }
        _ => format!("no connection to {peers}: {text}"),
    };
    Failure::new(FailureKind::Connect, message)
}

fn answer_failure(error: &ClientFailure, text: &str, url: &Url, marks: &PhaseMarks) -> Failure {
    let through = marks.proxy.as_ref().map(|proxy| format!(" through {proxy}")).unwrap_or_default();
    let server = format!("{}{through}", host_port(url));
    let hyper = find_error::<hyper::Error>(error);
    if hyper.is_some_and(hyper::Error::is_incomplete_message) {
        return Failure::new(
            FailureKind::Cut,
            format!("{server} closed the connection before its headers were complete"),
        );
    }
    if hyper.is_some_and(hyper::Error::is_parse) {
        return Failure::new(FailureKind::Protocol, format!("{server} answered something that isn't HTTP: {text}"));
    }
    match find_io_error(error) {
        Some(_) => {
            Failure::new(FailureKind::Cut, format!("the connection to {server} was lost before the answer: {text}"))
        }
        None => Failure::new(FailureKind::Protocol, format!("no valid answer from {server}: {text}")),
    }
}

/// Returns the addresses to which a connection was attempted, with the host's name, for a message.
fn peer_addresses(url: &Url, marks: &PhaseMarks) -> String {
    let port = marks.port.or_else(|| url.port_or_known_default()).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    if marks.addresses.is_empty() {
        return host_port(url);
    }
    if let [only] = marks.addresses.as_slice()
        && only.to_string() == host.trim_start_matches('[').trim_end_matches(']')
    {
        return std::net::SocketAddr::new(*only, port).to_string();
    }
    let all = marks.addresses.iter().take(MAX_LISTED).map(|ip| std::net::SocketAddr::new(*ip, port).to_string());
    format!("{} ({})", all.collect::<Vec<_>>().join(", "), host)
}

pub(super) fn host_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

pub(super) fn format_seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 1.0 { format!("{s:.2} s") } else { format!("{s:.1} s") }
}

/// Iterates over an error and all its causes. A custom error inside of an `io::Error` is its content and not its
/// source, and counts as a cause here.
fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |e| inner_error(*e)).take(32)
}

fn inner_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

pub(super) fn find_error<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    error_chain(error).find_map(|e| e.downcast_ref())
}

/// Returns the innermost `io::Error`, which is the operating system's own error if there is one.
pub(super) fn find_io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    error_chain(error).filter_map(|e| e.downcast_ref()).last()
}

pub(super) fn innermost_error<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error_chain(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://packager-01/tv.m3u8").unwrap()
    }

    /// Makes the phase marks of a request that waits in `phase`.
    fn marks(phase: RequestPhase) -> PhaseMarks {
        let now = Some(Instant::now());
        let addresses = vec!["192.0.2.1".parse().unwrap()];
        let resolved =
            PhaseMarks { connecting: now, resolving: now, resolved: now, addresses, ..PhaseMarks::default() };
        let marks = match phase {
            RequestPhase::Dns => PhaseMarks { connecting: now, resolving: now, ..PhaseMarks::default() },
            RequestPhase::Tcp => resolved,
            RequestPhase::Tls => PhaseMarks { hello: now, ..resolved },
            RequestPhase::Answer => PhaseMarks { hello: now, connected: now, ..resolved },
        };
        assert_eq!(marks.phase(), phase);
        marks
    }

    #[test]
    fn seconds_have_two_digits_below_one_and_one_from_there() {
        let text = |ms| format_seconds(Duration::from_millis(ms));
        assert_eq!(
            (text(4), text(994), text(1_000), text(1_250)),
            ("0.00 s".into(), "0.99 s".into(), "1.0 s".into(), "1.2 s".into())
        );
    }

    #[test]
    fn a_timeout_names_the_phase_in_which_the_time_ended() {
        let message = |phase| header_timeout(&url(), &marks(phase), Instant::now());
        assert_eq!(message(RequestPhase::Dns).kind, FailureKind::Timeout);
        let dns = "the DNS lookup of packager-01 got no answer within 0.00 s; check the exporter host's name servers";
        assert_eq!(message(RequestPhase::Dns).message, dns);
        let tcp = "no connection to 192.0.2.1:443 (packager-01) within 0.00 s: the host is down, or a firewall or route \
                   drops the packets";
        assert_eq!(message(RequestPhase::Tcp).message, tcp);
        assert_eq!(
            message(RequestPhase::Tls).message,
            "the TLS handshake with packager-01:443 didn't finish within 0.00 s"
        );
        assert_eq!(
            message(RequestPhase::Answer).message,
            "no answer from packager-01:443 within 0.00 s after connecting"
        );
        let kept = header_timeout(&url(), &PhaseMarks::default(), Instant::now());
        assert_eq!(kept.message, "no answer from packager-01:443 within 0.00 s on a kept-alive connection");
    }

    #[test]
    fn a_timeout_behind_a_proxy_names_who_hangs() {
        let message = |phase, reached_proxy| {
            let marks = PhaseMarks { proxy: Some("the proxy p:3128".to_owned()), reached_proxy, ..marks(phase) };
            header_timeout(&url(), &marks, Instant::now()).message
        };
        assert!(message(RequestPhase::Dns, false).starts_with("the DNS lookup of the proxy p:3128 got no answer"));
        assert!(message(RequestPhase::Tcp, false).starts_with("no connection to the proxy p:3128 within"));
        let opened = "the proxy p:3128 opened no connection to packager-01:443 within 0.00 s";
        assert!(message(RequestPhase::Tcp, true).starts_with(opened));
        let answer = "no answer from packager-01:443 through the proxy p:3128 within 0.00 s";
        assert_eq!(message(RequestPhase::Answer, true), answer);
    }

    #[test]
    fn a_connect_timeout_is_of_its_phase() {
        use RequestPhase::{Answer, Dns, Tcp, Tls};
        let kinds = [Dns, Tcp, Tls, Answer].map(connect_timeout_kind);
        assert_eq!(kinds, [FailureKind::Dns, FailureKind::Connect, FailureKind::Tls, FailureKind::Timeout]);
    }

    #[test]
    fn an_error_of_the_operating_system_says_what_to_check() {
        let failure = |kind: io::ErrorKind| {
            let failure = connect_failure(Some(&kind.into()), "text", &url(), &marks(RequestPhase::Tcp));
            assert_eq!(failure.kind, FailureKind::Connect);
            failure.message
        };
        let refused = "connection refused by 192.0.2.1:443 (packager-01): no service listens on this port";
        assert!(failure(io::ErrorKind::ConnectionRefused).starts_with(refused));
        for kind in [io::ErrorKind::HostUnreachable, io::ErrorKind::NetworkUnreachable] {
            assert_eq!(failure(kind), "no route to 192.0.2.1:443 (packager-01): text");
        }
        assert!(failure(io::ErrorKind::TimedOut).contains("the host is down"));
        assert_eq!(failure(io::ErrorKind::Other), "no connection to 192.0.2.1:443 (packager-01): text");
    }

    #[test]
    fn a_body_that_ended_early_says_how_many_bytes_arrived() {
        let body = |error: io::Error, expected| {
            let failure = body_failure(&error, 3, expected);
            (failure.kind, failure.message)
        };
        let decoding = body(io::Error::new(io::ErrorKind::InvalidData, "bad header"), Some(9));
        assert_eq!(decoding, (FailureKind::Encoding, "the body can't be decompressed: bad header".to_owned()));
        assert!(is_decoding_error(&io::ErrorKind::InvalidData.into()));
    }

    #[test]
    fn at_most_four_addresses_are_listed() {
        let addresses: Vec<_> = (1..=5).map(|n| std::net::IpAddr::from([192, 0, 2, n])).collect();
        let listed = |count: usize| {
            peer_addresses(&url(), &PhaseMarks { addresses: addresses[..count].to_vec(), ..PhaseMarks::default() })
        };
        assert_eq!(listed(0), "packager-01:443");
        assert_eq!(listed(2), "192.0.2.1:443, 192.0.2.2:443 (packager-01)");
        assert_eq!(listed(5), "192.0.2.1:443, 192.0.2.2:443, 192.0.2.3:443, 192.0.2.4:443 (packager-01)");
    }

    #[test]
    fn an_error_is_searched_with_all_its_causes() {
        let inner = io::Error::new(io::ErrorKind::ConnectionReset, ConnectTimeout);
        let outer = io::Error::other(inner);
        assert!(find_error::<ConnectTimeout>(&outer).is_some());
        assert_eq!(find_io_error(&outer).map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));
        assert_eq!(innermost_error(&outer).to_string(), ConnectTimeout.to_string());
        assert!(find_error::<rustls::Error>(&outer).is_none());
    }
}
