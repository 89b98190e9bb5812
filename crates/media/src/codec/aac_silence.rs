//! Digital silence in AAC, found without decoding: a frame in which no channel has a spectral coefficient (ISO/IEC
//! 14496-3 4.4.2.1).
//!
//! Silence is coded as `max_sfb` 0, or as sections that all have the zero codebook. Encoders of constant bit rate fill
//! such frames up, so the size of a frame says nothing. Noise, even at -90 dBFS, has coefficients.

use super::bits::BitReader;
use crate::quiet::QuietSpans;
use crate::units::Seconds;

/// Bytes that are kept of a frame. A frame has at most 6144 bits a channel, and one that is silence has a few bits beside its
/// fill data.
const MAX_FRAME: usize = 2048;
/// Largest number of syntactic elements that are read of a frame: each channel has one at most, with one of fill bits.
const MAX_ELEMENTS: usize = 64;

/// Observes how much of an AAC stream is digital silence, frame by frame.
#[derive(Debug, Default)]
pub(crate) struct SilenceMeter {
    spans: QuietSpans,
    /// Whether a frame could be read.
    read: bool,
    /// The start of the current frame's raw_data_block.
    frame: Vec<u8>,
}

impl SilenceMeter {
    /// Begins a frame, and drops one that isn't complete.
    pub(crate) fn begin_frame(&mut self) {
        self.frame.clear();
    }

    /// Appends bytes to the current frame.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let room = MAX_FRAME.saturating_sub(self.frame.len()).min(bytes.len());
        self.frame.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// Ends the current frame, which lasts `duration` and has `skipped` bytes before its raw_data_block. A frame that can't
    /// be read counts as sound.
    pub(crate) fn end_frame(&mut self, duration: Seconds, skipped: usize) {
        let silent = self.frame.get(skipped..).and_then(is_silent);
        self.read |= silent.is_some();
        self.spans = self.spans.join(QuietSpans::of_piece(duration, silent.unwrap_or(false)));
        self.frame.clear();
    }

    /// Ends a frame whose bytes are unknown.
    pub(crate) fn skip_frame(&mut self, duration: Seconds) {
        self.frame.clear();
        self.spans = self.spans.join(QuietSpans::of_piece(duration, false));
    }

    /// Returns the spans of silence; `None` when no frame could be read.
    #[must_use]
    pub(crate) fn finish(&self) -> Option<QuietSpans> {
        self.read.then_some(self.spans)
    }
}

/// Whether a raw_data_block is digital silence in all channels. `None` when it ends early, has no channel, or uses tools that
/// aren't read here.
#[must_use]
fn is_silent(block: &[u8]) -> Option<bool> {
    let mut bits = BitReader::new(block);
    let mut channels = false;
    for _ in 0..MAX_ELEMENTS {
        let quiet = match bits.bits(3)? {
            // single_channel_element and lfe_channel_element.
            0 | 3 => {
                bits.skip(4)?;
                channels = true;
                channel_stream(&mut bits, None)?
            }
            1 => {
                channels = true;
                channel_pair(&mut bits)?
            }
            4 => skip_data_stream(&mut bits)?,
            6 => skip_fill(&mut bits)?,
            7 => return channels.then_some(true),
            _ => return None,
        };
        if !quiet {
            return Some(false);
        }
    }
    None
}

/// Windows of a frame, as ics_info gives them.
#[derive(Clone, Copy)]
struct Windows {
    /// Whether the frame has eight short windows instead of one long window.
    short: bool,
    groups: u32,
    max_sfb: u32,
}

/// Reads ics_info. `None` with prediction, which belongs to other profiles than LC.
fn windows(bits: &mut BitReader<'_>) -> Option<Windows> {
    bits.skip(1)?;
    let short = bits.bits(2)? == 2;
    bits.skip(1)?;
    if short {
        let max_sfb = bits.bits(4)?;
        // A bit of scale_factor_grouping that is 0 begins a group.
        let groups = 8 - bits.bits(7)?.count_ones();
        return Some(Windows { short, groups, max_sfb });
    }
    let max_sfb = bits.bits(6)?;
    (!bits.flag()?).then_some(Windows { short, groups: 1, max_sfb })
}

/// Reads channel_pair_element, and returns whether both channels are silent.
fn channel_pair(bits: &mut BitReader<'_>) -> Option<bool> {
    bits.skip(4)?;
    let mut common = None;
    if bits.flag()? {
        let shared = windows(bits)?;
        if bits.bits(2)? == 1 {
            bits.skip((shared.groups * shared.max_sfb) as usize)?;
        }
        common = Some(shared);
    }
    Some(channel_stream(bits, common)? && channel_stream(bits, common)?)
}

