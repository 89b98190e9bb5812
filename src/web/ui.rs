//! Serves the web page under `/ui/`: the files of `ui/dist`, which `make ui` builds and a release build embeds.

use super::page::escape;
use super::{ServerState, respond};
use axum::Router;
use axum::extract::{Path, State as Extract};
use axum::response::Response;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::Embed;
use std::sync::Arc;

/// Files of the web page. A debug build reads them from the folder at each request. The folder is empty if the page was
/// not built.
#[derive(Embed)]
#[folder = "ui/dist/"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";
/// Element of index.html in which the page's path is replaced, so that links work behind a prefix and in deep links.
const BASE: &str = "<base href=\"/ui/\"";
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
     style-src 'self' 'unsafe-inline'; font-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
);
/// Cache-Control of the files below `assets/`, which have a hash of their content in their names.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// Returns the routes of the web page. For a path that names no file the answer is the page itself, which reads the
/// path.
pub(super) fn routes() -> Router<Arc<ServerState>> {
    Router::new().route("/ui", get(redirect)).route("/ui/", get(index)).route("/ui/{*path}", get(file))
}

async fn redirect(Extract(state): Extract<Arc<ServerState>>) -> Response {
    respond::redirect(&format!("{}/ui/", state.settings.link_prefix))
}

async fn index(Extract(state): Extract<Arc<ServerState>>, request: HeaderMap) -> Response {
    index_with_base(&state.settings.link_prefix, &request).await
}

async fn file(Extract(state): Extract<Arc<ServerState>>, Path(path): Path<String>, request: HeaderMap) -> Response {
    let is_asset = path.starts_with("assets/");
    let found = Files::get(&path).filter(|_| path != INDEX && !path.starts_with('.'));
    let Some(found) = found else {
        if is_asset {
            return respond::text(StatusCode::NOT_FOUND, "this file is not part of the page; load the page again");
        }
        return index_with_base(&state.settings.link_prefix, &request).await;
    };
    let mut response = respond::compressible(&request, content_type(&path), found.data.into_owned()).await;
    secure(&mut response, if is_asset { IMMUTABLE } else { REVALIDATED });
    response
}

async fn index_with_base(link_prefix: &str, request: &HeaderMap) -> Response {
    let Some(page) = Files::get(INDEX) else { return not_built() };
    let page = String::from_utf8_lossy(&page.data).replacen(BASE, &base(link_prefix), 1);
    let mut response = respond::compressible(request, HTML, page.into_bytes()).await;
    secure(&mut response, REVALIDATED);
    response
}

fn base(link_prefix: &str) -> String {
    format!("<base href=\"{}/ui/\"", escape(link_prefix))
}

fn secure(response: &mut Response, cache: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
}

fn not_built() -> Response {
    let mut response = respond::html(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>packager_exporter</title></head><body>\n\
         <h1>The web page was not built</h1>\n<p>This program was compiled without the web page. Run <code>make ui</code> \
         (it needs Node.js 20.19 or later), compile the program again, and start it again. Probes, metrics and the API \
         work without the page.</p>\n</body></html>\n"
            .to_owned(),
    );
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Returns the content type for the end of a file's name, for the kinds of files of which the page consists.
fn content_type(path: &str) -> HeaderValue {
    let known = match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    HeaderValue::from_static(known)
}

/// Returns whether the files of the web page are part of this program.
#[cfg(test)]
pub(super) fn is_built() -> bool {
    Files::get(INDEX).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_escaped() {
        assert_eq!(base(""), "<base href=\"/ui/\"");
        assert_eq!(base("/a\"><script>"), "<base href=\"/a&quot;&gt;&lt;script&gt;/ui/\"");
    }

    #[test]
    fn each_kind_of_file_has_its_content_type() {
        assert_eq!(content_type("assets/index-C.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("assets/index.css"), "text/css; charset=utf-8");
        assert_eq!(
            (content_type("icon.svg"), content_type("a")),
            ("image/svg+xml".parse().unwrap(), "application/octet-stream".parse().unwrap())
        );
    }
}
