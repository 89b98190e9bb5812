//! Tests of writes to InfluxDB: version 1 with Debian's server, and the endpoint of version 2 with VictoriaMetrics.

use crate::exporter::{Exporter, Files, PATIENCE, live_origin, value};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server that takes the exporter's lines.
pub(crate) struct Server {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn influxd(folder: &Path, address: &str) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut influxd = Command::new("influxd");
    influxd.arg("run").env("INFLUXDB_META_DIR", at("meta")).env("INFLUXDB_DATA_DIR", at("data"));
    influxd.env("INFLUXDB_DATA_WAL_DIR", at("wal")).env("INFLUXDB_HTTP_BIND_ADDRESS", address);
    influxd.env("INFLUXDB_BIND_ADDRESS", free()).env("INFLUXDB_REPORTING_DISABLED", "true").env("HOME", folder);
    influxd.env("INFLUXDB_HTTP_MAX_BODY_SIZE", "0").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn victoria(folder: &Path, address: &str) -> Child {
    let mut victoria = Command::new("victoria-metrics");
    victoria.arg(format!("-storageDataPath={}", folder.display())).arg(format!("-httpListenAddr={address}"));
    victoria.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Server {
    async fn start(start: fn(&Path, &str) -> Child) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (folder, address) = (tempfile::tempdir().unwrap(), free());
        let server = Self { child: start(folder.path(), &address), url: format!("http://{address}"), folder };
        server.answers().await;
        server
    }

    async fn answers(&self) {
        let began = Instant::now();
        while reqwest::get(format!("{}/ping", self.url)).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "{} doesn't answer", self.url);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the answer to an InfluxQL query.
    async fn influxql(&self, query: &str) -> Value {
        let url =
            reqwest::Url::parse_with_params(&format!("{}/query", self.url), [("db", "tv"), ("q", query)]).unwrap();
        let text = reqwest::Client::new().post(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Number of rows of the first series of the answer to an InfluxQL query.
    pub(crate) async fn rows(&self, query: &str) -> usize {
        self.influxql(query).await["results"][0]["series"][0]["values"].as_array().map_or(0, Vec::len)
    }
}

impl Server {
    /// Returns the text of an exporter.yml that sends reports to this server.
    pub(crate) fn settings(&self) -> String {
        format!("influxdb: {{url: '{}', database: tv}}\n", self.url)
    }
}

/// InfluxDB 1 with the database `tv`.
pub(crate) async fn version_one() -> Server {
    let server = Server::start(influxd).await;
    server.influxql("CREATE DATABASE tv").await;
    server
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn lines(metrics: &str, result: &str) -> f64 {
    value(metrics, &format!("packager_exporter_influxdb_lines_total{{result=\"{result}\"}}")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn version_one_gets_every_measurement_and_the_queued_ones_after_an_outage() {
    let mut server = version_one().await;
    let origin = live_origin().await;
    let files = Files::new(&[
        ("CH_1", origin.url("live/TV1/master.m3u8"), "T2"),
        ("DEAD", "http://127.0.0.1:1/m.m3u8".to_owned(), "T2"),
    ]);
    files.write("exporter.yml", &format!("influxdb: {{url: '{}', database: tv, queue_probes: 2}}\n", server.url));
    let mut exporter = Exporter::start(files.folder()).await;
    exporter.get("/probe?target=CH_1").await;
    exporter.get("/probe?target=DEAD").await;
    until("segments are there", async || server.rows("SELECT * FROM segment_metric WHERE channel = 'CH_1'").await > 1)
        .await;
    for query in [
        // The queries that the manual gives in Flux, in the language of version 1.
        "SELECT * FROM segment_metric WHERE time > now() - 1h AND channel = 'CH_1'",
        "SELECT * FROM abr_ladder WHERE time > now() - 1h",
        "SELECT download_time_ms, size_bytes, declared_duration FROM segment_metric WHERE channel = 'CH_1' AND http_status = '200'",
        "SELECT rung_count, rungs_available FROM abr_ladder WHERE channel = 'CH_1'",
        "SELECT bandwidth FROM abr_ladder WHERE channel = 'CH_1' AND rendition <> ''",
        "SELECT * FROM playlist_validation WHERE channel = 'CH_1' AND is_valid = 1 AND error_count = 0",
        "SELECT * FROM playlist_validation WHERE channel = 'DEAD' AND is_valid = 0 AND error_count > 0",
        "SELECT success FROM probe WHERE channel = 'DEAD'",
    ] {
        until(query, async || server.rows(query).await > 0).await;
    }
    // Flux filters `r.channel` by tags alone.
    for measurement in ["segment_metric", "abr_ladder", "playlist_validation", "probe"] {
        let query = format!("SHOW TAG VALUES FROM {measurement} WITH KEY = channel WHERE channel = 'CH_1'");
        assert_eq!(server.rows(&query).await, 1, "{query}");
    }

    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let (_, text) = exporter.get("/probe?target=CH_1").await;
    assert_eq!(value(&text, "probe_success"), Some(1.0), "a scrape doesn't wait for it");
    let dropped = async || {
        exporter.get("/probe?target=DEAD").await;
        lines(&exporter.get("/metrics").await.1, "dropped") > 0.0
    };
    until("the queue is full and says so", dropped).await;
    let before = lines(&exporter.get("/metrics").await.1, "written");
    server.child = influxd(server.folder.path(), server.url.trim_start_matches("http://"));
    server.answers().await;
    until("what waited is written", async || lines(&exporter.get("/metrics").await.1, "written") > before).await;
    assert_eq!(lines(&exporter.get("/metrics").await.1, "refused"), 0.0);

    let probes = "SELECT success FROM probe WHERE channel = 'DEAD'";
    let before = server.rows(probes).await;
    exporter.get("/probe?target=DEAD").await;
    exporter.end("TERM").await;
    assert!(server.rows(probes).await > before, "the last probe is written before the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_of_version_two_is_configured_by_the_environment() {
    let server = Server::start(victoria).await;
    let origin = live_origin().await;
    let files = Files::new(&[("CH_1", origin.url("live/TV1/master.m3u8"), "T2")]);
    let mut program = crate::exporter::command(files.folder());
    program.env("INFLUXDB_URL", &server.url).env("INFLUXDB_TOKEN", "s3cret");
    let exporter = Exporter::spawn(&mut program, &[]).await;
    exporter.get("/probe?target=CH_1").await;
    let stored = async || {
        let _ = reqwest::get(format!("{}/internal/force_flush", server.url)).await;
        let query = format!("{}/api/v1/export?match[]=segment_metric_download_time_ms", server.url);
        let text = reqwest::get(query).await.unwrap().text().await.unwrap();
        text.contains("\"channel\":\"CH_1\"") && text.contains("\"http_status\":\"200\"")
    };
    until("it is stored", stored).await;
    let (_, config) = exporter.get("/config").await;
    assert!(config.contains("influxdb:") && !config.contains("s3cret"), "{config}");
}
