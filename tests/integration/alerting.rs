//! From a fault to a message: live origin, exporter, Prometheus, Alertmanager and mail, all real and all as shipped but for
//! addresses and times. Every time is a fifth of the shipped one, the scrape interval too.

use crate::exporter::{Exporter, Files, PATIENCE, follow, live_origin};
use crate::harness::origin::Origin;
use crate::prometheus::{Prometheus, free_port, shipped};
use serde_json::Value;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

const FASTER: u64 = 5;
/// ChannelDown's `for` and two scrapes, in seconds; then what the way to Alertmanager may take on a busy machine.
const WITHIN: f64 = (20.0 + 2.0 * 15.0) / FASTER as f64 + 5.0;
/// Routes: labels, and who is told.
const ROUTES: [(&[&str], &str); 9] = [
    (&["alertname=Watchdog", "severity=none"], "dead-mans-switch"),
    (&["alertname=ChannelDown", "severity=critical", "tier=1", "channel=A"], "alert-database,zabbix,page"),
    (&["alertname=ChannelDown", "severity=critical", "tier=2", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=PackagerDown", "severity=critical", "packager=p"], "alert-database,zabbix,page"),
    (&["alertname=ExporterDown", "severity=critical", "instance=e"], "alert-database,zabbix,page"),
    (&["alertname=ChannelNotProbed", "severity=major", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=RenditionDown", "severity=major", "tier=1", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=ChannelDefect", "severity=minor", "tier=1", "channel=A"], "alert-database,slack-quiet"),
    (&["alertname=ChannelAdvisory", "severity=warning", "tier=1", "channel=A"], "alert-database,e-mail"),
];

#[test]
fn amtool_accepts_the_shipped_configuration_and_routes_each_kind_of_alert() {
    let file = shipped().join("alertmanager.yml");
    let amtool = |arguments: &[&str]| {
        let output = Command::new("amtool").args(arguments).output();
        let output = output.expect("amtool (Debian: apt-get install prometheus-alertmanager) must be in PATH");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    };
    amtool(&["check-config", file.to_str().unwrap()]);
    for (labels, told) in ROUTES {
        let told = format!("--verify.receivers={told}");
        let begin = ["config", "routes", "test", "--config.file", file.to_str().unwrap(), &told];
        amtool(&[&begin[..], labels].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_becomes_one_message_and_its_end_another() {
    let (origin, other) = (live_origin().await, live_origin().await);
    let lot = Lot::start(&origin, &other).await;
    // No fault: everything was probed and judged for some time, and nobody was told of anything.
    lot.prometheus.until("count(count_over_time(probe_success[5m]) >= 5)", 11.0, PATIENCE).await;
    let healthy = lot.prometheus.query("ALERTS{alertname!=\"Watchdog\", alertstate=\"firing\"}").await;
    assert!(healthy.is_empty() && lot.told("", "").is_empty(), "{healthy:#?} {:#?}", lot.told("", ""));

    one_channel(&lot, &origin).await;
    one_packager(&lot, other).await;
}

async fn one_channel(lot: &Lot, origin: &Origin) {
    assert!(origin.switch("TV1", Some("master_404")));
    let began = Instant::now();
    lot.alerts("alertname=\"ChannelDown\"", "active", 1).await;
    let took = began.elapsed().as_secs_f64();
    assert!(took <= WITHIN, "ChannelDown reached Alertmanager after {took:.1} s, allowed are {WITHIN} s");
    let message = lot.message("FIRING", "ChannelDown LONE").await;
    for part in ["LONE is down", "manifest_available (hls)", "/runbooks/ChannelDown.md"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let mail = lot.mail("ChannelDown LONE").await;
    assert!(mail.contains("LONE is down") && mail.contains("What to do: https://"), "{mail}");

    assert!(origin.switch("TV1", None));
    let over = lot.message("RESOLVED", "ChannelDown LONE").await;
    assert!(over.contains("over since"), "{over}");
    assert_eq!(lot.told("FIRING", "").len(), 1, "{:#?}", lot.told("", ""));
}

async fn one_packager(lot: &Lot, other: Origin) {
    drop(other);
    lot.alerts("alertname=\"PackagerDown\"", "active", 1).await;
    lot.alerts("alertname=\"ChannelDown\"", "suppressed", 10).await;
    let message = lot.message("FIRING", "PackagerDown packager-02").await;
    assert!(message.contains("100% of the channels") && message.contains("TEN_7"), "{message}");
    let told = lot.told("FIRING", "");
    assert_eq!(told.len(), 2, "LONE and then one page for ten channels: {told:#?}");
}

/// All that runs, and what was received.
struct Lot {
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    posts: Received,
    mails: Received,
    _exporter: Exporter,
    _files: Files,
}

type Received = Arc<Mutex<Vec<String>>>;

impl Lot {
    async fn start(origin: &Origin, other: &Origin) -> Self {
        let ten: Vec<String> = (0..10).map(|n| format!("TEN_{n}")).collect();
        let mut channels = vec![("LONE", origin.url("live/TV1/master.m3u8"), "T2")];
        channels.extend(ten.iter().map(|code| (code.as_str(), other.url("live/TV2/master.m3u8"), "T2")));
        let files = Files::new(&channels);
        let exporter = Exporter::start(files.folder()).await;
        let (web, posts) = webhook().await;
        let (smtp, mails) = mail_server().await;
        let alertmanager = Alertmanager::start(&web, &smtp).await;
        let address = format!("127.0.0.1:{}", free_port());
        let text = std::fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
        let text = text.replace("127.0.0.1:10115", &exporter.address).replace("127.0.0.1:9093", &alertmanager.address);
        let text = faster(&text.replace("127.0.0.1:9090", &address).replace("../rules/", "rules/"));
        let group = |codes: &str, packager: &str| {
            format!("- {{targets: [{codes}], labels: {{tier: '1', packager: {packager}}}}}\n")
        };
        let targets = group("LONE", "packager-01") + &group(&ten.join(", "), "packager-02");
        let prometheus = Prometheus::listening(&address, &text, &targets, &rules()).await;
        Self { prometheus, alertmanager, posts, mails, _exporter: exporter, _files: files }
    }

    /// Waits until so many alerts are in this state in Alertmanager.
    async fn alerts(&self, filter: &str, state: &str, count: usize) {
        let url = url::Url::parse_with_params(
            &format!("http://{}/api/v2/alerts", self.alertmanager.address),
            [("filter", filter)],
        );
        let url = url.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        until(|| async {
            let text = client.get(url.clone()).send().await.unwrap().text().await.unwrap();
            let alerts: Value = serde_json::from_str(&text).unwrap();
            let found = alerts.as_array().unwrap().iter().filter(|alert| alert["status"]["state"] == state).count();
            if found == count { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// Titles of what Slack was sent, of one status and about one thing.
    fn told(&self, status: &str, about: &str) -> Vec<String> {
        let posts = self.posts.lock().unwrap();
        let slack = posts.iter().filter_map(|post| post.strip_prefix("/slack ").map(str::to_owned));
        slack.filter(|body| body.contains(&format!("[{status}")) && body.contains(about)).collect()
    }

    async fn message(&self, status: &str, about: &str) -> String {
        until(|| async { self.told(status, about).first().cloned().ok_or_else(|| format!("{:?}", self.posts)) }).await
    }

    async fn mail(&self, about: &str) -> String {
        until(|| async {
            let mails = self.mails.lock().unwrap();
            mails.iter().find(|mail| mail.contains(about)).cloned().ok_or_else(|| format!("{mails:?}"))
        })
        .await
    }
}

async fn until<T, F: Future<Output = Result<T, String>>>(ask: impl Fn() -> F) -> T {
    let began = Instant::now();
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(instead) => assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {instead}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The shipped Alertmanager on the shipped configuration; it is killed when this is dropped.
struct Alertmanager {
    address: String,
    child: Child,
    _folder: TempDir,
}

impl Alertmanager {
    async fn start(web: &str, smtp: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(shipped().join("alertmanager.yml")).unwrap();
        let text = text
            .replace(
                "slack_api_url_file: /etc/alertmanager/slack_webhook_url",
                &format!("slack_api_url: http://{web}/slack"),
            )
            .replace("smtp_smarthost: mail.example:25", &format!("smtp_smarthost: {smtp}\n  smtp_require_tls: false"))
            .replace("127.0.0.1:10115", web)
            .replace("dead-mans-switch.example", web)
            .replace("alertmanager/*.tmpl", &shipped().join("alertmanager/*.tmpl").display().to_string());
        std::fs::write(folder.path().join("alertmanager.yml"), faster(&text)).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let program = if Path::new("/usr/bin/prometheus-alertmanager").exists() {
            "prometheus-alertmanager"
        } else {
            "alertmanager"
        };
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", folder.path().join("alertmanager.yml").display()));
        command.arg(format!("--storage.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("alertmanager (Debian: apt-get install prometheus-alertmanager) must be in PATH");
        let said = follow(BufReader::new(child.stderr.take().unwrap()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let alertmanager = Self { address, child, _folder: folder };
        let url = format!("http://{}/-/ready", alertmanager.address);
        until(|| async {
            let ready = client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success());
            ready.then_some(()).ok_or_else(|| said.lock().unwrap().clone())
        })
        .await;
        alertmanager
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every length of time a fifth of what it is, but where a message is repeated.
pub fn faster(text: &str) -> String {
    let shorter = |line: &str| {
        let times = [
            "for:",
            "keep_firing_for:",
            "interval:",
            "scrape_interval:",
            "evaluation_interval:",
            "scrape_timeout:",
            "group_wait:",
            "group_interval:",
        ];
        let (key, value) = line.trim().split_once(' ')?;
        let unit = value.chars().last().filter(|_| times.contains(&key))?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            _ => return None,
        };
        let milliseconds = value.trim_end_matches(unit).parse::<u64>().ok()? * seconds * 1000 / FASTER;
        Some(line.replace(value, &format!("{milliseconds}ms")))
    };
    text.lines().map(|line| shorter(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

pub fn rules() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(shipped().join("../rules")).unwrap().map(|entry| entry.unwrap());
    let rules = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".rules.yml"));
    rules
        .map(|e| (e.file_name().to_string_lossy().into_owned(), faster(&std::fs::read_to_string(e.path()).unwrap())))
        .collect()
}

/// Answers every POST with 200 and keeps it as `PATH BODY`.
async fn webhook() -> (String, Received) {
    let received = Received::default();
    let kept = received.clone();
    let keep = move |uri: axum::http::Uri, body: String| {
        kept.lock().unwrap().push(format!("{} {body}", uri.path()));
        async { "ok" }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(keep)).await });
    (address, received)
}

/// Takes every mail (RFC 5321, no extension) and keeps its text.
async fn mail_server() -> (String, Received) {
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(mail(stream, kept.clone()));
        }
    });
    (address, received)
}

async fn mail(stream: TcpStream, kept: Received) -> std::io::Result<()> {
    let mut stream = BufStream::new(stream);
    let (mut text, mut data) = (String::new(), false);
    let mut answer = "220 here\r\n";
    loop {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        answer = match (data, line.as_str(), word.as_str()) {
            (true, ".\r\n", _) => {
                data = false;
                kept.lock().unwrap().push(std::mem::take(&mut text));
                "250 kept\r\n"
            }
            (true, ..) => {
                text.push_str(&line);
                ""
            }
            (false, _, "DATA") => {
                data = true;
                "354 go on\r\n"
            }
            (false, _, "QUIT") => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
    }
}
