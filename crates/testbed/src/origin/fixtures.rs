//! Media fixtures of the origin: a loop of 8 s in four media units of 2 s, as muxed transport streams and as CMAF
//! tracks. The origin plays it for ever and counts the units from the epoch. `media/make.sh` generates the fixtures.

use std::ops::Range;
use std::sync::OnceLock;

use super::channels::Ladder;
use super::faults::Effect;
use super::{audio_only, captions, mp4, ts};

/// Number of media units in the loop of 8 s; `UNIT_MS` is the duration of a media unit in milliseconds.
pub(super) const LOOP_UNITS: i64 = 4;
pub(super) const UNIT_MS: i64 = 2000;

pub(super) const VIDEO_TIMESCALE: i64 = 90_000;
pub(super) const AUDIO_TIMESCALE: i64 = 48_000;

/// First AAC frame of each media unit (2 s) in the CMAF audio track: the first frame at or after a multiple of 2 s.
const AUDIO_UNIT_FRAMES: [i64; 4] = [0, 94, 188, 282];
pub(super) const AAC_FRAME: i64 = 1024;

/// A rung of the ladder with its media files.
pub(super) struct Rung {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    /// Codec string (RFC 6381) of the rung's video, or of the audio in an audio-only rung.
    pub codec: &'static str,
    ts: [&'static [u8]; 4],
    mp4: &'static [u8],
    adts: &'static [u8],
}

macro_rules! rung {
    ($name:literal, $width:literal, $height:literal, $codec:literal) => {
        Rung {
            name: $name,
            width: $width,
            height: $height,
            codec: $codec,
            ts: [
                include_bytes!(concat!("../../media/", $name, "_0.ts")),
                include_bytes!(concat!("../../media/", $name, "_1.ts")),
                include_bytes!(concat!("../../media/", $name, "_2.ts")),
                include_bytes!(concat!("../../media/", $name, "_3.ts")),
            ],
            mp4: include_bytes!(concat!("../../media/", $name, ".mp4")),
            adts: &[],
        }
    };
    (hevc $name:literal, $width:literal, $height:literal, $codec:literal) => {
        Rung {
            name: $name,
            width: $width,
            height: $height,
            codec: $codec,
            ts: [&[]; 4],
            mp4: include_bytes!(concat!("../../media/hevc_", $name, ".mp4")),
            adts: &[],
        }
    };
    (audio $name:literal) => {
        Rung {
            name: $name,
            width: 0,
            height: 0,
            codec: "mp4a.40.2",
            ts: [&[]; 4],
            mp4: &[],
            adts: include_bytes!(concat!("../../media/", $name, ".aac")),
        }
    };
}

pub(super) static RUNGS: [Rung; 4] = [
    rung!("1080p", 1920, 1080, "avc1.640028"),
    rung!("720p", 1280, 720, "avc1.64001f"),
    rung!("540p", 960, 540, "avc1.64001f"),
    rung!("360p", 640, 360, "avc1.64001e"),
];

pub(super) static HEVC_RUNGS: [Rung; 4] = [
    rung!(hevc "1080p", 1920, 1080, "hvc1.2.4.L120.90"),
    rung!(hevc "720p", 1280, 720, "hvc1.2.4.L93.90"),
    rung!(hevc "540p", 960, 540, "hvc1.2.4.L90.90"),
    rung!(hevc "360p", 640, 360, "hvc1.2.4.L63.90"),
];

pub(super) static AUDIO_RUNGS: [Rung; 3] = [rung!(audio "128k"), rung!(audio "64k"), rung!(audio "32k")];

impl Ladder {
    pub(super) fn rungs(self) -> &'static [Rung] {
        match self {
            Self::Avc | Self::Captioned => &RUNGS,
            Self::Hevc => &HEVC_RUNGS,
            Self::AudioOnly => &AUDIO_RUNGS,
        }
    }
}

static AUDIO_MP4: &[u8] = include_bytes!("../../media/audio.mp4");
/// The audio track and its bare frames as digital silence.
static SILENT_MP4: &[u8] = include_bytes!("../../media/silent.mp4");
static SILENT_AAC: &[u8] = include_bytes!("../../media/silent.aac");

/// A CMAF track: its initialization segment, a fragment for each media unit of 2 s, and the smaller fragments that are
/// the parts of a unit.
pub(super) struct Track {
    pub init: &'static [u8],
    pub units: Vec<&'static [u8]>,
    pub parts: Vec<Vec<Vec<u8>>>,
}

/// Media fixtures, split into media units of 2 s.
pub(super) struct Fixtures {
    pub ts: Vec<Vec<ts::Unit>>,
    pub video: Vec<Track>,
    pub hevc: Vec<Track>,
    /// Media units of the transport streams with closed captions, by rung.
    pub captioned_ts: Vec<Vec<ts::Unit>>,
    pub captioned: Vec<Track>,
    pub audio: Track,
    /// The audio track, its frames and its transport streams as digital silence.
    silent_audio: Track,
    silent_frames: Vec<&'static [u8]>,
    silent_ts: Vec<ts::Unit>,
    /// AAC frames of the looped audio, by rung. `audio_only_ts` has the audio-only transport stream in units of 2 s, by
    /// rung.
    pub audio_frames_by_rung: Vec<Vec<&'static [u8]>>,
    pub audio_only_ts: Vec<Vec<ts::Unit>>,
    /// Media units of an audio-only transport stream in which AAC frames are missing, by rung.
    pub audio_gap_ts: Vec<Vec<ts::Unit>>,
}

