//! NAL unit headers of H.264 (ISO/IEC 14496-10) and HEVC (ISO/IEC 23008-2), and pictures of MPEG-2 (ISO/IEC 13818-2):
//! where an access unit begins, and whether a decoder can begin there.

use super::bits::BitReader;
use super::sei::RECOVERY_POINT;
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

/// Classifies a NAL unit by its first bytes behind the start code; `None` for a unit that is neither delimiter nor slice.
/// [`RecoveryPointSearch`] finds recovery points.
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

/// nal_unit_type of supplemental enhancement information in H.264 (ISO/IEC 14496-10 table 7-1).
const H264_SEI: u8 = 6;

/// Searches the messages of an H.264 SEI NAL unit for a recovery point. The bytes of the unit arrive in chunks, and none is kept: a
/// recovery point may follow captions or user data of any length (ISO/IEC 14496-10 7.3.2.3.1).
#[derive(Debug)]
pub(crate) struct RecoveryPointSearch {
    field: SeiField,
    /// Number of zero bytes before the next byte, at most 2, by which an emulation prevention byte is recognised.
    zeros: u8,
}

/// The field of an SEI message to which the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum SeiField {
    /// payloadType, with the sum of its bytes so far.
    Kind(usize),
    /// payloadSize of a message of this payloadType, with the sum of its bytes so far.
    Size(usize, usize),
    /// The payload, with the number of its bytes to come, which is above 0.
    Payload(usize),
}

impl RecoveryPointSearch {
    /// Begins the search in a NAL unit whose first byte is `header`. `None` if the unit isn't an SEI NAL unit of H.264.
    #[must_use]
    pub(crate) fn begin(syntax: VideoSyntax, header: u8) -> Option<Self> {
        let is_sei = syntax == VideoSyntax::H264 && header & 0x1f == H264_SEI;
        is_sei.then_some(Self { field: SeiField::Kind(0), zeros: 0 })
    }

    /// Reads the next bytes of the NAL unit behind its header, and returns whether a recovery point message begins in them.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            bytes = self.skip_payload(bytes);
            let Some((byte, rest)) = bytes.split_first() else { return false };
            if self.push_byte(*byte) {
                return true;
            }
            bytes = rest;
        }
    }

    /// Passes over the bytes of the current payload, up to its end or to a byte that may be an emulation prevention byte. Returns the
    /// bytes behind them.
    fn skip_payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let SeiField::Payload(left) = self.field else { return bytes };
        let payload = bytes.get(..left).unwrap_or(bytes);
        let count = memchr::memchr(3, payload).unwrap_or(payload.len());
        let (skipped, rest) = bytes.split_at(count);
        self.field = SeiField::payload(left - count);
        self.zeros = match skipped {
            [] => self.zeros,
            [0] => 2.min(self.zeros + 1),
            [.., 0, 0] => 2,
            [.., 0] => 1,
            _ => 0,
        };
        rest
    }

    fn push_byte(&mut self, byte: u8) -> bool {
        let is_emulation_prevention = self.zeros == 2 && byte == 3;
        self.zeros = if byte == 0 { 2.min(self.zeros + 1) } else { 0 };
        if is_emulation_prevention {
            return false;
        }
        let (value, goes_on) = (usize::from(byte), byte == 0xff);
        let mut found = false;
        self.field = match self.field {
            SeiField::Kind(sum) if goes_on => SeiField::Kind(sum.saturating_add(value)),
            SeiField::Kind(sum) => SeiField::Size(sum.saturating_add(value), 0),
            SeiField::Size(kind, sum) if goes_on => SeiField::Size(kind, sum.saturating_add(value)),
            SeiField::Size(kind, sum) => {
                found = kind == RECOVERY_POINT;
                SeiField::payload(sum.saturating_add(value))
            }
            SeiField::Payload(left) => SeiField::payload(left.saturating_sub(1)),
        };
        found
    }
}

impl SeiField {
    /// Returns the field of the next byte: the payload if `left` bytes of it are to come, else the next message.
    fn payload(left: usize) -> Self {
        if left > 0 { Self::Payload(left) } else { Self::Kind(0) }
    }
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
        let sei = [0, 4, 0xaa, 0, 0, 3, 1, 6, 1, 0xc4, 0x80];
        assert!(recovers(&sei));
        assert!(!recovers(&[5, 2, 6, 6, 0x80]) && !recovers(&[0xff, 0xff, 0xff]) && !recovers(&[6]));
        assert!(RecoveryPointSearch::begin(VideoSyntax::H264, 0x26).is_some());
        assert!(RecoveryPointSearch::begin(VideoSyntax::H264, 0x25).is_none());
        assert!(RecoveryPointSearch::begin(VideoSyntax::Hevc, 6).is_none());
    }

    /// Returns whether an SEI NAL unit with these bytes behind its header has a recovery point. Checks that the size of the chunks
    /// makes no difference.
    fn recovers(bytes: &[u8]) -> bool {
        let search = |size| {
            let mut search = RecoveryPointSearch::begin(VideoSyntax::H264, 0x06).unwrap();
            bytes.chunks(size).any(|piece| search.push(piece))
        };
        let whole = search(bytes.len());
        (1..9).for_each(|size| assert_eq!(search(size), whole, "pieces of {size}"));
        whole
    }

    #[test]
    fn a_recovery_point_may_follow_messages_of_any_length() {
        // Captions of 71 bytes (ATSC A/53 part 4), whose triplets look like a recovery point; then user data of 2000 bytes.
        let captions = [&[4, 71][..], b"\xb5\0\x31GA94\x03\x54\xff", &[0xfc, 6, 1].repeat(20), &[0xff]].concat();
        let user_data = [&[5][..], &[0xff; 7], &[215], &[6; 2000]].concat();
        for before in [captions.clone(), user_data.clone(), [captions, user_data].concat()] {
            assert!(recovers(&[&before[..], &[6, 1, 0xc4, 0x80]].concat()));
            assert!(!recovers(&[&before[..], &[0x80]].concat()));
        }
        // The size of 3 counts the zeros and the 1, without the emulation prevention byte.
        assert!(recovers(&[5, 3, 0, 0, 3, 1, 6, 1, 0xc4, 0x80]));
        assert!(!recovers(&[5, 4, 0, 0, 3, 1, 6, 1, 0xc4, 0x80]));
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
