//! ffmpeg as a live HLS packager and as the encoder for other packagers: a test picture and a tone in three renditions
//! in real time.

use crate::child_process::{ChildProcess, command_without_stdio, wait_for_segments};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Format of the HLS segments that ffmpeg writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentFormat {
    Ts,
    Fmp4,
}

/// Path of the multivariant playlist in ffmpeg's output folder.
pub const MASTER: &str = "master.m3u8";
/// Duration of ffmpeg's segments, and the value of EXT-X-TARGETDURATION.
pub const SEGMENT: Duration = Duration::from_secs(2);
/// Height in pixels and bit rate in bit/s of each video rendition.
pub const LADDER: [(u32, u32); 3] = [(360, 600_000), (270, 350_000), (180, 200_000)];

const PICTURE: &str = "testsrc2=size=640x360:rate=25";
const TONE: &str = "sine=frequency=440:sample_rate=48000";

/// A running ffmpeg packager. It ends when this value is dropped; the files stay in the folder.
#[derive(Debug)]
pub struct Ffmpeg {
    format: SegmentFormat,
    folder: PathBuf,
    processes: Vec<ChildProcess>,
}

impl Ffmpeg {
    /// Starts ffmpeg, which writes into `folder`; the folder has to exist. The first playlists come after about 2 s:
    /// see [`Self::ready`].
    ///
    /// # Errors
    /// `ffmpeg` isn't installed or can't be started.
    pub fn start(format: SegmentFormat, folder: &Path) -> io::Result<Self> {
        let mut packager = Self { format, folder: folder.to_owned(), processes: Vec::new() };
        packager.restart()?;
        Ok(packager)
    }

    /// Stops ffmpeg as a crash would: the playlists stay as they are, without EXT-X-ENDLIST.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// Starts ffmpeg again: numbers and timestamps begin again at 0, and its files replace those of the run before.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.processes.push(ChildProcess::start(&mut command(self.format, &self.folder))?);
        Ok(())
    }

    /// Returns the paths of the media playlists.
    pub fn playlists(&self) -> Vec<PathBuf> {
        media_playlists(&self.folder)
    }

    /// Waits until every media playlist lists `segments` segments or more.
    ///
    /// # Errors
    /// The wait takes longer than `timeout`, or ffmpeg ended; the error has its standard error.
    pub async fn ready(&mut self, segments: usize, timeout: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        wait_for_segments(&mut self.processes, &playlists, segments, timeout).await
    }
}

/// Returns the paths of the ladder's media playlists in a packager's folder.
pub fn media_playlists(folder: &Path) -> Vec<PathBuf> {
    (0..LADDER.len()).map(|index| folder.join(format!("v{index}/index.m3u8"))).collect()
}

