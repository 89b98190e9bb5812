//! Programmes with faults of picture and sound that come and go, made by ffmpeg, and decoded by the prober.

use packager_exporter::checks::CheckResult;
use packager_exporter::finding::Severity;
use packager_exporter::probe::{Clock, ProbeRequest, Prober};
use packager_exporter::report::Report;
use packager_testbed::harness::{START_MS, decoding_prober};
use packager_testbed::origin::{AVC, Part, SEGMENT_SECONDS, encode, part};
use packager_testbed::static_files::StaticFiles;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const SEGMENT: u32 = SEGMENT_SECONDS;
/// Number of segments that the playlist lists.
const WINDOW: usize = 5;

const TEMPLATE: &str = "
T:
  timeout: 60s
  signal: full
  segments: {mode: every, count: 10}
  loudness_target: -23.0
  loudness_tolerance: 2.0
  macroblocking_threshold: 0.15
  freeze_threshold_ms: 1000
";

const MOVING: &str = "testsrc2=s=480x270:r=25,hue=H=0.2*t";
const FROZEN: &str = "testsrc2=s=480x270:r=25,trim=end_frame=1,loop=-1:1:0";
const BLACK: &str = "color=black:s=480x270:r=25";
const BARS: &str = "smptebars=s=480x270:r=25";
const NOISE: &str = "anoisesrc=c=pink:r=48000:a=0.5,pan=stereo|c0=c0|c1=c0";
const SILENT: &str = "anoisesrc=c=white:r=48000:a=0.0001,pan=stereo|c0=c0|c1=c0";
const RIGHT_DEAD: &str = "anoisesrc=c=pink:r=48000:a=0.5,pan=stereo|c0=c0|c1=0*c0";
const CLIPPED: &str = "anoisesrc=c=pink:r=48000:a=1,volume=24dB:precision=fixed,pan=stereo|c0=c0|c1=c0";

/// A live channel whose programme is in files, and a prober with a clock that is set by hand.
struct Programme {
    folder: TempDir,
    segments: usize,
    clock: Arc<AtomicI64>,
    prober: Prober,
    _server: StaticFiles,
    _settings: TempDir,
}

impl Programme {
    /// Encodes the parts one after the other into segments.
    async fn new(parts: &[Part], template: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        encode(parts, AVC, folder.path()).expect("ffmpeg is installed");
        let segments = parts.iter().map(|part| part.seconds).sum::<u32>() / SEGMENT;
        let server = StaticFiles::serve(folder.path()).await.unwrap();
        let clock = Arc::new(AtomicI64::new(START_MS));
        let catalogue =
            format!("channels: [{{channel_code: C, input_url: '{}', template: T}}]", server.url("live.m3u8"));
        let exporter = Path::new(env!("CARGO_BIN_EXE_packager_exporter"));
        let (prober, settings) = decoding_prober(&catalogue, template, Clock::Manual(clock.clone()), exporter);
        Self { folder, segments: segments as usize, clock, prober, _server: server, _settings: settings }
    }

    /// Lists the segments up to number `newest` and probes the channel when that one ends.
    async fn probe(&self, newest: usize) -> Arc<Report> {
        self.probe_at(newest, newest as i64 * i64::from(SEGMENT)).await
    }

    /// Lists the segments up to number `newest` and probes the channel this number of seconds after the start.
    async fn probe_at(&self, newest: usize, seconds: i64) -> Arc<Report> {
        let first = (newest + 1).saturating_sub(WINDOW);
        let mut playlist =
            format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SEGMENT}\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
        for number in first..=newest {
            let _ = writeln!(playlist, "#EXTINF:{SEGMENT}.0,\n{number}.ts");
        }
        std::fs::write(self.folder.path().join("live.m3u8"), playlist).unwrap();
        self.clock.store(START_MS + seconds * 1000, Ordering::SeqCst);
        let request = ProbeRequest { target: "C".to_owned(), template: None, output: None };
        self.prober.probe(request, Duration::from_secs(60)).await.unwrap().report
    }

    /// Probes after each segment. Returns, for each probe, the severity of the check with this id; `None` if it passed.
    async fn severities<const N: usize>(&self, checks: [&str; N]) -> Vec<[Option<Severity>; N]> {
        let mut all = Vec::new();
        for newest in 0..self.segments {
            let report = self.probe(newest).await;
            all.push(checks.map(|id| severity(&report, id)));
        }
        all
    }
}

fn severity(report: &Report, id: &str) -> Option<Severity> {
    let outcome = report.outcomes.iter().find(|outcome| outcome.check.id == id).unwrap();
    assert_ne!(outcome.result, CheckResult::NotRun, "{id}: {:?}", outcome.reason);
    (outcome.result == CheckResult::Failed).then_some(outcome.severity)
}

