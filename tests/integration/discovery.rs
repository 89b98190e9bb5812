//! Tests of changes of the catalogue in the database: Prometheus discovers channels, and a new threshold applies at
//! once.

use crate::database::{Stack, channel};
use crate::exporter::{PATIENCE, live_origin, value};
use crate::prometheus::{Prometheus, free_port, shipped};
use packager_testbed::pace;
use serde_json::json;
use std::time::{Duration, Instant};

/// Returns the shipped prometheus.yml with HTTP discovery instead of files.
pub(crate) fn by_discovery() -> String {
    let text = std::fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
    let files = "    file_sd_configs:\n      - files: [channels/*.yml]\n        refresh_interval: 30s\n";
    assert!(text.contains(files) && text.contains("    # http_sd_configs:\n"));
    let text = text.replace(files, "");
    let lines = text.lines().map(|line| match line.strip_prefix("    # ") {
        Some(rest) if rest.contains("http_sd") || rest.starts_with("  ") => format!("    {rest}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the configuration of [`by_discovery`] for this exporter, with every interval set to a second.
pub(crate) fn discovering(exporter: &str) -> String {
    let text = by_discovery().replace("127.0.0.1:10115", exporter);
    text.replace("refresh_interval: 30s", "refresh_interval: 1s")
        .replace("scrape_interval: 15s", "scrape_interval: 1s")
        .replace("scrape_timeout: 10s", "scrape_timeout: 1s")
        .replace("evaluation_interval: 15s", "evaluation_interval: 1s")
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_finds_a_channel_made_over_the_api_and_drops_a_disabled_one() {
    let origin = live_origin().await;
    let stack = Stack::start(&[]).await;
    let address = format!("127.0.0.1:{}", free_port());
    let prometheus = Prometheus::listening(&address, &discovering(&stack.exporter.address), "[]", &[]).await;
    let found = async || {
        let targets = prometheus.ask("targets", "scrapePool", "packager_channels").await;
        let active = targets["activeTargets"].as_array().unwrap().iter();
        active.map(|target| target["labels"]["channel"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [""; 0]);
    // The refresh interval of 1 s, and 5 s in which Prometheus gathers what its discoveries found.
    let within = pace::patience(Duration::from_secs(12));
    for code in ["CH_1", "CH_2"] {
        let body = channel(code, &origin.url("live/TV1/master.m3u8"));
        assert_eq!(stack.json("POST", "/channels", &body).await.0, 201);
    }
    let began = Instant::now();
    stack.until("it finds both", async || found().await.len() == 2).await;
    assert!(began.elapsed() < within, "{:?}", began.elapsed());
    prometheus.until("probe_success{channel=\"CH_1\", tier=\"1\"}", 1.0, PATIENCE).await;

    assert_eq!(stack.send(stack.request("DELETE", "/channels/CH_1")).await.0, 200);
    let began = Instant::now();
    stack.until("it drops the disabled one", async || found().await == ["CH_2"]).await;
    assert!(began.elapsed() < within, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_written_in_psql_applies_within_a_second() {
    let origin = live_origin().await;
    let stack = Stack::start(&[]).await;
    stack.json("POST", "/channels", &channel("CH_1", &origin.url("live/TV1/master.m3u8"))).await;
    stack.until("discovery has it", async || stack.get("/sd").await.1 != json!([])).await;
    let verdict = async || {
        let (_, text) = stack.exporter.get("/probe?target=CH_1").await;
        let check =
            text.lines().find(|line| line.starts_with("packager_check_ok{check=\"segment_duration_off_target\","));
        check.and_then(|line| value(&text, line.rsplit_once(' ')?.0))
    };
    assert_eq!(verdict().await, Some(0.0), "segments of 2 s where the template says 6");
    stack.postgres.sql("UPDATE templates SET segment_duration_target = 2 WHERE template_name = 'TPL_LIVE_HD'");
    let within = pace::patience(Duration::from_secs(1));
    let changed = Instant::now();
    let mut asked = changed.elapsed();
    while verdict().await != Some(1.0) {
        assert!(asked < within, "a probe asked for {asked:?} after the UPDATE still has the old threshold");
        asked = changed.elapsed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_with_a_name_lists_the_channels_of_its_probe_alone() {
    let stack = Stack::start(&["--probe.name", "PRB_EDGE"]).await;
    let (status, edge) = stack.json("POST", "/probes", &json!({"probe_name": "PRB_EDGE", "kind": "exporter"})).await;
    assert_eq!(status, 201, "{edge}");
    let mut own = channel("CH_OWN", "https://origin.example/own/master.m3u8");
    own["probe_id"] = edge["probe_id"].clone();
    for body in [own, channel("CH_OTHER", "https://origin.example/other/master.m3u8")] {
        assert_eq!(stack.json("POST", "/channels", &body).await.0, 201);
    }
    let listed = async |path: &str| {
        let (_, targets) = stack.get(path).await;
        let codes = targets.as_array().unwrap().iter();
        codes.map(|target| target["labels"]["channel"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    stack.until("discovery has its own", async || listed("/sd").await == ["CH_OWN"]).await;
    let others = async || listed("/sd?probe=packager").await == ["CH_OTHER"];
    stack.until("the channels of another probe are listed by its name", others).await;
}
