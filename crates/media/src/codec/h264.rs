//! The sequence parameter set of H.264 (ISO/IEC 14496-10 7.3.2.1.1, annex E.1.1).

use super::bits::{Bits, unescaped};
use super::parameters::{Colour, Parameters, Picture, Ratio};
use super::rfc6381::Codec;
use crate::stream::Resolution;

/// nal_unit_type of the set.
pub const SPS: u8 = 7;
/// nal_unit_type of supplemental enhancement information.
pub const SEI: u8 = 6;

/// `nal`: from its header byte on, as it stands in the stream. `None` where it isn't one, or not even profile and
/// level can be read.
#[must_use]
pub fn parameters(nal: &[u8]) -> Option<Parameters> {
    let nal = unescaped(nal);
    let (&[header, profile, constraints, level], rest) = nal.split_first_chunk::<4>()?;
    if header & 0x1f != SPS {
        return None;
    }
    let mut picture = Picture::default();
    // What came before a fault stays.
    let _ = read(&mut Bits::new(rest), profile, &mut picture);
    Some(Parameters::of_picture(Codec::Avc { profile, constraints, level }, picture))
}

fn read(bits: &mut Bits<'_>, profile: u8, picture: &mut Picture) -> Option<()> {
    bits.unsigned()?;
    let chroma = chroma(bits, profile, picture)?;
    bits.unsigned()?;
    order_count(bits)?;
    bits.unsigned()?;
    bits.skip(1)?;
    let size = size(bits, chroma, picture)?;
    picture.resolution = Some(size);
    if bits.flag()? { usability(bits, picture) } else { Some(()) }
}

/// Samples of luma to one of chroma, and whether chroma counts for cropping.
#[derive(Clone, Copy)]
struct Chroma {
    wide: u32,
    high: u32,
}

fn chroma(bits: &mut Bits<'_>, profile: u8, picture: &mut Picture) -> Option<Chroma> {
    picture.bit_depth = Some(8);
    let mut format = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        format = bits.unsigned()?;
        let separate = format == 3 && bits.flag()?;
        let depth = bits.unsigned()?;
        picture.bit_depth = u8::try_from(depth.checked_add(8)?).ok();
        bits.unsigned()?;
        bits.skip(1)?;
        if bits.flag()? {
            scaling(bits, if format == 3 { 12 } else { 8 })?;
        }
        if separate {
            format = 0;
        }
    }
    Some(match format {
        1 => Chroma { wide: 2, high: 2 },
        2 => Chroma { wide: 2, high: 1 },
        _ => Chroma { wide: 1, high: 1 },
    })
}

/// 7.3.2.1.1.1: lists of 16 and 64 numbers, passed over.
fn scaling(bits: &mut Bits<'_>, lists: u32) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.signed()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Picture order count: not needed, but on the way.
fn order_count(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => bits.unsigned().map(|_| ()),
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            let frames = bits.unsigned().filter(|n| *n <= 255)?;
            (0..frames).try_for_each(|_| bits.signed().map(|_| ()))
        }
        _ => Some(()),
    }
}

fn size(bits: &mut Bits<'_>, chroma: Chroma, picture: &mut Picture) -> Option<Resolution> {
    let width = bits.unsigned()?.checked_add(1)?.checked_mul(16)?;
    let units = bits.unsigned()?.checked_add(1)?;
    let fields = !bits.flag()?;
    picture.interlaced = fields;
    let lines = if fields { 2 } else { 1 };
    let height = units.checked_mul(16)?.checked_mul(lines)?;
    // mb_adaptive_frame_field_flag, direct_8x8_inference_flag.
    bits.skip(if fields { 2 } else { 1 })?;
    if !bits.flag()? {
        return Some(Resolution { width, height });
    }
    let [left, right, top, bottom] = [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?];
    let across = left.checked_add(right)?.checked_mul(chroma.wide)?;
    let down = top.checked_add(bottom)?.checked_mul(chroma.high)?.checked_mul(lines)?;
    let (width, height) = (width.checked_sub(across)?, height.checked_sub(down)?);
    (width > 0 && height > 0).then_some(Resolution { width, height })
}

/// vui_parameters as far as the timing.
fn usability(bits: &mut Bits<'_>, picture: &mut Picture) -> Option<()> {
    (picture.sample_aspect, picture.colour) = signal(bits)?;
    if bits.flag()? {
        let (units, scale) = (bits.bits(32)?, bits.bits(32)?);
        // A tick is a field's time, two make a frame (E.2.1).
        picture.frame_rate = units.checked_mul(2).and_then(|units| Ratio::new(scale, units));
    }
    Some(())
}

/// The beginning of vui_parameters, which H.264 and HEVC (ISO/IEC 23008-2 E.2.1) share: sample aspect ratio, overscan,
/// video signal type, chroma location.
pub(super) fn signal(bits: &mut Bits<'_>) -> Option<(Option<Ratio>, Option<Colour>)> {
    let aspect = if bits.flag()? { aspect(bits)? } else { None };
    if bits.flag()? {
        bits.skip(1)?;
    }
    let mut colour = None;
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            let mut point = || bits.byte().map(u16::from);
            colour = Some(Colour { primaries: point()?, transfer: point()?, matrix: point()? });
        }
    }
    if bits.flag()? {
        bits.unsigned()?;
        bits.unsigned()?;
    }
    Some((aspect, colour))
}

/// Table E-1. `None` inside for square samples and for what isn't specified.
fn aspect(bits: &mut Bits<'_>) -> Option<Option<Ratio>> {
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
