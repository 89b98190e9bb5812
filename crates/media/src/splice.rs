//! SCTE 35 splice_info_section: bytes → what it says of ad breaks. It arrives in transport streams, and as hexadecimal
//! or base64 text in playlists.
//!
//! Only what an ad break is made of is read: where, out or back, how long. The rest is stepped over.

use crate::units::{MPEG_TIMESCALE, MediaTime, Seconds};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;

/// A section's bytes at most: 3 of header and a section_length of 12 bits (ANSI/SCTE 35, splice_info_section).
pub const MAX: usize = 3 + 4093;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Cues kept of one section.
const MAX_CUES: usize = 16;
/// Components looked at of one command or descriptor: their count has 8 bits.
const COMPONENT: usize = 6;

/// One splice_info_section that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// splice_command_type.
    pub command: u8,
    /// Presentation time with pts_adjustment applied, 90 kHz; `None` for an immediate splice and for other commands.
    pub at: Option<MediaTime>,
    /// Ways out of the programme and back, in their order. Empty for heartbeats (splice_null), programme boundaries,
    /// encrypted sections and so on.
    pub cues: Vec<Cue>,
}

impl Section {
    /// The first way out of the programme.
    #[must_use]
    pub fn opening(&self) -> Option<&Cue> {
        self.cues.iter().find(|c| c.turn == Turn::Out)
    }

    #[must_use]
    pub fn returns(&self) -> bool {
        self.cues.iter().any(|c| c.turn == Turn::In)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cue {
    /// splice_event_id or segmentation_event_id.
    pub event: u32,
    pub turn: Turn,
    /// break_duration or segmentation_duration; 0 counts as none.
    pub duration: Option<Seconds>,
    /// auto_return of break_duration: after it the programme goes on without another section. `None` where nothing says.
    pub auto_return: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Out of the programme: a break begins.
    Out,
    /// Back into it.
    In,
}

/// Why a section can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Another table_id than 0xFC.
    Table(u8),
    /// section_length and the bytes that are there.
    Length {
        told: usize,
        there: usize,
    },
    Crc {
        computed: u32,
        found: u32,
    },
    /// A part that runs past the section's end.
    Cut(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(id) => write!(f, "table_id is {id:#04x}; a splice_info_section has 0xfc"),
            Self::Length { told, there } => write!(f, "its header tells {told} bytes, {there} are there"),
            Self::Crc { computed, found } => write!(f, "CRC_32 is {found:#010x}, its bytes give {computed:#010x}"),
            Self::Cut(part) => write!(f, "its {part} runs past its end"),
        }
    }
}

/// Reads a section; bytes behind its end are left alone (packagers pad to whole words).
pub fn parse(bytes: &[u8]) -> Result<Section, Fault> {
    let there = bytes.len();
    let [table, high, low, ..] = bytes else { return Err(Fault::Length { told: 3, there }) };
    if *table != 0xfc {
        return Err(Fault::Table(*table));
    }
    let told = 3 + (usize::from(high & 0xf) << 8 | usize::from(*low));
    let section = bytes.get(..told).ok_or(Fault::Length { told, there })?;
    let (content, crc) = section.split_last_chunk::<4>().ok_or(Fault::Length { told, there })?;
    let (found, computed) = (u32::from_be_bytes(*crc), crc32(content));
    if computed != found {
        return Err(Fault::Crc { computed, found });
    }
    read(content.get(3..).unwrap_or_default())
}

/// A section's bytes from Base64, padded or not; no more of them than a section can have. `None`: it is none.
#[must_use]
pub fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.get(..2 * MAX).unwrap_or(text)).ok()
}

