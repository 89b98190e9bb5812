//! Every command of examples/guide/run.sh against the services of compose.yml, with a mock of InfluxDB 2.

use crate::compose::Services;
use crate::exporter::{exit_and_output, live_origin};
use async_compression::tokio::bufread::GzipDecoder;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncReadExt as _;

type Lines = Arc<Mutex<String>>;

/// A mock of InfluxDB 2 and its port: it keeps the lines that are written, and answers a query with the lines that contain every
/// text of its filters.
async fn influxdb() -> u16 {
    fn known(headers: &HeaderMap) -> Result<(), StatusCode> {
        let known = headers.get("authorization").is_some_and(|token| token == "Token your_influxdb_token");
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
        Query(parameters): Query<BTreeMap<String, String>>,
        headers: HeaderMap,
        query: String,
    ) -> Result<String, StatusCode> {
        known(&headers)?;
        assert_eq!(parameters["org"], "fpt-play");
        assert_eq!(headers["content-type"], "application/vnd.flux");
        assert!(query.contains("from(bucket:\"packager_metrics\")"), "{query:?}");
        let wanted: Vec<&str> = query.split("== \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
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
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_the_guide_script_succeeds_with_the_services_of_compose() {
    let origin = live_origin().await;
    let services = Services::start(influxdb().await).await;
    services.exporter.until("/api/v1/health", |status, text| status == 200 && text.contains("healthy")).await;

    let mut run = std::process::Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guide/run.sh"));
    run.env("DATABASE_URL", services.database_url()).env("API", format!("{}/api/v1", services.url(5000)));
    run.env("PROMETHEUS_URL", services.url(9090)).env("ALERTMANAGER_URL", services.url(9093));
    run.env("INFLUXDB_URL", services.url(8086)).env("INFLUXDB_TOKEN", "your_influxdb_token");
    run.env("INPUT_URL", origin.url("live/HD1/master.m3u8"));
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let (code, text, error) = exit_and_output(&output);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.ends_with("All steps of the guide answer as it says.\n") && !text.contains("skipped"), "{text}");
    assert!(text.matches("ok ").count() > 55, "{text}");
}

/// A reader must see what was not tried.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_script_says_at_its_end_what_it_skipped() {
    let stack = crate::database::Stack::start(&[]).await;
    let mut run = std::process::Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guide/run.sh"));
    run.env("DATABASE_URL", stack.postgres.url()).env("API", format!("http://{}/api/v1", stack.exporter.address));
    for other in ["PROMETHEUS_URL", "ALERTMANAGER_URL", "INFLUXDB_URL"] {
        run.env_remove(other);
    }
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let (code, text, error) = exit_and_output(&output);
    assert_eq!(code, 0, "{text}{error}");
    let end = text.split_once("All steps that were run answer as the guide says. Skipped:\n").unwrap().1;
    assert_eq!(
        end,
        "  targets and rules (PROMETHEUS_URL)\n  buckets (INFLUXDB_URL)\n  queries of metrics (PROMETHEUS_URL)\n  \
         queries of InfluxDB (INFLUXDB_URL)\n  a test alert through it (ALERTMANAGER_URL)\n"
    );
}
