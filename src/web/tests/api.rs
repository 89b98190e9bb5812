//! Tests of the API without a database: it reads the catalogue's files, and nothing can be written.

use super::*;
use crate::catalog::Output;
use crate::report::{OutputFromHistory, RenditionFromHistory};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn listed(n: u32) -> Channel {
    let url = |path: &str| format!("http://packager-{:02}/{path}?token=hunter2", n % 3).parse().unwrap();
    let output = |name: &str, path: &str| Output::new(name, url(path));
    Channel {
        tier: Some(n % 2 + 1),
        is_4k: n.is_multiple_of(10),
        enabled: n != 7,
        probe: Some(if n < 20 { "packager" } else { "headend" }.to_owned()),
        resolution: Some("1920x1080".to_owned().try_into().unwrap()),
        outputs: vec![output("hls", "a.m3u8"), output("dash", "a.mpd")],
        ..channel(&format!("CH_{n:02}"))
    }
}

/// Starts a server with 40 channels on three packagers. Channel 7 is disabled.
async fn server() -> Running {
    let channels = (0..40).map(|n| (format!("CH_{n:02}"), Arc::new(listed(n)))).collect();
    let (built_in, _) = crate::catalog::load_rows(
        "{}".into(),
        "{}".into(),
        &std::collections::BTreeMap::new(),
        &crate::catalog::SecretPlaces::default(),
    )
    .unwrap();
    let snapshot = CatalogSnapshot { channels, templates: built_in.templates };
    Running::plain(Fake { config: config_of(snapshot), ..backend(answers) }).await
}

