use super::*;
use reqwest::header::WWW_AUTHENTICATE;

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

async fn status(server: &Running, user: &str, password: &str) -> u16 {
    client().get(server.url("/metrics")).basic_auth(user, Some(password)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn users_of_the_file_get_in_and_nobody_else_not_even_to_health() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("basic_auth_users:\n  prometheus: {}\n", hash("a:b c"))).unwrap();
    let server = Running::secured(file.path()).await;
    let refused = client().get(server.url("/-/healthy")).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()[WWW_AUTHENTICATE], "Basic realm=\"packager_exporter\", charset=\"UTF-8\"");
    assert_eq!(refused.headers()["x-content-type-options"], "nosniff");
    for _ in 0..2 {
        assert_eq!(status(&server, "prometheus", "a:b c").await, 200);
        assert_eq!(status(&server, "prometheus", "wrong").await, 401);
        assert_eq!(status(&server, "somebody", "a:b c").await, 401);
    }
    for header in ["Basic", "Basic !!!", "Bearer abc", "Basic bm9jb2xvbg=="] {
        let response = client().get(server.url("/")).header("Authorization", header).send().await.unwrap();
        assert_eq!(response.status(), 401, "{header}");
    }
}

#[tokio::test]
async fn a_changed_password_counts_at_once_and_a_bad_file_changes_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("basic_auth_users:\n  p: {}\n", hash("old"))).unwrap();
    let server = Running::secured(file.path()).await;
    assert_eq!(status(&server, "p", "old").await, 200);
    std::fs::write(&file, "basic_auth_users:\n  p: not-a-hash\n").unwrap();
    assert_eq!((status(&server, "p", "old").await, status(&server, "x", "y").await), (200, 401));
    std::fs::write(&file, format!("basic_auth_users:\n  p: {}\n", hash("new"))).unwrap();
    assert_eq!((status(&server, "p", "old").await, status(&server, "p", "new").await), (401, 200));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(status(&server, "p", "old").await, 401, "a file that has gone opens nothing");
}

#[tokio::test]
async fn headers_of_the_file_replace_ours_and_a_blank_one_unsets_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        &file,
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    Content-Security-Policy: ''\n",
    )
    .unwrap();
    let server = Running::secured(file.path()).await;
    let response = client().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.headers()["x-frame-options"], "sameorigin");
    assert!(!response.headers().contains_key("content-security-policy"));
}

#[tokio::test]
async fn a_rate_limit_answers_429() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "rate_limit:\n  interval: 1h\n  burst: 1\n").unwrap();
    let server = Running::secured(file.path()).await;
    assert_eq!((server.get("/metrics").await.0, server.get("/metrics").await.0), (200, 429));
}

#[test]
fn a_bad_file_is_refused_with_file_line_and_reason() {
    let user = format!("basic_auth_users:\n  p: $2b$31${}\n", &hash("x")[7..]);
    let cases = [
        ("tls_server_config:\n  cert_fil: a\n", ":2: ", "unknown field `cert_fil`"),
        ("basic_auth_users:\n  a: x\n  b: y\n  a: z\n", ":4:3: ", "`a` is given twice, first in line 2"),
        ("http_server_config:\n  headers:\n    X-Powered-By: me\n", "X-Powered-By", "can't be set"),
        ("http_server_config:\n  headers:\n    X-Frame-Options: allow\n", "`allow`", "deny, sameorigin"),
        ("basic_auth_users:\n  p: plain\n", "p: not a bcrypt hash", "htpasswd"),
        (user.as_str(), "p: bcrypt cost 31", "4 to 18"),
        ("tls_server_config:\n  cert_file: none.pem\n", "cert_file: can't read", "none.pem"),
        ("tls_server_config:\n  cert: x\n  cert_file: y\n", "both cert and cert_file", "give one"),
        ("tls_server_config:\n  client_auth_type: Sometimes\n", ":2", "`Sometimes`"),
        ("rate_limit:\n  interval: often\n  burst: 1\n", "`often`", "write it as 1s"),
    ];
    for (text, first, second) in cases {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let Err(error) = Security::load(Some(file.path())) else { panic!("{text} was taken") };
        let name = file.path().file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name) && error.contains(first) && error.contains(second), "{error}");
        assert!(!error.contains("plain"), "a password in clear must not be shown: {error}");
    }
}

#[test]
fn the_shipped_example_is_good() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/web.example.yml");
    assert!(Security::load(Some(Path::new(example))).is_ok());
}
