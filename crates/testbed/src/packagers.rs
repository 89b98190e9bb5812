//! Probes of real packagers in real time.

use crate::ffmpeg::{Ffmpeg, MASTER, SegmentFormat};
use crate::ffmpeg_dash::{EncoderFeed, FfmpegDash, MPD, SegmentNaming};
use crate::gstreamer::{self, GStreamer};
use crate::harness::{TEMPLATES, prober};
use crate::matrix::{ATTEMPTS, BUSY, PackagerResult, StreamResult, TrueFinding};
use crate::nginx_rtmp::{self, NginxRtmp};
use crate::pace;
use crate::restarts::{RestartablePackager, stop_and_restart};
use crate::shaka::{self, Encryption, OutputFormat, Shaka};
use crate::static_files::StaticFiles;
use crate::vlc::Vlc;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use packager_exporter::probe::{Clock, ProbeRequest, Prober};
use packager_exporter::report::Report;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Time between two probes of a real packager.
pub const EVERY: Duration = Duration::from_secs(2);
/// Number of probes of a real packager in one minute.
const PROBES: usize = 31;
/// Number of segments that a packager has to list before it is probed: the shortest window that passes every check.
const WINDOW: usize = 6;
/// Longest wait for a packager; no wait takes as long, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);
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

/// A real packager with its output.
#[derive(Debug, Clone, Copy)]
enum PackagerKind {
    Ffmpeg(SegmentFormat),
    FfmpegDash(EncoderFeed, SegmentNaming),
    Shaka(OutputFormat, Encryption),
    NginxRtmp(nginx_rtmp::OutputFormat),
    GStreamer(gstreamer::OutputFormat),
    Vlc,
}

/// Every packager, in the order of docs/detection.md, with its true findings.
const PACKAGERS: &[(&str, PackagerKind, &[TrueFinding])] = &[
    ("ffmpeg, HLS with MPEG-TS", PackagerKind::Ffmpeg(SegmentFormat::Ts), &[]),
    ("ffmpeg, HLS with fragmented MP4", PackagerKind::Ffmpeg(SegmentFormat::Fmp4), &[]),
    ("Shaka Packager, HLS with MPEG-TS", PackagerKind::Shaka(OutputFormat::Ts, Encryption::Clear), &[]),
    ("Shaka Packager, HLS with fragmented MP4", PackagerKind::Shaka(OutputFormat::Fmp4, Encryption::Clear), &[]),
    (
        "Shaka Packager, HLS with MPEG-TS, SAMPLE-AES",
        PackagerKind::Shaka(OutputFormat::Ts, Encryption::Cbcs { clear_lead: 0 }),
        &[],
    ),
    (
        "Shaka Packager, HLS with fragmented MP4, cbcs after a clear lead",
        PackagerKind::Shaka(OutputFormat::Fmp4, LEAD),
        &[],
    ),
    ("nginx-rtmp, HLS with MPEG-TS", PackagerKind::NginxRtmp(nginx_rtmp::OutputFormat::Hls), &[]),
    ("GStreamer (hlssink2), HLS with MPEG-TS", PackagerKind::GStreamer(gstreamer::OutputFormat::Hls), &[]),
    ("VLC (livehttp), HLS with MPEG-TS", PackagerKind::Vlc, &[]),
    ("ffmpeg, DASH with $Number$ from MPEG-TS", PackagerKind::FfmpegDash(EncoderFeed::Ts, SegmentNaming::Number), &[]),
    (
        "ffmpeg, DASH with $Time$ from fragmented MP4",
        PackagerKind::FfmpegDash(EncoderFeed::Fmp4, SegmentNaming::Time),
        &[],
    ),
    ("Shaka Packager, DASH", PackagerKind::Shaka(OutputFormat::Dash, Encryption::Clear), &[]),
    ("nginx-rtmp, DASH", PackagerKind::NginxRtmp(nginx_rtmp::OutputFormat::Dash), &[]),
    (
        "GStreamer (dashsink), DASH with $Number$ and MPEG-TS",
        PackagerKind::GStreamer(gstreamer::OutputFormat::DashByNumber),
        DASHSINK,
    ),
    (
        "GStreamer (dashsink), DASH in a SegmentList with MPEG-TS",
        PackagerKind::GStreamer(gstreamer::OutputFormat::DashInList),
        DASHSINK_LIST,
    ),
];