/// From protocol_version to the descriptors.
fn read(content: &[u8]) -> Result<Section, Fault> {
    let mut bytes = Bytes(content);
    let head: &[u8; 11] = bytes.array("header")?;
    let [_, adjust @ .., _, _, lengths, low, command] = head;
    let encrypted = adjust.first().is_some_and(|b| b & 0x80 != 0);
    let adjustment = stamp(*adjust.last_chunk::<5>().unwrap_or(&[0; 5]));
    let mut section = Section { command: *command, at: None, cues: Vec::new() };
    if encrypted {
        return Ok(section);
    }
    let length = usize::from(lengths & 0xf) << 8 | usize::from(*low);
    let time = match command {
        0x05 => bytes.splice_insert(&mut section.cues)?,
        0x06 => bytes.splice_time()?,
        // A length of 0xfff means that the writer didn't tell it: what follows can't be found.
        _ if length == 0xfff => return Ok(section),
        _ => {
            bytes.take(length, "command")?;
            None
        }
    };
    section.at = time.map(|t| MediaTime::mpeg(t.wrapping_add(adjustment)));
    let length: &[u8; 2] = bytes.array("descriptor loop")?;
    let mut descriptors = Bytes(bytes.take(usize::from(u16::from_be_bytes(*length)), "descriptor loop")?);
    while let [tag, length, ..] = descriptors.0 {
        descriptors.take(2, "descriptor")?;
        let mut body = Bytes(descriptors.take(usize::from(*length), "descriptor")?);
        if *tag == 0x02 && section.cues.len() < MAX_CUES {
            section.cues.extend(body.segmentation()?);
        }
    }
    Ok(section)
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize, part: &'static str) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Fault::Cut(part))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<&'a [u8; N], Fault> {
        self.take(N, part)?.first_chunk().ok_or(Fault::Cut(part))
    }

    fn byte(&mut self, part: &'static str) -> Result<u8, Fault> {
        self.array::<1>(part).map(|[b]| *b)
    }

    /// splice_time(): 33 bits where time_specified_flag is set.
    fn splice_time(&mut self) -> Result<Option<u64>, Fault> {
        const PART: &str = "splice_time";
        let specified = self.0.first().ok_or(Fault::Cut(PART))? & 0x80 != 0;
        match specified {
            true => Ok(Some(stamp(*self.array(PART)?))),
            false => self.byte(PART).map(|_| None),
        }
    }

    fn splice_insert(&mut self, cues: &mut Vec<Cue>) -> Result<Option<u64>, Fault> {
        const PART: &str = "splice_insert";
        let event = u32::from_be_bytes(*self.array(PART)?);
        if self.byte(PART)? & 0x80 != 0 {
            return Ok(None);
        }
        let flags = self.byte(PART)?;
        let [out, program, timed, immediate] = [0x80, 0x40, 0x20, 0x10].map(|bit| flags & bit != 0);
        let mut at = None;
        if program && !immediate {
            at = self.splice_time()?;
        }
        if !program {
            for _ in 0..self.byte(PART)? {
                self.byte(PART)?;
                at = if immediate { None } else { at.or(self.splice_time()?) };
            }
        }
        let length: Option<[u8; 5]> = if timed { Some(*self.array(PART)?) } else { None };
        let auto_return = length.map(|[flags, ..]| flags & 0x80 != 0);
        self.take(4, PART)?;
        let turn = if out { Turn::Out } else { Turn::In };
        cues.push(Cue { event, turn, duration: length.and_then(|l| seconds(stamp(l))), auto_return });
        Ok(at)
    }

    /// segmentation_descriptor(); `None` for one that is cancelled, not SCTE's, or no boundary of a break.
    fn segmentation(&mut self) -> Result<Option<Cue>, Fault> {
        const PART: &str = "segmentation_descriptor";
        if self.array::<4>(PART)? != b"CUEI" {
            return Ok(None);
        }
        let event = u32::from_be_bytes(*self.array(PART)?);
        if self.byte(PART)? & 0x80 != 0 {
            return Ok(None);
        }
        let flags = self.byte(PART)?;
        if flags & 0x80 == 0 {
            let components = self.byte(PART)?;
            self.take(usize::from(components) * COMPONENT, PART)?;
        }
        let duration = match flags & 0x40 != 0 {
            // All 40 bits are the duration here.
            true => self.array::<5>(PART)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
            false => 0,
        };
        self.byte(PART)?;
        let upid = self.byte(PART)?;
        self.take(usize::from(upid), PART)?;
        let kind = self.byte(PART)?;
        Ok(turn(kind).map(|turn| Cue { event, turn, duration: seconds(duration), auto_return: None }))
    }
}

