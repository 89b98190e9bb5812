//! Ad breaks: an even plan of them, the tags that a playlist announces them with, and the SCTE 35 sections in both.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::faults::Effect;
use super::media::UNIT_MS;
use super::timeline::{Rendition, Segment, TARGET, Timeline};

/// Segments from one break to the next, where in that a break begins, and how many segments it takes.
const CYCLE: i64 = 12;
const BEGIN: i64 = 2;
const LENGTH: i64 = 5;
/// Segments between the section that announces a splice and the splice.
pub const PREROLL: i64 = 2;

/// Where a segment is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Programme,
    /// A break begins with it.
    Out,
    /// So many segments of the break came before it.
    Inside(i64),
    /// The programme goes on with it.
    Back,
}

fn place(index: i64) -> Place {
    match index.rem_euclid(CYCLE) - BEGIN {
        0 => Place::Out,
        LENGTH => Place::Back,
        n if (1..LENGTH).contains(&n) => Place::Inside(n),
        _ => Place::Programme,
    }
}

/// Number of a break, from any segment of it or the one behind it.
fn event(index: i64) -> i64 {
    (index - BEGIN).div_euclid(CYCLE)
}

/// The tags before a segment, as Elemental writes them and with a date range beside.
pub fn tags(text: &mut String, timeline: &Timeline, rendition: Rendition, segment: &Segment) {
    let effect = timeline.effect;
    let target = rendition == TARGET;
    // The plan of the segment before.
    let late = i64::from(target && effect == Some(Effect::BreakLate));
    let index = segment.index - late;
    let odd = event(index).rem_euclid(2) == 1;
    let silent = match effect {
        Some(Effect::AdsMissing) => true,
        Some(Effect::SpliceUnannounced) => odd,
        Some(Effect::BreakElsewhere) => odd && target,
        _ => false,
    };
    // Sound alone is cut at its own frames, beside the breaks' dates.
    if !timeline.ads || silent || rendition == Rendition::Audio {
        return;
    }
    let seconds = LENGTH as f64 * segment.duration_s;
    let cue = !(odd && effect == Some(Effect::CueMissing));
    let told = if effect == Some(Effect::CueDurations) { 2.0 * seconds } else { seconds };
    match place(index) {
        Place::Out => {
            let section = section(Some((event(index), true)), seconds, 0);
            let _ = writeln!(text, "#EXT-OATCLS-SCTE35:{}", STANDARD.encode(&section));
            range(text, timeline, index, segment.date_ms, &section, seconds);
            if cue {
                let _ = writeln!(text, "#EXT-X-CUE-OUT:{told:.3}");
            }
        }
        Place::Inside(n) if cue => {
            let _ = writeln!(text, "#EXT-X-CUE-OUT-CONT:{:.3}/{told:.3}", n as f64 * segment.duration_s);
        }
        Place::Back => {
            let section = section(Some((event(index), false)), 0.0, 0);
            range(text, timeline, index, segment.date_ms, &section, seconds);
            if effect != Some(Effect::BreakStuck) && cue {
                text.push_str("#EXT-X-CUE-IN\n");
            }
        }
        Place::Inside(_) | Place::Programme => {}
    }
}

/// The section that the media carries at the beginning of a segment. `pts` tells where a segment begins.
pub fn carried(index: i64, effect: Option<Effect>, pts: impl Fn(i64) -> i64) -> Vec<u8> {
    let coming = index + PREROLL;
    let silent = match effect {
        Some(Effect::AdsMissing | Effect::MessagesMissing) => true,
        Some(Effect::BreakStuck) => unclosed(coming),
        _ => false,
    };
    let mut bytes = match place(coming) {
        _ if silent => section(None, 0.0, 0),
        Place::Out => section(Some((event(coming), true)), (LENGTH * UNIT_MS) as f64 / 1000.0, pts(coming)),
        Place::Back => section(Some((event(coming), false)), 0.0, pts(coming)),
        Place::Inside(_) | Place::Programme => section(None, 0.0, 0),
    };
    if effect == Some(Effect::SectionUnreadable) {
        bytes[8] ^= 1;
    }
    bytes
}

/// Every second break, where none of them may be closed.
fn unclosed(index: i64) -> bool {
    place(index) == Place::Back && event(index).rem_euclid(2) == 1
}

