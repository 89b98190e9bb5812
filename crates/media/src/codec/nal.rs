//! NAL unit headers of H.264 (ISO/IEC 14496-10) and HEVC (ISO/IEC 23008-2), and pictures of MPEG-2 (ISO/IEC 13818-2):
//! where an access unit begins, and whether a decoder can begin there.

use super::bits::{BitReader, unescape_into};
use super::sei::{RECOVERY_POINT, SeiMessages};
use super::start_codes::VideoSyntax;

/// Number of bytes at the start of a NAL unit that [`classify`] needs.
pub(crate) const MAX_HEAD: usize = 64;

/// Role of one NAL unit (or MPEG-2 start code) in its access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalUnit {
    /// The NAL unit begins a new access unit (access unit delimiter).
    Delimiter,
    /// The NAL unit is a message that marks the access unit as a recovery point (H.264 SEI).
    RecoveryPoint,
    /// The NAL unit is a slice; for MPEG-2 it is a whole picture.
    Slice(SliceKind),
}

/// Whether a decoder can begin with a slice of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SliceKind {
    /// The slice belongs to an IDR, IRAP or MPEG-2 I picture: a decoder can begin there.
    RandomAccess,
    /// The slice is intra coded: a decoder can begin there only at a recovery point.
    Intra,
    /// The slice is inter coded: it needs earlier pictures.
    Inter,
}

/// Classifies a NAL unit by its first bytes behind the start code; `None` for a unit that is neither delimiter,
/// recovery point nor slice.
#[must_use]
pub(crate) fn classify(syntax: VideoSyntax, head: &[u8]) -> Option<NalUnit> {
    match syntax {
        VideoSyntax::H264 => classify_h264(head),
        VideoSyntax::Hevc => classify_hevc(head),
        VideoSyntax::Mpeg2 => classify_mpeg2(head),
    }
}

/// Classifies an H.264 NAL unit by nal_unit_type (ISO/IEC 14496-10 table 7-1) and slice_type (table 7-6).
fn classify_h264(head: &[u8]) -> Option<NalUnit> {
    let (&first, rest) = head.split_first()?;
    match first & 0x1f {
        1 => {
            let mut bits = BitReader::new(rest);
            bits.exp_golomb()?;
            let intra = matches!(bits.exp_golomb()? % 5, 2 | 4);
            Some(NalUnit::Slice(if intra { SliceKind::Intra } else { SliceKind::Inter }))
        }
        5 => Some(NalUnit::Slice(SliceKind::RandomAccess)),
        6 => has_recovery_point(rest).then_some(NalUnit::RecoveryPoint),
        9 => Some(NalUnit::Delimiter),
        _ => None,
    }
}

/// Classifies an HEVC NAL unit by nal_unit_type (ISO/IEC 23008-2 table 7-1): 16 to 23 are intra random access points,
/// 35 is the access unit delimiter.
fn classify_hevc(head: &[u8]) -> Option<NalUnit> {
    match (head.first()? >> 1) & 0x3f {
        0..=9 => Some(NalUnit::Slice(SliceKind::Inter)),
        16..=23 => Some(NalUnit::Slice(SliceKind::RandomAccess)),
        35 => Some(NalUnit::Delimiter),
        _ => None,
    }
}

/// Classifies an MPEG-2 picture by picture_coding_type (3 bits), which follows picture_start_code 0x00 and
/// temporal_reference (10 bits; ISO/IEC 13818-2 6.2.3).
fn classify_mpeg2(head: &[u8]) -> Option<NalUnit> {
    let (&code, rest) = head.split_first()?;
    let kind = (rest.get(1)? >> 3) & 7;
    (code == 0).then_some(NalUnit::Slice(if kind == 1 { SliceKind::RandomAccess } else { SliceKind::Inter }))
}

