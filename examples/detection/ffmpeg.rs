//! ffmpeg as a live packager: three renditions of a test picture and a tone, in real time, into a folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

const PICTURE: &str = "testsrc2=size=640x360:rate=25";
const TONE: &str = "sine=frequency=440:sample_rate=48000";
/// Height and bits per second of each rendition.
const LADDER: [(u32, u32); 3] = [(360, 600_000), (270, 350_000), (180, 200_000)];

/// A running packager; it ends when this is dropped. It keeps the folder's files.
#[derive(Debug)]
pub struct Ffmpeg {
    kind: Kind,
    folder: PathBuf,
    child: Option<Child>,
}

impl Ffmpeg {
    /// Begins to write into `folder`, which exists. The first playlists come after some 2 s: see [`Self::ready`].
    ///
    /// # Errors
    /// When the program `ffmpeg` isn't there or can't be started.
    pub fn start(kind: Kind, folder: &Path) -> io::Result<Self> {
        let mut packager = Self { kind, folder: folder.to_owned(), child: None };
        packager.restart()?;
        Ok(packager)
    }

    /// Stops as a crash would: the playlists stay as they are, without EXT-X-ENDLIST.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts anew: numbers and timestamps begin again at 0, over the files of the run before.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.child = Some(command(self.kind, &self.folder).spawn()?);
        Ok(())
    }

    /// Waits until all playlists are there and list a whole window, so that players can start.
    ///
    /// # Errors
    /// When that takes longer than `within`, or ffmpeg ended: with what it said.
    pub async fn ready(&mut self, segments: usize, within: Duration) -> io::Result<()> {
        let began = Instant::now();
        while !self.lists(segments) {
            if let Some(said) = self.ended()? {
                return Err(io::Error::other(format!("ffmpeg ended: {said}")));
            }
            if began.elapsed() > within {
                return Err(io::Error::other(format!("ffmpeg listed no {segments} segments within {within:?}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn lists(&self, segments: usize) -> bool {
        let listed = |place: usize| {
            let text = fs::read_to_string(self.folder.join(format!("v{place}/index.m3u8"))).unwrap_or_default();
            text.matches("#EXTINF").count()
        };
        self.folder.join(MASTER).exists() && (0..LADDER.len()).all(|place| listed(place) >= segments)
    }

    /// What it said, if it isn't running any more.
    fn ended(&mut self) -> io::Result<Option<String>> {
        let Some(child) = &mut self.child else { return Ok(Some("it was stopped".to_owned())) };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        let mut said = String::new();
        if let Some(stderr) = &mut child.stderr {
            stderr.read_to_string(&mut said)?;
        }
        Ok(Some(format!("{status}: {}", said.trim())))
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(kind: Kind, folder: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    command.args(["-re", "-f", "lavfi", "-i", PICTURE, "-re", "-f", "lavfi", "-i", TONE]);
    command.args(["-filter_complex", &scaled()]);
    for (place, (_, rate)) in LADDER.iter().enumerate() {
        command.args(["-map", &format!("[v{place}]"), "-map", "1:a"]);
        command.args([format!("-b:v:{place}"), rate.to_string()]);
        command.args([format!("-maxrate:v:{place}"), rate.to_string()]);
        command.args([format!("-bufsize:v:{place}"), rate.to_string()]);
    }
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1"]);
    command.args(["-pix_fmt", "yuv420p", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"]);
    command.args(["-c:a", "aac", "-b:a", "64k", "-ac", "2"]);
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
