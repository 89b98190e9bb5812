//! Tests in which the database fails while clients probe, write and send alerts.

use crate::database::{EVENING, Stack, alert, channel};
use crate::exporter::{Exporter, Files, PATIENCE, command, live_origin, value};
use packager_testbed::postgres::Postgres;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WRITERS: usize = 4;

/// Returns the shortest duration of the database outage, from the environment variable OUTAGE_SECONDS.
fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").map_or(0, |text| text.parse().expect("OUTAGE_SECONDS"));
    Duration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_under_load_loses_nothing_it_acknowledged_and_fails_no_probe() {
    let origin = live_origin().await;
    let mut stack = Stack::start(&[]).await;
    stack.json("POST", "/channels", &channel("CH_1", &origin.url("live/TV1/master.m3u8"))).await;
    stack.until("it is in force", async || stack.get("/sd").await.1[0]["targets"] == json!(["CH_1"])).await;
    let load = LoadGenerator { base: format!("http://{}", stack.exporter.address), ..LoadGenerator::default() };
    let load = std::sync::Arc::new(load);
    let probes = tokio::spawn(probe_repeatedly(load.clone()));
    let writers: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(create_channels(load.clone(), n))).collect();
    let senders: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(send_alerts(load.clone(), n))).collect();
    let probed = || load.probes.load(Ordering::Relaxed);

    stack.until("all are at work", async || probed() > 3 && load.done.load(Ordering::Relaxed) > 20).await;
    stack.postgres.stop();
    let before = (probed(), load.refused.load(Ordering::Relaxed));
    stack
        .until("writes are refused and probes go on", async || {
            probed() > before.0 + 5 && load.refused.load(Ordering::Relaxed) >= before.1 + WRITERS
        })
        .await;
    tokio::time::sleep(outage()).await;
    stack.postgres.start_again();
    let done = load.done.load(Ordering::Relaxed);
    stack.until("writes are taken again", async || load.done.load(Ordering::Relaxed) > done + 20).await;
    load.over.store(true, Ordering::Relaxed);

    probes.await.unwrap();
    let mut channels = BTreeSet::from(["CH_1".to_owned()]);
    for writer in writers {
        channels.extend(writer.await.unwrap());
    }
    let kept = stack.postgres.sql("SELECT string_agg(channel_code, ' ') FROM channels");
    let kept: BTreeSet<String> = kept.split(' ').map(str::to_owned).collect();
    assert!(channels.is_subset(&kept), "acknowledged and lost: {:?}", channels.difference(&kept));
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.unwrap();
    }
    let alerts = stack.postgres.sql("SELECT count(*), count(DISTINCT fingerprint) FROM alerts");
    assert_eq!(alerts, format!("{sent}|{sent}"), "every alert once");
    stack.until("the catalogue is followed again", async || stack.get("/health").await.1["status"] == "healthy").await;
}

#[derive(Default)]
struct LoadGenerator {
    base: String,
    client: reqwest::Client,
    over: AtomicBool,
    probes: AtomicUsize,
    done: AtomicUsize,
    refused: AtomicUsize,
}

impl LoadGenerator {
    fn is_running(&self, began: Instant) -> bool {
        assert!(began.elapsed() < 3 * PATIENCE + outage(), "it takes too long");
        !self.over.load(Ordering::Relaxed)
    }