/// Searches the first [`MAX_HEAD`] bytes of an SEI NAL unit for a recovery point message.
fn has_recovery_point(rbsp: &[u8]) -> bool {
    let mut clean = [0u8; MAX_HEAD];
    SeiMessages(unescape_into(rbsp, &mut clean)).any(|(kind, _)| kind == RECOVERY_POINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_units_are_told_apart() {
        assert_eq!(classify(VideoSyntax::H264, &[0x09, 0xf0]), Some(NalUnit::Delimiter));
        assert_eq!(classify(VideoSyntax::H264, &[0x65, 0x88]), Some(NalUnit::Slice(SliceKind::RandomAccess)));
        // first_mb 0 is `1`, slice_type 7 (I) is `0001000`.
        assert_eq!(classify(VideoSyntax::H264, &[0x41, 0b1000_1000, 0]), Some(NalUnit::Slice(SliceKind::Intra)));
        // slice_type 5 (P) is `00110`.
        assert_eq!(classify(VideoSyntax::H264, &[0x41, 0b1001_1000, 0]), Some(NalUnit::Slice(SliceKind::Inter)));
        assert_eq!(classify(VideoSyntax::H264, &[0x67, 0x42]), None);
        assert_eq!(classify(VideoSyntax::H264, &[]), None);
    }

    #[test]
    fn a_recovery_point_is_found_behind_other_messages_and_emulation_bytes() {
        // Buffering period (type 0, 4 bytes with an emulation byte among them), then recovery point.
        let sei = [0x06, 0, 4, 0xaa, 0, 0, 3, 1, 6, 1, 0xc4, 0x80];
        assert_eq!(classify(VideoSyntax::H264, &sei), Some(NalUnit::RecoveryPoint));
        assert_eq!(classify(VideoSyntax::H264, &[0x06, 5, 2, 6, 6, 0x80]), None);
        assert_eq!(classify(VideoSyntax::H264, &[0x06, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn every_hevc_irap_is_a_random_access_point() {
        for kind in 16..=21u8 {
            assert_eq!(classify(VideoSyntax::Hevc, &[kind << 1, 1]), Some(NalUnit::Slice(SliceKind::RandomAccess)));
        }
        assert_eq!(classify(VideoSyntax::Hevc, &[1 << 1, 1]), Some(NalUnit::Slice(SliceKind::Inter)));
        assert_eq!(classify(VideoSyntax::Hevc, &[35 << 1, 1]), Some(NalUnit::Delimiter));
        assert_eq!(classify(VideoSyntax::Hevc, &[39 << 1, 1]), None);
    }

    #[test]
    fn slice_types_and_unit_types_give_the_kind() {
        let slice = |kind: u32| {
            let code = kind + 1;
            let bits = 2 * (32 - code.leading_zeros()) - 1;
            let word = (1u32 << 31 | code << (31 - bits)).to_be_bytes();
            classify(VideoSyntax::H264, &[&[0x41][..], &word].concat())
        };
        for kind in 0..10 {
            let expected = if matches!(kind % 5, 2 | 4) { SliceKind::Intra } else { SliceKind::Inter };
            assert_eq!(slice(kind), Some(NalUnit::Slice(expected)), "{kind}");
        }
        let hevc = |kind: u8| classify(VideoSyntax::Hevc, &[kind << 1, 1]);
        let [inter, random] = [SliceKind::Inter, SliceKind::RandomAccess].map(|kind| Some(NalUnit::Slice(kind)));
        assert_eq!([0, 9, 10, 15, 16, 23, 24].map(hevc), [inter, inter, None, None, random, random, None]);
        let mpeg2 = |head: &[u8]| classify(VideoSyntax::Mpeg2, head);
        assert_eq!([mpeg2(&[0, 0, 8]), mpeg2(&[0, 0xff, 0x10]), mpeg2(&[0, 0, 0x18])], [random, inter, inter]);
        assert_eq!([mpeg2(&[0xb3, 0, 8]), mpeg2(&[0, 0]), mpeg2(&[])], [None; 3]);
    }
}
