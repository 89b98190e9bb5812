//! Tests of the web page under `/ui/`, whether or not it was built, and of the API description from which its types are
//! made.

use super::*;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use serde_json::Value;

async fn prefixed() -> Running {
    let settings = Settings { route_prefix: "/px".into(), link_prefix: "/mon/px".into(), ..Settings::default() };
    Running::start(backend(answers), settings, Security::load(None).unwrap(), Bounds::default()).await
}

#[tokio::test]
async fn the_page_is_served_with_its_own_policy_or_says_how_to_build_it() {
    let server = prefixed().await;
    for path in ["/px/ui/", "/px/ui/channels/CH_1", "/px/ui/index.html", "/px/ui/.gitignore"] {
        let response = client().get(server.url(path)).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        if crate::web::ui::is_built() {
            assert_eq!((status, &headers[CACHE_CONTROL]), (200, &"no-cache".parse().unwrap()), "{path}");
            assert!(text.contains("<base href=\"/mon/px/ui/\""), "{path}: {text}");
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        } else {
            assert_eq!(status, 404, "{path}");
            assert!(text.contains("<code>make ui</code>"), "{path}: {text}");
        }
    }
}

/// Lists a script's bytes as sent for the codings that a client accepts, with the coding that was used.
async fn sent(server: &Running, path: &str, accepted: &str) -> (Option<String>, Vec<u8>) {
    let request = client().get(server.url(path)).header("accept-encoding", accepted);
    let response = request.send().await.unwrap();
    let coding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!((response.status().as_u16(), &response.headers()["vary"]), (200, &"accept-encoding".parse().unwrap()));
    (coding, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_script_is_sent_in_the_smallest_coding_that_the_browser_accepts() {
    let server = prefixed().await;
    let mut of_page = 0;
    for name in crate::web::ui::assets().iter().filter(|name| name.ends_with(".js")) {
        let path = format!("/px/ui/{name}");
        let (plain, gzip) = (sent(&server, &path, "identity").await, sent(&server, &path, "gzip, deflate").await);
        let brotli = sent(&server, &path, "gzip, deflate, br").await;
        assert_eq!(plain.0, None);
        if gzip.0.as_deref() == Some("gzip") {
            let mut decoded = Vec::new();
            let mut decoder = async_compression::tokio::write::GzipDecoder::new(&mut decoded);
            tokio::io::AsyncWriteExt::write_all(&mut decoder, &gzip.1).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut decoder).await.unwrap();
            assert!(decoded == plain.1, "{name}");
            assert_eq!(brotli.0.as_deref(), Some("br"), "{name}");
            assert!(brotli.1.len() < gzip.1.len() && gzip.1.len() < plain.1.len(), "{name}");
            of_page += 1;
        }
        assert_eq!(server.get(&format!("{path}.gz")).await.0, 404, "a coding is no file of the page");
    }
    assert!(of_page > 0 || !crate::web::ui::is_built());
}

#[tokio::test]
async fn a_file_that_is_gone_is_404_and_the_path_without_its_slash_leads_to_the_page() {
    let server = prefixed().await;
    assert_eq!(server.get("/px/ui/assets/index-0.js").await.0, 404, "an old page must not get HTML for a script");
    assert_eq!(server.get("/px/ui/assets/..%2f..%2fpackage.json").await.0, 404);
    let response = client().get(server.url("/px/ui")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()[LOCATION]), (302, &"/mon/px/ui/".parse().unwrap()));
    assert!(server.get("/px/").await.1.contains("<a href=\"/mon/px/ui/\">"));
}

#[tokio::test]
async fn a_listener_without_the_api_serves_no_page() {
    use tower::ServiceExt;
    let state = idle_state();
    let app = app(&state, &Security::load(None).unwrap(), Part::Probing);
    let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(get("/ui/")).await.unwrap().status(), 404);
    let page = app.oneshot(get("/")).await.unwrap();
    let page = axum::body::to_bytes(page.into_body(), 1 << 20).await.unwrap();
    assert!(!String::from_utf8_lossy(&page).contains("/ui/"));
}

/// Removes the texts for people from an OpenAPI document, because the page's types don't need them.
fn without_texts(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                !(name == "example" || (matches!(name.as_str(), "description" | "summary") && member.is_string()))
            });
            members.values_mut().for_each(without_texts);
        }
        Value::Array(items) => items.iter_mut().for_each(without_texts),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_is_built_from_the_api_as_it_is() {
    let server = Running::plain(backend(answers)).await;
    let (_, text) = server.get("/api/v1/openapi.json").await;
    let mut document: Value = serde_json::from_str(&text).unwrap();
    without_texts(&mut document);
    let now = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/openapi.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "the API changed: update ui/openapi.json with UPDATE_GOLDEN=1 cargo test --lib web::tests::ui"
    );
}
