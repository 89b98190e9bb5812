//! Responses of the routes outside the API: plain text, exposition, page and redirect, each with its content type.

use async_compression::Level;
use async_compression::tokio::write::GzipEncoder;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tokio::io::AsyncWriteExt;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Smallest body that is compressed, in bytes. A smaller body fits into one packet anyway.
const MIN_COMPRESSED_BYTES: usize = 1400;

pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Response {
    let mut body = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    with_type(status, TEXT, body)
}

pub(crate) fn html(body: String) -> Response {
    with_type(StatusCode::OK, HTML, body)
}

/// Makes a response with metrics as text exposition 0.0.4, compressed for a client that accepts gzip, such as
/// Prometheus.
pub(crate) async fn exposition(request: &HeaderMap, body: Vec<u8>) -> Response {
    compressible(request, EXPOSITION, body).await
}

/// Makes a response with a body of the content type `kind`, compressed for a client that accepts gzip.
pub(crate) async fn compressible(request: &HeaderMap, kind: HeaderValue, body: Vec<u8>) -> Response {
    let compressed =
        if body.len() >= MIN_COMPRESSED_BYTES && accepts(request, "gzip") { gzip(&body).await } else { None };
    let mut response = match compressed {
        Some(small) => {
            let mut response = with_type(StatusCode::OK, kind, small);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        None => with_type(StatusCode::OK, kind, body),
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// Makes a response with a body of the content type `kind` that has the content coding `coding` already.
pub(crate) fn precompressed(coding: &'static str, kind: HeaderValue, body: Vec<u8>) -> Response {
    let mut response = with_type(StatusCode::OK, kind, body);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

pub(crate) fn redirect(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else { return StatusCode::NOT_FOUND.into_response() };
    (StatusCode::FOUND, [(LOCATION, to)]).into_response()
}

pub(crate) async fn not_found(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    text(StatusCode::NOT_FOUND, format!("nothing is at {path}; there are /probe, /metrics, /config and /"))
}

pub(crate) async fn wrong_method(method: Method) -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not allowed here; the Allow header says what is"))
}

fn with_type(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, body.into()).into_response()
}

/// Returns whether `Accept-Encoding` lists `coding` or `*` with a weight above zero (RFC 9110, 12.5.3).
pub(crate) fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let offers = request.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    offers.map(|o| o.split_once(';').unwrap_or((o, ""))).any(|(offer, weight)| {
        let named = offer.trim().eq_ignore_ascii_case(coding) || offer.trim() == "*";
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

    #[tokio::test]
    async fn an_exposition_of_1400_bytes_is_compressed_and_a_smaller_one_is_not() {
        let headers: HeaderMap = [(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))].into_iter().collect();
        for (bytes, compressed) in [(1399, false), (1400, true)] {
            let response = exposition(&headers, vec![b'a'; bytes]).await;
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), compressed, "{bytes}");
            assert_eq!(response.headers()[VARY], "accept-encoding");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
        let plain = exposition(&HeaderMap::new(), vec![b'a'; 1400]).await;
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    }

    #[tokio::test]
    async fn a_text_ends_with_one_line_break_and_a_long_path_is_cut() {
        async fn body(response: Response) -> String {
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        }
        assert_eq!(body(text(StatusCode::OK, "a")).await, "a\n");
        assert_eq!(body(text(StatusCode::OK, "a\n")).await, "a\n");
        let path = format!("/{}", "x".repeat(300));
        let response = not_found(path.parse().unwrap()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(body(response).await.starts_with(&format!("nothing is at /{}; ", "x".repeat(199))));
    }

    #[test]
    fn a_redirect_has_its_target_and_one_to_no_header_value_is_404() {
        let response = redirect("/px/");
        assert_eq!(
            (response.status(), &response.headers()[LOCATION]),
            (StatusCode::FOUND, &HeaderValue::from_static("/px/"))
        );
        assert_eq!(redirect("a\nb").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_coding_is_used_only_where_it_is_accepted() {
        let given = |v: &str| [(ACCEPT_ENCODING, v.parse().unwrap())].into_iter().collect::<HeaderMap>();
        let gzip = |v: &str| accepts(&given(v), "gzip");
        assert!(gzip("gzip") && gzip("br, GZIP;q=0.5") && gzip("*"));
        assert!(!gzip("identity") && !gzip("gzip;q=0") && !gzip("br;q=1, gzip; q=0.0"));
        assert!(accepts(&given("gzip, deflate, br"), "br") && !accepts(&given("gzip, deflate"), "br"));
    }
}
