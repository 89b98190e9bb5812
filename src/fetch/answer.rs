//! Reads the headers and body of an HTTP answer into an [`Exchange`], the record of a request that checks judge.

use crate::facts::{ContentRange, Exchange, Failure, FailureKind, Timings};
use crate::fetch::body::{self, BodyBounds, BodyResult};
use crate::fetch::dial::PeerCertificate;
use crate::fetch::headers::{last_byte, range_text};
use crate::fetch::hop::HopAnswer;
use crate::fetch::{ClientParts, FetchRequest};
use http::Response;
use http::header::{self, HeaderMap, HeaderName};
use hyper::body::Incoming;
use packager_media::redact;
use packager_media::stream::ByteRange;
use packager_media::units::Timestamp;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Response headers that are kept in an [`Exchange`], because they describe caches, packager or server.
const KEPT_HEADERS: [&str; 23] = [
    "accept-ranges",
    "access-control-allow-origin",
    "age",
    "cache-control",
    "cache-status",
    "cdn-cache",
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
    "x-cache-status",
    "x-nginx-cache",
    "x-proxy-cache",
    "x-served-by",
];
const KEPT_PREFIXES: [&str; 3] = ["x-mediapackage-", "x-amzn-mediapackage-", "x-amz-cf-"];
const MAX_KEPT: usize = 32;
const MAX_VALUE: usize = 256;

/// Reads the body of an answer as far as the request asks for it: completely, in a byte range, or only the headers.
/// `before` is the number of redirects that led to the answer and the time that they took.
pub(super) async fn read_answer(
    parts: &ClientParts,
    request: &FetchRequest<'_>,
    hop: HopAnswer,
    url: Url,
    before: (usize, Duration),
    deadline: Instant,
    sink: &mut (impl FnMut(&[u8]) -> ControlFlow<()> + Send),
) -> Exchange {
    let mut exchange = read_head(parts, &hop, url);
    exchange.redirects = u32::try_from(before.0).unwrap_or(u32::MAX);
    let reading = read_body(request, &exchange, hop.response, deadline, sink).await;
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
    drop(hop.permit);
    exchange
}

async fn read_body(
    request: &FetchRequest<'_>,
    exchange: &Exchange,
    response: Response<Incoming>,
    deadline: Instant,
    sink: &mut (impl FnMut(&[u8]) -> ControlFlow<()> + Send),
) -> BodyResult {
    if request.headers_only || !exchange.is_success() {
        return BodyResult { bytes: body::drain(response, deadline).await, broken: None };
    }
    if let Some(wrong) = range_mismatch(request, exchange).or_else(|| unasked_part(request, exchange)) {
        return BodyResult { bytes: 0, broken: Some(wrong) };
    }
    // A server that answers 200 to a range request sends the whole resource; the range is cut out here.
    let cut = request.range.filter(|_| exchange.status != 206);
    let bounds = BodyBounds { max: request.max_bytes, deadline, cut, may_end_early: request.may_end_early };
    let read = body::read(response, bounds, sink).await;
    let broken = read.broken.or_else(|| length_mismatch(request, exchange, read.bytes));
    BodyResult { broken, ..read }
}

/// Returns the failure of a 206 answer whose headers announce other, more or fewer bytes than the requested ones (RFC
/// 9110 14.4, 15.3.7); `None` if they are right.
fn range_mismatch(request: &FetchRequest<'_>, exchange: &Exchange) -> Option<Failure> {
    let asked = request.range.filter(|_| exchange.status == 206)?;
    let Some(got) = exchange.header("content-range") else {
        return Some(wrong_range(asked, "the answer (206) has no Content-Range"));
    };
    let Some(ContentRange { first, last, size, .. }) = ContentRange::parse(got) else {
        let what = format!("the answer (206) has the Content-Range `{got}`, which names no range of bytes");
        return Some(wrong_range(asked, &what));
    };
    let end = size.filter(|_| request.may_end_early).and_then(|size| size.checked_sub(1)).unwrap_or(u64::MAX);
    if (first, last) != (asked.offset, last_byte(asked).min(end)) {
        return Some(wrong_range(asked, &format!("the answer (206) has the Content-Range `{got}`")));
    }
    length_mismatch(request, exchange, exchange.content_length?)
}

