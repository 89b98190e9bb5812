//! The `pssh` box (ISO/IEC 23001-7 8.1), from which a DRM system requests a licence.

use super::{DrmSystem, Uuid};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A `pssh` box: a DRM system and the keys that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pssh {
    /// SystemID of the DRM system that the `pssh` box is for.
    pub system: Uuid,
    /// Identifiers of the keys that the `pssh` box names, at most [`MAX_KEY_IDS`]; empty when it names none.
    pub kids: Vec<Uuid>,
}

/// Largest number of key identifiers that are kept of one `pssh` box.
pub(super) const MAX_KEY_IDS: usize = 64;
/// Largest number of `pssh` boxes that are read of one `data:` URI.
const MAX_BOXES: usize = 8;

impl Pssh {
    /// Parses the bytes behind the header of a `pssh` box; `None` when they are cut off.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&version, rest) = body.split_first()?;
        let (system, mut rest) = rest.get(3..)?.split_first_chunk::<16>()?;
        let mut kids = Vec::new();
        if version > 0 {
            let (count, after) = rest.split_first_chunk::<4>()?;
            let bytes = usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(16)?;
            let (listed, after) = after.split_at_checked(bytes)?;
            kids.extend(listed.chunks_exact(16).take(MAX_KEY_IDS).filter_map(Uuid::from_slice));
            rest = after;
        }
        let system = Uuid::from_bytes(*system);
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let data = rest.get(..usize::try_from(u32::from_be_bytes(*size)).ok()?)?;
        if kids.is_empty() && DrmSystem::from_id(system) == Some(DrmSystem::Widevine) {
            kids = widevine_key_ids(data);
        }
        Some(Self { system, kids })
    }
}

/// Returns the `pssh` boxes in a `data:` URI; empty for another URI and for other data.
#[must_use]
pub fn pssh_boxes_in_data_uri(uri: &str) -> Vec<Pssh> {
    let is_data = uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let encoded = uri.split_once(";base64,").map(|(_, text)| text.trim_end_matches('=')).filter(|_| is_data);
    let Some(bytes) = encoded.and_then(|text| STANDARD_NO_PAD.decode(text).ok()) else { return Vec::new() };
    let (mut found, mut rest) = (Vec::new(), bytes.as_slice());
    while let (Some((body, after)), true) = (split_pssh(rest), found.len() < MAX_BOXES) {
        found.extend(Pssh::parse(body));
        rest = after;
    }
    found
}

/// Returns the body of the `pssh` box at the start of `bytes` and the bytes behind the box; `None` when there is no
/// such box.
fn split_pssh(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
    let (whole, after) = bytes.split_at_checked(size)?;
    let (kind, body) = whole.get(4..)?.split_first_chunk::<4>()?;
    (kind == b"pssh").then_some((body, after))
}

/// Returns the key identifiers in a Widevine `pssh` message, a Protocol Buffer: the values of its field 2 (key_ids).
fn widevine_key_ids(mut data: &[u8]) -> Vec<Uuid> {
    const KEY_ID: u64 = 2 << 3 | 2;
    let mut kids = Vec::new();
    while let (Some((tag, rest)), true) = (varint(data), kids.len() < MAX_KEY_IDS) {
        let after = match tag & 7 {
            0 => varint(rest).map(|(_, after)| after),
            1 => rest.get(8..),
            5 => rest.get(4..),
            2 => varint(rest).and_then(|(size, after)| {
                let (value, after) = after.split_at_checked(usize::try_from(size).ok()?)?;
                kids.extend(Uuid::from_slice(value).filter(|_| tag == KEY_ID));
                Some(after)
            }),
            _ => None,
        };
        let Some(after) = after else { break };
        data = after;
    }
    kids
}

