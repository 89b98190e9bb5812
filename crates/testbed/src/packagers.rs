//! Probes of real packagers in real time.

use crate::ffmpeg::{Ffmpeg, MASTER, SegmentFormat};
use crate::ffmpeg_dash::{EncoderFeed, FfmpegDash, MPD, SegmentNaming};
use crate::harness::{TEMPLATES, prober};
use crate::matrix::{PackagerResult, StreamResult};
use crate::nginx_rtmp::{self, NginxRtmp};
use crate::shaka::{self, Encryption, OutputFormat, Shaka};
use crate::static_files::StaticFiles;
use packager_exporter::probe::{Clock, ProbeRequest};
use std::io;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);
/// Number of probes of a real packager in one minute.
const PROBES: usize = 31;
/// Number of segments that a packager has to list before it is probed: the shortest window that passes every check.
const WINDOW: usize = 6;
const PATIENCE: Duration = Duration::from_secs(180);
/// Encryption that begins while the packager is probed, after a clear lead of 30 s.
const LEAD: Encryption = Encryption::Cbcs { clear_lead: 30 };
/// Template for packagers without program date-times: nginx-rtmp writes none, and Shaka Packager only that of the very
/// first segment.
const UNDATED: &str = "
UNDATED:
  extends: T2
  checks:
    hls_program_date_time_wrong: {expected: false}
";

/// Probes every packager for a minute, two at the same time, because each has its own encoder.
///
/// # Errors
/// A packager can't be started, or lists no segments in time.
pub async fn watch() -> io::Result<Vec<PackagerResult>> {
    let (ts, fmp4) = tokio::join!(
        ffmpeg("ffmpeg, HLS with MPEG-TS", SegmentFormat::Ts),
        ffmpeg("ffmpeg, HLS with fragmented MP4", SegmentFormat::Fmp4)
    );
    let (shaka_ts, shaka_fmp4) = tokio::join!(
        shaka("Shaka Packager, HLS with MPEG-TS", OutputFormat::Ts, Encryption::Clear),
        shaka("Shaka Packager, HLS with fragmented MP4", OutputFormat::Fmp4, Encryption::Clear)
    );
    let (sample_aes, cbcs) = tokio::join!(
        shaka("Shaka Packager, HLS with MPEG-TS, SAMPLE-AES", OutputFormat::Ts, Encryption::Cbcs { clear_lead: 0 }),
        shaka("Shaka Packager, HLS with fragmented MP4, cbcs after a clear lead", OutputFormat::Fmp4, LEAD)
    );
    let (number, time) = tokio::join!(
        ffmpeg_dash("ffmpeg, DASH with $Number$ from MPEG-TS", EncoderFeed::Ts, SegmentNaming::Number),
        ffmpeg_dash("ffmpeg, DASH with $Time$ from fragmented MP4", EncoderFeed::Fmp4, SegmentNaming::Time)
    );
    let (shaka_dash, nginx_hls) = tokio::join!(
        shaka("Shaka Packager, DASH", OutputFormat::Dash, Encryption::Clear),
        nginx_rtmp("nginx-rtmp, HLS with MPEG-TS", nginx_rtmp::OutputFormat::Hls)
    );
    let nginx_dash = nginx_rtmp("nginx-rtmp, DASH", nginx_rtmp::OutputFormat::Dash).await?;
    let hls = [ts?, fmp4?, shaka_ts?, shaka_fmp4?, sample_aes?, cbcs?, nginx_hls?];
    Ok(hls.into_iter().chain([number?, time?, shaka_dash?, nginx_dash]).collect())
}

async fn ffmpeg_dash(name: &'static str, feed: EncoderFeed, naming: SegmentNaming) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = FfmpegDash::start(feed, naming, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    probe_for_a_minute(name, &files.url(MPD), "T2").await
}

async fn ffmpeg(name: &'static str, format: SegmentFormat) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Ffmpeg::start(format, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    probe_for_a_minute(name, &files.url(MASTER), "T2").await
}

async fn shaka(name: &'static str, format: OutputFormat, encryption: Encryption) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Shaka::start(format, encryption, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let path = if format == OutputFormat::Dash { shaka::MPD } else { MASTER };
    probe_for_a_minute(name, &files.url(path), "UNDATED").await
}

async fn nginx_rtmp(name: &'static str, format: nginx_rtmp::OutputFormat) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let mut packager = NginxRtmp::start(format, folder.path()).await?;
    packager.ready(WINDOW, PATIENCE).await?;
    probe_for_a_minute(name, &packager.url(), "UNDATED").await
}

async fn probe_for_a_minute(name: &'static str, url: &str, template: &str) -> io::Result<PackagerResult> {
    let catalogue =
        format!("channels:\n  - {{channel_code: TV, input_url: '{url}', template: {template}, resolution: 640x360}}\n");
    let (prober, _settings) = prober(&catalogue, &format!("{TEMPLATES}{UNDATED}"), "", Clock::System);
    let mut result = StreamResult::new(EVERY);
    let mut tick = tokio::time::interval(EVERY);
    for _ in 0..PROBES {
        tick.tick().await;
        let ask = ProbeRequest { target: "TV".to_owned(), template: None, output: None };
        let probed = prober.probe(ask, 2 * EVERY).await.map_err(io::Error::other)?;
        result.record(&probed.report);
    }
    result.sort();
    Ok(PackagerResult { name, result })
}
