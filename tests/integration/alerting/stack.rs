//! Every program between a fault and a person: origins, database, exporter, Prometheus, Alertmanager and the receivers.

use super::faster::{faster, rules};
use super::receivers::{Received, mail_server, webhook};
use super::{RECEIVERS, alertmanager_with};
use crate::exporter::{Exporter, Files, collect_lines, command};
use crate::prometheus::{Prometheus, free_port, shipped};
use crate::zabbix::Trapper;
use packager_testbed::origin::{Clock, Origin};
use packager_testbed::postgres::Postgres;
use serde_json::Value;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Time limit of a wait. No wait of these tests takes as long, even on a machine that is ten times slower than an idle
/// one, so only a failing test reaches it.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct AlertingStack {
    pub prometheus: Prometheus,
    pub alertmanager: Alertmanager,
    pub postgres: Postgres,
    /// The running exporter; `None` while it is killed.
    pub exporter: Option<Exporter>,
    pub zabbix: Trapper,
    address: String,
    posts: Received,
    mails: Received,
    client: reqwest::Client,
    files: Files,
}

/// URL of Grafana in messages; no test follows it.
const GRAFANA: &str = "http://grafana.example/";

impl AlertingStack {
    /// Starts every program. All intervals of the shipped configuration are divided by `times`, so that the test is
    /// faster. Channels are created through the API, and Prometheus discovers them.
    pub(super) async fn start(times: u64) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (postgres, files) = (Postgres::start(), Files::new(&[]));
        let (zabbix, (web, posts), (smtp, mails)) = (Trapper::start().await, webhook().await, mail_server().await);
        files.write("exporter.yml", &format!("zabbix: {{server: '{}'}}\n", zabbix.address));
        let address = format!("127.0.0.1:{}", free_port());
        let alertmanager = Alertmanager::start(&web, &smtp, &address, times).await;
        let exporter = exporter(&files, &postgres, &address, &alertmanager.address).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let prometheus = prometheus(&address, &alertmanager.address, times).await;
        let exporter = Some(exporter);
        let stack = Self { prometheus, alertmanager, postgres, exporter, zabbix, address, posts, mails, client, files };
        stack
            .until("the database is followed", async || {
                let health = stack.api("GET", "/health", &Value::Null).await;
                if health["status"] == "healthy" { Ok(()) } else { Err(health.to_string()) }
            })
            .await;
        stack
    }

    /// Creates a template or a channel through the API and returns the answer.
    pub(super) async fn create(&self, path: &str, body: &Value) -> Value {
        let made = self.api("POST", path, body).await;
        assert!(made["status"] == "ok", "{body}: {made}");
        made
    }

    /// Sends a request to the API and returns the answer as JSON, whatever its status, or its text if it isn't JSON.
    pub(super) async fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = self.client.request(method.parse().unwrap(), format!("http://{}/api/v1{path}", self.address));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let text = match request.send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// Requests the link of a message and returns the text of the answer.
    pub(super) async fn follow_link(&self, url: &str) -> String {
        let answer = self.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        answer.text().await.unwrap()
    }

    /// Kills the exporter in the way in which the kernel does when memory runs out.
    pub(super) fn kill_exporter(&mut self) {
        self.exporter = None;
    }

    pub(super) async fn start_exporter(&mut self) {
        self.exporter = Some(exporter(&self.files, &self.postgres, &self.address, &self.alertmanager.address).await);
    }

    /// Waits until Alertmanager has `count` alerts in this state that match the filter, and returns them.
    pub(super) async fn wait_for_alerts(&self, filter: &str, state: &str, count: usize) -> Vec<Value> {
        let url = url::Url::parse_with_params(
            &format!("http://{}/api/v2/alerts", self.alertmanager.address),
            [("filter", filter)],
        );
        let url = url.unwrap();
        self.until(&format!("{count} {state} in Alertmanager: {filter}"), async || {
            let text = self.client.get(url.clone()).send().await.unwrap().text().await.unwrap();
            let alerts: Value = serde_json::from_str(&text).unwrap();
            let alerts = alerts.as_array().unwrap().iter().filter(|alert| alert["status"]["state"] == state);
            let found: Vec<Value> = alerts.cloned().collect();
            if found.len() == count { Ok(found) } else { Err(text) }
        })
        .await
    }

    /// Waits until the newest alert with this name and channel in the database has this status, and returns its row.
    pub(super) async fn wait_for_row(&self, alert: &str, channel: Option<&str>, status: &str) -> Value {
        self.until(&format!("{alert} of {channel:?} is {status} in the database"), async || {
            let all = self.api("GET", "/alerts", &Value::Null).await;
            let mut rows = all["alerts"].as_array().into_iter().flatten();
            let row = rows.find(|row| row["alertname"] == alert && row["channel"].as_str() == channel);
            row.filter(|row| row["status"] == status).cloned().ok_or_else(|| all.to_string())
        })
        .await
    }

    /// Waits until the Zabbix item of a channel's alert has had exactly these values, one after the other.
    pub(super) async fn wait_for_zabbix(&self, channel: &str, alert: &str, values: &[&str]) {
        let key = format!("packager.alert[{channel},{alert}]");
        self.until(&format!("{key} has been {values:?} in Zabbix"), async || {
            if self.zabbix.values(&key) == values { Ok(()) } else { Err(format!("{:?}", self.zabbix)) }
        })
        .await;
    }

    /// Returns the Slack messages of one status that contain `about`: channel, title, link and text of each, one per
    /// line.
    pub(super) fn slack_messages(&self, status: &str, about: &str) -> Vec<String> {
        let posts = self.posts.lock().unwrap();
        let message = |post: &String| {
            let body: Value = serde_json::from_str(post.strip_prefix("/slack ")?).unwrap();
            let part = |name: &str| body["attachments"][0][name].as_str().unwrap_or_default().to_owned();
            let channel = body["channel"].as_str().unwrap_or_default();
            Some(format!("{channel}\n{}\n{}\n{}", part("title"), part("title_link"), part("text")))
        };
        let texts = posts.iter().filter_map(message);
        texts.filter(|text| text.contains(&format!("\n[{status}")) && text.contains(about)).collect()
    }

    pub(super) async fn wait_for_slack(&self, status: &str, about: &str) -> String {
        self.until(&format!("Slack has {status} {about}"), async || {
            self.slack_messages(status, about)
                .first()
                .cloned()
                .ok_or_else(|| format!("{:#?}", self.slack_messages("", "")))
        })
        .await
    }

    /// Returns the mails that contain `about`, with the lines joined again that quoted-printable encoding (RFC 2045
    /// 6.7) wrapped.
    pub(super) fn mails_about(&self, about: &str) -> Vec<String> {
        let mails = self.mails.lock().unwrap();
        let plain = |mail: &String| mail.replace("=\r\n", "").replace("=3D", "=").replace("\r\n", "\n");
        mails.iter().map(plain).filter(|mail| mail.contains(about)).collect()
    }

    pub(super) async fn wait_for_mail(&self, about: &str) -> String {
        self.until(&format!("a mail says {about}"), async || {
            self.mails_about(about).first().cloned().ok_or_else(|| format!("{:#?}", self.mails_about("")))
        })
        .await
    }

    /// Waits for a mail whose subject has the status (`FIRING`, `RESOLVED`) and is about `about`.
    pub(super) async fn wait_for_mail_about(&self, status: &str, about: &str) {
        let subject =
            |mail: &String| mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned();
        self.until(&format!("a mail says {status} {about}"), async || {
            let mails = self.mails_about(about);
            let is_wanted =
                |mail: &&String| subject(mail).starts_with(&format!("[{status}")) && subject(mail).contains(about);
            mails.iter().find(is_wanted).map(|_| ()).ok_or_else(|| format!("{:#?}", self.mails_about("")))
        })
        .await;
    }

    pub(super) async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Result<T, String>) -> T {
        let log = || self.exporter.as_ref().map(Exporter::log);
        wait(ask).await.unwrap_or_else(|instead| panic!("not within {PATIENCE:?}: {what}: {instead}\n{:?}", log()))
    }
}

