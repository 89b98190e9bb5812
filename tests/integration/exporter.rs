//! The exporter's program in a separate process, with its configuration files, for integration tests.

use packager_testbed::harness::{TEMPLATES, with_patience};
use packager_testbed::origin::{Clock, Origin};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_packager_exporter");
/// Time limit of a wait. No wait of these tests takes as long, even on a machine that is ten times slower than an idle
/// one, so only a test that hangs reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Starts a live origin with this machine's clock.
pub(crate) async fn live_origin() -> Origin {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Origin::start(listener, Clock::system())
}

/// Makes a command for the program in `folder` with an empty environment.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// Runs the program to its end, and returns exit code, standard output and standard error.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    exit_and_output(&command(folder).args(arguments).output().unwrap())
}

/// Returns exit code, standard output and standard error of a program that has ended.
pub(crate) fn exit_and_output(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A temporary folder with `config/`, where the program looks for its configuration.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    /// Writes configuration files with these channels: code, URL and template of each.
    pub(crate) fn new(channels: &[(&str, String, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        let files = Self { folder };
        files.write("exporter.yml", "");
        files.write("templates.yml", &with_patience(TEMPLATES));
        files.write("channels.yml", &catalogue(channels));
        files
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join("config").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}

/// Returns the text of a channels.yml with these channels: code, URL and template of each.
pub(crate) fn catalogue(channels: &[(&str, String, &str)]) -> String {
    let mut text = String::from("defaults: {channel_type: LIVE, tier: 1}\nchannels:\n");
    for (code, url, template) in channels {
        let _ = writeln!(text, "  {code}: {{input_url: '{url}', template: {template}}}");
    }
    text
}

/// A running `packager_exporter serve` on a free port; it is killed when this value is dropped.
pub(crate) struct Exporter {
    /// Address of the web server, such as `127.0.0.1:40123`.
    pub address: String,
    pub child: Child,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
}

impl Exporter {
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::spawn(&mut command(folder), &[]).await
    }

    /// Starts `command`, which has folder and environment of the program, on a free port.
    pub(crate) async fn spawn(command: &mut Command, arguments: &[&str]) -> Self {
        Self::spawn_at("127.0.0.1:0", command, arguments).await
    }

    /// Starts `command`, which has folder and environment of the program, at this address.
    pub(crate) async fn spawn_at(address: &str, command: &mut Command, arguments: &[&str]) -> Self {
        command.args(["serve", "--web.listen-address", address]).args(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = collect_lines(BufReader::new(child.stderr.take().unwrap()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut exporter = Self { address: String::new(), child, log, client };
        exporter.address = exporter.listening().await;
        exporter
    }

    async fn listening(&mut self) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            let address = log.split_once("msg=listening address=").and_then(|(_, rest)| rest.split_whitespace().next());
            if let Some(address) = address {
                return address.to_owned();
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "the exporter doesn't listen ({ended:?}): {log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the program's log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Returns status and text of the answer to `GET path`.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.send(self.client.get(self.url(path))).await
    }

    /// Returns status and text of the answer to `GET path` with the header of a Prometheus scrape with this timeout.
    pub(crate) async fn scrape(&self, path: &str, timeout: Duration) -> (u16, String) {
        let request = self.client.get(self.url(path));
        self.send(request.header("X-Prometheus-Scrape-Timeout-Seconds", timeout.as_secs_f64().to_string())).await
    }

    pub(crate) async fn post(&self, path: &str) -> (u16, String) {
        self.send(self.client.post(self.url(path))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests `path` until `wanted` accepts status and text of the answer, and returns the text.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(u16, &str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let (status, text) = self.get(path).await;
            if wanted(status, &text) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "{path} still answers {status}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends the signal with this name, such as `HUP`, to the program.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal that ends the program, and returns its exit status.
    pub(crate) async fn end(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "still running: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Collects the output of a program in a thread, because a full pipe that nobody reads would stop the program.
pub(crate) fn collect_lines(lines: impl BufRead + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let to = text.clone();
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            let mut text = to.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    text
}

/// Returns the value of a series without labels in an exposition; `None` without it.
pub(crate) fn value(exposition: &str, name: &str) -> Option<f64> {
    let line = exposition.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// Returns the ids of the checks that failed according to an exposition, sorted.
pub(crate) fn failed(exposition: &str) -> Vec<&str> {
    let held = exposition.lines().filter_map(|line| line.strip_prefix("packager_check_ok{check=\""));
    let failed = held.filter(|rest| rest.ends_with("} 0")).filter_map(|rest| rest.split('"').next());
    let mut failed: Vec<&str> = failed.collect();
    failed.sort_unstable();
    failed
}
