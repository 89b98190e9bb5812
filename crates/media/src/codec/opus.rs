//! Opus packets in a transport stream: a control header before each says its size ("Opus in MPEG-2 TS", opus-codec.org), and the
//! packet's first bytes how long it sounds (RFC 6716 3.1).

use super::audio::Frame;
use super::rfc6381::Codec;

/// Bytes of a control header that are kept: sizes beyond are no packet's.
const HEADER_MAX: usize = 32;

/// Follows packets through a stream that arrives in pieces.
#[derive(Debug, Default)]
pub struct Packets {
    /// The control header as far as it has come, then the packet's first two bytes.
    held: Vec<u8>,
    /// Bytes of the current packet still to come.
    remaining: usize,
}

impl Packets {
    /// `found` is called for each packet whose beginning is in these bytes.
    pub fn push(&mut self, mut data: &[u8], mut found: impl FnMut(Frame)) {
        while !data.is_empty() {
            let skip = self.remaining.min(data.len());
            self.remaining -= skip;
            data = data.get(skip..).unwrap_or_default();
            let Some((&byte, rest)) = data.split_first() else { return };
            data = rest;
            self.held.push(byte);
            match read(&self.held) {
                Step::More if self.held.len() < HEADER_MAX => {}
                Step::Packet(frame) => {
                    self.remaining = frame.length.saturating_sub(self.held.len());
                    self.held.clear();
                    found(frame);
                }
                // No header begins here: it is searched byte by byte.
                Step::More | Step::Nothing => {
                    self.held.clear();
                    if byte == PREFIX {
                        self.held.push(byte);
                    }
                }
            }
        }
    }

    /// Bytes are missing before the next piece.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The first eight of the eleven bits that a control header begins with.
const PREFIX: u8 = 0x7f;

enum Step {
    More,
    Nothing,
    Packet(Frame),
}

fn read(held: &[u8]) -> Step {
    match held {
        [PREFIX] => Step::More,
        [PREFIX, flags, ..] if flags & 0xe0 == 0xe0 => packet(held, *flags).map_or(Step::More, Step::Packet),
        _ => Step::Nothing,
    }
}

/// `None` where more bytes are needed. The frame's length counts from the control header on.
fn packet(held: &[u8], flags: u8) -> Option<Frame> {
    let sizes = held.get(2..)?;
    let last = sizes.iter().position(|b| *b != 0xff)?;
    let size = 255 * last + usize::from(*sizes.get(last)?);
    let trims = 2 * usize::from(flags >> 4 & 1) + 2 * usize::from(flags >> 3 & 1);
    let mut header = 2 + last + 1 + trims;
    if flags & 4 != 0 {
        header += 1 + usize::from(*held.get(header)?);
    }
    let samples = match (size, held.get(header..)?) {
        (0, _) => 0,
        (_, [toc, ..]) if toc & 3 != 3 || size == 1 => samples(*toc, 0),
        (_, [toc, count, ..]) => samples(*toc, *count),
        _ => return None,
    };
    Some(Frame { length: header + size, samples, rate: 48_000, codec: Codec::Opus, channels: None })
}

/// Samples of 48 kHz by the table of contents: the configuration's frame length, and how many there are.
fn samples(toc: u8, count: u8) -> u32 {
    let frame = match (toc >> 3, toc >> 3 & 3) {
        (0..=11, 3) => 2880,
        (0..=11, n) => 480 << n,
        (12..=15, n) => 480 << (n & 1),
        (_, n) => 120 << n,
    };
    frame
        * match toc & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => u32::from(count & 0x3f),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_followed_however_they_are_cut_and_found_behind_junk() {
        // 20 ms with a start trim; 300 bytes of two frames of 10 ms; three frames of 2.5 ms.
        let mut stream = vec![0x7f, 0x00, 0x7f, 0xf0, 3, 0x01, 0x38, 0xfc, 1, 2];
        stream.extend([0x7f, 0xe0, 0xff, 45, 0xf1]);
        stream.extend([0x7f; 299]);
        stream.extend([0x7f, 0xe0, 4, 0xe3, 3, 0, 0]);
        for size in [1, 2, 7, 400] {
            let (mut packets, mut found) = (Packets::default(), Vec::new());
            stream.chunks(size).for_each(|piece| packets.push(piece, |frame| found.push(frame.samples)));
            assert_eq!(found, [960, 960, 360], "pieces of {size}");
        }
    }

    #[test]
    fn no_byte_does_harm() {
        for fill in [0u8, 0x7f, 0xe0, 0xff] {
            let mut packets = Packets::default();
            packets.push(&[&[0x7f, 0xe4][..], &[fill; 600]].concat(), |_| {});
            assert!(packets.held.len() < HEADER_MAX);
        }
    }
}
