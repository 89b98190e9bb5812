//! Tests of alerts in Zabbix: with a mock server that speaks the sender protocol, and with Debian's Zabbix and the
//! shipped template.

mod server;

use crate::exporter::{Exporter, Files, PATIENCE, command};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Time from the discovery of an alert until the mock of a Zabbix server has the alert's items. Zabbix itself needs up
/// to a minute.
const MAKING_ITEMS: Duration = Duration::from_millis(1_500);
/// A channel for which the mock never creates items.
const CHANNEL_WITHOUT_ITEMS: &str = "CH_0";

#[derive(Debug, Default)]
struct Received {
    /// Last received value of each Zabbix item key.
    values: BTreeMap<String, String>,
    /// Every value of each item key that differed from the value before it.
    changes: BTreeMap<String, Vec<String>>,
    /// Suffix of each discovered item key, and when it was discovered.
    discovered: BTreeMap<String, Instant>,
    refused: usize,
}

/// A mock of a Zabbix server's trapper port, which receives item values.
pub(crate) struct Trapper {
    pub address: String,
    received: Arc<Mutex<Received>>,
}

impl std::fmt::Debug for Trapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.received.lock().unwrap().fmt(f)
    }
}

impl Trapper {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, received) = (listener.local_addr().unwrap().to_string(), Arc::default());
        tokio::spawn(serve(listener, Arc::clone(&received)));
        Self { address, received }
    }

    /// Returns the last value of an item; `None` without a value.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.received.lock().unwrap().values.get(key).cloned()
    }

    /// Returns the values that an item has had, one for each change.
    pub(crate) fn values(&self, key: &str) -> Vec<String> {
        self.received.lock().unwrap().changes.get(key).cloned().unwrap_or_default()
    }
}

async fn serve(listener: TcpListener, received: Arc<Mutex<Received>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, received.clone()));
    }
}

async fn answer(mut stream: TcpStream, received: Arc<Mutex<Received>>) {
    let mut head = [0; 13];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head[..5], b"ZBXD\x01");
    let mut body = vec![0; u32::from_le_bytes(head[5..9].try_into().unwrap()) as usize];
    stream.read_exact(&mut body).await.unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(request["request"], "sender data");
    let answer = store_values(&mut received.lock().unwrap(), request["data"].as_array().unwrap());
    stream.write_all(b"ZBXD\x01").await.unwrap();
    stream.write_all(&(answer.len() as u64).to_le_bytes()).await.unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn store_values(received: &mut Received, data: &[Value]) -> String {
    let mut failed = 0;
    for item in data {
        assert_eq!(item["host"], "packager_exporter");
        let (key, value) = (item["key"].as_str().unwrap(), item["value"].as_str().unwrap());
        if key == "packager.alerts.discovery" {
            let pairs: Vec<BTreeMap<String, String>> = serde_json::from_str(value).unwrap();
            for pair in pairs.iter().filter(|pair| pair["{#CHANNEL}"] != CHANNEL_WITHOUT_ITEMS) {
                let end = format!("[{},{}]", pair["{#CHANNEL}"], pair["{#ALERT}"]);
                received.discovered.entry(end).or_insert_with(Instant::now);
            }
            continue;
        }
        let made = received.discovered.iter().any(|(end, since)| key.ends_with(end) && since.elapsed() > MAKING_ITEMS);
        if made || key == "packager.alerting.alive" {
            let before = received.values.insert(key.to_owned(), value.to_owned());
            if before.as_deref() != Some(value) {
                received.changes.entry(key.to_owned()).or_default().push(value.to_owned());
            }
        } else {
            failed += 1;
        }
    }
    received.refused += failed;
    let info =
        format!("processed: {}; failed: {failed}; total: {}; seconds spent: 0.000030", data.len() - failed, data.len());
    json!({"response": "success", "info": info}).to_string()
}

async fn post_alerts(exporter: &Exporter, path: &str, alerts: &[Value]) -> u16 {
    let body = json!({"version": "4", "status": "firing", "receiver": "zabbix", "alerts": alerts}).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = client.post(format!("http://{}{path}", exporter.address)).header("content-type", "application/json");
    post.body(body).send().await.unwrap().status().as_u16()
}

fn alert(status: &str, severity: &str, rendition: &str) -> Value {
    json!({"status": status, "fingerprint": rendition, "startsAt": "2026-01-31T18:00:00Z",
        "labels": {"alertname": "RenditionDown", "channel": "CH_1", "severity": severity, "rendition": rendition},
        "annotations": {"summary": format!("{rendition} is down")}})
}

