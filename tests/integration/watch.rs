//! One channel of a real packager, probed every two seconds.

use crate::exporter::Files;
use packager_exporter::checks::CheckResult;
use packager_exporter::config::{Live, Source};
use packager_exporter::finding::Severity;
use packager_exporter::probe::{Ask, Clock, Prober};
use packager_exporter::report::Report;
use packager_media::units::{Seconds, Timestamp};
use packager_testbed::ffmpeg::SEGMENT;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const TEMPLATES: &str = "
DATED:
  timeout: 10s
  segment_duration_target: 2.0
  segments: {mode: every, count: 10, oldest: true}
  hold: 10s
  ladder: {minimum_video: 3}
  checks:
    hls_program_date_time_wrong: {expected: true}
UNDATED:
  extends: DATED
  checks:
    hls_program_date_time_wrong: {expected: false}
SINGLE:
  extends: DATED
  ladder: {minimum_video: 1}
";
/// Seconds, as the template says.
pub const HOLD: f64 = 10.0;
pub const EVERY: Duration = Duration::from_secs(2);

pub struct Watch {
    prober: Prober,
    ticks: tokio::time::Interval,
    /// The media playlists, where the packager writes them.
    playlists: Vec<PathBuf>,
    /// The last probe found the files themselves older than a live playlist's may be.
    late: bool,
    _files: Files,
}

impl Watch {
    /// A packager that dates its segments.
    pub fn new(url: String, playlists: Vec<PathBuf>) -> Self {
        Self::with(url, playlists, "DATED")
    }

    pub fn undated(url: String, playlists: Vec<PathBuf>) -> Self {
        Self::with(url, playlists, "UNDATED")
    }

    /// One rendition of pictures.
    pub fn single(url: String, playlists: Vec<PathBuf>) -> Self {
        Self::with(url, playlists, "SINGLE")
    }

    fn with(url: String, playlists: Vec<PathBuf>, template: &str) -> Self {
        let files = Files::new(&[("TV", url, template)]);
        files.write("templates.yml", TEMPLATES);
        let source = Source { file: Some(files.path("exporter.yml")), ..Source::default() };
        let live = Live::start(source, Timestamp::now()).unwrap();
        let prober = Prober::new(Arc::new(live), Clock::System).unwrap();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { prober, ticks, playlists, late: false, _files: files }
    }

    pub async fn next(&mut self) -> Arc<Report> {
        self.ticks.tick().await;
        let still = self.standing_still();
        let ask = Ask { target: "TV".to_owned(), template: None, output: None };
        let report = self.prober.probe(ask, Duration::from_secs(10)).await.unwrap().report;
        self.late = edge_age(&report) <= still && still > 1.5 * SEGMENT.as_secs_f64();
        report
    }

    /// Findings of the last probe that aren't so: on a machine that is busy with other tests the packager itself may fall behind.
    pub fn untrue(&self, report: &Report) -> Vec<String> {
        failures(report).into_iter().filter(|f| !(self.late && f.starts_with("hls_playlist_stale"))).collect()
    }

    pub async fn clean(&mut self) {
        let report = self.next().await;
        assert_eq!(self.untrue(&report), [""; 0], "{}", packager_exporter::report::log(&report));
        assert!(report.success || self.late);
    }

    /// How long ago the first of the playlists was written for the last time, in seconds.
    pub fn standing_still(&self) -> f64 {
        let age = |path: &PathBuf| Seconds::from(path.metadata().unwrap().modified().unwrap().elapsed().unwrap()).0;
        self.playlists.iter().map(age).fold(0.0, f64::max)
    }
}

/// `check (rendition): message` of every finding, warnings included.
pub fn failures(report: &Report) -> Vec<String> {
    let findings = report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).flat_map(|o| &o.findings);
    findings.map(|f| format!("{} ({:?}): {}", f.check, f.rendition, f.message)).collect()
}

pub fn worst(report: &Report, check: &str) -> Option<Severity> {
    let findings = report.outcomes.iter().flat_map(|o| &o.findings);
    findings.filter(|f| f.check == check).map(|f| f.severity).max()
}

/// The longest that a rendition stood still, in seconds.
pub fn edge_age(report: &Report) -> f64 {
    report.edge_age.iter().map(|(_, _, age)| age.0).fold(0.0, f64::max)
}
