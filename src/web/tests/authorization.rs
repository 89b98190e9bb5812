//! Tests of roles for every operation of the API. The operations come from the OpenAPI document, which is gathered from
//! the routes, so that no handler is left out.

use super::*;
use crate::web::api::{Api, Role, TokenFile, hash};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;
use tower::ServiceExt;

/// Operations of the API that need no token: those that Prometheus and load balancers request, and the OpenAPI
/// document.
const OPEN: [&str; 3] = ["get /api/v1/health", "get /api/v1/openapi.json", "get /api/v1/sd"];

/// Makes the router of an exporter with one token for each role. The token's text is the role's name.
fn app_with_tokens() -> Router {
    let file = tempfile::NamedTempFile::new().unwrap();
    let token = |role: &str| format!("  - {{name: {role}-token, role: {role}, sha256: {}}}\n", hash(role));
    std::fs::write(&file, format!("tokens:\n{}{}{}", token("read"), token("operate"), token("admin"))).unwrap();
    let tokens = Some(Arc::new(TokenFile::load(file.path()).unwrap()));
    app_of(Api { tokens, ..Api::default() })
}

fn app_of(api: Api) -> Router {
    let state = ServerState::new(Arc::new(backend(answers)), Settings::default(), api);
    app(&state, &Security::load(None).unwrap(), Part::All)
}

async fn send(app: &Router, method: &str, path: &str, header: Option<(&str, &str)>) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    // The stream of events has no end.
    let streams = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let body = if streams { Default::default() } else { axum::body::to_bytes(body, 1 << 24).await.unwrap() };
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Returns every operation of the API as method and path, with `1` for keys and ids.
async fn operations(app: &Router) -> Vec<(String, String)> {
    let (_, _, document) = send(app, "GET", "/api/v1/openapi.json", None).await;
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/")) {
        for method in item.as_object().unwrap().keys() {
            operations.push((method.clone(), path.replace("{key}", "1").replace("{id}", "1")));
        }
    }
    assert!(operations.len() > 25, "{operations:?}");
    operations
}

fn least_role(method: &str, path: &str) -> Role {
    match method {
        _ if path == "/api/v1/session" => Role::Read,
        _ if path == "/api/v1/tokens" => Role::Admin,
        "post" | "delete" if path.contains("/maintenance") || path == "/api/v1/channels/1/probe" => Role::Operate,
        "get" => Role::Read,
        _ if path.starts_with("/api/v1/alerts/") || path == "/api/zabixtrigger" => Role::Operate,
        _ => Role::Admin,
    }
}

#[tokio::test]
async fn every_operation_but_three_answers_401_without_a_token_or_with_an_unknown_one() {
    let app = app_with_tokens();
    let mut open = BTreeSet::new();
    for (method, path) in operations(&app).await {
        for header in [None, Some(("authorization", "Bearer guessed")), Some(("authorization", "Basic cmVhZDpyZWFk"))] {
            let (status, headers, body) = send(&app, &method.to_uppercase(), &path, header).await;
            if status == StatusCode::UNAUTHORIZED {
                assert_eq!(headers["www-authenticate"], "Bearer", "{method} {path}: {body}");
            } else {
                open.insert(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(open.iter().map(String::as_str).collect::<Vec<_>>(), OPEN);
}

#[tokio::test]
async fn every_operation_takes_its_least_role_and_refuses_the_role_below() {
    let app = app_with_tokens();
    for (method, path) in operations(&app).await {
        if OPEN.contains(&format!("{method} {path}").as_str()) {
            continue;
        }
        for (role, token) in
            [(Role::Read, "Bearer read"), (Role::Operate, "bearer operate"), (Role::Admin, "Bearer  admin")]
        {
            let (status, _, body) = send(&app, &method.to_uppercase(), &path, Some(("authorization", token))).await;
            let refused = status == StatusCode::FORBIDDEN;
            assert_eq!(refused, role < least_role(&method, &path), "{method} {path} as {role:?}: {status} {body}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path} as {role:?}");
            assert!(!refused || body.contains("but this needs the role"), "{body}");
        }
    }
}

#[tokio::test]
async fn without_tokens_reading_is_open_and_writing_is_for_loopback_alone() {
    for loopback in [true, false] {
        let app = app_of(Api { loopback, ..Api::default() });
        for (method, path) in operations(&app).await {
            let (status, _, body) = send(&app, &method.to_uppercase(), &path, None).await;
            let refused = !loopback && least_role(&method, &path) > Role::Read;
            assert_eq!(status == StatusCode::FORBIDDEN, refused, "{method} {path}: {body}");
            assert!(!refused || body.contains("token create"), "{body}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_site_may_read_but_not_write() {
    let app = app_of(Api { loopback: true, ..Api::default() });
    for (site, refused) in [("cross-site", true), ("same-site", true), ("same-origin", false), ("none", false)] {
        let header = Some(("sec-fetch-site", site));
        let (status, _, body) = send(&app, "DELETE", "/api/v1/channels/1", header).await;
        assert_eq!(status == StatusCode::FORBIDDEN, refused, "{site}: {body}");
        assert_eq!(send(&app, "GET", "/api/v1/channels", header).await.0, StatusCode::OK, "{site}");
    }
}
