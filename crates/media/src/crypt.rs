//! AES-128 encryption of whole segments (RFC 8216bis 4.4.4.4): CBC with PKCS7 padding, decrypted as the bytes arrive.

use aes::Aes128;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use std::fmt;

/// Size in bytes of an AES-128 key, of an initialization vector and of a cipher block.
pub const BLOCK_SIZE: usize = 16;
/// Number of bytes that are decrypted at a time: enough for the processor to work on several blocks at once.
const CHUNK: usize = 8 << 10;

/// An AES-128 key. It can't be printed. Comparing two keys shows whether a server changed a key.
#[derive(Clone, PartialEq, Eq)]
pub struct AesKey([u8; BLOCK_SIZE]);

impl AesKey {
    /// Makes an AES-128 key; `None` unless `bytes` has exactly [`BLOCK_SIZE`] bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(***)")
    }
}

/// An initialization vector of AES-CBC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitVector([u8; BLOCK_SIZE]);

impl InitVector {
    /// Parses the IV attribute of EXT-X-KEY, a hexadecimal-sequence of at most 128 bits; `None` when it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
        let plain = !digits.starts_with('+') && digits.len() <= 2 * BLOCK_SIZE;
        u128::from_str_radix(digits, 16).ok().filter(|_| plain).map(|n| Self(n.to_be_bytes()))
    }

    /// Returns the initialization vector of a segment whose key has no IV attribute: its media sequence number (RFC
    /// 8216bis 4.4.4.4).
    #[must_use]
    pub fn from_sequence_number(number: u64) -> Self {
        Self(u128::from(number).to_be_bytes())
    }
}

/// Reason why a body can't be decrypted with a key and an initialization vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecryptError {
    /// The length of the body in bytes is 0 or no multiple of [`BLOCK_SIZE`].
    Length(u64),
    /// The last block of the decrypted body has no PKCS7 padding.
    Padding,
    /// The decrypted bytes aren't media, so that the key is wrong.
    WrongKey,
    /// The decrypted bytes are media except for the first block, so that the initialization vector is wrong.
    WrongVector,
}

impl fmt::Display for DecryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(bytes) => write!(f, "{bytes} bytes are not a whole number of blocks of {BLOCK_SIZE}"),
            Self::Padding => f.write_str("the last block doesn't end with PKCS7 padding"),
            Self::WrongKey => f.write_str("the decrypted bytes are noise: the body is encrypted with another key"),
            Self::WrongVector => {
                f.write_str("only the first decrypted block is noise: the initialization vector is wrong")
            }
        }
    }
}

/// Decrypts one resource as its bytes arrive.
pub struct Decryptor {
    cipher: cbc::Decryptor<Aes128>,
    /// Cipher text that isn't decrypted yet. The last block is kept back, because it may be the padded one.
    buffered: Vec<u8>,
    total: u64,
}

impl Decryptor {
    /// Starts to decrypt a resource with its key and initialization vector.
    #[must_use]
    pub fn new(key: &AesKey, vector: InitVector) -> Self {
        let cipher = cbc::Decryptor::new(&key.0.into(), &vector.0.into());
        Self { cipher, buffered: Vec::with_capacity(CHUNK), total: 0 }
    }

    /// Decrypts the next bytes, in chunks of any size, and passes clear bytes to `sink`.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        self.total += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.buffered.len()));
            self.buffered.extend_from_slice(now);
            bytes = later;
            if self.buffered.len() == CHUNK {
                let clear = self.decrypt(CHUNK - BLOCK_SIZE);
                sink(self.buffered.get(..clear).unwrap_or_default());
                self.buffered.drain(..clear);
            }
        }
    }

    /// Ends the resource: decrypts the remaining bytes and passes them to `sink`. The padding at the end is left out if
    /// it is valid.
    ///
    /// # Errors
    /// The body isn't the cipher text of this key and initialization vector. `sink` has received all whole blocks
    /// nevertheless.
    pub fn finish(mut self, sink: &mut impl FnMut(&[u8])) -> Result<(), DecryptError> {
        let clear = self.decrypt(self.buffered.len());
        let rest = self.buffered.get(..clear).unwrap_or_default();
        if self.total == 0 || !self.total.is_multiple_of(BLOCK_SIZE as u64) {
            sink(rest);
            return Err(DecryptError::Length(self.total));
        }
        match unpadded(rest) {
            Some(rest) => sink(rest),
            None => sink(rest),
        }
        unpadded(rest).map(|_| ()).ok_or(DecryptError::Padding)
    }

    /// Decrypts the whole blocks among the first `bytes` buffered bytes, and returns their total size in bytes.
    fn decrypt(&mut self, bytes: usize) -> usize {
        let buffered = self.buffered.get_mut(..bytes).unwrap_or_default();
        let (blocks, _) = Array::slice_as_chunks_mut(buffered);
        self.cipher.decrypt_blocks(blocks);
        blocks.len() * BLOCK_SIZE
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor").field("total", &self.total).finish_non_exhaustive()
    }
}

