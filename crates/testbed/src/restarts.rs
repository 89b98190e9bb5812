//! A real packager that is stopped and started again while it is probed: when the exporter reported what, and of how many
//! renditions.

use crate::ffmpeg::{Ffmpeg, SEGMENT};
use crate::ffmpeg_dash::FfmpegDash;
use crate::gstreamer::GStreamer;
use crate::packagers::{EVERY, PATIENCE, WatchedChannel};
use crate::vlc::Vlc;
use packager_exporter::finding::{Finding, Severity};
use packager_exporter::report::Report;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Checks that report a stopped packager.
const STOPPED: [&str; 4] =
    ["hls_playlist_stale", "dash_mpd_stale", "dash_live_edge_unavailable", "segment_unavailable"];
const RESTARTED: &str = "packager_restarted";

/// A packager that can be stopped and started again.
pub trait RestartablePackager {
    /// Stops like a crash.
    fn stop(&mut self);

    /// Starts again, over the files of the run before.
    ///
    /// # Errors
    /// When a program can't be started.
    fn restart(&mut self) -> io::Result<()>;

    /// Files of the media playlists, or of the MPD.
    fn playlists(&self) -> Vec<PathBuf>;
}

macro_rules! restartable {
    ($($packager:ty: $playlists:expr;)*) => {$(
        impl RestartablePackager for $packager {
            fn stop(&mut self) {
                <$packager>::stop(self);
            }

            fn restart(&mut self) -> io::Result<()> {
                <$packager>::restart(self)
            }

            fn playlists(&self) -> Vec<PathBuf> {
                $playlists(self)
            }
        }
    )*};
}

restartable! {
    Ffmpeg: Ffmpeg::playlists;
    FfmpegDash: |packager: &FfmpegDash| vec![packager.mpd()];
    GStreamer: GStreamer::playlists;
    Vlc: Vlc::playlists;
}

/// What was reported of a packager that stopped and started again.
#[derive(Debug)]
pub struct RestartResult {
    /// Renditions of the channel.
    pub renditions: usize,
    /// The first finding of a stopped packager, and the time since it last wrote a manifest.
    pub stale: Option<Reported>,
    /// The first critical finding of a stopped packager, and the same time.
    pub critical: Option<Reported>,
    /// The finding of the second start, and the time since the new run wrote its last first manifest.
    pub restarted: Option<Reported>,
}

/// A check that failed.
#[derive(Debug)]
pub struct Reported {
    pub check: &'static str,
    pub after: Duration,
    /// Number of renditions with a finding; `None` when the finding is of the whole output.
    pub renditions: Option<usize>,
}

impl RestartResult {
    /// Whether every finding came by the second probe after it was due, for every rendition: the age of the live edge
    /// counts from the probe that first saw it, and is 1.5 segments for the first finding and 3 for the critical one.
    pub fn is_on_time(&self) -> bool {
        let by =
            |reported: &Option<Reported>, due: Duration| reported.as_ref().is_some_and(|r| r.after < due + 2 * EVERY);
        let all = |reported: &Option<Reported>| {
            reported.as_ref().and_then(|r| r.renditions).is_none_or(|count| count == self.renditions)
        };
        by(&self.stale, SEGMENT * 3 / 2)
            && by(&self.critical, SEGMENT * 3)
            && by(&self.restarted, Duration::ZERO)
            && all(&self.critical)
            && all(&self.restarted)
    }
}

/// Stops the packager, probes until that is critical, starts it again, and probes until that was reported.
///
/// # Errors
/// When the packager can't be started again, or a probe is refused.
pub async fn stop_and_restart(
    channel: &mut WatchedChannel,
    packager: &mut impl RestartablePackager,
) -> io::Result<RestartResult> {
    packager.stop();
    let stopped = written(packager)?.into_iter().max().unwrap_or_else(SystemTime::now);
    let (mut stale, mut critical, mut restarted) = (None, None, None);
    let mut renditions = 0;
    while critical.is_none() && since(stopped) < PATIENCE {
        let report = channel.probe().await?;
        renditions = report.capture.outputs.iter().map(|output| output.renditions.len()).sum();
        let found = |worst| reported(&report, &STOPPED, worst, since(stopped));
        stale = stale.or_else(|| found(Severity::Warning));
        critical = found(Severity::Critical);
    }
    packager.restart()?;
    let started = SystemTime::now();
    while restarted.is_none() && since(started) < PATIENCE {
        let began = written(packager)?.into_iter().min().filter(|first| *first > started);
        let report = channel.probe().await?;
        let after = began.map_or(Duration::ZERO, since);
        restarted = reported(&report, &[RESTARTED], Severity::Warning, after)
            .filter(|r| r.renditions.is_none_or(|count| count == renditions) || after > 3 * EVERY);
    }
    Ok(RestartResult { renditions, stale, critical, restarted })
}

/// When the manifests were last written; those that aren't there are left out.
fn written(packager: &impl RestartablePackager) -> io::Result<Vec<SystemTime>> {
    packager.playlists().iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.modified()).collect()
}

fn since(at: SystemTime) -> Duration {
    at.elapsed().unwrap_or_default()
}

/// The first of `checks` that has a finding of this severity or a worse one.
fn reported(report: &Report, checks: &[&str], severity: Severity, after: Duration) -> Option<Reported> {
    let findings = || report.outcomes.iter().flat_map(|outcome| &outcome.findings);
    let of = |check: &str| findings().filter(|f| f.check == check && f.severity >= severity).collect::<Vec<&Finding>>();
    let found = checks.iter().map(|check| of(check)).find(|found| !found.is_empty())?;
    let named: BTreeSet<&str> = found.iter().filter_map(|f| f.rendition.as_deref()).collect();
    let check = found.first()?.check;
    Some(Reported { check, after, renditions: (!named.is_empty()).then_some(named.len()) })
}
