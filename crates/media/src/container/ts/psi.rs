//! PAT and PMT: sections out of packets, checked and read.

use super::stream_type::{self, Stream};
use crate::splice::{self, crc32};

/// A section's bytes at most: 3 of header and a section_length below 1024 (ISO/IEC 13818-1 2.4.4.4).
const SECTION_MAX: usize = 3 + 1021;
/// Elementary streams read of one PMT: more don't fit an inspection.
pub const STREAMS_MAX: usize = super::super::MAX_TRACKS;
pub const PROGRAMS_MAX: usize = 16;

/// Puts one PID's sections together.
#[derive(Debug)]
pub struct Sections {
    /// Bytes of a section at most.
    limit: usize,
    held: Vec<u8>,
    /// A section is being held.
    open: bool,
    /// Offset of the packet in which it begins.
    at: u64,
}

impl Default for Sections {
    fn default() -> Self {
        Self { limit: SECTION_MAX, held: Vec::new(), open: false, at: 0 }
    }
}

impl Sections {
    /// For private sections, which may be four times as long as a PAT or a PMT.
    #[must_use]
    pub fn long() -> Self {
        Self { limit: splice::MAX, ..Self::default() }
    }

    /// Calls back with each complete section and the offset of the packet where it began.
    pub fn push(&mut self, at: u64, start: bool, payload: &[u8], mut complete: impl FnMut(u64, &[u8])) {
        let mut payload = payload;
        if start {
            let Some((pointer, rest)) = payload.split_first() else { return };
            let (tail, begin) = rest.split_at_checked(usize::from(*pointer)).unwrap_or((rest, &[]));
            self.take(tail, &mut complete);
            self.open(at);
            payload = begin;
        }
        while let Some(rest) = self.take(payload, &mut complete) {
            // 0xFF behind a section is stuffing, not a table_id.
            if rest.first().is_none_or(|id| *id == 0xff) {
                break;
            }
            self.open(at);
            payload = rest;
        }
    }

    /// Packets were lost: what is held can't be completed.
    pub fn reset(&mut self) {
        self.open = false;
    }

    fn open(&mut self, at: u64) {
        self.held.clear();
        self.open = true;
        self.at = at;
    }

    /// Adds to the open section; what follows it when it is complete.
    fn take<'a>(&mut self, bytes: &'a [u8], complete: &mut impl FnMut(u64, &[u8])) -> Option<&'a [u8]> {
        if !self.open {
            return None;
        }
        let before = self.held.len();
        let room = self.limit.saturating_sub(before).min(bytes.len());
        self.held.extend_from_slice(bytes.get(..room).unwrap_or_default());
        let [_, high, low, ..] = self.held.as_slice() else { return None };
        let length = 3 + (usize::from(high & 0xf) << 8 | usize::from(*low));
        if length > self.limit {
            self.open = false;
            complete(self.at, &[]);
            return None;
        }
        let section = self.held.get(..length)?;
        complete(self.at, section);
        self.open = false;
        bytes.get(length.saturating_sub(before)..)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than 1024 bytes, or too short for its fields.
    Length,
    Crc {
        computed: u32,
        found: u32,
    },
    /// Another table on this PID, or one that isn't in force yet: nothing to read, nothing wrong.
    Other,
}

/// Programs of a PAT, ISO/IEC 13818-1 2.4.4.3: program_number and PMT PID; the network PID is left out.
pub fn pat(section: &[u8]) -> Result<Vec<(u16, u16)>, Fault> {
    let body = table(section, 0)?;
    let programs = body.chunks_exact(4).filter_map(|entry| match entry {
        [0, 0, ..] => None,
        [a, b, c, d] => Some((u16::from_be_bytes([*a, *b]), pid(*c, *d))),
        _ => None,
    });
    Ok(programs.take(PROGRAMS_MAX).collect())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pmt {
    pub pcr_pid: u16,
    pub streams: Vec<(u16, Stream)>,
}

/// ISO/IEC 13818-1 2.4.4.8.
pub fn pmt(section: &[u8]) -> Result<Pmt, Fault> {
    let body = table(section, 2)?;
    let [a, b, c, d, rest @ ..] = body else { return Err(Fault::Length) };
    let mut rest = rest.get(length(*c, *d)..).ok_or(Fault::Length)?;
    let mut streams = Vec::new();
    while let [kind, a, b, c, d, after @ ..] = rest
        && streams.len() < STREAMS_MAX
    {
        let (descriptors, next) = after.split_at_checked(length(*c, *d)).ok_or(Fault::Length)?;
        streams.push((pid(*a, *b), stream_type::stream(*kind, descriptors)));
        rest = next;
    }
    Ok(Pmt { pcr_pid: pid(*a, *b), streams })
}

/// The bytes between the section's header and its CRC, once all is in order.
fn table(section: &[u8], id: u8) -> Result<&[u8], Fault> {
    let [table_id, _, _, _, _, flags, _, _, rest @ ..] = section else { return Err(Fault::Length) };
    if *table_id != id {
        return Err(Fault::Other);
    }
    let (body, crc) = rest.split_last_chunk::<4>().ok_or(Fault::Length)?;
    let found = u32::from_be_bytes(*crc);
    let computed = crc32(section.get(..section.len() - 4).unwrap_or_default());
    match (computed == found, flags & 1 == 1) {
        (false, _) => Err(Fault::Crc { computed, found }),
        (true, false) => Err(Fault::Other),
        (true, true) => Ok(body),
    }
}

fn pid(high: u8, low: u8) -> u16 {
    u16::from(high & 0x1f) << 8 | u16::from(low)
}

fn length(high: u8, low: u8) -> usize {
    usize::from(high & 0xf) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// program_number 1 on PID 0x1000, as ffmpeg writes it.
    const PAT: [u8; 16] = [0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2];

    #[test]
    fn a_pat_names_its_programs() {
        assert_eq!(pat(&PAT), Ok(vec![(1, 0x1000)]));
        let mut bent = PAT;
        bent[11] ^= 1;
        assert!(matches!(pat(&bent), Err(Fault::Crc { found: 0x2ab1_04b2, .. })));
        assert_eq!(pat(&PAT[..9]), Err(Fault::Length));
        assert_eq!(pmt(&PAT), Err(Fault::Other));
    }

    #[test]
    fn a_section_is_put_together_from_packets() {
        let (mut sections, mut seen) = (Sections::default(), Vec::new());
        sections.push(0, true, &[&[0], &PAT[..5]].concat(), |at, s| seen.push((at, s.to_vec())));
        // The rest, then a second section at once and stuffing.
        let second = [&[11], &PAT[5..], &PAT, &[0xff; 9]].concat();
        sections.push(188, true, &second, |at, s| seen.push((at, s.to_vec())));
        assert_eq!(seen, [(0, PAT.to_vec()), (188, PAT.to_vec())]);
    }

    #[test]
    fn an_overlong_section_is_handed_over_empty() {
        let (mut sections, mut seen) = (Sections::default(), Vec::new());
        sections.push(0, true, &[0, 0, 0xbf, 0xff, 1, 2], |_, s| seen.push(s.len()));
        assert_eq!(seen, [0]);
    }
}
