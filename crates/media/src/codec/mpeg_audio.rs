//! Parser for frame headers of MPEG audio, layers I to III (ISO/IEC 11172-3 2.4.1.3, ISO/IEC 13818-3 2.4.2.3).

use super::audio::AudioFrame;
use super::rfc6381::Codec;

/// Bit rates of MPEG audio in kbit/s by bitrate_index, from index 1: MPEG-1 layers I, II and III, MPEG-2 layer I, and
/// MPEG-2 layers II and III.
const KILOBITS: [[u16; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Parses a frame header of MPEG audio; `None` when there is none, and for a free bit rate, because its frame size
/// isn't in the header.
#[must_use]
pub(super) fn parse_header(b: &[u8; 7]) -> Option<AudioFrame> {
    if b[0] != 0xff || b[1] & 0xe0 != 0xe0 {
        return None;
    }
    // Version 3 is MPEG-1, 2 is MPEG-2 with half its sample rates, 0 is MPEG-2.5 with a quarter; layers count down from
    // 3.
    let (version, layer) = (b[1] >> 3 & 3, 4 - usize::from(b[1] >> 1 & 3));
    let part = match version {
        3 => 0,
        2 => 1,
        0 => 2,
        _ => return None,
    };
    let table = match (part, layer) {
        (_, 4) => return None,
        (0, layer) => layer - 1,
        (_, 1) => 3,
        _ => 4,
    };
    let kilobits = *KILOBITS.get(table)?.get(usize::from(b[2] >> 4).checked_sub(1)?)?;
    let rate = [44_100u32, 48_000, 32_000].get(usize::from(b[2] >> 2 & 3))? >> part;
    let samples = match (layer, part) {
        (1, _) => 384,
        (3, 1 | 2) => 576,
        _ => 1152,
    };
    let padding = u32::from(b[2] >> 1 & 1);
    // Layer I counts in slots of four bytes.
    let length = match layer {
        1 => (12_000 * u32::from(kilobits) / rate + padding) * 4,
        _ => samples / 8 * 1000 * u32::from(kilobits) / rate + padding,
    };
    let channels = Some(if b[3] >> 6 == 3 { 1 } else { 2 });
    let codec = if layer == 3 { Codec::Mp3 } else { Codec::Mp2 };
    (length >= 7).then_some(AudioFrame { length: length as usize, samples, rate, codec, channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: [u8; 4]) -> Option<(usize, u32, u32, Option<u16>, Codec)> {
        let [a, b, c, d] = bytes;
        parse_header(&[a, b, c, d, 0, 0, 0]).map(|f| (f.length, f.samples, f.rate, f.channels, f.codec))
    }

    #[test]
    fn lengths_follow_rate_and_layer() {
        // Layer III at 128 kbit/s: 417 bytes at 44.1 kHz, one more with padding.
        assert_eq!(parsed([0xff, 0xfb, 0x90, 0]), Some((417, 1152, 44_100, Some(2), Codec::Mp3)));
        assert_eq!(parsed([0xff, 0xfb, 0x92, 0xc0]), Some((418, 1152, 44_100, Some(1), Codec::Mp3)));
        // Layer II at 192 kbit/s and 48 kHz.
        assert_eq!(parsed([0xff, 0xfd, 0xa4, 0]), Some((576, 1152, 48_000, Some(2), Codec::Mp2)));
        // MPEG-2 layer III at 64 kbit/s and 24 kHz.
        assert_eq!(parsed([0xff, 0xf3, 0x84, 0]), Some((192, 576, 24_000, Some(2), Codec::Mp3)));
        // Layer I at 32 kbit/s and 48 kHz.
        assert_eq!(parsed([0xff, 0xff, 0x14, 0]).map(|f| (f.0, f.1)), Some((32, 384)));
    }

    #[test]
    fn reserved_values_are_no_header() {
        for bytes in [[0xff, 0xf1, 0x50, 0x80], [0xff, 0xeb, 0x90, 0], [0xff, 0xfb, 0xf0, 0], [0xff, 0xfb, 0x9c, 0]] {
            assert_eq!(parsed(bytes), None, "{bytes:02x?}");
        }
        assert_eq!(parsed([0xff, 0xfb, 0, 0]), None, "a free bit rate");
    }

    #[test]
    fn versions_halve_the_rates() {
        // MPEG-2.5 layer III at 64 kbit/s and 11.025 kHz, MPEG-2 layer II at 64 kbit/s and 24 kHz, and layer I.
        assert_eq!(parsed([0xff, 0xe3, 0x80, 0]), Some((417, 576, 11_025, Some(2), Codec::Mp3)));
        assert_eq!(parsed([0xff, 0xf5, 0x84, 0]), Some((384, 1152, 24_000, Some(2), Codec::Mp2)));
        assert_eq!(parsed([0xff, 0xf7, 0x14, 0]), Some((64, 384, 24_000, Some(2), Codec::Mp2)));
        assert_eq!(parsed([0xff, 0xf7, 0x16, 0]).map(|f| f.0), Some(68));
        assert_eq!(parsed([0xff, 0xfb, 0x98, 0]).map(|f| (f.0, f.2)), Some((576, 32_000)));
        assert_eq!(parsed([0xff, 0xff, 0xe4, 0xc0]).map(|f| (f.0, f.3)), Some((448, Some(1))));
        assert_eq!(parsed([0xff, 0xf9, 0x90, 0]), None, "a reserved layer");
        assert_eq!(parsed([0xfe, 0xfb, 0x90, 0]), None);
    }
}
