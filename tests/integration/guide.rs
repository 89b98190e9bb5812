//! Tests that run every command of examples/guide/run.sh with the exporter, PostgreSQL, Prometheus, Alertmanager and a
//! mock of InfluxDB 2.

use crate::discovery::discovering;
use crate::exporter::{Exporter, Files, command, exit_and_output, live_origin};
use crate::prometheus::{Prometheus, free_port};
use crate::silences::alertmanager;
use async_compression::tokio::bufread::GzipDecoder;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Form, Router};
use http::{HeaderMap, StatusCode};
use packager_testbed::postgres::Postgres;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncReadExt as _;

type Lines = Arc<Mutex<String>>;

/// Starts a mock of InfluxDB 2: it keeps the lines that are written, and answers a query with the lines that contain
/// every text of the query's filters.
async fn influxdb() -> String {
    fn known(headers: &HeaderMap) -> Result<(), StatusCode> {
        let known = headers.get("authorization").is_some_and(|token| token == "Token guide-token");
        if known { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
    }
    async fn write(
        State(lines): State<Lines>,
        headers: HeaderMap,
        body: axum::body::Bytes,
    ) -> Result<StatusCode, StatusCode> {
        known(&headers)?;
        let mut text = String::new();
        let packed = headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        assert!(packed, "{headers:?}");
        GzipDecoder::new(&*body).read_to_string(&mut text).await.unwrap();
        lines.lock().unwrap().push_str(&text);
        Ok(StatusCode::NO_CONTENT)
    }
    async fn query(
        State(lines): State<Lines>,
        headers: HeaderMap,
        Form(form): Form<BTreeMap<String, String>>,
    ) -> Result<String, StatusCode> {
        known(&headers)?;
        assert_eq!(form["org"], "fpt-play");
        assert!(form["query"].contains("from(bucket:\"packager_metrics\")"), "{form:?}");
        let wanted: Vec<&str> =
            form["query"].split("== \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let lines = lines.lock().unwrap();
        Ok(lines.lines().filter(|line| wanted.iter().all(|part| line.contains(part))).collect::<Vec<_>>().join("\n"))
    }
    let buckets =
        async |headers: HeaderMap| known(&headers).map(|()| "{\"buckets\":[{\"name\":\"packager_metrics\"}]}");
    let app = Router::new()
        .route("/api/v2/write", post(write))
        .route("/api/v2/query", post(query))
        .route("/api/v2/buckets", get(buckets))
        .with_state(Lines::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_the_guide_script_succeeds() {
    let (origin, postgres, influxdb) = (live_origin().await, Postgres::start(), influxdb().await);
    let files = Files::new(&[]);
    let mut program = command(files.folder());
    program.env("DATABASE_URL", postgres.url()).env("INFLUXDB_URL", &influxdb).env("INFLUXDB_TOKEN", "guide-token");
    let exporter = Exporter::spawn(&mut program, &[]).await;
    let legacy = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/legacy_names.rules.yml");
    let rules = [(
        "legacy_names.rules.yml".to_owned(),
        std::fs::read_to_string(legacy).unwrap().replace("interval: 15s", "interval: 1s"),
    )];
    let configuration = discovering(&exporter.address).replace("../rules", "rules");
    let at = || format!("127.0.0.1:{}", free_port());
    let (prometheus, alerts) = (at(), at());
    let _prometheus = Prometheus::listening(&prometheus, &configuration, "[]", &rules).await;
    let _alertmanager = alertmanager(&alerts, &exporter.address);
    exporter.until("/api/v1/health", |status, text| status == 200 && text.contains("healthy")).await;

    let mut run = std::process::Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guide/run.sh"));
    run.env("DATABASE_URL", postgres.url()).env("API", format!("http://{}/api/v1", exporter.address));
    run.env("PROMETHEUS_URL", format!("http://{prometheus}")).env("ALERTMANAGER_URL", format!("http://{alerts}"));
    run.env("INFLUXDB_URL", influxdb).env("INFLUXDB_TOKEN", "guide-token");
    run.env("INPUT_URL", origin.url("live/HD1/master.m3u8"));
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let (code, text, error) = exit_and_output(&output);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.ends_with("All steps of the guide answer as it says.\n") && !text.contains("skipped"), "{text}");
    assert!(text.matches("ok ").count() > 55, "{text}");
}
