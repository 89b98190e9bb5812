//! Descriptors of a PMT with codec parameters that the elementary stream doesn't contain, or that aren't read there.

use crate::codec::parameters::{AudioParameters, CodecParameters, DolbyVisionConfig, VideoParameters};
use crate::codec::rfc6381::Codec;

const REGISTRATION_TAG: u8 = 0x05;
pub(super) const EXTENSION_TAG: u8 = 0x7f;
/// Tags of user private descriptors (ISO/IEC 13818-1 2.6): Dolby Vision under the registration `DOVI`, `HDMV` or none,
/// and AV1 under `AV01`.
const DOLBY_VISION_TAG: u8 = 0xb0;
const AV1_TAG: u8 = 0x80;
/// descriptor_tag_extension of the Opus audio descriptor.
const OPUS_EXTENSION: u8 = 0x80;

/// Returns the codec parameters that the descriptors of one stream announce. Dolby Vision has the codec of its own
/// name, although the bitstream has the codec of its base layer.
#[must_use]
pub(super) fn announced_parameters(descriptors: &[u8]) -> Option<CodecParameters> {
    let registered = |format: &[u8]| {
        descriptors_of(descriptors).any(|(tag, body)| tag == REGISTRATION_TAG && body.starts_with(format))
    };
    descriptors_of(descriptors).find_map(|(tag, body)| match tag {
        DOLBY_VISION_TAG => dolby_vision(body),
        AV1_TAG if registered(b"AV01") => av1(body),
        EXTENSION_TAG if registered(b"Opus") => opus(body),
        _ => None,
    })
}

/// Iterates over the descriptors in a descriptor loop, as pairs of tag and body (ISO/IEC 13818-1 2.6.1).
pub(super) fn descriptors_of(descriptors: &[u8]) -> impl Iterator<Item = (u8, &[u8])> + Clone {
    let mut rest = descriptors;
    std::iter::from_fn(move || {
        let [tag, length, after @ ..] = rest else { return None };
        let (body, next) = after.split_at_checked(usize::from(*length))?;
        rest = next;
        Some((*tag, body))
    })
}

/// Parses a DOVI_video_stream_descriptor. It has the fields of DOVIDecoderConfigurationRecord, but for an enhancement
/// layer (bl_present_flag 0) the PID of the base layer stands before the compatibility.
fn dolby_vision(body: &[u8]) -> Option<CodecParameters> {
    let mut config = DolbyVisionConfig::parse(&[body, &[0; 5]].concat()).filter(|_| body.len() >= 4)?;
    let base = body.get(3)? & 1 == 1;
    config.compatibility = body.get(if base { 4 } else { 6 }).map_or(0, |b| b >> 4);
    let codec = Codec::DolbyVision { profile: config.profile, level: config.level };
    Some(CodecParameters::with_video(
        codec,
        VideoParameters { dolby_vision: Some(config), ..VideoParameters::default() },
    ))
}

/// Parses an AV1_video_descriptor: marker and version, then bytes 1 and 2 of `av1C`.
fn av1(body: &[u8]) -> Option<CodecParameters> {
    let &[_, first, second, ..] = body else { return None };
    let depth = if second & 0x20 != 0 { 12 } else { 8 + 2 * (second >> 6 & 1) };
    let codec =
        Codec::Av1 { profile: first >> 5, level: first & 0x1f, high_tier: second & 0x80 != 0, bit_depth: depth };
    Some(CodecParameters::with_video(codec, VideoParameters { bit_depth: Some(depth), ..VideoParameters::default() }))
}

/// Parses channel_config_code of the Opus descriptor: 0 is dual mono, 1 to 8 are the number of channels. The output is
/// always at 48 kHz (RFC 7845 5.1).
fn opus(body: &[u8]) -> Option<CodecParameters> {
    let &[OPUS_EXTENSION, code, ..] = body else { return None };
    let channels = match code {
        0 => Some(2),
        1..=8 => Some(u16::from(code)),
        _ => None,
    };
    Some(CodecParameters::with_audio(Codec::Opus, AudioParameters { channels, ..AudioParameters::at_rate(48_000) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_descriptor_is_read_under_its_registration() {
        let opus = [5, 4, b'O', b'p', b'u', b's', 0x7f, 2, 0x80, 6];
        let sound = announced_parameters(&opus).unwrap().audio.unwrap();
        assert_eq!((sound.channels, sound.sample_rate), (Some(6), Some(48_000)));
        assert_eq!(announced_parameters(&opus[6..]), None, "another extension");
        let av1 = [5, 4, b'A', b'V', b'0', b'1', 0x80, 4, 0x81, 0x0d, 0x4c, 0];
        assert_eq!(announced_parameters(&av1).unwrap().codec.to_string(), "av01.0.13M.10");
        for cut in 0..av1.len() {
            let _ = announced_parameters(&av1[..cut]);
        }
    }

    #[test]
    fn dolby_vision_gives_profile_level_and_compatibility_of_its_base_layer() {
        // Profile 8, level 6, base layer present, compatible with HLG.
        let config = announced_parameters(&[0xb0, 5, 1, 0, 0x10, 0x35, 0x4f]).unwrap();
        let expected = DolbyVisionConfig { profile: 8, level: 6, compatibility: 4 };
        assert_eq!(config.video.unwrap().dolby_vision, Some(expected));
        // Profile 7's enhancement layer depends on PID 0x1011.
        let config = announced_parameters(&[0xb0, 7, 1, 0, 0x0e, 0x36, 0x80, 0x88, 0x60]).unwrap();
        assert_eq!(config.video.unwrap().dolby_vision.map(|d| (d.profile, d.compatibility)), Some((7, 6)));
        assert_eq!(announced_parameters(&[0xb0, 2, 1, 0]), None);
    }

    #[test]
    fn opus_channels_and_av1_depths_follow_their_codes() {
        let opus =
            |code| announced_parameters(&[5, 4, b'O', b'p', b'u', b's', 0x7f, 2, 0x80, code]).unwrap().audio.unwrap();
        let channels = [0, 1, 2, 8, 9, 255].map(|code| opus(code).channels);
        assert_eq!(channels, [Some(2), Some(1), Some(2), Some(8), None, None]);
        let av1 = |first, second| {
            let parameters = announced_parameters(&[5, 4, b'A', b'V', b'0', b'1', 0x80, 4, 0x81, first, second, 0]);
            (parameters.clone().unwrap().codec.to_string(), parameters.unwrap().video.unwrap().bit_depth)
        };
        assert_eq!(av1(0x0d, 0x0c), ("av01.0.13M.08".to_owned(), Some(8)));
        assert_eq!(av1(0x2d, 0x4c), ("av01.1.13M.10".to_owned(), Some(10)));
        assert_eq!(av1(0x4d, 0xec), ("av01.2.13H.12".to_owned(), Some(12)));
    }

    #[test]
    fn the_compatibility_of_dolby_vision_may_be_missing() {
        let compatibility = |body: &[u8]| {
            let parameters = announced_parameters(&[&[0xb0, body.len() as u8], body].concat())?;
            parameters.video?.dolby_vision.map(|d| (d.profile, d.level, d.compatibility))
        };
        assert_eq!(compatibility(&[1, 0, 0x10, 0x35]), Some((8, 6, 0)));
        assert_eq!(compatibility(&[1, 0, 0x11, 0x35, 0x2f]), Some((8, 38, 2)));
        assert_eq!(compatibility(&[1, 0, 0x10, 0x34, 0xff, 0xff]), Some((8, 6, 0)), "cut off behind the PID");
        assert_eq!(compatibility(&[1, 0, 0x10]), None);
    }
}
