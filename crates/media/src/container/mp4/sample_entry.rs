//! Sample entries (ISO/IEC 14496-12 8.5.2, 12.1.3, 12.2.3): what picture or sound they announce.
//!
//! What can't be read is left out without a defect: it may be newer than this reader.

use super::boxes::Boxed;
use crate::codec::audio::speakers;
use crate::codec::parameters::{Colour, DolbyVision, Parameters, Sound};
use crate::codec::picture::Syntax;
use crate::codec::rfc6381::{Codec, Hevc};
use crate::codec::sei::{self, Light};
use crate::codec::{aac, av1, h264, hevc};
use crate::stream::Resolution;
use mp4_atom::{Ac3SpecificBox, Av1c, Avcc, Colr, Dops, Ec3SpecificBox, Hvcc};

/// Own fields of a visual sample entry.
const VISUAL: usize = 78;
/// Own fields of an audio sample entry; QuickTime's version 1 and 2 have more.
const AUDIO: [usize; 3] = [28, 44, 64];

#[must_use]
pub fn picture(entry: &Boxed<'_>) -> Option<Parameters> {
    let size = entry.body.get(24..28)?.first_chunk::<4>()?;
    let [width, height] = [u16::from_be_bytes([size[0], size[1]]), u16::from_be_bytes([size[2], size[3]])];
    let mut found = None;
    let (mut colour, mut dolby_vision) = (None, None);
    let mut light = Light::default();
    for child in entry.children_behind(VISUAL).map_while(Result::ok) {
        match &child.kind {
            b"avcC" => found = avc(&child),
            b"hvcC" => found = hevc_record(&child, &mut light),
            b"av1C" => found = av1_record(&child),
            b"colr" => colour = described(&child).or(colour),
            b"dvcC" | b"dvvC" | b"dvwC" => dolby_vision = DolbyVision::read(child.body),
            b"mdcv" => light.mastering = sei::mastering(child.body).or(light.mastering),
            b"clli" => light.content = sei::content(child.body).or(light.content),
            _ => {}
        }
    }
    let mut found = found?;
    let picture = found.picture.get_or_insert_default();
    let announced = Resolution { width: width.into(), height: height.into() };
    picture.resolution = picture.resolution.or(Some(announced).filter(|r| r.width > 0 && r.height > 0));
    // The box takes precedence over the bitstream (ISO/IEC 14496-12 12.1.5).
    picture.colour = colour.or(picture.colour);
    picture.dolby_vision = dolby_vision;
    light.add_to(picture);
    Some(found)
}

/// lengthSizeMinusOne of `avcC` or `hvcC` (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1), and one.
#[must_use]
pub fn nal_length(entry: &Boxed<'_>) -> Option<usize> {
    entry.children_behind(VISUAL).map_while(Result::ok).find_map(|child| {
        let at = match &child.kind {
            b"avcC" => 4,
            b"hvcC" => 21,
            _ => return None,
        };
        child.body.get(at).map(|b| usize::from(b & 3) + 1)
    })
}

/// `format` is the entry's own, or that of a protected one.
#[must_use]
pub fn sound(entry: &Boxed<'_>, format: [u8; 4]) -> Option<Parameters> {
    let version = *entry.body.get(9)?;
    let fields = *AUDIO.get(usize::from(version))?;
    let mut found = None;
    for child in entry.children_behind(fields).map_while(Result::ok) {
        found = match &child.kind {
            b"esds" => aac::elementary_stream(child.body.get(4..)?).map(|p| with_entry(p, entry.body)),
            b"dac3" => child.leaf::<Ac3SpecificBox>().ok().map(|b| {
                let channels = Some(speakers(b.acmod, b.lfeon));
                Parameters::of_sound(Codec::Ac3, Sound { channels, sample_rate: dolby_rate(b.fscod), objects: None })
            }),
            b"dec3" => child.leaf::<Ec3SpecificBox>().ok().and_then(|b| enhanced(&b, child.body)),
            // RFC 7845 5.1: output is always at 48 kHz, whatever the input's rate was.
            b"dOps" => child.leaf::<Dops>().ok().map(|b| {
                let sound = Sound { channels: Some(b.output_channel_count.into()), ..Sound::at(48_000) };
                Parameters::of_sound(Codec::Opus, sound)
            }),
            _ => continue,
        };
    }
    found.or_else(|| (&format == b"fLaC").then(|| Parameters::new(Codec::Flac)))
}

