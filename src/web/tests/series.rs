//! Tests of the values over time and of the list of checks, without a database.

use super::*;
use crate::prometheus_api::PrometheusApi;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt as _;

fn router(prometheus: Option<&str>) -> axum::Router {
    let channels = [("CH_1".to_owned(), Arc::new(channel("CH_1")))].into();
    let templates = [("TPL_HD".to_owned(), Arc::new(template("TPL_HD")))].into();
    let fake = Fake { config: config_of(CatalogSnapshot { channels, templates }), ..backend(answers) };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let prometheus = prometheus.map(|url| PrometheusApi::new(&url.parse().unwrap()).unwrap());
    let state =
        ServerState::new(Arc::new(fake), Settings::default(), Api { prometheus, loopback: true, ..Api::default() });
    app(&state, &Security::load(None).unwrap(), Part::All)
}

async fn get(app: &axum::Router, path: &str) -> (u16, Value) {
    answer(app, http::Request::get(path).body(axum::body::Body::empty()).unwrap()).await
}

async fn answer(app: &axum::Router, request: http::Request<axum::body::Body>) -> (u16, Value) {
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A server that answers range queries as Prometheus does, counts them, and keeps the last query.
async fn prometheus() -> (String, Arc<AtomicUsize>, Arc<std::sync::Mutex<String>>) {
    let (asked, query) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(String::new())));
    let (count, last) = (asked.clone(), query.clone());
    let answer = move |axum::extract::RawQuery(raw): axum::extract::RawQuery| {
        count.fetch_add(1, Ordering::SeqCst);
        let parameters: std::collections::BTreeMap<String, String> =
            url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).into_owned().collect();
        *last.lock().unwrap() = parameters["query"].clone();
        let end: i64 = parameters["end"].parse().unwrap();
        let series = json!({"metric": {"output": "hls", "rendition": "720p"}, "values": [[end, "2500000"]]});
        let body = json!({"status": "success", "data": {"resultType": "matrix", "result": [series]}});
        std::future::ready(body.to_string())
    };
    let app = axum::Router::new().route("/prom/api/v1/query_range", axum::routing::get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prom/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked, query)
}

#[tokio::test]
async fn values_come_from_prometheus_and_the_same_question_is_asked_once() {
    let (url, asked, query) = prometheus().await;
    let app = router(Some(&url));
    let path = "/api/v1/channels/CH_1/series?metric=bitrate&range=604800&step=3600";
    let (status, body) = get(&app, path).await;
    assert_eq!((status, &body["source"], &body["step"]), (200, &json!("prometheus"), &json!(3600)), "{body}");
    let values = body["lines"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), body["times"].as_array().unwrap().len());
    assert_eq!((values.first(), values.last()), (Some(&Value::Null), Some(&json!(2_500_000.0))));
    assert!(query.lock().unwrap().contains("channel=\"CH_1\""));
    get(&app, path).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn pages_that_ask_the_same_at_once_cost_one_query_and_another_range_is_another_question() {
    let (url, asked, _) = prometheus().await;
    let app = router(Some(&url));
    let path = |range: u32| format!("/api/v1/channels/CH_1/series?metric=mos&range={range}&step=3600");
    let (week, day) = (path(604_800), path(86_400));
    let answers = futures_util::future::join_all([&week, &week, &week, &day].map(|path| get(&app, path))).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let points = |(_, body): &(u16, Value)| body["times"].as_array().unwrap().len();
    assert_eq!(answers.iter().map(points).collect::<Vec<_>>(), [169, 169, 169, 25]);
}

/// Accepts connections and never answers; counts them.
async fn hanging() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            open.push(stream);
        }
    });
    (url, asked)
}

#[tokio::test]
async fn a_prometheus_that_hangs_is_waited_for_once() {
    let (url, asked) = hanging().await;
    let app = router(Some(&url));
    let begun = std::time::Instant::now();
    for metric in ["mos", "loudness", "bitrate", "latency", "download_ratio", "mos"] {
        let (status, body) = get(&app, &format!("/api/v1/channels/CH_1/series?metric={metric}")).await;
        assert_eq!((status, &body["source"]), (200, &json!("memory")));
        assert!(body["why"].as_str().unwrap().contains(&url), "{body}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(6), "3 s for the first: {:?}", begun.elapsed());
}

#[tokio::test]
async fn without_prometheus_the_values_are_those_of_the_last_probes_and_say_why() {
    let (status, body) = get(&router(None), "/api/v1/channels/CH_1/series?metric=latency").await;
    assert_eq!((status, &body["source"], &body["why"]), (200, &json!("memory"), &Value::Null), "{body}");
    assert_eq!((&body["step"], &body["lines"]), (&Value::Null, &json!([])));
    let (status, body) = get(&router(Some("http://127.0.0.1:1")), "/api/v1/channels/CH_1/series?metric=latency").await;
    let why = body["why"].as_str().unwrap();
    assert_eq!((status, &body["source"]), (200, &json!("memory")));
    assert!(why.starts_with("Prometheus at http://127.0.0.1:1 gave no usable answer: "), "{why}");
}

#[tokio::test]
async fn a_series_that_can_not_be_is_refused() {
    let app = router(None);
    for (path, expected) in
        [("CH_9/series?metric=mos", 404), ("CH_1/series", 400), ("CH_1/series?metric=mos&rnage=60", 400)]
    {
        assert_eq!(get(&app, &format!("/api/v1/channels/{path}")).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn every_check_is_listed_with_a_runbook_that_exists() {
    let app = router(None);
    let (status, body) = get(&app, "/api/v1/checks").await;
    let checks = body["checks"].as_array().unwrap();
    assert_eq!((status, checks.len()), (200, crate::checks::CHECKS.len()));
    assert_eq!((&checks[0]["id"], &checks[0]["severity"]), (&json!("manifest_unavailable"), &json!("critical")));
    for check in checks {
        assert!(check["help"].as_str().unwrap().starts_with("fails when"), "{check}");
        assert_eq!(get(&app, check["runbook"].as_str().unwrap()).await.0, 200, "{check}");
    }
}

#[tokio::test]
async fn without_alertmanager_no_maintenance_is_listed_and_none_begins() {
    let app = router(None);
    assert_eq!(get(&app, "/api/v1/maintenance").await, (200, json!({"maintenances": []})));
    let begin = http::Request::post("/api/v1/channels/CH_1/maintenance").header("content-type", "application/json");
    let (status, body) = answer(&app, begin.body("{}".into()).unwrap()).await;
    assert!(status == 503 && body["detail"].as_str().unwrap().contains("--alertmanager.url="), "{status} {body}");
}
