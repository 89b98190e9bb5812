//! Tests of logins: which paths need one, sessions, users with roles, trusted proxies, and names that are not the
//! exporter's own.

use super::*;
use crate::web::access::SessionKey;
use crate::web::api::{Role, TokenFile, hash};
use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, Request};
use serde_json::Value;
use tower::ServiceExt;

/// A folder with a tokens file that has one token for each role. The token's text is the role's name.
struct Tokens {
    file: tempfile::NamedTempFile,
    loaded: Arc<TokenFile>,
}

impl Tokens {
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let token =
            |role: Role| format!("  - {{name: {role}-token, role: {role}, sha256: {}}}\n", hash(&role.to_string()));
        let expired =
            format!("  - {{name: old, role: admin, sha256: {}, expires: 2020-01-01T00:00:00Z}}\n", hash("old"));
        let tokens: String = [Role::Read, Role::Operate, Role::Admin].map(token).concat();
        std::fs::write(&file, format!("tokens:\n{tokens}{expired}")).unwrap();
        let loaded = Arc::new(TokenFile::load(file.path()).unwrap());
        Self { file, loaded }
    }

    fn api(&self) -> Api {
        Api { tokens: Some(Arc::clone(&self.loaded)), ..Api::default() }
    }
}

fn router(backend: Fake, settings: Settings, api: Api) -> Router {
    let state = ServerState::new(Arc::new(backend), settings, api);
    app(&state, &Security::load(None).unwrap(), Part::All)
}

async fn send(app: &Router, method: &str, path: &str, fields: &[(HeaderName, &str)]) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
}

async fn status(app: &Router, method: &str, path: &str, fields: &[(HeaderName, &str)]) -> u16 {
    send(app, method, path, fields).await.0
}

