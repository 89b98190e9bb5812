//! What goes to Zabbix: to a server that speaks the sender protocol and keeps what it was told, and to Debian's Zabbix with the template.

mod server;

use crate::exporter::{Exporter, Files, PATIENCE, command};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// From the discovery of a pair to its items; Zabbix takes up to a minute.
const MAKING_ITEMS: Duration = Duration::from_millis(1_500);
/// A channel for which no item is ever made.
const HOPELESS: &str = "CH_0";

#[derive(Debug, Default)]
struct Told {
    /// The last value of each key.
    values: BTreeMap<String, String>,
    /// Every value that differed from the one before it.
    changes: BTreeMap<String, Vec<String>>,
    /// Ends of keys, and since when they were discovered.
    discovered: BTreeMap<String, Instant>,
    refused: usize,
}

/// A Zabbix server's trapper port.
pub struct Trapper {
    pub address: String,
    told: Arc<Mutex<Told>>,
}

impl std::fmt::Debug for Trapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.told.lock().unwrap().fmt(f)
    }
}

impl Trapper {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, told) = (listener.local_addr().unwrap().to_string(), Arc::default());
        tokio::spawn(serve(listener, Arc::clone(&told)));
        Self { address, told }
    }

    /// The last value of an item.
    pub fn value(&self, key: &str) -> Option<String> {
        self.told.lock().unwrap().values.get(key).cloned()
    }

    /// The values that an item has had, each as often as it changed to it.
    pub fn values(&self, key: &str) -> Vec<String> {
        self.told.lock().unwrap().changes.get(key).cloned().unwrap_or_default()
    }
}

async fn serve(listener: TcpListener, told: Arc<Mutex<Told>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, told.clone()));
    }
}

async fn answer(mut stream: TcpStream, told: Arc<Mutex<Told>>) {
    let mut head = [0; 13];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head[..5], b"ZBXD\x01");
    let mut body = vec![0; u32::from_le_bytes(head[5..9].try_into().unwrap()) as usize];
    stream.read_exact(&mut body).await.unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(request["request"], "sender data");
    let answer = take(&mut told.lock().unwrap(), request["data"].as_array().unwrap());
    stream.write_all(b"ZBXD\x01").await.unwrap();
    stream.write_all(&(answer.len() as u64).to_le_bytes()).await.unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn take(told: &mut Told, data: &[Value]) -> String {
    let mut failed = 0;
    for item in data {
        assert_eq!(item["host"], "packager_exporter");
        let (key, value) = (item["key"].as_str().unwrap(), item["value"].as_str().unwrap());
        if key == "packager.alerts.discovery" {
            let pairs: Vec<BTreeMap<String, String>> = serde_json::from_str(value).unwrap();
            for pair in pairs.iter().filter(|pair| pair["{#CHANNEL}"] != HOPELESS) {
                let end = format!("[{},{}]", pair["{#CHANNEL}"], pair["{#ALERT}"]);
                told.discovered.entry(end).or_insert_with(Instant::now);
            }
            continue;
        }
        let made = told.discovered.iter().any(|(end, since)| key.ends_with(end) && since.elapsed() > MAKING_ITEMS);
        if made || key == "packager.alerting.alive" {
            let before = told.values.insert(key.to_owned(), value.to_owned());
            if before.as_deref() != Some(value) {
                told.changes.entry(key.to_owned()).or_default().push(value.to_owned());
            }
        } else {
            failed += 1;
        }
    }
    told.refused += failed;
    let info =
        format!("processed: {}; failed: {failed}; total: {}; seconds spent: 0.000030", data.len() - failed, data.len());
    json!({"response": "success", "info": info}).to_string()
}

