//! SCTE 35 splice_info_section: the signal of an ad break. It arrives in transport streams, in event messages, and as
//! hexadecimal or base64 text in playlists.
//!
//! Only the fields that describe an ad break are read: its time, direction and duration.

use crate::units::{MPEG_TIMESCALE, MediaTime, Seconds};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;

/// Largest size of an SCTE 35 section in bytes: 3 of header, and section_length of at most 4093 (ANSI/SCTE 35,
/// splice_info_section).
pub(crate) const MAX_SECTION_LENGTH: usize = 3 + 4093;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Largest number of cues that are kept of one SCTE 35 section.
const MAX_CUES: usize = 16;
/// Size in bytes of one component in a segmentation_descriptor.
const COMPONENT_SIZE: usize = 6;

/// Contents of one SCTE 35 splice_info_section.
#[derive(Debug, Clone, PartialEq)]
pub struct SpliceSection {
    /// splice_command_type of the SCTE 35 section. `None`: it is encrypted, as everything behind it is (ANSI/SCTE 35 9.5.1).
    pub command_type: Option<u8>,
    /// Presentation time of the splice at 90 kHz, with pts_adjustment applied; `None` for an immediate splice and for
    /// commands without a time.
    pub splice_time: Option<MediaTime>,
    /// Cues that lead out of the programme or back, in the order of the section. Empty for heartbeats (splice_null),
    /// programme boundaries and encrypted sections.
    pub cues: Vec<SpliceCue>,
}

impl SpliceSection {
    /// Returns the first cue of the SCTE 35 section that leads out of the programme; `None` without one.
    #[must_use]
    pub fn first_out(&self) -> Option<&SpliceCue> {
        self.cues.iter().find(|c| c.direction == SpliceDirection::Out)
    }

    /// Returns whether a cue of the SCTE 35 section leads back into the programme.
    #[must_use]
    pub fn returns_to_programme(&self) -> bool {
        self.cues.iter().any(|c| c.direction == SpliceDirection::In)
    }
}

/// One signal of an SCTE 35 section that leads out of the programme or back into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpliceCue {
    /// splice_event_id or segmentation_event_id of the cue.
    pub event_id: u32,
    /// Whether the cue leads out of the programme or back.
    pub direction: SpliceDirection,
    /// Duration of the break (break_duration or segmentation_duration); `None` when it is missing or 0.
    pub duration: Option<Seconds>,
    /// auto_return of break_duration: whether the programme continues after the duration without another section.
    /// `None` without a break_duration.
    pub auto_return: Option<bool>,
}

/// Direction of an SCTE 35 splice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpliceDirection {
    /// The splice leads out of the programme: a break begins.
    Out,
    /// The splice leads back into the programme: a break ends.
    In,
}

/// Reason why an SCTE 35 section can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpliceError {
    /// The section has this table_id instead of 0xFC.
    Table(u8),
    /// The SCTE 35 section declares another size than the number of bytes that are available.
    Length {
        /// Size of the section in bytes by its section_length.
        declared: usize,
        /// Number of bytes that are available for the section.
        available: usize,
    },
    /// CRC_32 doesn't match the bytes of the section.
    Crc {
        /// CRC-32 computed from the bytes of the section.
        computed: u32,
        /// CRC-32 that the section contains (CRC_32).
        found: u32,
    },
    /// The part of the SCTE 35 section with this name exceeds the end of the section.
    Cut(&'static str),
}

impl fmt::Display for SpliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(id) => write!(f, "table_id is {id:#04x}; a splice_info_section has 0xfc"),
            Self::Length { declared, available } => {
                write!(f, "its header declares {declared} bytes, {available} are available")
            }
            Self::Crc { computed, found } => {
                write!(f, "CRC_32 is {found:#010x}, the CRC of its bytes is {computed:#010x}")
            }
            Self::Cut(part) => write!(f, "its {part} exceeds its end"),
        }
    }
}

