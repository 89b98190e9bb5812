//! Tests that run every query of every dashboard in a Prometheus that scrapes channels with and without faults.

use crate::alerting::{factor, faster, rules};
use crate::exporter::{Exporter, Files, PATIENCE, command, live_origin};
use crate::influxdb;
use crate::nginx::Nginx;
use crate::prometheus::{Prometheus, Sample, free_port, shipped};
use packager_testbed::grafana::{Dashboard, DataSource, read_descriptions};
use packager_testbed::harness::{TEMPLATES, with_patience};
use packager_testbed::origin::Origin;
use packager_testbed::postgres::Postgres;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const UPDATE: &str = "UPDATE_GOLDEN=1 cargo test --test integration -- dashboards";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[test]
fn the_json_of_every_dashboard_matches_its_description() {
    for dashboard in read_descriptions(&folder()).unwrap() {
        let file = folder().join("grafana").join(format!("{}.json", dashboard.uid));
        if is_update() {
            std::fs::write(&file, dashboard.json()).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(written == dashboard.json(), "{} is not what its description says: {UPDATE}", file.display());
    }
}

/// The test finds mistakes that Grafana would accept silently and show wrongly.
#[test]
fn every_dashboard_is_whole() {
    let dashboards = read_descriptions(&folder()).unwrap();
    let uids: BTreeSet<&str> = dashboards.iter().map(|dashboard| dashboard.uid.as_str()).collect();
    assert_eq!(uids.len(), 9);
    for dashboard in &dashboards {
        let json: Value = serde_json::from_str(&dashboard.json()).unwrap();
        let panels = json["panels"].as_array().unwrap();
        let mut taken = BTreeSet::new();
        for panel in panels {
            let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
                assert!(x < 24 && taken.insert((x, y)), "{}: {} lies on another", dashboard.title, panel["title"]);
            }
        }
        for panel in dashboard.panels() {
            assert!(panel.description.ends_with('.') && !panel.queries.is_empty(), "{}", panel.title);
        }
    }
}

/// The test checks keys, options and values with Grafana's own types (`scripts/grafana`), because Grafana ignores
/// unknown ones.
#[test]
fn grafana_knows_every_key_and_value() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join("target/tools/grafana");
    for file in ["check.mjs", "types.ts"] {
        std::fs::copy(root.join("scripts/grafana").join(file), installed.join(file))
            .expect("scripts/install_test_tools.sh has to run first");
    }
    let check = |files: &[PathBuf]| {
        let node = Command::new("node").arg(installed.join("check.mjs")).args(files).output().unwrap();
        (node.status.success(), String::from_utf8_lossy(&[node.stdout, node.stderr].concat()).into_owned())
    };
    let dashboards = read_descriptions(&folder()).unwrap();
    let files: Vec<_> = dashboards.iter().map(|d| folder().join("grafana").join(format!("{}.json", d.uid))).collect();
    let (accepted, output) = check(&files);
    assert!(accepted, "{output}");

    let scratch = tempfile::tempdir().unwrap();
    let mut wrong: Value = serde_json::from_str(&dashboards[0].json()).unwrap();
    wrong["refesh"] = "15s".into();
    wrong["panels"][1]["options"]["cellHeight"] = "small".into();
    std::fs::write(scratch.path().join("wrong.json"), wrong.to_string()).unwrap();
    let (accepted, output) = check(&[scratch.path().join("wrong.json")]);
    assert!(
        !accepted && output.contains("refesh") && output.contains("Rungs/options/cellHeight"),
        "the check sees nothing: {output}"
    );
}

/// Panels that each dashboard must have.
const REQUIRED_PANELS: [(&str, &[&str]); 5] = [
    ("packager-wall", &["Channels"]),
    (
        "packager-overview",
        &[
            "Active channels",
            "Average segment duration",
            "Segment download time distribution",
            "ABR ladder completeness",
        ],
    ),
    (
        "packager-segments",
        &["Segment duration variance", "Segment size distribution", "Download time p50, p95, p99", "HTTP error rate"],
    ),
    ("packager-ladder", &["Bitrate ladder per channel", "Resolution distribution", "Rung availability percentage"]),
    (
        "packager-alerts",
        &["Active CRITICAL alerts", "Active MAJOR alerts", "Recent alert history", "Alert trend over time"],
    ),
];

