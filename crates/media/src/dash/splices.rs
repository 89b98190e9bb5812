//! Reader for SCTE 35 in the EventStreams of an MPD (ANSI/SCTE 214-1 6.7.3). Each Event has a section as XML or in
//! Base64; its times count from the start of its Period.

use super::defect_log::DefectLog;
use super::model::{EventStream, Mpd, MpdEvent, Period};
use super::values::{attribute, is};
use crate::redact::Quoted;
use crate::splice::{self, SpliceCue, SpliceDirection, SpliceSection};
use crate::stream::ads::{AdRange, AdSource, Marker, MarkerKind, TimedSection, merge_range};
use crate::units::{MediaTime, Seconds, Timestamp};
use roxmltree::Node;

const SCHEME: &str = "urn:scte:scte35:";
const SIGNAL: &str = "ANSI/SCTE 214-1 6.7.3; ANSI/SCTE 35";
/// Largest number of elements that are searched in one SCTE 35 signal.
const MAX_ELEMENTS: usize = 64;
const MAX_CUES: usize = 16;

/// Returns whether the scheme of an EventStream or of an `emsg` box is that of SCTE 35, in any of its forms and in any
/// case of letters.
#[must_use]
pub fn is_scte35(scheme: &str) -> bool {
    scheme.get(..SCHEME.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(SCHEME))
}

/// Returns the SCTE 35 section of an Event. `None` if it can't be read, which is logged as a defect.
pub(super) fn section(event: Node<'_, '_>, scheme: &str, log: &mut DefectLog<'_>) -> Option<SpliceSection> {
    let inside = |name: &'static str| event.descendants().take(MAX_ELEMENTS).find(move |node| is(*node, name));
    let read = match (inside("Binary"), inside("SpliceInfoSection")) {
        (Some(binary), _) => decode_base64(binary.text().unwrap_or_default()),
        (None, Some(section)) => parse_xml(section),
        (None, None) if scheme.ends_with("bin") && !scheme.ends_with("xml+bin") => {
            decode_base64(attribute(event, "messageData").or(event.text()).unwrap_or_default())
        }
        (None, None) => Err("has neither a Binary nor a SpliceInfoSection".to_owned()),
    };
    read.map_err(|why| log.marker(event, SIGNAL, format_args!("this Event of {} {why}", Quoted(scheme)))).ok()
}

fn decode_base64(text: &str) -> Result<SpliceSection, String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).take(2 * splice::MAX_SECTION_LENGTH).collect();
    let bytes = splice::decode_base64(&text).ok_or_else(|| format!("has {}, which is no Base64", Quoted(&text)))?;
    splice::parse(&bytes).map_err(|fault| format!("has no readable splice_info_section: {fault}"))
}

/// Parses the XML form of an SCTE 35 section (ANSI/SCTE 35 11).
fn parse_xml(node: Node<'_, '_>) -> Result<SpliceSection, String> {
    let within = || node.descendants().take(MAX_ELEMENTS);
    let adjustment = optional(node, "ptsAdjustment")?.unwrap_or(0);
    let mut section = SpliceSection { command_type: Some(0), splice_time: None, cues: Vec::new() };
    for one in within().filter(|n| is(*n, "SpliceInsert") && !flag(*n, "spliceEventCancelIndicator")) {
        section.command_type = Some(0x05);
        let length = one.children().find(|n| is(*n, "BreakDuration"));
        let duration = length.map(|l| optional(l, "duration")).transpose()?.flatten();
        let out = attribute(one, "outOfNetworkIndicator").ok_or("has a SpliceInsert without outOfNetworkIndicator")?;
        section.cues.push(SpliceCue {
            event_id: optional(one, "spliceEventId")?.unwrap_or(0),
            direction: if truth(out) { SpliceDirection::Out } else { SpliceDirection::In },
            duration: duration.and_then(splice::duration_from_ticks),
            auto_return: length.map(|l| flag(l, "autoReturn")),
        });
    }
    if within().any(|n| is(n, "TimeSignal")) {
        section.command_type = Some(0x06);
    }
    for one in within().filter(|n| is(*n, "SegmentationDescriptor") && !flag(*n, "segmentationEventCancelIndicator")) {
        let Some(turn) = optional(one, "segmentationTypeId")?.and_then(splice::segmentation_direction) else {
            continue;
        };
        let duration: Option<u64> = optional(one, "segmentationDuration")?;
        section.cues.push(SpliceCue {
            event_id: optional(one, "segmentationEventId")?.unwrap_or(0),
            direction: turn,
            duration: duration.and_then(splice::duration_from_ticks),
            auto_return: None,
        });
    }
    section.cues.truncate(MAX_CUES);
    let time = within().find(|n| is(*n, "SpliceTime")).map(|t| optional::<u64>(t, "ptsTime")).transpose()?.flatten();
    section.splice_time = time.map(|t| MediaTime::mpeg(t.wrapping_add(adjustment)));
    Ok(section)
}

fn optional<T: std::str::FromStr>(node: Node<'_, '_>, name: &'static str) -> Result<Option<T>, String> {
    let Some(text) = attribute(node, name) else { return Ok(None) };
    let number = text.parse().ok();
    number.map(Some).ok_or_else(|| format!("has the {name} {}, which is no whole number in its range", Quoted(text)))
}

fn flag(node: Node<'_, '_>, name: &str) -> bool {
    attribute(node, name).is_some_and(truth)
}

fn truth(text: &str) -> bool {
    text == "1" || text == "true"
}

/// Returns the ad markers of a live MPD. The number of each marker is its start in milliseconds since the beginning of
/// the presentation, as the numbers of segments are.
pub(super) fn markers(mpd: &Mpd) -> Vec<Marker> {
    let Some(start) = mpd.availability_start.filter(|_| mpd.dynamic) else { return Vec::new() };
    let mut ranges: Vec<AdRange> = Vec::new();
    for period in &mpd.periods {
        for stream in period.events.iter().filter(|stream| is_scte35(&stream.scheme)) {
            let sections = stream.events.iter().filter_map(|event| timed_section(start, period, stream, event));
            sections.flat_map(|section| section.ranges()).for_each(|range| merge_range(&mut ranges, range));
        }
    }
    let marker = |range: AdRange| {
        let at = range.start.or(range.end).map(|at| Seconds::between(start, at).0);
        let number = (at.unwrap_or_default() * 1000.0).max(0.0).round() as u64;
        Marker { number, line: range.line, kind: MarkerKind::Range(Box::new(range)) }
    };
    ranges.into_iter().map(marker).collect()
}

/// Returns the SCTE 35 section of an Event with its time; `None` if the event has none or the start of its Period is
/// unknown.
fn timed_section<'e>(
    start: Timestamp,
    period: &Period,
    stream: &EventStream,
    event: &'e MpdEvent,
) -> Option<TimedSection<'e>> {
    let seconds = |ticks: i128| Seconds(ticks as f64 / f64::from(stream.timescale.get()));
    let since = seconds(i128::from(event.time) - i128::from(stream.presentation_time_offset));
    Some(TimedSection {
        source: AdSource::Event,
        at: (period.start? + since).after(start),
        duration: event.duration.filter(|d| *d > 0).map(|d| seconds(d.into())),
        section: event.section.as_deref()?,
        line: event.line,
    })
}
