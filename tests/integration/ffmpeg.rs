//! ffmpeg as a real packager behind a plain web server: clean while it runs, noticed when it stops and starts again.

use crate::exporter::{Files, PATIENCE};
use crate::live_ffmpeg::{Ffmpeg, Kind, MASTER, SEGMENT};
use crate::static_files::StaticFiles;
use packager_exporter::checks::CheckResult;
use packager_exporter::config::{Live, Source};
use packager_exporter::finding::Severity;
use packager_exporter::probe::{Ask, Clock, Prober};
use packager_exporter::report::Report;
use packager_exporter::units::{Seconds, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

const TEMPLATE: &str = "
FFMPEG:
  timeout: 10s
  segment_duration_target: 2.0
  segments: {mode: every, count: 10, oldest: true}
  hold: 10s
  ladder: {minimum_video: 3}
  checks:
    program_date_time: {expected: true}
";
/// Seconds, as the template says.
const HOLD: f64 = 10.0;
const EVERY: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn transport_streams_of_ffmpeg_are_clean_then_stale_then_restarted() {
    life(Kind::Ts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fragmented_mp4_of_ffmpeg_is_clean_then_stale_then_restarted() {
    life(Kind::Fmp4).await;
}

async fn life(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut ffmpeg = Ffmpeg::start(kind, folder.path()).unwrap();
    ffmpeg.ready(3, PATIENCE).await.unwrap();
    let mut watch = Watch::new(server.url(MASTER), folder.path());

    let began = Instant::now();
    while began.elapsed() < MINUTE {
        watch.clean().await;
    }
    ffmpeg.stop();
    goes_stale(&mut watch).await;
    ffmpeg.restart().unwrap();
    restart_comes_once_and_goes(&mut watch).await;
    for _ in 0..5 {
        watch.clean().await;
    }
}

/// Major above 1.5 and critical above 3 target durations, in the first probe that sees them passed.
async fn goes_stale(watch: &mut Watch) {
    let target = SEGMENT.as_secs_f64();
    let mut seen = Vec::new();
    while seen.last() != Some(&Some(Severity::Critical)) {
        let report = watch.next().await;
        let age = edge_age(&report);
        let still = watch.standing_still();
        assert!(age <= still && still - age < EVERY.as_secs_f64() + 0.5, "{age} s, and files are {still} s old");
        let expected = match age / target {
            targets if targets > 3.0 => Some(Severity::Critical),
            targets if targets > 1.5 => Some(Severity::Major),
            _ => None,
        };
        assert_eq!(worst(&report, "playlist_stale"), expected, "{age} s: {:?}", failures(&report));
        assert!(failures(&report).iter().all(|f| f.starts_with("playlist_stale")), "{:?}", failures(&report));
        assert_eq!(report.success, expected != Some(Severity::Critical));
        seen.push(expected);
    }
    assert!(seen.contains(&Some(Severity::Major)), "{seen:?}");
}

/// Stale until the new run lists a segment; a restart from then on for the template's hold; then nothing.
async fn restart_comes_once_and_goes(watch: &mut Watch) {
    let began = Instant::now();
    let mut report = watch.next().await;
    while worst(&report, "packager_restarted").is_none() {
        assert!(began.elapsed() < PATIENCE, "no restart was seen: {:?}", failures(&report));
        assert!(failures(&report).iter().all(|f| between_runs(f)), "{:?}", failures(&report));
        report = watch.next().await;
    }
    let came = report.started_at;
    let since = |report: &Report| Seconds::between(came, report.started_at).0;
    while worst(&report, "packager_restarted").is_some() {
        assert!(watch.untrue(&report).iter().all(|f| f.starts_with("packager_restarted")), "{:?}", failures(&report));
        assert!(since(&report) < HOLD + 4.0, "still reported after {} s", since(&report));
        report = watch.next().await;
    }
    assert!(since(&report) > HOLD, "gone after {} s", since(&report));
    assert_eq!(watch.untrue(&report), [""; 0]);
}

/// Besides the old playlist: ffmpeg empties the initialization segments at its start and fills them with its first
/// segment. Whoever begins to watch meanwhile gets nothing.
fn between_runs(failure: &str) -> bool {
    let emptied = failure.starts_with("init_segment") && failure.contains("the body is empty");
    failure.starts_with("playlist_stale") || emptied
}

/// Probes one channel every two seconds.
struct Watch {
    prober: Prober,
    ticks: tokio::time::Interval,
    folder: PathBuf,
    /// The last probe found the files themselves older than a live playlist's may be.
    late: bool,
    _files: Files,
}

impl Watch {
    /// `folder` is where ffmpeg writes.
    fn new(url: String, folder: &Path) -> Self {
        let files = Files::new(&[("FFMPEG", url, "FFMPEG")]);
        files.write("templates.yml", TEMPLATE);
        let source = Source { file: Some(files.path("exporter.yml")), ..Source::default() };
        let live = Live::start(source, Timestamp::now()).unwrap();
        let prober = Prober::new(Arc::new(live), Clock::System).unwrap();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { prober, ticks, folder: folder.to_owned(), late: false, _files: files }
    }

    async fn next(&mut self) -> Arc<Report> {
        self.ticks.tick().await;
        let still = self.standing_still();
        let ask = Ask { target: "FFMPEG".to_owned(), template: None, output: None };
        let report = self.prober.probe(ask, Duration::from_secs(10)).await.unwrap().report;
        self.late = edge_age(&report) <= still && still > 1.5 * SEGMENT.as_secs_f64();
        report
    }

    /// Findings of the last probe that aren't so: on a machine that is busy with other tests ffmpeg itself may fall behind.
    fn untrue(&self, report: &Report) -> Vec<String> {
        failures(report).into_iter().filter(|f| !(self.late && f.starts_with("playlist_stale"))).collect()
    }

    async fn clean(&mut self) {
        let report = self.next().await;
        assert_eq!(self.untrue(&report), [""; 0], "{}", packager_exporter::report::log(&report));
        assert!(report.success || self.late);
    }

    /// How long ago ffmpeg wrote the first of its playlists for the last time, in seconds.
    fn standing_still(&self) -> f64 {
        let path = |place: usize| self.folder.join(format!("v{place}/index.m3u8"));
        let written = |place: usize| path(place).metadata().unwrap().modified().unwrap();
        Seconds::from(written(0).min(written(1)).min(written(2)).elapsed().unwrap()).0
    }
}

/// `check (rendition): message` of every finding, warnings included.
fn failures(report: &Report) -> Vec<String> {
    let findings = report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).flat_map(|o| &o.findings);
    findings.map(|f| format!("{} ({:?}): {}", f.check, f.rendition, f.message)).collect()
}

fn worst(report: &Report, check: &str) -> Option<Severity> {
    let findings = report.outcomes.iter().flat_map(|o| &o.findings);
    findings.filter(|f| f.check == check).map(|f| f.severity).max()
}

/// The longest that a rendition stood still, in seconds.
fn edge_age(report: &Report) -> f64 {
    report.edge_age.iter().map(|(_, _, age)| age.0).fold(0.0, f64::max)
}
