//! Audio frame headers (AAC in ADTS, AC-3, E-AC-3, MPEG layers I to III): size, duration and audio parameters.

use super::aac_silence::SilenceMeter;
use super::id3::Id3Tags;
use super::parameters::{AudioParameters, CodecParameters, TrackHeaders};
use super::rfc6381::Codec;
use super::{aac, mpeg_audio};
use crate::quiet::QuietSpans;
use crate::units::Seconds;

/// Kind of frame header that delimits the frames of an audio stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AudioFraming {
    /// AAC frames with ADTS headers.
    Adts,
    /// AC-3 or E-AC-3 frames, which differ in the header's bsid.
    Dolby,
    /// Frames of MPEG audio, layers I to III.
    Mpeg,
}

/// One audio frame, as its header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFrame {
    /// Size of the audio frame in bytes, the header included; never less than the header.
    pub length: usize,
    /// PCM samples per channel of an audio frame; 0 for a substream that adds no time.
    pub samples: u32,
    /// Sample rate of an audio frame in Hz.
    pub rate: u32,
    /// Codec of an audio frame.
    pub codec: Codec,
    /// Number of channels of an audio frame; `None` when only the payload contains it.
    pub channels: Option<u16>,
}

impl AudioFrame {
    /// Returns whether the audio frame is E-AC-3 (bsid above 10).
    #[must_use]
    pub(crate) fn is_eac3(&self) -> bool {
        self.codec == Codec::Eac3
    }
}

const HEADER_SIZE: usize = 7;

/// Parses the audio frame header at the start of `bytes`; `None` when no frame begins there.
#[must_use]
pub(crate) fn parse_header(framing: AudioFraming, bytes: &[u8; HEADER_SIZE]) -> Option<AudioFrame> {
    match framing {
        AudioFraming::Adts => adts(bytes),
        AudioFraming::Dolby => dolby(bytes),
        AudioFraming::Mpeg => mpeg_audio::parse_header(bytes),
    }
}

/// Parses an AAC frame header: adts_fixed_header and adts_variable_header (ISO/IEC 14496-3 1.A.2.2).
fn adts(b: &[u8; HEADER_SIZE]) -> Option<AudioFrame> {
    if b[0] != 0xff || b[1] & 0xf6 != 0xf0 {
        return None;
    }
    let rate = *aac::SAMPLE_RATES.get(usize::from(b[2] >> 2 & 0xf))?;
    let length = usize::from(b[3] & 3) << 11 | usize::from(b[4]) << 3 | usize::from(b[5] >> 5);
    let blocks = u32::from(b[6] & 3) + 1;
    // profile_ObjectType is the audio object type minus one.
    let codec = Codec::Aac { object_type: (b[2] >> 6) + 1 };
    let channels = aac::channel_count(u32::from(b[2] & 1) << 2 | u32::from(b[3] >> 6));
    (length >= HEADER_SIZE).then_some(AudioFrame { length, samples: blocks * 1024, rate, codec, channels })
}

/// Parses the header of an AC-3 frame (syncinfo and bsi, ETSI TS 102 366 4.3) or of an E-AC-3 frame (E.1.2).
fn dolby(b: &[u8; HEADER_SIZE]) -> Option<AudioFrame> {
    if [b[0], b[1]] != [0x0b, 0x77] {
        return None;
    }
    match b[5] >> 3 {
        0..=10 => ac3(b),
        11..=16 => eac3(b),
        _ => None,
    }
}

const DOLBY_RATES: [u32; 3] = [48_000, 44_100, 32_000];

/// Parses an AC-3 frame header; the frame size follows from fscod and frmsizecod (ETSI TS 102 366 table 4.13).
fn ac3(b: &[u8; HEADER_SIZE]) -> Option<AudioFrame> {
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
    // acmod, mix levels that depend on it, then lfeon (4.3, bsi).
    let mode = b[6] >> 5;
    let levels = match mode {
        2 | 3 | 4 | 6 => 2,
        5 | 7 => 4,
        _ => 0,
    };
    let channels = Some(dolby_channels(mode, b[6] >> (4 - levels) & 1 != 0));
    Some(AudioFrame { length: words * 2, samples: 1536, rate, codec: Codec::Ac3, channels })
}