/// Parses a varint of a Protocol Buffer (seven bits in each byte, the low bits first), and returns the bytes behind it;
/// `None` when it is cut off.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let last = bytes.iter().take(10).position(|b| b & 0x80 == 0)?;
    let (number, rest) = bytes.split_at_checked(last + 1)?;
    Some((number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    const KID: Uuid = Uuid::from_bytes([7; 16]);

    fn body(version: u8, system: DrmSystem, kids: &[Uuid], data: &[u8]) -> Vec<u8> {
        let mut body = vec![version, 0, 0, 0];
        body.extend(system.id().unwrap().0);
        if version > 0 {
            body.extend((kids.len() as u32).to_be_bytes());
            kids.iter().for_each(|kid| body.extend(kid.0));
        }
        body.extend((data.len() as u32).to_be_bytes());
        [body, data.to_vec()].concat()
    }

    fn uri(bodies: &[Vec<u8>]) -> String {
        let boxed = |b: &Vec<u8>| [&(b.len() as u32 + 8).to_be_bytes()[..], b"pssh", b].concat();
        format!("data:text/plain;base64,{}", STANDARD.encode(bodies.iter().flat_map(boxed).collect::<Vec<_>>()))
    }

    #[test]
    fn keys_come_from_the_list_or_from_widevine_s_message() {
        let listed = Pssh::parse(&body(1, DrmSystem::PlayReady, &[KID], b"anything")).unwrap();
        assert_eq!((DrmSystem::from_id(listed.system), listed.kids), (Some(DrmSystem::PlayReady), vec![KID]));
        // algorithm = 1, key_ids = KID, provider = "x", a later field of 32 bits.
        let message = [&[0x08, 1, 0x12, 16][..], &[7; 16], b"\x1a\x01x", &[0x4d, 1, 2, 3, 4]].concat();
        assert_eq!(Pssh::parse(&body(0, DrmSystem::Widevine, &[], &message)).unwrap().kids, [KID]);
        assert_eq!(Pssh::parse(&body(0, DrmSystem::PlayReady, &[], &message)).unwrap().kids, []);
    }

    #[test]
    fn boxes_of_a_data_uri_are_found() {
        let two = uri(&[body(1, DrmSystem::Widevine, &[KID], b""), body(0, DrmSystem::PlayReady, &[], b"")]);
        assert_eq!(pssh_boxes_in_data_uri(&two).iter().map(|p| p.kids.len()).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(pssh_boxes_in_data_uri(&two.replace("data:", "DATA:")).len(), 2);
        for other in ["skd://key", "data:text/plain;base64,!!", "data:,x", "data:;base64,AAAA", "é;base64,AAAA"] {
            assert_eq!(pssh_boxes_in_data_uri(other), [], "{other}");
        }
    }

    #[test]
    fn a_cut_or_inconsistent_box_is_refused() {
        let whole = body(1, DrmSystem::Widevine, &[KID, KID], b"data");
        for length in 0..whole.len() {
            assert_eq!(Pssh::parse(&whole[..length]), None, "{length}");
        }
        let mut lying = whole.clone();
        lying[20..24].fill(0xff);
        assert_eq!(Pssh::parse(&lying), None);
        for hostile in [&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..], &[0xff; 20], &[0x13]] {
            assert_eq!(widevine_key_ids(hostile), []);
        }
    }

    #[test]
    fn key_identifiers_and_boxes_are_bounded() {
        let many = body(1, DrmSystem::PlayReady, &[KID; MAX_KEY_IDS + 1], b"");
        assert_eq!(Pssh::parse(&many).unwrap().kids.len(), MAX_KEY_IDS);
        let message = [&[0x12, 16][..], &[7; 16]].concat().repeat(MAX_KEY_IDS + 1);
        assert_eq!(widevine_key_ids(&message).len(), MAX_KEY_IDS);
        let boxes = vec![body(0, DrmSystem::PlayReady, &[], b""); MAX_BOXES + 1];
        assert_eq!(pssh_boxes_in_data_uri(&uri(&boxes)).len(), MAX_BOXES);
        let other =
            [&[0x0a, 16][..], &[7; 16], &[0x11, 0, 0, 0, 0, 0, 0, 0, 0], &[0x12, 15], &[7; 15], &[0x12, 16], &[8; 16]]
                .concat();
        assert_eq!(
            widevine_key_ids(&other),
            [Uuid::from_bytes([8; 16])],
            "another field, 64 bits, and one of 15 bytes"
        );
        assert_eq!(varint(&[0x96, 0x01, 9]), Some((150, &[9][..])));
    }
}
