//! Real packagers: each is clean while it runs; that ffmpeg stops and starts again is noticed.

use crate::exporter::PATIENCE;
use crate::watch::{EVERY, HOLD, Watch, edge_age, failures, worst};
use packager_exporter::finding::Severity;
use packager_exporter::report::Report;
use packager_media::units::Seconds;
use packager_testbed::ffmpeg::{Ffmpeg, Kind, MASTER, SEGMENT};
use packager_testbed::ffmpeg_dash::{Feed, FfmpegDash, MPD, Names};
use packager_testbed::nginx_rtmp::{self, NginxRtmp};
use packager_testbed::shaka::{self, Encryption, Form, Shaka};
use packager_testbed::static_files::StaticFiles;
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
/// The shortest window that no check complains of.
const WINDOW: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_with_transport_streams_is_clean_then_stale_then_restarted() {
    life(Kind::Ts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_with_fragmented_mp4_is_clean_then_stale_then_restarted() {
    life(Kind::Fmp4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_transport_streams_is_clean() {
    shaka(Form::Ts, Encryption::Clear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_fragmented_mp4_is_clean() {
    shaka(Form::Fmp4, Encryption::Clear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_encrypted_transport_streams_is_clean() {
    shaka(Form::Ts, Encryption::Cbcs { clear_lead: 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_with_encrypted_fragmented_mp4_is_clean() {
    shaka(Form::Fmp4, Encryption::Cbcs { clear_lead: 0 }).await;
}

/// The lead ends while it is watched.
#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_is_clean_where_encryption_begins() {
    shaka(Form::Fmp4, Encryption::Cbcs { clear_lead: 30 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_rtmp_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let mut packager = NginxRtmp::start(nginx_rtmp::Form::Hls, folder.path()).await.unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    clean(&mut Watch::undated(packager.url(), packager.playlists())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_rtmps_dash_is_clean_then_stale() {
    let folder = tempfile::tempdir().unwrap();
    let mut packager = NginxRtmp::start(nginx_rtmp::Form::Dash, folder.path()).await.unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    let mut watch = Watch::single(packager.url(), packager.playlists());
    clean(&mut watch).await;
    packager.stop();
    // What it has of the segment it was writing, it publishes.
    mpd_goes_stale(&mut watch, &["segment_duration_off_target"]).await;
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
    let mut packager = Shaka::start(Form::Dash, encryption, folder.path()).unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    let mut watch = Watch::new(server.url(shaka::MPD), packager.playlists());
    clean(&mut watch).await;
    packager.stop();
    mpd_goes_stale(&mut watch, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_transport_streams_is_clean_then_stale_then_restarted_by_number() {
    dash_life(Feed::Ts, Names::Number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_transport_streams_is_clean_then_stale_then_restarted_by_time() {
    dash_life(Feed::Ts, Names::Time).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_fragmented_mp4_is_clean_then_stale_then_restarted_by_number() {
    dash_life(Feed::Fmp4, Names::Number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpegs_dash_from_fragmented_mp4_is_clean_then_stale_then_restarted_by_time() {
    dash_life(Feed::Fmp4, Names::Time).await;
}

async fn dash_life(feed: Feed, names: Names) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut ffmpeg = FfmpegDash::start(feed, names, folder.path()).unwrap();
    ffmpeg.ready(WINDOW, PATIENCE).await.unwrap();
    let mut watch = Watch::new(server.url(MPD), vec![ffmpeg.mpd()]);
    clean(&mut watch).await;
    ffmpeg.stop();
    mpd_goes_stale(&mut watch, &[]).await;
    ffmpeg.restart().unwrap();
    restart_comes_once_and_goes(&mut watch, &STOPPED).await;
    for _ in 0..5 {
        watch.clean().await;
    }
}

/// Nothing while the newest segment may still be on its way, but what `cut` says of it; down when 3 target durations and a
/// probe have passed.
async fn mpd_goes_stale(watch: &mut Watch, cut: &[&str]) {
    let target = SEGMENT.as_secs_f64();
    loop {
        let report = watch.next().await;
        let still = watch.standing_still();
        let mut found = failures(&report);
        found.retain(|f| !cut.iter().any(|check| f.starts_with(check)));
        assert!(found.iter().all(|f| STOPPED.iter().any(|check| f.starts_with(check))), "{found:?}");
        assert!(found.is_empty() || still > target, "after {still} s: {found:?}");
        if !report.success {
            return;
        }
        assert!(still < 3.0 * target + EVERY.as_secs_f64(), "{still} s and nothing critical: {found:?}");
    }
}

/// What a packager that stopped leads to: an old MPD, and segments that are due by the clock and not there.
const STOPPED: [&str; 4] =
    ["hls_playlist_stale", "dash_mpd_stale", "dash_live_edge_unavailable", "segment_unavailable"];

async fn shaka(form: Form, encryption: Encryption) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut packager = Shaka::start(form, encryption, folder.path()).unwrap();
    packager.ready(WINDOW, PATIENCE).await.unwrap();
    clean(&mut Watch::undated(server.url(MASTER), packager.playlists())).await;
}

/// For a minute.
async fn clean(watch: &mut Watch) {
    let began = Instant::now();
    while began.elapsed() < MINUTE {
        watch.clean().await;
    }
}

async fn life(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let mut ffmpeg = Ffmpeg::start(kind, folder.path()).unwrap();
    ffmpeg.ready(3, PATIENCE).await.unwrap();
    let mut watch = Watch::new(server.url(MASTER), ffmpeg.playlists());

    clean(&mut watch).await;
    ffmpeg.stop();
    goes_stale(&mut watch).await;
    ffmpeg.restart().unwrap();
    restart_comes_once_and_goes(&mut watch, &["hls_playlist_stale"]).await;
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
        assert_eq!(worst(&report, "hls_playlist_stale"), expected, "{age} s: {:?}", failures(&report));
        assert!(failures(&report).iter().all(|f| f.starts_with("hls_playlist_stale")), "{:?}", failures(&report));
        assert_eq!(report.success, expected != Some(Severity::Critical));
        seen.push(expected);
    }
    assert!(seen.contains(&Some(Severity::Major)), "{seen:?}");
}

/// `stopped` until the new run lists a segment; a restart from then on for the template's hold; then nothing.
async fn restart_comes_once_and_goes(watch: &mut Watch, stopped: &[&str]) {
    let began = Instant::now();
    let mut report = watch.next().await;
    while worst(&report, "packager_restarted").is_none() {
        assert!(began.elapsed() < PATIENCE, "no restart was seen: {:?}", failures(&report));
        assert!(failures(&report).iter().all(|f| between_runs(f, stopped)), "{:?}", failures(&report));
        report = watch.next().await;
    }
    let came = report.started_at;
    let since = |report: &Report| Seconds::between(came, report.started_at).0;
    while worst(&report, "packager_restarted").is_some() {
        let told = |f: &String| f.starts_with("packager_restarted") || was_missing(f, stopped);
        assert!(watch.untrue(&report).iter().all(told), "{:?}", failures(&report));
        assert!(since(&report) < HOLD + 4.0, "still reported after {} s", since(&report));
        report = watch.next().await;
    }
    assert!(since(&report) > HOLD, "gone after {} s", since(&report));
    assert_eq!(watch.untrue(&report), [""; 0]);
}

/// Segments that were due by the clock between the runs stay events for the template's hold.
fn was_missing(failure: &str, stopped: &[&str]) -> bool {
    stopped.contains(&"segment_unavailable") && failure.starts_with("segment_unavailable")
}

/// Besides the old manifest: ffmpeg empties the initialization segments at its start and fills them with its first
/// segment. Whoever begins to watch meanwhile gets nothing.
fn between_runs(failure: &str, stopped: &[&str]) -> bool {
    let emptied = failure.starts_with("init_segment_invalid") && failure.contains("the body is empty");
    emptied || stopped.iter().any(|check| failure.starts_with(check))
}
