//! Parser for the H.264 sequence parameter set (ISO/IEC 14496-10 7.3.2.1.1, annex E.1.1).

use super::bits::{BitReader, without_emulation_prevention};
use super::parameters::{CodecParameters, ColourDescription, Ratio, VideoParameters};
use super::quantizer::macroblocks;
use super::rfc6381::Codec;
use crate::stream::Resolution;

/// nal_unit_type of a sequence parameter set in H.264.
pub(crate) const SPS: u8 = 7;
/// nal_unit_type of a picture parameter set in H.264.
pub(crate) const PPS: u8 = 8;
/// nal_unit_type of supplemental enhancement information (SEI) in H.264.
pub(crate) const SEI: u8 = 6;

/// Largest seq_parameter_set_id (7.4.2.1.1).
const MAX_SEQUENCE_SET: u32 = 31;

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
    let (sequence, chroma, coded) = read_coding(bits, profile, picture)?;
    picture.resolution = Some(cropped(bits, chroma, coded, sequence.may_have_fields)?);
    if bits.flag()? { read_vui(bits, picture) } else { Some(()) }
}

/// Fields of a sequence parameter set on which the syntax of slice headers depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SliceSequence {
    pub(super) id: u32,
    /// Whether the colour planes are coded as separate pictures.
    pub(super) separate_planes: bool,
    /// Whether slices have chroma samples (ChromaArrayType isn't 0).
    pub(super) has_chroma: bool,
    pub(super) luma_depth: u32,
    /// Number of macroblocks of a frame.
    pub(super) macroblocks: u32,
    /// Number of bits of frame_num.
    pub(super) frame_number_bits: usize,
    pub(super) order: PictureOrder,
    /// Whether a picture may be a field (frame_mbs_only_flag is 0).
    pub(super) may_have_fields: bool,
}

/// How slice headers give the order of the pictures (pic_order_cnt_type, ISO/IEC 14496-10 8.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureOrder {
    /// Slice headers have this number of least significant bits of the picture order count.
    LeastBits(usize),
    /// Slice headers have the differences from an expected picture order count.
    Differences,
    /// Slice headers have no order: pictures are shown in the order in which they are coded.
    Implied,
}

/// Parses the fields of a sequence parameter set on which the syntax of slice headers depends. `fields` is the
/// parameter set without NAL header and emulation prevention bytes. `None` if it is cut off or has a value that the
/// standard doesn't allow.
pub(super) fn slice_sequence(fields: &[u8]) -> Option<SliceSequence> {
    let (&[profile, ..], rest) = fields.split_first_chunk::<3>()?;
    let (sequence, ..) = read_coding(&mut BitReader::new(rest), profile, &mut VideoParameters::default())?;
    Some(sequence)
}

/// Reads the fields behind the level up to mb_adaptive_frame_field_flag and direct_8x8_inference_flag: those of slices, and the size of
/// a frame before cropping.
fn read_coding(
    bits: &mut BitReader<'_>,
    profile: u8,
    picture: &mut VideoParameters,
) -> Option<(SliceSequence, ChromaSubsampling, Resolution)> {
    let id = bits.exp_golomb().filter(|id| *id <= MAX_SEQUENCE_SET)?;
    let chroma = read_chroma(bits, profile, picture)?;
    let frame_number_bits = order_bits(bits)?;
    let order = read_order(bits)?;
    bits.exp_golomb()?;
    bits.skip(1)?;
    let coded = frame_size(bits, picture)?;
    let sequence = SliceSequence {
        id,
        separate_planes: chroma.separate,
        has_chroma: chroma.format > 0 && !chroma.separate,
        luma_depth: picture.bit_depth.map_or(8, u32::from),
        macroblocks: macroblocks(coded),
        frame_number_bits,
        order,
        may_have_fields: picture.interlaced,
    };
    Some((sequence, chroma, coded))
}

/// Reads the number of bits of a picture counter, 4 to 16, which is coded minus 4. `None` for a larger number or at the
/// end of the bytes.
pub(super) fn order_bits(bits: &mut BitReader<'_>) -> Option<usize> {
    bits.exp_golomb().filter(|less_four| *less_four <= 12).map(|less_four| less_four as usize + 4)
}

/// Chroma format of a sequence (chroma_format_idc), and whether its planes are coded as separate pictures.
#[derive(Clone, Copy)]
struct ChromaSubsampling {
    format: u32,
    separate: bool,
}

impl ChromaSubsampling {
    /// Returns the number of luma samples for each chroma sample, across and down; the cropping window counts in chroma samples.
    fn luma_samples(self) -> (u32, u32) {
        match self.format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        }
    }
}

fn read_chroma(bits: &mut BitReader<'_>, profile: u8, picture: &mut VideoParameters) -> Option<ChromaSubsampling> {
    picture.bit_depth = Some(8);
    let (mut format, mut separate) = (1, false);
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        format = bits.exp_golomb()?;
        separate = format == 3 && bits.flag()?;
        let depth = bits.exp_golomb()?;
        picture.bit_depth = u8::try_from(depth.checked_add(8)?).ok();
        bits.exp_golomb()?;
        bits.skip(1)?;
        if bits.flag()? {
            skip_scaling_lists(bits, if format == 3 { 12 } else { 8 })?;
        }
    }
    Some(ChromaSubsampling { format, separate })
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

/// Reads the fields of an H.264 sequence parameter set that describe the picture order count.
fn read_order(bits: &mut BitReader<'_>) -> Option<PictureOrder> {
    match bits.exp_golomb()? {
        0 => order_bits(bits).map(PictureOrder::LeastBits),
        1 => {
            // delta_pic_order_always_zero_flag: slices don't say differences.
            let implied = bits.flag()?;
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
            let frames = bits.exp_golomb().filter(|n| *n <= 255)?;
            (0..frames).try_for_each(|_| bits.signed_exp_golomb().map(|_| ()))?;
            Some(if implied { PictureOrder::Implied } else { PictureOrder::Differences })
        }
        _ => Some(PictureOrder::Implied),
    }
}

/// Reads the size of a frame before cropping, and whether pictures may be fields.
fn frame_size(bits: &mut BitReader<'_>, picture: &mut VideoParameters) -> Option<Resolution> {
    let width = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let units = bits.exp_golomb()?.checked_add(1)?;
    let fields = !bits.flag()?;
    picture.interlaced = fields;
    let lines = if fields { 2 } else { 1 };
    let height = units.checked_mul(16)?.checked_mul(lines)?;
    // mb_adaptive_frame_field_flag, direct_8x8_inference_flag.
    bits.skip(if fields { 2 } else { 1 })?;
    Some(Resolution { width, height })
}

/// Reads the cropping window, and returns the size that is left of a coded frame. `fields` is whether pictures may be fields.
fn cropped(bits: &mut BitReader<'_>, chroma: ChromaSubsampling, coded: Resolution, fields: bool) -> Option<Resolution> {
    if !bits.flag()? {
        return Some(coded);
    }
    let Resolution { width, height } = coded;
    let (wide, high) = chroma.luma_samples();
    let lines = if fields { 2 } else { 1 };
    let [left, right, top, bottom] = [bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?, bits.exp_golomb()?];
    let across = left.checked_add(right)?.checked_mul(wide)?;
    let down = top.checked_add(bottom)?.checked_mul(high)?.checked_mul(lines)?;
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
/// overscan, video signal type, chroma location. `None` if the bytes end before the chroma location does.
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
