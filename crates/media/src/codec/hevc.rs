//! Parser for the HEVC sequence parameter set (ISO/IEC 23008-2 7.3.2.2, 7.3.3, annex E.2.1).

use super::bits::{BitReader, without_emulation_prevention};
use super::h264::vui_signal;
use super::parameters::{CodecParameters, Ratio, VideoParameters};
use super::rfc6381::{Codec, HevcProfileTierLevel};
use crate::stream::Resolution;

/// nal_unit_type of a video parameter set in HEVC.
pub(crate) const VPS: u8 = 32;
/// nal_unit_type of a picture parameter set in HEVC.
pub(crate) const PPS: u8 = 34;
/// nal_unit_type of a sequence parameter set in HEVC.
pub(crate) const SPS: u8 = 33;
/// nal_unit_type of supplemental enhancement information (SEI) before the picture in HEVC.
pub(crate) const PREFIX_SEI: u8 = 39;

/// Parses an HEVC sequence parameter set from its NAL header on, emulation prevention bytes included. `None` for
/// another NAL unit, or when profile and level can't be read.
#[must_use]
pub fn parameters(nal: &[u8]) -> Option<CodecParameters> {
    let nal = without_emulation_prevention(nal);
    let (&[first, second], rest) = nal.split_first_chunk::<2>()?;
    // Only the base layer (nuh_layer_id 0) describes the video that every player shows.
    if first >> 1 & 0x3f != SPS || first & 1 != 0 || second >> 3 != 0 {
        return None;
    }
    let mut bits = BitReader::new(rest);
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    let codec = Codec::Hevc(profile_tier_level(&mut bits, sub_layers)?);
    let mut picture = VideoParameters::default();
    // The fields before an error are kept.
    let _ = read_sps(&mut bits, sub_layers, &mut picture);
    Some(CodecParameters::with_video(codec, picture))
}

/// Returns sps_seq_parameter_set_id of a sequence parameter set without its NAL header and emulation prevention bytes.
pub(super) fn sequence_set_id(fields: &[u8]) -> Option<u32> {
    let mut bits = BitReader::new(fields);
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    profile_tier_level(&mut bits, sub_layers)?;
    bits.exp_golomb()
}

/// Reads profile_tier_level of HEVC (7.3.3); the argument `sub_layers` is sps_max_sub_layers_minus1.
fn profile_tier_level(bits: &mut BitReader<'_>, sub_layers: u32) -> Option<HevcProfileTierLevel> {
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
    Some(HevcProfileTierLevel { space, profile, compatibility, high_tier, level, constraints })
}

fn read_sps(bits: &mut BitReader<'_>, sub_layers: u32, picture: &mut VideoParameters) -> Option<()> {
    bits.exp_golomb()?;
    picture.resolution = Some(picture_size(bits)?);
    picture.bit_depth = u8::try_from(bits.exp_golomb()?.checked_add(8)?).ok();
    bits.exp_golomb()?;
    let count_bits = bits.exp_golomb().filter(|n| *n <= 12)? + 4;
    let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
    // Buffering of each sub-layer, then sizes and depths of blocks.
    (0..3 * layers + 6).try_for_each(|_| bits.exp_golomb().map(|_| ()))?;
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.exp_golomb()?;
        bits.exp_golomb()?;
        bits.skip(1)?;
    }
    skip_short_term_sets(bits)?;
    if bits.flag()? {
        let count = bits.exp_golomb().filter(|n| *n <= 32)?;
        bits.skip(count as usize * (count_bits as usize + 1))?;
    }
    bits.skip(2)?;
    if bits.flag()? { read_vui(bits, picture) } else { Some(()) }
}

fn picture_size(bits: &mut BitReader<'_>) -> Option<Resolution> {
    let format = bits.exp_golomb()?;
    if format == 3 {
        bits.skip(1)?;
    }
    let (wide, high) = match format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (width, height) = (bits.exp_golomb()?, bits.exp_golomb()?);
    let [left, right, top, bottom] = match bits.flag()? {
        true => [bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?],
        false => [0; 4],
    };
    let width = width.checked_sub(left.checked_add(right)?.checked_mul(wide)?)?;
    let height = height.checked_sub(top.checked_add(bottom)?.checked_mul(high)?)?;
    (width > 0 && height > 0).then_some(Resolution { width, height })
}

/// Skips scaling_list_data of HEVC (7.3.4).
fn skip_scaling_lists(bits: &mut BitReader<'_>) -> Option<()> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.exp_golomb()?;
                continue;
            }
            if size > 1 {
                bits.signed_exp_golomb()?;
            }
            (0..64.min(1 << (4 + (size << 1)))).try_for_each(|_: i32| bits.signed_exp_golomb().map(|_| ()))?;
        }
    }
    Some(())
}

/// Largest number of pictures that a short-term reference picture set refers to: the size of the decoded picture buffer
/// (A.4.2).
const MAX_DELTAS: usize = 16;

/// Skips the short-term reference picture sets of HEVC (7.3.7). A set may be coded as a change of the set before it, so
/// the preceding set is kept (7.4.8).
fn skip_short_term_sets(bits: &mut BitReader<'_>) -> Option<()> {
    let count = bits.exp_golomb().filter(|n| *n <= 64)?;
    let mut before: Vec<i64> = Vec::new();
    for set in 0..count {
        before = if set > 0 && bits.flag()? { predicted_set(bits, &before)? } else { explicit_set(bits)? };
        if before.len() > MAX_DELTAS {
            return None;
        }
    }
    Some(())
}

/// Reads a short-term reference picture set as distances in picture order: first to the pictures before, then to those
/// after the current picture, each from near to far.
fn explicit_set(bits: &mut BitReader<'_>) -> Option<Vec<i64>> {
    let few = |n: &u32| *n as usize <= MAX_DELTAS;
    let counts = [(bits.exp_golomb().filter(few)?, -1), (bits.exp_golomb().filter(few)?, 1)];
    let mut deltas = Vec::new();
    for (count, sign) in counts {
        let mut at = 0;
        for _ in 0..count {
            at += sign * (i64::from(bits.exp_golomb()?) + 1);
            bits.skip(1)?;
            deltas.push(at);
        }
    }
    Some(deltas)
}

/// Reads a short-term reference picture set that is coded as a change of the set `before`.
fn predicted_set(bits: &mut BitReader<'_>, before: &[i64]) -> Option<Vec<i64>> {
    let negative = bits.flag()?;
    let step = i64::from(bits.exp_golomb()?) + 1;
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

/// Reads vui_parameters of HEVC up to the timing information.
fn read_vui(bits: &mut BitReader<'_>, picture: &mut VideoParameters) -> Option<()> {
    (picture.sample_aspect, picture.colour) = vui_signal(bits)?;
    bits.skip(1)?;
    let fields = bits.flag()?;
    bits.skip(1)?;
    if bits.flag()? {
        (0..4).try_for_each(|_| bits.exp_golomb().map(|_| ()))?;
    }
    let rate = match bits.flag()? {
        true => (bits.bits(32)?, bits.bits(32)?),
        false => (0, 0),
    };
    let (units, scale) = rate;
    picture.frame_rate = Ratio::new(scale, units);
    if fields {
        // field_seq_flag: each picture is a field, with half the height and half the duration of a frame.
        picture.interlaced = true;
        picture.frame_rate = units.checked_mul(2).and_then(|units| Ratio::new(scale, units));
        picture.resolution = picture.resolution.map(|r| Resolution { height: r.height.saturating_mul(2), ..r });
    }
    Some(())
}
