//! Audio frame headers (AAC in ADTS, AC-3, E-AC-3, MPEG layers I to III): how long a frame is, in bytes and in time, and what it holds.

use super::parameters::{Headers, Parameters, Sound};
use super::rfc6381::Codec;
use super::{aac, mpeg_audio};

/// Frame headers that are self-delimiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Adts,
    /// AC-3 and E-AC-3: told apart by bsid.
    Dolby,
    /// Layers I to III.
    Mpeg,
}

/// One frame as its header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Bytes, header included; at least the header's own.
    pub length: usize,
    /// PCM samples a channel; 0 for a substream that adds no time.
    pub samples: u32,
    /// Hz.
    pub rate: u32,
    pub codec: Codec,
    /// `None` where the payload says it.
    pub channels: Option<u16>,
}

impl Frame {
    /// E-AC-3 bit stream (bsid above 10).
    #[must_use]
    pub fn enhanced(&self) -> bool {
        self.codec == Codec::Eac3
    }
}

const HEADER: usize = 7;

/// Reads the header at the start of `bytes`; `None` when there is none. Needs 7 bytes.
#[must_use]
pub fn header(framing: Framing, bytes: &[u8; HEADER]) -> Option<Frame> {
    match framing {
        Framing::Adts => adts(bytes),
        Framing::Dolby => dolby(bytes),
        Framing::Mpeg => mpeg_audio::header(bytes),
    }
}

/// ISO/IEC 14496-3 1.A.2.2: adts_fixed_header and adts_variable_header.
fn adts(b: &[u8; HEADER]) -> Option<Frame> {
    if b[0] != 0xff || b[1] & 0xf6 != 0xf0 {
        return None;
    }
    let rate = *aac::RATES.get(usize::from(b[2] >> 2 & 0xf))?;
    let length = usize::from(b[3] & 3) << 11 | usize::from(b[4]) << 3 | usize::from(b[5] >> 5);
    let blocks = u32::from(b[6] & 3) + 1;
    // profile_ObjectType is the audio object type less one.
    let codec = Codec::Aac { object_type: (b[2] >> 6) + 1 };
    let channels = aac::channels(u32::from(b[2] & 1) << 2 | u32::from(b[3] >> 6));
    (length >= HEADER).then_some(Frame { length, samples: blocks * 1024, rate, codec, channels })
}

/// ETSI TS 102 366 4.3 (AC-3 syncinfo, bsi) and E.1.2 (E-AC-3).
fn dolby(b: &[u8; HEADER]) -> Option<Frame> {
    if [b[0], b[1]] != [0x0b, 0x77] {
        return None;
    }
    match b[5] >> 3 {
        0..=10 => ac3(b),
        11..=16 => enhanced(b),
        _ => None,
    }
}

const DOLBY_RATES: [u32; 3] = [48_000, 44_100, 32_000];

/// ETSI TS 102 366 table 4.13: frame size from fscod and frmsizecod.
fn ac3(b: &[u8; HEADER]) -> Option<Frame> {
    const KILOBITS: [usize; 19] =
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let code = b[4] & 0x3f;
    let kilobits = *KILOBITS.get(usize::from(code >> 1))?;
    let (rate, words) = match b[4] >> 6 {
        0 => (48_000, kilobits * 2),
        1 => (44_100, kilobits * 320 / 147 + usize::from(code & 1)),
        2 => (32_000, kilobits * 3),
        _ => return None,
    };
    // acmod, then mix levels that depend on it, then lfeon (4.3, bsi).
    let mode = b[6] >> 5;
    let levels = match mode {
        2 | 3 | 4 | 6 => 2,
        5 | 7 => 4,
        _ => 0,
    };
    let channels = Some(speakers(mode, b[6] >> (4 - levels) & 1 != 0));
    Some(Frame { length: words * 2, samples: 1536, rate, codec: Codec::Ac3, channels })
}

/// ETSI TS 102 366 table 4.3: channels by acmod, and the low frequency one.
#[must_use]
pub fn speakers(mode: u8, low_frequency: bool) -> u16 {
    let full = [2, 1, 2, 3, 3, 4, 4, 5].get(usize::from(mode & 7)).copied().unwrap_or(2);
    full + u16::from(low_frequency)
}

/// ETSI TS 102 366 E.1.2.2: strmtyp, substreamid, frmsiz, fscod, fscod2 or numblkscod.
fn enhanced(b: &[u8; HEADER]) -> Option<Frame> {
    let length = (usize::from(b[2] & 7) << 8 | usize::from(b[3])) * 2 + 2;
    let code = usize::from(b[4] >> 6);
    let second = usize::from(b[4] >> 4 & 3);
    let (rate, blocks) = match DOLBY_RATES.get(code) {
        Some(rate) => (*rate, *[1, 2, 3, 6].get(second)?),
        None => (*DOLBY_RATES.get(second)? / 2, 6),
    };
    // Only independent substream 0 carries the programme's time line.
    let main = b[2] >> 6 != 1 && b[2] >> 3 & 7 == 0;
    let samples = if main { blocks * 256 } else { 0 };
    let channels = Some(speakers(b[4] >> 1, b[4] & 1 != 0));
    (length >= HEADER).then_some(Frame { length, samples, rate, codec: Codec::Eac3, channels })
}

