//! Tests of changes of `--api.tokens-file` while the exporter runs.

use crate::database::{EVENING, Stack, alert};
use crate::exporter::{Exporter, command, exit_and_output};
use serde_json::{Value, json};
use std::path::Path;

fn token(folder: &Path, arguments: &[&str]) -> String {
    let mut program = command(folder);
    let (code, text, error) = exit_and_output(&program.arg("token").args(arguments).output().unwrap());
    assert_eq!(code, 0, "{arguments:?}: {error}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_valid_from_its_creation_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yml");
    let named = file.to_str().unwrap();
    let create = |name: &str| {
        let text = token(folder.path(), &["create", "--api.tokens-file", named, "--role", "read", name]);
        text.lines().next().unwrap().to_owned()
    };
    let first = create("first");
    let stack = Stack::start(&["--api.tokens-file", named]).await;
    let status = async |token: &str| stack.send(stack.request("GET", "/channels").bearer_auth(token)).await.0;
    assert_eq!(status(&first).await, 200);

    let second = create("second");
    stack.until("the new token counts", async || status(&second).await == 200).await;
    token(folder.path(), &["revoke", "--api.tokens-file", named, "first"]);
    stack.until("the revoked token is shut out", async || status(&first).await == 401).await;
    assert_eq!(status(&second).await, 200);

    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "tokens:\n  - {name: second, rule: admin}\n").unwrap();
    let complaint = "tokens file is bad; the old tokens stay in force";
    stack.until("the bad file is logged", async || stack.exporter.log().contains(complaint)).await;
    assert!(stack.exporter.log().contains("t.yml:2"), "{}", stack.exporter.log());
    assert_eq!((status(&second).await, status(&first).await), (200, 401), "a bad file changes nothing");
    std::fs::remove_file(&file).unwrap();
    stack.until("the missing file is logged", async || stack.exporter.log().matches(complaint).count() == 2).await;
    assert_eq!(status(&second).await, 200, "a file that is gone neither opens nor shuts");

    std::fs::write(&file, good).unwrap();
    let third = create("third");
    stack.until("the good file counts again", async || status(&third).await == 200).await;
    assert_eq!(stack.exporter.log().matches(complaint).count(), 2, "each mistake is logged once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_valid_at_every_exporter_of_the_database_and_is_who_acts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yml");
    let named = file.to_str().unwrap();
    let noc = token(folder.path(), &["create", "--api.tokens-file", named, "--role", "operate", "noc"]);
    let noc = noc.lines().next().unwrap();
    let arguments = ["--api.tokens-file", named];
    let stack = Stack::start(&arguments).await;
    let json = |request: reqwest::RequestBuilder, body: &Value| {
        request.header("content-type", "application/json").body(body.to_string())
    };
    let notification = json!({"version": "4", "alerts": [alert("f1", "firing", EVENING)]});
    let webhook = json(stack.request("POST", "/alerts/webhook").bearer_auth(noc), &notification);
    assert_eq!(stack.send(webhook).await.0, 200);

    let mut program = command(folder.path());
    program.env("DATABASE_URL", stack.postgres.url());
    let second = Exporter::spawn(&mut program, &arguments).await;
    let is_valid = async |exporter: &Exporter, cookie: &str| {
        let url = format!("http://{}/api/v1/session", exporter.address);
        let answer = stack.client.get(&url).header("cookie", cookie).send().await.unwrap();
        answer.status() == 200 && answer.text().await.unwrap().contains("\"noc\"")
    };
    let mut cookie = String::new();
    // Shortly after the start each has the key of the database, and a session of an earlier key has ended.
    stack
        .until("a session is valid at both", async || {
            let begun = stack.request("POST", "/session").bearer_auth(noc).send().await.unwrap();
            cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
            is_valid(&second, &cookie).await && is_valid(&stack.exporter, &cookie).await
        })
        .await;

    let own = format!("http://{}", stack.exporter.address);
    let acknowledge = stack.request("POST", "/alerts/1/acknowledge").header("cookie", &cookie).header("origin", &own);
    let (status, alert) = stack.send(json(acknowledge, &json!({"by": "somebody else"}))).await;
    assert_eq!((status, &alert["acknowledged_by"]), (200, &json!("noc")), "{alert}");

    let another = stack.request("POST", "/session").bearer_auth(noc).send().await.unwrap();
    let another = another.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let logout = stack.request("DELETE", "/session").header("cookie", &cookie).header("origin", &own);
    assert_eq!(stack.send(logout).await.0, 204);
    stack.until("the logout is known at the second", async || !is_valid(&second, &cookie).await).await;
    assert!(is_valid(&second, &another).await, "the other session goes on");
    let cookie = another;
    token(folder.path(), &["revoke", "--api.tokens-file", named, "noc"]);
    stack.until("the session ends with its token", async || !is_valid(&second, &cookie).await).await;
}
