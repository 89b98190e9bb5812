//! Parser for the AV1 sequence header (AV1 Bitstream & Decoding Process Specification 5.3, 5.5).

use super::bits::BitReader;
use super::parameters::{CodecParameters, ColourDescription, Ratio, VideoParameters};
use super::rfc6381::Codec;
use crate::stream::Resolution;

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
/// Number of open bitstream units (OBUs) that are searched for the AV1 sequence header, which comes first.
const MAX_OBUS: usize = 8;

/// Parses open bitstream units (OBUs) with size fields, as in `av1C`. `None` without a readable sequence header.
#[must_use]
pub fn parameters(units: &[u8]) -> Option<CodecParameters> {
    let mut rest = units;
    for _ in 0..MAX_OBUS {
        let (kind, body, after) = parse_obu(rest)?;
        if kind == SEQUENCE_HEADER {
            return sequence_header(&mut BitReader::new(body));
        }
        rest = after;
    }
    None
}

/// Returns whether the open bitstream units (OBUs) contain a sequence header, readable or not.
#[must_use]
pub(crate) fn has_sequence_header(units: &[u8]) -> bool {
    units_before_picture(units).0
}

/// Returns whether a sample begins with a key frame before which no sequence header stands. `false` if the given bytes end
/// before the frame, or the frame is none of a random access point.
#[must_use]
pub(crate) fn lacks_sequence_header(sample: &[u8]) -> bool {
    let (found, frame) = units_before_picture(sample);
    // show_existing_frame is 0 and frame_type is KEY_FRAME (5.9.2); without a sequence header a reduced still picture, which
    // has neither, can't be recognised.
    !found && frame.is_some_and(|first| first & 0b1110_0000 == 0)
}

/// Returns whether a sequence header stands before the first frame, and the first byte of that frame's header; `None` if
/// the bytes have no frame.
fn units_before_picture(units: &[u8]) -> (bool, Option<u8>) {
    let mut rest = units;
    for _ in 0..MAX_OBUS {
        let Some(unit) = parse_head(rest) else { break };
        match unit.kind {
            SEQUENCE_HEADER => return (true, None),
            FRAME_HEADER | FRAME => return (false, unit.body.first().copied()),
            _ => {}
        }
        let Some((_, after)) = unit.size.and_then(|size| unit.body.split_at_checked(size)) else { break };
        rest = after;
    }
    (false, None)
}

/// The head of an open bitstream unit (OBU) of AV1.
struct ObuHead<'a> {
    /// obu_type.
    kind: u8,
    /// obu_size in bytes; `None` for a unit that goes on to the end.
    size: Option<usize>,
    /// The bytes behind the head: those of the unit, and of the units after it.
    body: &'a [u8],
}

/// Parses obu_header and obu_size of AV1 (5.3.2, leb128 of 4.10.5).
fn parse_head(bytes: &[u8]) -> Option<ObuHead<'_>> {
    let (&header, rest) = bytes.split_first()?;
    let rest = rest.get(usize::from(header >> 2 & 1)..)?;
    let kind = header >> 3 & 0xf;
    if header >> 1 & 1 == 0 {
        return Some(ObuHead { kind, size: None, body: rest });
    }
    let length = 1 + rest.iter().take(4).take_while(|b| **b & 0x80 != 0).count();
    let size = rest.get(..length)?.iter().rev().fold(0usize, |n, b| n << 7 | usize::from(b & 0x7f));
    Some(ObuHead { kind, size: Some(size), body: rest.get(length..)? })
}

/// Parses obu_header and obu_size of AV1 (5.3.2, leb128 of 4.10.5), and returns obu_type, the unit's body and the bytes
/// behind the unit.
fn parse_obu(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ObuHead { kind, size, body } = parse_head(bytes)?;
    let (body, after) = size.map_or(Some((body, &[][..])), |size| body.split_at_checked(size))?;
    Some((kind, body, after))
}

fn sequence_header(bits: &mut BitReader<'_>) -> Option<CodecParameters> {
    let profile = bits.bits(3)? as u8;
    bits.skip(1)?;
    let reduced = bits.flag()?;
    let mut picture = VideoParameters::default();
    let (level, high_tier) = match reduced {
        true => (bits.bits(5)? as u8, false),
        false => operating_points(bits, &mut picture)?,
    };
    let (wide, high) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
    let (width, height) = (bits.bits(wide)?.checked_add(1)?, bits.bits(high)?.checked_add(1)?);
    picture.resolution = Some(Resolution { width, height });
    skip_tools(bits, reduced)?;
    let depth = color_config(bits, profile, &mut picture)?;
    picture.bit_depth = Some(depth);
    Some(CodecParameters::with_video(Codec::Av1 { profile, level, high_tier, bit_depth: depth }, picture))
}

/// Reads timing and operating points of the AV1 sequence header, and returns level and tier of the first operating
/// point, which includes all layers.
fn operating_points(bits: &mut BitReader<'_>, picture: &mut VideoParameters) -> Option<(u8, bool)> {
    let mut delay_bits = None;
    if bits.flag()? {
        picture.frame_rate = timing_info(bits)?;
        if bits.flag()? {
            delay_bits = Some(bits.bits(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = bits.flag()?;
    let count = bits.bits(5)? + 1;
    let mut first = None;
    for _ in 0..count {
        bits.skip(12)?;
        let level = bits.bits(5)? as u8;
        let high_tier = level > 7 && bits.flag()?;
        if let Some(length) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * length + 1)?;
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
        first.get_or_insert((level, high_tier));
    }
    first
}

/// Reads timing_info of the AV1 sequence header (5.5.3). The outer `None` means that bits are missing, the inner one
/// that the pictures have no equal durations.
fn timing_info(bits: &mut BitReader<'_>) -> Option<Option<Ratio>> {
    let (units, scale) = (bits.bits(32)?, bits.bits(32)?);
    if !bits.flag()? {
        return Some(None);
    }
    let ticks = bits.exp_golomb()?.checked_add(1)?;
    Some(units.checked_mul(ticks).and_then(|units| Ratio::new(scale, units)))
}

/// Skips the flags of the coding tools in the AV1 sequence header (5.5.1).
fn skip_tools(bits: &mut BitReader<'_>, reduced: bool) -> Option<()> {
    if !reduced && bits.flag()? {
        bits.skip(4 + 3)?;
    }
    bits.skip(3)?;
    if !reduced {
        bits.skip(4)?;
        let order_hint = bits.flag()?;
        if order_hint {
            bits.skip(2)?;
        }
        // Screen content tools: chosen by each frame, or one bit that switches them.
        let screen = bits.flag()? || bits.flag()?;
        if screen && !bits.flag()? {
            bits.skip(1)?;
        }
        if order_hint {
            bits.skip(3)?;
        }
    }
    bits.skip(3)
}

/// Reads color_config of the AV1 sequence header (5.5.2) up to the colour description, and returns the bit depth.
fn color_config(bits: &mut BitReader<'_>, profile: u8, picture: &mut VideoParameters) -> Option<u8> {
    let high = bits.flag()?;
    let depth = match high {
        true if profile == 2 && bits.flag()? => 12,
        true => 10,
        false => 8,
    };
    if profile != 1 {
        bits.skip(1)?;
    }
    if bits.flag()? {
        let mut point = || bits.byte().map(u16::from);
        picture.colour = Some(ColourDescription { primaries: point()?, transfer: point()?, matrix: point()? });
    }
    Some(depth)
}