const FIRST_BUFFERS: TrueFinding = TrueFinding {
    check: "bandwidth_exceeded",
    why: "@bandwidth is the bytes of the first buffers, about an eighth of the bit rate (ISO/IEC 23009-1 5.3.5.4)",
};
const NO_CLOCK: TrueFinding = TrueFinding {
    check: "dash_clock_wrong",
    why: "segments are addressed by the clock, and no UTCTiming names one (ISO/IEC 23009-1 5.8.4.11; DASH-IF IOP 4.3)",
};
const NO_START: TrueFinding = TrueFinding {
    check: "dash_syntax_error",
    why: "the first Period of the live MPD has no start: it is an Early Available Period, which dash.js and Media3 don't play (ISO/IEC 23009-1 5.3.2.1)",
};
const NO_PROFILE: TrueFinding = TrueFinding {
    check: "codec_mismatch",
    why: "@codecs is avc1 without profile and level, which Media Source Extensions don't take (RFC 6381 3.3)",
};
const DASHSINK: &[TrueFinding] = &[FIRST_BUFFERS, NO_CLOCK, NO_START, NO_PROFILE];
const DASHSINK_LIST: &[TrueFinding] = &[
    FIRST_BUFFERS,
    NO_CLOCK,
    NO_PROFILE,
    TrueFinding {
        check: "dash_syntax_error",
        why: "mediaPresentationDuration is a hundredth of what is listed (ISO/IEC 23009-1 5.3.1.2)",
    },
];

/// Probes every packager for a minute, two at the same time, because each has its own encoder. Packagers that can be
/// started again are then stopped and started again.
///
/// # Errors
/// A packager can't be started, or lists no segments in time.
pub async fn watch() -> io::Result<Vec<PackagerResult>> {
    watch_named(|_| true).await
}

/// Probes the packagers whose name satisfies `matches`, like [`watch`].
///
/// # Errors
/// The same as those of [`watch`].
pub async fn watch_named(matches: impl Fn(&str) -> bool) -> io::Result<Vec<PackagerResult>> {
    let chosen = PACKAGERS.iter().filter(|(name, ..)| matches(name));
    let results = stream::iter(chosen)
        .map(|(name, kind, true_findings)| async move { watch_patiently(name, *kind, true_findings).await });
    results.buffered(2).try_collect().await
}

/// Probes a packager, again when the result is surprising and the machine is busy: an encoder that doesn't keep real time is
/// a stopped packager by every measure.
async fn watch_patiently(
    name: &'static str,
    kind: PackagerKind,
    true_findings: &'static [TrueFinding],
) -> io::Result<PackagerResult> {
    let mut attempt = 1;
    loop {
        let result = PackagerResult { true_findings, ..watch_one(name, kind).await? };
        let is_late = result.restart.as_ref().is_some_and(|restart| !restart.is_on_time());
        let is_surprising = is_late || !result.false_findings().failed_checks.is_empty();
        if attempt == ATTEMPTS || !is_surprising || tokio::task::block_in_place(pace::slowdown) < BUSY {
            return Ok(result);
        }
        eprintln!("{name}: probed again on a busy machine");
        attempt += 1;
    }
}

async fn watch_one(name: &'static str, kind: PackagerKind) -> io::Result<PackagerResult> {
    match kind {
        PackagerKind::Ffmpeg(format) => ffmpeg(name, format).await,
        PackagerKind::FfmpegDash(feed, naming) => ffmpeg_dash(name, feed, naming).await,
        PackagerKind::Shaka(format, encryption) => shaka(name, format, encryption).await,
        PackagerKind::NginxRtmp(format) => nginx_rtmp(name, format).await,
        PackagerKind::GStreamer(format) => gstreamer(name, format).await,
        PackagerKind::Vlc => vlc(name).await,
    }
}

