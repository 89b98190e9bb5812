//! PAT and PMT of MPEG-TS: their sections are assembled from packets, checked and parsed.

use super::stream_type::{self, StreamDescription};
use crate::splice::{self, crc32};
use crate::stream::Media;

/// Largest size of a PAT or PMT section: 3 bytes of header, and a section_length of at most 1021 (ISO/IEC 13818-1
/// 2.4.4.4).
const MAX_SECTION_LENGTH: usize = 3 + 1021;
/// Largest number of elementary streams that are read of one PMT: an inspection keeps no more tracks.
pub(super) const MAX_STREAMS: usize = super::super::MAX_TRACKS;
/// Largest number of programs that are read of one PAT.
pub(super) const MAX_PROGRAMS: usize = 16;

/// Assembles the sections on one PID from transport packets.
#[derive(Debug)]
pub(super) struct SectionAssembler {
    /// Size in bytes of the largest PSI or private section that is assembled.
    max_length: usize,
    buffer: Vec<u8>,
    /// Whether a PSI or private section has begun and isn't complete yet.
    in_section: bool,
    /// Byte offset of the transport packet in which the current section begins.
    offset: u64,
}

impl Default for SectionAssembler {
    fn default() -> Self {
        Self { max_length: MAX_SECTION_LENGTH, buffer: Vec::new(), in_section: false, offset: 0 }
    }
}

impl SectionAssembler {
    /// Makes an assembler for private sections, which may be four times as long as a PAT or a PMT.
    #[must_use]
    pub(super) fn for_private_sections() -> Self {
        Self { max_length: splice::MAX_SECTION_LENGTH, ..Self::default() }
    }

    /// Reads the payload of a transport packet, and calls `complete` with each section that is now complete and the
    /// byte offset of the packet in which it began. A section that is too long is passed empty.
    pub(super) fn push(&mut self, at: u64, start: bool, payload: &[u8], mut complete: impl FnMut(u64, &[u8])) {
        let mut payload = payload;
        if start {
            let Some((pointer, rest)) = payload.split_first() else { return };
            let (tail, begin) = rest.split_at_checked(usize::from(*pointer)).unwrap_or((rest, &[]));
            self.append(tail, &mut complete);
            self.begin_section(at);
            payload = begin;
        }
        while let Some(rest) = self.append(payload, &mut complete) {
            // 0xFF behind a section is stuffing, not a table_id.
            if rest.first().is_none_or(|id| *id == 0xff) {
                break;
            }
            self.begin_section(at);
            payload = rest;
        }
    }

    /// Drops the incomplete section, because transport packets were lost.
    pub(super) fn reset(&mut self) {
        self.in_section = false;
    }

    fn begin_section(&mut self, at: u64) {
        self.buffer.clear();
        self.in_section = true;
        self.offset = at;
    }

    /// Appends bytes to the current section. If it is now complete, returns the bytes behind it, otherwise `None`.
    fn append<'a>(&mut self, bytes: &'a [u8], complete: &mut impl FnMut(u64, &[u8])) -> Option<&'a [u8]> {
        if !self.in_section {
            return None;
        }
        let before = self.buffer.len();
        let room = self.max_length.saturating_sub(before).min(bytes.len());
        self.buffer.extend_from_slice(bytes.get(..room).unwrap_or_default());
        let [_, high, low, ..] = self.buffer.as_slice() else { return None };
        let length = 3 + (usize::from(high & 0xf) << 8 | usize::from(*low));
        if length > self.max_length {
            self.in_section = false;
            complete(self.offset, &[]);
            return None;
        }
        let section = self.buffer.get(..length)?;
        complete(self.offset, section);
        self.in_section = false;
        bytes.get(length.saturating_sub(before)..)
    }
}

/// Reason why a PSI section can't be used as a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SectionError {
    /// The section is longer than 1024 bytes, or too short for its fields.
    Length,
    /// CRC_32 doesn't match the bytes of the section.
    Crc { computed: u32, found: u32 },
    /// The section belongs to another table or isn't in force yet; this isn't an error.
    Irrelevant,
}

/// Contents of a program association table (PAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgramList {
    /// Pairs of program_number and PMT PID, at most [`MAX_PROGRAMS`].
    pub(super) programs: Vec<(u16, u16)>,
    /// Whether the first entry is the network PID (program_number 0).
    pub(super) network_first: bool,
}

/// Parses a PAT (ISO/IEC 13818-1 2.4.4.3).
pub(super) fn parse_pat(section: &[u8]) -> Result<ProgramList, SectionError> {
    let body = table_body(section, 0)?;
    let programs = body.chunks_exact(4).filter_map(|entry| match entry {
        [0, 0, ..] => None,
        [a, b, c, d] => Some((u16::from_be_bytes([*a, *b]), parse_pid(*c, *d))),
        _ => None,
    });
    Ok(ProgramList { programs: programs.take(MAX_PROGRAMS).collect(), network_first: body.starts_with(&[0, 0]) })
}

/// Contents of a program map table (PMT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgramMap {
    pub(super) pcr_pid: u16,
    pub(super) streams: Vec<(u16, StreamDescription)>,
}