#[test]
fn every_required_panel_exists_and_channels_link_to_their_detail() {
    let dashboards = read_descriptions(&folder()).unwrap();
    for (uid, titles) in REQUIRED_PANELS {
        let dashboard = dashboards.iter().find(|dashboard| dashboard.uid == uid).unwrap();
        let there: Vec<&str> = dashboard.panels().map(|panel| panel.title.as_str()).collect();
        assert!(titles.iter().all(|title| there.contains(title)), "{uid}: {titles:?} of {there:?}");
        assert!(
            dashboard.json().contains("/d/packager-channel?var-datasource="),
            "{uid} has no link to Channel Detail"
        );
    }
    for dashboard in &dashboards {
        let json: Value = serde_json::from_str(&dashboard.json()).unwrap();
        let variables = json["templating"]["list"].as_array().unwrap();
        let names: Vec<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
        let wanted: &[&str] = match dashboard.source {
            DataSource::Prometheus => &["datasource", "tier", "packager", "channel", "exporter"],
            DataSource::Influxdb => &["datasource", "channel"],
        };
        assert_eq!(names, wanted, "{}", dashboard.title);
        for panel in json["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(
                unit.is_string() || panel["type"] == "table",
                "{}: {} has no unit",
                dashboard.title,
                panel["title"]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_something() {
    let origin = live_origin().await;
    let scratch = tempfile::tempdir().unwrap();
    let (_nginx, secure) = over_tls(scratch.path(), &origin);
    let postgres = Postgres::start();
    let files = Files::new(&[]);
    let texts = [
        ("templates.yml", with_patience(&format!("{TEMPLATES}{EXPECTED_LADDER}"))),
        ("channels.yml", channels(&origin, &secure)),
    ];
    for (name, text) in texts {
        files.write(name, &text);
    }
    std::fs::copy(scratch.path().join("cert.pem"), files.path("cert.pem")).unwrap();
    // ffmpeg is found there.
    let mut decoding = command(files.folder());
    decoding.env("PATH", std::env::var_os("PATH").unwrap());
    let exporter = Exporter::spawn(&mut decoding, &[]).await;
    // The channels of a database have no CA file, so the database is another exporter's.
    let mut with_database = command(files.folder());
    with_database.env("DATABASE_URL", postgres.url());
    let other = Exporter::spawn(&mut with_database, &[]).await;
    let prometheus = start_prometheus(&exporter, &other).await;
    prometheus.until("count(count_over_time(probe_success[5m]) >= 5)", 6.0, PATIENCE).await;
    let firing = "count(ALERTS{alertname=\"ChannelDown\", alertstate=\"firing\"})";
    prometheus.until(firing, 1.0, PATIENCE).await;

    let (mut text, mut empty) = (String::from(HEAD), Vec::new());
    for dashboard in read_descriptions(&folder()).unwrap() {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| panel | query | a sample |\n|---|---|---|\n",
            dashboard.title, dashboard.description
        );
        for (title, expression) in queries(&dashboard) {
            // The next test asks those.
            if dashboard.source == DataSource::Influxdb {
                let _ = writeln!(text, "| {title} | `{}` | - |", expression.replace('|', "\\|"));
                continue;
            }
            if expression.contains(LOUDNESS) {
                let _ = writeln!(text, "| {title} | `{}` | - |", expression.replace('|', "\\|"));
                continue;
            }
            let found = wait_for_answer(&prometheus, &exporter, &with_all_selected(&expression)).await;
            let Some(first) = found.first() else {
                empty.push(format!("{}: {title}: {expression}", dashboard.title));
                continue;
            };
            let _ = writeln!(text, "| {title} | `{}` | {} |", expression.replace('|', "\\|"), sample(first));
        }
    }
    assert!(empty.is_empty(), "no answer:\n{}", empty.join("\n"));
    compare(&text);
}

/// Beginning of the metrics that need more sound than the test decodes: ten minutes of programme, or a segment of 3 s.
const LOUDNESS: &str = "packager_signal_loudness_";

/// Template with an expected ladder, for the panels that compare with it, and with decoded media.
const EXPECTED_LADDER: &str = "\nTD: {extends: T2, ladder: {video: [{resolution: 1920x1080}, {resolution: 1280x720}]}}\nTF: {extends: TD, signal: full, timeout: 60s}\n";

const HEAD: &str = "# Dashboards\n\nA test generates this file: it sends every query to a real Prometheus. `dashboards/*.yml` describes the \
dashboards, `make docs` writes them for Grafana into `dashboards/grafana/*.json`, and Grafana loads them with the files in \
`dashboards/provisioning`. The samples come from one run of a live origin with faults.\n";

/// Compares the page of dashboard queries with the committed one, except for the samples.
fn compare(text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dashboards.md");
    if is_update() {
        std::fs::write(&file, text).unwrap();
    }
    let fixed = |text: &str| {
        let lines = text.lines().map(|line| line.rsplit_once("` | ").map_or(line, |(fixed, _)| fixed).to_owned());
        lines.collect::<Vec<_>>()
    };
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(fixed(&written) == fixed(text), "docs/dashboards.md is not what the dashboards ask: {UPDATE}");
}

fn queries(dashboard: &Dashboard) -> Vec<(String, String)> {
    let expressions = |panel: &packager_testbed::grafana::Panel| {
        panel.queries.iter().map(|query| (panel.title.clone(), query.expression())).collect::<Vec<_>>()
    };
    dashboard.panels().flat_map(expressions).collect()
}

/// Repeats a query until it has an answer, because rules are evaluated after the scrapes. A scrape of two seconds may be too short for
/// ffmpeg on a busy machine: a probe with the time of its template decodes for it.
async fn wait_for_answer(prometheus: &Prometheus, exporter: &Exporter, expression: &str) -> Vec<Sample> {
    let began = Instant::now();
    loop {
        let found = prometheus.query(expression).await;
        if !found.is_empty() || began.elapsed() > PATIENCE {
            return found;
        }
        if expression.contains("packager_signal_") {
            exporter.get("/probe?target=CLEAN_1").await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Returns the expression that Grafana sends when every value of every variable is selected.
fn with_all_selected(expression: &str) -> String {
    ["$tier", "$packager", "$channel"].iter().fold(expression.to_owned(), |text, name| text.replace(name, ".*"))
}

fn sample(found: &Sample) -> String {
    let labels: Vec<String> = found.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {}", labels.join(" "), found.value).trim_start().replace('|', "\\|")
}

/// nginx with TLS in front of the origin, and the URL of a channel there.
fn over_tls(folder: &Path, origin: &Origin) -> (Nginx, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (port, at) = (free_port(), folder.display());
    let configuration = format!(
        "worker_processes 1;\nevents {{}}\nhttp {{\n  access_log off;\n  server {{\n    listen 127.0.0.1:{port} ssl;\n    \
         ssl_certificate {at}/cert.pem;\n    ssl_certificate_key {at}/key.pem;\n    location / {{ proxy_pass {}; }}\n  }}\n}}\n",
        origin.url("").trim_end_matches('/')
    );
    (Nginx::start(folder, &configuration), format!("https://localhost:{port}/live/TV1/master.m3u8"))
}

fn channels(origin: &Origin, secure: &str) -> String {
    let mut text = String::from("defaults: {channel_type: LIVE, tier: 1, template: TD}\nchannels:\n");
    let _ = writeln!(text, "  {SECURE}: {{input_url: '{secure}', request: {{ca_file: cert.pem}}}}");
    for (code, path) in CHANNELS {
        // One channel is enough for the panels of decoded media.
        let template = if code == "CLEAN_1" { "TF" } else { "TD" };
        let _ = writeln!(text, "  {code}: {{input_url: '{}', template: {template}}}", origin.url(path));
    }
    text
}

const CHANNELS: [(&str, &str); 5] = [
    ("CLEAN_1", "live/TV1/master.m3u8"),
    ("CLEAN_2", "live/TV2/master.m3u8"),
    ("NO_RUNG", "fault/rendition_404/TV1/master.m3u8"),
    ("LOSSES", "fault/ts_continuity_error/TV1/master.m3u8"),
    ("DEAD", "fault/master_404/TV1/master.m3u8"),
];

const SECURE: &str = "OVER_TLS";

async fn start_prometheus(exporter: &Exporter, other: &Exporter) -> Prometheus {
    let address = format!("127.0.0.1:{}", free_port());
    let text = std::fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
    let text = text.replace("127.0.0.1:10115", &exporter.address).replace("127.0.0.1:9090", &address);
    let own = format!("      - targets: ['{}']", exporter.address);
    assert!(text.contains(&own), "{text}");
    let text = text.replace(&own, &format!("      - targets: ['{}', '{}']", exporter.address, other.address));
    let codes: Vec<&str> = CHANNELS.iter().map(|(code, _)| *code).chain([SECURE]).collect();
    let targets = format!("- {{targets: [{}], labels: {{tier: '1', packager: packager-01}}}}\n", codes.join(", "));
    let text = faster(&text.replace("../rules/", "rules/"), factor());
    Prometheus::listening(&address, &text, &targets, &rules(factor())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_of_influxdb_shows_something() {
    let server = influxdb::version_one().await;
    let origin = live_origin().await;
    let files = Files::new(&[("CH_1", origin.url("live/TV1/master.m3u8"), "T2")]);
    files.write("exporter.yml", &server.settings());
    let exporter = Exporter::start(files.folder()).await;
    let dashboards = read_descriptions(&folder()).unwrap();
    let dashboard = dashboards.iter().find(|dashboard| dashboard.source == DataSource::Influxdb).unwrap();
    for (title, expression) in queries(dashboard) {
        let query = expression.replace("$timeFilter", "time > now() - 1h").replace("$__interval", "1h");
        let query = query.replace("/^$channel$/", "/^.*$/");
        assert!(!query.contains('$') || query.contains("/^.*$/"), "{query}");
        let began = Instant::now();
        while server.rows(&query).await == 0 {
            exporter.get("/probe?target=CH_1").await;
            assert!(began.elapsed() < PATIENCE, "{title}: no answer to {query}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
