//! HTTP server for a folder, like a web server for players: media types by extension, Last-Modified, ranges and CORS.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running file server; it ends when this value is dropped.
#[derive(Debug)]
pub struct StaticFiles {
    pub addr: SocketAddr,
    task: JoinHandle<io::Result<()>>,
}

impl StaticFiles {
    /// Starts a server for the files in `folder` on a free port of the loopback address.
    ///
    /// # Errors
    /// No port is free.
    pub async fn serve(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(folder.to_owned());
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { addr, task })
    }

    /// Returns the URL of a file in the folder.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.addr, path.trim_start_matches('/'))
    }
}

impl Drop for StaticFiles {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Path of the clock for UTCTiming on the file server.
const TIME: &str = "/time";

async fn answer(State(folder): State<PathBuf>, request: Request) -> Response<Body> {
    if request.uri().path() == TIME {
        return respond(StatusCode::OK, HeaderMap::new(), jiff::Timestamp::now().to_string().into_bytes());
    }
    let path_below = Path::new(request.uri().path().trim_start_matches('/'));
    let stays_below = path_below.components().all(|part| matches!(part, Component::Normal(_)));
    let path = folder.join(path_below);
    let read = async { io::Result::Ok((tokio::fs::metadata(&path).await?, tokio::fs::read(&path).await?)) };
    let Some((metadata, bytes)) = (if stays_below { read.await.ok() } else { None }) else {
        return respond(StatusCode::NOT_FOUND, HeaderMap::new(), b"not found\n".to_vec());
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(&path)));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    put_date(&mut headers, header::DATE, std::time::SystemTime::now());
    if let Ok(modified) = metadata.modified() {
        put_date(&mut headers, header::LAST_MODIFIED, modified);
    }
    let size = bytes.len();
    let asked = request.headers().get(header::RANGE).and_then(|value| byte_range(value, size));
    let Some((range, bytes)) = asked.and_then(|range| Some((range.clone(), bytes.get(range)?.to_vec()))) else {
        return respond(StatusCode::OK, headers, bytes);
    };
    if let Ok(range) = HeaderValue::from_str(&format!("bytes {}-{}/{size}", range.start, range.end - 1)) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    respond(StatusCode::PARTIAL_CONTENT, headers, bytes)
}

fn respond(status: StatusCode, headers: HeaderMap, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn put_date(headers: &mut HeaderMap, name: header::HeaderName, at: std::time::SystemTime) {
    if let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(at)) {
        headers.insert(name, value);
    }
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()) {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("mpd") => "application/dash+xml",
        Some("ts") => "video/mp2t",
        Some("m4s" | "mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// Parses a Range header `bytes=FROM-TO` or `bytes=FROM-`; `None` for any other, which is answered with the whole body
/// (RFC 9110 14.2).
fn byte_range(value: &HeaderValue, size: usize) -> Option<Range<usize>> {
    let (from, to) = value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let end = if to.is_empty() { size } else { to.parse::<usize>().ok()?.saturating_add(1).min(size) };
    (from < end).then_some(from..end)
}