/// Parses an SCTE 35 section. Bytes behind its end are ignored, because packagers pad it to whole words.
///
/// # Errors
/// The table_id is another one, bytes are missing, or the CRC doesn't match; the error says which.
pub fn parse(bytes: &[u8]) -> Result<SpliceSection, SpliceError> {
    let available = bytes.len();
    let [table, high, low, ..] = bytes else { return Err(SpliceError::Length { declared: 3, available }) };
    if *table != 0xfc {
        return Err(SpliceError::Table(*table));
    }
    let declared = 3 + (usize::from(high & 0xf) << 8 | usize::from(*low));
    let section = bytes.get(..declared).ok_or(SpliceError::Length { declared, available })?;
    let (content, crc) = section.split_last_chunk::<4>().ok_or(SpliceError::Length { declared, available })?;
    let (found, computed) = (u32::from_be_bytes(*crc), crc32(content));
    if computed != found {
        return Err(SpliceError::Crc { computed, found });
    }
    parse_content(content.get(3..).unwrap_or_default())
}

/// Decodes an SCTE 35 section from base64 with or without padding; text beyond the largest size of a section is
/// ignored. `None` when the text isn't base64.
#[must_use]
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.get(..2 * MAX_SECTION_LENGTH).unwrap_or(text)).ok()
}

/// Decodes an SCTE 35 section from the text that people copy: hexadecimal, with or without `0x`, or base64. Space is ignored.
/// `None` when the text is neither.
#[must_use]
pub fn decode_text(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).take(2 * MAX_SECTION_LENGTH + 2).collect();
    let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    // A section begins with table_id 0xFC, whose base64 is "/D".
    let digits = prefixed.or_else(|| text.get(..2).filter(|id| id.eq_ignore_ascii_case("fc")).map(|_| text.as_str()));
    digits.map_or_else(|| decode_base64(&text), decode_hexadecimal)
}

/// Decodes pairs of hexadecimal digits. `None` when another character or half a pair is in the text.
fn decode_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// Parses the content of an SCTE 35 section, from protocol_version to the descriptors.
fn parse_content(content: &[u8]) -> Result<SpliceSection, SpliceError> {
    let mut bytes = SectionReader(content);
    let head: &[u8; 11] = bytes.array("header")?;
    let [_, adjust @ .., _, _, lengths, low, command] = head;
    let encrypted = adjust.first().is_some_and(|b| b & 0x80 != 0);
    let adjustment = low_33_bits(*adjust.last_chunk::<5>().unwrap_or(&[0; 5]));
    let command_type = (!encrypted).then_some(*command);
    let mut section = SpliceSection { command_type, splice_time: None, cues: Vec::new() };
    if encrypted {
        return Ok(section);
    }
    let length = usize::from(lengths & 0xf) << 8 | usize::from(*low);
    let time = match command {
        0x05 => bytes.splice_insert(&mut section.cues)?,
        0x06 => bytes.splice_time()?,
        // The length 0xfff means that the writer didn't give it: the descriptors can't be found.
        _ if length == 0xfff => return Ok(section),
        _ => {
            bytes.take(length, "command")?;
            None
        }
    };
    section.splice_time = time.map(|t| MediaTime::mpeg(t.wrapping_add(adjustment)));
    let length: &[u8; 2] = bytes.array("descriptor loop")?;
    let mut descriptors = SectionReader(bytes.take(usize::from(u16::from_be_bytes(*length)), "descriptor loop")?);
    while let [tag, length, ..] = descriptors.0 {
        descriptors.take(2, "descriptor")?;
        let mut body = SectionReader(descriptors.take(usize::from(*length), "descriptor")?);
        if *tag == 0x02 && section.cues.len() < MAX_CUES {
            section.cues.extend(body.segmentation()?);
        }
    }
    Ok(section)
}

/// The bytes of an SCTE 35 section that are still to be read.
struct SectionReader<'a>(&'a [u8]);

