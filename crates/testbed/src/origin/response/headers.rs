//! The last steps to a response: its headers, the requested range, and faults of both.

use super::{Content, Reply, RequestContext};
use crate::origin::dialects::Dialect;
use crate::origin::faults::Effect;
use crate::origin::packager_headers;
use crate::origin::route::Mode;
use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use std::time::{Duration, SystemTime};

/// Completes a reply: adds the headers, cuts out a range, and leaves the body out for HEAD.
pub(super) fn finish(
    request: &RequestContext<'_>,
    effect: Option<Effect>,
    now_ms: i64,
    mut reply: Reply,
) -> Response<Body> {
    let mut headers = HeaderMap::new();
    let is_playlist = request.route.resource.is_playlist();
    if reply.status.is_success() {
        let kind = if effect == Some(Effect::ContentType) { "text/plain" } else { reply.kind };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(effect, is_playlist)));
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if reply.status == StatusCode::FOUND
        && let Ok(location) =
            HeaderValue::from_str(&format!("{}?r={}", request.path, request.state.next_request_number("redirect")))
    {
        headers.insert(header::LOCATION, location);
    }
    allow_page(&mut headers, request.headers.get(header::ORIGIN), effect);
    // As behind a CDN that keeps media only.
    let cache = if is_playlist { "edge; fwd=bypass" } else { "edge; hit" };
    headers.insert(HeaderName::from_static("cache-status"), HeaderValue::from_static(cache));
    packager_headers::headers(&mut headers, request.route, effect, now_ms, reply.modified_ms);
    let late_ms = if request.query == Some("clock=late") { 30_000 } else { 0 };
    put_date(&mut headers, header::DATE, now_ms - late_ms);
    if let Some(modified) = reply.modified_ms {
        put_date(&mut headers, header::LAST_MODIFIED, modified.min(now_ms));
    }
    if !is_playlist && reply.status == StatusCode::OK {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        range(request, effect, &mut headers, &mut reply);
    }
    respond(request, headers, reply)
}

/// Allows the page in the request's header Origin to read the response, if there is one: many servers send CORS headers only to
/// requests that browsers make for a page of another origin.
fn allow_page(headers: &mut HeaderMap, page: Option<&HeaderValue>, effect: Option<Effect>) {
    let Some(page) = page else { return };
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    match effect {
        Some(Effect::CorsMissing) => {}
        Some(Effect::CorsOtherPage) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://other.example"));
        }
        Some(Effect::CorsTwice) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
            headers.append(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        _ => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
        }
    }
}

fn cache_control(effect: Option<Effect>, is_playlist: bool) -> &'static str {
    match (effect, is_playlist) {
        (Some(Effect::CacheHeaders), true) | (_, false) => "public, max-age=3600",
        _ => "public, max-age=1",
    }
}

fn put_date(headers: &mut HeaderMap, name: header::HeaderName, unix_ms: i64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms.max(0).unsigned_abs());
    if let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(at)) {
        headers.insert(name, value);
    }
}

/// Byte offset from which on a requested range is taken for a range of media, which a fault may answer wrongly. Indexes
/// and initialization segments are before it.
const MEDIA_OFFSET: usize = 2048;

/// Cuts the requested range out of a body (RFC 9110 14.2). Other ranges are ignored or answered with 416.
fn range(request: &RequestContext<'_>, effect: Option<Effect>, headers: &mut HeaderMap, reply: &mut Reply) {
    let Content::Whole(bytes) = &reply.body else {
        return;
    };
    let size = bytes.len();
    let asked = request.headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((from, to)) = asked.and_then(|value| value.strip_prefix("bytes=")).and_then(|span| span.split_once('-'))
    else {
        return;
    };
    if matches!(request.route.mode, Mode::Dialect(Dialect::Unranged)) {
        (reply.status, reply.body) = (StatusCode::RANGE_NOT_SATISFIABLE, Content::Whole(Bytes::new()));
        return;
    }
    let span = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) if from <= to => from..to.saturating_add(1).min(size),
        (Ok(from), Err(_)) if to.is_empty() => from..size,
        (Err(_), Ok(last)) if from.is_empty() => size.saturating_sub(last)..size,
        _ => return,
    };
    // Indexes and initialization segments come before the media.
    let span = match effect.filter(|_| span.start >= MEDIA_OFFSET && span.len() > 1) {
        Some(Effect::RangeIgnored) => return,
        Some(Effect::RangeShort) => span.start..span.start + span.len() / 2,
        Some(Effect::RangeShifted) => span.start - 188..span.end - 188,
        _ => span,
    };
    let content_range = if span.start < span.end {
        reply.status = StatusCode::PARTIAL_CONTENT;
        if effect != Some(Effect::RangeWhole) || span.start < MEDIA_OFFSET {
            reply.body = Content::Whole(bytes.slice(span.clone()));
        }
        format!("bytes {}-{}/{size}", span.start, span.end - 1)
    } else {
        reply.status = StatusCode::RANGE_NOT_SATISFIABLE;
        reply.body = Content::Whole(Bytes::new());
        format!("bytes */{size}")
    };
    if let Ok(value) = HeaderValue::from_str(&content_range) {
        headers.insert(header::CONTENT_RANGE, value);
    }
}

fn respond(request: &RequestContext<'_>, mut headers: HeaderMap, reply: Reply) -> Response<Body> {
    let (body, length) = match reply.body {
        Content::Whole(bytes) => (Body::from(bytes.clone()), Some(bytes.len() as u64)),
        Content::Stream(body, length, coding) => {
            if let Some(coding) = coding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            (body, length)
        }
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let body = if *request.method == Method::HEAD { Body::empty() } else { body };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = headers;
    response
}