/// Makes an ffmpeg command whose inputs are the ladder's pictures `[v0]`, `[v1]` … and the tone `1:a`, in real time.
pub fn encoder_source() -> Command {
    let mut command = command_without_stdio("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    command.args(["-re", "-f", "lavfi", "-i", PICTURE, "-re", "-f", "lavfi", "-i", TONE]);
    command.args(["-filter_complex", &scale_filter()]);
    command
}

/// Adds the encoders of an output to an ffmpeg command, with a key frame at the start of each segment.
pub fn set_encoders(command: &mut Command) {
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1"]);
    command.args(["-pix_fmt", "yuv420p", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"]);
    command.args(["-c:a", "aac", "-b:a", "64k", "-ac", "2"]);
}

/// Adds the bit rate in bit/s of the output's video stream `index` to an ffmpeg command.
pub fn set_bit_rate(command: &mut Command, index: usize, rate: u32) {
    for option in ["b", "maxrate", "bufsize"] {
        command.args([format!("-{option}:v:{index}"), rate.to_string()]);
    }
}

/// Makes an ffmpeg command with one output, whose format is still to be named: every rendition of the ladder, then the tone.
pub fn ladder_encoder() -> Command {
    let mut command = encoder_source();
    for (index, (_, bits)) in LADDER.iter().enumerate() {
        command.args(["-map", &format!("[v{index}]")]);
        set_bit_rate(&mut command, index, *bits);
    }
    command.args(["-map", "1:a"]);
    set_encoders(&mut command);
    command
}

/// An encoder that writes one transport stream to its standard output: every rendition of the ladder, then the tone.
pub fn transport_stream_encoder() -> Command {
    let mut command = ladder_encoder();
    write_transport_stream(&mut command);
    command
}

/// An encoder like [`transport_stream_encoder`] whose transport stream has a program for each rendition, with the tone
/// in each. The programs are numbered from 1.
pub fn multi_program_encoder() -> Command {
    let mut command = encoder_source();
    for (index, (_, bits)) in LADDER.iter().enumerate() {
        let (video, audio) = (2 * index, 2 * index + 1);
        command.args(["-map", &format!("[v{index}]"), "-map", "1:a"]);
        command.args(["-program", &format!("program_num={}:st={video}:st={audio}", index + 1)]);
        set_bit_rate(&mut command, index, *bits);
    }
    set_encoders(&mut command);
    write_transport_stream(&mut command);
    command
}

/// Sends the output as a transport stream to standard output, a pipe. It begins at time stamp 0: ffmpeg's usual start at
/// 1.4 s would make the first segment of a packager short that cuts at multiples of the segment duration.
fn write_transport_stream(command: &mut Command) {
    command.args(["-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-"]).stdout(Stdio::piped());
}

/// Writes the multivariant playlist of the ladder, for packagers that write media playlists only: the rendition `index` is
/// in the folder `v{index}`, which is made.
///
/// # Errors
/// When a folder or the file can't be written.
pub fn write_multivariant_playlist(folder: &Path) -> io::Result<()> {
    let mut text = String::from("#EXTM3U\n");
    for (index, (height, bits)) in LADDER.iter().enumerate() {
        let width = (height * 16).div_ceil(9).next_multiple_of(2);
        let codecs = "avc1.42c01e,mp4a.40.2";
        let _ = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={},RESOLUTION={width}x{height},FRAME-RATE=25.000,CODECS=\"{codecs}\"",
            bits * 3 / 2 + 200_000
        );
        let _ = writeln!(text, "v{index}/index.m3u8");
        fs::create_dir_all(folder.join(format!("v{index}")))?;
    }
    fs::write(folder.join(MASTER), text)
}

fn command(format: SegmentFormat, folder: &Path) -> Command {
    let mut command = encoder_source();
    command.current_dir(folder);
    for (index, (_, bits)) in LADDER.iter().enumerate() {
        command.args(["-map", &format!("[v{index}]"), "-map", "1:a"]);
        set_bit_rate(&mut command, index, *bits);
    }
    set_encoders(&mut command);
    let (segment_type, extension) = match format {
        SegmentFormat::Ts => ("mpegts", "ts"),
        SegmentFormat::Fmp4 => ("fmp4", "m4s"),
    };
    command.args(["-f", "hls", "-hls_time", "2", "-hls_list_size", "8", "-hls_delete_threshold", "4"]);
    command.args(["-hls_flags", "delete_segments+program_date_time+independent_segments+temp_file"]);
    command.args(["-hls_segment_type", segment_type, "-master_pl_name", MASTER]);
    command.args([
        "-var_stream_map",
        &variant_stream_map(),
        "-hls_segment_filename",
        &format!("v%v/seg_%d.{extension}"),
    ]);
    command.arg("v%v/index.m3u8");
    command
}

fn scale_filter() -> String {
    let copies: String = (0..LADDER.len()).map(|index| format!("[c{index}]")).collect();
    let scale = |(index, (height, _)): (usize, &(u32, u32))| format!(";[c{index}]scale=-2:{height}[v{index}]");
    let scales: String = LADDER.iter().enumerate().map(scale).collect();
    format!("[0:v]split={}{copies}{scales}", LADDER.len())
}

fn variant_stream_map() -> String {
    let pairs: Vec<String> = (0..LADDER.len()).map(|index| format!("v:{index},a:{index}")).collect();
    pairs.join(" ")
}
