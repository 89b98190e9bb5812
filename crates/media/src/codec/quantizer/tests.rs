//! Headers that no encoder at hand writes, made field by field. `tests/quantizer.rs` compares encodes with ffmpeg.

use super::*;

/// Writes the bits of a NAL unit behind its header.
#[derive(Default)]
struct Bits(String);

impl Bits {
    /// Adds a field of `count` bits.
    fn u(mut self, count: usize, value: u32) -> Self {
        self.0 += &format!("{value:0count$b}");
        self
    }

    /// Adds unsigned Exp-Golomb codes.
    fn ue(self, values: &[u32]) -> Self {
        values.iter().fold(self, |bits, value| {
            let length = (32 - (value + 1).leading_zeros()) as usize;
            let bits = if length > 1 { bits.u(length - 1, 0) } else { bits };
            bits.u(length, value + 1)
        })
    }

    /// Adds a signed Exp-Golomb code.
    fn se(self, value: i32) -> Self {
        self.ue(&[if value > 0 { 2 * value as u32 - 1 } else { 2 * value.unsigned_abs() }])
    }

    /// Makes the NAL unit, with its trailing bit and emulation prevention bytes.
    fn unit(self, header: &[u8]) -> Vec<u8> {
        let mut bits = self.0 + "1";
        bits += &"0".repeat(bits.len().wrapping_neg() % 8);
        let bytes =
            bits.as_bytes().chunks(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
        let mut unit = header.to_vec();
        for byte in bytes {
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}

fn count(syntax: VideoSyntax, sets: &[Vec<u8>], slices: &[Vec<u8>]) -> SliceQuantizers {
    let (mut known, mut quantizers) = (SliceSets::new(syntax), SliceQuantizers::default());
    sets.iter().for_each(|set| known.add(set));
    slices.iter().filter_map(|slice| known.read_slice(slice)).for_each(|slice| quantizers.count(&slice));
    quantizers
}

fn means(quantizers: SliceQuantizers) -> [Option<f64>; 2] {
    [quantizers.intra.mean(), quantizers.inter.mean()]
}

/// A sequence parameter set of H.264 Main profile for fields, with this way to say the order of pictures.
fn h264_sequence(order: Bits) -> Vec<u8> {
    let bits = Bits::default().u(24, 0x4d_0028).ue(&[0, 4]);
    // max_num_ref_frames, no gaps, 16 x 2 macroblocks of fields, MBAFF, direct_8x8_inference, no cropping, no VUI.
    let bits = Bits(bits.0 + &order.0).ue(&[4]).u(1, 0).ue(&[15, 1]).u(1, 0).u(2, 3).u(2, 0);
    bits.unit(&[0x67])
}

/// A picture parameter set of H.264 with CABAC, bottom field orders, weights of P slices, and redundant pictures.
fn h264_picture(initial: i32) -> Vec<u8> {
    let bits = Bits::default().ue(&[3, 0]).u(1, 1).u(1, 1).ue(&[0, 1, 0]).u(1, 1).u(2, 1);
    bits.se(initial - 26).se(0).se(0).u(2, 0).u(1, 1).unit(&[0x68])
}

#[test]
fn fields_with_reordered_and_marked_references_are_read() {
    let order = Bits::default().ue(&[1]).u(1, 0).se(-1).se(1).ue(&[2]).se(2).se(-2);
    let sets = [h264_sequence(order), h264_picture(30)];
    // A bottom field of a P picture: frame_num has 8 bits, one difference in picture order, a redundant_pic_cnt.
    let field = |header: u8, quantizer: i32| {
        let bits = Bits::default().ue(&[0, 5, 3]).u(8, 77).u(2, 3).se(-9).ue(&[0]);
        // Three references; a list that is reordered by two commands and its end; weights of the second one.
        let bits = bits.u(1, 1).ue(&[2]).u(1, 1).ue(&[0, 4, 2, 1, 3]).ue(&[5, 5]);
        let bits = bits.u(2, 0).u(1, 1).se(-20).se(7).u(1, 1).se(1).se(2).se(3).se(4).u(2, 0);
        // Marking: a picture less, a long-term one, the end; cabac_init_idc.
        let bits = if header & 0x60 == 0 { bits } else { bits.u(1, 1).ue(&[1, 6, 3, 0, 1, 5, 0]) };
        bits.ue(&[2]).se(quantizer - 30).unit(&[header])
    };
    // A frame of an IDR picture: an idr_pic_id and both differences.
    let frame = Bits::default().ue(&[0, 7, 3]).u(8, 0).u(1, 0).ue(&[9]).se(3).se(-3).ue(&[0]).u(2, 0).se(-11);
    let slices = [frame.unit(&[0x65]), field(0x41, 40), field(0x01, 43)];
    assert_eq!(means(count(VideoSyntax::H264, &sets, &slices)), [Some(19.0), Some(41.5)]);
}

#[test]
fn a_slice_that_is_not_the_first_and_a_quantizer_that_does_not_exist_do_not_count() {
    let sets = [h264_sequence(Bits::default().ue(&[2])), h264_picture(26)];
    let slice = |first: u32, delta| {
        Bits::default().ue(&[first, 7, 3]).u(8, 0).u(1, 0).ue(&[0, 0]).u(2, 0).se(delta).unit(&[0x65])
    };
    let counted = |slice| count(VideoSyntax::H264, &sets, &[slice]).counted();
    let intra = |quantizer| {
        let mut quantizers = SliceQuantizers::default();
        quantizers.intra.add(quantizer);
        Some(quantizers)
    };
    assert_eq!([counted(slice(0, 25)), counted(slice(0, -26))], [intra(51), intra(0)]);
    assert_eq!([counted(slice(0, 26)), counted(slice(0, -27)), counted(slice(4, 0))], [None; 3]);
    let unknown = count(VideoSyntax::H264, &sets[..1], &[slice(0, 0)]);
    assert_eq!(unknown.counted(), None, "without its picture parameter set");
}

/// A sequence parameter set of HEVC with two reference sets, the second a change of the first, and long-term pictures.
fn hevc_sequence() -> Vec<u8> {
    let bits = Bits::default().u(4, 0).u(3, 0).u(1, 1);
    // profile_tier_level: Main.
    let bits = bits.u(8, 1).u(32, 0x6000_0000).u(32, 0).u(16, 0).u(8, 93);
    // 4:2:0, 320 x 180, 8 bits, 4 + 4 bits of picture order, buffering, block sizes.
    let bits = bits.ue(&[0, 1, 320, 180]).u(1, 0).ue(&[0, 0, 4]).u(1, 1).ue(&[4, 2, 0]).ue(&[0, 3, 0, 3, 0, 0]);
    // No scaling lists, no asymmetric partitions, sample adaptive offset, no PCM.
    let bits = bits.u(1, 0).u(1, 0).u(1, 1).u(1, 0);
    // Set 0: two pictures before, one after, of which one isn't used. Set 1: each by 1 nearer to the first, without the last.
    let bits = bits.ue(&[2]).ue(&[2, 1]).ue(&[0]).u(1, 1).ue(&[1]).u(1, 1).ue(&[0]).u(1, 0);
    let bits = bits.u(1, 1).u(1, 1).ue(&[0]).u(1, 1).u(1, 1).u(2, 1).u(2, 0);
    // Three long-term pictures, temporal prediction, no VUI, no extension.
    let bits = bits.u(1, 1).ue(&[3]).u(8, 1).u(1, 1).u(8, 2).u(1, 0).u(8, 3).u(1, 1);
    bits.u(1, 1).u(1, 0).u(1, 0).u(1, 0).unit(&[0x42, 1])
}

/// A picture parameter set of HEVC with tiles, scaling lists, changed lists, weights, and two extra bits in slice headers.
fn hevc_picture() -> Vec<u8> {
    let bits = Bits::default().ue(&[5, 0]).u(1, 1).u(1, 1).u(3, 2).u(1, 0).u(1, 1).ue(&[1, 0]).se(4).u(2, 0);
    let bits = bits.u(1, 1).ue(&[1]).se(0).se(0).u(1, 0).u(2, 3).u(1, 0);
    // 3 columns and 2 rows of tiles of given sizes, no wavefronts; loop filters; deblocking offsets; scaling lists.
    let bits = bits.u(1, 1).u(1, 0).ue(&[2, 1]).u(1, 0).ue(&[1, 0, 0]).u(1, 1).u(1, 1).u(1, 1).u(2, 0).se(2).se(-2);
    let lists = (0..20).fold(bits.u(1, 1), |bits, _| bits.u(1, 0).ue(&[0]));
    lists.u(1, 1).ue(&[0]).u(1, 0).u(1, 0).unit(&[0x44, 1])
}

#[test]
fn long_term_references_and_changed_lists_of_hevc_are_read() {
    let sets = [hevc_sequence(), hevc_picture()];
    // A B slice of the trailing picture: two extra bits, the type, pic_output_flag, picture order.
    let begin = |kind: u32| Bits::default().u(1, 1).ue(&[5]).u(2, 0).ue(&[kind]).u(1, 1).u(8, 200);
    // The second set of the sequence; a long-term picture of the list and one of its own, whose order has high bits.
    let bits = begin(0).u(1, 1).u(1, 1).ue(&[1, 1]).u(2, 2).u(1, 0).u(8, 9).u(1, 1).u(1, 1).ue(&[3]);
    // Temporal prediction, SAO; two and three references; both lists changed by indices to 4 pictures.
    let bits = bits.u(1, 1).u(2, 3).u(1, 1).ue(&[1, 2]).u(1, 1).u(4, 5).u(1, 1).u(6, 9);
    // mvd_l1_zero_flag, cabac_init_flag, the second picture of list 1, weights of one luma and one chroma.
    let bits = bits.u(2, 0).u(1, 0).ue(&[1]).ue(&[6]).se(0);
    let bits = bits.u(2, 1).u(2, 2).se(1).se(2).se(3).se(4).se(5).se(-6).u(3, 0).u(3, 0);
    let b = bits.ue(&[2]).se(7).unit(&[0x02, 1]);
    // A P slice with a set of its own, as a change of the set before the last one, and no long-term pictures.
    let bits = begin(1).u(1, 0).u(1, 1).ue(&[1]).u(1, 0).ue(&[1]).u(1, 1).u(1, 1).u(2, 0).u(2, 0);
    let bits = bits.ue(&[0, 0]).u(1, 0).u(2, 0).u(1, 0).u(1, 0).u(1, 0).ue(&[6]).se(0).u(2, 0).u(2, 0);
    let p = bits.ue(&[0]).se(-3).unit(&[0x02, 1]);
    // An IDR picture and a dependent or later slice segment of it.
    let idr = Bits::default().u(2, 2).ue(&[5]).u(2, 0).ue(&[2]).u(1, 1).u(2, 0).se(-20).unit(&[0x26, 1]);
    let later = Bits::default().u(2, 0).ue(&[5]).u(12, 7).unit(&[0x26, 1]);
    let of = |slices: &[&Vec<u8>]| {
        let slices: Vec<_> = slices.iter().map(|slice| (*slice).clone()).collect();
        means(count(VideoSyntax::Hevc, &sets, &slices))
    };
    assert_eq!(of(&[&idr, &later]), [Some(10.0), None]);
    assert_eq!(of(&[&b]), [None, Some(37.0)]);
    assert_eq!(of(&[&p]), [None, Some(27.0)]);
}

#[test]
fn no_cut_and_no_changed_bit_makes_a_reader_panic() {
    let sequence = h264_sequence(Bits::default().ue(&[0, 0]));
    let units = [
        (VideoSyntax::H264, vec![sequence, h264_picture(26)]),
        (VideoSyntax::Hevc, vec![hevc_sequence(), hevc_picture()]),
    ];
    for (syntax, sets) in units {
        for (at, bit) in (0..sets.iter().map(Vec::len).max().unwrap()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut changed = sets.clone();
            changed.iter_mut().filter_map(|set| set.get_mut(at)).for_each(|byte| *byte ^= 1 << bit);
            let slices: Vec<Vec<u8>> =
                (0..8u8).map(|n| [&[0x41 ^ n, 1][..], &[n.wrapping_mul(37); 40]].concat()).collect();
            count(syntax, &changed, &slices);
            changed.iter_mut().for_each(|set| set.truncate(at));
            count(syntax, &changed, &slices);
        }
    }
}
