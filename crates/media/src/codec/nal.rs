//! NAL unit headers of H.264 (ISO/IEC 14496-10) and HEVC (ISO/IEC 23008-2), pictures of MPEG-2 (ISO/IEC 13818-2):
//! where an access unit begins and whether a decoder can begin there.

use super::bits::Bits;
use super::picture::Syntax;
use super::sei::{Messages, RECOVERY_POINT};

/// As much of a NAL unit as [`classify`] looks at.
pub const HEAD: usize = 64;

/// What one NAL unit (or MPEG-2 start code) says about its access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A new access unit begins here.
    Delimiter,
    /// The access unit is a recovery point (H.264 SEI).
    RecoveryPoint,
    /// A slice; for MPEG-2 a picture.
    Slice(Access),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// IDR, IRAP or MPEG-2 I picture: decoding can begin here.
    Random,
    /// Intra coded: random access where a recovery point says so.
    Intra,
    /// Needs earlier pictures.
    Inter,
}

/// Reads the first bytes of a NAL unit, beginning after the start code; `None` for units that say nothing here.
#[must_use]
pub fn classify(syntax: Syntax, head: &[u8]) -> Option<Unit> {
    match syntax {
        Syntax::H264 => h264(head),
        Syntax::Hevc => hevc(head),
        Syntax::Mpeg2 => mpeg2(head),
    }
}

/// ISO/IEC 14496-10 table 7-1 (nal_unit_type) and table 7-6 (slice_type).
fn h264(head: &[u8]) -> Option<Unit> {
    let (&first, rest) = head.split_first()?;
    match first & 0x1f {
        1 => {
            let mut bits = Bits::new(rest);
            bits.unsigned()?;
            let intra = matches!(bits.unsigned()? % 5, 2 | 4);
            Some(Unit::Slice(if intra { Access::Intra } else { Access::Inter }))
        }
        5 => Some(Unit::Slice(Access::Random)),
        6 => recovery_point(rest).then_some(Unit::RecoveryPoint),
        9 => Some(Unit::Delimiter),
        _ => None,
    }
}

/// ISO/IEC 23008-2 table 7-1: 16 to 23 are intra random access points, 35 is the delimiter.
fn hevc(head: &[u8]) -> Option<Unit> {
    match (head.first()? >> 1) & 0x3f {
        0..=9 => Some(Unit::Slice(Access::Inter)),
        16..=23 => Some(Unit::Slice(Access::Random)),
        35 => Some(Unit::Delimiter),
        _ => None,
    }
}

/// ISO/IEC 13818-2 6.2.3: picture_start_code 0x00, then temporal_reference (10 bits) and picture_coding_type (3).
fn mpeg2(head: &[u8]) -> Option<Unit> {
    let (&code, rest) = head.split_first()?;
    let kind = (rest.get(1)? >> 3) & 7;
    (code == 0).then_some(Unit::Slice(if kind == 1 { Access::Random } else { Access::Inter }))
}

/// Looks through the messages of a unit that is cut off at [`HEAD`].
fn recovery_point(rbsp: &[u8]) -> bool {
    let mut clean = [0u8; HEAD];
    Messages(unescape(rbsp, &mut clean)).any(|(kind, _)| kind == RECOVERY_POINT)
}

/// Drops emulation_prevention_three_byte (ISO/IEC 14496-10 7.4.1).
fn unescape<'a>(bytes: &[u8], clean: &'a mut [u8; HEAD]) -> &'a [u8] {
    let (mut zeros, mut length) = (0, 0);
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        let Some(place) = clean.get_mut(length) else { break };
        *place = byte;
        length += 1;
    }
    clean.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_units_are_told_apart() {
        assert_eq!(classify(Syntax::H264, &[0x09, 0xf0]), Some(Unit::Delimiter));
        assert_eq!(classify(Syntax::H264, &[0x65, 0x88]), Some(Unit::Slice(Access::Random)));
        // first_mb 0 is `1`, slice_type 7 (I) is `0001000`.
        assert_eq!(classify(Syntax::H264, &[0x41, 0b1000_1000, 0]), Some(Unit::Slice(Access::Intra)));
        // slice_type 5 (P) is `00110`.
        assert_eq!(classify(Syntax::H264, &[0x41, 0b1001_1000, 0]), Some(Unit::Slice(Access::Inter)));
        assert_eq!(classify(Syntax::H264, &[0x67, 0x42]), None);
        assert_eq!(classify(Syntax::H264, &[]), None);
    }

    #[test]
    fn a_recovery_point_is_found_behind_other_messages_and_emulation_bytes() {
        // Buffering period (type 0, 4 bytes with an emulation byte among them), then recovery point.
        let sei = [0x06, 0, 4, 0xaa, 0, 0, 3, 1, 6, 1, 0xc4, 0x80];
        assert_eq!(classify(Syntax::H264, &sei), Some(Unit::RecoveryPoint));
        assert_eq!(classify(Syntax::H264, &[0x06, 5, 2, 6, 6, 0x80]), None);
        assert_eq!(classify(Syntax::H264, &[0x06, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn every_hevc_irap_is_a_random_access_point() {
        for kind in 16..=21u8 {
            assert_eq!(classify(Syntax::Hevc, &[kind << 1, 1]), Some(Unit::Slice(Access::Random)));
        }
        assert_eq!(classify(Syntax::Hevc, &[1 << 1, 1]), Some(Unit::Slice(Access::Inter)));
        assert_eq!(classify(Syntax::Hevc, &[35 << 1, 1]), Some(Unit::Delimiter));
        assert_eq!(classify(Syntax::Hevc, &[39 << 1, 1]), None);
    }
}
