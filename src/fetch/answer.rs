//! An answer's headers and body, as plain facts.

use crate::facts::{Exchange, Failure, FailureKind, Timings};
use crate::fetch::body::{self, Bounds, Reading};
use crate::fetch::headers::range_text;
use crate::fetch::hop::Hop;
use crate::fetch::{Ask, Parts};
use http::header::{self, HeaderMap, HeaderName};
use packager_media::redact;
use packager_media::units::Timestamp;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Headers that say how the answer came to be: caches, packager, server.
const KEPT: [&str; 19] = [
    "accept-ranges",
    "access-control-allow-origin",
    "age",
    "cache-control",
    "cache-status",
    "cdn-cache-control",
    "cf-cache-status",
    "content-encoding",
    "content-range",
    "etag",
    "expires",
    "pragma",
    "retry-after",
    "server",
    "vary",
    "via",
    "x-cache",
    "x-cache-hits",
    "x-served-by",
];
const KEPT_PREFIXES: [&str; 3] = ["x-mediapackage-", "x-amzn-mediapackage-", "x-amz-cf-"];
const MAX_KEPT: usize = 32;
const MAX_VALUE: usize = 256;

/// Reads the body as `ask` wants it. `before`: redirects so far, and their time.
pub(super) async fn finish(
    parts: &Parts,
    ask: &Ask<'_>,
    hop: Hop,
    url: Url,
    before: (usize, Duration),
    deadline: Instant,
    sink: &mut (impl FnMut(&[u8]) + Send),
) -> Exchange {
    let mut exchange = head(parts, &hop, url);
    exchange.redirects = u32::try_from(before.0).unwrap_or(u32::MAX);
    let reading = read(ask, &exchange, hop.response, deadline, sink).await;
    let done = Instant::now();
    exchange.timings = Timings {
        dns: hop.marks.dns().map(Into::into),
        connect: hop.marks.tcp().map(Into::into),
        tls: hop.marks.tls().map(Into::into),
        first_byte: hop.answered.saturating_duration_since(hop.marks.connected.unwrap_or(hop.began)).into(),
        body: done.saturating_duration_since(hop.answered).into(),
        total: (before.1 + done.saturating_duration_since(hop.began)).into(),
    };
    exchange.body_bytes = reading.bytes;
    exchange.broken = reading.broken;
    drop(hop.slot);
    exchange
}

async fn read(
    ask: &Ask<'_>,
    exchange: &Exchange,
    response: reqwest::Response,
    deadline: Instant,
    sink: &mut (impl FnMut(&[u8]) + Send),
) -> Reading {
    if ask.headers_only || !(200..300).contains(&exchange.status) {
        return Reading { bytes: body::drain(response, deadline).await, broken: None };
    }
    if let Some(wrong) = wrong_range(ask, exchange) {
        return Reading { bytes: 0, broken: Some(wrong) };
    }
    // 200 to a range request: the server sends the whole, of which the range is cut out here.
    let cut = ask.range.filter(|_| exchange.status != 206);
    body::read(response, Bounds { max: ask.max_bytes, deadline, cut }, sink).await
}

/// A 206 that holds other bytes than those asked for (RFC 9110 14.4).
fn wrong_range(ask: &Ask<'_>, exchange: &Exchange) -> Option<Failure> {
    let asked = ask.range.filter(|_| exchange.status == 206)?;
    let (_, got) = exchange.headers.iter().find(|(name, _)| name == "content-range")?;
    let start = got.trim_start().strip_prefix("bytes")?.trim_start().split('-').next()?.trim();
    if start.parse() == Ok(asked.offset) {
        return None;
    }
    let message = format!("asked for bytes {}, the server answered with `{got}`", range_text(asked));
    Some(Failure::new(FailureKind::Protocol, message))
}

/// What status line and headers say; body and timings are still to come.
fn head(parts: &Parts, hop: &Hop, url: Url) -> Exchange {
    let headers = hop.response.headers();
    let text = |name: HeaderName| headers.get(name).map(|v| header_text(v.as_bytes()));
    let leaf = hop.response.extensions().get::<reqwest::tls::TlsInfo>().and_then(|info| info.peer_certificate());
    Exchange {
        final_url: url,
        status: hop.response.status().as_u16(),
        version: version(hop.response.version()),
        redirects: 0,
        timings: Timings::default(),
        content_type: text(header::CONTENT_TYPE),
        content_encoding: text(header::CONTENT_ENCODING),
        content_length: body::length(headers),
        last_modified: text(header::LAST_MODIFIED).and_then(|t| instant(&t)),
        date: text(header::DATE).and_then(|t| instant(&t)),
        headers: kept(headers),
        body_bytes: 0,
        certificate_expiry: leaf.and_then(|der| parts.agents.chains.expiry(der)),
        broken: None,
    }
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted = |name: &str| KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let all = headers.iter().filter(|(name, _)| wanted(name.as_str())).take(MAX_KEPT);
    all.map(|(name, value)| (name.as_str().to_owned(), header_text(value.as_bytes()))).collect()
}

fn header_text(value: &[u8]) -> String {
    redact::sanitize_line(&String::from_utf8_lossy(value), MAX_VALUE)
}

fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_09 => "HTTP/0.9",
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_11 => "HTTP/1.1",
        http::Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/3.0",
    }
}
