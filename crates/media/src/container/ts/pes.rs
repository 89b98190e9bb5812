//! The PES packet header: time stamps, and where the elementary stream goes on.

/// Up to and with PES_header_data_length (ISO/IEC 13818-1 2.4.3.6).
const FIXED: usize = 9;
/// Up to the end of the DTS field.
const HEAD: usize = FIXED + 10;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// 33 bits, 90 kHz.
    pub pts: Option<u64>,
    /// Equals `pts` where the header has none of its own.
    pub dts: Option<u64>,
    pub scrambled: bool,
    /// data_alignment_indicator.
    pub aligned: bool,
    pub stream_id: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    StartCode([u8; 3]),
    /// Marker bits or prefix of PTS or DTS are wrong.
    Stamp,
}

#[derive(Debug, Default)]
enum State {
    /// No start was seen yet, or the rest of the packet isn't wanted.
    #[default]
    Idle,
    Head,
    /// Bytes left of the header, behind the time stamps.
    Skip(usize),
    Body,
}

/// Reads headers out of payloads, however they are cut.
#[derive(Debug, Default)]
pub struct Reader {
    state: State,
    held: Vec<u8>,
}

/// What one payload brings: the header if it is complete now, and bytes of the elementary stream.
#[derive(Debug, Default)]
pub struct Step<'a> {
    pub header: Option<Result<Header, Fault>>,
    pub body: &'a [u8],
}

impl Reader {
    pub fn push<'a>(&mut self, start: bool, payload: &'a [u8]) -> Step<'a> {
        if start {
            self.state = State::Head;
            self.held.clear();
        }
        let mut step = Step { header: None, body: payload };
        if matches!(self.state, State::Head) {
            self.gather(&mut step);
        }
        if let State::Skip(left) = self.state {
            let skip = left.min(step.body.len());
            step.body = step.body.get(skip..).unwrap_or_default();
            self.state = if skip == left { State::Body } else { State::Skip(left - skip) };
        }
        if !matches!(self.state, State::Body) {
            step.body = &[];
        }
        step
    }

    /// Packets were lost. A body goes on; a header can't.
    pub fn reset(&mut self) {
        if !matches!(self.state, State::Body) {
            self.state = State::Idle;
        }
    }

    fn gather(&mut self, step: &mut Step<'_>) {
        loop {
            let wanted = match self.held.get(FIXED - 1) {
                Some(length) => (FIXED + usize::from(*length)).min(HEAD),
                None => FIXED,
            };
            let count = (wanted - self.held.len()).min(step.body.len());
            let (now, rest) = step.body.split_at(count);
            self.held.extend_from_slice(now);
            step.body = rest;
            match self.held.len() {
                FIXED if count > 0 && wanted == FIXED => {}
                n if n == wanted => break,
                _ => return,
            }
        }
        let header = read(&self.held);
        let behind = self.held.get(FIXED - 1).map_or(0, |n| (FIXED + usize::from(*n)).saturating_sub(HEAD));
        self.state = match &header {
            Ok(Some(_)) => State::Skip(behind),
            Err(Fault::Stamp) => State::Skip(behind),
            _ => State::Idle,
        };
        step.header = header.transpose();
    }
}

/// `None` for the stream_ids whose packets have no such header (ISO/IEC 13818-1 2.4.3.7).
fn read(head: &[u8]) -> Result<Option<Header>, Fault> {
    let [a, b, c, stream_id, _, _, first, second, _, rest @ ..] = head else { return Ok(None) };
    if [*a, *b, *c] != [0, 0, 1] {
        return Err(Fault::StartCode([*a, *b, *c]));
    }
    if matches!(stream_id, 0xbc | 0xbe | 0xbf | 0xf0 | 0xf1 | 0xf2 | 0xf8 | 0xff) {
        return Ok(None);
    }
    let pts = || rest.first_chunk::<5>().and_then(stamp).ok_or(Fault::Stamp);
    let dts = || rest.get(5..).and_then(<[u8]>::first_chunk::<5>).and_then(stamp).ok_or(Fault::Stamp);
    let (pts, dts) = match second >> 6 {
        3 => (Some(pts()?), Some(dts()?)),
        2 => (Some(pts()?), None),
        _ => (None, None),
    };
    Ok(Some(Header {
        pts,
        dts: dts.or(pts),
        scrambled: first & 0x30 != 0,
        aligned: first & 4 != 0,
        stream_id: *stream_id,
    }))
}

/// 33 bits with marker bits between; `None` when a marker is 0.
fn stamp(b: &[u8; 5]) -> Option<u64> {
    let markers = b[0] & b[2] & b[4] & 1;
    let [high, mid, low] = [b[0] >> 1 & 7, 0, 0].map(u64::from);
    let mid = mid | u64::from(b[1]) << 7 | u64::from(b[2] >> 1);
    let low = low | u64::from(b[3]) << 7 | u64::from(b[4] >> 1);
    (markers == 1).then_some(high << 30 | mid << 15 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PTS 0x123456789, DTS 0x123450000, four bytes of stuffing in the header, body 7, 8.
    const PES: [u8; 25] = [
        0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 14, 0x39, 0x8d, 0x15, 0xcf, 0x13, 0x19, 0x8d, 0x15, 0x00, 0x01, 0xff, 0xff,
        0xff, 0xff, 7, 8,
    ];

    #[test]
    fn a_header_is_read_however_it_is_cut() {
        for cut in 1..PES.len() {
            let mut reader = Reader::default();
            let (mut headers, mut body) = (Vec::new(), Vec::new());
            for (n, piece) in PES.chunks(cut).enumerate() {
                let step = reader.push(n == 0, piece);
                headers.extend(step.header);
                body.extend_from_slice(step.body);
            }
            let (pts, dts) = (Some(0x1_2345_6789), Some(0x1_2345_0000));
            let header = Header { pts, dts, scrambled: false, aligned: false, stream_id: 0xe0 };
            assert_eq!((headers, body), (vec![Ok(header)], vec![7, 8]), "cut at {cut}");
        }
    }

    #[test]
    fn a_broken_header_is_a_fault() {
        let mut bent = PES;
        bent[2] = 2;
        assert_eq!(Reader::default().push(true, &bent).header, Some(Err(Fault::StartCode([0, 0, 2]))));
        let mut bent = PES;
        bent[9] = 0x38;
        assert_eq!(Reader::default().push(true, &bent).header, Some(Err(Fault::Stamp)));
        assert!(Reader::default().push(false, &PES).body.is_empty(), "no start seen");
    }
}
