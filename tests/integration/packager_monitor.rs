//! Monitor for tests with a real packager: it probes one channel every two seconds, and observes whether the packager
//! keeps real time meanwhile.

use crate::exporter::Files;
use packager_exporter::checks::CheckResult;
use packager_exporter::config::{ConfigHandle, ConfigPaths};
use packager_exporter::finding::Severity;
use packager_exporter::probe::{Clock, ProbeRequest, Prober, ProberParts};
use packager_exporter::report::Report;
use packager_media::units::{Seconds, Timestamp};
use packager_testbed::ffmpeg::SEGMENT;
use packager_testbed::pace;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
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
/// Seconds for which the monitor's template reports an event.
pub(crate) const HOLD: f64 = 10.0;
/// Time between two probes of the monitor.
const EVERY: Duration = Duration::from_secs(2);

/// Ids of the checks that rightly fail when the packager, or the server in front of it, gets too little CPU time.
const TIMING: [&str; 7] = [
    "hls_playlist_stale",
    "dash_mpd_stale",
    "dash_live_edge_unavailable",
    "live_latency_high",
    "rendition_skew",
    "segment_download_slow",
    "segment_unavailable",
];
/// Slowdown of the machine (see [`pace::slowdown`]) from which on an encoder may not keep real time.
const BUSY: f64 = 1.5;

/// A prober of one real packager that also watches how well the packager keeps real time.
pub(crate) struct PackagerMonitor {
    prober: Prober,
    ticks: tokio::time::Interval,
    /// Paths of the media playlists, or of the MPD, that the packager writes.
    playlists: Vec<PathBuf>,
    /// Time of the last probe at which the packager was too late (its playlists were older than 1.5 segments) or the
    /// machine was busy; `None` if there was no such probe.
    fell_behind: Option<Instant>,
    /// Time at which the last probe ended; `None` before the first.
    last_probe: Option<Instant>,
    /// Seconds between the ends of the last two probes: [`EVERY`] on an idle machine.
    interval: f64,
    _files: Files,
}

impl PackagerMonitor {
    /// Makes a monitor of a packager that writes EXT-X-PROGRAM-DATE-TIME.
    pub(crate) fn new(url: String, playlists: Vec<PathBuf>) -> Self {
        Self::with_template(url, playlists, "DATED")
    }

    /// Makes a monitor of a packager that writes no EXT-X-PROGRAM-DATE-TIME.
    pub(crate) fn undated(url: String, playlists: Vec<PathBuf>) -> Self {
        Self::with_template(url, playlists, "UNDATED")
    }

    /// Makes a monitor of a packager with one video rendition.
    pub(crate) fn single(url: String, playlists: Vec<PathBuf>) -> Self {
        Self::with_template(url, playlists, "SINGLE")
    }

    fn with_template(url: String, playlists: Vec<PathBuf>, template: &str) -> Self {
        let files = Files::new(&[("TV", url, template)]);
        files.write("templates.yml", TEMPLATES);
        let source = ConfigPaths { file: Some(files.path("exporter.yml")), ..ConfigPaths::default() };
        let live = ConfigHandle::start(source, Timestamp::now()).unwrap();
        let prober = Prober::new(ProberParts::new(Arc::new(live), Clock::System)).unwrap();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let interval = EVERY.as_secs_f64();
        Self { prober, ticks, playlists, fell_behind: None, last_probe: None, interval, _files: files }
    }

    /// Waits until the next probe is due, and probes.
    pub(crate) async fn probe(&mut self) -> Arc<Report> {
        self.ticks.tick().await;
        let age = self.oldest_playlist_age();
        let ask = ProbeRequest { target: "TV".to_owned(), template: None, output: None };
        let report = self.prober.probe(ask, Duration::from_secs(10)).await.unwrap().report;
        let now = Instant::now();
        self.interval = self.last_probe.replace(now).map_or(self.interval, |last| (now - last).as_secs_f64());
        let late = age > 1.5 * SEGMENT.as_secs_f64() || self.interval > 1.5 * EVERY.as_secs_f64();
        if late || tokio::task::block_in_place(pace::slowdown) > BUSY {
            self.fell_behind = Some(now);
        }
        report
    }

    /// Returns the findings of the probe that must not be there. If the packager recently didn't keep real time because
    /// the machine was busy, findings about times are printed instead of returned. They are excused for as long as the
    /// report repeats them, which is [`HOLD`].
    pub(crate) fn false_findings(&self, report: &Report) -> Vec<String> {
        let excused = self.fell_behind.is_some_and(|at| at.elapsed().as_secs_f64() < HOLD + 2.0 * self.interval);
        let is_timing = |finding: &String| excused && TIMING.iter().any(|check| finding.starts_with(check));
        let (timing, others): (Vec<_>, Vec<_>) = failures(report).into_iter().partition(is_timing);
        for finding in timing {
            println!("the machine was too busy for the packager to keep real time: {finding}");
        }
        others
    }

    /// Probes once more, and panics if there is a false finding.
    pub(crate) async fn assert_clean(&mut self) {
        let report = self.probe().await;
        assert_eq!(self.false_findings(&report), [""; 0], "{}", packager_exporter::report::log(&report));
    }

    /// Returns the age in seconds of the playlist that the packager wrote the longest ago.
    pub(crate) fn oldest_playlist_age(&self) -> f64 {
        let age = |path: &PathBuf| Seconds::from(path.metadata().unwrap().modified().unwrap().elapsed().unwrap()).0;
        self.playlists.iter().map(age).fold(0.0, f64::max)
    }

    /// Returns the seconds between the ends of the last two probes.
    pub(crate) fn interval(&self) -> f64 {
        self.interval
    }
}

/// Returns `check (rendition): message` for every finding, warnings included.
pub(crate) fn failures(report: &Report) -> Vec<String> {
    let findings = report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).flat_map(|o| &o.findings);
    findings.map(|f| format!("{} ({:?}): {}", f.check, f.rendition, f.message)).collect()
}

/// Returns the worst severity that a check found in a report; `None` if it found nothing.
pub(crate) fn worst(report: &Report, check: &str) -> Option<Severity> {
    let findings = report.outcomes.iter().flat_map(|o| &o.findings);
    findings.filter(|f| f.check == check).map(|f| f.severity).max()
}

/// Returns the shortest and the longest time in seconds since the live edge of a rendition last moved.
pub(crate) fn edge_ages(report: &Report) -> (f64, f64) {
    let renditions = || report.history.iter().flat_map(|output| output.renditions.values());
    let ages = || renditions().filter_map(|rendition| rendition.edge_age).map(|age| age.0);
    (ages().fold(f64::INFINITY, f64::min), ages().fold(0.0, f64::max))
}
