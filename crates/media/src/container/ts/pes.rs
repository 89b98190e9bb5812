//! Reader for PES packet headers: time stamps, and where the bytes of the elementary stream start.

/// Size in bytes of a PES packet header up to and including PES_header_data_length (ISO/IEC 13818-1 2.4.3.6).
const FIXED_LENGTH: usize = 9;
/// Size in bytes of a PES packet header up to the end of the DTS field.
const TIMED_LENGTH: usize = FIXED_LENGTH + 10;

/// Fields of a PES packet header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PesHeader {
    /// Presentation time stamp: 33 bits at 90 kHz. `None` when the header has none.
    pub(super) pts: Option<u64>,
    /// Decode time stamp: 33 bits at 90 kHz. It equals `pts` when the header has none.
    pub(super) dts: Option<u64>,
    /// Whether PES_scrambling_control of the packet isn't 0.
    pub(super) scrambled: bool,
    /// data_alignment_indicator of the PES packet.
    pub(super) data_aligned: bool,
    pub(super) stream_id: u8,
}

/// Error of a PES packet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PesError {
    /// The PES packet begins with these bytes instead of 00 00 01.
    StartCode([u8; 3]),
    /// Marker bits of PTS or DTS are wrong, or the time stamp is cut off.
    Timestamp,
}

#[derive(Debug, Default)]
enum PesState {
    /// No start of a PES packet was seen, or the rest of the packet isn't read.
    #[default]
    Idle,
    /// The PES packet header is being collected.
    Header,
    /// This number of header bytes behind the time stamps is still to be skipped.
    Skip(usize),
    /// The bytes belong to the elementary stream, behind the PES packet header.
    Body,
}

/// Reads PES packet headers from the payloads of transport packets.
#[derive(Debug, Default)]
pub(super) struct PesReader {
    state: PesState,
    header_bytes: Vec<u8>,
}

/// Result of reading one transport packet payload: the PES header if it is now complete, and the bytes of the
/// elementary stream.
#[derive(Debug, Default)]
pub(super) struct PesStep<'a> {
    pub(super) header: Option<Result<PesHeader, PesError>>,
    pub(super) body: &'a [u8],
}

impl PesReader {
    pub(super) fn push<'a>(&mut self, start: bool, payload: &'a [u8]) -> PesStep<'a> {
        if start {
            self.state = PesState::Header;
            self.header_bytes.clear();
        }
        let mut step = PesStep { header: None, body: payload };
        if matches!(self.state, PesState::Header) {
            self.gather_header(&mut step);
        }
        if let PesState::Skip(left) = self.state {
            let skip = left.min(step.body.len());
            step.body = step.body.get(skip..).unwrap_or_default();
            self.state = if skip == left { PesState::Body } else { PesState::Skip(left - skip) };
        }
        if !matches!(self.state, PesState::Body) {
            step.body = &[];
        }
        step
    }

    /// Handles lost transport packets: the body of a PES packet can continue, a header can't.
    pub(super) fn reset(&mut self) {
        if !matches!(self.state, PesState::Body) {
            self.state = PesState::Idle;
        }
    }

    fn gather_header(&mut self, step: &mut PesStep<'_>) {
        loop {
            let wanted = match self.header_bytes.get(FIXED_LENGTH - 1) {
                Some(length) => (FIXED_LENGTH + usize::from(*length)).min(TIMED_LENGTH),
                None => FIXED_LENGTH,
            };
            let count = (wanted - self.header_bytes.len()).min(step.body.len());
            let (now, rest) = step.body.split_at(count);
            self.header_bytes.extend_from_slice(now);
            step.body = rest;
            match self.header_bytes.len() {
                FIXED_LENGTH if count > 0 && wanted == FIXED_LENGTH => {}
                n if n == wanted => break,
                _ => return,
            }
        }
        let header = parse_header(&self.header_bytes);
        let behind = self
            .header_bytes
            .get(FIXED_LENGTH - 1)
            .map_or(0, |n| (FIXED_LENGTH + usize::from(*n)).saturating_sub(TIMED_LENGTH));
        self.state = match &header {
            Ok(Some(_)) => PesState::Skip(behind),
            Err(PesError::Timestamp) => PesState::Skip(behind),
            _ => PesState::Idle,
        };
        step.header = header.transpose();
    }
}