/// Returns the number of channels of an acmod (ETSI TS 102 366 table 4.3), plus the low frequency channel if there is
/// one.
#[must_use]
pub(crate) fn dolby_channels(mode: u8, low_frequency: bool) -> u16 {
    let full = [2, 1, 2, 3, 3, 4, 4, 5].get(usize::from(mode & 7)).copied().unwrap_or(2);
    full + u16::from(low_frequency)
}

/// Parses an E-AC-3 frame header: strmtyp, substreamid, frmsiz, fscod, fscod2 or numblkscod (ETSI TS 102 366 E.1.2.2).
fn eac3(b: &[u8; HEADER_SIZE]) -> Option<AudioFrame> {
    let length = (usize::from(b[2] & 7) << 8 | usize::from(b[3])) * 2 + 2;
    let code = usize::from(b[4] >> 6);
    let second = usize::from(b[4] >> 4 & 3);
    let (rate, blocks) = match DOLBY_RATES.get(code) {
        Some(rate) => (*rate, *[1, 2, 3, 6].get(second)?),
        None => (*DOLBY_RATES.get(second)? / 2, 6),
    };
    // Only independent substream 0 carries the programme's timeline.
    let main = b[2] >> 6 != 1 && b[2] >> 3 & 7 == 0;
    let samples = if main { blocks * 256 } else { 0 };
    let channels = Some(dolby_channels(b[4] >> 1, b[4] & 1 != 0));
    (length >= HEADER_SIZE).then_some(AudioFrame { length, samples, rate, codec: Codec::Eac3, channels })
}

/// Finds the audio frames in a stream whose bytes arrive in chunks; a frame may span chunks.
#[derive(Debug)]
pub(crate) struct AudioFramer {
    framing: AudioFraming,
    head: [u8; HEADER_SIZE],
    filled: usize,
    /// Number of bytes of the current audio frame that are still to come.
    remaining: usize,
    /// Number of bytes outside of all audio frames since the last call of [`AudioFramer::take_stray_bytes`].
    stray_bytes: u64,
    /// The first audio frame of the stream that has a duration of its own. A dependent substream of E-AC-3 has none.
    first: Option<AudioFrame>,
    /// The first audio frame that differs from the first frame of the stream in codec, sample rate or channels.
    changed: Option<AudioFrame>,
    /// Whether dependent substreams of E-AC-3 add channels. Their number is only in the payload, so it isn't known.
    has_dependent_substreams: bool,
    /// Digital silence; of AAC only.
    silence: SilenceMeter,
    /// The frame whose bytes are still coming.
    open: Option<OpenFrame>,
    /// The ID3 tags between the frames; `None` if the stream can't have any.
    tags: Option<Id3Tags>,
    /// Whether the next header begins where a frame or the stream does, so that it isn't one by chance.
    is_in_step: bool,
    /// The frame that was found in a search, until the header behind it confirms it.
    candidate: Option<Candidate>,
    /// Number of byte sequences of the stream that looked like the header of an audio frame and weren't one.
    refused: usize,
}

/// Largest number of candidates that are refused in one stream: a hostile one could have one at every byte.
const MAX_REFUSED: usize = 64;

/// What looks like a frame in the middle of a stream. A stream may begin within a frame (ISO/IEC 13818-1 2.4.3.7), whose bytes look like
/// a header now and then.
#[derive(Debug)]
struct Candidate {
    frame: AudioFrame,
    /// The bytes behind the first one, in which the search goes on if it is no frame.
    bytes: Vec<u8>,
}

/// A frame of AAC whose payload is read for silence.
#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    duration: Seconds,
    /// Bytes of the checksum before the raw_data_block.
    checksum: usize,
}

impl AudioFramer {
    #[must_use]
    pub(crate) fn new(framing: AudioFraming) -> Self {
        Self {
            framing,
            head: [0; HEADER_SIZE],
            filled: 0,
            remaining: 0,
            stray_bytes: 0,
            first: None,
            changed: None,
            has_dependent_substreams: false,
            silence: SilenceMeter::default(),
            open: None,
            tags: None,
            is_in_step: true,
            candidate: None,
            refused: 0,
        }
    }