async fn ffmpeg_dash(name: &'static str, feed: EncoderFeed, naming: SegmentNaming) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = FfmpegDash::start(feed, naming, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let channel = WatchedChannel::new(&files.url(MPD), "T2");
    probe_and_restart(name, channel, &mut packager).await
}

async fn ffmpeg(name: &'static str, format: SegmentFormat) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Ffmpeg::start(format, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let channel = WatchedChannel::new(&files.url(MASTER), "T2");
    probe_and_restart(name, channel, &mut packager).await
}

async fn gstreamer(name: &'static str, format: gstreamer::OutputFormat) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = GStreamer::start(format, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let path = if format == gstreamer::OutputFormat::Hls { MASTER } else { gstreamer::MPD };
    let channel = WatchedChannel::new(&files.url(path), "UNDATED");
    probe_and_restart(name, channel, &mut packager).await
}

async fn vlc(name: &'static str) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Vlc::start(folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let channel = WatchedChannel::new(&files.url(MASTER), "UNDATED");
    probe_and_restart(name, channel, &mut packager).await
}

async fn shaka(name: &'static str, format: OutputFormat, encryption: Encryption) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Shaka::start(format, encryption, folder.path())?;
    packager.ready(WINDOW, PATIENCE).await?;
    let path = if format == OutputFormat::Dash { shaka::MPD } else { MASTER };
    let result = WatchedChannel::new(&files.url(path), "UNDATED").probe_for_a_minute().await?;
    Ok(PackagerResult { name, true_findings: &[], result, restart: None })
}

async fn nginx_rtmp(name: &'static str, format: nginx_rtmp::OutputFormat) -> io::Result<PackagerResult> {
    let folder = tempfile::tempdir()?;
    let mut packager = NginxRtmp::start(format, folder.path()).await?;
    packager.ready(WINDOW, PATIENCE).await?;
    let result = WatchedChannel::new(&packager.url(), "UNDATED").probe_for_a_minute().await?;
    Ok(PackagerResult { name, true_findings: &[], result, restart: None })
}

async fn probe_and_restart(
    name: &'static str,
    mut channel: WatchedChannel,
    packager: &mut impl RestartablePackager,
) -> io::Result<PackagerResult> {
    let result = channel.probe_for_a_minute().await?;
    let restart = Some(stop_and_restart(&mut channel, packager).await?);
    Ok(PackagerResult { name, true_findings: &[], result, restart })
}

/// The channel of a real packager, with a prober of its own.
pub struct WatchedChannel {
    prober: Prober,
    tick: tokio::time::Interval,
    _settings: TempDir,
}

impl WatchedChannel {
    fn new(url: &str, template: &str) -> Self {
        let catalogue = format!(
            "channels:\n  - {{channel_code: TV, input_url: '{url}', template: {template}, resolution: 640x360}}\n"
        );
        let (prober, settings) = prober(&catalogue, &format!("{TEMPLATES}{UNDATED}"), "", Clock::System);
        Self { prober, tick: tokio::time::interval(EVERY), _settings: settings }
    }

    /// Waits for the next multiple of [`EVERY`], and probes.
    ///
    /// # Errors
    /// When the probe is refused.
    pub async fn probe(&mut self) -> io::Result<Arc<Report>> {
        self.tick.tick().await;
        let ask = ProbeRequest { target: "TV".to_owned(), template: None, output: None };
        Ok(self.prober.probe(ask, 5 * EVERY).await.map_err(io::Error::other)?.report)
    }

    async fn probe_for_a_minute(&mut self) -> io::Result<StreamResult> {
        let mut result = StreamResult::new(EVERY);
        for _ in 0..PROBES {
            result.record(&*self.probe().await?);
        }
        result.sort();
        Ok(result)
    }
}