/// Returns the failure of a 206 answer with a part of the resource to a request for all of it (RFC 9110 15.3.7); `None` for other
/// answers.
fn unasked_part(request: &FetchRequest<'_>, exchange: &Exchange) -> Option<Failure> {
    if request.range.is_some() || exchange.status != 206 {
        return None;
    }
    let got = exchange.header("content-range")?;
    let ContentRange { first, last, size, .. } = ContentRange::parse(got)?;
    let is_whole = first == 0 && size.is_none_or(|size| last.saturating_add(1) >= size);
    let message =
        format!("the whole resource was asked for, but the answer (206) is a part of it: Content-Range `{got}`");
    (!is_whole).then(|| Failure::new(FailureKind::Cut, message))
}

/// Returns the failure of a 206 answer whose body has another length than the requested range; `None` if it has the
/// right one. A body with a content encoding isn't judged.
fn length_mismatch(request: &FetchRequest<'_>, exchange: &Exchange, length: u64) -> Option<Failure> {
    let asked = request.range.filter(|_| exchange.status == 206)?;
    let encoded = exchange.content_encoding.as_ref().is_some_and(|e| !e.trim().eq_ignore_ascii_case("identity"));
    let expected = asked.length.max(1);
    let fits = length == expected || (request.may_end_early && length < expected);
    (!encoded && !fits)
        .then(|| wrong_range(asked, &format!("the answer (206) has {length} bytes instead of {expected}")))
}

fn wrong_range(asked: ByteRange, answer: &str) -> Failure {
    Failure::new(FailureKind::Range, format!("bytes {} were asked for, but {answer}", range_text(asked)))
}

/// Returns the facts in status line and headers of an answer. Body and timings are filled in later.
fn read_head(parts: &ClientParts, hop: &HopAnswer, url: Url) -> Exchange {
    let headers = hop.response.headers();
    let text = |name: HeaderName| headers.get(name).map(|v| header_text(v.as_bytes()));
    let leaf = hop.response.extensions().get::<PeerCertificate>();
    let chain = leaf.and_then(|der| parts.agents.chains.expiry(&der.0));
    Exchange {
        final_url: url,
        status: hop.response.status().as_u16(),
        version: version_name(hop.response.version()),
        redirects: 0,
        timings: Timings::default(),
        content_type: text(header::CONTENT_TYPE),
        content_encoding: text(header::CONTENT_ENCODING),
        content_length: body::content_length(headers),
        last_modified: text(header::LAST_MODIFIED).and_then(|t| parse_http_date(&t)),
        date: text(header::DATE).and_then(|t| parse_http_date(&t)),
        page_origin: None,
        headers: kept_headers(headers),
        body_bytes: 0,
        certificate_expiry: chain.map(|chain| chain.verified),
        sent_certificates_expiry: chain.map(|chain| chain.sent),
        broken: None,
    }
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted =
        |name: &str| KEPT_HEADERS.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let all = headers.iter().filter(|(name, _)| wanted(name.as_str())).take(MAX_KEPT);
    all.map(|(name, value)| (name.as_str().to_owned(), header_text(value.as_bytes()))).collect()
}

