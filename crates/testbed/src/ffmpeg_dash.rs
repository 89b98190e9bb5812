//! ffmpeg as a live DASH packager: it repackages the transport stream or fragmented MP4 that an encoder sends through a
//! pipe.

use crate::child_process::{ChildProcess, command_without_stdio, start_piped, wait_until};
use crate::ffmpeg::{LADDER, ladder_encoder, transport_stream_encoder};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Format in which the encoder sends its output to the packager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderFeed {
    Ts,
    Fmp4,
}

/// Segment addressing of the MPD that ffmpeg writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentNaming {
    /// The MPD has `$Number$` with a constant duration.
    Number,
    /// The MPD has `$Time$` with a SegmentTimeline.
    Time,
}

/// Path of the MPD in ffmpeg's output folder.
pub const MPD: &str = "manifest.mpd";

/// A running ffmpeg DASH packager with its encoder. Both end when this value is dropped; the files stay in the folder.
#[derive(Debug)]
pub struct FfmpegDash {
    feed: EncoderFeed,
    naming: SegmentNaming,
    folder: PathBuf,
    processes: Vec<ChildProcess>,
}

impl FfmpegDash {
    /// Starts encoder and packager, which writes into `folder`; the folder has to exist.
    ///
    /// # Errors
    /// `ffmpeg` isn't installed or can't be started.
    pub fn start(feed: EncoderFeed, naming: SegmentNaming, folder: &Path) -> io::Result<Self> {
        let mut packager = Self { feed, naming, folder: folder.to_owned(), processes: Vec::new() };
        packager.restart()?;
        Ok(packager)
    }

    /// Stops encoder and packager as a crash would: the MPD stays as it is.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// Starts encoder and packager again: availabilityStartTime is now, numbers and times begin again, and the files
    /// replace those of the run before.
    ///
    /// # Errors
    /// A program can't be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let mut packager = packager(self.feed, self.naming);
        self.processes = start_piped(&mut encoder(self.feed), packager.current_dir(&self.folder))?;
        Ok(())
    }

    /// Returns the path of the MPD.
    pub fn mpd(&self) -> PathBuf {
        self.folder.join(MPD)
    }

    /// Waits until every rendition has `segments` segments or more.
    ///
    /// # Errors
    /// The wait takes longer than `timeout`, or a program ended; the error has its standard error.
    pub async fn ready(&mut self, segments: usize, timeout: Duration) -> io::Result<()> {
        let (folder, mpd) = (self.folder.clone(), self.mpd());
        let named = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap_or_default();
        let whole = |name: &String| name.starts_with("chunk") && name.ends_with(".m4s");
        let count = || fs::read_dir(&folder).map_or(0, |all| all.flatten().map(|e| named(&e)).filter(whole).count());
        // Every video rendition and the audio.
        let wanted = segments * (LADDER.len() + 1);
        wait_until(&mut self.processes, timeout, segments, || mpd.exists() && count() >= wanted).await
    }
}

fn encoder(feed: EncoderFeed) -> Command {
    if feed == EncoderFeed::Ts {
        return transport_stream_encoder();
    }
    let mut command = ladder_encoder();
    // Without its edit list the first picture would last longer by the audio's priming, which would change the
    // frame rate in the MPD.
    command.args(["-f", "mp4", "-movflags", "frag_keyframe+delay_moov+default_base_moof"]);
    command.arg("-").stdout(Stdio::piped());
    command
}

fn packager(feed: EncoderFeed, naming: SegmentNaming) -> Command {
    let mut command = command_without_stdio("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-y", "-i", "pipe:0", "-map", "0", "-c", "copy"]);
    if feed == EncoderFeed::Ts {
        // The codec tags of a transport stream differ from those of MP4.
        command.args(["-tag:v", "avc1", "-tag:a", "mp4a", "-bsf:a", "aac_adtstoasc"]);
    }
    command.args(["-f", "dash", "-seg_duration", "2", "-window_size", "8", "-extra_window_size", "8"]);
    let (timeline, name) = match naming {
        SegmentNaming::Number => ("0", "$Number$"),
        SegmentNaming::Time => ("1", "$Time$"),
    };
    command.args(["-use_template", "1", "-use_timeline", timeline, "-utc_timing_url", "/time"]);
    command.args(["-media_seg_name", &format!("chunk-$RepresentationID$-{name}.m4s")]);
    command.args(["-adaptation_sets", "id=0,streams=v id=1,streams=a", MPD]);
    command
}
