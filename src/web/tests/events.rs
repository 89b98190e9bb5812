use super::*;
use crate::checks::delivery::manifest_unavailable;
use crate::checks::{CheckOutcome, CheckResult};
use crate::finding::Severity;
use crate::web::events::MAX_LISTENERS;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::{Request, StatusCode};
use tower::ServiceExt;

/// Makes the state of an exporter with the channels `CH_1` and `down` in its catalogue.
fn state() -> Arc<ServerState> {
    let channels = ["CH_1", "down"].map(|code| (code.to_owned(), Arc::new(channel(code))));
    let snapshot = CatalogSnapshot { channels: channels.into(), ..CatalogSnapshot::default() };
    ServerState::new(
        Arc::new(Fake { config: config_of(snapshot), ..backend(failing) }),
        Settings::default(),
        Api::default(),
    )
}

/// Makes the report of a probe. If the probe failed, the same check failed on two outputs.
fn failing(ask: &ProbeRequest, timeout: Duration) -> Result<Report, ProbeError> {
    let mut report = answers(ask, timeout)?;
    if !report.success {
        let outcome = |output: &str| CheckOutcome {
            check: &manifest_unavailable::META,
            severity: Severity::Critical,
            reason: None,
            missing: None,
            output: output.to_owned(),
            result: CheckResult::Failed,
            findings: Vec::new(),
        };
        report.outcomes = vec![outcome("hls"), outcome("dash")];
    }
    Ok(report)
}

async fn app_of(state: &Arc<ServerState>) -> Router {
    app(state, &Security::load(None).unwrap(), Part::All)
}

async fn get(app: &Router, path: &str) -> axum::response::Response {
    app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn listen(app: &Router, path: &str) -> BodyDataStream {
    let response = get(app, path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut stream = response.into_body().into_data_stream();
    assert_eq!(next(&mut stream).await, "retry: 3000\n: listening\n\n");
    stream
}

async fn next(stream: &mut BodyDataStream) -> String {
    String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn each_probe_of_the_catalogue_is_an_event_and_a_filter_leaves_one_channel() {
    let app = app_of(&state()).await;
    let mut all = listen(&app, "/api/v1/events").await;
    let mut one = listen(&app, "/api/v1/events?channel=down").await;
    for path in ["/probe?target=CH_1", "/probe?target=http://a/b.m3u8", "/probe?target=down&template=TPL_4K&output=hls"]
    {
        assert_eq!(get(&app, path).await.status(), 200);
    }
    let healthy = r#"{"channel":"CH_1","template":"TPL_HD","output":null,"success":true,"failed":[],"started_at":"1970-01-01T00:00:00Z","duration_seconds":0.25}"#;
    assert_eq!(next(&mut all).await, format!("event: probe\ndata: {healthy}\n\n"));
    let down = r#"{"channel":"down","template":"TPL_4K","output":"hls","success":false,"failed":["manifest_unavailable"],"started_at":"1970-01-01T00:00:00Z","duration_seconds":0.25}"#;
    assert_eq!(next(&mut all).await, format!("event: probe\ndata: {down}\n\n"), "a URL by hand is nobody's channel");
    assert_eq!(next(&mut one).await, format!("event: probe\ndata: {down}\n\n"));
}

#[tokio::test]
async fn one_report_that_two_requests_share_is_one_event() {
    let state = state();
    let app = app_of(&state).await;
    let mut all = listen(&app, "/api/v1/events").await;
    let (first, second) = (report("CH_1", "FIRST", Duration::ZERO), report("CH_1", "SECOND", Duration::ZERO));
    let first = Arc::new(first);
    state.record(&first, None, false);
    state.record(&first, None, false);
    state.record(&Arc::new(second), None, false);
    assert!(next(&mut all).await.contains("FIRST"));
    assert!(next(&mut all).await.contains("SECOND"));
}

#[tokio::test]
async fn a_listener_of_changes_hears_a_summary_and_each_change_of_a_state_but_no_probe() {
    let state = state();
    let app = app_of(&state).await;
    let mut changes = listen(&app, "/api/v1/events?changes=true").await;
    assert!(next(&mut changes).await.starts_with("event: tick\ndata: {\"source\":\"memory\",\"version\":"));
    let probed = |second| Report {
        started_at: Timestamp::from_second(second).unwrap(),
        ..failing(&ProbeRequest { target: "down".into(), template: None, output: None }, Duration::ZERO).unwrap()
    };
    for second in [15, 30] {
        state.record(&Arc::new(probed(second)), None, false);
    }
    state.record(&Arc::new(Report { outcomes: Vec::new(), success: true, ..probed(45) }), None, false);
    let down = next(&mut changes).await;
    assert!(
        down.starts_with("event: state\ndata: {\"code\":\"down\",") && down.contains("\"state\":\"down\""),
        "{down}"
    );
    let up = next(&mut changes).await;
    assert!(up.contains("\"state\":\"up\"") && up.contains("\"since\":\"1970-01-01T00:00:45Z\""), "{up}");
    assert_eq!(get(&app, "/api/v1/events?changes=1").await.status(), 400);
}

#[tokio::test]
async fn listeners_are_bounded_and_a_slip_of_the_keyboard_is_no_silence() {
    let app = app_of(&state()).await;
    let mut streams = Vec::new();
    for _ in 0..MAX_LISTENERS / 2 {
        streams.push(listen(&app, "/api/v1/events").await);
    }
    let full = get(&app, "/api/v1/events").await;
    assert_eq!(
        (full.status(), &full.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap())
    );
    assert_eq!(get(&app, "/probe?target=CH_1").await.status(), 200, "probes have nothing to do with it");
    streams.pop();
    streams.push(listen(&app, "/api/v1/events").await);
    assert_eq!(get(&app, "/api/v1/events?channel=CH_2").await.status(), 404);
    assert_eq!(get(&app, "/api/v1/events?chanel=CH_1").await.status(), 400);
}

#[tokio::test]
async fn a_stopping_server_doesnt_wait_for_its_listeners() {
    let server = Running::plain(backend(answers)).await;
    let response = client().get(server.url("/api/v1/events")).send().await.unwrap();
    server.state.stop();
    assert_eq!(response.text().await.unwrap(), "retry: 3000\n: listening\n\n", "the stream ends by itself");
    assert_eq!(server.get("/api/v1/events").await.0, 503);
    server.finish().await;
}
