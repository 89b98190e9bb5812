//! Programmes of picture and sound that ffmpeg encodes: live HLS channels that play them in a loop, so that each fault of
//! the programme comes, lasts and ends. Unlike the origin's other channels they can be decoded.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Duration of a segment of a programme in seconds.
pub const SEGMENT_SECONDS: u32 = 6;
const SEGMENT_MS: i64 = 1000 * SEGMENT_SECONDS as i64;
/// Number of segments in the playlist of a programme.
const WINDOW: i64 = 6;
/// Number of bytes of a packet of a transport stream.
const PACKET: usize = 188;
/// Packet identifier that ffmpeg gives to the picture.
const PICTURE_PID: u16 = 0x100;
/// Packet identifier that ffmpeg gives to the sound.
const SOUND_PID: u16 = 0x101;
/// Of so many packets of a picture that is damaged in transit, one is lost.
const LOST: usize = 40;

/// A part of a programme.
#[derive(Debug)]
pub struct Part {
    /// Duration in seconds.
    pub seconds: u32,
    /// ffmpeg's source of the picture. `{n}` in it stands for a number that no other part has.
    pub picture: &'static str,
    /// ffmpeg's source of the sound.
    pub sound: &'static str,
    /// What happens to the part after it was encoded; `None`: it is delivered whole.
    pub damage: Option<Damage>,
}

/// What happens to encoded segments before they are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One of [`LOST`] packets of the picture is lost.
    Loss,
    /// The picture parameter sets are those of an encoder with the other entropy coding (ITU-T H.264 7.3.2.2).
    ForeignParameters,
    /// Noise is in the place of the coded sound; its ADTS headers are whole.
    NoisySound,
}

/// Makes a part of a programme that is delivered whole.
#[must_use]
pub const fn part(seconds: u32, picture: &'static str, sound: &'static str) -> Part {
    Part { seconds, picture, sound, damage: None }
}

const fn damaged(damage: Damage, seconds: u32) -> Part {
    Part { seconds, picture: MOVING, sound: NOISE, damage: Some(damage) }
}

/// A programme of picture and sound.
#[derive(Debug)]
pub struct Programme {
    pub id: &'static str,
    pub description: &'static str,
    /// The parts of the programme; together they last a whole number of segments.
    pub parts: &'static [Part],
    /// Options of ffmpeg's encoder of the picture.
    pub encoder: &'static [&'static str],
    /// Index of the part that has the fault. `None`: the programme is good, or its fault lasts from beginning to end.
    pub faulty: Option<usize>,
    /// Ids of the checks that should find the fault. Empty: the programme is good.
    pub expected: &'static [&'static str],
    /// Ids of the checks that fail as a true consequence of the fault.
    pub consequences: &'static [&'static str],
}

impl Programme {
    /// Returns the duration of the programme in segments.
    #[must_use]
    pub fn segments(&self) -> u32 {
        self.parts.iter().map(|part| part.seconds).sum::<u32>() / SEGMENT_SECONDS
    }

    /// Returns the seconds from the beginning of the programme to the beginning and to the end of its fault. `None`: the
    /// programme is good, or its fault has no end.
    #[must_use]
    pub fn fault_seconds(&self) -> Option<(u32, u32)> {
        let faulty = self.faulty?;
        let before: u32 = self.parts.iter().take(faulty).map(|part| part.seconds).sum();
        Some((before, before + self.parts.get(faulty)?.seconds))
    }
}

/// Options of ffmpeg for H.264 with a key frame every 50 pictures.
pub const AVC: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-sc_threshold", "0"];
const HEVC: &[&str] = &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:scenecut=0"];
const INTERLACED: &[&str] =
    &["-c:v", "libx264", "-preset", "ultrafast", "-sc_threshold", "0", "-flags", "+ildct+ilme", "-top", "1"];
const STARVED: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-sc_threshold",
    "0",
    "-b:v",
    "60k",
    "-maxrate",
    "60k",
    "-bufsize",
    "60k",
];

