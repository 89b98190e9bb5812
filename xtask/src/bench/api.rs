//! Benchmark of the API with 5,000 channels, on its own PostgreSQL server.

use crate::bench::capacity::Exporter;
use crate::bench::meter;
use packager_testbed::postgres::{self, Postgres};
use reqwest::Method;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const CHANNELS: usize = 5_000;
/// Number of resolved alerts in the benchmark's database.
const RESOLVED_ALERTS: usize = 100_000;
const FIRING_ALERTS: usize = 50;
/// Number of requests whose median time is shown.
const REQUESTS: usize = 51;

/// Name and path of each API request that is measured, and its limit in milliseconds.
const LISTS: [(&str, &str, u32); 9] = [
    ("service discovery, all channels", "sd", 100),
    ("service discovery, a shard of three", "sd?shards=3&shard=0", 100),
    ("first page of 100 channels", "channels", 50),
    ("a page of 100 from the middle", "channels?cursor=2500", 50),
    ("a page of tier 1", "channels?tier=1", 50),
    ("a part of a name", "channels?q=channel%204999", 50),
    ("active alerts", "alerts/active", 50),
    ("alerts of one channel", "alerts?channel=CH_0007", 50),
    ("a page of 100 alerts", "alerts", 50),
];

pub(super) fn measure(runtime: &Runtime) -> String {
    if postgres::programs().is_none() {
        return format!(
            "## The API with {CHANNELS} channels\n\nNot measured: PostgreSQL isn't installed; `make tools` installs it.\n"
        );
    }
    let postgres = Postgres::start();
    runtime.block_on(measure_lists(&postgres))
}

async fn measure_lists(postgres: &Postgres) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    crate::bench::setup::configure(folder.path(), &[], "");
    let exporter = Exporter::launch(folder, &[("DATABASE_URL", &postgres.url())]).await;
    wait_until(|| async { exporter.get("api/v1/health").await.contains("\"healthy\"") }).await;
    let csv = csv();
    let new = import(&exporter, &csv).await;
    let same = import(&exporter, &csv).await;
    wait_until(|| async { exporter.get("api/v1/sd").await.matches("\"targets\"").count() == CHANNELS }).await;
    postgres.sql(&alerts());
    let mut out = format!(
        "## The API with {CHANNELS} channels\n\nThe exporter and PostgreSQL run as processes on the same two cores, with {CHANNELS} channels, \
         {RESOLVED_ALERTS} resolved alerts and {FIRING_ALERTS} firing ones. Medians of {REQUESTS} requests over HTTP, one after the other; each import runs once.\n\n\
         | | size | time | limit |\n|---|---|---|---|\n"
    );
    for (label, time) in
        [("import of all channels as CSV, all new", new), ("the same import again, nothing changes", same)]
    {
        let _ = writeln!(out, "| {label} | {} kB | {} | < 10 s |", csv.len() / 1000, meter::format_duration(time));
    }
    for (label, path, limit_ms) in LISTS {
        let (size, time) = time_requests(&exporter, path).await;
        let _ = writeln!(
            out,
            "| {label} | {} kB | {} | < {limit_ms} ms |",
            size.div_ceil(1000),
            meter::format_duration(time)
        );
    }
    out
}

async fn wait_until<F: Future<Output = bool>>(done: impl Fn() -> F) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < Duration::from_secs(60), "the exporter doesn't get there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn import(exporter: &Exporter, csv: &str) -> Duration {
    let request = exporter.client.request(Method::POST, exporter.url("api/v1/channels/import"));
    let request = request.header("content-type", "text/csv").body(csv.to_owned());
    let began = Instant::now();
    let answer = request.send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert!(status.is_success(), "{text}");
    began.elapsed()
}

async fn time_requests(exporter: &Exporter, path: &str) -> (usize, Duration) {
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..REQUESTS {
        let began = Instant::now();
        let text = exporter.get(&format!("api/v1/{path}")).await;
        times.push(began.elapsed());
        assert!(!text.contains("about:blank"), "{path}: {text}");
        size = text.len();
    }
    (size, meter::median(&times))
}

/// Makes a CSV file with every column of the import.
fn csv() -> String {
    let mut csv = String::from(
        "channel_code,channel_name,channel_type,tier,codec,resolution,fps,is_4k,is_hdr,probe_id,input_url,template_id\n",
    );
    for n in 0..CHANNELS {
        let tier = n % 3 + 1;
        let _ = writeln!(
            csv,
            "CH_{n:04},FPT Channel {n},LIVE,{tier},H.264,1920x1080,25,false,false,3,http://packager-{:02}/live/CH_{n:04}/master.m3u8,1",
            n % 40
        );
    }
    csv
}

fn alerts() -> String {
    let all = RESOLVED_ALERTS + FIRING_ALERTS;
    format!(
        "INSERT INTO alerts (fingerprint, alertname, severity, status, labels, annotations, starts_at, ends_at)
         SELECT to_hex(n), 'RenditionDown', (ARRAY['critical', 'major', 'minor'])[n % 3 + 1],
                CASE WHEN n > {RESOLVED_ALERTS} THEN 'firing' ELSE 'resolved' END,
                jsonb_build_object('alertname', 'RenditionDown', 'channel', 'CH_' || lpad((n % {CHANNELS})::text, 4, '0')),
                '{{\"summary\": \"a rendition is down\"}}', now() - make_interval(mins => {all} - n),
                CASE WHEN n <= {RESOLVED_ALERTS} THEN now() END
         FROM generate_series(1, {all}) n; ANALYZE"
    )
}
