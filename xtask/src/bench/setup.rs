//! Set-up of benchmarks: the origin as a separate process, and probers.

use packager_exporter::config::{ConfigHandle, ConfigPaths};
use packager_exporter::probe::{Clock, ProbeRequest, Prober, ProberParts};
use packager_exporter::report::Report;
use packager_media::units::Timestamp;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A running `live_origin`; it ends when this value is dropped.
pub(super) struct Origin {
    child: Child,
    pub base: String,
    _output: BufReader<ChildStdout>,
}

impl Origin {
    pub(super) fn start() -> Self {
        let program = std::env::current_exe().expect("this program").with_file_name("live_origin");
        let started = Command::new(&program).stdout(Stdio::piped()).spawn();
        let mut child =
            started.unwrap_or_else(|e| panic!("{}: {e}; run `make bench`, which builds it", program.display()));
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its first line");
        let base = line.trim().rsplit(' ').next().expect("its address").to_owned();
        Self { child, base, _output: output }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// Returns the origin's process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Code and URL of a channel of the catalogue.
pub(super) type Channel = (String, String);

/// Template of the benchmarks, with default thresholds. A probe fetches the newest segment and one byte of the oldest,
/// as [`super::plain_download`] does.
const TEMPLATES: &str = "
T:
  timeout: 60s
  segments: {mode: newest, count: 1, oldest: true}
  hold: 60s
  ladder: {minimum_video: 1}
";

/// A prober with the folder that holds its configuration.
pub(super) struct ProbeSetup {
    pub prober: Prober,
    _folder: TempDir,
}

/// Writes configuration files with a catalogue of `channels` to `folder`.
pub(super) fn configure(folder: &Path, channels: &[Channel], exporter: &str) {
    let mut catalogue = String::from("channels:\n");
    for (code, url) in channels {
        let _ = writeln!(
            catalogue,
            "  - {{channel_code: {code}, input_url: '{url}', template: T, resolution: 1920x1080, fps: 25, channel_type: LIVE}}"
        );
    }
    for (name, text) in [("channels.yml", catalogue.as_str()), ("templates.yml", TEMPLATES), ("exporter.yml", exporter)]
    {
        std::fs::write(folder.join(name), text).expect("a file");
    }
}

impl ProbeSetup {
    pub(super) fn new(channels: &[Channel], exporter: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        configure(folder.path(), channels, exporter);
        let source = ConfigPaths { file: Some(folder.path().join("exporter.yml")), ..ConfigPaths::default() };
        let live = ConfigHandle::start(source, Timestamp::now()).unwrap_or_else(|e| panic!("{e}"));
        let prober = Prober::new(ProberParts::new(Arc::new(live), Clock::System)).expect("a client");
        Self { prober, _folder: folder }
    }

    pub(super) async fn probe(&self, code: &str, timeout: Duration) -> Arc<Report> {
        let ask = ProbeRequest { target: code.to_owned(), template: None, output: None };
        self.prober.probe(ask, timeout).await.expect("a known channel").report
    }
}

/// Returns many channels with the same URL: none is in the history, so that a probe skips nothing.
pub(super) fn unseen_channels(url: &str, count: usize) -> Vec<Channel> {
    (0..count).map(|n| (format!("CH{n}"), url.to_owned())).collect()
}

/// Runs this program again for one measurement, and returns the last line that it prints.
pub(super) fn run_in_child(arguments: &[&str]) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg("bench").args(arguments).stderr(Stdio::inherit()).output().expect("it runs");
    assert!(output.status.success(), "the case {arguments:?} ended with {}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
}
