//! Boxes of fragmented MP4 that stand beside the samples: event messages (`emsg`), producer reference times (`prft`)
//! and segment indexes (`sidx`). A wrong one doesn't stop playback, so their defects have their own kind.

use super::boxes::Mp4Box;
use crate::container::VALIDITY_EVENTS;
use crate::container::defects::DefectLog;
use crate::container::{EventMessage, InitSegment, Track};
use crate::defect::DefectKind;
use crate::splice;
use crate::stream::date;
use crate::units::{MediaTime, Timestamp};
use mp4_atom::{Emsg, EmsgTimestamp, Prft, Sidx};
use std::num::NonZeroU32;

/// Size in bytes of the largest `emsg`, `prft` or `sidx` that is read. An index of ten thousand parts, or a picture in
/// an ID3 tag, is larger.
pub(super) const MAX_SIDE_BOX: u64 = 128 << 10;
const MAX_EVENTS: usize = 64;
const MAX_SCHEME: usize = 128;
/// Largest number of segment indexes (`sidx`) that are compared with the boxes of one resource.
const MAX_INDEXES: usize = 16;
/// Largest number of parts that are compared of each segment index (`sidx`).
const MAX_PARTS: usize = 4096;

/// scheme_id_uri of events whose message is a splice_info_section (ANSI/SCTE 214-3).
const SCTE35: &str = "urn:scte:scte35:2013:bin";
/// scheme_id_uri of events whose message is an ID3v2 tag (AOM, Carriage of ID3 Timed Metadata in CMAF).
const ID3: &str = "https://aomedia.org/emsg/ID3";

const EVENT_CLAUSE: &str = "ISO/IEC 23009-1 5.10.3.3; ISO/IEC 23000-19 7.4.5";
const REFERENCE_TIME_CLAUSE: &str = "ISO/IEC 14496-12 8.16.5";
const INDEX_CLAUSE: &str = "ISO/IEC 14496-12 8.16.3";

/// Collects the boxes of one resource that stand beside its samples: event messages (`emsg`), producer reference times
/// (`prft`) and segment indexes (`sidx`).
#[derive(Debug, Default)]
pub(super) struct SideBoxes {
    events: Vec<PendingEvent>,
    indexes: Vec<IndexedPartEnds>,
}

/// An event message (`emsg`) whose time may depend on the start of the segment.
#[derive(Debug)]
struct PendingEvent {
    event: EventMessage,
    /// Time of the event since the earliest presentation time of the segment; `None` in version 1, which has an
    /// absolute time.
    delta: Option<MediaTime>,
}

/// The subsegments of one segment index (`sidx`) whose ends haven't been reached yet.
#[derive(Debug)]
struct IndexedPartEnds {
    offset: u64,
    /// Byte offsets at which these subsegments end, in descending order: the last item is reached next.
    ends: Vec<u64>,
}

#[must_use]
pub(super) fn is_side_box(kind: [u8; 4]) -> bool {
    matches!(&kind, b"emsg" | b"prft" | b"sidx")
}

impl SideBoxes {
    /// Reads an `emsg`, `prft` or `sidx` box. `init` is the initialization segment in force, if it is known.
    pub(super) fn read_box(&mut self, found: &Mp4Box<'_>, init: Option<&InitSegment>, defects: &mut DefectLog) {
        let (reference, problem) = match &found.kind {
            b"emsg" => (EVENT_CLAUSE, self.read_event(found, defects).err()),
            b"prft" => (REFERENCE_TIME_CLAUSE, check_reference_time(found, init).err()),
            b"sidx" => (INDEX_CLAUSE, self.read_index(found).err()),
            _ => return,
        };
        if let Some(problem) = problem {
            defects.add(DefectKind::SideBox, found.offset, reference, || found.error(problem).message);
        }
    }

