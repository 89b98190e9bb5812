//! Ad breaks of the origin: their regular plan, the tags that announce them in a playlist, and the SCTE 35 sections in
//! tags and media.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::faults::Effect;
use super::fixtures::UNIT_MS;
use super::timeline::{Rendition, Segment, TARGET, Timeline};

/// Number of segments from the start of a break to the start of the next one.
const CYCLE: i64 = 12;
const BEGIN: i64 = 2;
const LENGTH: i64 = 5;
/// Number of segments between the one that carries the SCTE 35 section and the splice that it announces.
pub(super) const PREROLL: i64 = 2;

/// Position of a segment in the plan of ad breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BreakPosition {
    Programme,
    /// The segment is the first of an ad break.
    Out,
    /// The segment is inside of an ad break, after this number of its segments.
    Inside(i64),
    /// The segment is the first of the programme after an ad break.
    Back,
}

fn break_position(index: i64) -> BreakPosition {
    match index.rem_euclid(CYCLE) - BEGIN {
        0 => BreakPosition::Out,
        LENGTH => BreakPosition::Back,
        n if (1..LENGTH).contains(&n) => BreakPosition::Inside(n),
        _ => BreakPosition::Programme,
    }
}

/// Returns the number of the ad break that contains the segment, or that ended last before it.
fn break_number(index: i64) -> i64 {
    (index - BEGIN).div_euclid(CYCLE)
}

/// Writes the ad tags before a segment: the cue tags of AWS Elemental, and an EXT-X-DATERANGE.
pub(super) fn tags(text: &mut String, timeline: &Timeline, rendition: Rendition, segment: &Segment) {
    let effect = timeline.effect;
    let target = rendition == TARGET;
    // A late break follows the plan of the segment before.
    let late = i64::from(target && effect == Some(Effect::BreakLateInRendition));
    let index = segment.index - late;
    let second_break = break_number(index).rem_euclid(2) == 1;
    let omitted = match effect {
        Some(Effect::AdsMissing) => true,
        Some(Effect::SpliceUnannounced) => second_break,
        Some(Effect::BreakMissingInRendition) => second_break && target,
        _ => false,
    };
    // Audio segments are cut at audio frames, which don't match the dates of the breaks.
    if !timeline.ads || omitted || rendition == Rendition::Audio {
        return;
    }
    let seconds = LENGTH as f64 * segment.duration_s;
    let cue = !(second_break && effect == Some(Effect::CueMissing));
    let announced = if effect == Some(Effect::CueDurations) { 2.0 * seconds } else { seconds };
    match break_position(index) {
        BreakPosition::Out => {
            let section = splice_section(Some((break_number(index), true)), seconds, 0);
            let _ = writeln!(text, "#EXT-OATCLS-SCTE35:{}", STANDARD.encode(&section));
            write_date_range(text, timeline, index, segment.date_ms, &section, seconds);
            if cue {
                let _ = writeln!(text, "#EXT-X-CUE-OUT:{announced:.3}");
            }
        }
        BreakPosition::Inside(n) if cue => {
            let _ = writeln!(text, "#EXT-X-CUE-OUT-CONT:{:.3}/{announced:.3}", n as f64 * segment.duration_s);
        }
        BreakPosition::Back => {
            let section = splice_section(Some((break_number(index), false)), 0.0, 0);
            write_date_range(text, timeline, index, segment.date_ms, &section, seconds);
            if cue && !(effect == Some(Effect::BreakStuck) && is_unclosed(index)) {
                text.push_str("#EXT-X-CUE-IN\n");
            }
        }
        BreakPosition::Inside(_) | BreakPosition::Programme => {}
    }
}

/// Returns the SCTE 35 section at the beginning of a segment; `None` if there is none. `pts` returns the presentation
/// time in 90 kHz at which the segment of an index begins.
pub(super) fn section_at(index: i64, effect: Option<Effect>, pts: impl Fn(i64) -> i64) -> Vec<u8> {
    let coming = index + PREROLL;
    let omitted = match effect {
        Some(Effect::AdsMissing | Effect::EventMessagesMissing) => true,
        Some(Effect::BreakStuck) => is_unclosed(coming),
        _ => false,
    };
    let mut bytes = match break_position(coming) {
        _ if omitted => splice_section(None, 0.0, 0),
        BreakPosition::Out => {
            splice_section(Some((break_number(coming), true)), (LENGTH * UNIT_MS) as f64 / 1000.0, pts(coming))
        }
        BreakPosition::Back => splice_section(Some((break_number(coming), false)), 0.0, pts(coming)),
        BreakPosition::Inside(_) | BreakPosition::Programme => splice_section(None, 0.0, 0),
    };
    if effect == Some(Effect::SpliceSectionCorrupt) {
        bytes[8] ^= 1;
    }
    bytes
}

/// Returns whether the segment ends a break whose end the fault leaves out: every second break.
fn is_unclosed(index: i64) -> bool {
    break_position(index) == BreakPosition::Back && break_number(index).rem_euclid(2) == 1
}

