//! ffmpeg: a test picture and a tone in three renditions, in real time; as a live packager itself, and as the encoder
//! that feeds another.

use crate::running::{Running, listed, quiet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the segments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ts,
    Fmp4,
}

/// The multivariant playlist, below the folder.
pub const MASTER: &str = "master.m3u8";
/// Length of the segments; EXT-X-TARGETDURATION says the same.
pub const SEGMENT: Duration = Duration::from_secs(2);
/// Height and bits per second of each rendition.
pub const LADDER: [(u32, u32); 3] = [(360, 600_000), (270, 350_000), (180, 200_000)];

const PICTURE: &str = "testsrc2=size=640x360:rate=25";
const TONE: &str = "sine=frequency=440:sample_rate=48000";

/// A running packager; it ends when this is dropped. It keeps the folder's files.
#[derive(Debug)]
pub struct Ffmpeg {
    kind: Kind,
    folder: PathBuf,
    running: Vec<Running>,
}

impl Ffmpeg {
    /// Begins to write into `folder`, which exists. The first playlists come after some 2 s: see [`Self::ready`].
    ///
    /// # Errors
    /// When the program `ffmpeg` isn't there or can't be started.
    pub fn start(kind: Kind, folder: &Path) -> io::Result<Self> {
        let mut packager = Self { kind, folder: folder.to_owned(), running: Vec::new() };
        packager.restart()?;
        Ok(packager)
    }

    /// Stops as a crash would: the playlists stay as they are, without EXT-X-ENDLIST.
    pub fn stop(&mut self) {
        self.running.clear();
    }

    /// Starts anew: numbers and timestamps begin again at 0, over the files of the run before.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.running.push(Running::start(&mut command(self.kind, &self.folder))?);
        Ok(())
    }

    /// The media playlists.
    pub fn playlists(&self) -> Vec<PathBuf> {
        (0..LADDER.len()).map(|place| self.folder.join(format!("v{place}/index.m3u8"))).collect()
    }

    /// Waits until all playlists list so many segments.
    ///
    /// # Errors
    /// When that takes longer than `within`, or ffmpeg ended: with what it said.
    pub async fn ready(&mut self, segments: usize, within: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        listed(&mut self.running, &playlists, segments, within).await
    }
}

/// The pictures `[v0]`, `[v1]` … of the ladder and the tone `1:a`, as they would come from a camera.
pub fn source() -> Command {
    let mut command = quiet("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    command.args(["-re", "-f", "lavfi", "-i", PICTURE, "-re", "-f", "lavfi", "-i", TONE]);
    command.args(["-filter_complex", &scaled()]);
    command
}

/// Encoders of an output: a key frame at each segment's start.
pub fn encode(command: &mut Command) {
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1"]);
    command.args(["-pix_fmt", "yuv420p", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"]);
    command.args(["-c:a", "aac", "-b:a", "64k", "-ac", "2"]);
}

/// The bit rate of the output's picture `place`.
pub fn rate(command: &mut Command, place: usize, rate: u32) {
    for option in ["b", "maxrate", "bufsize"] {
        command.args([format!("-{option}:v:{place}"), rate.to_string()]);
    }
}

fn command(kind: Kind, folder: &Path) -> Command {
    let mut command = source();
    command.current_dir(folder);
    for (place, (_, bits)) in LADDER.iter().enumerate() {
        command.args(["-map", &format!("[v{place}]"), "-map", "1:a"]);
        rate(&mut command, place, *bits);
    }
    encode(&mut command);
    let (segment_type, extension) = match kind {
        Kind::Ts => ("mpegts", "ts"),
        Kind::Fmp4 => ("fmp4", "m4s"),
    };
    command.args(["-f", "hls", "-hls_time", "2", "-hls_list_size", "8", "-hls_delete_threshold", "4"]);
    command.args(["-hls_flags", "delete_segments+program_date_time+independent_segments+temp_file"]);
    command.args(["-hls_segment_type", segment_type, "-master_pl_name", MASTER]);
    command.args(["-var_stream_map", &variants(), "-hls_segment_filename", &format!("v%v/seg_%d.{extension}")]);
    command.arg("v%v/index.m3u8");
    command
}

fn scaled() -> String {
    let copies: String = (0..LADDER.len()).map(|place| format!("[c{place}]")).collect();
    let scale = |(place, (height, _)): (usize, &(u32, u32))| format!(";[c{place}]scale=-2:{height}[v{place}]");
    let scales: String = LADDER.iter().enumerate().map(scale).collect();
    format!("[0:v]split={}{copies}{scales}", LADDER.len())
}

fn variants() -> String {
    let pairs: Vec<String> = (0..LADDER.len()).map(|place| format!("v:{place},a:{place}")).collect();
    pairs.join(" ")
}