/// Returns `clear` without its PKCS7 padding: the last byte gives the number of padding bytes, and all of them have
/// this value (RFC 5652 6.3). `None` without a valid padding.
fn unpadded(clear: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*clear.last()?);
    let (media, padding) = clear.split_at_checked(clear.len().checked_sub(count)?)?;
    let sound = (1..=BLOCK_SIZE).contains(&count) && padding.iter().all(|b| usize::from(*b) == count);
    sound.then_some(media)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::cipher::BlockModeEncrypt;
    use cbc::cipher::block_padding::Pkcs7;

    const KEY: [u8; BLOCK_SIZE] = *b"0123456789abcdef";

    fn encrypted(clear: &[u8], vector: InitVector) -> Vec<u8> {
        let mut bytes = clear.to_vec();
        bytes.resize(clear.len() + BLOCK_SIZE, 0);
        let cipher = cbc::Encryptor::<Aes128>::new(&KEY.into(), &vector.0.into());
        cipher.encrypt_padded::<Pkcs7>(&mut bytes, clear.len()).unwrap().to_vec()
    }

    fn decrypted(key: &[u8], vector: InitVector, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), DecryptError>) {
        let mut clear = Vec::new();
        let mut sink = |bytes: &[u8]| clear.extend_from_slice(bytes);
        let mut decryptor = Decryptor::new(&AesKey::new(key).unwrap(), vector);
        for piece in pieces {
            decryptor.push(piece, &mut sink);
        }
        let result = decryptor.finish(&mut sink);
        (clear, result)
    }

    #[test]
    fn any_length_in_any_pieces_is_decrypted() {
        let vector = InitVector::from_sequence_number(77);
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
    fn the_example_vector_of_the_standard_is_decrypted() {
        // NIST SP 800-38A F.2.2, the first block.
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let vector = InitVector::parse("0x000102030405060708090A0B0C0D0E0F").unwrap();
        let body = 0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes();
        let clear = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes().to_vec();
        assert_eq!(decrypted(&key, vector, &[&body]), (clear, Err(DecryptError::Padding)));
    }

    #[test]
    fn a_wrong_key_or_a_cut_body_is_an_error() {
        let vector = InitVector::from_sequence_number(1);
        let body = encrypted(&[0x47; 100], vector);
        assert_eq!(decrypted(b"fedcba9876543210", vector, &[&body]).1, Err(DecryptError::Padding));
        let (clear, result) = decrypted(&KEY, vector, &[&body[..40]]);
        assert_eq!((clear, result), (vec![0x47; 32], Err(DecryptError::Length(40))));
        assert_eq!(decrypted(&KEY, vector, &[]).1, Err(DecryptError::Length(0)));
    }

    #[test]
    fn vectors_are_128_bits_of_hexadecimal() {
        assert_eq!(InitVector::parse("0x1"), Some(InitVector::from_sequence_number(1)));
        assert_eq!(InitVector::parse("0X0000000000000000000000000000000A"), Some(InitVector::from_sequence_number(10)));
        for wrong in ["", "0x", "1", "0x+1", "0xg", "0x000000000000000000000000000000001"] {
            assert_eq!(InitVector::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_has_16_bytes_and_is_never_printed() {
        assert_eq!(AesKey::new(&KEY[1..]), None);
        let key = AesKey::new(&KEY).unwrap();
        let decryptor = Decryptor::new(&key, InitVector::from_sequence_number(1));
        assert_eq!(format!("{key:?}"), "AesKey(***)");
        assert_eq!(format!("{decryptor:?}"), "Decryptor { total: 0, .. }");
    }

    #[test]
    fn only_whole_pkcs7_padding_is_removed() {
        let ended = |last: &[u8]| [&vec![9; 32 - last.len()][..], last].concat();
        for (last, left) in [
            (&[1][..], Some(31)),
            (&[2, 2], Some(30)),
            (&[16; 16], Some(16)),
            (&[0], None),
            (&[1, 2], None),
            (&[17; 17], None),
            (&[16; 15], None),
        ] {
            assert_eq!(unpadded(&ended(last)).map(<[u8]>::len), left, "{last:?}");
        }
        assert_eq!([unpadded(&[]), unpadded(&[2])], [None; 2]);
    }

    #[test]
    fn an_error_says_what_is_wrong_with_the_body() {
        let texts =
            [DecryptError::Length(17), DecryptError::Padding, DecryptError::WrongKey, DecryptError::WrongVector];
        let texts = texts.map(|error| error.to_string());
        assert_eq!(texts[0], "17 bytes are not a whole number of blocks of 16");
        assert!(texts[1].contains("PKCS7") && texts[2].contains("another key") && texts[3].contains("vector"));
    }
}
