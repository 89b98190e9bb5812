//! Slice headers of H.264 up to slice_qp_delta (ISO/IEC 14496-10 7.3.3), and the fields of parameter sets that they need.

use super::{SetsById, Slice};
use crate::codec::bits::BitReader;
pub(crate) use crate::codec::h264::SliceSequence as Sequence;
use crate::codec::h264::{self, PictureOrder};

/// nal_unit_type of a slice of an IDR picture.
const IDR: u8 = 5;
/// Largest pic_parameter_set_id (7.4.2.2).
const MAX_PICTURE_SET: u32 = 255;
/// Largest number of reference pictures of a slice: that of a field (7.4.3).
const MAX_REFERENCES: u32 = 32;
/// Largest number of commands in a list of them: one for each reference picture, and an end.
const MAX_COMMANDS: u32 = 2 * MAX_REFERENCES + 2;

/// Fields of a picture parameter set on which slice headers depend (7.3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    sequence_set: u32,
    cabac: bool,
    bottom_order_present: bool,
    /// Default number of reference pictures in list 0 and list 1.
    references: [u32; 2],
    weighted_p: bool,
    /// Whether weights of B slices are written in the slice header (weighted_bipred_idc 1).
    weighted_b: bool,
    initial_quantizer: i32,
    redundant_count_present: bool,
}

/// Takes the parameter set in a NAL unit without emulation prevention bytes.
pub(super) fn add_set(sets: &mut SetsById<Sequence, Picture>, unit: &[u8]) {
    let Some((header, fields)) = unit.split_first() else { return };
    match header & 0x1f {
        h264::SPS => {
            if let Some(sequence) = h264::slice_sequence(fields) {
                sets.sequence.insert(sequence.id, sequence);
            }
        }
        h264::PPS => {
            sets.add_picture(fields, MAX_PICTURE_SET, Picture::read);
        }
        _ => {}
    }
}

impl Picture {
    /// Reads a picture parameter set behind its identifier. `None` also for slice groups, which no profile of television has.
    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let sequence_set = bits.exp_golomb()?;
        let (cabac, bottom_order_present) = (bits.flag()?, bits.flag()?);
        if bits.exp_golomb()? != 0 {
            return None;
        }
        let references = [references(bits)?, references(bits)?];
        let weighted_p = bits.flag()?;
        let weighted_b = bits.bits(2)? == 1;
        let initial_quantizer = bits.signed_exp_golomb()?.checked_add(26)?;
        // pic_init_qs_minus26, chroma_qp_index_offset.
        bits.signed_exp_golomb()?;
        bits.signed_exp_golomb()?;
        // deblocking_filter_control_present_flag, constrained_intra_pred_flag.
        bits.skip(2)?;
        let redundant_count_present = bits.flag()?;
        Some(Self {
            sequence_set,
            cabac,
            bottom_order_present,
            references,
            weighted_p,
            weighted_b,
            initial_quantizer,
            redundant_count_present,
        })
    }
}

/// Reads a number of reference pictures, which is coded less one.
fn references(bits: &mut BitReader<'_>) -> Option<u32> {
    bits.exp_golomb().map(|less_one| less_one + 1).filter(|count| *count <= MAX_REFERENCES)
}

/// Type of a slice (table 7-6); SP and SI slices are coded like P and I slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SliceType {
    P,
    B,
    I,
}

/// Reads a slice header in a NAL unit without emulation prevention bytes; `None` if it isn't the first of its picture.
pub(super) fn read_slice(sets: &SetsById<Sequence, Picture>, unit: &[u8]) -> Option<Slice> {
    let (&header, fields) = unit.split_first()?;
    let (is_idr, is_reference) = (header & 0x1f == IDR, header & 0x60 != 0);
    let mut bits = BitReader::new(fields);
    // first_mb_in_slice.
    if bits.exp_golomb()? != 0 {
        return None;
    }
    let kind = match bits.exp_golomb()? {
        0 | 3 | 5 | 8 => SliceType::P,
        1 | 6 => SliceType::B,
        2 | 4 | 7 | 9 => SliceType::I,
        _ => return None,
    };
    let picture = sets.picture.get(&bits.exp_golomb()?)?;
    let sequence = sets.sequence.get(&picture.sequence_set)?;
    skip_numbers(&mut bits, sequence, picture, is_idr)?;
    if kind != SliceType::I {
        skip_prediction(&mut bits, sequence, picture, kind)?;
    }
    if is_reference {
        skip_marking(&mut bits, is_idr)?;
    }
    if picture.cabac && kind != SliceType::I {
        // cabac_init_idc.
        bits.exp_golomb().filter(|table| *table <= 2)?;
    }
    let (intra, delta) = (kind == SliceType::I, bits.signed_exp_golomb()?);
    Slice::new(intra, picture.initial_quantizer, delta, sequence.luma_depth, sequence.macroblocks)
}

