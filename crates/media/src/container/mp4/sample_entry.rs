//! Codec parameters in MP4 sample entries (ISO/IEC 14496-12 8.5.2, 12.1.3, 12.2.3).
//!
//! A child box that can't be read is left out without a defect, because it may be newer than this reader.

use super::boxes::Mp4Box;
use crate::codec::audio::dolby_channels;
use crate::codec::parameter_sets::DecoderSets;
use crate::codec::parameters::{
    AudioParameters, CodecParameters, ColourDescription, DolbyVisionConfig, ParameterSetKinds,
};
use crate::codec::rfc6381::{Codec, HevcProfileTierLevel};
use crate::codec::sei::{self, HdrMetadata};
use crate::codec::start_codes::VideoSyntax;
use crate::codec::{aac, av1, h264, hevc};
use crate::stream::Resolution;
use mp4_atom::{Ac3SpecificBox, Av1c, Avcc, Colr, Dops, Ec3SpecificBox, Hvcc};

/// Number of bytes of a visual sample entry before its child boxes.
const VISUAL_FIELDS: usize = 78;
/// Number of bytes of an audio sample entry before its child boxes, by QuickTime version (0, 1, 2).
const AUDIO_FIELDS: [usize; 3] = [28, 44, 64];

#[must_use]
pub(super) fn video_parameters(entry: &Mp4Box<'_>) -> Option<CodecParameters> {
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

/// Returns the size in bytes of the length field before each NAL unit: lengthSizeMinusOne of `avcC` or `hvcC` plus one
/// (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1). `None` without one of these boxes.
#[must_use]
pub(super) fn nal_length_size(entry: &Mp4Box<'_>) -> Option<usize> {
    entry.children_after(VISUAL_FIELDS).map_while(Result::ok).find_map(|child| {
        let at = match &child.kind {
            b"avcC" => 4,
            b"hvcC" => 21,
            _ => return None,
        };
        child.body.get(at).map(|b| usize::from(b & 3) + 1)
    })
}

/// Returns the parameter sets that the codec configuration (`avcC`, `hvcC`, `av1C`) of a sample entry lacks; all of them when
/// there is no configuration, or one that is cut. Empty for other codecs.
#[must_use]
pub(super) fn missing_parameter_sets(entry: &Mp4Box<'_>, codec: &str) -> ParameterSetKinds {
    let (kind, required) = match codec {
        "h264" => (b"avcC", ParameterSetKinds::H264),
        "hevc" => (b"hvcC", ParameterSetKinds::HEVC),
        "av1" => (b"av1C", ParameterSetKinds::AV1),
        _ => return ParameterSetKinds::default(),
    };
    let mut children = entry.children_after(VISUAL_FIELDS).map_while(Result::ok);
    let Some(configuration) = children.find(|child| &child.kind == kind) else { return required };
    let present = match codec {
        "h264" => avc_record(&configuration).map(|record| ParameterSetKinds {
            sps: has_unit(&record.sequence_parameter_sets, 1),
            pps: has_unit(&record.picture_parameter_sets, 1),
            ..ParameterSetKinds::default()
        }),
        "hevc" => configuration.decode::<Hvcc>().ok().map(|record| {
            let of = |kind| record.arrays.iter().any(|a| a.nal_unit_type == kind && has_unit(&a.nalus, 2));
            let (vps, sps, pps) = (of(hevc::VPS), of(hevc::SPS), of(hevc::PPS));
            ParameterSetKinds { vps, sps, pps, ..ParameterSetKinds::default() }
        }),
        _ => configuration.decode::<Av1c>().ok().map(|record| ParameterSetKinds {
            sequence_header: av1::has_sequence_header(&record.config_obus),
            ..ParameterSetKinds::default()
        }),
    };
    present.map_or(required, |present| required.without(present))
}

/// Returns the parameter sets in the codec configuration of a sample entry. A configuration that can't be read may have any.
#[must_use]
pub(super) fn stored_sets(entry: &Mp4Box<'_>) -> DecoderSets {
    for child in entry.children_after(VISUAL_FIELDS).map_while(Result::ok) {
        let units = match &child.kind {
            b"avcC" => avc_record(&child).map(|record| {
                let sets = [record.sequence_parameter_sets, record.picture_parameter_sets].concat();
                (VideoSyntax::H264, sets)
            }),
            b"hvcC" => child.decode::<Hvcc>().ok().map(|record| {
                let sets = record.arrays.into_iter().flat_map(|array| array.nalus);
                (VideoSyntax::Hevc, sets.collect())
            }),
            _ => continue,
        };
        let Some((syntax, units)) = units else { break };
        let mut sets = DecoderSets::new(syntax);
        units.iter().for_each(|unit: &Vec<u8>| sets.add(syntax, unit));
        return sets;
    }
    DecoderSets::unknown()
}

/// Whether one of the NAL units has more than its header, of `header` bytes.
fn has_unit(units: &[Vec<u8>], header: usize) -> bool {
    units.iter().any(|unit| unit.len() > header)
}

/// Returns the name of the decoder's configuration that a sample entry of this format must have and lacks (ISO/IEC 14496-14 6.7.2,
/// ISO/IEC 14496-15 5.4.2.1 and 8.4.1, ETSI TS 102 366 F.3 and F.5, Encapsulation of Opus in ISOBMFF 4.3.2, AV1 Codec ISO Media
/// File Format Binding 2.2, VP Codec ISO Media File Format Binding). `None` for other formats, for an entry whose boxes can't be
/// read, and for a format whose parameter sets stand in the entry only: [`missing_parameter_sets`] has these.
#[must_use]
pub(super) fn missing_configuration(entry: &Mp4Box<'_>, format: [u8; 4]) -> Option<&'static str> {
    let (kind, name) = match &format {
        b"mp4a" => (b"esds", "`esds`"),
        b"ac-3" => (b"dac3", "`dac3`"),
        b"ec-3" => (b"dec3", "`dec3`"),
        b"Opus" => (b"dOps", "`dOps`"),
        b"avc3" | b"avc4" => (b"avcC", "`avcC`"),
        b"hev1" | b"dvhe" => (b"hvcC", "`hvcC`"),
        b"av01" | b"dav1" => (b"av1C", "`av1C`"),
        b"vp08" | b"vp09" => (b"vpcC", "`vpcC`"),
        _ => return None,
    };
    let fields = match &format {
        b"mp4a" | b"ac-3" | b"ec-3" | b"Opus" => *AUDIO_FIELDS.get(usize::from(*entry.body.get(9)?))?,
        _ => VISUAL_FIELDS,
    };
    let children = entry.children_after(fields).collect::<Result<Vec<_>, _>>().ok()?;
    // QuickTime puts the configuration into a box of its own.
    if children.iter().any(|child| &child.kind == b"wave") {
        return None;
    }
    let Some(configuration) = children.iter().find(|child| child.kind == *kind) else { return Some(name) };
    let lacks_its_own = &format == b"mp4a" && configuration.body.get(4..).is_some_and(aac::lacks_configuration);
    lacks_its_own.then_some("AudioSpecificConfig in its `esds`")
}

/// Whether a program_config_element defines the channels of an AAC sample entry ([`aac::has_program_config`]).
#[must_use]
pub(super) fn has_program_config(entry: &Mp4Box<'_>) -> bool {
    let fields = entry.body.get(9).and_then(|version| AUDIO_FIELDS.get(usize::from(*version)));
    let mut children = fields.into_iter().flat_map(|fields| entry.children_after(*fields).map_while(Result::ok));
    let esds = children.find(|child| &child.kind == b"esds");
    esds.and_then(|esds| esds.body.get(4..)).is_some_and(aac::announces_program_config)
}

/// Returns the audio parameters of a sample entry. `format` is the format of the entry, or the original format of a
/// protected entry.
#[must_use]
pub(super) fn audio_parameters(entry: &Mp4Box<'_>, format: [u8; 4]) -> Option<CodecParameters> {
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

/// Returns the content of an `avcC` box up to its parameter sets. Readers ignore what they don't know behind them (ISO/IEC 14496-15
/// 5.3.3.1). `None` if the box is cut before the end of its sets.
fn avc_record(avcc: &Mp4Box<'_>) -> Option<Avcc> {
    let sets = |at: usize, count: u8| {
        (0..count).try_fold(at, |at, _| {
            let length = avcc.body.get(at..)?.first_chunk::<2>()?;
            at.checked_add(2 + usize::from(u16::from_be_bytes(*length)))
        })
    };
    let pps_count_at = sets(6, avcc.body.get(5)? & 0x1f)?;
    let end = sets(pps_count_at + 1, *avcc.body.get(pps_count_at)?)?;
    Mp4Box::new(avcc.kind, avcc.offset, avcc.body.get(..end)?, 8).decode().ok()
}

/// Returns the codec parameters of the first sequence parameter set in an `avcC` box. With `avc3` the sets are in the
/// samples; then only profile and level of the box are known.
fn avc_parameters(avcc: &Mp4Box<'_>) -> Option<CodecParameters> {
    let record = avc_record(avcc)?;
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

/// Returns the sample rate in Hz for an fscod (ETSI TS 102 366 table 4.1); `None` for the reserved value.
fn dolby_sample_rate(code: u8) -> Option<u32> {
    [48_000, 44_100, 32_000].get(usize::from(code)).copied()
}

/// Returns the E-AC-3 parameters of the first independent substream. Only the samples contain the channels of dependent
/// substreams. Behind the substreams a flag announces objects (Joint Object Coding), with their complexity index (ETSI
/// TS 103 420).
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

/// Fills in the sample rate of the sample entry when the codec's configuration has none, as for MPEG layers. The
/// channel count of the sample entry isn't used, because some writers always write 2.
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

#[cfg(test)]
mod tests {

    use super::*;

    fn child(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    /// Returns the audio parameters of a sample entry with this QuickTime version, a samplerate of 44.1 kHz and one
    /// child box.
    fn audio(version: u8, child: &[u8]) -> Option<CodecParameters> {
        let mut fields = vec![0; [28, 44, 64][usize::from(version)]];
        fields[9] = version;
        fields[24..26].copy_from_slice(&44_100u16.to_be_bytes());
        let body = [fields, child.to_vec()].concat();
        audio_parameters(&Mp4Box::new(*b"enca", 0, &body, 8), *b"fLaC")
    }

    fn sound(parameters: Option<CodecParameters>) -> (Codec, Option<u16>, Option<u32>, Option<u8>) {
        let parameters = parameters.unwrap();
        let audio = parameters.audio.unwrap_or_default();
        (parameters.codec, audio.channels, audio.sample_rate, audio.objects)
    }

    #[test]
    fn dolby_boxes_have_channels_rate_and_objects() {
        let ac3 = child(b"dac3", &[0x50, 0x3c, 0]);
        assert_eq!(sound(audio(0, &ac3)), (Codec::Ac3, Some(6), Some(44_100), None));
        assert_eq!(sound(audio(1, &ac3)), sound(audio(2, &ac3)));
        let eac3 = |rest: &[u8]| sound(audio(0, &child(b"dec3", &[&[0x0c, 0, 0x20, 0x0f, 0][..], rest].concat())));
        assert_eq!(eac3(&[]), (Codec::Eac3, Some(6), Some(48_000), None));
        assert_eq!(eac3(&[1, 16]), (Codec::Eac3, Some(6), Some(48_000), Some(16)));
        assert_eq!([eac3(&[0, 16]), eac3(&[1])], [eac3(&[]); 2]);
        let dependent = child(b"dec3", &[0x0c, 0, 0x20, 0x0f, 2, 0, 1, 9]);
        assert_eq!(sound(audio(0, &dependent)), (Codec::Eac3, None, Some(48_000), Some(9)));
        assert_eq!([0, 1, 2, 3].map(dolby_sample_rate), [Some(48_000), Some(44_100), Some(32_000), None]);
    }

    #[test]
    fn mpeg_layers_have_the_rate_of_their_entry() {
        let esds = [0, 0, 0, 0, 3, 23, 0, 1, 0, 4, 17, 0x6b, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];
        assert_eq!(sound(audio(0, &child(b"esds", &esds))), (Codec::Mp3, None, Some(44_100), None));
        let aac = esds.map(|b| if b == 0x6b { 0x40 } else { b });
        assert_eq!(
            sound(audio(0, &child(b"esds", &aac))),
            (Codec::Aac { object_type: 2 }, Some(2), Some(48_000), None)
        );
        assert_eq!(sound(audio(0, &[])), (Codec::Flac, None, None, None), "by its format");
    }

    #[test]
    fn aac_needs_an_audio_specific_config_in_its_esds() {
        let missing = |indication: u8, specific: &[u8]| {
            let decoder = [&[indication, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], specific].concat();
            let decoder = [&[4, decoder.len() as u8][..], &decoder].concat();
            let stream = [&[0, 1, 0][..], &decoder].concat();
            let esds = child(b"esds", &[&[0, 0, 0, 0, 3, stream.len() as u8][..], &stream].concat());
            let body = [&[0; 28][..], &esds].concat();
            missing_configuration(&Mp4Box::new(*b"mp4a", 0, &body, 8), *b"mp4a")
        };
        assert_eq!(missing(0x40, &[5, 2, 0x11, 0x90]), None);
        let lacks = Some("AudioSpecificConfig in its `esds`");
        assert_eq!([missing(0x40, &[]), missing(0x40, &[5, 0]), missing(0x67, &[5, 1, 0x11])], [lacks; 3]);
        assert_eq!([missing(0x6b, &[]), missing(0x69, &[]), missing(0xa5, &[])], [None; 3], "MPEG layers have none");
    }

    #[test]
    fn an_entry_without_its_configuration_box_is_recognised() {
        let missing = |format: &[u8; 4], fields: usize, children: &[u8]| {
            let body = [&vec![0; fields][..], children].concat();
            missing_configuration(&Mp4Box::new(*format, 0, &body, 8), *format)
        };
        for (format, name) in
            [(b"av01", "`av1C`"), (b"vp09", "`vpcC`"), (b"vp08", "`vpcC`"), (b"avc3", "`avcC`"), (b"hev1", "`hvcC`")]
        {
            assert_eq!(missing(format, VISUAL_FIELDS, &child(b"pasp", &[0; 8])), Some(name));
            let kind = name.trim_matches('`').as_bytes().first_chunk::<4>().unwrap();
            assert_eq!(missing(format, VISUAL_FIELDS, &child(kind, &[0; 12])), None);
        }
        assert_eq!(missing(b"avc1", VISUAL_FIELDS, &[]), None, "its parameter sets are missing");
        assert_eq!(missing(b"mp4a", 28, &[]), Some("`esds`"));
        assert_eq!(missing(b"mp4a", 28, &child(b"wave", &[])), None);
        assert_eq!(missing(b"av01", VISUAL_FIELDS, &[0, 0, 0, 99, 1, 2, 3, 4]), None, "unreadable");
    }

    fn visual(children: &[u8]) -> Vec<u8> {
        let mut fields = vec![0; VISUAL_FIELDS];
        fields[24..28].copy_from_slice(&[0x07, 0x80, 0x04, 0x38]);
        [fields, children.to_vec()].concat()
    }

    #[test]
    fn the_size_of_nal_unit_lengths_stands_in_the_configuration() {
        let size = |kind, at: usize, byte| {
            let mut record = vec![0; at + 1];
            record[at] = byte;
            nal_length_size(&Mp4Box::new(*b"avc1", 0, &visual(&child(kind, &record)), 8))
        };
        assert_eq!(
            [size(b"avcC", 4, 0xfd), size(b"avcC", 4, 0xff), size(b"hvcC", 21, 0xfc)],
            [Some(2), Some(4), Some(1)]
        );
        assert_eq!([size(b"avcC", 3, 0xff), size(b"hvcC", 20, 0xff), size(b"av1C", 21, 3)], [None; 3]);
    }

    #[test]
    fn a_configuration_without_parameter_sets_is_recognised() {
        let missing = |codec, children: &[u8]| {
            missing_parameter_sets(&Mp4Box::new(*b"avc1", 0, &visual(children), 8), codec).to_string()
        };
        let avc = |sets: &[u8]| child(b"avcC", &[&[1, 0x42, 0, 0x1f, 0xff][..], sets].concat());
        let (sps, pps) = ([0xe1, 0, 4, 0x67, 0x42, 0, 0x1f], [1, 0, 2, 0x68, 0xce]);
        assert_eq!(missing("h264", &avc(&[&sps[..], &pps].concat())), "");
        for behind in [&[0][..], &[0; 3], &[1, 2, 3, 4, 5]] {
            assert_eq!(
                missing("h264", &avc(&[&sps[..], &pps, behind].concat())),
                "",
                "bytes behind the sets are ignored"
            );
        }
        assert_eq!(missing("h264", &avc(&[&sps[..], &[0]].concat())), "PPS");
        assert_eq!(missing("h264", &avc(&[&[0xe0], &pps[..]].concat())), "SPS");
        assert_eq!([missing("h264", &avc(&[0xe0, 0])), missing("h264", &[])], ["SPS and PPS"; 2]);
        assert_eq!(missing("h264", &avc(&[0xe1, 0, 9])), "SPS and PPS", "a record that is cut");
        assert_eq!(missing("h264", &avc(&[&[0xe1, 0, 1, 0x67][..], &pps].concat())), "SPS", "nothing but a header");
        let hevc = |arrays: &[u8]| {
            let mut record =
                vec![1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f];
            record.push(arrays.len() as u8);
            for kind in arrays {
                record.extend([0x80 | kind, 0, 1, 0, 3, kind << 1, 1, 0]);
            }
            child(b"hvcC", &record)
        };
        assert_eq!(missing("hevc", &hevc(&[32, 33, 34])), "");
        assert_eq!(missing("hevc", &hevc(&[33, 34])), "VPS");
        assert_eq!(missing("hevc", &hevc(&[])), "VPS, SPS and PPS");
        let av1 = |units: &[u8]| child(b"av1C", &[&[0x81, 0, 0x0c, 0][..], units].concat());
        assert_eq!(missing("av1", &av1(&[0x0a, 1, 0])), "");
        assert_eq!([missing("av1", &av1(&[])), missing("av1", &[])], ["sequence header"; 2]);
        assert_eq!(missing("vp9", &[]), "");
    }

    #[test]
    fn boxes_of_a_visual_entry_complete_its_parameters() {
        let avc = child(b"avcC", &[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]);
        let colour = child(b"colr", &[&b"nclx"[..], &[0, 9, 0, 16, 0, 9, 0]].concat());
        let light = child(b"clli", &[0x03, 0xe8, 0x01, 0x90]);
        let dolby = child(b"dvvC", &[1, 0, 0x10, 0x35, 0x40]);
        let body = visual(&[avc.clone(), colour, light, dolby].concat());
        let parameters = video_parameters(&Mp4Box::new(*b"avc3", 0, &body, 8)).unwrap();
        assert_eq!(parameters.codec.to_string(), "avc1.64001f");
        let video = parameters.video.unwrap();
        assert_eq!(video.resolution, Some(Resolution { width: 1920, height: 1080 }));
        assert_eq!(video.colour, Some(ColourDescription { primaries: 9, transfer: 16, matrix: 9 }));
        assert_eq!(video.content_light.map(|l| (l.max, l.frame_average)), Some((1000, 400)));
        assert_eq!(video.dolby_vision.map(|d| (d.profile, d.level, d.compatibility)), Some((8, 6, 4)));
        let mut flat = visual(&avc);
        flat[25] = 0;
        flat[24] = 0;
        let video = video_parameters(&Mp4Box::new(*b"avc1", 0, &flat, 8)).unwrap().video.unwrap();
        assert_eq!((video.resolution, video.colour), (None, None), "a width of 0");
    }
}