/// Parses the collected bytes of a PES packet header; `None` for a stream_id without these fields (ISO/IEC 13818-1
/// 2.4.3.7).
fn parse_header(head: &[u8]) -> Result<Option<PesHeader>, PesError> {
    let [a, b, c, stream_id, _, _, first, second, _, rest @ ..] = head else { return Ok(None) };
    if [*a, *b, *c] != [0, 0, 1] {
        return Err(PesError::StartCode([*a, *b, *c]));
    }
    if matches!(stream_id, 0xbc | 0xbe | 0xbf | 0xf0 | 0xf1 | 0xf2 | 0xf8 | 0xff) {
        return Ok(None);
    }
    let pts = || rest.first_chunk::<5>().and_then(parse_timestamp).ok_or(PesError::Timestamp);
    let dts = || rest.get(5..).and_then(<[u8]>::first_chunk::<5>).and_then(parse_timestamp).ok_or(PesError::Timestamp);
    let (pts, dts) = match second >> 6 {
        3 => (Some(pts()?), Some(dts()?)),
        2 => (Some(pts()?), None),
        _ => (None, None),
    };
    Ok(Some(PesHeader {
        pts,
        dts: dts.or(pts),
        scrambled: first & 0x30 != 0,
        data_aligned: first & 4 != 0,
        stream_id: *stream_id,
    }))
}

/// Parses a PES time stamp: 33 bits with marker bits between them; `None` when a marker is 0.
fn parse_timestamp(b: &[u8; 5]) -> Option<u64> {
    let markers = b[0] & b[2] & b[4] & 1;
    let [high, mid, low] = [b[0] >> 1 & 7, 0, 0].map(u64::from);
    let mid = mid | u64::from(b[1]) << 7 | u64::from(b[2] >> 1);
    let low = low | u64::from(b[3]) << 7 | u64::from(b[4] >> 1);
    (markers == 1).then_some(high << 30 | mid << 15 | low)
}

/// Compares PES_packet_length with the bytes of each PES packet (ISO/IEC 13818-1 2.4.3.7).
#[derive(Debug, Default)]
pub(super) struct PesLengths {
    /// Byte offset, PES_packet_length and number of bytes behind it of the PES packet that is being read. `None` when the length isn't
    /// said, or packets were lost.
    current: Option<(u64, u64, u64)>,
}

impl PesLengths {
    /// Begins a PES packet at byte offset `at`, of which `payload` bytes came, and compares the one before with its length.
    pub(super) fn begin(&mut self, at: u64, length: Option<u16>, payload: usize) -> Option<(u64, u64, u64)> {
        let before = self.current.take().filter(|(_, said, came)| said != came);
        self.current = length.map(|said| (at, u64::from(said), (payload as u64).saturating_sub(6)));
        before
    }

