//! Encryption of the origin's segments, and their keys: another one every five segments.

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};

use super::faults::Effect;

/// Segments under one key.
const ROTATION: i64 = 5;

/// How a channel is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    Clear,
    /// Segments as a whole.
    Aes128,
    /// Samples, by common encryption.
    Cbcs,
    Cenc,
    /// Samples, in transport streams.
    SampleAes,
}

impl Cipher {
    /// Common encryption.
    pub fn common(self) -> bool {
        matches!(self, Self::Cbcs | Self::Cenc)
    }
}

/// The number of a segment's key.
pub fn key_number(index: i64, effect: Option<Effect>) -> i64 {
    if effect == Some(Effect::RotationMissing) { 0 } else { index.div_euclid(ROTATION) }
}

pub fn key(number: i64) -> [u8; 16] {
    std::array::from_fn(|at| (number * 31 + at as i64 * 7) as u8 ^ 0x5a)
}

/// The initialization vector that the playlist gives: of every second key. The others have the media sequence number.
pub fn written_vector(number: i64) -> Option<u128> {
    (number % 2 == 1).then_some(0x0102_0304_0506_0708_090a_0b0c_0000_0000 + number as u128)
}

/// A segment or a part of one as a whole, PKCS7 padding included (RFC 8216bis 4.4.4.4).
pub fn encrypt(clear: &[u8], index: i64, base: i64, effect: Option<Effect>) -> Vec<u8> {
    let number = key_number(index, effect);
    let vector = written_vector(number).unwrap_or((index + base) as u128);
    let vector = if effect == Some(Effect::VectorWrong) { !vector } else { vector };
    let key = key(if effect == Some(Effect::KeyWrong) { number + 1 } else { number });
    let cipher = cbc::Encryptor::<Aes128>::new(&key.into(), &vector.to_be_bytes().into());
    let mut bytes = cipher.encrypt_padded_vec::<Pkcs7>(clear);
    if effect == Some(Effect::PaddingMissing) {
        bytes.truncate(bytes.len() - 7);
    }
    bytes
}
