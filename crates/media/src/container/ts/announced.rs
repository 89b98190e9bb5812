//! Descriptors of a PMT that describe picture or sound where the elementary stream isn't read, or doesn't say it.

use crate::codec::parameters::{DolbyVision, Parameters, Picture, Sound};
use crate::codec::rfc6381::Codec;

const REGISTRATION: u8 = 0x05;
const EXTENSION: u8 = 0x7f;
/// Under the registrations `DOVI`, `HDMV` or none, and `AV01`: tags that are free for users (ISO/IEC 13818-1 2.6).
const DOLBY_VISION: u8 = 0xb0;
const AV1: u8 = 0x80;
/// descriptor_tag_extension of the Opus audio descriptor.
const OPUS: u8 = 0x80;

/// Of one stream. Dolby Vision comes with the codec of its own name: the bitstream has the other one's.
#[must_use]
pub fn parameters(descriptors: &[u8]) -> Option<Parameters> {
    let registered =
        |format: &[u8]| walk(descriptors).any(|(tag, body)| tag == REGISTRATION && body.starts_with(format));
    walk(descriptors).find_map(|(tag, body)| match tag {
        DOLBY_VISION => dolby_vision(body),
        AV1 if registered(b"AV01") => av1(body),
        EXTENSION if registered(b"Opus") => opus(body),
        _ => None,
    })
}

/// Tag and body of each descriptor (ISO/IEC 13818-1 2.6.1).
fn walk(descriptors: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = descriptors;
    std::iter::from_fn(move || {
        let [tag, length, after @ ..] = rest else { return None };
        let (body, next) = after.split_at_checked(usize::from(*length))?;
        rest = next;
        Some((*tag, body))
    })
}

/// DOVI_video_stream_descriptor: as the configuration record of a file, but the compatibility stands behind the PID that
/// an enhancement layer names, if it is one (bl_present_flag 0).
fn dolby_vision(body: &[u8]) -> Option<Parameters> {
    let mut said = DolbyVision::read(&[body, &[0; 5]].concat()).filter(|_| body.len() >= 4)?;
    let base = body.get(3)? & 1 == 1;
    said.compatibility = body.get(if base { 4 } else { 6 }).map_or(0, |b| b >> 4);
    let codec = Codec::DolbyVision { profile: said.profile, level: said.level };
    Some(Parameters::of_picture(codec, Picture { dolby_vision: Some(said), ..Picture::default() }))
}

/// AV1_video_descriptor: marker and version, then the first two bytes behind those of `av1C`.
fn av1(body: &[u8]) -> Option<Parameters> {
    let &[_, first, second, ..] = body else { return None };
    let depth = if second & 0x20 != 0 { 12 } else { 8 + 2 * (second >> 6 & 1) };
    let codec =
        Codec::Av1 { profile: first >> 5, level: first & 0x1f, high_tier: second & 0x80 != 0, bit_depth: depth };
    Some(Parameters::of_picture(codec, Picture { bit_depth: Some(depth), ..Picture::default() }))
}

/// channel_config_code: 0 is dual mono, 1 to 8 are channels; output is always at 48 kHz (RFC 7845 5.1).
fn opus(body: &[u8]) -> Option<Parameters> {
    let &[OPUS, code, ..] = body else { return None };
    let channels = match code {
        0 => Some(2),
        1..=8 => Some(u16::from(code)),
        _ => None,
    };
    Some(Parameters::of_sound(Codec::Opus, Sound { channels, ..Sound::at(48_000) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_descriptor_is_read_under_its_registration() {
        let opus = [5, 4, b'O', b'p', b'u', b's', 0x7f, 2, 0x80, 6];
        let sound = parameters(&opus).unwrap().sound.unwrap();
        assert_eq!((sound.channels, sound.sample_rate), (Some(6), Some(48_000)));
        assert_eq!(parameters(&opus[6..]), None, "another extension");
        let av1 = [5, 4, b'A', b'V', b'0', b'1', 0x80, 4, 0x81, 0x0d, 0x4c, 0];
        assert_eq!(parameters(&av1).unwrap().codec.to_string(), "av01.0.13M.10");
        for cut in 0..av1.len() {
            let _ = parameters(&av1[..cut]);
        }
    }

    #[test]
    fn dolby_vision_says_profile_level_and_what_its_base_layer_is() {
        // Profile 8, level 6, base layer present, compatible with HLG.
        let said = parameters(&[0xb0, 5, 1, 0, 0x10, 0x35, 0x4f]).unwrap();
        let expected = DolbyVision { profile: 8, level: 6, compatibility: 4 };
        assert_eq!(said.picture.unwrap().dolby_vision, Some(expected));
        // Profile 7's enhancement layer depends on PID 0x1011.
        let said = parameters(&[0xb0, 7, 1, 0, 0x0e, 0x36, 0x80, 0x88, 0x60]).unwrap();
        assert_eq!(said.picture.unwrap().dolby_vision.map(|d| (d.profile, d.compatibility)), Some((7, 6)));
        assert_eq!(parameters(&[0xb0, 2, 1, 0]), None);
    }
}