    /// Counts bytes of the PES packet that is being read.
    pub(super) fn add(&mut self, payload: usize) {
        if let Some((_, _, came)) = &mut self.current {
            *came += payload as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PES packet with PTS 0x123456789, DTS 0x123450000, four bytes of header stuffing, and the body 7, 8.
    const PES: [u8; 25] = [
        0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 14, 0x39, 0x8d, 0x15, 0xcf, 0x13, 0x19, 0x8d, 0x15, 0x00, 0x01, 0xff, 0xff,
        0xff, 0xff, 7, 8,
    ];

    #[test]
    fn a_header_is_read_in_pieces_of_any_size() {
        for cut in 1..PES.len() {
            let mut reader = PesReader::default();
            let (mut headers, mut body) = (Vec::new(), Vec::new());
            for (n, piece) in PES.chunks(cut).enumerate() {
                let step = reader.push(n == 0, piece);
                headers.extend(step.header);
                body.extend_from_slice(step.body);
            }
            let (pts, dts) = (Some(0x1_2345_6789), Some(0x1_2345_0000));
            let header = PesHeader { pts, dts, scrambled: false, data_aligned: false, stream_id: 0xe0 };
            assert_eq!((headers, body), (vec![Ok(header)], vec![7, 8]), "cut at {cut}");
        }
    }

    #[test]
    fn a_broken_header_is_a_fault() {
        let mut bent = PES;
        bent[2] = 2;
        assert_eq!(PesReader::default().push(true, &bent).header, Some(Err(PesError::StartCode([0, 0, 2]))));
        let mut bent = PES;
        bent[9] = 0x38;
        assert_eq!(PesReader::default().push(true, &bent).header, Some(Err(PesError::Timestamp)));
        assert!(PesReader::default().push(false, &PES).body.is_empty(), "no start seen");
    }

    /// Makes a PES packet with this stream_id, these flags and header data, and the body 7, 8.
    fn pes(stream_id: u8, flags: [u8; 2], data: &[u8]) -> Vec<u8> {
        [&[0, 0, 1, stream_id, 0, 0, flags[0], flags[1], data.len() as u8][..], data, &[7, 8]].concat()
    }

    fn header(flags: [u8; 2], data: &[u8]) -> Result<PesHeader, PesError> {
        PesReader::default().push(true, &pes(0xe0, flags, data)).header.unwrap()
    }

    #[test]
    fn a_header_without_dts_decodes_when_it_is_presented() {
        let read = header([0x80, 0x80], &[0x21, 0, 1, 0, 3]).unwrap();
        assert_eq!((read.pts, read.dts), (Some(1), Some(1)));
        for (flags, data) in [(0x00, &[][..]), (0x40, &[0x21, 0, 1, 0, 3][..])] {
            let read = header([0x80, flags], data).unwrap();
            assert_eq!((read.pts, read.dts), (None, None), "{flags:#x}");
        }
        assert_eq!(header([0x80, 0x80], &[0x21, 0, 1, 0]), Err(PesError::Timestamp), "cut off");
        assert_eq!(header([0x80, 0xc0], &[0x31, 0, 1, 0, 1, 0x11, 0, 1, 0]), Err(PesError::Timestamp));
    }

    #[test]
    fn scrambling_and_alignment_are_flags() {
        let flags = |first| header([first, 0], &[]).map(|h| (h.scrambled, h.data_aligned)).unwrap();
        assert_eq!([flags(0x80), flags(0x84), flags(0xcb)], [(false, false), (false, true), (false, false)]);
        assert_eq!([flags(0x90), flags(0xa0), flags(0xb4)], [(true, false), (true, false), (true, true)]);
    }

    #[test]
    fn time_stamps_have_33_bits_and_three_markers() {
        assert_eq!(parse_timestamp(&[0x2f, 0xff, 0xff, 0xff, 0xff]), Some(0x1_ffff_ffff));
        assert_eq!(parse_timestamp(&[0x29, 0, 1, 0, 1]), Some(1 << 32));
        assert_eq!(parse_timestamp(&[0x21, 0x80, 1, 0, 1]), Some(1 << 29));
        assert_eq!(parse_timestamp(&[0x21, 0, 3, 0x80, 1]), Some(1 << 15 | 1 << 14));
        for wrong in [[0x20, 0, 1, 0, 1], [0x21, 0, 0, 0, 1], [0x21, 0, 1, 0, 0]] {
            assert_eq!(parse_timestamp(&wrong), None, "{wrong:x?}");
        }
    }

    #[test]
    fn stream_ids_without_header_fields_have_no_body() {
        for stream_id in [0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff] {
            let bytes = pes(stream_id, [0x80, 0], &[]);
            let step_header = PesReader::default().push(true, &bytes).header;
            assert_eq!((step_header, PesReader::default().push(true, &bytes).body), (None, &[][..]), "{stream_id:x}");
        }
        for stream_id in [0xbd, 0xc0, 0xef, 0xfd] {
            let bytes = pes(stream_id, [0x80, 0], &[]);
            let mut reader = PesReader::default();
            let step = reader.push(true, &bytes);
            assert_eq!((step.header.unwrap().unwrap().stream_id, step.body), (stream_id, &[7, 8][..]));
        }
    }

    #[test]
    fn a_body_continues_after_a_loss_and_a_header_does_not() {
        let bytes = pes(0xe0, [0x80, 0x80], &[0x21, 0, 1, 0, 3]);
        for (cut, body) in [(bytes.len() - 2, &[7, 8][..]), (bytes.len() - 3, &[][..])] {
            let mut reader = PesReader::default();
            reader.push(true, &bytes[..cut]);
            reader.reset();
            assert_eq!(reader.push(false, &bytes[bytes.len() - 2..]).body, body, "cut at {cut}");
        }
        let mut reader = PesReader::default();
        reader.push(true, &bytes);
        assert!(reader.push(true, &bytes).header.is_some(), "a new packet begins inside of a body");
    }
}