impl<'a> SectionReader<'a> {
    fn take(&mut self, count: usize, part: &'static str) -> Result<&'a [u8], SpliceError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SpliceError::Cut(part))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<&'a [u8; N], SpliceError> {
        self.take(N, part)?.first_chunk().ok_or(SpliceError::Cut(part))
    }

    fn byte(&mut self, part: &'static str) -> Result<u8, SpliceError> {
        self.array::<1>(part).map(|[b]| *b)
    }

    /// Reads splice_time(): 33 bits of time, or `None` when time_specified_flag isn't set.
    fn splice_time(&mut self) -> Result<Option<u64>, SpliceError> {
        const PART: &str = "splice_time";
        let specified = self.0.first().ok_or(SpliceError::Cut(PART))? & 0x80 != 0;
        match specified {
            true => Ok(Some(low_33_bits(*self.array(PART)?))),
            false => self.byte(PART).map(|_| None),
        }
    }

    fn splice_insert(&mut self, cues: &mut Vec<SpliceCue>) -> Result<Option<u64>, SpliceError> {
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
        let direction = if out { SpliceDirection::Out } else { SpliceDirection::In };
        cues.push(SpliceCue {
            event_id: event,
            direction,
            duration: length.and_then(|l| duration_from_ticks(low_33_bits(l))),
            auto_return,
        });
        Ok(at)
    }

    /// Reads segmentation_descriptor(); `None` when it is cancelled, belongs to another registrant than SCTE, or isn't
    /// the boundary of a break.
    fn segmentation(&mut self) -> Result<Option<SpliceCue>, SpliceError> {
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
            self.take(usize::from(components) * COMPONENT_SIZE, PART)?;
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
        Ok(segmentation_direction(kind).map(|direction| SpliceCue {
            event_id: event,
            direction,
            duration: duration_from_ticks(duration),
            auto_return: None,
        }))
    }
}

/// Returns the direction of a segmentation_type_id for a break, advertisement, placement opportunity or ad block. The
/// type of an end is that of its start plus 1. `None` for other types.
#[must_use]
pub(crate) fn segmentation_direction(kind: u8) -> Option<SpliceDirection> {
    match kind {
        0x22 | 0x30 | 0x32 | 0x34 | 0x36 | 0x44 | 0x46 => Some(SpliceDirection::Out),
        0x23 | 0x31 | 0x33 | 0x35 | 0x37 | 0x45 | 0x47 => Some(SpliceDirection::In),
        _ => None,
    }
}

/// Returns the low 33 bits of a big-endian number of five bytes.
fn low_33_bits(bytes: [u8; 5]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)) & 0x1_ffff_ffff
}

/// Converts a duration in ticks of 90 kHz to seconds; `None` for 0, which stands for no duration.
#[must_use]
pub(crate) fn duration_from_ticks(ticks: u64) -> Option<Seconds> {
    let seconds = || Seconds(ticks as f64 / f64::from(MPEG_TIMESCALE.get()));
    (ticks > 0).then(seconds)
}