/// Returns the cookie that a response sets, in the form of the header Cookie.
fn cookie(headers: &HeaderMap) -> String {
    headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn with_tokens_pages_need_one_and_scrapes_by_a_setting() {
    let tokens = Tokens::new();
    for scrape_auth in [false, true] {
        let settings = Settings { scrape_auth, ..Settings::default() };
        let app = router(backend(answers), settings, tokens.api());
        let bearer = |token: &'static str| [(AUTHORIZATION, token)];
        for path in ["/", "/config", "/logs?id=7"] {
            let (code, headers, body) = send(&app, "GET", path, &[]).await;
            assert_eq!((code, &headers["www-authenticate"]), (401, &"Bearer".parse().unwrap()), "{path}");
            assert!(body.contains("log in at /ui/"), "{body}");
            assert_ne!(status(&app, "GET", path, &bearer("Bearer read")).await, 401, "{path}");
        }
        for (token, expected) in [("Bearer read", 403), ("Bearer operate", 403), ("Bearer admin", 200), ("x", 401)] {
            assert_eq!(status(&app, "POST", "/-/reload", &bearer(token)).await, expected, "{token}");
        }
        for path in ["/probe?target=A", "/metrics", "/api/v1/sd"] {
            assert_eq!(status(&app, "GET", path, &[]).await, if scrape_auth { 401 } else { 200 }, "{path}");
            assert_eq!(status(&app, "GET", path, &bearer("Bearer read")).await, 200, "{path}");
        }
        for path in ["/-/healthy", "/-/ready", "/runbooks", "/api/v1/health", "/api/v1/openapi.json"] {
            assert_eq!(status(&app, "GET", path, &[]).await, 200, "{path}");
        }
        assert_ne!(status(&app, "GET", "/ui/", &[]).await, 401, "the login form");
    }
}

#[tokio::test]
async fn without_logins_a_loopback_address_believes_its_own_names_only() {
    let external_url = Some("https://monitoring.example/".parse().unwrap());
    let settings = Settings { external_url, ..Settings::default() };
    let api = Api { loopback: true, ..Api::default() };
    let app = router(backend(answers), settings.clone(), api);
    for path in ["/", "/config", "/metrics", "/probe?target=A", "/api/v1/channels", "/-/healthy"] {
        for (host, expected) in [("localhost:10115", 200), ("monitoring.example", 200), ("rebound.example", 403)] {
            assert_eq!(status(&app, "GET", path, &[(HOST, host)]).await, expected, "{path} of {host}");
        }
    }
    let (_, _, body) = send(&app, "POST", "/-/reload", &[(HOST, "rebound.example")]).await;
    assert!(body.contains("--web.external-url"), "{body}");
    let foreign = [(HOST, "localhost:10115"), (ORIGIN, "http://localhost:3000")];
    assert_eq!(status(&app, "POST", "/-/reload", &foreign).await, 403, "another program's page");
    let reachable = router(backend(answers), settings.clone(), Api::default());
    assert_eq!(status(&reachable, "GET", "/metrics", &[(HOST, "exporter.internal")]).await, 200);
    let api = Api { loopback: true, ..Tokens::new().api() };
    let with_tokens = router(backend(answers), settings, api);
    assert_eq!(status(&with_tokens, "GET", "/metrics", &[(HOST, "exporter.internal")]).await, 200);
}

#[tokio::test]
async fn refused_tokens_are_counted_by_reason_and_missing_ones_are_not() {
    let fake = backend(answers);
    let failures = Arc::clone(&fake.auth_failures);
    let app = router(fake, Settings::default(), Tokens::new().api());
    for token in ["Bearer guessed", "Bearer old"] {
        let (code, _, body) = send(&app, "GET", "/api/v1/channels", &[(AUTHORIZATION, token)]).await;
        assert_eq!(code, 401, "{body}");
        assert!(!body.contains("guessed") && (body.contains("not known") || body.contains("expired")), "{body}");
    }
    assert_eq!(status(&app, "GET", "/config", &[(AUTHORIZATION, "Bearer guessed")]).await, 401);
    assert_eq!(status(&app, "GET", "/api/v1/channels", &[]).await, 401);
    assert_eq!(status(&app, "GET", "/metrics", &[(AUTHORIZATION, "Bearer guessed")]).await, 200);
    assert_eq!(*failures.lock().unwrap(), ["unknown_token", "expired_token", "unknown_token"]);
}

/// Alerts on the web page link to the runbooks, and an API with an address of its own has no other page.
#[tokio::test]
async fn an_api_with_its_own_address_serves_the_runbooks() {
    let state = ServerState::new(Arc::new(backend(answers)), Settings::default(), Tokens::new().api());
    let app = app(&state, &Security::load(None).unwrap(), Part::Api);
    let (code, _, body) = send(&app, "GET", "/runbooks/ChannelDown", &[]).await;
    assert!(code == 200 && body.contains("<a href=\"/ui/\">packager_exporter</a>"), "{code}: {body}");
    let (code, _, body) = send(&app, "GET", "/runbooks", &[]).await;
    assert!(code == 200 && body.contains("/runbooks/ChannelDown"), "{code}: {body}");
    assert_eq!(status(&app, "GET", "/logs", &[]).await, 404);
    let (_, _, document) = send(&app, "GET", "/api/v1/openapi.json", &[]).await;
    assert!(document.contains("\"/runbooks/{name}\""), "the description has what is served");
}

/// After a start the key of the cookies is read from the database, which may be away for some time.
#[tokio::test]
async fn a_cookie_that_cannot_be_verified_yet_is_kept_and_its_session_goes_on() {
    let (tokens, stored) = (Tokens::new(), SessionKey::random().unwrap());
    let server = |security: &Arc<Security>| {
        app(&ServerState::new(Arc::new(backend(answers)), Settings::default(), tokens.api()), security, Part::All)
    };
    let before = Security::load(None).unwrap();
    before.sessions().set_key(&stored);
    let (_, headers, _) = send(&server(&before), "POST", "/api/v1/session", &[(AUTHORIZATION, "Bearer operate")]).await;
    let wall = cookie(&headers);

    let security = Security::load(None).unwrap();
    security.sessions().await_key();
    let app = server(&security);
    for (path, code) in [("/api/v1/session", 503), ("/logs?id=7", 503), ("/metrics", 200), ("/-/healthy", 200)] {
        let (found, headers, body) = send(&app, "GET", path, &[(COOKIE, &wall)]).await;
        assert_eq!((found, headers.get(SET_COOKIE)), (code, None), "{path}");
        assert!(code == 200 || body.contains("try again"), "{body}");
    }
    assert_eq!(status(&app, "GET", "/api/v1/session", &[]).await, 401, "without a cookie");
    security.sessions().set_key(&stored);
    assert_eq!(status(&app, "GET", "/api/v1/session", &[(COOKIE, &wall)]).await, 200);
    security.sessions().set_key(&SessionKey::random().unwrap());
    let (code, headers, _) = send(&app, "GET", "/api/v1/session", &[(COOKIE, &wall)]).await;
    assert!(code == 401 && headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"), "{headers:?}");
}

#[tokio::test]
async fn many_failures_of_an_address_are_answered_late_and_a_good_token_at_once() {
    let tokens = Tokens::new();
    let server = Running::with_api(backend(answers), tokens.api()).await;
    let get = async |token: &str| {
        let began = std::time::Instant::now();
        let answer = client().get(server.url("/api/v1/session")).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), began.elapsed())
    };
    for _ in 0..4 {
        assert_eq!(get("guessed").await.0, 401);
    }
    let (code, taken) = get("guessed").await;
    assert!(code == 401 && taken >= Duration::from_millis(200), "{taken:?}");
    let (guess, good) = tokio::join!(get("guessed"), get("read"));
    assert_eq!((guess.0, good.0), (401, 200));
    assert!(good.1 < guess.1, "{good:?} {guess:?}");
}

