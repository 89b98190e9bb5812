//! AES-128 encryption of the origin's whole segments, with a new key every five segments.

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};

use super::faults::Effect;

/// Number of segments that share an AES-128 key.
const ROTATION: i64 = 5;

/// Encryption of a channel of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Clear,
    /// Whole segments are encrypted with AES-128.
    Aes128,
    /// Samples have common encryption with the scheme `cbcs`.
    Cbcs,
    Cenc,
    /// Samples in transport streams have SAMPLE-AES.
    SampleAes,
}

impl Cipher {
    /// Returns whether the channel's samples have common encryption (ISO/IEC 23001-7).
    pub(super) fn is_common_encryption(self) -> bool {
        matches!(self, Self::Cbcs | Self::Cenc)
    }
}

/// Returns the number of the AES-128 key that encrypts a segment.
pub(super) fn key_number(index: i64, effect: Option<Effect>) -> i64 {
    if effect == Some(Effect::RotationMissing) { 0 } else { index.div_euclid(ROTATION) }
}

pub(super) fn key(number: i64) -> [u8; 16] {
    std::array::from_fn(|at| (number * 31 + at as i64 * 7) as u8 ^ 0x5a)
}

/// Returns the initialization vector that the playlist contains, as it does for every second key; `None` if it is the
/// media sequence number.
pub(super) fn explicit_vector(number: i64) -> Option<u128> {
    (number % 2 == 1).then_some(0x0102_0304_0506_0708_090a_0b0c_0000_0000 + number as u128)
}

/// Encrypts a whole segment or part, with PKCS7 padding (RFC 8216bis 4.4.4.4).
pub(super) fn encrypt(clear: &[u8], index: i64, base: i64, effect: Option<Effect>) -> Vec<u8> {
    let number = key_number(index, effect);
    let vector = explicit_vector(number).unwrap_or((index + base) as u128);
    let vector = if effect == Some(Effect::InitializationVectorWrong) { !vector } else { vector };
    let key = key(if effect == Some(Effect::KeyWrong) { number + 1 } else { number });
    let cipher = cbc::Encryptor::<Aes128>::new(&key.into(), &vector.to_be_bytes().into());
    let mut bytes = cipher.encrypt_padded_vec::<Pkcs7>(clear);
    if effect == Some(Effect::PaddingMissing) {
        bytes.truncate(bytes.len() - 7);
    }
    bytes
}
