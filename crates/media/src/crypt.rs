//! AES-128 over whole resources (RFC 8216bis 4.4.4.4): CBC with PKCS7 padding, undone as the bytes arrive.

use aes::Aes128;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use std::fmt;

/// Bytes of a key, of an initialization vector and of a block.
pub const SIZE: usize = 16;
/// Bytes decrypted at a time: enough for the processor to work on several blocks at once.
const CHUNK: usize = 8 << 10;

/// A key. It has no form that could be shown, and compares for nothing but the history's bookkeeping.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SIZE]);

impl Secret {
    /// `None` unless it has exactly [`SIZE`] bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// An initialization vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector([u8; SIZE]);

impl Vector {
    /// The IV attribute: a hexadecimal-sequence of at most 128 bits. `None` where it isn't one.
    #[must_use]
    pub fn written(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
        let plain = !digits.starts_with('+') && digits.len() <= 2 * SIZE;
        u128::from_str_radix(digits, 16).ok().filter(|_| plain).map(|n| Self(n.to_be_bytes()))
    }

    /// Without the attribute it is the media sequence number.
    #[must_use]
    pub fn of_number(number: u64) -> Self {
        Self(u128::from(number).to_be_bytes())
    }
}

/// Why a body isn't the cipher text of this key and vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// Its length in bytes is no multiple of [`SIZE`], or nothing.
    Length(u64),
    /// Its last block doesn't end as PKCS7 pads.
    Padding,
    /// What comes out is no media.
    Key,
    /// The same, but for its first block alone.
    Vector,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(bytes) => write!(f, "{bytes} bytes are not a whole number of blocks of {SIZE}"),
            Self::Padding => f.write_str("the last block doesn't end with PKCS7 padding"),
            Self::Key => f.write_str("what comes out is noise: another key encrypted it"),
            Self::Vector => f.write_str("all but the first block comes out well: the initialization vector is another"),
        }
    }
}

/// Decrypts one resource.
pub struct Decryptor {
    cipher: cbc::Decryptor<Aes128>,
    /// Cipher text; the last block stays until it is known not to be the padded one.
    held: Vec<u8>,
    total: u64,
}

impl Decryptor {
    #[must_use]
    pub fn new(key: &Secret, vector: Vector) -> Self {
        let cipher = cbc::Decryptor::new(&key.0.into(), &vector.0.into());
        Self { cipher, held: Vec::with_capacity(CHUNK), total: 0 }
    }

    /// The next bytes, in pieces of any size; clear ones go to `sink`.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        self.total += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.held.len()));
            self.held.extend_from_slice(now);
            bytes = later;
            if self.held.len() == CHUNK {
                let clear = self.decrypt(CHUNK - SIZE);
                sink(self.held.get(..clear).unwrap_or_default());
                self.held.drain(..clear);
            }
        }
    }

    /// Hands on what is left, without its padding where that is sound.
    ///
    /// # Errors
    /// The body can't be what this key and vector made. `sink` has all whole blocks nevertheless.
    pub fn finish(mut self, sink: &mut impl FnMut(&[u8])) -> Result<(), Misfit> {
        let clear = self.decrypt(self.held.len());
        let rest = self.held.get(..clear).unwrap_or_default();
        if self.total == 0 || !self.total.is_multiple_of(SIZE as u64) {
            sink(rest);
            return Err(Misfit::Length(self.total));
        }
        match unpadded(rest) {
            Some(rest) => sink(rest),
            None => sink(rest),
        }
        unpadded(rest).map(|_| ()).ok_or(Misfit::Padding)
    }

    /// Decrypts the whole blocks among the first `bytes` held; how many bytes they are.
    fn decrypt(&mut self, bytes: usize) -> usize {
        let held = self.held.get_mut(..bytes).unwrap_or_default();
        let (blocks, _) = Array::slice_as_chunks_mut(held);
        self.cipher.decrypt_blocks(blocks);
        blocks.len() * SIZE
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor").field("total", &self.total).finish_non_exhaustive()
    }
}