#[tokio::test]
async fn a_session_stands_for_its_token_until_the_logout() {
    let tokens = Tokens::new();
    let app = router(backend(answers), Settings::default(), tokens.api());
    assert_eq!(status(&app, "POST", "/api/v1/session", &[]).await, 401);
    let secure = [(AUTHORIZATION, "Bearer operate"), (HeaderName::from_static("x-forwarded-proto"), "https")];
    let (code, headers, body) = send(&app, "POST", "/api/v1/session", &secure).await;
    let set = headers[SET_COOKIE].to_str().unwrap();
    assert_eq!(code, 200, "{body}");
    assert!(
        set.contains("; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200") && !set.contains("operate"),
        "{set}"
    );
    let cookie = cookie(&headers);
    let with_cookie = [(COOKIE, cookie.as_str())];
    let (_, headers, body) = send(&app, "GET", "/api/v1/session", &with_cookie).await;
    let caller: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&caller["name"], &caller["role"], &caller["identity"]),
        (&"operate-token".into(), &"operate".into(), &"session".into())
    );
    assert!(caller["ends_at"].is_string() && !headers.contains_key(SET_COOKIE), "a fresh cookie is not replaced");
    assert_eq!(status(&app, "GET", "/", &with_cookie).await, 200);
    assert_eq!(status(&app, "GET", "/api/v1/tokens", &with_cookie).await, 403);
    let listed = send(&app, "GET", "/api/v1/tokens", &[(AUTHORIZATION, "Bearer admin")]).await.2;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let used = |name: &str| {
        listed["tokens"].as_array().unwrap().iter().find(|t| t["name"] == name).unwrap()["last_used"].clone()
    };
    assert!(used("operate-token").is_string() && used("read-token").is_null(), "{listed}");
    let own = (ORIGIN, "http://exporter:10115");
    let host = (HOST, "exporter:10115");
    assert_eq!(
        status(&app, "DELETE", "/api/v1/session", &[with_cookie[0].clone(), host.clone(), own.clone()]).await,
        204
    );
    let (code, headers, body) = send(&app, "GET", "/api/v1/session", &with_cookie).await;
    assert!(code == 401 && body.contains("log in again"), "{code} {body}");
    assert!(headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"), "the browser forgets it");
}

