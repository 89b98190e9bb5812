//! Delta coding: values as short differences to the same values of a model. Both directions run through the same list of
//! values, so that what is written and what is read can't get apart.

/// A writer or reader of differences.
pub(super) trait DeltaCoder {
    /// Writes the number and returns it, or returns the number that was written here. Small numbers take one byte.
    fn number(&mut self, number: i64) -> i64;

    /// Writes the bytes and returns them, or returns the bytes that were written here.
    fn bytes(&mut self, bytes: &[u8]) -> Vec<u8>;
}

/// Writes differences to memory. Most are 0: before each eight numbers stands a byte whose bits say which of them follow.
#[derive(Debug, Default)]
pub(super) struct DeltaWriter {
    written: Vec<u8>,
    /// Number of the numbers so far.
    count: usize,
    /// Place of the newest byte that says which numbers follow.
    flags: usize,
}

/// Reads differences in the order in which they were written. Past their end every difference is 0.
#[derive(Debug)]
pub(super) struct DeltaReader<'a> {
    rest: &'a [u8],
    /// Number of the numbers so far.
    count: usize,
    /// The newest byte that says which numbers follow.
    flags: u8,
}

/// Number of numbers for which one byte says which follow.
const FLAGS: usize = 8;

/// A value of which only the difference to a model is remembered.
pub(super) trait DeltaCoded: Clone {
    /// Writes the difference between this value and `model`, or sets this value to the one that was written. A reader may begin
    /// with any value.
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder);

    /// Returns the value that takes the place of a model that has none.
    fn base() -> Self;
}

impl DeltaWriter {
    /// Returns what was written.
    pub(super) fn finish(mut self) -> Box<[u8]> {
        let end = self.written.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.written.truncate(end);
        self.written.into_boxed_slice()
    }
}

impl DeltaCoder for DeltaWriter {
    fn number(&mut self, number: i64) -> i64 {
        let bit = self.count % FLAGS;
        self.count += 1;
        if bit == 0 {
            self.flags = self.written.len();
            self.written.push(0);
        }
        if number == 0 {
            return 0;
        }
        if let Some(flags) = self.written.get_mut(self.flags) {
            *flags |= 1 << bit;
        }
        // The sign goes into the lowest bit, so that small negative numbers are short, too.
        let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
        while rest >= 0x80 {
            self.written.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.written.push(rest as u8);
        number
    }

    fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.number(bytes.len() as i64);
        self.written.extend_from_slice(bytes);
        bytes.to_vec()
    }
}

impl<'a> DeltaReader<'a> {
    pub(super) fn new(written: &'a [u8]) -> Self {
        Self { rest: written, count: 0, flags: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

impl DeltaCoder for DeltaReader<'_> {
    fn number(&mut self, _: i64) -> i64 {
        let bit = self.count % FLAGS;
        self.count += 1;
        if bit == 0 {
            self.flags = self.byte().unwrap_or_default();
        }
        if self.flags & (1 << bit) == 0 {
            return 0;
        }
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.byte() else { break };
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    fn bytes(&mut self, _: &[u8]) -> Vec<u8> {
        let length = usize::try_from(self.number(0)).unwrap_or_default().min(MAX_LIST);
        let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        let mut bytes = bytes.to_vec();
        bytes.resize(length, 0);
        bytes
    }
}

impl DeltaCoded for u64 {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        *self = model.wrapping_add_signed(coder.number(self.wrapping_sub(*model).cast_signed()));
    }

    fn base() -> Self {
        0
    }
}

impl DeltaCoded for i64 {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        *self = model.wrapping_add(coder.number(self.wrapping_sub(*model)));
    }

    fn base() -> Self {
        0
    }
}

/// Codes whole numbers of fewer than 64 bits.
macro_rules! small_numbers {
    ($($number:ty),*) => {
        $(impl DeltaCoded for $number {
            fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
                let number = i64::from(*model).wrapping_add(coder.number(i64::from(*self) - i64::from(*model)));
                *self = <$number>::try_from(number).unwrap_or(*model);
            }

            fn base() -> Self {
                0
            }
        })*
    };
}

small_numbers!(u8, u16, u32);

impl DeltaCoded for bool {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        *self = *model ^ (coder.number((*self != *model).into()) != 0);
    }

    fn base() -> Self {
        false
    }
}

/// Parts of a second that lengths of time are whole numbers of: nanoseconds of clocks, ticks of MPEG, samples of sound.
const SCALES: [f64; 3] = [1e9, 90_000.0, 48_000.0];
/// Tag of a number that is no whole number of any of these parts.
const BITS: i64 = SCALES.len() as i64;

impl DeltaCoded for f64 {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        let parts = |value: Self, scale: Self| (value * scale).round() as i64;
        let (own, bits) = (*self, self.to_bits());
        let whole = |(tag, scale): (i64, &Self)| {
            let is_exact = (parts(own, *scale) as Self / scale).to_bits() == bits;
            let difference = parts(own, *scale).wrapping_sub(parts(*model, *scale));
            (is_exact && difference != 0).then(|| difference.wrapping_mul(BITS + 1).wrapping_add(tag))
        };
        // 0 is the model's value; otherwise the remainder says how the difference is written.
        let number = match bits == model.to_bits() {
            true => 0,
            false => (0..).zip(&SCALES).find_map(whole).unwrap_or(BITS),
        };
        let number = coder.number(number);
        let (difference, tag) = (number.div_euclid(BITS + 1), number.rem_euclid(BITS + 1));
        *self = match usize::try_from(tag).ok().and_then(|tag| SCALES.get(tag)) {
            Some(_) if number == 0 => *model,
            Some(scale) => parts(*model, *scale).wrapping_add(difference) as Self / scale,
            None => coder.bytes(&own.to_be_bytes()).try_into().map_or(*model, Self::from_be_bytes),
        };
    }

    fn base() -> Self {
        0.0
    }
}