/// Reads individual_channel_stream as long as it is silent, and returns whether it is.
fn channel_stream(bits: &mut BitReader<'_>, common: Option<Windows>) -> Option<bool> {
    bits.skip(8)?;
    let windows = match common {
        Some(shared) => shared,
        None => windows(bits)?,
    };
    // Pulses are added to coefficients, so with pulses a channel isn't silent.
    if !has_only_zero_codebooks(bits, windows)? || bits.flag()? {
        return Some(false);
    }
    if bits.flag()? {
        skip_noise_shaping(bits, windows.short)?;
    }
    // gain_control_data belongs to another profile.
    (!bits.flag()?).then_some(true)
}

/// Reads section_data: sections with codebook 0 have neither scale factors nor coefficients.
fn has_only_zero_codebooks(bits: &mut BitReader<'_>, windows: Windows) -> Option<bool> {
    let length_bits = if windows.short { 3 } else { 5 };
    let escape = (1 << length_bits) - 1;
    for _ in 0..windows.groups {
        let mut band = 0;
        while band < windows.max_sfb {
            if bits.bits(4)? != 0 {
                return Some(false);
            }
            loop {
                let length = bits.bits(length_bits)?;
                band += length;
                if length != escape {
                    break;
                }
            }
        }
    }
    Some(true)
}

/// Skips tns_data, which shapes noise that a silent channel doesn't have.
fn skip_noise_shaping(bits: &mut BitReader<'_>, short: bool) -> Option<()> {
    let (windows, count_bits, length_bits, order_bits) = if short { (8, 1, 4, 3) } else { (1, 2, 6, 5) };
    for _ in 0..windows {
        let filters = bits.bits(count_bits)?;
        let resolution = if filters > 0 { bits.bits(1)? } else { 0 };
        for _ in 0..filters {
            bits.skip(length_bits)?;
            let order = bits.bits(order_bits)?;
            if order > 0 {
                bits.skip(1)?;
                let compressed = bits.bits(1)?;
                bits.skip((order * (resolution + 3 - compressed)) as usize)?;
            }
        }
    }
    Some(())
}

/// Skips data_stream_element.
fn skip_data_stream(bits: &mut BitReader<'_>) -> Option<bool> {
    bits.skip(4)?;
    let aligned = bits.flag()?;
    let mut count = bits.bits(8)?;
    if count == 255 {
        count += bits.bits(8)?;
    }
    if aligned {
        bits.align()?;
    }
    bits.skip(8 * count as usize)?;
    Some(true)
}