#[tokio::test]
async fn a_write_with_a_cookie_needs_the_own_origin_and_no_forms_content_type() {
    let app = router(backend(answers), Settings::default(), Tokens::new().api());
    let (_, headers, _) = send(&app, "POST", "/api/v1/session", &[(AUTHORIZATION, "Bearer admin")]).await;
    let cookie = cookie(&headers);
    let write = async |fields: &[(HeaderName, &str)]| {
        let mut all = vec![(COOKIE, cookie.as_str()), (HOST, "exporter:10115")];
        all.extend(fields.iter().cloned());
        status(&app, "POST", "/-/reload", &all).await
    };
    let (own, json) = ((ORIGIN, "http://exporter:10115"), (CONTENT_TYPE, "application/json"));
    assert_eq!(write(&[own.clone(), json.clone()]).await, 200);
    assert_eq!(write(&[own.clone(), (CONTENT_TYPE, "text/csv; charset=utf-8")]).await, 200, "imports");
    assert_eq!(write(std::slice::from_ref(&json)).await, 403);
    assert_eq!(write(&[(ORIGIN, "http://exporter:3000"), json]).await, 403);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(write(&[own.clone(), (CONTENT_TYPE, kind)]).await, 415, "{kind}");
    }
    assert_eq!(write(&[own.clone(), (CONTENT_LENGTH, "7")]).await, 415, "a body without a type");
    assert_eq!(write(&[own, (CONTENT_LENGTH, "0")]).await, 200, "no body needs no type");
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let tokens = Tokens::new();
    let app = router(backend(answers), Settings::default(), tokens.api());
    let (_, headers, _) = send(&app, "POST", "/api/v1/session", &[(AUTHORIZATION, "Bearer read")]).await;
    let cookie = cookie(&headers);
    let session = [(COOKIE, cookie.as_str())];
    assert_eq!(status(&app, "GET", "/config", &session).await, 200);
    let replaced = std::fs::read_to_string(tokens.file.path()).unwrap().replace(&hash("read"), &hash("another"));
    std::fs::write(&tokens.file, replaced).unwrap();
    tokens.loaded.read_again(&mut None);
    assert_eq!(status(&app, "GET", "/config", &session).await, 401, "a token of the same name is another token");
}

#[tokio::test]
async fn users_have_the_roles_of_the_file_and_others_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let hash = bcrypt::hash("p", 4).unwrap();
    let users = format!("basic_auth_users: {{lan: {hash}, minh: {hash}}}\napi: {{roles: {{lan: admin}}}}\n");
    std::fs::write(&file, &users).unwrap();
    let server = Running::secured(file.path()).await;
    let send = async |method: reqwest::Method, path: &str, user: &str| {
        client().request(method, server.url(path)).basic_auth(user, Some("p")).send().await.unwrap()
    };
    for (user, role, reload) in [("lan", "admin", 200), ("minh", "read", 403)] {
        let caller: Value =
            serde_json::from_str(&send(reqwest::Method::GET, "/api/v1/session", user).await.text().await.unwrap())
                .unwrap();
        assert_eq!(
            (&caller["name"], &caller["role"], &caller["identity"]),
            (&user.into(), &role.into(), &"user".into())
        );
        assert_eq!(send(reqwest::Method::POST, "/-/reload", user).await.status(), reload, "{user}");
    }
    let begun = send(reqwest::Method::POST, "/api/v1/session", "lan").await;
    let cookie = begun.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let with_cookie =
        async || client().get(server.url("/config")).header(COOKIE, &cookie).send().await.unwrap().status();
    assert_eq!(with_cookie().await, 200, "a session stands for the user on every path");
    std::fs::write(&file, users.replace(&hash, &bcrypt::hash("new", 4).unwrap())).unwrap();
    assert_eq!(with_cookie().await, 401, "another password ends it");
    for (section, expected) in [("{roles: {nobody: admin}}", "no user `nobody`"), ("{roles: {lan: boss}}", "boss")] {
        std::fs::write(&file, users.replace("{roles: {lan: admin}}", section)).unwrap();
        let Err(error) = Security::load(Some(file.path())) else { panic!("{section}") };
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_names_users_from_its_own_address_only() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (address, expected) in [("127.0.0.1", 200), ("127.0.0.2", 403)] {
        let proxies = format!("{{addresses: [{address}], user_header: Remote-User, group_roles: {{noc: operate}}}}");
        std::fs::write(&file, format!("api: {{trusted_proxies: {proxies}}}\n")).unwrap();
        let security = Security::load(Some(file.path())).unwrap();
        let fake = backend(answers);
        let failures = Arc::clone(&fake.auth_failures);
        let server = Running::start(fake, Settings::default(), security, Bounds::default()).await;
        let request = client().get(server.url("/api/v1/session"));
        let answer =
            request.header("Remote-User", "lan").header("X-Forwarded-Groups", "staff, noc").send().await.unwrap();
        assert_eq!(answer.status(), expected);
        if expected == 200 {
            let caller: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!((&caller["name"], &caller["role"]), (&"lan".into(), &"operate".into()));
        } else {
            assert_eq!(*failures.lock().unwrap(), ["untrusted_proxy"]);
        }
    }
}