async fn wait<T>(ask: impl AsyncFn() -> Result<T, String>) -> Result<T, String> {
    let began = Instant::now();
    loop {
        match ask().await {
            Err(_) if began.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(100)).await,
            done => return done,
        }
    }
}

async fn exporter(files: &Files, postgres: &Postgres, address: &str, alertmanager: &str) -> Exporter {
    let mut program = command(files.folder());
    program.env("DATABASE_URL", postgres.url());
    let silences = format!("http://{alertmanager}");
    Exporter::spawn_at(address, &mut program, &["--alertmanager.url", &silences, "--grafana.url", GRAFANA]).await
}

/// Starts Prometheus with the shipped configuration, with HTTP discovery instead of files, as the comment in the
/// configuration says.
async fn prometheus(exporter: &str, alertmanager: &str, times: u64) -> Prometheus {
    let address = format!("127.0.0.1:{}", free_port());
    let text = std::fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
    let files = "    file_sd_configs:\n      - files: [channels/*.yml]\n        refresh_interval: 30s\n";
    assert!(text.contains(files));
    let text = text.replace(files, "").replace("    # http_sd_configs:", "    http_sd_configs:");
    let text = text
        .replace("    #   - url:", "      - url:")
        .replace("    #     refresh_interval:", "        refresh_interval:");
    let text = text.replace("127.0.0.1:10115", exporter).replace("127.0.0.1:9093", alertmanager);
    let text = faster(&text.replace("127.0.0.1:9090", &address).replace("../rules/", "rules/"), times);
    Prometheus::listening(&address, &text, "[]", &rules(times)).await
}

/// A running Alertmanager with the shipped configuration; it is killed when this value is dropped.
pub(super) struct Alertmanager {
    pub address: String,
    child: Child,
    _folder: TempDir,
}

impl Alertmanager {
    async fn start(web: &str, smtp: &str, exporter: &str, times: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = alertmanager_with(&RECEIVERS)
            .replace(
                "slack_api_url_file: /etc/alertmanager/slack_webhook_url",
                &format!("slack_api_url: http://{web}/slack"),
            )
            .replace("smtp_smarthost: mail.example:25", &format!("smtp_smarthost: {smtp}\n  smtp_require_tls: false"))
            .replace("127.0.0.1:10115", exporter)
            .replace("dead-mans-switch.example", web)
            .replace("alertmanager/*.tmpl", &shipped().join("alertmanager/*.tmpl").display().to_string());
        std::fs::write(folder.path().join("alertmanager.yml"), faster(&text, times)).unwrap();
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
        let log = collect_lines(BufReader::new(child.stderr.take().unwrap()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let alertmanager = Self { address, child, _folder: folder };
        let url = format!("http://{}/-/ready", alertmanager.address);
        let ready = async || {
            let ready = client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success());
            ready.then_some(()).ok_or_else(|| log.lock().unwrap().clone())
        };
        wait(ready).await.unwrap();
        alertmanager
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a live origin at this loopback address, which is also the name of its packager.
pub(super) async fn origin(address: &str) -> Origin {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    Origin::start(listener, Clock::system())
}
