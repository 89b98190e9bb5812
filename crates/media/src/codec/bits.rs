//! Bits of a header, most significant first. Past the end there is nothing: every read may fail, none panics.

/// Bytes of a parameter set that are looked at. Real ones have well below a hundred.
pub const SET_MAX: usize = 1024;

#[derive(Debug, Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits read.
    at: usize,
}

impl<'a> Bits<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    pub fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// u(n), at most 32 bits.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|b| b as u8)
    }

    pub fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len() * 8)?;
        Some(())
    }

    /// ue(v), ISO/IEC 14496-10 9.1. `None` also beyond 31 bits.
    pub fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 30 {
                return None;
            }
        }
        Some((1 << zeros | self.bits(zeros)?) - 1)
    }

    /// se(v), ISO/IEC 14496-10 9.1.1.
    pub fn signed(&mut self) -> Option<i32> {
        let code = self.unsigned()?;
        let size = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 1 { size } else { -size })
    }
}

/// Drops emulation_prevention_three_byte (ISO/IEC 14496-10 7.4.1); reads at most [`SET_MAX`] bytes.
#[must_use]
pub fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.get(..SET_MAX).unwrap_or(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_codes_follow_the_standards_table() {
        // 1, 010, 011, 00100, then a code that never ends.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000, 0, 0, 0, 0]);
        assert_eq!([bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned()], [0, 1, 2, 3].map(Some));
        assert_eq!(bits.unsigned(), None);
        let mut bits = Bits::new(&[0b0100_1100, 0b1000_0101]);
        assert_eq!(
            [bits.signed(), bits.signed(), bits.signed(), bits.signed()],
            [Some(1), Some(-1), Some(2), Some(-2)]
        );
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!((bits.bits(9), bits.left()), (None, 0));
        assert_eq!((bits.skip(1), bits.skip(usize::MAX), bits.flag()), (None, None, None));
        assert_eq!(unescaped(&[0, 0, 3, 1, 0, 0, 3]), [0, 0, 1, 0, 0]);
        assert_eq!(unescaped(&[7; 5000]).len(), SET_MAX);
    }
}
