//! ffmpeg's command lines, and the bounds that hold for a decode.

use std::ffi::OsString;

use crate::input::{Coded, DecodeOutputs, PictureChoice};
use crate::sound::MOST_STREAMS;

/// The address space of ffmpeg in bytes for pictures of up to 1080 lines. The libraries of Debian's ffmpeg alone take 280 MB of
/// it, nearly all of them pages that no decoder touches; with 300 MB it starts, and can't decode.
pub(crate) const MEMORY_HD: u64 = 600 << 20;
/// The address space of ffmpeg in bytes for larger pictures.
const MEMORY_UHD: u64 = 1_000 << 20;
/// The largest picture that a decode with [`MEMORY_HD`] accepts, in pixels: 1920 × 1088 and some rows more.
const PIXELS_HD: u32 = 1_920 * 1_152;
/// The largest picture that is decoded at all, in pixels.
const PIXELS_UHD: u32 = 4_096 * 2_304;
/// The largest number of pictures a second.
const PICTURES_A_SECOND: f64 = 125.0;
/// The longest media that are decoded at once, in seconds.
const LONGEST: f64 = 120.0;

/// Upper bounds of one decode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Duration of the decoded media in seconds.
    pub(crate) seconds: f64,
    /// Number of decoded pictures.
    pub(crate) pictures: u32,
    /// Number of pixels of one picture.
    pub(crate) pixels: u32,
    /// Address space of the process in bytes.
    pub(crate) memory: u64,
    /// Number of bytes that ffmpeg writes to standard error.
    pub(crate) message_bytes: u64,
}

impl Bounds {
    pub(crate) fn of(coded: &Coded) -> Self {
        let duration = if coded.duration.is_finite() { coded.duration.clamp(0.0, LONGEST) } else { 0.0 };
        let seconds = 2.0 * duration + 10.0;
        let large = coded.pixels.is_none_or(|pixels| pixels > PIXELS_HD);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 250 s of 125 pictures")]
        let pictures = (seconds * PICTURES_A_SECOND) as u32;
        Self {
            seconds,
            pictures,
            pixels: if large { PIXELS_UHD } else { PIXELS_HD },
            memory: if large { MEMORY_UHD } else { MEMORY_HD },
            // A picture's lines of `showinfo` have some 400 bytes; its user data come in hexadecimal.
            message_bytes: 1 << 20 | (u64::from(pictures) * 4_096),
        }
    }
}

/// Every option before the input. `-protocol_whitelist pipe` and the fixed demuxer keep media from naming files.
fn input(coded: &Coded) -> Vec<OsString> {
    let mut options =
        words(&["-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", "-benchmark", "-max_error_rate", "1"]);
    options.extend(words(&["-protocol_whitelist", "pipe", "-f", coded.container.demuxer()]));
    options.extend(words(&["-threads", "1"]));
    options
}

/// The command that writes every picture, or every key frame, as 8-bit YUV 4:2:0 at its own size.
///
/// One process and one pipe carry all that is measured: a second output of smaller pictures would cost a scaler in ffmpeg, and
/// a second pipe can't be handed over without unsafe code. `showinfo` says when a picture is shown.
pub(crate) fn for_pictures(coded: &Coded, wanted: DecodeOutputs, bounds: &Bounds) -> Vec<OsString> {
    let mut options = input(coded);
    options.extend(words(&["-max_pixels", &bounds.pixels.to_string()]));
    if wanted.pictures == PictureChoice::KeyFrames {
        options.extend(words(&["-skip_frame", "nokey"]));
    }
    options.extend(words(&["-i", "pipe:0", "-map", "0:v:0", "-vf", "showinfo=checksum=0,format=yuv420p|yuvj420p"]));
    options.extend(words(&["-fps_mode", "passthrough", "-frames:v", &bounds.pictures.to_string()]));
    options.extend(words(&["-f", "yuv4mpegpipe", "pipe:1"]));
    options
}

/// The command that writes each of the audio streams as 32-bit float samples. AVI carries several streams, with their channels'
/// positions, through one pipe. Nothing is mixed down, and no level is changed by metadata (`drc_scale`).
pub(crate) fn for_sound(coded: &Coded) -> Vec<OsString> {
    let mut options = input(coded);
    options.extend(words(&["-drc_scale", "0", "-vn", "-i", "pipe:0"]));
    let named = coded.audio_streams.iter().take(MOST_STREAMS).map(|id| format!("0:a:i:{id}?"));
    let all = (0..MOST_STREAMS).filter(|_| coded.audio_streams.is_empty()).map(|stream| format!("0:a:{stream}?"));
    for stream in named.chain(all) {
        options.extend(words(&["-map", &stream]));
    }
    options.extend(words(&["-c:a", "pcm_f32le", "-f", "avi", "pipe:1"]));
    options
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}
