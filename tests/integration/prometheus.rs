//! Tests of Prometheus with the shipped scrape configuration.

use crate::exporter::{Exporter, Files, PATIENCE, collect_lines, command, live_origin};
use packager_testbed::origin::Origin;
use packager_testbed::pace;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use url::Url;

/// Code, path on the origin and template of each clean channel.
const CLEAN: [(&str, &str, &str); 8] = [
    ("CLEAN_TV1", "live/TV1/master.m3u8", "T2"),
    ("CLEAN_TV2", "live/TV2/master.m3u8", "T2"),
    ("CLEAN_HD1", "live/HD1/master.m3u8", "T6"),
    ("CLEAN_HD2", "live/HD2/master.m3u8", "T6"),
    ("CLEAN_CM1", "live/CM1/master.m3u8", "T2"),
    ("CLEAN_CH1", "live/CH1/master.m3u8", "T6"),
    ("CLEAN_DI1", "live/DI1/master.m3u8", "T2"),
    ("CLEAN_TOKEN", "token/TV3/master.m3u8", "T2"),
];
/// Code and fault of each faulty channel; the first fault breaks playback.
const FAULTY: [(&str, &str); 2] =
    [("FAULTY_CONTAINER", "container_invalid"), ("FAULTY_COUNTERS", "ts_continuity_error")];

pub(crate) fn shipped() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
}

#[test]
fn promtool_accepts_the_shipped_configuration() {
    for file in ["prometheus.yml", "prometheus.sharded.yml"] {
        let output = Command::new("promtool").args(["check", "config"]).arg(shipped().join(file)).output();
        let output = output.expect("promtool (of Prometheus; Debian: apt-get install prometheus) must be in PATH");
        let report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            output.status.success() && report.contains("SUCCESS") && !report.contains("WARNING"),
            "{file}: {report}"
        );
        assert!(report.contains("7 rule files found"), "{file}: {report}");
    }
}

