//! The fixtures: one loop of 8 s in four units of 2 s, as muxed transport streams and as CMAF tracks.
//! `media/make.sh` makes them.

use std::ops::Range;
use std::sync::OnceLock;

use super::channels::Ladder;
use super::faults::Effect;
use super::{captions, mp4, sound, ts};

/// Units in the loop, and the length of one.
pub const LOOP_UNITS: i64 = 4;
pub const UNIT_MS: i64 = 2000;

pub const VIDEO_TIMESCALE: i64 = 90_000;
pub const AUDIO_TIMESCALE: i64 = 48_000;

/// Where each audio unit of the CMAF track begins, in AAC frames: the first at or after each 2 s.
const AUDIO_UNIT_FRAMES: [i64; 4] = [0, 94, 188, 282];
pub const AAC_FRAME: i64 = 1024;

/// One rung of the ladder.
pub struct Rung {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    /// The first part of CODECS, as the bitstream says it.
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
    (sound $name:literal) => {
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

pub static RUNGS: [Rung; 4] = [
    rung!("1080p", 1920, 1080, "avc1.640028"),
    rung!("720p", 1280, 720, "avc1.64001f"),
    rung!("540p", 960, 540, "avc1.64001f"),
    rung!("360p", 640, 360, "avc1.64001e"),
];

pub static HEVC_RUNGS: [Rung; 4] = [
    rung!(hevc "1080p", 1920, 1080, "hvc1.2.4.L120.90"),
    rung!(hevc "720p", 1280, 720, "hvc1.2.4.L93.90"),
    rung!(hevc "540p", 960, 540, "hvc1.2.4.L90.90"),
    rung!(hevc "360p", 640, 360, "hvc1.2.4.L63.90"),
];

pub static SOUND_RUNGS: [Rung; 3] = [rung!(sound "128k"), rung!(sound "64k"), rung!(sound "32k")];

impl Ladder {
    pub fn rungs(self) -> &'static [Rung] {
        match self {
            Self::Avc | Self::Captioned => &RUNGS,
            Self::Hevc => &HEVC_RUNGS,
            Self::Sound => &SOUND_RUNGS,
        }
    }
}

static AUDIO_MP4: &[u8] = include_bytes!("../../media/audio.mp4");

/// A CMAF track: its header and its fragments, one a unit; and each of these in parts that are fragments too.
pub struct Track {
    pub init: &'static [u8],
    pub units: Vec<&'static [u8]>,
    pub parts: Vec<Vec<Vec<u8>>>,
}

/// The fixtures, taken apart once.
pub struct Media {
    pub ts: Vec<Vec<ts::Unit>>,
    pub video: Vec<Track>,
    pub hevc: Vec<Track>,
    /// Both with closed captions.
    pub captioned_ts: Vec<Vec<ts::Unit>>,
    pub captioned: Vec<Track>,
    pub audio: Track,
    /// Frames of the loop, and the units of a transport stream that holds nothing else.
    pub sound: Vec<Vec<&'static [u8]>>,
    pub sound_ts: Vec<Vec<ts::Unit>>,
    /// The same with frames missing in each unit.
    pub sound_gap_ts: Vec<Vec<ts::Unit>>,
}

impl Media {
    /// The transport stream of a rung, and what the second unit of its segments is taken from.
    pub fn transport(&self, ladder: Ladder, rung: usize, effect: Option<Effect>) -> [&[ts::Unit]; 2] {
        match (ladder, effect) {
            (Ladder::Sound, Some(Effect::SoundGap)) => [&self.sound_gap_ts[rung]; 2],
            (Ladder::Sound, _) => [&self.sound_ts[rung]; 2],
            (Ladder::Captioned, effect) if effect != Some(Effect::CaptionsMissing) => [&self.captioned_ts[rung]; 2],
            (_, Some(Effect::OtherPicture)) => [&self.ts[rung], &self.ts[rung + 1]],
            _ => [&self.ts[rung]; 2],
        }
    }

    /// The CMAF track of a rung.
    pub fn track(&self, ladder: Ladder, rung: usize) -> &Track {
        match ladder {
            Ladder::Hevc => &self.hevc[rung],
            Ladder::Captioned => &self.captioned[rung],
            Ladder::Avc | Ladder::Sound => &self.video[rung],
        }
    }
}

pub fn media() -> &'static Media {
    static MEDIA: OnceLock<Media> = OnceLock::new();
    MEDIA.get_or_init(|| Media {
        ts: RUNGS.iter().map(|rung| ts::units(&rung.ts)).collect(),
        video: RUNGS.iter().map(|rung| mp4::split(rung.mp4)).collect(),
        hevc: HEVC_RUNGS.iter().map(|rung| mp4::split(rung.mp4)).collect(),
        captioned_ts: RUNGS.iter().map(|rung| ts::units(&rung.ts.map(captions::transport))).collect(),
        captioned: RUNGS.iter().map(|rung| captioned(mp4::split(rung.mp4))).collect(),
        audio: mp4::split(AUDIO_MP4),
        sound: SOUND_RUNGS.iter().map(|rung| sound::frames(rung.adts)).collect(),
        sound_ts: sound_units(false),
        sound_gap_ts: sound_units(true),
    })
}

/// Made once, and kept for as long as the program runs, as the fixtures are.
fn captioned(track: Track) -> Track {
    let units = track.units.iter().map(|unit| &*captions::fragment(unit).leak()).collect();
    Track { units, ..track }
}

fn sound_units(gap: bool) -> Vec<Vec<ts::Unit>> {
    SOUND_RUNGS.iter().map(|rung| ts::units(&sound::transport(&sound::frames(rung.adts), gap))).collect()
}

/// Start of a unit on the endless audio track, in ticks of 48 kHz.
pub fn audio_start(unit: i64) -> i64 {
    let frames = AUDIO_UNIT_FRAMES[unit.rem_euclid(LOOP_UNITS) as usize];
    unit.div_euclid(LOOP_UNITS) * 375 * AAC_FRAME + frames * AAC_FRAME
}

/// AAC frames in a unit of the CMAF track.
pub fn audio_frames(unit: i64) -> i64 {
    (audio_start(unit + 1) - audio_start(unit)) / AAC_FRAME
}

/// Peak and mean bit rate over the loop, when segments take the given numbers of units in turn.
pub fn bit_rates(sizes: &[usize], layout: &[i64]) -> (u64, u64) {
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