    /// Posts a body and returns the status of the answer. The status has to be success, 503 with Retry-After, or the
    /// status `also`.
    async fn post(&self, path: &str, body: &Value, also: u16) -> u16 {
        let request =
            self.client.post(format!("{}/api/v1{path}", self.base)).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 503 {
            assert!(answer.headers().contains_key("retry-after"));
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else {
            assert!([200, 201, also].contains(&status), "{path}: {status} {}", answer.text().await.unwrap());
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        status
    }
}

/// Probes a channel until the test ends, and asserts that every probe succeeds.
async fn probe_repeatedly(load: std::sync::Arc<LoadGenerator>) {
    let began = Instant::now();
    while load.is_running(began) {
        let answer = load.client.get(format!("{}/probe?target=CH_1", load.base)).send().await.unwrap();
        let text = answer.text().await.unwrap();
        assert_eq!(value(&text, "probe_success"), Some(1.0), "{text}");
        load.probes.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Creates one channel after the other until the test ends, and returns the codes that were acknowledged.
async fn create_channels(load: std::sync::Arc<LoadGenerator>, writer: usize) -> Vec<String> {
    let began = Instant::now();
    let mut acknowledged = Vec::new();
    for n in 0.. {
        if !load.is_running(began) {
            break;
        }
        let code = format!("W{writer}_{n}");
        if load.post("/channels", &channel(&code, "http://a/b.m3u8"), 201).await == 201 {
            acknowledged.push(code);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    acknowledged
}

/// Sends one alert after the other until the test ends, each until it is accepted, as Alertmanager does. Returns the
/// number of alerts.
async fn send_alerts(load: std::sync::Arc<LoadGenerator>, sender: usize) -> usize {
    let began = Instant::now();
    let mut sent = 0;
    while load.is_running(began) {
        let alerts = [alert(&format!("t{sender}_{sent}"), "firing", EVENING)];
        let body = json!({"version": "4", "alerts": alerts});
        while load.post("/alerts/webhook", &body, 200).await != 200 {
            assert!(began.elapsed() < 3 * PATIENCE + outage(), "the webhook is never taken");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sent
}

/// A TCP proxy that forwards new connections to an address that a test changes; open connections stay where they are.
struct Switch {
    address: String,
    target: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Switch {
    async fn start(target: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = std::sync::Arc::new(std::sync::Mutex::new(target.to_owned()));
        let now = target.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = now.lock().unwrap().clone();
                tokio::spawn(async move {
                    let mut server = tokio::net::TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { address, target }
    }

    fn to(&self, target: &str) {
        target.clone_into(&mut self.target.lock().unwrap());
    }
}

fn host_and_port(postgres: &Postgres) -> String {
    format!("127.0.0.1:{}", postgres.port())
}

/// After a failover the old primary still answers on open connections, but accepts no write. The exporter has to
/// connect to the new primary.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_server_that_became_read_only_are_given_up_for_the_new_primary() {
    let (old, new) = (Postgres::start(), Postgres::start());
    let pool = sqlx::PgPool::connect(&new.url()).await.unwrap();
    sqlx::migrate!().run(&pool).await.unwrap();
    let switch = Switch::start(&host_and_port(&old)).await;
    let url = old.url().replace(&host_and_port(&old), &switch.address);
    let files = Files::new(&[]);
    let mut program = command(files.folder());
    let exporter = Exporter::spawn(program.env("DATABASE_URL", url), &[]).await;
    exporter.until("/api/v1/health", |status, text| status == 200 && text.contains("\"healthy\"")).await;

    old.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    old.sql("SELECT pg_reload_conf()");
    // No new primary yet.
    exporter.until("/api/v1/health", |_, text| text.contains("degraded") && text.contains("can't be written")).await;
    exporter.until("/metrics", |_, text| value(text, "packager_exporter_database_up") == Some(0.0)).await;
    switch.to(&host_and_port(&new));
    let failed_over = Instant::now();
    exporter.until("/api/v1/health", |_, text| text.contains("\"healthy\"")).await;
    assert!(failed_over.elapsed() < Duration::from_secs(15).max(PATIENCE / 4), "{:?}", failed_over.elapsed());
    let body = json!({"version": "4", "alerts": [alert("f1", "firing", EVENING)]}).to_string();
    let post = reqwest::Client::new().post(format!("http://{}/api/v1/alerts/webhook", exporter.address));
    let answer = post.header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        (new.sql("SELECT count(*) FROM alerts"), old.sql("SELECT count(*) FROM alerts")),
        ("1".into(), "0".into())
    );
}

/// The answer is 503: Prometheus keeps its targets after an error, and no client is told that a channel doesn't exist.
#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_that_never_reached_its_database_is_not_ready() {
    let mut postgres = Postgres::start();
    postgres.stop();
    let files = Files::new(&[]);
    let mut program = command(files.folder());
    let exporter = Exporter::spawn(program.env("DATABASE_URL", postgres.url()), &[]).await;
    let paths = ["/-/ready", "/probe?target=CH_1", "/api/v1/sd", "/api/v1/health"];
    for path in paths.into_iter().chain(["/api/v1/channels/status", "/api/v1/channels/summary"]) {
        exporter.until(path, |status, text| status == 503 && text.contains("onnection refused")).await;
    }
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    postgres.start_again();
    exporter.until("/-/ready", |status, _| status == 200).await;
    assert_eq!(exporter.get("/api/v1/sd").await, (200, "[]".to_owned()));
    assert_eq!(exporter.get("/probe?target=CH_1").await.0, 400);
    assert_eq!(exporter.get("/api/v1/channels/status").await.0, 200);
    postgres.stop();
    exporter.until("/api/v1/health", |status, text| status == 200 && text.contains("degraded")).await;
    assert_eq!(exporter.get("/-/ready").await.0, 200, "the last catalogue stays in force");
}