/// All channels of a packager have to be in one shard, because PackagerDown would see only a part of them otherwise.
#[test]
fn two_shards_part_the_channels_by_packager() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(shipped().join("prometheus.sharded.yml")).unwrap();
    assert_eq!(text.matches("regex: '0' ").count(), 1);
    std::fs::create_dir(folder.path().join("channels")).unwrap();
    let group = |n: usize| format!("- {{targets: [P{n}_A, P{n}_B], labels: {{packager: packager-{n:02}}}}}\n");
    std::fs::write(folder.path().join("channels/all.yml"), (0..20).map(group).collect::<String>()).unwrap();
    let shard = |number: usize| -> BTreeSet<String> {
        let file = folder.path().join(format!("{number}.yml"));
        std::fs::write(&file, text.replace("regex: '0' ", &format!("regex: '{number}' "))).unwrap();
        let mut promtool = Command::new("promtool");
        promtool
            .current_dir(folder.path())
            .args(["check", "service-discovery", "--timeout=2s"])
            .arg(file)
            .arg("packager_channels");
        let output = promtool.output().unwrap().stdout;
        let found: Vec<Value> = serde_json::from_slice(&output).unwrap();
        found.iter().filter_map(|target| target["labels"]["channel"].as_str()).map(str::to_owned).collect()
    };
    let (first, second) = (shard(0), shard(1));
    assert!(first.is_disjoint(&second) && first.len() + second.len() == 40, "{first:?} {second:?}");
    assert!(first.len() > 8 && second.len() > 8, "{first:?} {second:?}");
    for one in first.iter().filter(|one| one.ends_with("_A")) {
        assert!(first.contains(&one.replace("_A", "_B")), "{one} is apart from the rest of its packager");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_ten_channels_for_two_minutes() {
    let origin = live_origin().await;
    let files = Files::new(&channels(&origin));
    let exporter = Exporter::start(files.folder()).await;
    let prometheus = Prometheus::start(&configuration(&exporter.address)).await;

    // Eight scrapes, 15 s apart.
    prometheus
        .until("count(count_over_time(up{job=~\"packager_.+\"}[5m]) >= 8)", 11.0, Duration::from_secs(105) + PATIENCE)
        .await;

    assert_eq!(
        prometheus.one("count(min_over_time(up{job=~\"packager_.+\"}[2m]) == 1)").await,
        Some(11.0),
        "every scrape of every target"
    );
    assert_eq!(prometheus.one("max(max_over_time(packager_series_dropped[5m]))").await, Some(0.0));
    verdicts(&prometheus).await;
    labels(&prometheus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_over_tls_with_its_password_and_not_without() {
    let files = Files::new(&[]);
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    files.write("cert.pem", &certificate.cert.pem());
    files.write("key.pem", &certificate.signing_key.serialize_pem());
    let hash = bcrypt::hash("pass-word", 4).unwrap();
    let users = format!("basic_auth_users: {{prometheus: '{hash}'}}\n");
    files.write("web.yml", &format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\n{users}"));
    let web = files.path("web.yml");
    let exporter = Exporter::spawn(&mut command(files.folder()), &["--web.config.file", web.to_str().unwrap()]).await;

    let (address, ca) = (&exporter.address, files.path("cert.pem"));
    let job = |name: &str, password: &str| {
        let tls = format!("scheme: https, tls_config: {{ca_file: '{}'}}", ca.display());
        let user = format!("basic_auth: {{username: prometheus, password: {password}}}");
        format!("  - {{job_name: {name}, {tls}, {user}, static_configs: [{{targets: ['{address}']}}]}}\n")
    };
    let jobs = job("known", "pass-word") + &job("intruder", "guess");
    let text = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}");
    let prometheus = Prometheus::start(&text).await;

    prometheus.until("count(up)", 2.0, PATIENCE).await;
    prometheus.until("up{job=\"known\"}", 1.0, PATIENCE).await;
    assert_eq!(prometheus.one("max_over_time(up{job=\"intruder\"}[1m])").await, Some(0.0));
    let build = prometheus.query("packager_exporter_build_info").await;
    assert!(build.len() == 1 && build[0].labels["job"] == "known", "{build:?}");
}

/// Asserts that clean channels never failed, and that each faulty channel failed by the check for its fault.
async fn verdicts(prometheus: &Prometheus) {
    let codes =
        |samples: Vec<Sample>| samples.into_iter().map(|s| s.labels["channel"].clone()).collect::<BTreeSet<_>>();
    let clean: BTreeSet<String> = CLEAN.iter().map(|(code, ..)| (*code).to_owned()).collect();
    let always = codes(prometheus.query("min_over_time(probe_success[5m]) == 1").await);
    assert_eq!(always.intersection(&clean).count(), CLEAN.len(), "{always:?}");
    let mut false_alarms = prometheus.query("min_over_time(packager_check_ok{channel=~\"CLEAN.*\"}[5m]) == 0").await;
    let slowdown = tokio::task::block_in_place(pace::slowdown);
    if slowdown > 2.0 {
        // The origin and the exporter share the processors: on a busy machine this check may rightly fail.
        println!("this machine works {slowdown:.1} times slower than an idle one: segment_download_slow is not judged");
        false_alarms.retain(|sample| sample.labels["check"] != "segment_download_slow");
    }
    assert!(false_alarms.is_empty(), "{false_alarms:#?}");

    let broken = prometheus.query("max_over_time(probe_success[5m]) == 0").await;
    assert_eq!(codes(broken), BTreeSet::from(["FAULTY_CONTAINER".to_owned()]));
    let failed = prometheus.query("packager_check_ok{channel=~\"FAULTY.*\"} == 0").await;
    for (code, check) in [("FAULTY_CONTAINER", "container_invalid"), ("FAULTY_COUNTERS", "ts_continuity_error")] {
        assert!(failed.iter().any(|s| s.labels["channel"] == code && s.labels["check"] == check), "{failed:#?}");
    }
}

/// Asserts that every series of a channel has the label `channel`, and that no label was renamed.
async fn labels(prometheus: &Prometheus) {
    for name in ["probe_success", "packager_check_ok", "packager_rendition_info", "packager_segment_size_bytes"] {
        let channels = prometheus.one(&format!("count(count by (channel) ({name}))")).await;
        assert_eq!(channels, Some(10.0), "{name}");
    }
    let series = prometheus.series("{__name__=~\".+\", channel=\"\", job=\"packager_channels\"}").await;
    assert!(series.is_empty(), "no channel: {series:#?}");
    let series = prometheus.series("{job=\"packager_channels\"}").await;
    let renamed: Vec<_> = series.iter().filter(|s| s.keys().any(|label| label.starts_with("exported_"))).collect();
    assert!(renamed.is_empty(), "{renamed:#?}");
    let labelled = series.iter().all(|s| s["tier"] == "1" && s["packager"] == "packager-01.internal");
    assert!(labelled, "labels of channels/*.yml are on every series");
}

fn channels(origin: &Origin) -> Vec<(&'static str, String, &'static str)> {
    let clean = CLEAN.map(|(code, path, template)| (code, origin.url(path), template));
    let faulty = FAULTY.map(|(code, fault)| (code, origin.url(&format!("fault/{fault}/TV1/master.m3u8")), "T2"));
    clean.into_iter().chain(faulty).collect()
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A running Prometheus server; it is killed when this value is dropped.
pub(crate) struct Prometheus {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts Prometheus with this configuration and the ten channels in `channels/`.
    async fn start(configuration: &str) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        Self::listening(&address, configuration, &ten_channels(), &[]).await
    }

    /// Starts Prometheus at `address`. `channels` is the text of a targets file, `rules` are names and texts of rule
    /// files.
    pub(crate) async fn listening(
        address: &str,
        configuration: &str,
        channels: &str,
        rules: &[(String, String)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        std::fs::create_dir(folder.path().join("channels")).unwrap();
        std::fs::write(folder.path().join("channels/demo.yml"), channels).unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        for (name, text) in rules {
            std::fs::write(folder.path().join("rules").join(name), text).unwrap();
        }
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("prometheus (Debian: apt-get install prometheus) must be in PATH");
        let log = collect_lines(BufReader::new(child.stderr.take().unwrap()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut prometheus = Self { child, address: address.to_owned(), log, client, _folder: folder };
        prometheus.ready().await;
        prometheus
    }

    async fn ready(&mut self) {
        let began = Instant::now();
        let url = format!("http://{}/-/ready", self.address);
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            let ended = self.child.try_wait().unwrap();
            let waits = ended.is_none() && began.elapsed() < PATIENCE;
            assert!(waits, "Prometheus doesn't get ready ({ended:?}): {}", self.log.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn ask(&self, path: &str, name: &str, value: &str) -> Value {
        let url = Url::parse_with_params(&format!("http://{}/api/v1/{path}", self.address), [(name, value)]).unwrap();
        let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{value}: {text}");
        answer["data"].clone()
    }

    pub(crate) async fn query(&self, expression: &str) -> Vec<Sample> {
        let data = self.ask("query", "query", expression).await;
        let result = data["result"].as_array().unwrap().iter();
        let sample = |found: &Value| Sample {
            labels: serde_json::from_value(found["metric"].clone()).unwrap(),
            value: found["value"][1].as_str().unwrap().parse().unwrap(),
        };
        result.map(sample).collect()
    }

    pub(crate) async fn one(&self, expression: &str) -> Option<f64> {
        self.query(expression).await.first().map(|sample| sample.value)
    }

    async fn series(&self, selector: &str) -> Vec<BTreeMap<String, String>> {
        serde_json::from_value(self.ask("series", "match[]", selector).await).unwrap()
    }

    /// Repeats a query until its first sample has the value `wanted`.
    pub(crate) async fn until(&self, expression: &str, wanted: f64, within: Duration) {
        let began = Instant::now();
        loop {
            let found = self.one(expression).await;
            if found == Some(wanted) {
                return;
            }
            assert!(began.elapsed() < within, "{expression} is {found:?} after {within:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the shipped configuration with this exporter's address.
fn configuration(exporter: &str) -> String {
    let text = std::fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
    // Channels, the exporter itself, and discovery in a comment.
    assert_eq!(text.matches("127.0.0.1:10115").count(), 3);
    text.replace("127.0.0.1:10115", exporter)
}

/// Returns the shipped example of a targets file with the codes of these channels.
fn ten_channels() -> String {
    let codes: Vec<&str> = CLEAN.iter().map(|(code, ..)| *code).chain(FAULTY.iter().map(|(code, _)| *code)).collect();
    let example = std::fs::read_to_string(shipped().join("channels/example.yml")).unwrap();
    assert!(example.contains("CH_TV_HD_001"));
    example.replace("CH_TV_HD_001", &codes.join(", "))
}

/// Returns a port below the range from which the system takes free ports, and never the same one twice.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 5_000) as u16;
    let mut ports = std::iter::from_fn(|| Some(first + NEXT.fetch_add(1, Ordering::Relaxed))).take(1_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
