//! Codec parameters in sample entries (ISO/IEC 14496-12 8.5.2, 12.1.3, 12.2.3).
//!
//! A box that can't be read is left out without a defect: it may be newer than this reader.

use super::boxes::Mp4Box;
use crate::codec::audio::dolby_channels;
use crate::codec::parameters::{AudioParameters, CodecParameters, ColourDescription, DolbyVisionConfig};
use crate::codec::rfc6381::{Codec, HevcProfileTierLevel};
use crate::codec::sei::{self, HdrMetadata};
use crate::codec::start_codes::VideoSyntax;
use crate::codec::{aac, av1, h264, hevc};
use crate::stream::Resolution;
use mp4_atom::{Ac3SpecificBox, Av1c, Avcc, Colr, Dops, Ec3SpecificBox, Hvcc};

/// Bytes of a visual sample entry before its child boxes.
const VISUAL_FIELDS: usize = 78;
/// Bytes of an audio sample entry before its child boxes, by QuickTime version.
const AUDIO_FIELDS: [usize; 3] = [28, 44, 64];

#[must_use]
pub fn video_parameters(entry: &Mp4Box<'_>) -> Option<CodecParameters> {
    let size = entry.body.get(24..28)?.first_chunk::<4>()?;
    let [width, height] = [u16::from_be_bytes([size[0], size[1]]), u16::from_be_bytes([size[2], size[3]])];
    let mut parameters = None;
    let (mut colour, mut dolby_vision) = (None, None);
    let mut hdr = HdrMetadata::default();
    for child in entry.children_after(VISUAL_FIELDS).map_while(Result::ok) {
        match &child.kind {
            b"avcC" => parameters = avc_parameters(&child),
            b"hvcC" => parameters = hevc_parameters(&child, &mut hdr),
            b"av1C" => parameters = av1_parameters(&child),
            b"colr" => colour = colour_description(&child).or(colour),
            b"dvcC" | b"dvvC" | b"dvwC" => dolby_vision = DolbyVisionConfig::parse(child.body),
            b"mdcv" => hdr.mastering = sei::parse_mastering_display(child.body).or(hdr.mastering),
            b"clli" => hdr.content_light = sei::parse_content_light_level(child.body).or(hdr.content_light),
            _ => {}
        }
    }
    let mut parameters = parameters?;
    let picture = parameters.video.get_or_insert_default();
    let announced = Resolution { width: width.into(), height: height.into() };
    picture.resolution = picture.resolution.or(Some(announced).filter(|r| r.width > 0 && r.height > 0));
    // The box takes precedence over the bitstream (ISO/IEC 14496-12 12.1.5).
    picture.colour = colour.or(picture.colour);
    picture.dolby_vision = dolby_vision;
    hdr.fill(picture);
    Some(parameters)
}

/// Returns the bytes of the length field before each NAL unit: lengthSizeMinusOne of `avcC` or `hvcC` plus one (ISO/IEC
/// 14496-15 5.3.3.1, 8.3.3.1).
#[must_use]
pub fn nal_length_size(entry: &Mp4Box<'_>) -> Option<usize> {
    entry.children_after(VISUAL_FIELDS).map_while(Result::ok).find_map(|child| {
        let at = match &child.kind {
            b"avcC" => 4,
            b"hvcC" => 21,
            _ => return None,
        };
        child.body.get(at).map(|b| usize::from(b & 3) + 1)
    })
}

/// Returns the audio parameters of a sample entry. `format` is its own format, or the original format of a protected
/// entry.
#[must_use]
pub fn audio_parameters(entry: &Mp4Box<'_>, format: [u8; 4]) -> Option<CodecParameters> {
    let version = *entry.body.get(9)?;
    let fields = *AUDIO_FIELDS.get(usize::from(version))?;
    let mut parameters = None;
    for child in entry.children_after(fields).map_while(Result::ok) {
        parameters = match &child.kind {
            b"esds" => aac::parse_esds(child.body.get(4..)?).map(|p| with_sample_rate(p, entry.body)),
            b"dac3" => child.decode::<Ac3SpecificBox>().ok().map(|b| {
                let channels = Some(dolby_channels(b.acmod, b.lfeon));
                CodecParameters::with_audio(
                    Codec::Ac3,
                    AudioParameters { channels, sample_rate: dolby_sample_rate(b.fscod), objects: None },
                )
            }),
            b"dec3" => child.decode::<Ec3SpecificBox>().ok().and_then(|b| eac3_parameters(&b, child.body)),
            // The output of Opus is always at 48 kHz, whatever the rate of the input was (RFC 7845 5.1).
            b"dOps" => child.decode::<Dops>().ok().map(|b| {
                let sound = AudioParameters {
                    channels: Some(b.output_channel_count.into()),
                    ..AudioParameters::at_rate(48_000)
                };
                CodecParameters::with_audio(Codec::Opus, sound)
            }),
            _ => continue,
        };
    }
    parameters.or_else(|| (&format == b"fLaC").then(|| CodecParameters::new(Codec::Flac)))
}

