//! The sequence parameter set of HEVC (ISO/IEC 23008-2 7.3.2.2, 7.3.3, annex E.2.1).

use super::bits::{Bits, unescaped};
use super::h264::signal;
use super::parameters::{Parameters, Picture, Ratio};
use super::rfc6381::{Codec, Hevc};
use crate::stream::Resolution;

/// nal_unit_type of the set.
pub const SPS: u8 = 33;
/// nal_unit_type of supplemental enhancement information before the picture.
pub const PREFIX_SEI: u8 = 39;

/// `nal`: from its header on, as it stands in the stream. `None` where it isn't one, or not even profile and level can
/// be read.
#[must_use]
pub fn parameters(nal: &[u8]) -> Option<Parameters> {
    let nal = unescaped(nal);
    let (&[first, second], rest) = nal.split_first_chunk::<2>()?;
    // Only the base layer's (nuh_layer_id 0) describes what every player shows.
    if first >> 1 & 0x3f != SPS || first & 1 != 0 || second >> 3 != 0 {
        return None;
    }
    let mut bits = Bits::new(rest);
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    let codec = Codec::Hevc(profile_tier_level(&mut bits, sub_layers)?);
    let mut picture = Picture::default();
    // What came before a fault stays.
    let _ = read(&mut bits, sub_layers, &mut picture);
    Some(Parameters::of_picture(codec, picture))
}

/// `sub_layers`: sps_max_sub_layers_minus1.
fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<Hevc> {
    let space = bits.bits(2)? as u8;
    let high_tier = bits.flag()?;
    let profile = bits.bits(5)? as u8;
    let compatibility = bits.bits(32)?;
    let mut constraints = [0; 6];
    for byte in &mut constraints {
        *byte = bits.byte()?;
    }
    let level = bits.byte()?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8usize.saturating_sub(sub_layers as usize)))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(Hevc { space, profile, compatibility, high_tier, level, constraints })
}

fn read(bits: &mut Bits<'_>, sub_layers: u32, picture: &mut Picture) -> Option<()> {
    bits.unsigned()?;
    picture.resolution = Some(size(bits)?);
    picture.bit_depth = u8::try_from(bits.unsigned()?.checked_add(8)?).ok();
    bits.unsigned()?;
    let count_bits = bits.unsigned().filter(|n| *n <= 12)? + 4;
    let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
    // Buffering of each sub-layer, then sizes and depths of blocks.
    (0..3 * layers + 6).try_for_each(|_| bits.unsigned().map(|_| ()))?;
    if bits.flag()? && bits.flag()? {
        scaling(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
    }
    short_term_sets(bits)?;
    if bits.flag()? {
        let count = bits.unsigned().filter(|n| *n <= 32)?;
        bits.skip(count as usize * (count_bits as usize + 1))?;
    }
    bits.skip(2)?;
    if bits.flag()? { usability(bits, picture) } else { Some(()) }
}

fn size(bits: &mut Bits<'_>) -> Option<Resolution> {
    let format = bits.unsigned()?;
    if format == 3 {
        bits.skip(1)?;
    }
    let (wide, high) = match format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (width, height) = (bits.unsigned()?, bits.unsigned()?);
    let [left, right, top, bottom] = match bits.flag()? {
        true => [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?],
        false => [0; 4],
    };
    let width = width.checked_sub(left.checked_add(right)?.checked_mul(wide)?)?;
    let height = height.checked_sub(top.checked_add(bottom)?.checked_mul(high)?)?;
    (width > 0 && height > 0).then_some(Resolution { width, height })
}

/// scaling_list_data (7.3.4), passed over.
fn scaling(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.unsigned()?;
                continue;
            }
            if size > 1 {
                bits.signed()?;
            }
            (0..64.min(1 << (4 + (size << 1)))).try_for_each(|_: i32| bits.signed().map(|_| ()))?;
        }
    }
    Some(())
}

/// Pictures that a short-term set refers to, at most (the decoded picture buffer's size, A.4.2).
const DELTAS_MAX: usize = 16;

/// st_ref_pic_set (7.3.7): each may be coded as a change of the one before, so that has to be known (7.4.8).
fn short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.unsigned().filter(|n| *n <= 64)?;
    let mut before: Vec<i64> = Vec::new();
    for set in 0..count {
        before = if set > 0 && bits.flag()? { changed(bits, &before)? } else { listed(bits)? };
        if before.len() > DELTAS_MAX {
            return None;
        }
    }
    Some(())
}

/// Picture order distances, those before the picture first, each half from near to far.
fn listed(bits: &mut Bits<'_>) -> Option<Vec<i64>> {
    let few = |n: &u32| *n as usize <= DELTAS_MAX;
    let counts = [(bits.unsigned().filter(few)?, -1), (bits.unsigned().filter(few)?, 1)];
    let mut deltas = Vec::new();
    for (count, sign) in counts {
        let mut at = 0;
        for _ in 0..count {
            at += sign * (i64::from(bits.unsigned()?) + 1);
            bits.skip(1)?;
            deltas.push(at);
        }
    }
    Some(deltas)
}

fn changed(bits: &mut Bits<'_>, before: &[i64]) -> Option<Vec<i64>> {
    let negative = bits.flag()?;
    let step = i64::from(bits.unsigned()?) + 1;
    let step = if negative { -step } else { step };
    let mut deltas = Vec::new();
    for delta in before.iter().copied().chain([0]) {
        // used_by_curr_pic_flag, else use_delta_flag.
        if bits.flag()? || bits.flag()? {
            deltas.push(delta + step);
        }
    }
    deltas.retain(|delta| *delta != 0);
    deltas.sort_by_key(|delta| (*delta > 0, delta.abs()));
    Some(deltas)
}

/// vui_parameters as far as the timing.
fn usability(bits: &mut Bits<'_>, picture: &mut Picture) -> Option<()> {
    (picture.sample_aspect, picture.colour) = signal(bits)?;
    bits.skip(1)?;
    let fields = bits.flag()?;
    bits.skip(1)?;
    if bits.flag()? {
        (0..4).try_for_each(|_| bits.unsigned().map(|_| ()))?;
    }
    let rate = match bits.flag()? {
        true => (bits.bits(32)?, bits.bits(32)?),
        false => (0, 0),
    };
    let (units, scale) = rate;
    picture.frame_rate = Ratio::new(scale, units);
    if fields {
        // field_seq_flag: each picture is a field, half as high and half as long as a frame.
        picture.interlaced = true;
        picture.frame_rate = units.checked_mul(2).and_then(|units| Ratio::new(scale, units));
        picture.resolution = picture.resolution.map(|r| Resolution { height: r.height.saturating_mul(2), ..r });
    }
    Some(())
}
