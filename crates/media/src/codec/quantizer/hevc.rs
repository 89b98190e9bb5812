//! Slice segment headers of HEVC up to slice_qp_delta (ISO/IEC 23008-2 7.3.6.1), and the fields of parameter sets that they need.

use super::{SetsById, Slice};
use crate::codec::bits::BitReader;
pub(crate) use crate::codec::hevc::SliceSequence as Sequence;
use crate::codec::hevc::{self, ReferenceSet};

/// nal_unit_type of the pictures that begin with no_output_of_prior_pics_flag (table 7-1).
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=23;
/// nal_unit_type of IDR pictures.
const IDR: std::ops::RangeInclusive<u8> = 19..=20;
/// Largest pps_pic_parameter_set_id (7.4.3.3.1).
const MAX_PICTURE_SET: u32 = 63;
/// Largest number of reference pictures in a list (7.4.7.1).
const MAX_REFERENCES: u32 = 15;
/// Largest number of long-term reference pictures of a slice: more than the decoded picture buffer holds.
const MAX_LONG_TERM: u32 = 33;

/// Fields of a picture parameter set on which slice headers depend (7.3.2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    sequence_set: u32,
    output_flag_present: bool,
    extra_bits: usize,
    cabac_init_present: bool,
    /// Default number of reference pictures in list 0 and list 1.
    references: [u32; 2],
    initial_quantizer: i32,
    weighted_p: bool,
    weighted_b: bool,
    lists_modification_present: bool,
}

/// Takes the parameter set in a NAL unit without emulation prevention bytes.
pub(super) fn add_set(sets: &mut SetsById<Sequence, Picture>, unit: &[u8]) {
    let Some((&[first, second], fields)) = unit.split_first_chunk::<2>() else { return };
    match first >> 1 & 0x3f {
        _ if first & 1 != 0 || second >> 3 != 0 => {}
        hevc::SPS => {
            if let Some(sequence) = hevc::slice_sequence(fields) {
                sets.sequence.insert(sequence.id, sequence);
            }
        }
        hevc::PPS => {
            sets.add_picture(fields, MAX_PICTURE_SET, Picture::read);
        }
        _ => {}
    }
}

impl Picture {
    /// Reads a picture parameter set behind its identifier.
    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let sequence_set = bits.exp_golomb()?;
        // dependent_slice_segments_enabled_flag.
        bits.skip(1)?;
        let output_flag_present = bits.flag()?;
        let extra_bits = bits.bits(3)? as usize;
        // sign_data_hiding_enabled_flag.
        bits.skip(1)?;
        let cabac_init_present = bits.flag()?;
        let references = [references(bits)?, references(bits)?];
        let initial_quantizer = bits.signed_exp_golomb()?.checked_add(26)?;
        // constrained_intra_pred_flag, transform_skip_enabled_flag.
        bits.skip(2)?;
        if bits.flag()? {
            bits.exp_golomb()?;
        }
        // pps_cb_qp_offset, pps_cr_qp_offset, and whether slices have such offsets.
        bits.signed_exp_golomb()?;
        bits.signed_exp_golomb()?;
        bits.skip(1)?;
        let (weighted_p, weighted_b) = (bits.flag()?, bits.flag()?);
        skip_tiles_and_filters(bits)?;
        let lists_modification_present = bits.flag()?;
        Some(Self {
            sequence_set,
            output_flag_present,
            extra_bits,
            cabac_init_present,
            references,
            initial_quantizer,
            weighted_p,
            weighted_b,
            lists_modification_present,
        })
    }
}

/// Skips the fields of a picture parameter set from transquant_bypass_enabled_flag to its scaling lists.
fn skip_tiles_and_filters(bits: &mut BitReader<'_>) -> Option<()> {
    bits.skip(1)?;
    let has_tiles = bits.flag()?;
    bits.skip(1)?;
    if has_tiles {
        // A picture has at most 20 columns and 22 rows of tiles (A.4.1).
        let [columns, rows] = [bits.exp_golomb()?, bits.exp_golomb()?];
        let borders = columns.checked_add(rows).filter(|borders| *borders <= 40)?;
        if !bits.flag()? {
            (0..borders).try_for_each(|_| bits.exp_golomb().map(|_| ()))?;
        }
        bits.skip(1)?;
    }
    bits.skip(1)?;
    // deblocking_filter_control_present_flag, deblocking_filter_override_enabled_flag, pps_deblocking_filter_disabled_flag.
    if bits.flag()? {
        bits.skip(1)?;
        if !bits.flag()? {
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
        }
    }
    if bits.flag()? { hevc::skip_scaling_lists(bits) } else { Some(()) }
}

/// Reads a number of reference pictures, which is coded less one.
fn references(bits: &mut BitReader<'_>) -> Option<u32> {
    bits.exp_golomb().filter(|less_one| *less_one < MAX_REFERENCES).map(|less_one| less_one + 1)
}

/// Type of a slice (table 7-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SliceType {
    P,
    B,
    I,
}

