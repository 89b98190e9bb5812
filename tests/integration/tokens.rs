//! Tests of changes of `--api.tokens-file` while the exporter runs.

use crate::database::Stack;
use crate::exporter::{command, exit_and_output};
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
