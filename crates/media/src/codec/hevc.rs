//! Parser for the HEVC sequence parameter set (ISO/IEC 23008-2 7.3.2.2, 7.3.3, annex E.2.1).

use super::bits::{BitReader, without_emulation_prevention};
use super::h264::{self, vui_signal};
use super::parameters::{CodecParameters, Ratio, VideoParameters};
use super::quantizer::macroblocks;
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

/// Largest sps_seq_parameter_set_id (7.4.3.2.1).
const MAX_SEQUENCE_SET: u32 = 15;

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
/// `None` if the bytes end before the identifier does.
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

/// Fields of a sequence parameter set on which the syntax of slice headers depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SliceSequence {
    pub(super) id: u32,
    /// Whether the colour planes are coded as separate pictures.
    pub(super) separate_planes: bool,
    /// Whether slices have chroma samples (ChromaArrayType isn't 0).
    pub(super) has_chroma: bool,
    pub(super) luma_depth: u32,
    /// Number of macroblocks of 16 x 16 luma samples that cover a picture.
    pub(super) macroblocks: u32,
    /// Number of bits of slice_pic_order_cnt_lsb.
    pub(super) order_bits: usize,
    pub(super) sample_adaptive_offset: bool,
    pub(super) reference_sets: Vec<ReferenceSet>,
    /// Whether the current picture may refer to each long-term picture that the set lists; `None` without long-term pictures.
    pub(super) long_term: Option<Vec<bool>>,
    pub(super) temporal_prediction: bool,
}

/// Profiles of screen content coding (A.3.7), whose slice headers have further fields.
const SCREEN_CONTENT: [u8; 2] = [9, 11];

/// Parses what slice headers need of a sequence parameter set without its NAL header and emulation prevention bytes. `None` also
/// for profiles of screen content.
pub(super) fn slice_sequence(fields: &[u8]) -> Option<SliceSequence> {
    let mut bits = BitReader::new(fields);
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    let profile = profile_tier_level(&mut bits, sub_layers)?.profile;
    let sequence = read_coding(&mut bits, sub_layers, &mut VideoParameters::default())?;
    Some(sequence).filter(|_| !SCREEN_CONTENT.contains(&profile))
}

fn read_sps(bits: &mut BitReader<'_>, sub_layers: u32, picture: &mut VideoParameters) -> Option<()> {
    read_coding(bits, sub_layers, picture)?;
    // strong_intra_smoothing_enabled_flag.
    bits.skip(1)?;
    if bits.flag()? { read_vui(bits, picture) } else { Some(()) }
}

/// Reads the fields from the identifier up to sps_temporal_mvp_enabled_flag; `sub_layers` is sps_max_sub_layers_minus1.
fn read_coding(bits: &mut BitReader<'_>, sub_layers: u32, picture: &mut VideoParameters) -> Option<SliceSequence> {
    let id = bits.exp_golomb().filter(|id| *id <= MAX_SEQUENCE_SET)?;
    let format = bits.exp_golomb()?;
    let separate_planes = format == 3 && bits.flag()?;
    let size = picture_size(bits, format)?;
    picture.resolution = Some(size);
    let luma_depth = bits.exp_golomb()?.checked_add(8)?;
    picture.bit_depth = u8::try_from(luma_depth).ok();
    bits.exp_golomb()?;
    let order_bits = h264::order_bits(bits)?;
    let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
    // Buffering of each sub-layer, then sizes and depths of blocks.
    (0..3 * layers + 6).try_for_each(|_| bits.exp_golomb().map(|_| ()))?;
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    // amp_enabled_flag.
    bits.skip(1)?;
    let sample_adaptive_offset = bits.flag()?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.exp_golomb()?;
        bits.exp_golomb()?;
        bits.skip(1)?;
    }
    let reference_sets = reference_sets(bits)?;
    let long_term = if bits.flag()? { Some(long_term_pictures(bits, order_bits)?) } else { None };
    let temporal_prediction = bits.flag()?;
    let has_chroma = format > 0 && !separate_planes;
    Some(SliceSequence {
        id,
        separate_planes,
        has_chroma,
        luma_depth,
        macroblocks: macroblocks(size),
        order_bits,
        sample_adaptive_offset,
        reference_sets,
        long_term,
        temporal_prediction,
    })
}