impl Fixtures {
    /// Returns two transport streams of a rung, in units of 2 s. A segment of two units takes its first unit from the
    /// first stream and its second unit from the second one. They differ only if the fault changes the resolution
    /// inside of segments.
    pub(super) fn transport(&self, ladder: Ladder, rung: usize, effect: Option<Effect>) -> [&[ts::Unit]; 2] {
        match (ladder, effect) {
            (Ladder::AudioOnly, Some(Effect::SoundSilent)) => [&self.silent_ts; 2],
            (Ladder::AudioOnly, Some(Effect::AudioGap)) => [&self.audio_gap_ts[rung]; 2],
            (Ladder::AudioOnly, _) => [&self.audio_only_ts[rung]; 2],
            (Ladder::Captioned, effect) if effect != Some(Effect::CaptionsMissing) => [&self.captioned_ts[rung]; 2],
            (_, Some(Effect::ResolutionChangeInside)) => [&self.ts[rung], &self.ts[rung + 1]],
            _ => [&self.ts[rung]; 2],
        }
    }

    /// Returns the CMAF audio track.
    pub(super) fn audio_track(&self, effect: Option<Effect>) -> &Track {
        if effect == Some(Effect::SoundSilent) { &self.silent_audio } else { &self.audio }
    }

    /// Returns the AAC frames of an audio-only rung.
    pub(super) fn audio_only_frames(&self, rung: usize, effect: Option<Effect>) -> &[&'static [u8]] {
        if effect == Some(Effect::SoundSilent) { &self.silent_frames } else { &self.audio_frames_by_rung[rung] }
    }

    /// Returns the CMAF track of a rung.
    pub(super) fn track(&self, ladder: Ladder, rung: usize) -> &Track {
        match ladder {
            Ladder::Hevc => &self.hevc[rung],
            Ladder::Captioned => &self.captioned[rung],
            Ladder::Avc | Ladder::AudioOnly => &self.video[rung],
        }
    }
}

pub(super) fn fixtures() -> &'static Fixtures {
    static FIXTURES: OnceLock<Fixtures> = OnceLock::new();
    FIXTURES.get_or_init(|| Fixtures {
        ts: RUNGS.iter().map(|rung| ts::units(&rung.ts)).collect(),
        video: RUNGS.iter().map(|rung| mp4::split(rung.mp4)).collect(),
        hevc: HEVC_RUNGS.iter().map(|rung| mp4::split(rung.mp4)).collect(),
        captioned_ts: RUNGS.iter().map(|rung| ts::units(&rung.ts.map(captions::add_to_transport_stream))).collect(),
        captioned: RUNGS.iter().map(|rung| with_captions(mp4::split(rung.mp4))).collect(),
        audio: mp4::split(AUDIO_MP4),
        silent_audio: mp4::split_units(SILENT_MP4),
        silent_frames: audio_only::frames(SILENT_AAC),
        silent_ts: ts::units(&audio_only::transport_units(&audio_only::frames(SILENT_AAC), false)),
        audio_frames_by_rung: AUDIO_RUNGS.iter().map(|rung| audio_only::frames(rung.adts)).collect(),
        audio_only_ts: audio_units(false),
        audio_gap_ts: audio_units(true),
    })
}

/// Adds closed captions to a CMAF track. The captioned copies are never freed, like all fixtures.
fn with_captions(track: Track) -> Track {
    let units = track.units.iter().map(|unit| &*captions::add_to_fragment(unit).leak()).collect();
    Track { units, ..track }
}

fn audio_units(gap: bool) -> Vec<Vec<ts::Unit>> {
    AUDIO_RUNGS
        .iter()
        .map(|rung| ts::units(&audio_only::transport_units(&audio_only::frames(rung.adts), gap)))
        .collect()
}

/// Returns the start of unit number `unit` on the audio track, in ticks of 48 kHz. A unit is 2 s of media, rounded to
/// whole AAC frames; the track has no end.
pub(super) fn audio_start(unit: i64) -> i64 {
    let frames = AUDIO_UNIT_FRAMES[unit.rem_euclid(LOOP_UNITS) as usize];
    unit.div_euclid(LOOP_UNITS) * 375 * AAC_FRAME + frames * AAC_FRAME
}

/// Returns the number of AAC frames in unit number `unit` (2 s of media) of the CMAF track.
pub(super) fn audio_frames(unit: i64) -> i64 {
    (audio_start(unit + 1) - audio_start(unit)) / AAC_FRAME
}

/// Returns the peak and the mean bit rate in bit/s. `sizes` are the sizes in bytes of the four 2 s units of a loop, and
/// `layout` the possible lengths of a segment in units.
pub(super) fn bit_rates(sizes: &[usize], layout: &[i64]) -> (u64, u64) {
    let total: usize = sizes.iter().sum();
    let mean = total as u64 * 8 / 8;
    let peak = layout
        .iter()
        .flat_map(|&units| (0..LOOP_UNITS).map(move |first| first..first + units))
        .map(|span| rate(sizes, span))
        .max()
        .unwrap_or(mean);
    (peak, mean)
}

fn rate(sizes: &[usize], span: Range<i64>) -> u64 {
    let seconds = (span.end - span.start) as u64 * UNIT_MS as u64 / 1000;
    let bytes: usize = span.map(|unit| sizes[(unit % LOOP_UNITS) as usize]).sum();
    (bytes as u64 * 8).div_ceil(seconds)
}