    fn read_event(&mut self, found: &Mp4Box<'_>, defects: &mut DefectLog) -> Result<(), String> {
        let message: Emsg = found.decode().map_err(|error| error.message)?;
        let timescale = NonZeroU32::new(message.timescale).ok_or("has the timescale 0: its event has no time")?;
        let ticks = |ticks: u64| MediaTime::new(i64::try_from(ticks).unwrap_or(i64::MAX), timescale);
        let (time, delta) = match message.presentation_time {
            EmsgTimestamp::Absolute(time) => (Some(ticks(time)), None),
            EmsgTimestamp::Relative(delta) => (None, Some(ticks(delta.into()))),
        };
        let scheme: String = message.scheme_id_uri.chars().take(MAX_SCHEME).collect();
        let section = (scheme == SCTE35).then(|| splice::parse(&message.message_data));
        let section = section.and_then(|read| {
            let unread = |fault: &splice::SpliceError| {
                defects.add(
                    DefectKind::AdMarker,
                    found.offset,
                    "ANSI/SCTE 35, splice_info_section; ANSI/SCTE 214-3",
                    || format!("`emsg` {}: no readable splice_info_section: {fault}", message.id),
                );
            };
            read.inspect_err(unread).ok()
        });
        let untagged = scheme == ID3 && !message.message_data.starts_with(b"ID3");
        if self.events.len() < MAX_EVENTS {
            let expires = (scheme == VALIDITY_EVENTS).then(|| expiring(&message.message_data)).flatten();
            let event = EventMessage { offset: found.offset, scheme, id: message.id, time, section, expires };
            self.events.push(PendingEvent { event, delta });
        }
        if untagged {
            return Err(format!("is announced as {ID3} and its message doesn't begin with `ID3`"));
        }
        Ok(())
    }

    fn read_index(&mut self, found: &Mp4Box<'_>) -> Result<(), String> {
        let index: Sidx = found.decode().map_err(|error| error.message)?;
        if self.indexes.len() < MAX_INDEXES {
            let mut end = found.end_offset().saturating_add(effective_first_offset(&index));
            let mut ends: Vec<u64> = Vec::new();
            for part in index.references.iter().take(MAX_PARTS) {
                end = end.saturating_add(part.referenced_size.into());
                ends.push(end);
            }
            ends.reverse();
            self.indexes.push(IndexedPartEnds { offset: found.offset, ends });
        }
        if index.timescale == 0 {
            return Err("has the timescale 0: its parts have no time".to_owned());
        }
        Ok(())
    }

    /// Compares the part ends of the segment indexes with the byte offset `at`, where a box of the resource begins or
    /// the resource ends. A part that ends before `at` ends inside of a box.
    pub(super) fn check_part_ends(&mut self, at: u64, defects: &mut DefectLog) {
        for index in &mut self.indexes {
            while let Some(end) = index.ends.pop_if(|end| *end <= at) {
                if end < at {
                    defects.add(DefectKind::SideBox, index.offset, INDEX_CLAUSE, || {
                        let index_offset = index.offset;
                        format!("a part of the `sidx` at byte {index_offset} ends at byte {end}, inside of a box")
                    });
                    index.ends.clear();
                }
            }
        }
    }

    /// Reports each segment index whose last subsegment ends after byte `end`, where the resource ends. `media` is
    /// whether the resource has fragments; without them the index describes another resource, and isn't compared.
    pub(super) fn check_last_part(&mut self, end: u64, media: bool, defects: &mut DefectLog) {
        self.check_part_ends(end, defects);
        for (at, last) in self.indexes.iter().filter_map(|i| Some((i.offset, *i.ends.first()?))).filter(|_| media) {
            defects.add(DefectKind::SideBox, at, INDEX_CLAUSE, || {
                format!("the parts of the `sidx` at byte {at} end at byte {last}, the segment ends at byte {end}")
            });
        }
    }

    #[must_use]
    pub(super) fn finish(self, tracks: &[Track]) -> Vec<EventMessage> {
        let starts = tracks.iter().filter_map(|t| t.presentation_start);
        let earliest = starts.reduce(|a, b| if b.since(a).is_some_and(|later| later.0 < 0.0) { b } else { a });
        let timed = |PendingEvent { event, delta }: PendingEvent| match (delta, earliest) {
            (Some(delta), Some(earliest)) => EventMessage { time: Some(add_on_clock_of(earliest, delta)), ..event },
            _ => event,
        };
        self.events.into_iter().map(timed).collect()
    }
}

/// Returns the publishTime with which the message of a validity event begins.
fn expiring(message: &[u8]) -> Option<Timestamp> {
    let text = message.get(..message.len().min(MAX_SCHEME))?.split(|byte| *byte == 0).next()?;
    date::parse(std::str::from_utf8(text).ok()?.trim()).map(|date| date.at)
}

