//! Tests with real packagers: a running packager has no finding, and a packager that stops and starts again is noticed.

use crate::exporter::PATIENCE;
use crate::packager_monitor::{HOLD, PackagerMonitor, edge_ages, failures, worst};
use packager_exporter::finding::Severity;
use packager_exporter::report::Report;
use packager_media::units::Seconds;
use packager_testbed::ffmpeg::{Ffmpeg, MASTER, SEGMENT, SegmentFormat};
use packager_testbed::ffmpeg_dash::{EncoderFeed, FfmpegDash, MPD, SegmentNaming};
use packager_testbed::nginx_rtmp::{self, NginxRtmp};
use packager_testbed::shaka::{self, Encryption, OutputFormat, Shaka};
use packager_testbed::static_files::StaticFiles;
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
/// Number of segments in the shortest window that passes every check.
const WINDOW: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_with_transport_streams_is_clean_then_stale_then_restarted() {
    hls_life_cycle(SegmentFormat::Ts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_with_fragmented_mp4_is_clean_then_stale_then_restarted() {
    hls_life_cycle(SegmentFormat::Fmp4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_transport_streams_is_clean() {
    shaka_hls(OutputFormat::Ts, Encryption::Clear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_fragmented_mp4_is_clean() {
    shaka_hls(OutputFormat::Fmp4, Encryption::Clear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_encrypted_transport_streams_is_clean() {
    shaka_hls(OutputFormat::Ts, Encryption::Cbcs { clear_lead: 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_encrypted_fragmented_mp4_is_clean() {
    shaka_hls(OutputFormat::Fmp4, Encryption::Cbcs { clear_lead: 0 }).await;
}

/// The clear lead ends while the packager is probed, so that encryption begins.
#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_is_clean_when_encryption_begins() {
    shaka_hls(OutputFormat::Fmp4, Encryption::Cbcs { clear_lead: 30 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_rtmp_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let mut packager = NginxRtmp::start(nginx_rtmp::OutputFormat::Hls, folder.path()).await.unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    clean(&mut PackagerMonitor::undated(packager.url(), packager.playlists())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_rtmps_dash_is_clean_then_stale() {
    let folder = tempfile::tempdir().unwrap();
    let mut packager = NginxRtmp::start(nginx_rtmp::OutputFormat::Dash, folder.path()).await.unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    let mut monitor = PackagerMonitor::single(packager.url(), packager.playlists());
    clean(&mut monitor).await;
    packager.stop();
    // nginx publishes what it has of the segment that it was writing.
    mpd_goes_stale(&mut monitor, &["segment_duration_off_target"], 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packagers_dash_is_clean_then_stale() {
    shaka_dash(Encryption::Clear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packagers_encrypted_dash_is_clean_then_stale() {
    shaka_dash(Encryption::Cenc).await;
}

async fn shaka_dash(encryption: Encryption) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut packager = Shaka::start(OutputFormat::Dash, encryption, folder.path()).unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    let mut monitor = PackagerMonitor::new(server.url(shaka::MPD), packager.playlists());
    clean(&mut monitor).await;
    packager.stop();
    mpd_goes_stale(&mut monitor, &[], 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_transport_streams_is_clean_then_stale_then_restarted_by_number() {
    dash_life_cycle(EncoderFeed::Ts, SegmentNaming::Number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_transport_streams_is_clean_then_stale_then_restarted_by_time() {
    dash_life_cycle(EncoderFeed::Ts, SegmentNaming::Time).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_fragmented_mp4_is_clean_then_stale_then_restarted_by_number() {
    dash_life_cycle(EncoderFeed::Fmp4, SegmentNaming::Number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_fragmented_mp4_is_clean_then_stale_then_restarted_by_time() {
    dash_life_cycle(EncoderFeed::Fmp4, SegmentNaming::Time).await;
}

async fn dash_life_cycle(feed: EncoderFeed, naming: SegmentNaming) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut ffmpeg = FfmpegDash::start(feed, naming, folder.path()).unwrap();
    ffmpeg.ready(WINDOW, PATIENCE).await.unwrap();
    let mut monitor = PackagerMonitor::new(server.url(MPD), vec![ffmpeg.mpd()]);
    clean(&mut monitor).await;
    ffmpeg.stop();
    mpd_goes_stale(&mut monitor, &[], ahead(feed)).await;
    ffmpeg.restart().unwrap();
    restart_comes_once_and_goes(&mut monitor, &STOPPED).await;
    for _ in 0..5 {
        monitor.assert_clean().await;
    }
}

/// Returns the seconds by which ffmpeg's MPD may list segments before they are available by the clock. It reads up to 5 s of a transport
/// stream before it writes anything, and takes the time of the first segment that it writes for the time at which that was made.
fn ahead(feed: EncoderFeed) -> f64 {
    match feed {
        EncoderFeed::Ts => 5.0 + SEGMENT.as_secs_f64(),
        EncoderFeed::Fmp4 => 0.0,
    }
}

/// Probes until a stopped DASH packager has a critical finding. This must come within 3 target durations and two probe
/// intervals after the MPD was last written, and after the `ahead` seconds for which it lists segments in advance. Findings of a stopped packager may come once the MPD is older than a
/// target duration; other findings may not come, except those of the checks `cut`.
async fn mpd_goes_stale(monitor: &mut PackagerMonitor, cut: &[&str], ahead: f64) {
    let target = SEGMENT.as_secs_f64();
    loop {
        let report = monitor.probe().await;
        let age = monitor.oldest_playlist_age();
        let mut found = failures(&report);
        found.retain(|f| !cut.iter().any(|check| f.starts_with(check)));
        let is_false = monitor.false_findings(&report).into_iter().filter(|f| found.contains(f)).collect::<Vec<_>>();
        assert!(is_false.iter().all(|f| STOPPED.iter().any(|check| f.starts_with(check))), "{is_false:?}");
        assert!(is_false.is_empty() || age > target, "after {age} s: {is_false:?}");
        if !report.success {
            return;
        }
        assert!(age < 3.0 * target + ahead + 2.0 * monitor.interval(), "{age} s and nothing critical: {found:?}");
    }
}

/// Ids of the checks that fail when a DASH packager has stopped: the MPD is old, and segments are due by the clock and
/// missing.
const STOPPED: [&str; 4] =
    ["hls_playlist_stale", "dash_mpd_stale", "dash_live_edge_unavailable", "segment_unavailable"];

async fn shaka_hls(format: OutputFormat, encryption: Encryption) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut packager = Shaka::start(format, encryption, folder.path()).unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    clean(&mut PackagerMonitor::undated(server.url(MASTER), packager.playlists())).await;
}

/// Probes for a minute, and asserts that there is no finding.
async fn clean(monitor: &mut PackagerMonitor) {
    let began = Instant::now();
    while began.elapsed() < MINUTE {
        monitor.assert_clean().await;
    }
}

async fn hls_life_cycle(format: SegmentFormat) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut ffmpeg = Ffmpeg::start(format, folder.path()).unwrap();
    ffmpeg.ready(3, PATIENCE).await.unwrap();
    let mut monitor = PackagerMonitor::new(server.url(MASTER), ffmpeg.playlists());

    clean(&mut monitor).await;
    ffmpeg.stop();
    goes_stale(&mut monitor).await;
    ffmpeg.restart().unwrap();
    restart_comes_once_and_goes(&mut monitor, &["hls_playlist_stale"]).await;
    for _ in 0..5 {
        monitor.assert_clean().await;
    }
}

/// Probes until hls_playlist_stale is critical for a stopped packager. The finding must be major when a rendition's
/// live edge is older than 1.5 target durations. It must be critical when the live edges of all renditions are older
/// than 3 target durations.
async fn goes_stale(monitor: &mut PackagerMonitor) {
    let target = SEGMENT.as_secs_f64();
    let (mut seen, mut longest) = (Vec::new(), 0.0_f64);
    while seen.last() != Some(&Some(Severity::Critical)) {
        let report = monitor.probe().await;
        let ((youngest, age), file_age) = (edge_ages(&report), monitor.oldest_playlist_age());
        longest = longest.max(monitor.interval());
        // The probe before the file's last change may have been an interval earlier.
        let unseen = file_age - age;
        assert!(unseen >= 0.0 && unseen < 1.5 * longest + 0.5, "{age} s, and files are {file_age} s old");
        let expected = if youngest / target > 3.0 {
            Some(Severity::Critical)
        } else {
            (age / target > 1.5).then_some(Severity::Major)
        };
        assert_eq!(worst(&report, "hls_playlist_stale"), expected, "{youngest} to {age} s: {:?}", failures(&report));
        let others = monitor.false_findings(&report);
        assert!(others.iter().all(|f| f.starts_with("hls_playlist_stale")), "{others:?}");
        assert_eq!(report.success, expected != Some(Severity::Critical));
        seen.push(expected);
    }
    let too_slow = longest > 1.5 * target;
    assert!(seen.contains(&Some(Severity::Major)) || too_slow, "{seen:?}, probes up to {longest} s apart");
}

/// Asserts what is found after a restart of the packager. Until the restarted packager lists a segment, only the checks
/// `stopped` may fail. Then packager_restarted fails for the template's `hold`. After that there are no findings.
async fn restart_comes_once_and_goes(monitor: &mut PackagerMonitor, stopped: &[&str]) {
    let began = Instant::now();
    let mut report = monitor.probe().await;
    while worst(&report, "packager_restarted").is_none() {
        assert!(began.elapsed() < PATIENCE, "no restart was seen: {:?}", failures(&report));
        let others = monitor.false_findings(&report);
        assert!(others.iter().all(|f| is_between_runs(f, stopped)), "{others:?}");
        report = monitor.probe().await;
    }
    let restarted = report.started_at;
    let since = |report: &Report| Seconds::between(restarted, report.started_at).0;
    let mut longest = 0.0_f64;
    while worst(&report, "packager_restarted").is_some() {
        let is_expected = |f: &String| f.starts_with("packager_restarted") || is_missing_segment(f, stopped);
        assert!(monitor.false_findings(&report).iter().all(is_expected), "{:?}", failures(&report));
        longest = longest.max(monitor.interval());
        assert!(since(&report) < HOLD + 2.0 * longest, "still reported after {} s", since(&report));
        report = monitor.probe().await;
    }
    assert!(since(&report) > HOLD, "gone after {} s", since(&report));
    assert_eq!(monitor.false_findings(&report), [""; 0]);
}

/// Returns whether the finding is about a segment that was due by the clock while the packager was stopped. Such an
/// event stays for the template's hold.
fn is_missing_segment(failure: &str, stopped: &[&str]) -> bool {
    stopped.contains(&"segment_unavailable") && failure.starts_with("segment_unavailable")
}

/// Returns whether a finding is expected between the stop and the restart of a packager. It is one of the checks
/// `stopped`, or an empty initialization segment, which ffmpeg empties at its start and fills with its first segment.
fn is_between_runs(failure: &str, stopped: &[&str]) -> bool {
    let emptied = failure.starts_with("init_segment_invalid") && failure.contains("the body is empty");
    emptied || stopped.iter().any(|check| failure.starts_with(check))
}
