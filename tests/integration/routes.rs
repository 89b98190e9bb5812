//! Ways to the origin: each edge behind one name as an output, and credentials of channels in a database.

use crate::database::Stack;
use crate::exporter::{Exporter, Files, command, live_origin, value};
use packager_testbed::postgres::Postgres;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn each_edge_behind_one_name_is_an_output_of_its_own() {
    let origin = live_origin().await;
    let address = origin.url("/").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let path = origin.url("/live/TV1/master.m3u8").split_once(&address).unwrap().1.to_owned();
    let files = Files::new(&[]);
    files.write(
        "channels.yml",
        &format!(
            "channels:\n  EDGES:\n    outputs:\n      edge-1: {{url: 'http://live.invalid{path}', connect_to: '{address}'}}\n      \
             edge-2: {{url: 'http://live.invalid{path}', connect_to: '127.0.0.1:9'}}\n  \
             EACH:\n    outputs:\n      cdn: {{url: 'http://localhost:{port}{path}', resolve: each, ip_protocol: ip4}}\n"
        ),
    );
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    let edges = exporter.get("/probe?target=EDGES").await.1;
    let up = |text: &str, output: &str| {
        value(
            text,
            &format!("packager_check_ok{{check=\"manifest_unavailable\",severity=\"critical\",output=\"{output}\"}}"),
        )
    };
    assert_eq!((up(&edges, "edge-1"), up(&edges, "edge-2")), (Some(1.0), Some(0.0)), "{edges}");
    let each = exporter.get("/probe?target=EACH").await.1;
    assert_eq!(up(&each, "cdn-127.0.0.1"), Some(1.0), "{each}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_a_database_names_its_credentials_and_nobody_reads_them() {
    let files = Files::new(&[]);
    files.write("exporter.yml", "catalog: {secrets: secrets}\n");
    std::fs::create_dir(files.path("secrets")).unwrap();
    files.write("secrets/password", "s3cret\n");
    files.write("outside", "s3cret\n");
    let stack = Stack::within(files, Postgres::start(), &[]).await;
    let request = json!({"basic_auth": {"username": "noc", "password_file": "password"}, "ip_protocol": "ip4"});
    let channel = json!({"channel_code": "CH_1", "input_url": "http://127.0.0.1:9/a.m3u8", "request": request});
    let (status, shown) = stack.json("POST", "/channels", &channel).await;
    assert_eq!(status, 201, "{shown}");
    let hidden = json!({"basic_auth": {"username": "<hidden>", "password_file": "<hidden>"}, "ip_protocol": "ip4"});
    let (_, read) = stack.get("/channels/CH_1").await;
    assert_eq!(read["request"], hidden);
    // What was read is sent back, with another name.
    let mut back = read;
    back["channel_name"] = "Renamed".into();
    assert_eq!(stack.json("PUT", "/channels/CH_1", &back).await.0, 200);
    let stored = stack.postgres.sql("SELECT request->'basic_auth'->>'password_file' FROM channels");
    assert_eq!(stored.trim(), "password");
    for (bad, expected) in [
        (json!({"bearer_token": "s3cret"}), "bearer_token_file"),
        (json!({"basic_auth": {"username": "u", "password": "s3cret"}}), "password_file"),
        (json!({"bearer_token_file": "../outside"}), "catalog.secrets"),
        (json!({"bearer_token_file": "/etc/hostname"}), "catalog.secrets"),
        (json!({"bearer_token_file": "gone"}), "there is no file"),
        (json!({"headers": {"X-Key": "s3cret"}}), "header_files"),
    ] {
        let (status, refused) = stack.json("PATCH", "/channels/CH_1", &json!({"request": bad})).await;
        let refused = refused.to_string();
        assert!(status == 422 && refused.contains(expected) && !refused.contains("s3cret"), "{status} {refused}");
    }
}