const MOVING: &str = "mandelbrot=s=480x272:r=25:start_scale=1";
/// Like the picture that moves, more slowly.
const DRIFT: &str = "mandelbrot=s=480x272:r=25:start_scale=1:end_pts=700";
const FROZEN: &str = "mandelbrot=s=480x272:r=25,trim=end_frame=1,loop=-1:1:0";
const FROZEN_NOISE: &str = "mandelbrot=s=480x272:r=25,trim=end_frame=1,loop=-1:1:0,noise=alls=3:allf=t";
const BLACK: &str = "color=black:s=480x272:r=25";
const BLACK_LOGO: &str = "color=black:s=480x272:r=25,drawbox=x=410:y=16:w=48:h=24:color=white:t=fill";
const BARS: &str = "smptebars=s=480x272:r=25";
const FADE: &str =
    "mandelbrot=s=480x272:r=25,fade=t=out:st=4:d=1:enable='lt(t,5)',fade=t=in:st=5:d=1:enable='gte(t,5)'";
const LETTERBOX: &str = "mandelbrot=s=480x200:r=25,pad=480:272:0:36";
const DARK: &str = "mandelbrot=s=480x272:r=25,eq=brightness=-0.35:contrast=0.4";
const HEAD: &str = "gradients=s=480x272:r=25:c0=0x304050:c1=0x806040:x0=0:y0=0:x1=479:y1=271:seed=11,trim=end_frame=1,loop=-1:1:0[room{n}];\
    mandelbrot=s=160x160:r=25[head{n}];[room{n}][head{n}]overlay=160:80";
const NOISE: &str = "anoisesrc=c=pink:r=48000:a=0.25,pan=stereo|c0=c0|c1=c0";
const SILENT: &str = "anoisesrc=c=white:r=48000:a=0.0001,pan=stereo|c0=c0|c1=c0";
const DIGITAL_SILENCE: &str = "anullsrc=r=48000:cl=stereo";
const RIGHT_DEAD: &str = "anoisesrc=c=pink:r=48000:a=0.25,pan=stereo|c0=c0|c1=0*c0";
const CLIPPED: &str = "anoisesrc=c=pink:r=48000:a=1,volume=24dB:precision=fixed,pan=stereo|c0=c0|c1=c0";
const LOUD: &str = "anoisesrc=c=pink:r=48000:a=0.9,pan=stereo|c0=c0|c1=c0";
const QUIET: &str = "anoisesrc=c=pink:r=48000:a=0.01,pan=stereo|c0=c0|c1=c0";
/// Three seconds of words, then five without any.
const DRAMA: &str =
    "anoisesrc=c=pink:r=48000:a=0.25,volume=enable='gt(mod(t,8),3)':volume=0.00005,pan=stereo|c0=c0|c1=c0";

/// Declares the programmes: id, description, encoder, parts, the part with the fault, and the checks that fail.
macro_rules! programmes {
    ($($id:literal: $description:literal, $encoder:ident, $parts:expr, $faulty:expr, $expected:expr, $consequences:expr;)*) => {
        static PROGRAMMES: &[Programme] = &[$(Programme {
            id: $id,
            description: $description,
            parts: &$parts,
            encoder: $encoder,
            faulty: $faulty,
            expected: &$expected,
            consequences: &$consequences,
        }),*];
    };
}