impl Running {
    async fn api(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.get(&format!("/api/v1{path}")).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}: {text}")))
    }

    async fn codes(&self, path: &str) -> Vec<String> {
        let (_, body) = self.api(path).await;
        let targets = body.as_array().unwrap().iter();
        targets.map(|target| target["targets"][0].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn the_files_channels_are_listed_in_pages_and_by_each_filter() {
    let server = server().await;
    let mut seen = Vec::new();
    let mut path = "/channels?limit=15".to_owned();
    loop {
        let (status, page) = server.api(&path).await;
        assert_eq!(status, 200);
        seen.extend(page["channels"].as_array().unwrap().iter().map(|c| c["channel_code"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/channels?limit=15&cursor={next}");
    }
    assert_eq!(seen.len(), 40);
    assert_eq!(seen.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 40, "none twice");
    let cases = [
        ("tier=1", 20),
        ("is_4k=true", 4),
        ("is_4k=true&tier=2", 0),
        ("enabled=false", 1),
        ("template=TPL_HD", 40),
        ("template=TPL", 0),
        ("q=ch_3", 10),
    ];
    for (filter, count) in cases {
        let (_, page) = server.api(&format!("/channels?{filter}")).await;
        assert_eq!(page["channels"].as_array().unwrap().len(), count, "{filter}");
    }
    let (_, one) = server.api("/channels/CH_00").await;
    assert_eq!((&one["tier"], &one["is_4k"], &one["template_name"]), (&json!(1), &json!(true), &json!("TPL_HD")));
    assert!(!one.to_string().contains("hunter2") && one["outputs"]["dash"].is_string(), "{one}");
    assert_eq!(server.api("/channels/CH_99").await.0, 404);
}

#[tokio::test]
async fn what_needs_the_database_says_how_to_set_it() {
    let server = server().await;
    for path in ["/probes", "/probes/1", "/alerts", "/alerts/active", "/channels/export"] {
        let (status, problem) = server.api(path).await;
        assert_eq!((status, &problem["status"]), (503, &json!(503)), "{path}");
        assert!(problem["detail"].as_str().unwrap().contains("set DATABASE_URL="), "{problem}");
    }
}

#[tokio::test]
async fn the_files_templates_are_read_as_the_tables_are() {
    let server = server().await;
    let (status, one) = server.api("/templates/default").await;
    assert_eq!((status, &one["template_name"]), (200, &json!("default")));
    assert!(one["max_download_time"].is_number() && one.get("min_mos").is_some(), "{one}");
    assert!(one["settings"]["checks"].is_object() && one["settings"].get("max_download_time").is_none(), "{one}");
    let (_, all) = server.api("/templates").await;
    assert_eq!(all, json!({"templates": [one], "next_cursor": null}));
    assert_eq!(server.api("/templates/none").await.0, 404);
}

#[tokio::test]
async fn what_an_endpoint_does_not_take_is_refused() {
    let server = server().await;
    for path in ["/channels/CH_01?dry_run=true", "/templates/default?tier=1", "/channels/CH_01/report?x=1"] {
        let (status, problem) = server.api(path).await;
        assert!(status == 400 && problem["detail"].as_str().unwrap().starts_with("unknown parameter"), "{problem}");
    }
}

#[tokio::test]
async fn discovery_has_every_label_and_leaves_out_the_disabled() {
    let server = server().await;
    let (_, targets) = server.api("/sd").await;
    let labels = json!({
        "__param_target": "CH_00", "__param_template": "TPL_HD", "channel": "CH_00", "packager": "packager-00",
        "tier": "1", "__meta_channel_name": "CH_00", "__meta_template": "TPL_HD", "__meta_outputs": "hls,dash",
        "__meta_type": "LIVE", "__meta_resolution": "1920x1080", "__meta_probe": "packager",
    });
    assert_eq!(targets[0], json!({"targets": ["CH_00"], "labels": labels}));
    let codes = server.codes("/sd").await;
    assert!(codes.len() == 39 && !codes.contains(&"CH_07".to_owned()));
    assert_eq!(server.codes("/sd?probe=headend").await.len(), 20);
}

#[tokio::test]
async fn shards_part_the_channels_and_by_packager_keep_its_channels_together() {
    let server = server().await;
    for by in ["channel", "packager"] {
        let mut all = Vec::new();
        let mut packagers = Vec::new();
        for shard in 0..3 {
            let (_, targets) = server.api(&format!("/sd?shards=3&shard={shard}&by={by}")).await;
            let targets = targets.as_array().unwrap();
            all.extend(targets.iter().map(|t| t["targets"][0].to_string()));
            packagers.extend(targets.iter().map(|t| t["labels"]["packager"].to_string()).collect::<BTreeSet<_>>());
            assert!(by == "packager" || !targets.is_empty(), "each has some");
        }
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (39, 39), "{by}: each in one shard");
        assert!(by == "channel" || packagers.len() == 3, "a packager is in one shard: {packagers:?}");
    }
    assert_eq!(server.codes("/sd?shards=3&shard=0").await, server.codes("/sd?shards=3&shard=0").await);
    for bad in ["shards=0", "shards=3", "shards=3&shard=3", "shards=1001", "shard=x", "by=host", "shrads=2"] {
        assert_eq!(server.api(&format!("/sd?{bad}")).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn health_is_200_and_503_once_the_exporter_is_stopping() {
    let (_, body) = server().await.api("/health").await;
    assert_eq!(
        (&body["status"], &body["database"], &body["channels"]),
        (&json!("healthy"), &json!("not configured"), &json!(40))
    );
    let stopping = server().await;
    stopping.state.stop();
    let (status, body) = stopping.api("/health").await;
    assert_eq!((status, &body["status"]), (503, &json!("unhealthy")));
    assert_eq!(body["reasons"], json!(["the exporter is stopping"]));
}

#[tokio::test]
async fn the_last_report_of_all_outputs_is_kept() {
    let server = server().await;
    let path = "/channels/CH_01/report";
    assert_eq!(server.api(path).await.0, 404, "not probed yet");
    server.get("/probe?target=CH_01&output=hls").await;
    assert_eq!(server.api(path).await.0, 404, "one output is not the channel");
    server.get("/probe?target=CH_01").await;
    let (status, report) = server.api(path).await;
    assert_eq!((status, &report["success"]), (200, &json!(true)), "{report}");
    let (status, log) = server.get("/logs?target=CH_01").await;
    assert!(status == 200 && log.contains("Logs for the probe:") && log.contains("CH_01"), "{log}");
}

#[tokio::test]
async fn a_thumbnail_comes_with_its_age_and_again_only_when_it_is_another() {
    let server = server().await;
    let path = "/api/v1/channels/CH_01/thumbnail";
    let (status, missing) = server.api("/channels/CH_01/thumbnail").await;
    assert_eq!(
        (status, &missing["detail"]),
        (404, &json!("`CH_01` was not probed since the start; ask /probe?target= first"))
    );
    server.get("/probe?target=CH_01").await;
    let (status, missing) = server.api("/channels/CH_01/thumbnail").await;
    assert_eq!((status, &missing["detail"]), (404, &json!("`CH_01` has no thumbnail yet: no output was probed")));
    let made_at = Seconds(-90.0).after(Timestamp::now());
    let mut signal = crate::history::SignalHistory::default();
    signal.take(&crate::testing::decoded_facts(1, made_at, crate::testing::decoded(2.0, -23.0)));
    let rendition = RenditionFromHistory { signal: Some(Arc::new(signal)), ..RenditionFromHistory::default() };
    let renditions = [("360p".to_owned(), rendition)].into();
    let history = vec![OutputFromHistory { renditions, ..OutputFromHistory::default() }];
    let report = Arc::new(Report { history, ..report("CH_01", "TPL_HD", Duration::ZERO) });
    server.state.keep(&report, &[("CH_01".to_owned(), Arc::new(channel("CH_01")))].into());
    let response = client().get(server.url(path)).send().await.unwrap();
    let headers = response.headers().clone();
    let age: u64 = headers["age"].to_str().unwrap().parse().unwrap();
    assert!((90..120).contains(&age) && headers["content-type"] == "image/jpeg", "{headers:?}");
    assert_eq!(response.bytes().await.unwrap(), crate::testing::decoded(2.0, -23.0).thumbnail.unwrap().jpeg);
    let again = client().get(server.url(path)).header("if-none-match", &headers["etag"]).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.bytes().await.unwrap().len()), (304, 0));
}

#[tokio::test]
async fn alerts_are_filtered_by_their_three_states_only() {
    let server = server().await;
    assert_eq!(server.api("/alerts?status=open").await.0, 400);
    for status in ["firing", "acknowledged", "resolved"] {
        assert_ne!(server.api(&format!("/alerts?status={status}")).await.0, 400, "{status}");
    }
}

#[tokio::test]
async fn a_newer_report_takes_the_place_of_the_one_before() {
    let (state, known) = (idle_state(), [("CH_01".to_owned(), Arc::new(channel("CH_01")))].into());
    let reports = [1, 2].map(|second| {
        let started_at = Timestamp::from_second(second).unwrap();
        Arc::new(Report { started_at, ..report("CH_01", "TPL_HD", Duration::ZERO) })
    });
    assert!(reports.iter().all(|report| state.keep(report, &known)));
    assert_eq!(state.last_report("CH_01").unwrap().started_at, reports[1].started_at);
    assert!(!state.keep(&reports[1], &known), "two requests shared this probe");
}

#[tokio::test]
async fn whatever_is_not_served_is_a_problem_document() {
    let server = server().await;
    let cases = [
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/api/v1/channels/%FF", 400),
        (Method::GET, "/api/v1/channels/%00", 400),
        (Method::PATCH, "/api/v1/channels", 405),
        (Method::DELETE, "/api/v1/alerts/1", 405),
    ];
    for (method, path, expected) in cases {
        let response = client().request(method, server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(expected).unwrap(), "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        assert!(expected != 405 || response.headers().contains_key("allow"));
    }
}