    /// Makes a framer for packed audio, which may have ID3 tags between its frames (RFC 8216 3.4).
    #[must_use]
    pub(crate) fn with_tags(framing: AudioFraming) -> Self {
        Self { tags: Some(Id3Tags::default()), ..Self::new(framing) }
    }

    /// Returns how many bytes of an ID3 tag are missing at the end of the stream; 0 if no tag is cut off.
    #[must_use]
    pub(crate) fn missing_tag_bytes(&self) -> usize {
        self.tags.map_or(0, |tags| tags.missing_bytes(self.remaining))
    }

    /// Reads the next bytes of the stream, and calls `found` for each audio frame whose header is complete with these
    /// bytes.
    pub(crate) fn push(&mut self, data: &[u8], mut found: impl FnMut(AudioFrame)) {
        self.read(data, &mut found);
    }

    fn read(&mut self, mut data: &[u8], found: &mut dyn FnMut(AudioFrame)) {
        while !data.is_empty() {
            let skip = self.remaining.min(data.len());
            self.remaining -= skip;
            let payload = data.get(..skip).unwrap_or_default();
            self.read_payload(payload);
            if let Some(candidate) = &mut self.candidate {
                candidate.bytes.extend_from_slice(payload);
            }
            data = data.get(skip..).unwrap_or_default();
            // A header that arrives in one piece, as nearly all do.
            if self.filled == 0
                && self.tags.is_none()
                && self.candidate.is_none()
                && let Some((head, rest)) = data.split_first_chunk::<HEADER_SIZE>()
            {
                (self.head, self.filled) = (*head, HEADER_SIZE);
                data = rest;
                self.read_header(found);
                continue;
            }
            let Some((&byte, rest)) = data.split_first() else { return };
            data = rest;
            if let Some(body) = self.tags.as_mut().and_then(|tags| tags.read_size(byte)) {
                self.remaining = body;
                continue;
            }
            if let Some(slot) = self.head.get_mut(self.filled) {
                *slot = byte;
                self.filled += 1;
            }
            if let Some(candidate) = &mut self.candidate {
                candidate.bytes.push(byte);
            }
            if self.filled == HEADER_SIZE {
                self.read_header(found);
            }
        }
    }

    /// Restarts the search for an audio frame header, because bytes of the stream are missing.
    pub(crate) fn reset(&mut self) {
        self.filled = 0;
        self.remaining = 0;
        (self.is_in_step, self.candidate) = (false, None);
        self.tags = self.tags.map(|_| Id3Tags::default());
        if let Some(frame) = self.open.take() {
            self.silence.skip_frame(frame.duration);
        }
    }

    /// Returns the spans of digital silence; `None` when none can be found, because the codec isn't AAC or no frame could be
    /// read.
    #[must_use]
    pub(crate) fn silence(&self) -> Option<QuietSpans> {
        self.silence.finish()
    }

    /// Reads bytes of the current frame's payload.
    fn read_payload(&mut self, bytes: &[u8]) {
        let Some(frame) = self.open else { return };
        self.silence.append(bytes);
        if self.remaining == 0 {
            self.silence.end_frame(frame.duration, frame.checksum);
            self.open = None;
        }
    }

    /// Begins to look for silence in the frame whose header was read. Several raw_data_blocks in one frame aren't read.
    fn open_frame(&mut self, frame: AudioFrame) {
        let single = self.head[6] & 3 == 0;
        if self.framing != AudioFraming::Adts || !single || frame.rate == 0 {
            return;
        }
        let duration = Seconds(f64::from(frame.samples) / f64::from(frame.rate));
        let checksum = if self.head[1] & 1 == 0 { 2 } else { 0 };
        self.silence.begin_frame();
        self.open = Some(OpenFrame { duration, checksum });
    }

