//! Shaka Packager as a live packager, which ffmpeg feeds through a pipe: three video renditions and one audio
//! rendition.

use crate::child_process::{ChildProcess, command_without_stdio, start_piped, wait_for_segments, wait_until};
use crate::ffmpeg::{LADDER, MASTER, transport_stream_encoder};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/bin/packager");

/// Output format of Shaka Packager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Shaka Packager writes HLS with transport stream segments.
    Ts,
    /// Shaka Packager writes HLS with fragmented MP4 segments.
    Fmp4,
    /// Shaka Packager writes DASH with `$Time$` and a SegmentTimeline.
    Dash,
}

/// Path of the MPD in Shaka Packager's output folder.
pub const MPD: &str = "manifest.mpd";

/// Encryption of Shaka Packager's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    Clear,
    /// Shaka Packager encrypts with the scheme `cbcs` (SAMPLE-AES in transport streams), for three DRM systems and with
    /// one key.
    Cbcs {
        /// Number of seconds at the beginning of Shaka Packager's output that aren't encrypted.
        clear_lead: u32,
    },
    /// The output has the scheme `cenc`, for two DRM systems and with one key.
    Cenc,
}

/// A running Shaka Packager with its encoder. Both end when this value is dropped.
#[derive(Debug)]
pub struct Shaka {
    format: OutputFormat,
    folder: PathBuf,
    processes: Vec<ChildProcess>,
}

impl Shaka {
    /// Starts Shaka Packager and its encoder, which write into `folder`; the folder has to exist.
    ///
    /// # Errors
    /// One of the two programs isn't installed or can't be started.
    pub fn start(format: OutputFormat, encryption: Encryption, folder: &Path) -> io::Result<Self> {
        let mut packager = packager(format);
        set_encryption(&mut packager, encryption);
        let processes = start_piped(&mut transport_stream_encoder(), packager.current_dir(folder))?;
        Ok(Self { format, folder: folder.to_owned(), processes })
    }

    /// Stops packager and encoder as a crash would.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// Returns the paths of the media playlists, or of the MPD.
    pub fn playlists(&self) -> Vec<PathBuf> {
        if self.format == OutputFormat::Dash {
            return vec![self.folder.join(MPD)];
        }
        stream_names().map(|name| self.folder.join(name).join("index.m3u8")).collect()
    }

    /// Waits until every playlist lists `segments` segments or more.
    ///
    /// # Errors
    /// The wait takes longer than `timeout`, or a program ended; the error has its standard error.
    pub async fn ready(&mut self, segments: usize, timeout: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        if self.format == OutputFormat::Dash {
            let there = |name: String| fs::read_dir(self.folder.join(name)).map_or(0, Iterator::count) > segments;
            return wait_until(&mut self.processes, timeout, segments, || {
                playlists.iter().all(|p| p.exists()) && stream_names().all(there)
            })
            .await;
        }
        wait_for_segments(&mut self.processes, &playlists, segments, timeout).await
    }
}

/// Iterates over the names of the renditions in the order of the input's streams: video, then audio.
fn stream_names() -> impl Iterator<Item = String> {
    (0..LADDER.len()).map(|index| format!("v{index}")).chain(["audio".to_owned()])
}

fn packager(format: OutputFormat) -> Command {
    let mut command = command_without_stdio(PROGRAM);
    for (number, name) in stream_names().enumerate() {
        let (init, sound) = (format!("init_segment={name}/init.mp4"), name == "audio");
        let files = match format {
            OutputFormat::Ts => format!("segment_template={name}/$Number$.ts"),
            OutputFormat::Fmp4 => format!("{init},segment_template={name}/$Number$.m4s"),
            OutputFormat::Dash => format!("{init},segment_template={name}/$Time$.m4s"),
        };
        let playlist = match (format, sound) {
            (OutputFormat::Dash, _) => String::new(),
            (_, false) => format!(",playlist_name={name}/index.m3u8"),
            (_, true) => format!(",playlist_name={name}/index.m3u8,hls_group_id=audio,hls_name=Vietnamese"),
        };
        command.arg(format!("in=/dev/stdin,stream={number},{files}{playlist}"));
    }
    command.arg("--quiet");
    if format == OutputFormat::Dash {
        command.args(["--mpd_output", MPD, "--minimum_update_period", "2", "--suggested_presentation_delay", "6"]);
        command.args(["--utc_timings", "urn:mpeg:dash:utc:http-xsdate:2014=/time"]);
    } else {
        command.args(["--hls_master_playlist_output", MASTER, "--hls_playlist_type", "LIVE"]);
    }
    command.args(["--segment_duration", "2", "--time_shift_buffer_depth", "16"]);
    command.args(["--preserved_segments_outside_live_window", "8", "--default_language", "vi"]);
    // The first window begins at EXT-X-MEDIA-SEQUENCE 0, and each later one at the number in its first segment's name.
    // By default names begin at 1, and every number would change its segment once.
    command.args(["--start_segment_number", "0"]);
    command
}

fn set_encryption(command: &mut Command, encryption: Encryption) {
    let (scheme, systems, clear_lead) = match encryption {
        Encryption::Clear => return,
        Encryption::Cbcs { clear_lead } => ("cbcs", "Widevine,PlayReady,FairPlay", clear_lead),
        Encryption::Cenc => ("cenc", "Widevine,PlayReady", 0),
    };
    let key = "label=:key_id=00112233445566778899aabbccddeeff:key=ffeeddccbbaa99887766554433221100";
    command.args(["--enable_raw_key_encryption", "--keys", key, "--protection_scheme", scheme]);
    command.args(["--protection_systems", systems, "--hls_key_uri", "skd://key"]);
    command.args(["--clear_lead", &clear_lead.to_string()]);
}