programmes! {
    "frozen": "The picture stands still for 36 s.", AVC,
        [part(36, MOVING, NOISE), part(36, FROZEN, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_frozen"], [];
    "frozen_noise": "The picture stands still for 36 s under the noise of an analogue input.", AVC,
        [part(36, MOVING, NOISE), part(36, FROZEN_NOISE, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_frozen"], [];
    "frozen_hevc": "Like frozen, in HEVC.", HEVC,
        [part(36, MOVING, NOISE), part(36, FROZEN, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_frozen"], [];
    "frozen_interlaced": "Like frozen, in interlaced H.264.", INTERLACED,
        [part(36, MOVING, NOISE), part(36, FROZEN, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_frozen"], [];
    "black": "The picture is black for 36 s.", AVC,
        [part(36, MOVING, NOISE), part(36, BLACK, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_black"], ["picture_frozen"];
    "black_logo": "The picture is black for 36 s, but for a station's logo.", AVC,
        [part(36, MOVING, NOISE), part(36, BLACK_LOGO, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_black"], ["picture_frozen"];
    "bars": "Colour bars for 36 s.", AVC,
        [part(36, MOVING, NOISE), part(36, BARS, NOISE), part(24, MOVING, NOISE)], Some(1), ["picture_single_color"], ["picture_frozen"];
    "silent": "The sound is at -80 dBFS for 36 s.", AVC,
        [part(36, DRIFT, NOISE), part(36, DRIFT, SILENT), part(24, DRIFT, NOISE)], Some(1), ["sound_silent"], [];
    "silent_digital": "The sound is digital silence for 36 s.", AVC,
        [part(36, DRIFT, NOISE), part(36, DRIFT, DIGITAL_SILENCE), part(24, DRIFT, NOISE)], Some(1), ["sound_silent"], [];
    "input_lost": "The picture stands still and the sound is away for 36 s.", AVC,
        [part(36, MOVING, NOISE), part(36, FROZEN, SILENT), part(24, MOVING, NOISE)], Some(1), ["picture_frozen", "sound_silent"], [];
    "right_silent": "The right channel has no sound for 90 s.", AVC,
        [part(36, DRIFT, NOISE), part(90, DRIFT, RIGHT_DEAD), part(24, DRIFT, NOISE)], Some(1), ["sound_channel_silent"], [];
    "clipped": "The sound is clipped for 36 s.", AVC,
        [part(36, DRIFT, NOISE), part(36, DRIFT, CLIPPED), part(24, DRIFT, NOISE)], Some(1), ["sound_clipped"], [];
    "damaged": "One of forty packets of the picture is lost in transit for 36 s.", AVC,
        [part(36, MOVING, NOISE), damaged(Damage::Loss, 36), part(24, MOVING, NOISE)], Some(1), ["macroblocking_high"],
        ["ts_continuity_error", "container_invalid", "timestamp_discontinuity", "media_undecodable"];
    "undecodable_picture": "The picture parameter sets are those of another encoder for 36 s.", AVC,
        [part(36, MOVING, NOISE), damaged(Damage::ForeignParameters, 36), part(24, MOVING, NOISE)], Some(1), ["media_undecodable"], ["macroblocking_high"];
    "undecodable_sound": "The sound is noise within whole AAC frames for 36 s.", AVC,
        [part(36, MOVING, NOISE), damaged(Damage::NoisySound, 36), part(24, MOVING, NOISE)], Some(1), ["media_undecodable"], [];
    "starved": "The encoder has 60 kbit/s for a picture that needs a megabit.", STARVED,
        [part(60, MOVING, NOISE)], None, ["macroblocking_high", "mos_low"], [];
    "loud": "The programme is 10 LU too loud.", AVC,
        [part(60, DRIFT, LOUD)], None, ["loudness_off_target"], [];
    "quiet": "The programme is 20 LU too quiet.", AVC,
        [part(60, DRIFT, QUIET)], None, ["loudness_off_target"], [];
    "good_moving": "A picture that moves all the time.", AVC, [part(60, MOVING, NOISE)], None, [], [];
    "good_moving_hevc": "Like good_moving, in HEVC.", HEVC, [part(60, MOVING, NOISE)], None, [], [];
    "good_moving_interlaced": "Like good_moving, in interlaced H.264.", INTERLACED, [part(60, MOVING, NOISE)], None, [], [];
    "good_head": "A head that moves in front of a room that doesn't.", AVC, [part(60, HEAD, NOISE)], None, [], [];
    "good_fade": "A fade of 2 s through black.", AVC, [part(12, FADE, NOISE), part(48, MOVING, NOISE)], None, [], [];
    "good_letterbox": "A film in a letterbox.", AVC, [part(60, LETTERBOX, NOISE)], None, [], [];
    "good_dark": "A dark film.", AVC, [part(60, DARK, NOISE)], None, [], [];
    "good_drama": "Pauses of 5 s between the words of a drama.", AVC, [part(60, DRIFT, DRAMA)], None, [], [];
}

/// Returns the programmes, those with a fault first.
#[must_use]
pub fn programmes() -> &'static [Programme] {
    PROGRAMMES
}

/// Encodes the parts of a programme one after the other into the files `0.ts`, `1.ts` … of a folder. `encoder` has ffmpeg's
/// options for the picture.
///
/// # Errors
/// ffmpeg isn't installed or fails, or the folder can't be written.
pub fn encode(parts: &[Part], encoder: &[&str], folder: &Path) -> io::Result<()> {
    let graph = filter_graph(parts);
    let length = SEGMENT_SECONDS.to_string();
    let status = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-filter_complex", &graph])
        .args(["-map", "[v]", "-map", "[a]"])
        .args(encoder)
        .args(["-g", "50", "-threads", "1", "-c:a", "aac", "-b:a", "96k"])
        .args(["-f", "hls", "-hls_time", &length, "-hls_list_size", "0", "-hls_segment_filename"])
        .args([folder.join("%d.ts"), folder.join("encoded.m3u8")])
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("ffmpeg can't encode this programme ({status}): {graph}")));
    }
    damage(parts, folder)
}

/// Returns ffmpeg's filter graph that plays the parts one after the other.
fn filter_graph(parts: &[Part]) -> String {
    let mut graph = String::new();
    for (n, Part { seconds, picture, sound, .. }) in parts.iter().enumerate() {
        let picture = picture.replace("{n}", &n.to_string());
        let _ = write!(
            graph,
            "{picture},trim=duration={seconds},setpts=N/25/TB,format=yuv420p[v{n}];\
             {sound},atrim=duration={seconds},asetpts=N/SR/TB[a{n}];"
        );
    }
    (0..parts.len()).for_each(|n| _ = write!(graph, "[v{n}][a{n}]"));
    let _ = write!(graph, "concat=n={}:v=1:a=1[v][a]", parts.len());
    graph
}

/// Damages the segments of the parts that are to be damaged.
fn damage(parts: &[Part], folder: &Path) -> io::Result<()> {
    let mut first = 0;
    for part in parts {
        let end = first + part.seconds / SEGMENT_SECONDS;
        for (number, damage) in (first..end).filter_map(|number| Some((number, part.damage?))) {
            let file = folder.join(format!("{number}.ts"));
            let whole = std::fs::read(&file)?;
            let damaged = match damage {
                Damage::Loss => without_some_packets(&whole),
                Damage::ForeignParameters => with_other_entropy_coding(whole),
                Damage::NoisySound => with_noisy_sound(whole),
            };
            std::fs::write(&file, damaged)?;
        }
        first = end;
    }
    Ok(())
}

fn pid(packet: &[u8]) -> Option<u16> {
    let [_, a, b, ..] = packet else { return None };
    Some(u16::from_be_bytes([a & 0x1F, *b]))
}

/// Takes packets of the picture out of a segment.
fn without_some_packets(whole: &[u8]) -> Vec<u8> {
    let mut pictures = 0_usize;
    let kept = whole.chunks(PACKET).filter(|packet| {
        let is_picture = pid(packet) == Some(PICTURE_PID);
        pictures += usize::from(is_picture);
        !is_picture || !pictures.is_multiple_of(LOST)
    });
    kept.flatten().copied().collect()
}

/// Turns entropy_coding_mode_flag over in the picture parameter sets of a segment. Both identifiers before it are 0, one bit each.
fn with_other_entropy_coding(mut segment: Vec<u8>) -> Vec<u8> {
    const START: [u8; 4] = [0, 0, 1, 0x68];
    let sets = segment.windows(START.len()).enumerate().filter(|(_, bytes)| **bytes == START);
    let flags: Vec<usize> = sets.map(|(at, _)| at + START.len()).collect();
    for at in flags {
        if let Some(byte) = segment.get_mut(at) {
            *byte ^= 0x20;
        }
    }
    segment
}

/// Puts noise in the place of the coded sound of a segment, between whole ADTS headers (ISO/IEC 14496-3 1.A.2).
fn with_noisy_sound(mut segment: Vec<u8>) -> Vec<u8> {
    const HEADER: usize = 7;
    let (mut header, mut left) = (Vec::new(), 0_usize);
    let mut noise = 0x2545_F491_u32;
    for packet in segment.chunks_mut(PACKET).filter(|packet| pid(packet) == Some(SOUND_PID)) {
        let from = payload_start(packet);
        for byte in packet.iter_mut().skip(from) {
            if left > 0 {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                *byte = noise.to_be_bytes()[0];
                left -= 1;
                continue;
            }
            header.push(*byte);
            if let [_, _, _, a, b, c, _] = *header {
                let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
                left = length.saturating_sub(HEADER);
                header.clear();
            }
        }
    }
    segment
}

/// Returns where the elementary stream begins in a packet: after its adaptation field, and after the header of a PES packet that starts here.
fn payload_start(packet: &[u8]) -> usize {
    let byte = |at: usize| packet.get(at).copied().map_or(0, usize::from);
    let payload = if byte(3) & 0x20 == 0 { 4 } else { 5 + byte(4) };
    if byte(1) & 0x40 == 0 { payload } else { payload + 9 + byte(payload + 8) }
}

/// The encoded programmes of an origin.
#[derive(Debug, Default)]
pub(super) struct Encoded(Mutex<HashMap<&'static str, Arc<Vec<Bytes>>>>);

impl Encoded {
    /// Encodes the programme with this id, unless that was done before. The programme's files stay in memory.
    pub(super) fn add(&self, id: &str) -> io::Result<()> {
        let unknown = || io::Error::other(format!("no such programme: {id}; the origin's index lists them"));
        let programme = PROGRAMMES.iter().find(|programme| programme.id == id).ok_or_else(unknown)?;
        let folder = tempfile::tempdir()?;
        encode(programme.parts, programme.encoder, folder.path())?;
        let read = |number| std::fs::read(folder.path().join(format!("{number}.ts"))).map(Bytes::from);
        let segments = (0..programme.segments()).map(read).collect::<io::Result<Vec<_>>>()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(programme.id, Arc::new(segments));
        Ok(())
    }

    fn segments(&self, id: &str) -> Option<Arc<Vec<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Returns the playlist or segment of a programme at an instant, with its media type. `path` is `ID/live.m3u8` or
    /// `ID/NUMBER.ts`. The programme began to play at `began_ms`; both times are milliseconds of Unix time. `None`: there
    /// is no such file, or the programme isn't encoded.
    pub(super) fn file(&self, path: &str, began_ms: i64, now_ms: i64) -> Option<(&'static str, Bytes)> {
        let (id, file) = path.split_once('/')?;
        let segments = self.segments(id)?;
        let count = i64::try_from(segments.len()).ok()?;
        if file == "live.m3u8" {
            return Some((super::response::PLAYLIST_TYPE, playlist(count, began_ms, now_ms).into()));
        }
        let number: i64 = file.strip_suffix(".ts")?.parse().ok()?;
        let segment = segments.get(usize::try_from(number.rem_euclid(count)).ok()?)?;
        Some(("video/mp2t", segment.clone()))
    }
}

/// Returns the media playlist of a programme of `count` segments. Its timestamps begin again in each round, which a
/// discontinuity announces.
fn playlist(count: i64, began_ms: i64, now_ms: i64) -> String {
    let newest = WINDOW - 1 + (now_ms - began_ms).max(0) / SEGMENT_MS;
    let first = newest + 1 - WINDOW;
    let rounds = (first - 1).max(0) / count;
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:{rounds}\n"
    );
    for number in first..=newest {
        if number > 0 && number % count == 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let began = began_ms + (number - WINDOW) * SEGMENT_MS;
        let date = jiff::Timestamp::from_millisecond(began).unwrap_or_default();
        let _ = write!(text, "#EXT-X-PROGRAM-DATE-TIME:{date:.3}\n#EXTINF:{SEGMENT_SECONDS}.0,\n{number}.ts\n");
    }
    text
}
