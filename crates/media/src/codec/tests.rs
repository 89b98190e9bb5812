//! Parameter sets of real encoders (x264, x265, SVT-AV1), compared with the parameters that they were asked for.

use super::parameters::{CodecParameters, ColourDescription, DynamicRange, Ratio};
use super::*;
use crate::stream::Resolution;

pub(super) const X264_1080P: &[u8] = &[
    0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00, 0x01, 0xf4,
    0x80, 0x00, 0x75, 0x30, 0x07, 0x8c, 0x19, 0x50,
];
pub(super) const X264_INTERLACED: &[u8] = &[
    0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xb4, 0x24, 0xdf, 0xf8, 0x02, 0x00, 0x01, 0x68, 0x80, 0x00, 0x00, 0x03,
    0x00, 0x80, 0x00, 0x00, 0x19, 0x0f, 0x8a, 0x14, 0xcb,
];
const X265_HDR10: &[u8] = &[
    0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xa0,
    0x0a, 0x08, 0x0b, 0x9f, 0x6d, 0x96, 0x56, 0x69, 0x24, 0xca, 0xf0, 0x16, 0xa1, 0x22, 0x01, 0x20, 0x80, 0x00, 0x00,
    0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x04,
];
const X265_HLG: &[u8] = &[
    0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xa0,
    0x0a, 0x08, 0x0b, 0x9f, 0x6d, 0x96, 0x56, 0x69, 0x24, 0xe5, 0x78, 0x0b, 0x50, 0x91, 0x20, 0x90, 0x40, 0x00, 0x00,
    0xfa, 0x40, 0x00, 0x17, 0x70, 0x02,
];
const SVT_AV1: &[u8] =
    &[0x0a, 0x0e, 0x00, 0x00, 0x00, 0x04, 0x3e, 0xa7, 0xbc, 0x02, 0xf8, 0x50, 0x91, 0x00, 0x90, 0x40];

fn size(parameters: &CodecParameters) -> Option<(u32, u32)> {
    parameters.video?.resolution.map(|Resolution { width, height }| (width, height))
}

fn rate(parameters: &CodecParameters) -> Option<f64> {
    parameters.video?.frame_rate.map(|r| (r.value() * 1000.0).round() / 1000.0)
}

#[test]
fn cropping_reduces_1088_lines_to_1080() {
    let found = h264::parameters(X264_1080P).unwrap();
    assert_eq!((found.codec.to_string().as_str(), found.profile), ("avc1.42c028", Some("Constrained Baseline")));
    assert_eq!((size(&found), rate(&found)), (Some((1920, 1080)), Some(29.97)));
    let picture = found.video.unwrap();
    assert_eq!(
        (picture.dynamic_range(), picture.sample_aspect, picture.interlaced),
        (Some(DynamicRange::Sdr), None, false)
    );
}

#[test]
fn interlaced_pictures_are_as_high_as_their_frames() {
    let found = h264::parameters(X264_INTERLACED).unwrap();
    assert_eq!((size(&found), rate(&found)), (Some((720, 576)), Some(25.0)));
    let picture = found.video.unwrap();
    let aspect = picture.sample_aspect.unwrap().value();
    assert!(picture.interlaced && (aspect - 64.0 / 45.0).abs() < 1e-6, "{aspect}");
    assert_eq!(picture.colour, None);
}

#[test]
fn hevc_gives_its_dynamic_range() {
    let hdr = hevc::parameters(X265_HDR10).unwrap();
    assert_eq!((hdr.profile, size(&hdr), rate(&hdr)), (Some("Main 10"), Some((320, 180)), Some(50.0)));
    assert!(hdr.codec.to_string().starts_with("hvc1.2.4.L"), "{}", hdr.codec);
    let picture = hdr.video.unwrap();
    assert_eq!((picture.dynamic_range(), picture.bit_depth), (Some(DynamicRange::Pq), Some(10)));
    let hlg = hevc::parameters(X265_HLG).unwrap();
    assert_eq!((hlg.video.unwrap().dynamic_range(), rate(&hlg)), (Some(DynamicRange::Hlg), Some(23.976)));
}