use Severity::{Critical, Major, Minor, Warning};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_picture_is_reported_by_the_time_that_it_lasts_and_ends_after_ten_seconds() {
    let parts = [
        part(12, MOVING, NOISE),
        part(36, FROZEN, NOISE),
        part(18, MOVING, NOISE),
        part(12, BLACK, NOISE),
        part(18, MOVING, NOISE),
        part(12, BARS, NOISE),
    ];
    let programme = Programme::new(&parts, TEMPLATE).await;
    let seen = programme.severities(["picture_frozen", "picture_black", "picture_single_color"]).await;
    let of = |n: usize| seen.iter().map(|severities| severities[n]).collect::<Vec<_>>();
    let (none, warning, major, critical) = (None, Some(Warning), Some(Major), Some(Critical));
    let frozen = [
        [none, none],
        // 6, 12, 18, 24, 30 and 36 s
        [warning, major],
        [major, major],
        [critical, critical],
        // 6 s of movement, then 12 s
        [critical, none],
        [none, none],
        [none, none],
        [none, none],
        [none, none],
    ];
    assert_eq!(of(0), frozen.concat());
    let mut black = vec![none; 18];
    // 6 and 12 s, and until the picture has been there for 10 s
    black[11..14].copy_from_slice(&[warning, major, major]);
    assert_eq!(of(1), black);
    let mut bars = vec![none; 18];
    bars[16..].copy_from_slice(&[warning, major]);
    assert_eq!(of(2), bars);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_sound_is_reported_by_the_time_that_it_lasts_and_makes_a_freeze_worse() {
    let parts = [
        part(12, MOVING, NOISE),
        part(12, MOVING, SILENT),
        part(12, MOVING, NOISE),
        part(12, FROZEN, SILENT),
        part(12, MOVING, CLIPPED),
    ];
    let programme = Programme::new(&parts, TEMPLATE).await;
    let seen = programme.severities(["sound_silent", "picture_frozen"]).await;
    let (none, warning, major) = (None, Some(Warning), Some(Major));
    let silent: Vec<_> = seen.iter().map(|severities| severities[0]).collect();
    assert_eq!(silent, [none, none, warning, major, major, none, warning, major, major, none]);
    let frozen: Vec<_> = seen.iter().map(|severities| severities[1]).collect();
    assert_eq!(frozen, [none, none, none, none, none, none, warning, Some(Critical), Some(Critical), none]);
    let report = programme.probe(programme.segments - 1).await;
    assert_eq!(severity(&report, "sound_clipped"), Some(Minor), "both segments of the last part are clipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_side_is_reported_after_a_minute() {
    let programme = Programme::new(&[part(66, BLACK, RIGHT_DEAD)], TEMPLATE).await;
    let seen = programme.severities(["sound_channel_silent", "sound_silent"]).await;
    let failed: Vec<bool> = seen.iter().map(|severities| severities[0].is_some()).collect();
    let mut expected = vec![false; 9];
    expected.extend([true, true]);
    assert_eq!(failed, expected);
    assert!(seen.iter().all(|severities| severities[1].is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_programme_has_no_finding() {
    let fade =
        "testsrc2=s=480x270:r=25,hue=H=0.2*t,fade=t=out:st=4:d=1:enable='lt(t,5)',fade=t=in:st=5:d=1:enable='gte(t,5)'";
    let letterbox = "testsrc2=s=480x200:r=25,hue=H=0.2*t,pad=480:270:0:35";
    let dark = "testsrc2=s=480x270:r=25,hue=H=0.2*t,eq=brightness=-0.3:contrast=0.5";
    let quiet = "anoisesrc=c=pink:r=48000:a=0.01,pan=stereo|c0=c0|c1=c0";
    let parts = [part(12, fade, NOISE), part(12, letterbox, NOISE), part(12, dark, quiet)];
    let programme = Programme::new(&parts, TEMPLATE).await;
    for newest in 0..programme.segments {
        let report = programme.probe(newest).await;
        let failed = report.outcomes.iter().filter(|outcome| outcome.result == CheckResult::Failed);
        let of_signal = failed.filter(|outcome| {
            // A test picture consists of blocks by itself.
            ["picture_", "sound_"].iter().any(|start| outcome.check.id.starts_with(start))
        });
        let findings: Vec<_> = of_signal.flat_map(|outcome| &outcome.findings).map(|f| f.message.as_str()).collect();
        assert!(findings.is_empty(), "segment {newest}: {findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rotation_leaves_a_good_channel_alone_and_stays_with_a_bad_one() {
    let template = TEMPLATE.replace("signal: full", "signal: rotation");
    let programme = Programme::new(&[part(24, MOVING, NOISE), part(30, FROZEN, NOISE)], &template).await;
    let is_decoded = |report: &Report| report.capture.outputs[0].renditions[0].decoded.is_some();
    let mut decoded = Vec::new();
    for newest in 0..4 {
        decoded.push(is_decoded(&*programme.probe(newest).await));
    }
    // A test picture consists of blocks by itself, which another decode would confirm after 45 s.
    assert_eq!(decoded, [true, false, false, false], "once in five minutes");
    // The next turn comes while the picture is frozen; then each probe decodes.
    for (newest, expected) in (4..8).zip([Some(Warning), Some(Major), Some(Major), Some(Major)]) {
        let report = programme.probe_at(newest, 300 + 6 * (newest as i64 - 4)).await;
        assert!(is_decoded(&report));
        assert_eq!(severity(&report, "picture_frozen"), expected, "segment {newest}");
    }
}
