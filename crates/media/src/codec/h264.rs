//! Parser for the H.264 sequence parameter set (ISO/IEC 14496-10 7.3.2.1.1, annex E.1.1).

use super::bits::{BitReader, without_emulation_prevention};
use super::parameters::{CodecParameters, ColourDescription, Ratio, VideoParameters};
use super::rfc6381::Codec;
use crate::stream::Resolution;

/// nal_unit_type of a sequence parameter set in H.264.
pub(crate) const SPS: u8 = 7;
/// nal_unit_type of a picture parameter set in H.264.
pub(crate) const PPS: u8 = 8;
/// nal_unit_type of supplemental enhancement information (SEI) in H.264.
pub(crate) const SEI: u8 = 6;

/// Parses an H.264 sequence parameter set from its NAL header on, emulation prevention bytes included. `None` for
/// another NAL unit, or when profile and level can't be read.
#[must_use]
pub fn parameters(nal: &[u8]) -> Option<CodecParameters> {
    let nal = without_emulation_prevention(nal);
    let (&[header, profile, constraints, level], rest) = nal.split_first_chunk::<4>()?;
    if header & 0x1f != SPS {
        return None;
    }
    let mut picture = VideoParameters::default();
    // The fields before an error are kept.
    let _ = read_sps(&mut BitReader::new(rest), profile, &mut picture);
    Some(CodecParameters::with_video(Codec::Avc { profile, constraints, level }, picture))
}

fn read_sps(bits: &mut BitReader<'_>, profile: u8, picture: &mut VideoParameters) -> Option<()> {
    bits.exp_golomb()?;
    let chroma = read_chroma(bits, profile, picture)?;
    bits.exp_golomb()?;
    skip_order_count(bits)?;
    bits.exp_golomb()?;
    bits.skip(1)?;
    let size = frame_size(bits, chroma, picture)?;
    picture.resolution = Some(size);
    if bits.flag()? { read_vui(bits, picture) } else { Some(()) }
}

/// Number of luma samples for each chroma sample; the cropping window counts in chroma samples.
#[derive(Clone, Copy)]
struct ChromaSubsampling {
    wide: u32,
    high: u32,
}

fn read_chroma(bits: &mut BitReader<'_>, profile: u8, picture: &mut VideoParameters) -> Option<ChromaSubsampling> {
    picture.bit_depth = Some(8);
    let mut format = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        format = bits.exp_golomb()?;
        let separate = format == 3 && bits.flag()?;
        let depth = bits.exp_golomb()?;
        picture.bit_depth = u8::try_from(depth.checked_add(8)?).ok();
        bits.exp_golomb()?;
        bits.skip(1)?;
        if bits.flag()? {
            skip_scaling_lists(bits, if format == 3 { 12 } else { 8 })?;
        }
        if separate {
            format = 0;
        }
    }
    Some(match format {
        1 => ChromaSubsampling { wide: 2, high: 2 },
        2 => ChromaSubsampling { wide: 2, high: 1 },
        _ => ChromaSubsampling { wide: 1, high: 1 },
    })
}

/// Skips scaling lists of 16 and 64 numbers in an H.264 sequence parameter set (7.3.2.1.1.1).
fn skip_scaling_lists(bits: &mut BitReader<'_>, lists: u32) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.signed_exp_golomb()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Skips the fields of an H.264 sequence parameter set that describe the picture order count, which isn't used.
fn skip_order_count(bits: &mut BitReader<'_>) -> Option<()> {
    match bits.exp_golomb()? {
        0 => bits.exp_golomb().map(|_| ()),
        1 => {
            bits.skip(1)?;
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
            let frames = bits.exp_golomb().filter(|n| *n <= 255)?;
            (0..frames).try_for_each(|_| bits.signed_exp_golomb().map(|_| ()))
        }
        _ => Some(()),
    }
}

fn frame_size(
    bits: &mut BitReader<'_>,
    chroma: ChromaSubsampling,
    picture: &mut VideoParameters,
) -> Option<Resolution> {
    let width = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let units = bits.exp_golomb()?.checked_add(1)?;
    let fields = !bits.flag()?;
    picture.interlaced = fields;
    let lines = if fields { 2 } else { 1 };
    let height = units.checked_mul(16)?.checked_mul(lines)?;
    // mb_adaptive_frame_field_flag, direct_8x8_inference_flag.
    bits.skip(if fields { 2 } else { 1 })?;
    if !bits.flag()? {
        return Some(Resolution { width, height });
    }
    let [left, right, top, bottom] = [bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?];
    let across = left.checked_add(right)?.checked_mul(chroma.wide)?;
    let down = top.checked_add(bottom)?.checked_mul(chroma.high)?.checked_mul(lines)?;
    let (width, height) = (width.checked_sub(across)?, height.checked_sub(down)?);
    (width > 0 && height > 0).then_some(Resolution { width, height })
}

/// Reads vui_parameters of H.264 up to the timing information.
fn read_vui(bits: &mut BitReader<'_>, picture: &mut VideoParameters) -> Option<()> {
    (picture.sample_aspect, picture.colour) = vui_signal(bits)?;
    if bits.flag()? {
        let (units, scale) = (bits.bits(32)?, bits.bits(32)?);
        // A tick is the duration of a field: two make a frame (E.2.1).
        picture.frame_rate = units.checked_mul(2).and_then(|units| Ratio::new(scale, units));
    }
    Some(())
}

/// Reads the start of vui_parameters, which H.264 and HEVC (ISO/IEC 23008-2 E.2.1) share: sample aspect ratio,
/// overscan, video signal type, chroma location.
pub(super) fn vui_signal(bits: &mut BitReader<'_>) -> Option<(Option<Ratio>, Option<ColourDescription>)> {
    let aspect = if bits.flag()? { sample_aspect_ratio(bits)? } else { None };
    if bits.flag()? {
        bits.skip(1)?;
    }
    let mut colour = None;
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            let mut point = || bits.byte().map(u16::from);
            colour = Some(ColourDescription { primaries: point()?, transfer: point()?, matrix: point()? });
        }
    }
    if bits.flag()? {
        bits.exp_golomb()?;
        bits.exp_golomb()?;
    }
    Some((aspect, colour))
}

/// Reads a sample aspect ratio (ISO/IEC 14496-10 table E-1). The outer `None` means that bits are missing, the inner
/// one that the samples are square or the ratio is unspecified.
fn sample_aspect_ratio(bits: &mut BitReader<'_>) -> Option<Option<Ratio>> {
    const TABLE: [(u32, u32); 17] = [
        (0, 0),
        (1, 1),
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
    let (width, height) = match bits.byte()? {
        255 => (bits.bits(16)?, bits.bits(16)?),
        code => TABLE.get(usize::from(code)).copied().unwrap_or_default(),
    };
    Some(Ratio::new(width, height).filter(|_| width != height))
}