/// RFC 5652 6.3: the last byte says how many there are, all of them the same.
fn unpadded(clear: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*clear.last()?);
    let (media, padding) = clear.split_at_checked(clear.len().checked_sub(count)?)?;
    let sound = (1..=SIZE).contains(&count) && padding.iter().all(|b| usize::from(*b) == count);
    sound.then_some(media)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::cipher::BlockModeEncrypt;
    use cbc::cipher::block_padding::Pkcs7;

    const KEY: [u8; SIZE] = *b"0123456789abcdef";

    fn encrypted(clear: &[u8], vector: Vector) -> Vec<u8> {
        let mut bytes = clear.to_vec();
        bytes.resize(clear.len() + SIZE, 0);
        let cipher = cbc::Encryptor::<Aes128>::new(&KEY.into(), &vector.0.into());
        cipher.encrypt_padded::<Pkcs7>(&mut bytes, clear.len()).unwrap().to_vec()
    }

    fn decrypted(key: &[u8], vector: Vector, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Misfit>) {
        let mut clear = Vec::new();
        let mut sink = |bytes: &[u8]| clear.extend_from_slice(bytes);
        let mut decryptor = Decryptor::new(&Secret::new(key).unwrap(), vector);
        for piece in pieces {
            decryptor.push(piece, &mut sink);
        }
        let result = decryptor.finish(&mut sink);
        (clear, result)
    }

    #[test]
    fn any_length_in_any_pieces_comes_out_as_it_went_in() {
        let vector = Vector::of_number(77);
        let media: Vec<u8> = (0..3 * CHUNK + 5).map(|n| (n * 7 % 251) as u8).collect();
        for length in [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, media.len()] {
            let body = encrypted(&media[..length], vector);
            for size in [1, 13, 188, 65_536] {
                let pieces: Vec<&[u8]> = body.chunks(size).collect();
                assert_eq!(decrypted(&KEY, vector, &pieces), (media[..length].to_vec(), Ok(())), "{length} by {size}");
            }
        }
    }

    #[test]
    fn the_example_of_the_cipher_s_standard() {
        // NIST SP 800-38A F.2.2, the first block.
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let vector = Vector::written("0x000102030405060708090A0B0C0D0E0F").unwrap();
        let body = 0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes();
        let clear = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes().to_vec();
        assert_eq!(decrypted(&key, vector, &[&body]), (clear, Err(Misfit::Padding)));
    }

    #[test]
    fn a_wrong_key_or_a_cut_body_is_told() {
        let vector = Vector::of_number(1);
        let body = encrypted(&[0x47; 100], vector);
        assert_eq!(decrypted(b"fedcba9876543210", vector, &[&body]).1, Err(Misfit::Padding));
        let (clear, result) = decrypted(&KEY, vector, &[&body[..40]]);
        assert_eq!((clear, result), (vec![0x47; 32], Err(Misfit::Length(40))));
        assert_eq!(decrypted(&KEY, vector, &[]).1, Err(Misfit::Length(0)));
    }

    #[test]
    fn vectors_are_128_bits_of_hexadecimal() {
        assert_eq!(Vector::written("0x1"), Some(Vector::of_number(1)));
        assert_eq!(Vector::written("0X0000000000000000000000000000000A"), Some(Vector::of_number(10)));
        for wrong in ["", "0x", "1", "0x+1", "0xg", "0x000000000000000000000000000000001"] {
            assert_eq!(Vector::written(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_has_16_bytes_and_is_never_shown() {
        assert_eq!(Secret::new(&KEY[1..]), None);
        let key = Secret::new(&KEY).unwrap();
        let decryptor = Decryptor::new(&key, Vector::of_number(1));
        assert_eq!(format!("{key:?}"), "Secret(***)");
        assert_eq!(format!("{decryptor:?}"), "Decryptor { total: 0, .. }");
    }
}
