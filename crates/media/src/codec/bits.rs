//! A reader for the bits of a codec header, most significant bit first. A read past the end returns `None`; none
//! panics.

/// Largest number of bytes that are read of a parameter set or SEI message. Real ones have well below a hundred.
pub(crate) const MAX_UNIT: usize = 1024;

/// A reader with its position in the bits of a codec header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Number of bits of the codec header that were read so far.
    position: usize,
}

impl<'a> BitReader<'a> {
    #[must_use]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Returns the number of bits of the codec header that are left.
    #[must_use]
    pub(crate) fn remaining(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// Returns the next bits, the first one most significant: at least 57 of the 64 are those of the codec header. `None` near its
    /// end.
    fn window(&self) -> Option<u64> {
        let word = self.bytes.get(self.position / 8..)?.first_chunk::<8>()?;
        Some(u64::from_be_bytes(*word) << (self.position % 8))
    }

    /// Reads an unsigned integer of `count` bits, at most 32: u(n) of ISO/IEC 14496-10. `None` if fewer bits are left.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        let count = count.min(32);
        if let Some(window) = self.window() {
            self.position += count as usize;
            return Some((window >> 32 >> (32 - count)) as u32);
        }
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|b| b as u8)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        self.position = self.position.checked_add(count).filter(|at| *at <= self.bytes.len() * 8)?;
        Some(())
    }

    /// Skips to the start of the next byte, unless the position is at the start of a byte already. `None` if no byte is
    /// left.
    pub(crate) fn align(&mut self) -> Option<()> {
        self.skip(self.position.wrapping_neg() % 8)
    }

    /// Reads an unsigned Exp-Golomb code, ue(v) (ISO/IEC 14496-10 9.1); `None` also for a code of more than 31 bits.
    pub(crate) fn exp_golomb(&mut self) -> Option<u32> {
        if let Some(window) = self.window() {
            let length = 2 * window.leading_zeros() + 1;
            if length <= 57 {
                self.position += length as usize;
                return Some((window >> (64 - length)) as u32 - 1);
            }
        }
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 30 {
                return None;
            }
        }
        Some((1 << zeros | self.bits(zeros)?) - 1)
    }

    /// Reads a signed Exp-Golomb code, se(v) (ISO/IEC 14496-10 9.1.1). `None` as for [`Self::exp_golomb`].
    pub(crate) fn signed_exp_golomb(&mut self) -> Option<i32> {
        let code = self.exp_golomb()?;
        let size = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 1 { size } else { -size })
    }
}

/// Removes emulation prevention bytes (emulation_prevention_three_byte, ISO/IEC 14496-10 7.4.1) from the first
/// [`MAX_UNIT`] bytes of a NAL unit.
#[must_use]
pub(crate) fn without_emulation_prevention(bytes: &[u8]) -> Vec<u8> {
    unescape(bytes, MAX_UNIT)
}

/// Removes emulation prevention bytes from the first `most` bytes of a NAL unit.
#[must_use]
pub(crate) fn unescape(bytes: &[u8], most: usize) -> Vec<u8> {
    let bytes = bytes.get(..most).unwrap_or(bytes);
    if memchr::memchr(3, bytes).is_none() {
        return bytes.to_vec();
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        clean.push(byte);
    }
    clean
}

/// Removes emulation prevention bytes from the beginning of a NAL unit, as far as `clean` has room.
pub(crate) fn unescape_into<'a, const ROOM: usize>(bytes: &[u8], clean: &'a mut [u8; ROOM]) -> &'a [u8] {
    if let Some(start) = bytes.first_chunk::<ROOM>()
        && memchr::memchr(3, start).is_none()
    {
        *clean = *start;
        return clean;
    }
    let (mut zeros, mut length) = (0, 0);
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        let Some(slot) = clean.get_mut(length) else { break };
        *slot = byte;
        length += 1;
    }
    clean.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_codes_follow_the_standards_table() {
        // The codes 1, 010, 011 and 00100, then one that never ends.
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0000, 0, 0, 0, 0]);
        assert_eq!(
            [bits.exp_golomb(), bits.exp_golomb(), bits.exp_golomb(), bits.exp_golomb()],
            [0, 1, 2, 3].map(Some)
        );
        assert_eq!(bits.exp_golomb(), None);
        let mut bits = BitReader::new(&[0b0100_1100, 0b1000_0101]);
        assert_eq!(
            [bits.signed_exp_golomb(), bits.signed_exp_golomb(), bits.signed_exp_golomb(), bits.signed_exp_golomb()],
            [Some(1), Some(-1), Some(2), Some(-2)]
        );
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut bits = BitReader::new(&[0xff]);
        assert_eq!((bits.bits(9), bits.remaining()), (None, 0));
        assert_eq!((bits.skip(1), bits.skip(usize::MAX), bits.flag()), (None, None, None));
        assert_eq!(without_emulation_prevention(&[0, 0, 3, 1, 0, 0, 3]), [0, 0, 1, 0, 0]);
        assert_eq!(without_emulation_prevention(&[7; 5000]).len(), MAX_UNIT);
    }

    #[test]
    fn codes_have_at_most_31_bits() {
        let code = |zeros: usize| {
            let mut bytes = [0u8; 12];
            bytes[zeros / 8] = 0x80 >> (zeros % 8);
            BitReader::new(&bytes).exp_golomb()
        };
        assert_eq!(
            [code(0), code(1), code(7), code(30), code(31)],
            [Some(0), Some(1), Some(127), Some((1 << 30) - 1), None]
        );
        let mut bits = BitReader::new(&[0xff, 0x01]);
        assert_eq!(
            (bits.bits(3), bits.remaining(), bits.skip(13), bits.remaining(), bits.flag()),
            (Some(7), 13, Some(()), 0, None)
        );
        assert_eq!(BitReader::new(&[1, 2, 3, 4, 5]).bits(40), Some(0x0102_0304), "at most 32 bits");
        assert_eq!(without_emulation_prevention(&[0, 3, 0, 0, 0, 3, 3, 1, 0, 0, 2]), [0, 3, 0, 0, 0, 3, 1, 0, 0, 2]);
    }
}