fn header_text(value: &[u8]) -> String {
    redact::sanitize_line(&String::from_utf8_lossy(value), MAX_VALUE)
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

fn version_name(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_09 => "HTTP/0.9",
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_11 => "HTTP/1.1",
        http::Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/3.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        HeaderMap::from_iter(
            lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())),
        )
    }

    fn exchange(status: u16, content_range: &str) -> Exchange {
        let headers = vec![("content-range".to_owned(), content_range.to_owned())];
        Exchange { status, headers, ..testing::exchange(&testing::url("http://h/")) }
    }

    #[test]
    fn a_partial_answer_must_hold_the_requested_bytes() {
        let (url, settings) = (Url::parse("http://h/").unwrap(), crate::catalog::RequestSettings::default());
        let range = Some(ByteRange { offset: 100, length: 50 });
        let request = FetchRequest {
            url: &url,
            settings: &settings,
            range,
            may_end_early: false,
            max_bytes: 1,
            compressed: false,
            headers_only: false,
            now: Timestamp::UNIX_EPOCH,
        };
        let accepted = |status, text: &str| range_mismatch(&request, &exchange(status, text)).is_none();
        assert!(accepted(206, "bytes 100-149/1000") && accepted(206, " bytes  100-149/*"));
        assert!(!accepted(206, "bytes 101-149/1000") && !accepted(206, "bytes 10-149/1000"));
        assert!(!accepted(206, "bytes 100-148/1000") && !accepted(206, "bytes 100-150/1000"));
        assert!(!accepted(206, "bytes 100-148/149") && !accepted(206, "bytes */1000"));
        assert!(accepted(206, "bytes 100-149"), "byte_range_wrong reports what is missing");
        for wrong in ["bytes */1000", "pages 100-149/1000", "100-149/1000", "bytes", ""] {
            let message = range_mismatch(&request, &exchange(206, wrong)).unwrap().message;
            assert!(message.ends_with(&format!("Content-Range `{wrong}`, which names no range of bytes")), "{message}");
        }
        assert!(accepted(200, "bytes 0-1/2"), "the whole resource is cut here");
        let first = FetchRequest { may_end_early: true, ..request };
        let begins = |text: &str| range_mismatch(&first, &exchange(206, text)).is_none();
        assert!(begins("bytes 100-149/1000") && begins("bytes 100-119/120"), "the resource ends within the range");
        assert!(!begins("bytes 100-119/1000") && !begins("bytes 101-119/120") && !begins("bytes 100-119/*"));
        let whole = FetchRequest { range: None, ..request };
        assert!(range_mismatch(&whole, &exchange(206, "bytes 0-1/2")).is_none());
        let without = Exchange { headers: Vec::new(), ..exchange(206, "") };
        let message = range_mismatch(&request, &without).unwrap().message;
        assert_eq!(message, "bytes 100-149 were asked for, but the answer (206) has no Content-Range");
        let announced = |length, encoding: Option<&str>| Exchange {
            content_length: Some(length),
            content_encoding: encoding.map(str::to_owned),
            ..exchange(206, "bytes 100-149/1000")
        };
        let accepted = |length, encoding| range_mismatch(&request, &announced(length, encoding)).is_none();
        assert!(accepted(50, None) && !accepted(49, None) && !accepted(51, None) && !accepted(51, Some("identity")));
        assert!(accepted(20, Some("gzip")), "the length of an encoded body is unknown");
        assert_eq!(
            length_mismatch(&request, &announced(50, None), 1000).unwrap().message,
            "bytes 100-149 were asked for, but the answer (206) has 1000 bytes instead of 50"
        );
    }

    #[test]
    fn headers_of_caches_and_packagers_are_kept_within_bounds() {
        let kept = kept_headers(&headers(&[
            ("x-cache", "hit\tfrom"),
            ("x-mediapackage-request-id", "1"),
            ("x-amz-cf-pop", "2"),
            ("x-amz-request-id", "3"),
            ("set-cookie", "secret"),
            ("via", &"v".repeat(MAX_VALUE + 1)),
        ]));
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-cache", "x-mediapackage-request-id", "x-amz-cf-pop", "via"]);
        assert_eq!(kept[0].1, "hit from");
        assert_eq!(kept[3].1.chars().count(), MAX_VALUE + 1, "cut, and marked as cut");
        let many: Vec<String> = (0..40).map(|n| format!("x-amz-cf-{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(kept_headers(&headers(&many)).len(), MAX_KEPT);
    }

    #[test]
    fn dates_and_versions_are_read() {
        assert_eq!(parse_http_date("Tue, 15 Nov 1994 12:45:26 GMT").unwrap().to_string(), "1994-11-15T12:45:26Z");
        assert_eq!(parse_http_date("yesterday"), None);
        let versions = [http::Version::HTTP_09, http::Version::HTTP_10, http::Version::HTTP_11, http::Version::HTTP_2];
        assert_eq!(versions.map(version_name), ["HTTP/0.9", "HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]);
        assert_eq!(version_name(http::Version::HTTP_3), "HTTP/3.0");
    }
}
