//! Search for start codes (ISO/IEC 14496-10 annex B) in a video stream whose bytes arrive in chunks.

use super::nal::{self, MAX_HEAD, NalUnit, RecoveryPointSearch, SliceKind};
use super::parameter_sets::ParameterSets;
use super::parameters::TrackHeaders;

/// Video codec whose NAL units or pictures follow the start codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VideoSyntax {
    /// The video stream is H.264.
    H264,
    /// The video stream is HEVC.
    Hevc,
    /// The video stream is MPEG-2 video.
    Mpeg2,
}

/// Finds and classifies the NAL units of a video stream, in order.
#[derive(Debug)]
pub(crate) struct NalScanner {
    syntax: VideoSyntax,
    /// The last two bytes of the previous chunk, for a start code that spans two chunks.
    before: [u8; 2],
    head: [u8; MAX_HEAD],
    /// Number of bytes of the current NAL unit that `head` holds; `None` after the unit was classified.
    filled: Option<usize>,
    /// Search for a recovery point in the current NAL unit; `None` if the unit has no messages, or one was found.
    search: Option<RecoveryPointSearch>,
    /// Whether a recovery point message came after the last slice.
    recovery_point: bool,
    sets: ParameterSets,
}

impl NalScanner {
    #[must_use]
    pub(crate) fn new(syntax: VideoSyntax) -> Self {
        Self {
            syntax,
            before: [0xff; 2],
            head: [0; MAX_HEAD],
            filled: None,
            search: None,
            recovery_point: false,
            sets: ParameterSets::new(syntax),
        }
    }

    pub(crate) fn push(&mut self, data: &[u8], mut found: impl FnMut(NalUnit)) {
        let mut from = 0;
        for one in memchr::memchr_iter(1, data) {
            if self.zeros_before(data, one) {
                self.append(data.get(from..one).unwrap_or_default(), &mut found);
                self.classify_head(&mut found);
                self.filled = Some(0);
                self.search = None;
                self.sets.begin_unit();
                from = one + 1;
            }
        }
        self.append(data.get(from..).unwrap_or_default(), &mut found);
        self.before = match (self.before, data) {
            (_, [.., a, b]) => [*a, *b],
            ([_, a], [b]) => [a, *b],
            (before, []) => before,
        };
    }

    /// Whether everything that is read of the current NAL unit has arrived.
    pub(crate) fn has_unit(&self) -> bool {
        self.sets.has_unit()
    }

    /// Leaves out the rest of the current NAL unit, up to the next chunk, which begins with a start code.
    pub(crate) fn skip_rest(&mut self) {
        self.before = [0xff; 2];
    }

    /// Ends the current NAL unit: the last one of an access unit has no start code behind it.
    pub(crate) fn flush(&mut self, mut found: impl FnMut(NalUnit)) {
        self.sets.end_unit();
        self.search = None;
        self.classify_head(&mut found);
    }

    /// Classifies the current NAL unit. The caller calls this when the first bytes of the unit are complete or the unit
    /// ends.
    fn classify_head(&mut self, found: &mut impl FnMut(NalUnit)) {
        if let Some(length) = self.filled.take()
            && let Some(unit) = nal::classify(self.syntax, self.head.get(..length).unwrap_or_default())
        {
            if let NalUnit::Slice(kind) = unit {
                let recovers = std::mem::take(&mut self.recovery_point);
                if kind == SliceKind::RandomAccess || (kind == SliceKind::Intra && recovers) {
                    self.sets.reach_random_access();
                }
                self.sets.begin_picture();
            }
            found(unit);
        }
    }

    /// Drops the current NAL unit, because bytes of the stream are missing.
    pub(crate) fn reset(&mut self) {
        self.before = [0xff; 2];
        self.filled = None;
        self.search = None;
        self.sets.reset();
    }

    /// Returns the codec parameters from the sequence parameter sets and SEI messages of the stream.
    #[must_use]
    pub(crate) fn finish(self) -> TrackHeaders {
        self.sets.finish(None)
    }

    /// Looks for a recovery point in the next bytes of the current NAL unit, and reports the first one.
    fn search_recovery_point(&mut self, bytes: &[u8], found: &mut impl FnMut(NalUnit)) {
        let Some((header, behind)) = bytes.split_first() else { return };
        let begins = self.filled == Some(0);
        if begins {
            self.search = RecoveryPointSearch::begin(self.syntax, *header);
        }
        let rest = if begins { behind } else { bytes };
        if self.search.as_mut().is_some_and(|search| search.push(rest)) {
            self.search = None;
            self.recovery_point = true;
            found(NalUnit::RecoveryPoint);
        }
    }

    fn zeros_before(&self, data: &[u8], one: usize) -> bool {
        match one {
            0 => self.before == [0, 0],
            1 => self.before[1] == 0 && data.first() == Some(&0),
            _ => data.get(one - 2..one) == Some(&[0, 0]),
        }
    }

    fn append(&mut self, bytes: &[u8], found: &mut impl FnMut(NalUnit)) {
        self.sets.append(bytes);
        if self.search.is_some() || self.filled == Some(0) {
            self.search_recovery_point(bytes, found);
        }
        let Some(length) = self.filled else { return };
        let room = self.head.get_mut(length..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.filled = Some(length + count);
        if length + count == MAX_HEAD {
            self.classify_head(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nal::SliceKind;
    use super::*;

    #[test]
    fn start_codes_are_found_in_pieces_of_any_size() {
        let stream =
            [0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65, 0x88, 1, 0, 1, 1, 0, 0, 0, 1, 9, 0x10, 0, 0, 1, 0x41, 0x9a, 7];
        for size in 1..stream.len() {
            let mut units = Vec::new();
            let mut scanner = NalScanner::new(VideoSyntax::H264);
            for piece in stream.chunks(size) {
                scanner.push(piece, |u| units.push(u));
            }
            scanner.flush(|u| units.push(u));
            let slices = [NalUnit::Slice(SliceKind::RandomAccess), NalUnit::Slice(SliceKind::Inter)];
            assert_eq!(units, [NalUnit::Delimiter, slices[0], NalUnit::Delimiter, slices[1]], "pieces of {size}");
        }
    }

    #[test]
    fn a_recovery_point_behind_long_captions_is_found_once() {
        // An SEI NAL unit with captions of 71 bytes and two recovery points, then an I slice.
        let captions = [&[4, 71][..], b"\xb5\0\x31GA94\x03\x54\xff", &[0xfc, 0x80, 0x80].repeat(20), &[0xff]].concat();
        let sei = [&[6][..], &captions, &[6, 1, 0xc4, 6, 1, 0xc4, 0x80]].concat();
        let stream = [&[0, 0, 1, 9, 0xf0, 0, 0, 1][..], &sei, &[0, 0, 1, 0x41, 0b1000_1000, 0]].concat();
        for size in 1..stream.len() {
            let mut units = Vec::new();
            let mut scanner = NalScanner::new(VideoSyntax::H264);
            stream.chunks(size).for_each(|piece| scanner.push(piece, |u| units.push(u)));
            scanner.flush(|u| units.push(u));
            let slice = NalUnit::Slice(SliceKind::Intra);
            assert_eq!(units, [NalUnit::Delimiter, NalUnit::RecoveryPoint, slice], "pieces of {size}");
        }
    }
}