/// Parses a PMT (ISO/IEC 13818-1 2.4.4.8).
pub(super) fn parse_pmt(section: &[u8]) -> Result<ProgramMap, SectionError> {
    let (pcr_pid, entries) = pmt_entries(section)?;
    let streams = entries.take(MAX_STREAMS).map(|entry| entry.map(|entry| (entry.pid, entry.stream)));
    Ok(ProgramMap { pcr_pid, streams: streams.collect::<Result<_, _>>()? })
}

/// An elementary stream that a PMT lists.
struct PmtEntry {
    pid: u16,
    stream: StreamDescription,
    /// Number of bytes of the section up to the end of the entry.
    end: usize,
}

/// Returns the PCR PID of a PMT and its elementary streams in their order. A length that exceeds the section ends them with an error.
fn pmt_entries(section: &[u8]) -> Result<(u16, impl Iterator<Item = Result<PmtEntry, SectionError>>), SectionError> {
    let body = table_body(section, 2)?;
    let [a, b, c, d, rest @ ..] = body else { return Err(SectionError::Length) };
    let mut rest = rest.get(parse_length(*c, *d)..).ok_or(SectionError::Length)?;
    let entries = std::iter::from_fn(move || {
        let [kind, a, b, c, d, after @ ..] = rest else { return None };
        let Some((descriptors, next)) = after.split_at_checked(parse_length(*c, *d)) else {
            rest = &[];
            return Some(Err(SectionError::Length));
        };
        rest = next;
        // The CRC stands behind the streams.
        let end = section.len().saturating_sub(4 + next.len());
        Some(Ok(PmtEntry { pid: parse_pid(*a, *b), stream: stream_type::describe(*kind, descriptors), end }))
    });
    Ok((parse_pid(*a, *b), entries))
}

/// Largest number of bytes of a section that the transport packet in which it begins has, behind the pointer_field.
pub(super) const FIRST_PACKET_LENGTH: usize = 183;

/// Returns the number of bytes of a PMT section up to the end of its first video and its first audio stream; 0 for another section.
pub(super) fn played_entries_end(section: &[u8]) -> usize {
    let Ok((_, entries)) = pmt_entries(section) else { return 0 };
    let (mut video, mut audio) = (None, None);
    for entry in entries.map_while(Result::ok) {
        match entry.stream.media {
            Some(Media::Video) => video = video.or(Some(entry.end)),
            Some(Media::Audio) => audio = audio.or(Some(entry.end)),
            _ => {}
        }
    }
    video.max(audio).unwrap_or(0)
}

/// Returns the bytes between the header of a section and its CRC, if the section is valid, in force and has the
/// table_id `id`.
fn table_body(section: &[u8], id: u8) -> Result<&[u8], SectionError> {
    let [table_id, _, _, _, _, flags, _, _, rest @ ..] = section else { return Err(SectionError::Length) };
    if *table_id != id {
        return Err(SectionError::Irrelevant);
    }
    let (body, crc) = rest.split_last_chunk::<4>().ok_or(SectionError::Length)?;
    let found = u32::from_be_bytes(*crc);
    let computed = crc32(section.get(..section.len() - 4).unwrap_or_default());
    match (computed == found, flags & 1 == 1) {
        (false, _) => Err(SectionError::Crc { computed, found }),
        (true, false) => Err(SectionError::Irrelevant),
        (true, true) => Ok(body),
    }
}

fn parse_pid(high: u8, low: u8) -> u16 {
    u16::from(high & 0x1f) << 8 | u16::from(low)
}