/// Reads the long-term reference pictures of a sequence: whether the current picture may refer to each.
fn long_term_pictures(bits: &mut BitReader<'_>, order_bits: usize) -> Option<Vec<bool>> {
    let count = bits.exp_golomb().filter(|n| *n <= 32)?;
    let mut used = Vec::new();
    for _ in 0..count {
        bits.skip(order_bits)?;
        used.push(bits.flag()?);
    }
    Some(used)
}

fn picture_size(bits: &mut BitReader<'_>, format: u32) -> Option<Resolution> {
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

/// Skips scaling_list_data (ISO/IEC 23008-2 7.3.4). `None` if the bytes end within it.
pub(super) fn skip_scaling_lists(bits: &mut BitReader<'_>) -> Option<()> {
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

/// Reads the short-term reference picture sets of HEVC (7.3.7).
fn reference_sets(bits: &mut BitReader<'_>) -> Option<Vec<ReferenceSet>> {
    let count = bits.exp_golomb().filter(|n| *n <= 64)?;
    let mut sets = Vec::new();
    for _ in 0..count {
        sets.push(ReferenceSet::read(bits, &sets, false)?);
    }
    Some(sets)
}

/// A short-term reference picture set: distances in picture order, first to the pictures before, then to those after the current
/// picture, each from near to far, and whether the current picture may refer to each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferenceSet(Vec<(i64, bool)>);

impl ReferenceSet {
    /// Reads a set. A set may be coded as a change of one of the sets in `before` (ISO/IEC 23008-2 7.4.8): of the last
    /// one in a sequence parameter set, and of any one in a slice header. `None` if the bytes end within the set, if it
    /// refers to a set that doesn't exist, or if it has more than 16 pictures.
    pub(super) fn read(bits: &mut BitReader<'_>, before: &[Self], in_slice: bool) -> Option<Self> {
        let set = if !before.is_empty() && bits.flag()? {
            let back = if in_slice { bits.exp_golomb()?.checked_add(1)? } else { 1 };
            before.get(before.len().checked_sub(usize::try_from(back).ok()?)?)?.predict(bits)?
        } else {
            Self::read_explicit(bits)?
        };
        Some(set).filter(|set| set.0.len() <= MAX_DELTAS)
    }

    /// Returns the number of pictures to which the current picture may refer.
    pub(super) fn used(&self) -> u32 {
        self.0.iter().map(|(_, used)| u32::from(*used)).sum()
    }

    fn read_explicit(bits: &mut BitReader<'_>) -> Option<Self> {
        let few = |n: &u32| *n as usize <= MAX_DELTAS;
        let counts = [(bits.exp_golomb().filter(few)?, -1), (bits.exp_golomb().filter(few)?, 1)];
        let mut deltas = Vec::new();
        for (count, sign) in counts {
            let mut at = 0;
            for _ in 0..count {
                at += sign * (i64::from(bits.exp_golomb()?) + 1);
                deltas.push((at, bits.flag()?));
            }
        }
        Some(Self(deltas))
    }

    /// Reads a set that is coded as a change of this one.
    fn predict(&self, bits: &mut BitReader<'_>) -> Option<Self> {
        let negative = bits.flag()?;
        let step = i64::from(bits.exp_golomb()?) + 1;
        let step = if negative { -step } else { step };
        let mut deltas = Vec::new();
        for delta in self.0.iter().map(|(delta, _)| *delta).chain([0]) {
            // used_by_curr_pic_flag, else use_delta_flag.
            let used = bits.flag()?;
            if used || bits.flag()? {
                deltas.push((delta + step, used));
            }
        }
        deltas.retain(|(delta, _)| *delta != 0);
        deltas.sort_by_key(|(delta, _)| (*delta > 0, delta.abs()));
        Some(Self(deltas))
    }
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