/// Skips fill_element: padding, or spectral band replication of silence.
fn skip_fill(bits: &mut BitReader<'_>) -> Option<bool> {
    let mut count = bits.bits(4)?;
    if count == 15 {
        count += bits.bits(8)?;
        count -= 1;
    }
    bits.skip(8 * count as usize)?;
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs fields of (value, number of bits), most significant bit first.
    fn pack(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u32> =
            fields.iter().flat_map(|(value, count)| (0..*count).rev().map(move |n| value >> n & 1)).collect();
        bits.chunks(8).map(|b| (0..8).fold(0, |byte, n| byte << 1 | *b.get(n).unwrap_or(&0) as u8)).collect()
    }

    const END: (u32, u32) = (7, 3);
    /// A long window: reserved bit, sequence, shape.
    const LONG: [(u32, u32); 3] = [(0, 1), (0, 2), (0, 1)];
    /// No pulses, no noise shaping, no gain control.
    const NO_TOOLS: (u32, u32) = (0, 3);

    fn mono(stream: &[(u32, u32)]) -> Vec<u8> {
        pack(&[&[(0, 3), (0, 4), (100, 8)], stream, &[END]].concat())
    }

    #[test]
    fn a_frame_without_coefficients_is_silent() {
        let no_bands = mono(&[&LONG[..], &[(0, 6), (0, 1), NO_TOOLS]].concat());
        assert_eq!(is_silent(&no_bands), Some(true));
        let zero_sections = mono(&[&LONG[..], &[(42, 6), (0, 1), (0, 4), (31, 5), (11, 5), NO_TOOLS]].concat());
        assert_eq!(is_silent(&zero_sections), Some(true));
        let coded = mono(&[&LONG[..], &[(42, 6), (0, 1), (0, 4), (9, 5), (1, 4), (31, 5), (2, 5)]].concat());
        assert_eq!(is_silent(&coded), Some(false));
        let pulses = mono(&[&LONG[..], &[(0, 6), (0, 1), (1, 1)]].concat());
        assert_eq!(is_silent(&pulses), Some(false));
    }

    #[test]
    fn short_windows_have_sections_in_each_group() {
        // Two groups: seven windows share scale factors but one.
        let short = [(0, 1), (2, 2), (0, 1), (3, 4), (0b111_0111, 7)];
        let section = [(0, 4), (3, 3)];
        let silent = mono(&[&short[..], &section, &section, &[NO_TOOLS]].concat());
        assert_eq!(is_silent(&silent), Some(true));
        let second_is_coded = mono(&[&short[..], &section, &[(5, 4), (3, 3)]].concat());
        assert_eq!(is_silent(&second_is_coded), Some(false));
    }

    #[test]
    fn one_side_of_a_pair_is_not_silence() {
        let pair = |mask: &[(u32, u32)], left: &[(u32, u32)], right: &[(u32, u32)]| {
            let common = [&[(1, 3), (0, 4), (1, 1)], &LONG[..], &[(4, 6), (0, 1)]].concat();
            let global = [(100, 8)];
            pack(&[&common[..], mask, &global, left, &global, right, &[END]].concat())
        };
        let (zero, coded) = ([(0, 4), (4, 5), NO_TOOLS], [(3, 4), (4, 5), NO_TOOLS]);
        assert_eq!(is_silent(&pair(&[(0, 2)], &zero, &zero)), Some(true));
        assert_eq!(is_silent(&pair(&[(1, 2), (0, 4)], &zero, &zero)), Some(true), "a mask of four bands");
        assert_eq!(is_silent(&pair(&[(0, 2)], &zero, &coded)), Some(false));
        assert_eq!(is_silent(&pair(&[(0, 2)], &coded, &zero)), Some(false));
        let separate = [&LONG[..], &[(0, 6), (0, 1), NO_TOOLS]].concat();
        let apart = [&[(1, 3), (0, 4), (0, 1), (9, 8)], &separate[..], &[(9, 8)], &separate, &[END]].concat();
        assert_eq!(is_silent(&pack(&apart)), Some(true));
    }

    #[test]
    fn fill_data_and_noise_shaping_are_skipped() {
        let silent = [&[(0, 3), (0, 4), (100, 8)], &LONG[..], &[(0, 6), (0, 1)]].concat();
        let shaped = [(0, 1), (1, 1), (1, 2), (1, 1), (20, 6), (2, 5), (0, 1), (1, 1), (5, 3), (5, 3), (0, 1)];
        assert_eq!(is_silent(&pack(&[&silent[..], &shaped, &[END]].concat())), Some(true));
        let fill = [(6, 3), (15, 4), (2, 8)];
        let filled = [&silent[..], &[NO_TOOLS], &fill, &[(0x55, 8); 16], &[END]].concat();
        assert_eq!(is_silent(&pack(&filled)), Some(true));
        // 28 bits come before the data stream element: its header ends at bit 44, its data begin at bit 48.
        let data = [&[(4, 3), (0, 4), (1, 1), (2, 8), (0, 4), (7, 8), (7, 8)], &silent[..], &[NO_TOOLS, END]].concat();
        assert_eq!(
            is_silent(&pack(&[&[(6, 3), (0, 4), (6, 3), (0, 4), (6, 3), (0, 4), (6, 3), (0, 4)], &data[..]].concat())),
            Some(true)
        );
    }

    #[test]
    fn what_cannot_be_read_is_neither() {
        let silent = mono(&[&LONG[..], &[(0, 6), (0, 1), NO_TOOLS]].concat());
        for cut in 0..silent.len() {
            assert_eq!(is_silent(&silent[..cut]), None, "cut at {cut}");
        }
        assert_eq!(is_silent(&pack(&[END])), None, "no channel");
        assert_eq!(is_silent(&[0; 4096]), None, "an endless series of elements");
        let predicted = mono(&[&LONG[..], &[(0, 6), (1, 1)]].concat());
        assert_eq!(is_silent(&predicted), None);
    }

    #[test]
    fn a_meter_counts_unread_frames_as_sound() {
        let silent = mono(&[&LONG[..], &[(0, 6), (0, 1), NO_TOOLS]].concat());
        let mut meter = SilenceMeter::default();
        assert_eq!(meter.finish(), None);
        meter.append(&[7; 2]);
        meter.append(&silent);
        meter.end_frame(Seconds(1.0), 2);
        meter.begin_frame();
        meter.append(&silent[..2]);
        meter.end_frame(Seconds(1.0), 0);
        let spans = meter.finish().unwrap();
        assert_eq!((spans.leading.0, spans.trailing.0, spans.total.0), (1.0, 0.0, 2.0));
        meter.append(&[0; 5000]);
        assert_eq!(meter.frame.len(), MAX_FRAME);
    }
}
