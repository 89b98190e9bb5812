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
/// Codings in which `npm run build` writes the files below `assets/` beside them, the smallest first, with the ends of their names.
/// They are smaller than what the exporter could make at each request.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
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
    let is_page_file = path != INDEX && !path.starts_with('.') && !CODINGS.iter().any(|(_, end)| path.ends_with(end));
    let Some(found) = Files::get(&path).filter(|_| is_page_file) else {
        if is_asset {
            return respond::text(StatusCode::NOT_FOUND, "this file is not part of the page; load the page again");
        }
        return index_with_base(&state.settings.link_prefix, &request).await;
    };
    let kind = content_type(&path);
    let mut response = match smallest(&path, &request) {
        Some((coding, small)) => respond::precompressed(coding, kind, small),
        None => respond::compressible(&request, kind, found.data.into_owned()).await,
    };
    secure(&mut response, if is_asset { IMMUTABLE } else { REVALIDATED });
    response
}

/// Returns a file of the page in the smallest coding that the build made and the client accepts. `None`: there is none.
fn smallest(path: &str, request: &HeaderMap) -> Option<(&'static str, Vec<u8>)> {
    let accepted = CODINGS.into_iter().filter(|(coding, _)| respond::accepts(request, coding));
    let mut files = accepted.filter_map(|(coding, end)| Some((coding, Files::get(&format!("{path}{end}"))?)));
    files.next().map(|(coding, file)| (coding, file.data.into_owned()))
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

/// Returns the names of the page's files below `assets/`, without those in another coding.
#[cfg(test)]
pub(super) fn assets() -> Vec<String> {
    let is_plain = |name: &str| !CODINGS.iter().any(|(_, end)| name.ends_with(end));
    Files::iter().map(String::from).filter(|name| name.starts_with("assets/") && is_plain(name)).collect()
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
