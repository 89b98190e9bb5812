//! Real packagers, probed in real time.

use crate::ffmpeg::{Ffmpeg, Kind, MASTER};
use crate::ffmpeg_dash::{Feed, FfmpegDash, MPD, Names};
use crate::harness::{TEMPLATES, prober};
use crate::matrix::{PackagerRow, Seen};
use crate::nginx_rtmp::{self, NginxRtmp};
use crate::shaka::{self, Encryption, Form, Shaka};
use crate::static_files::StaticFiles;
use packager_exporter::probe::{Ask, Clock};
use std::io;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);
/// A minute of probes.
const PROBES: usize = 31;
/// As many segments as its window lists; the shortest window that no check complains of is 6.
const WINDOW: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);
/// Ends while the packager is watched.
const LEAD: Encryption = Encryption::Cbcs { clear_lead: 30 };
/// nginx-rtmp writes no dates, and Shaka Packager one at most: that of the very first segment.
const UNDATED: &str = "
UNDATED:
  extends: T2
  checks:
    hls_program_date_time_wrong: {expected: false}
";

/// Probes each for a minute: two at once, since each brings an encoder of its own.
///
/// # Errors
/// When a packager can't be started or lists no segments in time.
pub async fn watch() -> io::Result<Vec<PackagerRow>> {
    let (ts, fmp4) = tokio::join!(
        ffmpeg("ffmpeg, HLS with MPEG-TS", Kind::Ts),
        ffmpeg("ffmpeg, HLS with fragmented MP4", Kind::Fmp4)
    );
    let (shaka_ts, shaka_fmp4) = tokio::join!(
        shaka("Shaka Packager, HLS with MPEG-TS", Form::Ts, Encryption::Clear),
        shaka("Shaka Packager, HLS with fragmented MP4", Form::Fmp4, Encryption::Clear)
    );
    let (sample_aes, cbcs) = tokio::join!(
        shaka("Shaka Packager, HLS with MPEG-TS, SAMPLE-AES", Form::Ts, Encryption::Cbcs { clear_lead: 0 }),
        shaka("Shaka Packager, HLS with fragmented MP4, cbcs after a clear lead", Form::Fmp4, LEAD)
    );
    let (number, time) = tokio::join!(
        ffmpeg_dash("ffmpeg, DASH with $Number$ from MPEG-TS", Feed::Ts, Names::Number),
        ffmpeg_dash("ffmpeg, DASH with $Time$ from fragmented MP4", Feed::Fmp4, Names::Time)
    );
    let (shaka_dash, nginx_hls) = tokio::join!(
        shaka("Shaka Packager, DASH", Form::Dash, Encryption::Clear),
        nginx_rtmp("nginx-rtmp, HLS with MPEG-TS", nginx_rtmp::Form::Hls)
    );
    let nginx_dash = nginx_rtmp("nginx-rtmp, DASH", nginx_rtmp::Form::Dash).await?;
    let hls = [ts?, fmp4?, shaka_ts?, shaka_fmp4?, sample_aes?, cbcs?, nginx_hls?];
    Ok(hls.into_iter().chain([number?, time?, shaka_dash?, nginx_dash]).collect())
}

async fn ffmpeg_dash(name: &'static str, feed: Feed, names: Names) -> io::Result<PackagerRow> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = FfmpegDash::start(feed, names, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    probed(name, &files.url(MPD), "T2").await
}

async fn ffmpeg(name: &'static str, kind: Kind) -> io::Result<PackagerRow> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Ffmpeg::start(kind, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    probed(name, &files.url(MASTER), "T2").await
}

async fn shaka(name: &'static str, form: Form, encryption: Encryption) -> io::Result<PackagerRow> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Shaka::start(form, encryption, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let path = if form == Form::Dash { shaka::MPD } else { MASTER };
    probed(name, &files.url(path), "UNDATED").await
}

async fn nginx_rtmp(name: &'static str, form: nginx_rtmp::Form) -> io::Result<PackagerRow> {
    let folder = tempfile::tempdir()?;
    let mut packager = NginxRtmp::start(form, folder.path()).await?;
    packager.ready(WINDOW, PATIENCE).await?;
    probed(name, &packager.url(), "UNDATED").await
}

async fn probed(name: &'static str, url: &str, template: &str) -> io::Result<PackagerRow> {
    let catalogue =
        format!("channels:\n  - {{channel_code: TV, input_url: '{url}', template: {template}, resolution: 640x360}}\n");
    let (prober, _settings) = prober(&catalogue, &format!("{TEMPLATES}{UNDATED}"), "", Clock::System);
    let mut seen = Seen::new(EVERY);
    let mut tick = tokio::time::interval(EVERY);
    for _ in 0..PROBES {
        tick.tick().await;
        let ask = Ask { target: "TV".to_owned(), template: None, output: None };
        let probed = prober.probe(ask, 2 * EVERY).await.map_err(io::Error::other)?;
        seen.take(&probed.report);
    }
    seen.sort();
    Ok(PackagerRow { name, seen })
}
