//! GStreamer as a live packager, which ffmpeg feeds through a pipe: `hlssink2` for HLS and `dashsink` for DASH.

use crate::child_process::{ChildProcess, command_without_stdio, start_piped, wait_for_segments, wait_until};
use crate::ffmpeg::{LADDER, media_playlists, transport_stream_encoder, write_multivariant_playlist};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// HLS with transport streams; each rendition has the sound too.
    Hls,
    /// DASH with transport streams, by `$Number$` with a duration.
    DashByNumber,
    /// DASH with transport streams, in a SegmentList of all segments.
    DashInList,
}

/// Path of the MPD in the folder.
pub const MPD: &str = "manifest.mpd";

/// A running packager with its encoder. Both end when this value is dropped; the files stay in the folder.
#[derive(Debug)]
pub struct GStreamer {
    format: OutputFormat,
    folder: PathBuf,
    processes: Vec<ChildProcess>,
}

impl GStreamer {
    /// Starts to write into `folder`, which exists.
    ///
    /// # Errors
    /// When one of the two processes isn't there or can't be started, or the multivariant playlist, which GStreamer
    /// doesn't write, can't be written.
    pub fn start(format: OutputFormat, folder: &Path) -> io::Result<Self> {
        if format == OutputFormat::Hls {
            write_multivariant_playlist(folder)?;
        }
        let mut packager = Self { format, folder: folder.to_owned(), processes: Vec::new() };
        packager.restart()?;
        Ok(packager)
    }

    /// Stops like a crash: the playlists or the MPD stay as they are.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// Starts again: numbers begin again, over the files of the run before.
    ///
    /// # Errors
    /// When a program can't be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let mut packager = packager(self.format);
        self.processes = start_piped(&mut transport_stream_encoder(), packager.current_dir(&self.folder))?;
        Ok(())
    }

    /// Files of the media playlists, or of the MPD.
    pub fn playlists(&self) -> Vec<PathBuf> {
        if self.format == OutputFormat::Hls { media_playlists(&self.folder) } else { vec![self.folder.join(MPD)] }
    }

    /// Waits until every rendition has so many segments.
    ///
    /// # Errors
    /// When that takes longer than `timeout`, or when a program ended; the message has its standard error.
    pub async fn ready(&mut self, segments: usize, timeout: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        if self.format == OutputFormat::Hls {
            return wait_for_segments(&mut self.processes, &playlists, segments, timeout).await;
        }
        let files = || fs::read_dir(&self.folder).map_or(0, Iterator::count);
        // Every video rendition and the audio, with the segment that is being written, and the MPD.
        let wanted = (segments + 1) * (LADDER.len() + 1) + 1;
        wait_until(&mut self.processes, timeout, segments, || files() >= wanted).await
    }
}

/// The demultiplexer names its streams after the PIDs that ffmpeg gives: 0x100 and so on, first the pictures.
fn packager(format: OutputFormat) -> Command {
    let mut command = command_without_stdio("gst-launch-1.0");
    command.args("-q fdsrc fd=0 ! tsdemux name=d".split(' '));
    let sound = LADDER.len();
    for index in 0..LADDER.len() {
        let sink = if format == OutputFormat::Hls { format!("s{index}.video") } else { format!("s.video_{index}") };
        add(&mut command, &format!("d.video_0_010{index} ! queue ! h264parse ! {sink}"));
    }
    add(&mut command, &format!("d.audio_0_010{sound} ! queue ! aacparse ! tee name=sound"));
    match format {
        OutputFormat::Hls => (0..LADDER.len()).for_each(|index| add_hls_sink(&mut command, index)),
        OutputFormat::DashByNumber => add_dash_sink(&mut command, false),
        OutputFormat::DashInList => add_dash_sink(&mut command, true),
    }
    command
}

fn add(command: &mut Command, pipeline: &str) {
    command.args(pipeline.split(' '));
}

fn add_hls_sink(command: &mut Command, index: usize) {
    let files = format!("location=v{index}/seg_%05d.ts playlist-location=v{index}/index.m3u8");
    let window = "target-duration=2 playlist-length=8 max-files=12 send-keyframe-requests=false";
    add(command, &format!("hlssink2 name=s{index} {files} {window} sound. ! queue ! s{index}.audio"));
}

fn add_dash_sink(command: &mut Command, list: bool) {
    let files = format!("mpd-root-path=. mpd-filename={MPD} muxer=ts use-segment-list={list}");
    let updates = "target-duration=2 dynamic=true minimum-update-period=2000 send-keyframe-requests=false";
    add(command, &format!("dashsink name=s {files} {updates} sound. ! queue ! s.audio_0"));
}
