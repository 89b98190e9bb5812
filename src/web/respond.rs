//! Responses of the routes outside the API: plain text, exposition, page and redirect, each with its content type.

use async_compression::Level;
use async_compression::tokio::write::GzipEncoder;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tokio::io::AsyncWriteExt;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Least size of a body that is compressed, in bytes: a smaller one fits into one packet anyway.
const MIN_COMPRESSED_BYTES: usize = 1400;

pub fn text(status: StatusCode, body: impl Into<String>) -> Response {
    let mut body = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    with_type(status, TEXT, body)
}

pub fn html(body: String) -> Response {
    with_type(StatusCode::OK, HTML, body)
}

/// Metrics as text exposition 0.0.4, compressed for a client that accepts gzip, as Prometheus does.
pub async fn exposition(request: &HeaderMap, body: Vec<u8>) -> Response {
    let compressed = if body.len() >= MIN_COMPRESSED_BYTES && accepts_gzip(request) { gzip(&body).await } else { None };
    let mut response = match compressed {
        Some(small) => {
            let mut response = with_type(StatusCode::OK, EXPOSITION, small);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        None => with_type(StatusCode::OK, EXPOSITION, body),
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

pub fn redirect(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else { return StatusCode::NOT_FOUND.into_response() };
    (StatusCode::FOUND, [(LOCATION, to)]).into_response()
}

pub async fn not_found(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    text(StatusCode::NOT_FOUND, format!("nothing is at {path}; there are /probe, /metrics, /config and /"))
}

pub async fn wrong_method(method: Method) -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not allowed here; the Allow header says what is"))
}

fn with_type(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, body.into()).into_response()
}

/// True when `Accept-Encoding` lists `gzip` or `*` with a weight above zero (RFC 9110, 12.5.3).
fn accepts_gzip(request: &HeaderMap) -> bool {
    let offers = request.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    offers.map(|o| o.split_once(';').unwrap_or((o, ""))).any(|(coding, weight)| {
        let named = coding.trim().eq_ignore_ascii_case("gzip") || coding.trim() == "*";
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
        named && weight.is_none_or(|q| q > 0.0)
    })
}

async fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzipEncoder::with_quality(Vec::with_capacity(body.len() / 4), Level::Fastest);
    encoder.write_all(body).await.ok()?;
    encoder.shutdown().await.ok()?;
    Some(encoder.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        let accepts = |v: &str| accepts_gzip(&[(ACCEPT_ENCODING, v.parse().unwrap())].into_iter().collect());
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("*"));
        assert!(!accepts("identity") && !accepts("gzip;q=0") && !accepts("br;q=1, gzip; q=0.0"));
    }
}