fn parse_length(high: u8, low: u8) -> usize {
    usize::from(high & 0xf) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PAT written by ffmpeg, with program_number 1 on PID 0x1000.
    const PAT: [u8; 16] = [0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2];

    #[test]
    fn a_pat_names_its_programs() {
        assert_eq!(parse_pat(&PAT), Ok(ProgramList { programs: vec![(1, 0x1000)], network_first: false }));
        let mut bent = PAT;
        bent[11] ^= 1;
        assert!(matches!(parse_pat(&bent), Err(SectionError::Crc { found: 0x2ab1_04b2, .. })));
        assert_eq!(parse_pat(&PAT[..9]), Err(SectionError::Length));
        assert_eq!(parse_pmt(&PAT), Err(SectionError::Irrelevant));
    }

    #[test]
    fn what_is_played_ends_in_front_of_the_rest() {
        let stream = |kind: u8, descriptors: usize| {
            [&[kind, 0xe1, kind, 0xf0, descriptors as u8][..], &vec![0; descriptors]].concat()
        };
        let end = |streams: &[Vec<u8>]| {
            let body = [&[0xe1, 0, 0xf0, 0][..], &streams.concat()].concat();
            played_entries_end(&section(2, 0xc1, &body))
        };
        let (video, audio, data) = (stream(0x1b, 0), stream(0x0f, 0), stream(0x15, 200));
        assert_eq!(end(&[video.clone(), audio.clone(), data.clone()]), 12 + 5 + 5);
        assert_eq!(end(&[video, data, audio]), 12 + 5 + 205 + 5);
        assert_eq!((end(&[]), played_entries_end(&PAT)), (0, 0));
    }

    #[test]
    fn a_section_is_assembled_from_packets() {
        let (mut sections, mut seen) = (SectionAssembler::default(), Vec::new());
        sections.push(0, true, &[&[0], &PAT[..5]].concat(), |at, s| seen.push((at, s.to_vec())));
        // The rest, then a second section and stuffing in the same packet.
        let second = [&[11], &PAT[5..], &PAT, &[0xff; 9]].concat();
        sections.push(188, true, &second, |at, s| seen.push((at, s.to_vec())));
        assert_eq!(seen, [(0, PAT.to_vec()), (188, PAT.to_vec())]);
    }

    #[test]
    fn an_overlong_section_is_passed_empty() {
        let (mut sections, mut seen) = (SectionAssembler::default(), Vec::new());
        sections.push(0, true, &[0, 0, 0xbf, 0xff, 1, 2], |_, s| seen.push(s.len()));
        assert_eq!(seen, [0]);
    }

    fn section(table_id: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() + 9) as u16 | 0xb000;
        let mut bytes = [&[table_id][..], &length.to_be_bytes(), &[0, 1, flags, 0, 0], body].concat();
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes
    }

    #[test]
    fn a_pat_has_its_programs_without_the_network() {
        let body = [0, 0, 0xe0, 0x10, 0, 1, 0xff, 0xff, 0x12, 0x34, 0xe1, 0x02];
        let programs = vec![(1, 0x1fff), (0x1234, 0x102)];
        assert_eq!(parse_pat(&section(0, 0xc1, &body)), Ok(ProgramList { programs, network_first: true }));
        let many: Vec<u8> = (1..=20).flat_map(|n| [0, n, 0xe0, n]).collect();
        assert_eq!(parse_pat(&section(0, 0xc1, &many)).unwrap().programs.len(), MAX_PROGRAMS);
        assert_eq!(parse_pat(&section(0, 0xc0, &body)), Err(SectionError::Irrelevant), "not in force yet");
        assert_eq!(parse_pat(&[]), Err(SectionError::Length));
    }

    #[test]
    fn a_pmt_has_its_streams_behind_the_program_descriptors() {
        let body = [
            0xe1, 0x01, 0xf0, 2, 9, 0, 0x1b, 0xe1, 0x02, 0xf0, 0, 0x06, 0xff, 0xff, 0xf0, 3, 0x6a, 1, 0, 0x0f, 0xe1, 3,
            0xf0, 0,
        ];
        let map = parse_pmt(&section(2, 0xc1, &body)).unwrap();
        assert_eq!(map.pcr_pid, 0x101);
        let streams: Vec<_> = map.streams.iter().map(|(pid, s)| (*pid, s.codec.as_str())).collect();
        assert_eq!(streams, [(0x102, "h264"), (0x1fff, "ac-3"), (0x103, "aac")]);
        for cut in [1, 3, 5, 16, 17, 18] {
            assert_eq!(parse_pmt(&section(2, 0xc1, &body[..cut])), Err(SectionError::Length), "{cut}");
        }
        let many = [&[0xe1, 1, 0xf0, 0][..], &[0x0f, 0xe1, 3, 0xf0, 0].repeat(MAX_STREAMS + 1)].concat();
        assert_eq!(parse_pmt(&section(2, 0xc1, &many)).unwrap().streams.len(), MAX_STREAMS);
    }

    /// Returns the sizes in bytes of the sections that become complete with these payloads.
    fn sizes(mut sections: SectionAssembler, payloads: &[&[u8]]) -> Vec<usize> {
        let mut sizes = Vec::new();
        for (n, payload) in payloads.iter().enumerate() {
            sections.push(n as u64, n == 0, payload, |_, bytes| sizes.push(bytes.len()));
        }
        sizes
    }

    #[test]
    fn a_section_is_as_long_as_its_kind_may_be() {
        let long = |length: usize| [&[0, 0, 0xb0 | (length >> 8) as u8, length as u8][..], &vec![1; length]].concat();
        assert_eq!(sizes(SectionAssembler::default(), &[&long(1021)]), [1024]);
        assert_eq!(sizes(SectionAssembler::default(), &[&long(1022)]), [0]);
        assert_eq!(sizes(SectionAssembler::for_private_sections(), &[&long(1022)]), [1025]);
        assert_eq!(sizes(SectionAssembler::for_private_sections(), &[&long(4093)]), [4096]);
        assert_eq!(sizes(SectionAssembler::for_private_sections(), &[&long(4094)]), [0]);
    }

    #[test]
    fn nothing_is_assembled_without_a_start_or_across_a_loss() {
        let mut sections = SectionAssembler::default();
        let mut complete = |_: u64, _: &[u8]| panic!("nothing is complete");
        sections.push(0, false, &PAT, &mut complete);
        sections.push(0, true, &[], &mut complete);
        sections.push(0, true, &[&[0], &PAT[..8]].concat(), &mut complete);
        sections.reset();
        sections.push(0, false, &PAT[8..], &mut complete);
        sections.push(0, true, &[9, 1, 2], &mut complete);
    }
}