#[test]
fn av1_gives_the_parameters_of_its_sequence_header() {
    let found = av1::parameters(SVT_AV1).unwrap();
    assert_eq!((found.codec.to_string().as_str(), size(&found)), ("av01.0.00M.10", Some((426, 240))));
    assert_eq!(found.video.unwrap().dynamic_range(), Some(DynamicRange::Pq));
}

#[test]
fn a_damaged_set_keeps_what_came_before_and_never_panics() {
    type ParameterReader = fn(&[u8]) -> Option<CodecParameters>;
    let readers: [(ParameterReader, &[u8]); 5] = [
        (h264::parameters, X264_1080P),
        (h264::parameters, X264_INTERLACED),
        (hevc::parameters, X265_HDR10),
        (hevc::parameters, X265_HLG),
        (av1::parameters, SVT_AV1),
    ];
    for (read, set) in readers {
        for cut in 0..set.len() {
            let _ = read(&set[..cut]);
        }
        for bit in 0..set.len() * 8 {
            let mut bytes = set.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = read(&bytes);
            bytes[bit / 8..].fill(0xff);
            let _ = read(&bytes);
            bytes[bit / 8..].fill(0);
            let _ = read(&bytes);
        }
    }
    let cut = h264::parameters(&X264_1080P[..X264_1080P.len() - 8]).unwrap();
    assert_eq!(size(&cut), Some((1920, 1080)), "the timing is cut off, not the size");
    assert_eq!(h264::parameters(&[0x68, 0x64, 0, 0x1f]), None, "a picture parameter set");
}

/// Writes the bits of a codec header.
#[derive(Default)]
struct BitWriter(Vec<bool>);

impl BitWriter {
    fn bits(mut self, count: u32, value: u64) -> Self {
        self.0.extend((0..count).rev().map(|n| value >> n & 1 == 1));
        self
    }

    /// Appends unsigned Exp-Golomb codes.
    fn codes(self, values: &[u32]) -> Self {
        values.iter().fold(self, |bits, value| {
            let code = u64::from(*value) + 1;
            bits.bits(2 * (64 - code.leading_zeros()) - 1, code)
        })
    }

