//! Samples of several audio streams as ffmpeg writes them: AVI with 32-bit float samples.
//!
//! Only what ffmpeg writes is read: `strf` chunks with the streams' formats, then chunks
//! of samples with the stream's number in their name.

use std::io::{BufReader, Read};

/// The largest chunk that is read, in bytes: ffmpeg writes one for each coded frame.
const CHUNK_BYTES: usize = 4 << 20;
/// The largest format chunk, in bytes.
const FORMAT_BYTES: usize = 256;

/// The format of one audio stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) channels: u16,
    pub(super) rate: u32,
    /// Bits of the loudspeakers (`dwChannelMask`), the lowest for the first channel. 0 if they aren't said.
    pub(super) mask: u32,
}

/// A piece of the output.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// The format of the next stream; streams come in order.
    Format(Format),
    /// Samples of the stream with this number: 4 bytes each, channels interleaved.
    Samples(usize, &'a [u8]),
}

/// Reads the output piece by piece.
pub(super) struct Avi<R> {
    input: BufReader<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Avi<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(65_536, input), bytes: Vec::new() }
    }

    /// The next piece. `None` at the end, and at anything that ffmpeg doesn't write.
    pub(super) fn next(&mut self) -> Option<Piece<'_>> {
        loop {
            let mut header = [0; 8];
            self.input.read_exact(&mut header).ok()?;
            let [a, b, c, d, length @ ..] = header;
            let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
            match [a, b, c, d] {
                // Lists are entered: their type follows, then their chunks.
                [b'R', b'I', b'F', b'F'] | [b'L', b'I', b'S', b'T'] => self.skip(4)?,
                [b's', b't', b'r', b'f'] if length <= FORMAT_BYTES => {
                    self.fill(length)?;
                    return parse_format(&self.bytes).map(Piece::Format);
                }
                [tens @ b'0'..=b'9', units @ b'0'..=b'9', b'w', b'b'] if length <= CHUNK_BYTES => {
                    self.fill(length)?;
                    let stream = usize::from(tens - b'0') * 10 + usize::from(units - b'0');
                    return Some(Piece::Samples(stream, &self.bytes));
                }
                _ => self.skip(length.checked_next_multiple_of(2)?)?,
            }
        }
    }

    /// Reads a chunk and the byte that makes its length even.
    fn fill(&mut self, length: usize) -> Option<()> {
        self.bytes.resize(length, 0);
        self.input.read_exact(&mut self.bytes).ok()?;
        if length % 2 == 1 { self.skip(1) } else { Some(()) }
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        let length = u64::try_from(length).ok()?;
        let skipped = std::io::copy(&mut (&mut self.input).take(length), &mut std::io::sink()).ok()?;
        (skipped == length).then_some(())
    }
}

/// WAVEFORMATEX, or WAVEFORMATEXTENSIBLE with its mask.
fn parse_format(bytes: &[u8]) -> Option<Format> {
    let two = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let four = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let format = Format { channels: two(2)?, rate: four(4)?, mask: four(20).unwrap_or(0) };
    let sound =
        (1..=super::MOST_CHANNELS).contains(&usize::from(format.channels)) && (1_000..=400_000).contains(&format.rate);
    sound.then_some(format)
}