/// segmentation_type_id: break, advertisement, placement opportunity and ad block; each end is its start plus 1.
#[must_use]
pub fn turn(kind: u8) -> Option<Turn> {
    match kind {
        0x22 | 0x30 | 0x32 | 0x34 | 0x36 | 0x44 | 0x46 => Some(Turn::Out),
        0x23 | 0x31 | 0x33 | 0x35 | 0x37 | 0x45 | 0x47 => Some(Turn::In),
        _ => None,
    }
}

/// The low 33 bits of five bytes.
fn stamp(bytes: [u8; 5]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)) & 0x1_ffff_ffff
}

/// Of 90 kHz; 0 counts as none.
#[must_use]
pub fn seconds(ticks: u64) -> Option<Seconds> {
    let seconds = || Seconds(ticks as f64 / f64::from(MPEG_TIMESCALE.get()));
    (ticks > 0).then(seconds)
}

/// CRC_32 of MPEG-2 sections, ISO/IEC 13818-1 annex A. Bit by bit: tables are a few packets a second.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        let crc = crc ^ u32::from(*byte) << 24;
        (0..8).fold(crc, |crc, _| if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// splice_insert, out of the network for 60.3 s, with an avail descriptor.
    const INSERT: [u8; 50] = [
        0xfc, 0x30, 0x2f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xf0, 0x14, 0x05, 0x48, 0x00, 0x00, 0x8f,
        0x7f, 0xef, 0xfe, 0x73, 0x69, 0xc0, 0x2e, 0xfe, 0x00, 0x52, 0xcc, 0xf5, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a,
        0x00, 0x08, 0x43, 0x55, 0x45, 0x49, 0x00, 0x00, 0x01, 0x35, 0x62, 0xdb, 0xa3, 0x0a,
    ];

    /// A section around a command and its descriptors, with a pts_adjustment.
    fn section(command: u8, body: &[u8], descriptors: &[u8], adjustment: u32) -> Vec<u8> {
        let mut content = vec![0, 0];
        content.extend(adjustment.to_be_bytes());
        content.extend([0, 0xff, 0xf0 | (body.len() >> 8) as u8, body.len() as u8, command]);
        content.extend(body);
        content.extend((descriptors.len() as u16).to_be_bytes());
        content.extend(descriptors);
        let length = content.len() + 4;
        let mut bytes = vec![0xfc, 0x30 | (length >> 8) as u8, length as u8];
        bytes.extend(content);
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes
    }

    fn segmentation(kind: u8, duration: Option<u64>) -> Vec<u8> {
        let mut body = b"CUEI\x00\x00\x00\x07\x7f".to_vec();
        body.push(if duration.is_some() { 0xff } else { 0xbf });
        body.extend(duration.into_iter().flat_map(|d| d.to_be_bytes()[3..].to_vec()));
        body.extend([0x09, 3, b'a', b'b', b'c', kind, 1, 1]);
        [vec![2, body.len() as u8], body].concat()
    }

    #[test]
    fn a_splice_insert_tells_where_which_way_and_how_long() {
        let read = parse(&INSERT).unwrap();
        let duration = Some(Seconds(5_426_421.0 / 90_000.0));
        let cue = Cue { event: 0x4800_008f, turn: Turn::Out, duration, auto_return: Some(true) };
        assert_eq!((read.command, read.at), (5, Some(MediaTime::mpeg(0x7369_c02e))));
        assert_eq!(read.cues, [cue]);
        assert_eq!(read.opening(), Some(&cue));
    }

    #[test]
    fn a_time_signal_tells_it_in_its_descriptors() {
        let time = [0xfe, 0, 0, 0, 90];
        let both = [segmentation(0x31, None), segmentation(0x34, Some(2_700_000))].concat();
        let read = parse(&section(6, &time, &both, 10)).unwrap();
        assert_eq!(read.at, Some(MediaTime::mpeg(100)));
        assert_eq!(read.cues[0], Cue { event: 7, turn: Turn::In, duration: None, auto_return: None });
        let duration = Some(Seconds(30.0));
        assert_eq!(read.cues[1], Cue { event: 7, turn: Turn::Out, duration, auto_return: None });
        let chapter = parse(&section(6, &time, &segmentation(0x20, None), 0)).unwrap();
        assert!(chapter.cues.is_empty());
    }

    #[test]
    fn heartbeats_cancelled_and_encrypted_ones_have_no_cue() {
        assert_eq!(parse(&section(0, &[], &[], 0)), Ok(Section { command: 0, at: None, cues: vec![] }));
        let cancelled = [0, 0, 0, 1, 0xff];
        assert!(parse(&section(5, &cancelled, &[], 0)).unwrap().cues.is_empty());
        let mut hidden = INSERT[..46].to_vec();
        hidden[4] |= 0x80;
        hidden.extend(crc32(&hidden).to_be_bytes());
        assert!(parse(&hidden).unwrap().cues.is_empty());
    }

    #[test]
    fn an_immediate_splice_has_no_time() {
        // Back to the network at once: no duration.
        let body = [0, 0, 0, 9, 0x7f, 0x5f, 0, 0, 0, 0];
        let read = parse(&section(5, &body, &[], 0)).unwrap();
        assert_eq!((read.at, read.returns(), read.opening()), (None, true, None));
    }

    #[test]
    fn each_kind_of_damage_has_its_reason() {
        assert_eq!(parse(&[]), Err(Fault::Length { told: 3, there: 0 }));
        assert_eq!(parse(&INSERT[..49]), Err(Fault::Length { told: 50, there: 49 }));
        assert_eq!(parse(&[&[0], &INSERT[1..]].concat()), Err(Fault::Table(0)));
        let mut bent = INSERT;
        bent[20] ^= 1;
        assert!(matches!(parse(&bent), Err(Fault::Crc { found: 0x62db_a30a, .. })));
        assert_eq!(parse(&section(5, &[0, 0, 0, 1], &[], 0)), Err(Fault::Cut("splice_insert")));
        assert_eq!(parse(&section(6, &[0x7f], &[2, 9, 0], 0)), Err(Fault::Cut("descriptor")));
    }

    #[test]
    fn no_cut_and_no_flipped_bit_does_harm() {
        for at in 0..INSERT.len() {
            let _ = parse(&INSERT[..at]);
            for bit in 0..8 {
                let mut bent = INSERT[..46].to_vec();
                if let Some(byte) = bent.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                bent.extend(crc32(&bent).to_be_bytes());
                let _ = parse(&bent);
            }
        }
    }

    #[test]
    fn bytes_behind_the_end_are_left_alone() {
        assert!(parse(&[&INSERT[..], &[0xff, 0xff]].concat()).is_ok());
    }

    /// Bits turned and ends cut off: CRC_32 and section_length tell them, so that no break is made up.
    #[test]
    fn a_damaged_section_is_never_read() {
        assert!(parse(&INSERT).is_ok());
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % bound as u64) as usize
        };
        for round in 0..10_000 {
            let mut bent = INSERT.to_vec();
            for _ in 0..=below(4) {
                bent[below(INSERT.len())] ^= 1 << below(8);
            }
            if round % 4 == 0 {
                bent.truncate(below(INSERT.len()));
            }
            assert!(bent == INSERT || parse(&bent).is_err(), "{bent:02x?}");
        }
    }
}