/// Computes the CRC_32 of MPEG-2 sections (ISO/IEC 13818-1 annex A). It works bit by bit, which is fast enough for the
/// few packets with tables in a segment.
#[must_use]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        let crc = crc ^ u32::from(*byte) << 24;
        (0..8).fold(crc, |crc, _| if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An SCTE 35 section with a splice_insert that leads out of the network for 60.3 s, and an avail descriptor.
    const INSERT: [u8; 50] = [
        0xfc, 0x30, 0x2f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xf0, 0x14, 0x05, 0x48, 0x00, 0x00, 0x8f,
        0x7f, 0xef, 0xfe, 0x73, 0x69, 0xc0, 0x2e, 0xfe, 0x00, 0x52, 0xcc, 0xf5, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a,
        0x00, 0x08, 0x43, 0x55, 0x45, 0x49, 0x00, 0x00, 0x01, 0x35, 0x62, 0xdb, 0xa3, 0x0a,
    ];

    /// Makes an SCTE 35 section with this splice command, these descriptors and this pts_adjustment.
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
    fn a_splice_insert_has_time_direction_and_duration() {
        let read = parse(&INSERT).unwrap();
        let duration = Some(Seconds(5_426_421.0 / 90_000.0));
        let cue =
            SpliceCue { event_id: 0x4800_008f, direction: SpliceDirection::Out, duration, auto_return: Some(true) };
        assert_eq!((read.command_type, read.splice_time), (Some(5), Some(MediaTime::mpeg(0x7369_c02e))));
        assert_eq!(read.cues, [cue]);
        assert_eq!(read.first_out(), Some(&cue));
    }

    #[test]
    fn a_time_signal_has_its_cues_in_descriptors() {
        let time = [0xfe, 0, 0, 0, 90];
        let both = [segmentation(0x31, None), segmentation(0x34, Some(2_700_000))].concat();
        let read = parse(&section(6, &time, &both, 10)).unwrap();
        assert_eq!(read.splice_time, Some(MediaTime::mpeg(100)));
        assert_eq!(
            read.cues[0],
            SpliceCue { event_id: 7, direction: SpliceDirection::In, duration: None, auto_return: None }
        );
        let duration = Some(Seconds(30.0));
        assert_eq!(
            read.cues[1],
            SpliceCue { event_id: 7, direction: SpliceDirection::Out, duration, auto_return: None }
        );
        let chapter = parse(&section(6, &time, &segmentation(0x20, None), 0)).unwrap();
        assert!(chapter.cues.is_empty());
    }

    #[test]
    fn heartbeats_and_cancelled_or_encrypted_sections_have_no_cue() {
        assert_eq!(
            parse(&section(0, &[], &[], 0)),
            Ok(SpliceSection { command_type: Some(0), splice_time: None, cues: vec![] })
        );
        let cancelled = [0, 0, 0, 1, 0xff];
        assert!(parse(&section(5, &cancelled, &[], 0)).unwrap().cues.is_empty());
        let mut hidden = INSERT[..46].to_vec();
        hidden[4] |= 0x80;
        hidden.extend(crc32(&hidden).to_be_bytes());
        assert_eq!(parse(&hidden), Ok(SpliceSection { command_type: None, splice_time: None, cues: vec![] }));
    }

    #[test]
    fn an_immediate_splice_has_no_time() {
        // Back to the network at once, without a duration.
        let body = [0, 0, 0, 9, 0x7f, 0x5f, 0, 0, 0, 0];
        let read = parse(&section(5, &body, &[], 0)).unwrap();
        assert_eq!((read.splice_time, read.returns_to_programme(), read.first_out()), (None, true, None));
    }

    #[test]
    fn each_kind_of_damage_has_its_error() {
        assert_eq!(parse(&[]), Err(SpliceError::Length { declared: 3, available: 0 }));
        assert_eq!(parse(&INSERT[..49]), Err(SpliceError::Length { declared: 50, available: 49 }));
        assert_eq!(parse(&[&[0], &INSERT[1..]].concat()), Err(SpliceError::Table(0)));
        let mut bent = INSERT;
        bent[20] ^= 1;
        assert!(matches!(parse(&bent), Err(SpliceError::Crc { found: 0x62db_a30a, .. })));
        assert_eq!(parse(&section(5, &[0, 0, 0, 1], &[], 0)), Err(SpliceError::Cut("splice_insert")));
        assert_eq!(parse(&section(6, &[0x7f], &[2, 9, 0], 0)), Err(SpliceError::Cut("descriptor")));
    }

    #[test]
    fn cut_and_flipped_bits_never_panic() {
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
    fn bytes_behind_the_end_are_ignored() {
        assert!(parse(&[&INSERT[..], &[0xff, 0xff]].concat()).is_ok());
    }

    /// CRC_32 and section_length reveal flipped bits and missing bytes, so that a damaged section never reports a break
    /// that isn't there.
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

    #[test]
    fn each_segmentation_type_of_a_break_has_its_direction() {
        for start in [0x22, 0x30, 0x32, 0x34, 0x36, 0x44, 0x46] {
            let directions = [start, start + 1].map(segmentation_direction);
            assert_eq!(directions, [Some(SpliceDirection::Out), Some(SpliceDirection::In)], "{start:#x}");
        }
        for other in [0, 0x10, 0x20, 0x21, 0x24, 0x2f, 0x38, 0x43, 0x48, 0x50] {
            assert_eq!(segmentation_direction(other), None, "{other:#x}");
        }
    }

    #[test]
    fn components_of_a_splice_insert_have_the_first_time() {
        let time = |low| [0xfe, 0, 0, 0, low];
        let body = [&[0, 0, 0, 4, 0x7f, 0x8f, 2, 1][..], &time(7), &[2], &time(9), &[0; 4]].concat();
        let read = parse(&section(5, &body, &[], 0)).unwrap();
        assert_eq!((read.splice_time, read.first_out().map(|c| c.event_id)), (Some(MediaTime::mpeg(7)), Some(4)));
        let immediate = [0, 0, 0, 4, 0x7f, 0x9f, 2, 1, 2, 0, 0, 0, 0];
        let read = parse(&section(5, &immediate, &[], 0)).unwrap();
        assert_eq!((read.splice_time, read.cues.len()), (None, 1));
    }

    #[test]
    fn times_are_adjusted_within_33_bits() {
        let at = |time: [u8; 5], adjustment| parse(&section(6, &time, &[], adjustment)).unwrap().splice_time;
        assert_eq!(at([0xff, 0xff, 0xff, 0xff, 0xff], 2), Some(MediaTime::mpeg(1)));
        assert_eq!(at([0xfe, 0, 0, 0, 1], u32::MAX), Some(MediaTime::mpeg(1 << 32)));
        assert_eq!(parse(&section(6, &[0x7f], &[], 5)).unwrap().splice_time, None);
    }

    #[test]
    fn segmentation_descriptors_are_read_in_all_their_forms() {
        let cues = |descriptors: &[u8]| parse(&section(6, &[0x7f], descriptors, 0)).map(|s| s.cues.len());
        let plain = segmentation(0x30, Some(90_000));
        assert_eq!(cues(&plain.repeat(20)), Ok(MAX_CUES));
        let changed = |at: usize, byte| {
            let mut bytes = plain.clone();
            bytes[at] = byte;
            cues(&bytes)
        };
        assert_eq!(
            [changed(0, 3), changed(2, b'X'), changed(10, 0x80)],
            [Ok(0), Ok(0), Ok(0)],
            "tag, owner, cancelled"
        );
        // Two components of six bytes in front of the duration.
        let mut components = plain.clone();
        components[11] = 0x7f;
        components.splice(12..12, [&[2][..], &[0; 12]].concat());
        components[1] += 13;
        assert_eq!(cues(&components), Ok(1));
        let zero = parse(&section(6, &[0x7f], &segmentation(0x30, Some(0)), 0)).unwrap();
        assert_eq!(zero.cues[0].duration, None);
        let long = parse(&section(6, &[0x7f], &segmentation(0x30, Some(1 << 39)), 0)).unwrap();
        assert_eq!(long.cues[0].duration, Some(Seconds((1u64 << 39) as f64 / 90_000.0)));
    }

    #[test]
    fn a_command_of_unknown_length_hides_its_descriptors() {
        let mut bytes = section(0xff, &[], &segmentation(0x30, None), 0);
        bytes.truncate(bytes.len() - 4);
        let known = [&bytes[..], &crc32(&bytes).to_be_bytes()].concat();
        assert_eq!(parse(&known).unwrap().cues.len(), 1);
        (bytes[11], bytes[12]) = (0xff, 0xff);
        bytes.extend(crc32(&bytes).to_be_bytes());
        assert_eq!(parse(&bytes).unwrap().cues.len(), 0);
    }

    #[test]
    fn base64_text_is_decoded_with_or_without_padding() {
        assert_eq!([decode_base64("/A=="), decode_base64("/A")], [Some(vec![0xfc]), Some(vec![0xfc])]);
        assert_eq!(decode_base64("?"), None);
        assert_eq!([duration_from_ticks(0), duration_from_ticks(1)], [None, Some(Seconds(1.0 / 90_000.0))]);
    }
}