/// Returns the parameters of the first sequence parameter set. `avc3` has its sets in the samples: then only profile
/// and level of the record are known.
fn avc_parameters(avcc: &Mp4Box<'_>) -> Option<CodecParameters> {
    let record = avcc.decode::<Avcc>().ok()?;
    record.sequence_parameter_sets.iter().find_map(|set| h264::parameters(set)).or_else(|| {
        let (profile, constraints) = (record.avc_profile_indication, record.profile_compatibility);
        Some(CodecParameters::new(Codec::Avc { profile, constraints, level: record.avc_level_indication }))
    })
}

fn hevc_parameters(hvcc: &Mp4Box<'_>, hdr: &mut HdrMetadata) -> Option<CodecParameters> {
    let record = hvcc.decode::<Hvcc>().ok()?;
    let messages = record.arrays.iter().filter(|a| a.nal_unit_type == hevc::PREFIX_SEI).flat_map(|a| &a.nalus);
    messages.for_each(|unit| hdr.read_unit(VideoSyntax::Hevc, unit));
    let sets = record.arrays.iter().filter(|a| a.nal_unit_type == hevc::SPS).flat_map(|a| &a.nalus);
    sets.into_iter().find_map(|set| hevc::parameters(set)).or_else(|| {
        Some(CodecParameters::new(Codec::Hevc(HevcProfileTierLevel {
            space: record.general_profile_space,
            profile: record.general_profile_idc,
            compatibility: u32::from_be_bytes(record.general_profile_compatibility_flags),
            high_tier: record.general_tier_flag,
            level: record.general_level_idc,
            constraints: record.general_constraint_indicator_flags,
        })))
    })
}

fn av1_parameters(av1c: &Mp4Box<'_>) -> Option<CodecParameters> {
    let record = av1c.decode::<Av1c>().ok()?;
    av1::parameters(&record.config_obus).or_else(|| {
        let bit_depth = if record.twelve_bit { 12 } else { 8 + 2 * u8::from(record.high_bitdepth) };
        let (profile, level) = (record.seq_profile, record.seq_level_idx_0);
        Some(CodecParameters::new(Codec::Av1 { profile, level, high_tier: record.seq_tier_0, bit_depth }))
    })
}

fn colour_description(colr: &Mp4Box<'_>) -> Option<ColourDescription> {
    let (primaries, transfer, matrix) = match colr.decode::<Colr>().ok()? {
        Colr::Nclx { colour_primaries, transfer_characteristics, matrix_coefficients, .. }
        | Colr::Nclc { colour_primaries, transfer_characteristics, matrix_coefficients } => {
            (colour_primaries, transfer_characteristics, matrix_coefficients)
        }
        _ => return None,
    };
    Some(ColourDescription { primaries, transfer, matrix })
}

/// Returns Hz by fscod (ETSI TS 102 366 table 4.1).
fn dolby_sample_rate(code: u8) -> Option<u32> {
    [48_000, 44_100, 32_000].get(usize::from(code)).copied()
}

/// Returns the parameters of the first independent substream. Channels of substreams that depend on it are only in the
/// samples. Behind the substreams a flag announces objects (Joint Object Coding), with their complexity index (ETSI TS
/// 103 420).
fn eac3_parameters(dec3: &Ec3SpecificBox, body: &[u8]) -> Option<CodecParameters> {
    let first = dec3.substreams.first()?;
    let channels = (first.num_dep_sub == 0).then(|| dolby_channels(first.acmod, first.lfeon));
    let substreams: usize = dec3.substreams.iter().map(|s| if s.num_dep_sub > 0 { 4 } else { 3 }).sum();
    let objects = match body.get(2 + substreams..) {
        Some([flags, complexity, ..]) if flags & 1 == 1 => Some(*complexity),
        _ => None,
    };
    Some(CodecParameters::with_audio(
        Codec::Eac3,
        AudioParameters { channels, sample_rate: dolby_sample_rate(first.fscod), objects },
    ))
}

/// Fills in the sample rate of the entry when the codec's configuration has none, as for MPEG layers. The channel count
/// of the entry isn't used: some writers always write 2.
fn with_sample_rate(mut parameters: CodecParameters, entry: &[u8]) -> CodecParameters {
    let rate = entry.get(24..26).and_then(<[u8]>::first_chunk::<2>).map(|b| u32::from(u16::from_be_bytes(*b)));
    if parameters.audio.is_none()
        && matches!(parameters.codec, Codec::Mp3 | Codec::Mp2)
        && let Some(rate) = rate.filter(|rate| *rate > 0)
    {
        parameters.audio = Some(AudioParameters::at_rate(rate));
    }
    parameters
}