async fn wait_until(what: &str, received: &Mutex<Received>, done: impl Fn(&Received) -> bool) {
    let began = Instant::now();
    while !done(&received.lock().unwrap()) {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}: {:?}", received.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_a_value_of_its_channel_from_its_beginning_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received: Arc<Mutex<Received>> = Arc::default();
    let serving = tokio::spawn(serve(listener, received.clone()));
    let files = Files::new(&[]);
    files.write("exporter.yml", &format!("zabbix: {{server: '{address}'}}\n"));
    let mut exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;

    let mut without_items = alert("firing", "major", "1080p");
    without_items["labels"]["channel"] = json!(CHANNEL_WITHOUT_ITEMS);
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[without_items]).await, 202);
    let both = [alert("firing", "minor", "480p"), alert("firing", "major", "1080p")];
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &both).await, 202);
    let key = "packager.alert[CH_1,RenditionDown]";
    let value = |received: &Received| received.values.get(key).cloned().unwrap_or_default();
    wait_until("the worse of the two is received, once its item is there", &received, |received| {
        value(received) == "3"
    })
    .await;
    assert!(received.lock().unwrap().refused > 0, "it was tried again");
    assert!(
        !received.lock().unwrap().values.keys().any(|key| key.contains(CHANNEL_WITHOUT_ITEMS)),
        "and that held up nothing else"
    );
    let watchdog = json!({"status": "firing", "fingerprint": "w", "startsAt": "2026-01-31T18:00:00Z",
        "labels": {"alertname": "Watchdog", "severity": "none"}});
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[watchdog]).await, 202);
    wait_until("the heartbeat is received", &received, |received| {
        received.values.contains_key("packager.alerting.alive")
    })
    .await;
    assert_eq!(received.lock().unwrap().values["packager.alert.text[CH_1,RenditionDown]"], "1080p is down");

    serving.abort();
    let _ = serving.await;
    let ended = [alert("resolved", "minor", "480p"), alert("resolved", "major", "1080p")];
    assert_eq!(post_alerts(&exporter, "/api/v1/alerts/zabbix", &ended).await, 202, "it waits");
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(serve(listener, received.clone()));
    wait_until("the end is received after Zabbix was away", &received, |received| value(received) == "0").await;
    wait_for_metric(&exporter, "packager_exporter_zabbix_up", 1.0).await;

    serving.abort();
    let _ = serving.await;
    let before = exporter.log().len();
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[alert("firing", "critical", "1080p")]).await, 202);
    wait_for_metric(&exporter, "packager_exporter_zabbix_up", 0.0).await;
    exporter.until("/-/healthy", |_, _| exporter.log()[before..].contains("retry_in=4s")).await;
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(serve(listener, received.clone()));
    exporter.end("TERM").await;
    assert_eq!(value(&received.lock().unwrap()), "4", "received at the end instead of four seconds later");
}

async fn wait_for_metric(exporter: &Exporter, name: &str, wanted: f64) {
    exporter.until("/metrics", |_, text| crate::exporter::value(text, name) == Some(wanted)).await;
}

/// The exporter may have been started again since the alert fired, or Zabbix may never have got the alert.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_alert_that_never_fired_here_is_sent_once() {
    let trapper = Trapper::start().await;
    let files = Files::new(&[]);
    files.write("exporter.yml", &format!("zabbix: {{server: '{}'}}\n", trapper.address));
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[alert("resolved", "major", "1080p")]).await, 202);
    wait_until("it is sent", &trapper.received, |received| received.refused == 2).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let received = trapper.received.lock().unwrap();
    assert_eq!((received.refused, received.discovered.len()), (2, 0), "neither tried again nor discovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_nobody_writes_without_a_token() {
    let files = Files::new(&[]);
    files.write("exporter.yml", "zabbix: {server: 127.0.0.1}\n");
    let exporter = Exporter::spawn(&mut command(files.folder()), &["--web.listen-address", "0.0.0.0:0"]).await;
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[alert("firing", "major", "1080p")]).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_alertmanager_gets_an_error() {
    let files = Files::new(&[]);
    let exporter = Exporter::start(files.folder()).await;
    assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[alert("firing", "major", "1080p")]).await, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn zabbix_makes_items_and_problems_of_alerts_by_the_template() {
    let mut zabbix = server::Zabbix::prepare().await;
    let files = Files::new(&[]);
    files.write("exporter.yml", &format!("zabbix: {{server: '{}'}}\n", zabbix.address));
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    let post = async |alert: Value| assert_eq!(post_alerts(&exporter, "/api/zabixtrigger", &[alert]).await, 202);

    post(alert("firing", "major", "1080p")).await;
    zabbix.start();
    zabbix.until("RenditionDown of CH_1 (major)", "CH_1: RenditionDown (major)|1").await;
    assert_eq!(zabbix.value("history_uint", "packager.alert[CH_1,RenditionDown]"), "3");
    zabbix.until("its text", "packager.alert.text[CH_1,RenditionDown]|1080p is down").await;
    post(alert("firing", "critical", "1080p")).await;
    zabbix.until("it got worse", "CH_1: RenditionDown (critical)|1").await;
    assert!(zabbix.problems().contains("CH_1: RenditionDown (major)|0"), "{}", zabbix.problems());

    zabbix.stop();
    post(alert("resolved", "critical", "1080p")).await;
    post(json!({"status": "firing", "fingerprint": "w", "startsAt": "2026-01-31T18:00:00Z",
        "labels": {"alertname": "Watchdog", "severity": "none"}}))
    .await;
    zabbix.start();
    zabbix.until("its end, after Zabbix was away", "CH_1: RenditionDown (critical)|0").await;
    zabbix.until("the heartbeat", "packager.alerting.alive|1").await;
}