impl DeltaCoded for String {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        match coded_text(self, model, coder) {
            Some(text) => *self = text,
            None if self == model => {}
            None => self.clone_from(model),
        }
    }

    fn base() -> Self {
        Self::new()
    }
}

/// Codes a text by its bytes between those that it has in common with `model` at both ends. `None`: it equals `model`.
pub(super) fn coded_text(own: &str, model: &str, coder: &mut impl DeltaCoder) -> Option<String> {
    let (own, known) = (own.as_bytes(), model.as_bytes());
    let begin = own.iter().zip(known).take_while(|(a, b)| a == b).count();
    let longest_end = own.len().min(known.len()) - begin;
    let end = own.iter().rev().zip(known.iter().rev()).take(longest_end).take_while(|(a, b)| a == b).count();
    let is_other = coder.number((own != known).into()) != 0;
    if !is_other {
        return None;
    }
    let count = |number: i64| usize::try_from(number).unwrap_or_default();
    let (begin, end) = (count(coder.number(begin as i64)), count(coder.number(end as i64)));
    let middle = coder.bytes(own.get(begin..own.len().saturating_sub(end)).unwrap_or_default());
    let last = known.get(known.len().saturating_sub(end)..).unwrap_or_default();
    String::from_utf8([known.get(..begin).unwrap_or_default(), &middle, last].concat()).ok()
}

impl<A: DeltaCoded, B: DeltaCoded> DeltaCoded for (A, B) {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        self.0.code(&model.0, coder);
        self.1.code(&model.1, coder);
    }

    fn base() -> Self {
        (A::base(), B::base())
    }
}

impl<T: DeltaCoded> DeltaCoded for Option<T> {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        let mut there = self.is_some();
        there.code(&model.is_some(), coder);
        if !there {
            *self = None;
            return;
        }
        match model {
            Some(model) => self.get_or_insert_with(|| model.clone()).code(model, coder),
            None => self.get_or_insert_with(T::base).code(&T::base(), coder),
        }
    }

    fn base() -> Self {
        None
    }
}

impl<T: DeltaCoded> DeltaCoded for Vec<T> {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        let mut length = self.len() as u64;
        length.code(&(model.len() as u64), coder);
        let length = usize::try_from(length).unwrap_or_default().min(MAX_LIST);
        self.resize(length, T::base());
        let mut last = T::base();
        for (at, own) in self.iter_mut().enumerate() {
            own.code(model.get(at).unwrap_or(&last), coder);
            last.clone_from(own);
        }
    }

    fn base() -> Self {
        Self::new()
    }
}

/// Largest number of items of a list, and of bytes of a text, that are read; nothing that is written is longer.
const MAX_LIST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the difference between two values, and returns its size in bytes after reading it back.
    fn size<T: DeltaCoded + PartialEq + std::fmt::Debug>(value: T, model: &T) -> usize {
        let mut writer = DeltaWriter::default();
        let mut own = value.clone();
        own.code(model, &mut writer);
        assert_eq!(own, value, "a writer changes nothing");
        let written = writer.finish();
        for mut read in [model.clone(), T::base()] {
            read.code(model, &mut DeltaReader::new(&written));
            assert_eq!(read, value);
        }
        written.len()
    }

    #[test]
    fn equal_values_take_nothing_and_near_ones_a_byte() {
        assert_eq!((size(7_u64, &7), size(70_u64, &7), size(0_u64, &63), size(71_u64, &7)), (0, 2, 2, 3));
        assert_eq!((size(u64::MAX, &0), size(0, &u64::MAX), size(i64::MIN, &i64::MAX)), (2, 2, 2));
        assert_eq!((size(i64::MIN, &0), size(u32::MAX, &0), size(255_u8, &0), size(true, &false)), (11, 6, 3, 2));
    }

    #[test]
    fn lengths_of_time_are_whole_numbers_of_parts_or_bits() {
        assert_eq!((size(2.0, &2.0), size(2.000_000_001, &2.0), size(0.125, &2.0)), (0, 2, 6));
        assert_eq!((size(180_010.0 / 90_000.0, &2.0), size(94.0 * 1024.0 / 48_000.0, &2.0)), (2, 3));
        for odd in [0.1 + 0.2, -1.0 / 7.0, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0] {
            assert!(size(odd, &2.0) <= 11, "{odd}");
            assert_eq!(size(odd, &odd), 0);
        }
    }

    #[test]
    fn of_a_text_the_part_that_differs_is_written() {
        let text = |text: &str| text.to_owned();
        assert_eq!(size(text("a/media_107.ts"), &text("a/media_106.ts")), 6);
        assert_eq!(size(text("a/media_107.ts"), &text("a/media_107.ts")), 0);
        for (own, model) in [("", "a"), ("a", ""), ("aaa", "aa"), ("é", "è"), ("ab\0", "ab")] {
            size(text(own), &text(model));
        }
    }

    #[test]
    fn lists_and_missing_values_may_differ_in_length() {
        assert_eq!(size(vec![1_u64, 2, 3], &vec![1, 2, 3]), 0);
        assert_eq!((size(vec![1_u64, 2, 3, 4], &vec![1]), size(vec![], &vec![1_u64, 2])), (5, 2));
        assert_eq!((size(Some(5_u64), &Some(5)), size(None, &Some(5_u64)), size(Some(5_u64), &None)), (0, 2, 3));
    }
}