/// Returns the number of bytes between a `sidx` box and its first subsegment (`first_offset`). nginx-rtmp writes the
/// duration of the only subsegment into this field, and players ignore it: then 0 is returned.
fn effective_first_offset(index: &Sidx) -> u64 {
    match index.references.as_slice() {
        [only] if u64::from(only.subsegment_duration) == index.first_offset => 0,
        _ => index.first_offset,
    }
}

/// Adds `by` to `start`; the sum has the timescale of `by`.
fn add_on_clock_of(start: MediaTime, by: MediaTime) -> MediaTime {
    let from = i128::from(start.ticks) * i128::from(by.timescale().get()) / i128::from(start.timescale().get());
    let ticks = i64::try_from(from.saturating_add(by.ticks.into())).unwrap_or(i64::MAX);
    MediaTime::new(ticks, by.timescale())
}

fn check_reference_time(found: &Mp4Box<'_>, init: Option<&InitSegment>) -> Result<(), String> {
    let read: Prft = found.decode().map_err(|error| error.message)?;
    let track = read.reference_track_id;
    if let Some(init) = init.filter(|init| init.tracks.iter().all(|t| t.id != track)) {
        let known = init.tracks.iter().map(|t| t.id.to_string()).collect::<Vec<_>>().join(", ");
        return Err(format!("refers to track {track}, the initialization segment has {known}"));
    }
    if read.ntp_timestamp == 0 {
        return Err("has no time: its NTP timestamp is 0".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {

    use super::*;

    fn time(ticks: i64, timescale: u32) -> MediaTime {
        MediaTime::new(ticks, NonZeroU32::new(timescale).unwrap())
    }

    #[test]
    fn a_relative_time_is_added_on_its_own_clock() {
        assert_eq!(add_on_clock_of(time(90_000, 90_000), time(500, 1000)), time(1500, 1000));
        assert_eq!(add_on_clock_of(time(-45_000, 90_000), time(3, 10)), time(-2, 10));
        assert_eq!(add_on_clock_of(time(i64::MAX, 1), time(1, 90_000)).ticks, i64::MAX);
    }

    #[test]
    fn relative_events_count_from_the_earliest_track() {
        let pending = |time, delta| {
            let event = EventMessage { offset: 0, scheme: String::new(), id: 0, time, section: None, expires: None };
            PendingEvent { event, delta }
        };
        let boxes = || SideBoxes {
            events: vec![pending(None, Some(time(5, 10))), pending(Some(time(7, 10)), None)],
            indexes: Vec::new(),
        };
        let track = |start| Track { presentation_start: start, ..Track::new(1, None, String::new()) };
        let tracks = [track(Some(time(20, 10))), track(None), track(Some(time(1000, 1000)))];
        let times = |tracks: &[Track]| boxes().finish(tracks).into_iter().map(|e| e.time).collect::<Vec<_>>();
        assert_eq!(times(&tracks), [Some(time(15, 10)), Some(time(7, 10))]);
        assert_eq!(times(&[]), [None, Some(time(7, 10))]);
    }

    fn ends(ends: &[u64]) -> SideBoxes {
        SideBoxes { events: Vec::new(), indexes: vec![IndexedPartEnds { offset: 3, ends: ends.to_vec() }] }
    }

    #[test]
    fn parts_end_at_box_offsets_and_not_behind_the_resource() {
        let defects = |offsets: &[u64], media| {
            let (mut boxes, mut log) = (ends(&[300, 200, 100]), DefectLog::default());
            let (last, before) = offsets.split_last().unwrap();
            before.iter().for_each(|at| boxes.check_part_ends(*at, &mut log));
            boxes.check_last_part(*last, media, &mut log);
            log.finish().0.into_iter().map(|d| d.message).collect::<Vec<_>>()
        };
        assert!(defects(&[50, 100, 150, 200, 300], true).is_empty());
        assert_eq!(
            defects(&[100, 201, 300], true),
            ["a part of the `sidx` at byte 3 ends at byte 200, inside of a box"]
        );
        let past = "the parts of the `sidx` at byte 3 end at byte 300, the segment ends at byte 250";
        assert_eq!(defects(&[100, 200, 250], true), [past]);
        assert!(defects(&[100, 200, 250], false).is_empty());
    }
}