/// Returns the EventStream of a Period with the segments `period`, with the splices of the listed segments and of those
/// that follow them soon.
pub(super) fn event_stream(timeline: &Timeline, listed: &[Segment], period: std::ops::Range<i64>, xml: bool) -> String {
    let effect = timeline.effect;
    let (Some(first), Some(last)) = (listed.first(), listed.last()) else { return String::new() };
    let start_ms = timeline.start_unit(period.start) * UNIT_MS;
    let scheme = if xml { "urn:scte:scte35:2013:xml" } else { "urn:scte:scte35:2014:xml+bin" };
    let mut text = format!("<EventStream schemeIdUri=\"{scheme}\" timescale=\"1000\">\n");
    let seconds = (LENGTH * timeline.layout[0] * UNIT_MS) as f64 / 1000.0;
    for index in (first.index..=last.index + PREROLL).filter(|index| period.contains(index)) {
        let second_break = break_number(index).rem_euclid(2) == 1;
        let omitted = match effect {
            Some(Effect::AdsMissing | Effect::EventMessagesUndeclared) => true,
            Some(Effect::SpliceUnannounced) => second_break,
            Some(Effect::BreakStuck) => is_unclosed(index),
            _ => false,
        };
        let at_ms = timeline.start_unit(index) * UNIT_MS;
        let out = match break_position(index) {
            BreakPosition::Out => true,
            BreakPosition::Back => false,
            BreakPosition::Inside(_) | BreakPosition::Programme => continue,
        };
        if omitted {
            continue;
        }
        let announced = if effect == Some(Effect::CueDurations) { 2.0 * seconds } else { seconds };
        let length = if out { format!(" duration=\"{}\"", (announced * 1000.0) as i64) } else { String::new() };
        let _ = write!(text, "<Event id=\"{index}\" presentationTime=\"{}\"{length}>", at_ms - start_ms);
        let pts = (at_ms * 90).rem_euclid(1 << 33);
        text.push_str(&if xml {
            signal_xml(break_number(index), out, seconds, pts)
        } else {
            let mut section = splice_section(Some((break_number(index), out)), if out { seconds } else { 0.0 }, pts);
            section[8] ^= u8::from(effect == Some(Effect::DateRangeSpliceCorrupt));
            let binary = STANDARD.encode(&section);
            format!("<Signal xmlns=\"http://www.scte.org/schemas/35/2016\"><Binary>{binary}</Binary></Signal>")
        });
        text.push_str("</Event>\n");
    }
    text + "</EventStream>\n"
}

fn signal_xml(event: i64, out: bool, seconds: f64, pts: i64) -> String {
    let length = (seconds * 90_000.0) as i64;
    let length =
        if out { format!("<BreakDuration autoReturn=\"false\" duration=\"{length}\"/>") } else { String::new() };
    format!(
        "<SpliceInfoSection xmlns=\"urn:scte:scte35:2013:xml\" ptsAdjustment=\"0\"><SpliceInsert spliceEventId=\"{}\" \
         spliceEventCancelIndicator=\"false\" outOfNetworkIndicator=\"{out}\" spliceImmediateFlag=\"false\"><Program>\
         <SpliceTime ptsTime=\"{pts}\"/></Program>{length}</SpliceInsert></SpliceInfoSection>",
        event as u32
    )
}

/// Writes the EXT-X-DATERANGE at the beginning or at the end of an ad break.
fn write_date_range(text: &mut String, timeline: &Timeline, index: i64, date_ms: i64, section: &[u8], seconds: f64) {
    let mut section = section.to_vec();
    if timeline.effect == Some(Effect::DateRangeSpliceCorrupt) {
        section[8] ^= 1;
    }
    let hex = section.iter().fold(String::from("0x"), |hex, byte| format!("{hex}{byte:02X}"));
    let back = break_position(index) == BreakPosition::Back;
    let start_ms = date_ms - if back { (seconds * 1000.0).round() as i64 } else { 0 };
    let start = super::playlist::date(start_ms);
    let id = if timeline.effect == Some(Effect::BreakIdReused) { 1 } else { break_number(index) };
    let _ = write!(text, "#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"{start}\",PLANNED-DURATION={seconds:.3},");
    let _ =
        if back { writeln!(text, "DURATION={seconds:.3},SCTE35-IN={hex}") } else { writeln!(text, "SCTE35-OUT={hex}") };
}

/// Makes a splice_info_section. With `event` it has a splice_insert of the event's number, out of the programme or back
/// into it, at `pts` in 90 kHz; without it a splice_null, which is a heartbeat.
fn splice_section(event: Option<(i64, bool)>, seconds: f64, pts: i64) -> Vec<u8> {
    let mut command = Vec::new();
    if let Some((event, out)) = event {
        command.extend((event as u32).to_be_bytes());
        command.extend([0x7f, if out { 0xef } else { 0x4f }]);
        command.extend(timestamp(0xfe, pts));
        if out {
            command.extend(timestamp(0x7e, (seconds * 90_000.0).round() as i64));
        }
        command.extend([0, 1, 0, 0]);
    }
    let kind = if event.is_some() { 5 } else { 0 };
    let mut bytes = vec![0xfc, 0x30, (17 + command.len()) as u8];
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, command.len() as u8, kind]);
    bytes.extend(command);
    bytes.extend([0, 0]);
    let crc = crc32(&bytes);
    bytes.extend(crc.to_be_bytes());
    bytes
}

/// Encodes a 33-bit time in five bytes, the first of which also holds `flags`.
fn timestamp(flags: u8, ticks: i64) -> [u8; 5] {
    let bytes = ticks.rem_euclid(1 << 33).to_be_bytes();
    [flags | bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

/// Computes the CRC-32 of ISO/IEC 13818-1 annex A.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        let crc = crc ^ u32::from(*byte) << 24;
        (0..8).fold(crc, |crc, _| if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 })
    })
}
