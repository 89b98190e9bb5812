//! Opus packets in a transport stream: a control header gives the size of each packet ("Opus in MPEG-2 TS",
//! opus-codec.org), and the first bytes of the packet give its duration (RFC 6716 3.1).

use super::audio::AudioFrame;
use super::rfc6381::Codec;

/// Largest Opus control header that is read, in bytes: the size of no Opus packet needs more.
const MAX_CONTROL_HEADER: usize = 32;

/// Finds the Opus packets in a stream whose bytes arrive in chunks.
#[derive(Debug, Default)]
pub struct OpusFramer {
    /// The control header as far as it has arrived, then the first two bytes of the Opus packet.
    header: Vec<u8>,
    /// Number of bytes of the current Opus packet that are still to come.
    remaining: usize,
}

impl OpusFramer {
    /// Reads the next bytes of the stream, and calls `found` for each Opus packet whose first bytes are complete.
    pub fn push(&mut self, mut data: &[u8], mut found: impl FnMut(AudioFrame)) {
        while !data.is_empty() {
            let skip = self.remaining.min(data.len());
            self.remaining -= skip;
            data = data.get(skip..).unwrap_or_default();
            let Some((&byte, rest)) = data.split_first() else { return };
            data = rest;
            self.header.push(byte);
            match read_packet_start(&self.header) {
                ControlHeader::Incomplete if self.header.len() < MAX_CONTROL_HEADER => {}
                ControlHeader::Packet(frame) => {
                    self.remaining = frame.length.saturating_sub(self.header.len());
                    self.header.clear();
                    found(frame);
                }
                // No control header begins here: the search goes on byte by byte.
                ControlHeader::Incomplete | ControlHeader::NotAHeader => {
                    self.header.clear();
                    if byte == CONTROL_PREFIX {
                        self.header.push(byte);
                    }
                }
            }
        }
    }

    /// Restarts the search for an Opus control header, because bytes of the stream are missing.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The first eight of the eleven bits with which an Opus control header begins.
const CONTROL_PREFIX: u8 = 0x7f;

/// Result of reading bytes that may be an Opus control header.
enum ControlHeader {
    Incomplete,
    NotAHeader,
    Packet(AudioFrame),
}

fn read_packet_start(header: &[u8]) -> ControlHeader {
    match header {
        [CONTROL_PREFIX] => ControlHeader::Incomplete,
        [CONTROL_PREFIX, flags, ..] if flags & 0xe0 == 0xe0 => {
            parse_packet(header, *flags).map_or(ControlHeader::Incomplete, ControlHeader::Packet)
        }
        _ => ControlHeader::NotAHeader,
    }
}

/// Parses an Opus control header and the first bytes of its packet; `None` when more bytes are needed. The length of
/// the returned frame includes the control header.
fn parse_packet(header: &[u8], flags: u8) -> Option<AudioFrame> {
    let sizes = header.get(2..)?;
    let last = sizes.iter().position(|b| *b != 0xff)?;
    let size = 255 * last + usize::from(*sizes.get(last)?);
    let trims = 2 * usize::from(flags >> 4 & 1) + 2 * usize::from(flags >> 3 & 1);
    let mut header_size = 2 + last + 1 + trims;
    if flags & 4 != 0 {
        header_size += 1 + usize::from(*header.get(header_size)?);
    }
    let samples = match (size, header.get(header_size..)?) {
        (0, _) => 0,
        (_, [toc, ..]) if toc & 3 != 3 || size == 1 => packet_samples(*toc, 0),
        (_, [toc, count, ..]) => packet_samples(*toc, *count),
        _ => return None,
    };
    Some(AudioFrame { length: header_size + size, samples, rate: 48_000, codec: Codec::Opus, channels: None })
}

/// Returns the duration of an Opus packet in samples of 48 kHz, from the frame length and the number of frames that its
/// table of contents byte and count byte give.
fn packet_samples(toc: u8, count: u8) -> u32 {
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
    fn packets_are_followed_in_any_pieces_and_found_behind_junk() {
        // 20 ms with a start trim; 300 bytes of two frames of 10 ms; three frames of 2.5 ms.
        let mut stream = vec![0x7f, 0x00, 0x7f, 0xf0, 3, 0x01, 0x38, 0xfc, 1, 2];
        stream.extend([0x7f, 0xe0, 0xff, 45, 0xf1]);
        stream.extend([0x7f; 299]);
        stream.extend([0x7f, 0xe0, 4, 0xe3, 3, 0, 0]);
        for size in [1, 2, 7, 400] {
            let (mut packets, mut found) = (OpusFramer::default(), Vec::new());
            stream.chunks(size).for_each(|piece| packets.push(piece, |frame| found.push(frame.samples)));
            assert_eq!(found, [960, 960, 360], "pieces of {size}");
        }
    }

    #[test]
    fn no_byte_sequence_grows_the_header_beyond_its_bound() {
        for fill in [0u8, 0x7f, 0xe0, 0xff] {
            let mut packets = OpusFramer::default();
            packets.push(&[&[0x7f, 0xe4][..], &[fill; 600]].concat(), |_| {});
            assert!(packets.header.len() < MAX_CONTROL_HEADER);
        }
    }

    #[test]
    fn durations_follow_the_table_of_contents() {
        for (config, samples) in [
            (0, 480),
            (1, 960),
            (2, 1920),
            (3, 2880),
            (11, 2880),
            (12, 480),
            (13, 960),
            (14, 480),
            (15, 960),
            (16, 120),
            (19, 960),
            (31, 960),
        ] {
            assert_eq!(packet_samples(config << 3, 0), samples, "{config}");
        }
        assert_eq!([1, 2].map(|code| packet_samples(16 << 3 | code, 9)), [240; 2]);
        assert_eq!([0, 1, 63, 64].map(|count| packet_samples(16 << 3 | 3, count)), [0, 120, 63 * 120, 0]);
    }

    #[test]
    fn a_control_header_has_size_trims_and_extension() {
        let read = |bytes: &[u8]| parse_packet(bytes, bytes[1]).map(|f| (f.length, f.samples));
        assert_eq!(read(&[0x7f, 0xe0, 3, 0x38]), Some((6, 2880)));
        assert_eq!(read(&[0x7f, 0xe0, 3]), None, "the packet hasn't begun");
        assert_eq!(read(&[0x7f, 0xe0, 0]), Some((3, 0)));
        assert_eq!(read(&[0x7f, 0xe0, 0xff, 0, 0x38]), Some((259, 2880)));
        assert_eq!(read(&[0x7f, 0xf0, 3, 0, 0, 0x38]), Some((8, 2880)));
        assert_eq!(read(&[0x7f, 0xe8, 3, 0, 0, 0x38]), Some((8, 2880)));
        assert_eq!(read(&[0x7f, 0xf8, 3, 0, 0, 0, 0, 0x38]), Some((10, 2880)));
        assert_eq!(read(&[0x7f, 0xe4, 3, 2, 0, 0, 0x38]), Some((9, 2880)));
        assert_eq!(read(&[0x7f, 0xe0, 2, 0x83]), None, "the number of frames is missing");
        assert_eq!(read(&[0x7f, 0xe0, 2, 0x83, 4]), Some((5, 480)));
        assert_eq!(read(&[0x7f, 0xe0, 1, 0x83]), Some((4, 0)));
    }
}