async fn tell(exporter: &Exporter, path: &str, alerts: &[Value]) -> u16 {
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

async fn until(what: &str, told: &Mutex<Told>, done: impl Fn(&Told) -> bool) {
    let began = Instant::now();
    while !done(&told.lock().unwrap()) {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}: {:?}", told.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_a_value_of_its_channel_from_its_beginning_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let told: Arc<Mutex<Told>> = Arc::default();
    let serving = tokio::spawn(serve(listener, told.clone()));
    let files = Files::new(&[]);
    files.write("exporter.yml", &format!("zabbix: {{server: '{address}'}}\n"));
    let mut exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;

    let mut hopeless = alert("firing", "major", "1080p");
    hopeless["labels"]["channel"] = json!(HOPELESS);
    assert_eq!(tell(&exporter, "/api/zabixtrigger", &[hopeless]).await, 202);
    let both = [alert("firing", "minor", "480p"), alert("firing", "major", "1080p")];
    assert_eq!(tell(&exporter, "/api/zabixtrigger", &both).await, 202);
    let key = "packager.alert[CH_1,RenditionDown]";
    let value = |told: &Told| told.values.get(key).cloned().unwrap_or_default();
    until("the worse of the two is told, once its item is there", &told, |told| value(told) == "3").await;
    assert!(told.lock().unwrap().refused > 0, "it was tried again");
    assert!(!told.lock().unwrap().values.keys().any(|key| key.contains(HOPELESS)), "and that held up nothing else");
    let watchdog = json!({"status": "firing", "fingerprint": "w", "startsAt": "2026-01-31T18:00:00Z",
        "labels": {"alertname": "Watchdog", "severity": "none"}});
    assert_eq!(tell(&exporter, "/api/zabixtrigger", &[watchdog]).await, 202);
    until("the heartbeat is told", &told, |told| told.values.contains_key("packager.alerting.alive")).await;
    assert_eq!(told.lock().unwrap().values["packager.alert.text[CH_1,RenditionDown]"], "1080p is down");

    serving.abort();
    let _ = serving.await;
    let ended = [alert("resolved", "minor", "480p"), alert("resolved", "major", "1080p")];
    assert_eq!(tell(&exporter, "/api/v1/alerts/zabbix", &ended).await, 202, "it waits");
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(serve(listener, told.clone()));
    until("the end is told after Zabbix was away", &told, |told| value(told) == "0").await;
    until_metric(&exporter, "packager_exporter_zabbix_up", 1.0).await;

    serving.abort();
    let _ = serving.await;
    let before = exporter.log().len();
    assert_eq!(tell(&exporter, "/api/zabixtrigger", &[alert("firing", "critical", "1080p")]).await, 202);
    until_metric(&exporter, "packager_exporter_zabbix_up", 0.0).await;
    exporter.until("/-/healthy", |_, _| exporter.log()[before..].contains("retry_in=4s")).await;
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(serve(listener, told.clone()));
    exporter.end("TERM").await;
    assert_eq!(value(&told.lock().unwrap()), "4", "told at the end instead of four seconds later");
}

async fn until_metric(exporter: &Exporter, name: &str, wanted: f64) {
    exporter.until("/metrics", |_, text| crate::exporter::value(text, name) == Some(wanted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_nobody_writes_without_a_token() {
    let files = Files::new(&[]);
    files.write("exporter.yml", "zabbix: {server: 127.0.0.1}\n");
    let exporter = Exporter::spawn(&mut command(files.folder()), &["--web.listen-address", "0.0.0.0:0"]).await;
    assert_eq!(tell(&exporter, "/api/zabixtrigger", &[alert("firing", "major", "1080p")]).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_alertmanager_is_told_so() {
    let files = Files::new(&[]);
    let exporter = Exporter::start(files.folder()).await;
    assert_eq!(tell(&exporter, "/api/zabixtrigger", &[alert("firing", "major", "1080p")]).await, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn zabbix_makes_items_and_problems_of_alerts_by_the_template() {
    let mut zabbix = server::Zabbix::prepare().await;
    let files = Files::new(&[]);
    files.write("exporter.yml", &format!("zabbix: {{server: '{}'}}\n", zabbix.address));
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    let told = async |alert: Value| assert_eq!(tell(&exporter, "/api/zabixtrigger", &[alert]).await, 202);

    told(alert("firing", "major", "1080p")).await;
    zabbix.start();
    zabbix.until("RenditionDown of CH_1 (major)", "CH_1: RenditionDown (major)|1").await;
    assert_eq!(zabbix.value("history_uint", "packager.alert[CH_1,RenditionDown]"), "3");
    zabbix.until("its text", "packager.alert.text[CH_1,RenditionDown]|1080p is down").await;
    told(alert("firing", "critical", "1080p")).await;
    zabbix.until("it got worse", "CH_1: RenditionDown (critical)|1").await;
    assert!(zabbix.problems().contains("CH_1: RenditionDown (major)|0"), "{}", zabbix.problems());

    zabbix.stop();
    told(alert("resolved", "critical", "1080p")).await;
    told(json!({"status": "firing", "fingerprint": "w", "startsAt": "2026-01-31T18:00:00Z",
        "labels": {"alertname": "Watchdog", "severity": "none"}}))
    .await;
    zabbix.start();
    zabbix.until("its end, after Zabbix was away", "CH_1: RenditionDown (critical)|0").await;
    zabbix.until("the heartbeat", "packager.alerting.alive|1").await;
}