    /// Returns the number of bytes that were skipped since the last call in search of an audio frame header.
    pub(crate) fn take_stray_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.stray_bytes)
    }

    /// Returns the codec parameters in the audio frame headers. The sample rate is that of the core codec, because
    /// spectral band replication shows only in the payload.
    #[must_use]
    pub(crate) fn headers(&self) -> TrackHeaders {
        let of = |frame: AudioFrame| {
            let channels = frame.channels.filter(|_| !self.has_dependent_substreams);
            CodecParameters::with_audio(
                frame.codec,
                AudioParameters { channels, ..AudioParameters::at_rate(frame.rate) },
            )
        };
        let only = self.candidate.as_ref().map(|candidate| candidate.frame);
        TrackHeaders { first: self.first.or(only).map(of), changed: self.changed.map(of), ..TrackHeaders::default() }
    }

    /// Remembers the first audio frame, and the first later frame with another codec, sample rate or channel count.
    fn remember_parameters(&mut self, frame: AudioFrame) {
        let first = *self.first.get_or_insert(frame);
        if self.changed.is_none() && form(first) != form(frame) {
            self.changed = Some(frame);
        }
    }

    /// Parses the collected bytes as an audio frame header. If they are none, the search goes on one byte later.
    fn read_header(&mut self, found: &mut dyn FnMut(AudioFrame)) {
        let header = parse_header(self.framing, &self.head);
        let is_tag = header.is_none() && self.tags.as_mut().is_some_and(|tags| tags.begin(&self.head));
        if let Some(candidate) = self.candidate.take() {
            if !is_tag && header.is_none_or(|next| next.rate != candidate.frame.rate) {
                self.search_again(&candidate.bytes, found);
                return;
            }
            self.is_in_step = true;
            self.take_frame(candidate.frame, found);
        }
        match header {
            Some(frame) => {
                self.remaining = frame.length - HEADER_SIZE;
                self.filled = 0;
                if self.is_in_step || self.is_like_first(frame) || self.refused >= MAX_REFUSED {
                    self.is_in_step = true;
                    self.open_frame(frame);
                    self.take_frame(frame, found);
                } else {
                    let [_, bytes @ ..] = self.head;
                    self.candidate = Some(Candidate { frame, bytes: bytes.to_vec() });
                }
            }
            None if is_tag => self.filled = 0,
            None => {
                self.head.rotate_left(1);
                self.filled = HEADER_SIZE - 1;
                self.stray_bytes += 1;
                self.is_in_step = false;
            }
        }
    }

    fn take_frame(&mut self, frame: AudioFrame, found: &mut dyn FnMut(AudioFrame)) {
        match frame.samples {
            0 => self.has_dependent_substreams = true,
            _ => self.remember_parameters(frame),
        }
        found(frame);
    }

    fn is_like_first(&self, frame: AudioFrame) -> bool {
        self.first.is_some_and(|first| form(first) == form(frame))
    }

    /// Goes on with the search in the bytes behind the first one of a candidate that is no frame.
    fn search_again(&mut self, bytes: &[u8], found: &mut dyn FnMut(AudioFrame)) {
        self.refused += 1;
        self.stray_bytes += 1;
        (self.filled, self.remaining, self.is_in_step) = (0, 0, false);
        self.read(bytes, found);
    }
}

