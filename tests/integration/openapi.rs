//! Tests that the OpenAPI document names exactly the routes, and that the responses match it.

use crate::database::{Stack, alert, channel};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

fn documented(document: &Value) -> Vec<(String, BTreeSet<String>)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| {
        item.as_object().unwrap().keys().filter(|k| METHODS.contains(&k.as_str())).map(|k| k.to_uppercase()).collect()
    };
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_exactly_the_routes() {
    let stack = Stack::start(&[]).await;
    let (status, document) = stack.get("/openapi.json").await;
    assert_eq!((status, &document["openapi"]), (200, &Value::from("3.1.0")));
    let documented = documented(&document);
    for (path, methods) in &documented {
        let url = format!("http://{}{}", stack.exporter.address, path.replace("{key}", "1").replace("{id}", "1"));
        let answer = stack.client.request("PROPFIND".parse().unwrap(), &url).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path} is documented and not served");
        let allow = answer.headers()["allow"].to_str().unwrap().to_owned();
        let served: BTreeSet<String> =
            allow.split(',').map(str::trim).filter(|m| *m != "HEAD").map(str::to_owned).collect();
        assert_eq!(&served, methods, "{path}");
    }
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md")).unwrap();
    for (path, methods) in &documented {
        let short = path.replace("/api/v1", "").replace("{key}", "").replace("{id}", "");
        let short = short.trim_end_matches('/');
        let part = short.split("//").next().unwrap();
        assert!(methods.is_empty() || guide.contains(part), "docs/api.md says nothing of {path}");
    }
    let all = document.to_string();
    for operation in ["create_channel", "import_channels", "acknowledge_alert", "webhook"] {
        assert!(all.contains(&format!("\"operationId\":\"{operation}\"")), "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_is_as_documented() {
    let stack = Stack::start(&[]).await;
    assert_eq!(stack.json("POST", "/channels", &channel("CH_1", "http://127.0.0.1:1/m.m3u8")).await.0, 201);
    assert_eq!(stack.webhook(&[alert("f1", "firing", crate::database::EVENING)]).await.0, 200);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/tools/schemathesis/bin/schemathesis");
    assert!(program.exists(), "Schemathesis; scripts/install_test_tools.sh");
    let folder = tempfile::tempdir().unwrap();
    let mut run = Command::new(program);
    run.current_dir(folder.path()).arg("--config-file").arg(root.join("tests/schemathesis.toml"));
    // Zabbix isn't set up here: 503 is its answer.
    run.args(["run", "--exclude-path-regex", "zab", "--exclude-path", "/api/v1/events"]);
    run.arg(format!("http://{}/api/v1/openapi.json", stack.exporter.address));
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}\n{}", String::from_utf8_lossy(&output.stderr), stack.exporter.log());
    let number =
        |name: &str| report.split(name).nth(1).and_then(|rest| rest.split(['/', '\n']).next()?.trim().parse().ok());
    let selected: Option<u32> = number("Selected: ");
    assert!(selected > Some(30) && number("Tested: ") == selected, "every operation: {report}");
}
