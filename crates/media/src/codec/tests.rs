//! Parameter sets of real encoders (x264, x265, SVT-AV1), compared with the parameters that they were asked for.

use super::parameters::{CodecParameters, DynamicRange};
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