/// Follows frames through a stream that arrives in pieces; frames may span pieces.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    head: [u8; HEADER],
    filled: usize,
    /// Bytes of the current frame still to come.
    remaining: usize,
    /// Bytes that belong to no frame, since the last call of [`Framer::take_stray`].
    stray: u64,
    first: Option<Frame>,
    /// Of another form than the first.
    other: Option<Frame>,
    /// Substreams add channels that their payload names.
    dependent: bool,
}

impl Framer {
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            head: [0; HEADER],
            filled: 0,
            remaining: 0,
            stray: 0,
            first: None,
            other: None,
            dependent: false,
        }
    }

    /// `found` is called for each frame whose header ends in these bytes.
    pub fn push(&mut self, mut data: &[u8], mut found: impl FnMut(Frame)) {
        while !data.is_empty() {
            let skip = self.remaining.min(data.len());
            self.remaining -= skip;
            data = data.get(skip..).unwrap_or_default();
            let Some((&byte, rest)) = data.split_first() else { return };
            data = rest;
            if let Some(place) = self.head.get_mut(self.filled) {
                *place = byte;
                self.filled += 1;
            }
            if self.filled == HEADER {
                self.complete(&mut found);
            }
        }
    }

    /// Bytes are missing before the next piece: the next frame has to be searched.
    pub fn reset(&mut self) {
        self.filled = 0;
        self.remaining = 0;
    }

    /// Bytes skipped in search of a header, counted since the last call.
    pub fn take_stray(&mut self) -> u64 {
        std::mem::take(&mut self.stray)
    }

    /// What the frames say. The rate is the core's: replication of the upper band shows in the payload only.
    #[must_use]
    pub fn headers(&self) -> Headers {
        let of = |frame: Frame| {
            let channels = frame.channels.filter(|_| !self.dependent);
            Parameters::of_sound(frame.codec, Sound { channels, ..Sound::at(frame.rate) })
        };
        Headers { first: self.first.map(of), changed: self.other.map(of), captions: None }
    }

    /// A frame of the programme itself.
    fn note(&mut self, frame: Frame) {
        let first = *self.first.get_or_insert(frame);
        let form = |f: Frame| (f.codec, f.rate, f.channels);
        if self.other.is_none() && form(first) != form(frame) {
            self.other = Some(frame);
        }
    }

    /// Seven bytes are there: a frame begins, or the search goes on at the next byte.
    fn complete(&mut self, found: &mut impl FnMut(Frame)) {
        if let Some(frame) = header(self.framing, &self.head) {
            self.remaining = frame.length - HEADER;
            self.filled = 0;
            match frame.samples {
                0 => self.dependent = true,
                _ => self.note(frame),
            }
            found(frame);
        } else {
            self.head.rotate_left(1);
            self.filled = HEADER - 1;
            self.stray += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adts_header_gives_length_and_rate() {
        // 48 kHz, stereo, 0x100 bytes, one block.
        let frame = header(Framing::Adts, &[0xff, 0xf1, 0x4c, 0x80, 0x20, 0x1f, 0xfc]);
        assert_eq!(
            frame,
            Some(Frame {
                length: 0x100,
                samples: 1024,
                rate: 48_000,
                codec: Codec::Aac { object_type: 2 },
                channels: Some(2)
            })
        );
        assert_eq!(header(Framing::Adts, &[0xff, 0xfb, 0x4c, 0x80, 0x20, 0x1f, 0xfc]), None, "MPEG layer III");
        assert_eq!(header(Framing::Adts, &[0xff, 0xf1, 0x4c, 0x80, 0, 0x1f, 0xfc]), None, "shorter than its header");
    }

    #[test]
    fn ac3_sizes_follow_the_table() {
        let size = |b4| header(Framing::Dolby, &[0x0b, 0x77, 0, 0, b4, 8 << 3, 0]).map(|f| f.length);
        // 192 kbit/s: 768 bytes at 48 kHz, 834 or 836 at 44.1 kHz, 1152 at 32 kHz.
        assert_eq!(
            [size(20), size(1 << 6 | 20), size(1 << 6 | 21), size(2 << 6 | 20)],
            [Some(768), Some(834), Some(836), Some(1152)]
        );
        assert_eq!(size(3 << 6), None);
    }

    #[test]
    fn a_dependent_substream_adds_no_time() {
        let of = |b2| header(Framing::Dolby, &[0x0b, 0x77, b2, 0x7f, 0x30, 16 << 3, 0]).map(|f| (f.length, f.samples));
        assert_eq!(of(0), Some((256, 1536)));
        assert_eq!(of(1 << 6), Some((256, 0)));
    }

    #[test]
    fn frames_are_followed_across_pieces_and_found_behind_junk() {
        let mut stream = vec![0xff, 0x12, 0xf1];
        for _ in 0..3 {
            stream.extend([0xff, 0xf1, 0x4c, 0x80, 0x02, 0x1f, 0xfc]);
            stream.extend([0xff; 9]);
        }
        for size in [1, 5, 16, 100] {
            let (mut framer, mut frames) = (Framer::new(Framing::Adts), 0);
            stream.chunks(size).for_each(|piece| framer.push(piece, |_| frames += 1));
            assert_eq!((frames, framer.take_stray()), (3, 3), "pieces of {size}");
        }
    }
}