/// The EventStream of a Period that holds segments `from..until`, whose first is a unit that began `start_ms` ago: with the
/// splices of those that are listed and of the next ones.
pub fn event_stream(timeline: &Timeline, listed: &[Segment], period: std::ops::Range<i64>, xml: bool) -> String {
    let effect = timeline.effect;
    let (Some(first), Some(last)) = (listed.first(), listed.last()) else { return String::new() };
    let start_ms = timeline.start_unit(period.start) * UNIT_MS;
    let scheme = if xml { "urn:scte:scte35:2013:xml" } else { "urn:scte:scte35:2014:xml+bin" };
    let mut text = format!("<EventStream schemeIdUri=\"{scheme}\" timescale=\"1000\">\n");
    let seconds = (LENGTH * timeline.layout[0] * UNIT_MS) as f64 / 1000.0;
    for index in (first.index..=last.index + PREROLL).filter(|index| period.contains(index)) {
        let odd = event(index).rem_euclid(2) == 1;
        let silent = match effect {
            Some(Effect::AdsMissing | Effect::MessagesUndeclared) => true,
            Some(Effect::SpliceUnannounced) => odd,
            Some(Effect::BreakStuck) => unclosed(index),
            _ => false,
        };
        let at_ms = timeline.start_unit(index) * UNIT_MS;
        let out = match place(index) {
            Place::Out => true,
            Place::Back => false,
            Place::Inside(_) | Place::Programme => continue,
        };
        if silent {
            continue;
        }
        let told = if effect == Some(Effect::CueDurations) { 2.0 * seconds } else { seconds };
        let length = if out { format!(" duration=\"{}\"", (told * 1000.0) as i64) } else { String::new() };
        let _ = write!(text, "<Event id=\"{index}\" presentationTime=\"{}\"{length}>", at_ms - start_ms);
        let pts = (at_ms * 90).rem_euclid(1 << 33);
        text.push_str(&if xml {
            signal_xml(event(index), out, seconds, pts)
        } else {
            let mut section = section(Some((event(index), out)), if out { seconds } else { 0.0 }, pts);
            section[8] ^= u8::from(effect == Some(Effect::MarkerUnreadable));
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

/// The date range of a break, where it begins or where it ends.
fn range(text: &mut String, timeline: &Timeline, index: i64, date_ms: i64, section: &[u8], seconds: f64) {
    let mut section = section.to_vec();
    if timeline.effect == Some(Effect::MarkerUnreadable) {
        section[8] ^= 1;
    }
    let hex = section.iter().fold(String::from("0x"), |hex, byte| format!("{hex}{byte:02X}"));
    let back = place(index) == Place::Back;
    let start_ms = date_ms - if back { (seconds * 1000.0).round() as i64 } else { 0 };
    let start = super::playlist::date(start_ms);
    let id = if timeline.effect == Some(Effect::BreakIdReused) { 1 } else { event(index) };
    let _ = write!(text, "#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"{start}\",PLANNED-DURATION={seconds:.3},");
    let _ =
        if back { writeln!(text, "DURATION={seconds:.3},SCTE35-IN={hex}") } else { writeln!(text, "SCTE35-OUT={hex}") };
}

/// A splice_info_section: splice_insert for an event, out or back, at 90 kHz `pts`; without one a heartbeat.
fn section(event: Option<(i64, bool)>, seconds: f64, pts: i64) -> Vec<u8> {
    let mut command = Vec::new();
    if let Some((event, out)) = event {
        command.extend((event as u32).to_be_bytes());
        command.extend([0x7f, if out { 0xef } else { 0x4f }]);
        command.extend(stamp(0xfe, pts));
        if out {
            command.extend(stamp(0x7e, (seconds * 90_000.0).round() as i64));
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

/// 33 bits behind the flags in the first byte.
fn stamp(flags: u8, ticks: i64) -> [u8; 5] {
    let bytes = ticks.rem_euclid(1 << 33).to_be_bytes();
    [flags | bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

/// ISO/IEC 13818-1 annex A.
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        let crc = crc ^ u32::from(*byte) << 24;
        (0..8).fold(crc, |crc, _| if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 })
    })
}