/// Profile and level of the record where its parameter set is in the samples (`avc3`).
fn avc(avcc: &Boxed<'_>) -> Option<Parameters> {
    let record = avcc.leaf::<Avcc>().ok()?;
    record.sequence_parameter_sets.iter().find_map(|set| h264::parameters(set)).or_else(|| {
        let (profile, constraints) = (record.avc_profile_indication, record.profile_compatibility);
        Some(Parameters::new(Codec::Avc { profile, constraints, level: record.avc_level_indication }))
    })
}

fn hevc_record(hvcc: &Boxed<'_>, light: &mut Light) -> Option<Parameters> {
    let record = hvcc.leaf::<Hvcc>().ok()?;
    let messages = record.arrays.iter().filter(|a| a.nal_unit_type == hevc::PREFIX_SEI).flat_map(|a| &a.nalus);
    messages.for_each(|unit| light.unit(Syntax::Hevc, unit));
    let sets = record.arrays.iter().filter(|a| a.nal_unit_type == hevc::SPS).flat_map(|a| &a.nalus);
    sets.into_iter().find_map(|set| hevc::parameters(set)).or_else(|| {
        Some(Parameters::new(Codec::Hevc(Hevc {
            space: record.general_profile_space,
            profile: record.general_profile_idc,
            compatibility: u32::from_be_bytes(record.general_profile_compatibility_flags),
            high_tier: record.general_tier_flag,
            level: record.general_level_idc,
            constraints: record.general_constraint_indicator_flags,
        })))
    })
}

fn av1_record(av1c: &Boxed<'_>) -> Option<Parameters> {
    let record = av1c.leaf::<Av1c>().ok()?;
    av1::parameters(&record.config_obus).or_else(|| {
        let bit_depth = if record.twelve_bit { 12 } else { 8 + 2 * u8::from(record.high_bitdepth) };
        let (profile, level) = (record.seq_profile, record.seq_level_idx_0);
        Some(Parameters::new(Codec::Av1 { profile, level, high_tier: record.seq_tier_0, bit_depth }))
    })
}

fn described(colr: &Boxed<'_>) -> Option<Colour> {
    let (primaries, transfer, matrix) = match colr.leaf::<Colr>().ok()? {
        Colr::Nclx { colour_primaries, transfer_characteristics, matrix_coefficients, .. }
        | Colr::Nclc { colour_primaries, transfer_characteristics, matrix_coefficients } => {
            (colour_primaries, transfer_characteristics, matrix_coefficients)
        }
        _ => return None,
    };
    Some(Colour { primaries, transfer, matrix })
}

/// Hz by fscod (ETSI TS 102 366 table 4.1).
fn dolby_rate(code: u8) -> Option<u32> {
    [48_000, 44_100, 32_000].get(usize::from(code)).copied()
}

/// Of the first independent substream; channels of substreams that depend on it are in its samples. Behind the substreams
/// a flag says that objects (Joint Object Coding) are there, and then how many (ETSI TS 103 420).
fn enhanced(dec3: &Ec3SpecificBox, body: &[u8]) -> Option<Parameters> {
    let first = dec3.substreams.first()?;
    let channels = (first.num_dep_sub == 0).then(|| speakers(first.acmod, first.lfeon));
    let substreams: usize = dec3.substreams.iter().map(|s| if s.num_dep_sub > 0 { 4 } else { 3 }).sum();
    let objects = match body.get(2 + substreams..) {
        Some([flags, complexity, ..]) if flags & 1 == 1 => Some(*complexity),
        _ => None,
    };
    Some(Parameters::of_sound(Codec::Eac3, Sound { channels, sample_rate: dolby_rate(first.fscod), objects }))
}

/// Fills in the entry's samplerate where the codec's configuration says nothing of the sound: MPEG layers. Its channelcount is
/// 2 by some writers whatever there is.
fn with_entry(mut found: Parameters, entry: &[u8]) -> Parameters {
    let rate = entry.get(24..26).and_then(<[u8]>::first_chunk::<2>).map(|b| u32::from(u16::from_be_bytes(*b)));
    if found.sound.is_none()
        && matches!(found.codec, Codec::Mp3 | Codec::Mp2)
        && let Some(rate) = rate.filter(|rate| *rate > 0)
    {
        found.sound = Some(Sound::at(rate));
    }
    found
}
