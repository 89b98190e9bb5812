//! Finds start codes (ISO/IEC 14496-10 annex B) in a video elementary stream that arrives in pieces.

use super::nal::{self, HEAD, Unit};
use super::parameters::Headers;
use super::sets::Sets;

/// Whose units stand behind the start codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    H264,
    Hevc,
    Mpeg2,
}

/// Calls back for each [`Unit`] of the stream, in order.
#[derive(Debug)]
pub struct Scanner {
    syntax: Syntax,
    /// The last two bytes, for a start code that straddles two pieces.
    before: [u8; 2],
    head: [u8; HEAD],
    /// Bytes of the current NAL unit in `head`; `None` once it was classified.
    filled: Option<usize>,
    sets: Sets,
}

impl Scanner {
    #[must_use]
    pub fn new(syntax: Syntax) -> Self {
        Self { syntax, before: [0xff; 2], head: [0; HEAD], filled: None, sets: Sets::new(syntax) }
    }

    pub fn push(&mut self, data: &[u8], mut found: impl FnMut(Unit)) {
        let mut from = 0;
        for one in memchr::memchr_iter(1, data) {
            if self.zeros_before(data, one) {
                self.take(data.get(from..one).unwrap_or_default(), &mut found);
                self.judge(&mut found);
                self.filled = Some(0);
                self.sets.open();
                from = one + 1;
            }
        }
        self.take(data.get(from..).unwrap_or_default(), &mut found);
        self.before = match (self.before, data) {
            (_, [.., a, b]) => [*a, *b],
            ([_, a], [b]) => [a, *b],
            (before, []) => before,
        };
    }

    /// Bytes of the current unit, and of those behind it, that nobody asks for: the next ones begin with a start code.
    pub fn pass(&mut self) {
        self.before = [0xff; 2];
    }

    /// The current unit ends here: an access unit's last NAL has no start code behind it.
    pub fn flush(&mut self, mut found: impl FnMut(Unit)) {
        self.sets.close();
        self.judge(&mut found);
    }

    /// The unit's head is complete, or as long as the unit.
    fn judge(&mut self, found: &mut impl FnMut(Unit)) {
        if let Some(length) = self.filled.take()
            && let Some(unit) = nal::classify(self.syntax, self.head.get(..length).unwrap_or_default())
        {
            if matches!(unit, Unit::Slice(_)) {
                self.sets.picture();
            }
            found(unit);
        }
    }

    /// Bytes are missing before the next piece.
    pub fn reset(&mut self) {
        self.before = [0xff; 2];
        self.filled = None;
        self.sets.reset();
    }

    /// What the stream's sequence parameter sets and messages say.
    #[must_use]
    pub fn finish(self) -> Headers {
        self.sets.finish(None)
    }

    fn zeros_before(&self, data: &[u8], one: usize) -> bool {
        match one {
            0 => self.before == [0, 0],
            1 => self.before[1] == 0 && data.first() == Some(&0),
            _ => data.get(one - 2..one) == Some(&[0, 0]),
        }
    }

    fn take(&mut self, bytes: &[u8], found: &mut impl FnMut(Unit)) {
        self.sets.take(bytes);
        let Some(length) = self.filled else { return };
        let room = self.head.get_mut(length..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.filled = Some(length + count);
        if length + count == HEAD {
            self.judge(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nal::Access;
    use super::*;

    #[test]
    fn start_codes_are_found_however_the_stream_is_cut() {
        let stream =
            [0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65, 0x88, 1, 0, 1, 1, 0, 0, 0, 1, 9, 0x10, 0, 0, 1, 0x41, 0x9a, 7];
        for size in 1..stream.len() {
            let mut units = Vec::new();
            let mut scanner = Scanner::new(Syntax::H264);
            for piece in stream.chunks(size) {
                scanner.push(piece, |u| units.push(u));
            }
            scanner.flush(|u| units.push(u));
            let slices = [Unit::Slice(Access::Random), Unit::Slice(Access::Inter)];
            assert_eq!(units, [Unit::Delimiter, slices[0], Unit::Delimiter, slices[1]], "pieces of {size}");
        }
    }
}