/// Returns what stays the same in a stream: codec, sample rate and channels.
fn form(frame: AudioFrame) -> (Codec, u32, Option<u16>) {
    (frame.codec, frame.rate, frame.channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adts_header_gives_length_and_rate() {
        // 48 kHz, stereo, 0x100 bytes, one block.
        let frame = parse_header(AudioFraming::Adts, &[0xff, 0xf1, 0x4c, 0x80, 0x20, 0x1f, 0xfc]);
        assert_eq!(
            frame,
            Some(AudioFrame {
                length: 0x100,
                samples: 1024,
                rate: 48_000,
                codec: Codec::Aac { object_type: 2 },
                channels: Some(2)
            })
        );
        assert_eq!(
            parse_header(AudioFraming::Adts, &[0xff, 0xfb, 0x4c, 0x80, 0x20, 0x1f, 0xfc]),
            None,
            "MPEG layer III"
        );
        assert_eq!(
            parse_header(AudioFraming::Adts, &[0xff, 0xf1, 0x4c, 0x80, 0, 0x1f, 0xfc]),
            None,
            "shorter than its header"
        );
    }

    #[test]
    fn ac3_sizes_follow_the_table() {
        let size = |b4| parse_header(AudioFraming::Dolby, &[0x0b, 0x77, 0, 0, b4, 8 << 3, 0]).map(|f| f.length);
        // 192 kbit/s: 768 bytes at 48 kHz, 834 or 836 at 44.1 kHz, 1152 at 32 kHz.
        assert_eq!(
            [size(20), size(1 << 6 | 20), size(1 << 6 | 21), size(2 << 6 | 20)],
            [Some(768), Some(834), Some(836), Some(1152)]
        );
        assert_eq!(size(3 << 6), None);
    }

    #[test]
    fn a_dependent_substream_adds_no_time() {
        let of = |b2| {
            parse_header(AudioFraming::Dolby, &[0x0b, 0x77, b2, 0x7f, 0x30, 16 << 3, 0]).map(|f| (f.length, f.samples))
        };
        assert_eq!(of(0), Some((256, 1536)));
        assert_eq!(of(1 << 6), Some((256, 0)));
    }

    #[test]
    fn what_looks_like_a_header_in_the_tail_of_a_frame_is_none() {
        let chance = [0xff, 0xf1, 0x6c, 0x40, 0x10, 0x1f, 0xfc];
        let mut stream = [vec![7; 20], chance.to_vec(), vec![7; 30]].concat();
        for _ in 0..20 {
            stream.extend([0xff, 0xf1, 0x4c, 0x80, 0x02, 0x1f, 0xfc]);
            stream.extend([0; 9]);
        }
        for size in [1, 5, 16, 1000] {
            let (mut framer, mut frames) = (AudioFramer::new(AudioFraming::Adts), Vec::new());
            stream.chunks(size).for_each(|piece| framer.push(piece, |frame| frames.push(frame.rate)));
            assert_eq!((frames, framer.take_stray_bytes()), (vec![48_000; 20], 57), "pieces of {size}");
            let headers = framer.headers();
            assert_eq!(headers.first.unwrap().audio.unwrap().sample_rate, Some(48_000));
            assert!(headers.changed.is_none());
        }
    }

    #[test]
    fn a_stream_of_nothing_but_headers_is_searched_in_bounded_time() {
        let stream = [0xff, 0xf1, 0x6c, 0x40, 0xff, 0x1f, 0xfc].repeat(20_000);
        let mut framer = AudioFramer::new(AudioFraming::Adts);
        framer.push(&[7, 7, 7], |_| {});
        framer.push(&stream, |_| {});
        assert!(framer.refused <= MAX_REFUSED);
    }

    #[test]
    fn frames_are_followed_across_pieces_and_found_behind_junk() {
        let mut stream = vec![0xff, 0x12, 0xf1];
        for _ in 0..3 {
            stream.extend([0xff, 0xf1, 0x4c, 0x80, 0x02, 0x1f, 0xfc]);
            stream.extend([0xff; 9]);
        }
        for size in [1, 5, 16, 100] {
            let (mut framer, mut frames) = (AudioFramer::new(AudioFraming::Adts), 0);
            stream.chunks(size).for_each(|piece| framer.push(piece, |_| frames += 1));
            assert_eq!((frames, framer.take_stray_bytes()), (3, 3), "pieces of {size}");
        }
    }

    #[test]
    fn each_field_of_an_adts_header_counts() {
        let read = |b: [u8; 7]| parse_header(AudioFraming::Adts, &b);
        let base = [0xff, 0xf1, 0x4c, 0x80, 0x20, 0x1f, 0xfc];
        let with = |at: usize, byte| {
            let mut bytes = base;
            bytes[at] = byte;
            read(bytes)
        };
        assert!(
            with(1, 0xf9).is_some() && with(1, 0xf3).is_none() && with(1, 0xe1).is_none() && with(0, 0xfe).is_none()
        );
        assert_eq!(with(2, 0x70).map(|f| f.rate), Some(7350));
        assert_eq!(with(2, 0x74), None, "a reserved rate");
        assert_eq!(with(2, 0x8c).map(|f| f.codec), Some(Codec::Aac { object_type: 3 }));
        assert_eq!(with(2, 0x4d).map(|f| f.channels), Some(Some(6)));
        assert_eq!(with(3, 0x83).map(|f| f.length), Some(0x1900));
        assert_eq!(with(5, 0xff).map(|f| f.length), Some(0x107));
        assert_eq!(with(6, 0xff).map(|f| f.samples), Some(4096));
        assert_eq!(
            read([0xff, 0xf1, 0x4c, 0x80, 0, 0xff, 0xfc]).map(|f| f.length),
            Some(7),
            "a frame of its header alone"
        );
        assert_eq!(read([0xff, 0xf1, 0x4c, 0x80, 0, 0xdf, 0xfc]), None);
    }

    #[test]
    fn dolby_channels_follow_the_coding_mode_and_the_low_frequency_flag() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|mode| dolby_channels(mode, false)), [2, 1, 2, 3, 3, 4, 4, 5]);
        let channels = |b6| parse_header(AudioFraming::Dolby, &[0x0b, 0x77, 0, 0, 20, 8 << 3, b6]).unwrap().channels;
        // The flag stands behind mix levels, of which a mode has none, one or two.
        for (mode, flag, full) in
            [(0, 0x10, 2), (1, 0x10, 1), (2, 4, 2), (3, 4, 3), (4, 4, 3), (5, 1, 4), (6, 4, 4), (7, 1, 5)]
        {
            assert_eq!([channels(mode << 5), channels(mode << 5 | flag)], [Some(full), Some(full + 1)], "{mode}");
            assert_eq!(channels(mode << 5 | (0x1f & !flag)), Some(full), "{mode}");
        }
        let enhanced = |b4| parse_header(AudioFraming::Dolby, &[0x0b, 0x77, 0, 0x7f, b4, 16 << 3, 0]).unwrap();
        assert_eq!(
            [enhanced(0x3e).channels, enhanced(0x3f).channels, enhanced(0x32).channels],
            [Some(5), Some(6), Some(1)]
        );
    }

    #[test]
    fn enhanced_frames_have_blocks_and_half_rates() {
        let read = |b2, b3, b4, id: u8| {
            let frame = parse_header(AudioFraming::Dolby, &[0x0b, 0x77, b2, b3, b4, id << 3, 0])?;
            Some((frame.length, frame.samples, frame.rate))
        };
        for (b4, samples, rate) in [
            (0x00, 256, 48_000),
            (0x10, 512, 48_000),
            (0x60, 768, 44_100),
            (0xb0, 1536, 32_000),
            (0xc0, 1536, 24_000),
            (0xe0, 1536, 16_000),
        ] {
            assert_eq!(read(0, 0x7f, b4, 16), Some((256, samples, rate)), "{b4:x}");
        }
        assert_eq!(read(0, 0x7f, 0xf0, 16), None, "a reserved half rate");
        assert_eq!(
            [read(7, 0xff, 0, 11), read(0, 3, 0, 11), read(0, 2, 0, 11)],
            [Some((4096, 256, 48_000)), Some((8, 256, 48_000)), None]
        );
        assert_eq!([read(8, 3, 0, 16).map(|f| f.1), read(0x80, 3, 0, 16).map(|f| f.1)], [Some(0), Some(256)]);
        assert_eq!([read(0, 3, 0, 17), read(0, 3, 0x14, 10).map(|_| (0, 0, 0))], [None, Some((0, 0, 0))]);
    }

    #[test]
    fn parameters_change_with_the_programmes_frames_only() {
        let frame = |b2: u8, b4: u8| [0x0b, 0x77, b2, 3, b4, 16 << 3, 0, 0];
        let run = |frames: &[[u8; 8]]| {
            let mut framer = AudioFramer::new(AudioFraming::Dolby);
            framer.push(&frames.concat(), |_| {});
            let headers = framer.headers();
            let channels = |p: Option<CodecParameters>| p.map(|p| p.audio.unwrap().channels);
            (channels(headers.first), channels(headers.changed))
        };
        assert_eq!(run(&[frame(0, 0x34), frame(0, 0x34)]), (Some(Some(2)), None));
        assert_eq!(run(&[frame(0, 0x34), frame(0, 0x3f), frame(0, 0x32)]), (Some(Some(2)), Some(Some(6))));
        assert_eq!(run(&[frame(0, 0x34), frame(0x40, 0x3f)]), (Some(None), None), "a dependent substream");
        let mut framer = AudioFramer::new(AudioFraming::Dolby);
        let mut found = 0;
        framer.push(&frame(0, 0x34)[..7], |_| found += 1);
        framer.reset();
        framer.push(&frame(0, 0x34), |_| found += 1);
        assert_eq!((found, framer.take_stray_bytes(), framer.take_stray_bytes()), (2, 0, 0));
    }
}