/// Skips the fields that number the picture and say which field it is.
fn skip_numbers(bits: &mut BitReader<'_>, sequence: &Sequence, picture: &Picture, is_idr: bool) -> Option<()> {
    if sequence.separate_planes {
        bits.skip(2)?;
    }
    bits.skip(sequence.frame_number_bits)?;
    let mut is_field = false;
    if sequence.may_have_fields {
        is_field = bits.flag()?;
        bits.skip(usize::from(is_field))?;
    }
    if is_idr {
        bits.exp_golomb()?;
    }
    let has_bottom = picture.bottom_order_present && !is_field;
    match sequence.order {
        PictureOrder::LeastBits(count) => {
            bits.skip(count)?;
            if has_bottom {
                bits.signed_exp_golomb()?;
            }
        }
        PictureOrder::Differences => {
            bits.signed_exp_golomb()?;
            if has_bottom {
                bits.signed_exp_golomb()?;
            }
        }
        PictureOrder::Implied => {}
    }
    if picture.redundant_count_present {
        bits.exp_golomb()?;
    }
    Some(())
}

/// Skips the fields of P and B slices that describe their prediction: number and order of the reference pictures, and their weights.
fn skip_prediction(bits: &mut BitReader<'_>, sequence: &Sequence, picture: &Picture, kind: SliceType) -> Option<()> {
    let is_b = kind == SliceType::B;
    if is_b {
        // direct_spatial_mv_pred_flag.
        bits.skip(1)?;
    }
    let mut counts = picture.references;
    if bits.flag()? {
        let [first, second] = &mut counts;
        *first = references(bits)?;
        if is_b {
            *second = references(bits)?;
        }
    }
    let lists = if is_b { &counts[..] } else { counts.get(..1)? };
    for _ in lists {
        // ref_pic_list_modification (7.3.3.1).
        if bits.flag()? {
            skip_commands(bits, 3, |command| usize::from(command <= 2))?;
        }
    }
    if if is_b { picture.weighted_b } else { picture.weighted_p } {
        skip_weights(bits, sequence, lists)?;
    }
    Some(())
}

/// Skips commands up to the one that ends the list. `operands` is the number of operands of each command.
fn skip_commands(bits: &mut BitReader<'_>, end: u32, operands: impl Fn(u32) -> usize) -> Option<()> {
    for _ in 0..MAX_COMMANDS {
        let command = bits.exp_golomb()?;
        if command == end {
            return Some(());
        }
        for _ in 0..operands(command) {
            bits.exp_golomb()?;
        }
    }
    None
}

/// Skips pred_weight_table (7.3.3.2) of lists with so many reference pictures.
fn skip_weights(bits: &mut BitReader<'_>, sequence: &Sequence, lists: &[u32]) -> Option<()> {
    let with_chroma = sequence.has_chroma;
    for _ in 0..1 + u32::from(with_chroma) {
        bits.exp_golomb()?;
    }
    for _ in 0..lists.iter().sum::<u32>() {
        for values in if with_chroma { &[2, 4][..] } else { &[2] } {
            if bits.flag()? {
                (0..*values).try_for_each(|_: i32| bits.signed_exp_golomb().map(|_| ()))?;
            }
        }
    }
    Some(())
}

/// Skips dec_ref_pic_marking (7.3.3.3).
fn skip_marking(bits: &mut BitReader<'_>, is_idr: bool) -> Option<()> {
    if is_idr {
        return bits.skip(2);
    }
    if bits.flag()? {
        skip_commands(bits, 0, |command| match command {
            3 => 2,
            5 => 0,
            _ => 1,
        })?;
    }
    Some(())
}