    /// Returns a NAL unit: `head`, then the written bits with emulation prevention.
    fn unit(&self, head: &[u8]) -> Vec<u8> {
        let byte = |bits: &[bool]| (0..8).fold(0, |byte, n| byte << 1 | u8::from(bits.get(n) == Some(&true)));
        let mut unit = Vec::new();
        for byte in head.iter().copied().chain(self.0.chunks(8).map(byte)) {
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}

#[test]
fn an_h264_set_is_read_to_the_end_of_its_timing() {
    // 4:2:2 of 10 bits, two scaling lists (one of them ends at once), picture order count of type 1 with two frames,
    // 120 x 34 macroblocks in fields, 4 units cropped at the bottom, sample aspect 4:3, colours, 25 frames a second.
    let bits = BitWriter::default().codes(&[0, 2, 2, 2]).bits(1, 0).bits(1, 1);
    let bits = bits.bits(1, 1).codes(&[16]).bits(1, 1).codes(&[1; 16]).bits(4, 0).bits(1, 1).codes(&[0; 64]).bits(1, 0);
    let bits = bits.codes(&[0, 1]).bits(1, 1).codes(&[6, 9, 2, 1, 2]).codes(&[4]).bits(1, 0);
    let bits = bits.codes(&[119, 33]).bits(3, 0b011).bits(1, 1).codes(&[0, 0, 0, 4]);
    let bits = bits.bits(1, 1).bits(1, 1).bits(8, 255).bits(16, 4).bits(16, 3).bits(2, 0b11);
    let bits =
        bits.bits(6, 0b11_0111).bits(24, 0x09_10_09).bits(1, 1).codes(&[0, 1]).bits(1, 1).bits(32, 1).bits(32, 50);
    let found = h264::parameters(&bits.unit(&[0x67, 122, 0, 41])).unwrap();
    assert_eq!((size(&found), rate(&found), found.profile), (Some((1920, 1080)), Some(25.0), Some("High 4:2:2")));
    let video = found.video.unwrap();
    assert_eq!((video.interlaced, video.bit_depth, video.sample_aspect), (true, Some(10), Ratio::new(4, 3)));
    assert_eq!(video.colour, Some(ColourDescription { primaries: 9, transfer: 16, matrix: 9 }));
}

#[test]
fn h264_cropping_counts_in_chroma_samples() {
    let cropped = |profile, chroma: BitWriter| {
        let bits = chroma.codes(&[0, 2, 1]).bits(1, 0).codes(&[1, 1]).bits(2, 0b11).bits(1, 1).codes(&[1, 2, 3, 1]);
        size(&h264::parameters(&bits.bits(1, 0).unit(&[0x67, profile, 0, 30])).unwrap())
    };
    assert_eq!(cropped(66, BitWriter::default().codes(&[0])), Some((32 - 6, 32 - 8)));
    let format = |format, separate: BitWriter| {
        separate
            .codes(&[0, 0])
            .bits(2, 0)
            .0
            .into_iter()
            .fold(BitWriter::default().codes(&[0, format]), |bits, bit| bits.bits(1, u64::from(bit)))
    };
    let none = BitWriter::default;
    assert_eq!(cropped(100, format(0, none())), Some((32 - 3, 32 - 4)));
    assert_eq!(cropped(100, format(2, none())), Some((32 - 6, 32 - 4)));
    assert_eq!(cropped(244, format(3, none().bits(1, 1))), Some((32 - 3, 32 - 4)));
    let all = BitWriter::default().codes(&[0, 0, 2, 1]).bits(1, 0).codes(&[0, 0]).bits(2, 0b11).bits(1, 1);
    let all = all.codes(&[4, 4, 0, 0]).unit(&[0x67, 66, 0, 30]);
    assert_eq!(size(&h264::parameters(&all).unwrap()), None, "nothing is left of the picture");
}

#[test]
fn sample_aspects_follow_their_table() {
    let aspect = |code: u64| {
        let bits = BitWriter::default().codes(&[0, 0, 2, 1]).bits(1, 0).codes(&[0, 0]).bits(3, 0b110).bits(2, 0b11);
        let found = h264::parameters(&bits.bits(8, code).bits(5, 0).unit(&[0x67, 66, 0, 30])).unwrap();
        found.video.unwrap().sample_aspect
    };
    let expected = [
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    for (code, (width, height)) in (2..).zip(expected) {
        assert_eq!(aspect(code), Ratio::new(width, height), "{code}");
    }
    assert_eq!([aspect(0), aspect(1), aspect(17)], [None; 3]);
}

#[test]
fn an_hevc_set_is_read_to_the_end_of_its_timing() {
    // Three sub-layers, of which the first has a profile and the second a level.
    let bits = BitWriter::default().bits(4, 0).bits(3, 2).bits(1, 0);
    let bits = bits.bits(8, 0b0010_0100).bits(32, 0x0800_0000).bits(48, 0xb000_0000_0000).bits(8, 153);
    let bits = bits.bits(4, 0b10_01).bits(12, 0).bits(32, 0).bits(56, 0).bits(8, 0);
    // 4:2:2, cropped to 1920 x 540, 10 bits, three times buffering, scaling lists, pulse code modulation.
    let bits =
        bits.codes(&[0, 2, 1922, 544]).bits(1, 1).codes(&[0, 1, 0, 4]).codes(&[2, 2, 4]).bits(1, 1).codes(&[1; 9 + 6]);
    let bits = bits.bits(2, 0b11);
    let lists = (0..20).fold(bits, |bits, list| match list {
        0 => bits.bits(1, 1).codes(&[0; 16]),
        6 => bits.bits(1, 1).codes(&[0; 64]),
        12 => bits.bits(1, 1).codes(&[0; 65]),
        _ => bits.bits(1, 0).codes(&[1]),
    });
    let bits = lists.bits(2, 0).bits(1, 1).bits(8, 0).codes(&[0, 0]).bits(1, 0);
    // A set of three pictures, and one coded as its change; then a long-term picture of 8 + 1 bits.
    let bits = bits.codes(&[2]).codes(&[2, 1]).codes(&[0]).bits(1, 1).codes(&[0]).bits(1, 1).codes(&[0]).bits(1, 1);
    let bits = bits.bits(1, 1).bits(1, 1).codes(&[0]).bits(1, 1).bits(2, 0b01).bits(2, 0b00).bits(1, 1);
    let bits = bits.bits(1, 1).codes(&[1]).bits(9, 0).bits(2, 0);
    // Usability information: fields of 1/50 s.
    let bits = bits.bits(1, 1).bits(4, 0).bits(3, 0b010).bits(1, 1).codes(&[0; 4]).bits(1, 1).bits(32, 1).bits(32, 50);
    let found = hevc::parameters(&bits.unit(&[0x42, 0x01])).unwrap();
    assert_eq!((size(&found), rate(&found)), (Some((1920, 1080)), Some(25.0)));
    assert_eq!(found.codec.to_string(), "hvc1.4.10.H153.B0");
    let video = found.video.unwrap();
    assert_eq!((video.interlaced, video.bit_depth, video.colour), (true, Some(10), None));
}

#[test]
fn only_the_base_layers_set_is_read() {
    for (head, read) in [([0x42, 0x01], true), ([0x42, 0x09], false), ([0x43, 0x01], false), ([0x44, 0x01], false)] {
        let mut set = X265_HDR10.to_vec();
        set[..2].copy_from_slice(&head);
        assert_eq!(hevc::parameters(&set).is_some(), read, "{head:x?}");
    }
}

/// Makes an AV1 open bitstream unit of the type `kind`.
fn obu(kind: u8, bits: &BitWriter) -> Vec<u8> {
    let mut body: Vec<u8> = Vec::new();
    for chunk in bits.0.chunks(8) {
        body.push((0..8).fold(0, |byte, n| byte << 1 | u8::from(chunk.get(n) == Some(&true))));
    }
    [&[kind << 3 | 2, body.len() as u8][..], &body].concat()
}

#[test]
fn an_av1_header_is_read_to_its_colours() {
    // Timing, a decoder model of 10 bits, two operating points, frame ids, order hints, 12 bits, colours.
    let bits = BitWriter::default().bits(5, 0b0_1000).bits(1, 1).bits(32, 1).bits(32, 50).bits(1, 1).codes(&[1]);
    let bits = bits.bits(1, 1).bits(5, 9).bits(42, 0).bits(1, 1).bits(5, 1);
    let bits = bits.bits(12, 0).bits(5, 13).bits(1, 1).bits(1, 1).bits(21, 0).bits(1, 1).bits(4, 0);
    let bits = bits.bits(12, 0).bits(5, 7).bits(1, 0).bits(1, 0);
    let bits = bits.bits(8, 0xaa).bits(11, 1919).bits(11, 1079).bits(1, 1).bits(7, 0).bits(3, 0);
    let bits = bits.bits(4, 0).bits(1, 1).bits(2, 0).bits(2, 0b01).bits(2, 0b01).bits(3, 0).bits(3, 0);
    let bits = bits.bits(4, 0b1101).bits(24, 0x09_10_09);
    let found = av1::parameters(&[obu(2, &BitWriter::default()), obu(1, &bits)].concat()).unwrap();
    assert_eq!((found.codec.to_string().as_str(), size(&found)), ("av01.2.13H.12", Some((1920, 1080))));
    assert_eq!(rate(&found), Some(25.0));
    let video = found.video.unwrap();
    assert_eq!(video.colour, Some(ColourDescription { primaries: 9, transfer: 16, matrix: 9 }));
    let late = [obu(2, &BitWriter::default()).repeat(8), obu(1, &bits)].concat();
    assert_eq!(av1::parameters(&late), None, "the header comes first");
}

#[test]
fn a_reduced_av1_header_has_no_tools() {
    for (profile, colours, depth) in [(0, 0b0_0_0u64, 8), (1, 0b1_0, 10), (1, 0b0_0, 8), (2, 0b1_0_0_0, 10)] {
        let bits = BitWriter::default().bits(5, profile << 2 | 0b11).bits(5, 9).bits(8, 0x33).bits(4, 7).bits(4, 3);
        let bits = bits.bits(6, 0).bits(if profile == 2 { 4 } else { 3 - profile as u32 }, colours);
        let found = av1::parameters(&obu(1, &bits)).unwrap();
        assert_eq!(found.codec.to_string(), format!("av01.{profile}.09M.{depth:02}"));
        assert_eq!(size(&found), Some((8, 4)));
    }
}