/// Reads a slice segment header in a NAL unit without emulation prevention bytes; `None` if it isn't the first of its picture.
pub(super) fn read_slice(sets: &SetsById<Sequence, Picture>, unit: &[u8]) -> Option<Slice> {
    let (&[first, second], fields) = unit.split_first_chunk::<2>()?;
    if first & 1 != 0 || second >> 3 != 0 {
        return None;
    }
    let unit_type = first >> 1 & 0x3f;
    let mut bits = BitReader::new(fields);
    // first_slice_segment_in_pic_flag.
    if !bits.flag()? {
        return None;
    }
    if RANDOM_ACCESS.contains(&unit_type) {
        bits.skip(1)?;
    }
    let picture = sets.picture.get(&bits.exp_golomb()?)?;
    let sequence = sets.sequence.get(&picture.sequence_set)?;
    bits.skip(picture.extra_bits)?;
    let kind = match bits.exp_golomb()? {
        0 => SliceType::B,
        1 => SliceType::P,
        2 => SliceType::I,
        _ => return None,
    };
    bits.skip(usize::from(picture.output_flag_present))?;
    if sequence.separate_planes {
        bits.skip(2)?;
    }
    let references = match IDR.contains(&unit_type) {
        true => References::default(),
        false => References::read(&mut bits, sequence)?,
    };
    if sequence.sample_adaptive_offset {
        bits.skip(1 + usize::from(sequence.has_chroma))?;
    }
    if kind != SliceType::I {
        skip_prediction(&mut bits, sequence, picture, references, kind == SliceType::B)?;
    }
    let (intra, delta) = (kind == SliceType::I, bits.signed_exp_golomb()?);
    Slice::new(intra, picture.initial_quantizer, delta, sequence.luma_depth, sequence.macroblocks)
}

/// What a slice header says about the pictures that the decoder keeps.
#[derive(Debug, Clone, Copy, Default)]
struct References {
    /// Number of pictures to which the current picture may refer (NumPicTotalCurr).
    used: u32,
    /// Whether motion vectors may be predicted from another picture (slice_temporal_mvp_enabled_flag).
    temporal_prediction: bool,
}

impl References {
    fn read(bits: &mut BitReader<'_>, sequence: &Sequence) -> Option<Self> {
        bits.skip(sequence.order_bits)?;
        let sets = &sequence.reference_sets;
        let own;
        let set = if !bits.flag()? {
            own = ReferenceSet::read(bits, sets, true)?;
            &own
        } else {
            let index = bits.bits(bits_for(sets.len()))?;
            sets.get(usize::try_from(index).ok()?)?
        };
        let mut used = set.used();
        if let Some(listed) = &sequence.long_term {
            used += long_term(bits, listed, sequence.order_bits)?;
        }
        let temporal_prediction = sequence.temporal_prediction && bits.flag()?;
        Some(Self { used, temporal_prediction })
    }
}

/// Reads the long-term reference pictures of a slice, and returns to how many of them the current picture may refer. `listed` says of
/// each long-term picture in the sequence parameter set whether the current picture may refer to it.
fn long_term(bits: &mut BitReader<'_>, listed: &[bool], order_bits: usize) -> Option<u32> {
    let from_list = if listed.is_empty() { 0 } else { bits.exp_golomb().filter(|n| *n <= MAX_LONG_TERM)? };
    let own = bits.exp_golomb().filter(|n| *n <= MAX_LONG_TERM)?;
    let mut used = 0;
    for n in 0..from_list + own {
        let is_used = if n < from_list {
            let index = bits.bits(bits_for(listed.len()))?;
            *listed.get(usize::try_from(index).ok()?)?
        } else {
            bits.skip(order_bits)?;
            bits.flag()?
        };
        used += u32::from(is_used);
        if bits.flag()? {
            bits.exp_golomb()?;
        }
    }
    Some(used)
}

/// Number of bits of an index into a list of so many: Ceil(Log2(count)).
fn bits_for(count: usize) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

/// Skips the fields of P and B slices that describe their prediction.
fn skip_prediction(
    bits: &mut BitReader<'_>,
    sequence: &Sequence,
    picture: &Picture,
    references: References,
    is_b: bool,
) -> Option<()> {
    let [mut first, mut second] = picture.references;
    if bits.flag()? {
        first = self::references(bits)?;
        if is_b {
            second = self::references(bits)?;
        }
    }
    if !is_b {
        second = 0;
    }
    if picture.lists_modification_present && references.used > 1 {
        let index = bits_for(usize::try_from(references.used).ok()?) as usize;
        for count in [first, second].into_iter().take(1 + usize::from(is_b)) {
            if bits.flag()? {
                bits.skip(index * count as usize)?;
            }
        }
    }
    // mvd_l1_zero_flag, cabac_init_flag.
    bits.skip(usize::from(is_b) + usize::from(picture.cabac_init_present))?;
    if references.temporal_prediction {
        let from_first = !is_b || bits.flag()?;
        if if from_first { first > 1 } else { second > 1 } {
            bits.exp_golomb()?;
        }
    }
    if if is_b { picture.weighted_b } else { picture.weighted_p } {
        skip_weights(bits, sequence, &[first, second])?;
    }
    // five_minus_max_num_merge_cand.
    bits.exp_golomb().filter(|n| *n <= 4).map(|_| ())
}

/// Skips pred_weight_table (7.3.6.3) of lists with so many reference pictures.
fn skip_weights(bits: &mut BitReader<'_>, sequence: &Sequence, lists: &[u32]) -> Option<()> {
    bits.exp_golomb()?;
    if sequence.has_chroma {
        bits.signed_exp_golomb()?;
    }
    for count in lists {
        let mut luma = 0;
        for _ in 0..*count {
            luma += u32::from(bits.flag()?);
        }
        let mut chroma = 0;
        for _ in 0..if sequence.has_chroma { *count } else { 0 } {
            chroma += u32::from(bits.flag()?);
        }
        (0..2 * luma + 4 * chroma).try_for_each(|_| bits.signed_exp_golomb().map(|_| ()))?;
    }
    Some(())
}
