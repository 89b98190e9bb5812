//! Boxes beside the media: event messages (`emsg`), producer reference times (`prft`), and segment indexes (`sidx`).
//! Players play on where one is wrong, so what breaks a rule is told apart from the container's own structure.

use super::boxes::Boxed;
use crate::container::defects::Defects;
use crate::container::{Event, Init, Track};
use crate::defect::DefectKind;
use crate::splice;
use crate::units::MediaTime;
use mp4_atom::{Emsg, EmsgTimestamp, Prft, Sidx};
use std::num::NonZeroU32;

/// A larger box isn't read: an index of ten thousand parts, or a picture in an ID3 tag.
pub const BUFFER_MAX: u64 = 128 << 10;
const MAX_EVENTS: usize = 64;
const MAX_SCHEME: usize = 128;
/// Indexes looked at of one resource, and ends of parts of each.
const MAX_INDEXES: usize = 16;
const MAX_PARTS: usize = 4096;

/// ANSI/SCTE 214-3: the message is a splice_info_section.
const SCTE35: &str = "urn:scte:scte35:2013:bin";
/// Carriage of ID3 timed metadata in CMAF (AOM): the message is an ID3v2 tag.
const ID3: &str = "https://aomedia.org/emsg/ID3";

const EVENT: &str = "ISO/IEC 23009-1 5.10.3.3; ISO/IEC 23000-19 7.4.5";
const REFERENCE: &str = "ISO/IEC 14496-12 8.16.5";
const INDEX: &str = "ISO/IEC 14496-12 8.16.3";

#[derive(Debug, Default)]
pub struct Beside {
    events: Vec<Message>,
    indexes: Vec<Parts>,
}

/// An event whose time may depend on where the segment begins.
#[derive(Debug)]
struct Message {
    event: Event,
    /// From the segment's earliest presentation time on (version 0).
    delta: Option<MediaTime>,
}

/// Where the parts of an index end that the resource hasn't come to.
#[derive(Debug)]
struct Parts {
    at: u64,
    /// From the last to the first.
    ends: Vec<u64>,
}

#[must_use]
pub fn wanted(kind: [u8; 4]) -> bool {
    matches!(&kind, b"emsg" | b"prft" | b"sidx")
}

impl Beside {
    /// `init`: the initialization segment in force, where it is known.
    pub fn read(&mut self, found: &Boxed<'_>, init: Option<&Init>, defects: &mut Defects) {
        let (reference, problem) = match &found.kind {
            b"emsg" => (EVENT, self.event(found, defects).err()),
            b"prft" => (REFERENCE, reference_time(found, init).err()),
            b"sidx" => (INDEX, self.index(found).err()),
            _ => return,
        };
        if let Some(problem) = problem {
            defects.add(DefectKind::SideBox, found.at, reference, || found.fault(problem).message);
        }
    }

    fn event(&mut self, found: &Boxed<'_>, defects: &mut Defects) -> Result<(), String> {
        let message: Emsg = found.leaf().map_err(|fault| fault.message)?;
        let timescale = NonZeroU32::new(message.timescale).ok_or("has the timescale 0: its event has no time")?;
        let ticks = |ticks: u64| MediaTime::new(i64::try_from(ticks).unwrap_or(i64::MAX), timescale);
        let (time, delta) = match message.presentation_time {
            EmsgTimestamp::Absolute(time) => (Some(ticks(time)), None),
            EmsgTimestamp::Relative(delta) => (None, Some(ticks(delta.into()))),
        };
        let scheme: String = message.scheme_id_uri.chars().take(MAX_SCHEME).collect();
        let section = (scheme == SCTE35).then(|| splice::parse(&message.message_data));
        let section = section.and_then(|read| {
            let unread = |fault: &splice::Fault| {
                defects.add(
                    DefectKind::AdMarker,
                    found.at,
                    "ANSI/SCTE 35, splice_info_section; ANSI/SCTE 214-3",
                    || format!("`emsg` {}: no readable splice_info_section: {fault}", message.id),
                );
            };
            read.inspect_err(unread).ok()
        });
        let untagged = scheme == ID3 && !message.message_data.starts_with(b"ID3");
        if self.events.len() < MAX_EVENTS {
            let event = Event { at: found.at, scheme, id: message.id, time, section };
            self.events.push(Message { event, delta });
        }
        if untagged {
            return Err(format!("is announced as {ID3} and its message doesn't begin with `ID3`"));
        }
        Ok(())
    }

    fn index(&mut self, found: &Boxed<'_>) -> Result<(), String> {
        let index: Sidx = found.leaf().map_err(|fault| fault.message)?;
        if self.indexes.len() < MAX_INDEXES {
            let mut end = found.end().saturating_add(first_offset(&index));
            let mut ends: Vec<u64> = Vec::new();
            for part in index.references.iter().take(MAX_PARTS) {
                end = end.saturating_add(part.referenced_size.into());
                ends.push(end);
            }
            ends.reverse();
            self.indexes.push(Parts { at: found.at, ends });
        }
        if index.timescale == 0 {
            return Err("has the timescale 0: its parts have no time".to_owned());
        }
        Ok(())
    }

    /// A box of the resource begins, or the resource ends: no part ended before without one.
    pub fn reached(&mut self, at: u64, defects: &mut Defects) {
        for index in &mut self.indexes {
            while let Some(end) = index.ends.pop_if(|end| *end <= at) {
                if end < at {
                    defects.add(DefectKind::SideBox, index.at, INDEX, || {
                        let place = index.at;
                        format!(
                            "the `sidx` at byte {place} says that a part ends at byte {end}, which is inside of a box"
                        )
                    });
                    index.ends.clear();
                }
            }
        }
    }

    /// The resource ended at `end`, between two boxes. `media`: it has fragments; an index by itself is of another resource.
    pub fn ended(&mut self, end: u64, media: bool, defects: &mut Defects) {
        self.reached(end, defects);
        for (at, last) in self.indexes.iter().filter_map(|i| Some((i.at, *i.ends.first()?))).filter(|_| media) {
            defects.add(DefectKind::SideBox, at, INDEX, || {
                format!(
                    "the `sidx` at byte {at} says that its parts end at byte {last}, the segment ends at byte {end}"
                )
            });
        }
    }

    #[must_use]
    pub fn finish(self, tracks: &[Track]) -> Vec<Event> {
        let starts = tracks.iter().filter_map(|t| t.presentation_start);
        let earliest = starts.reduce(|a, b| if b.since(a).is_some_and(|later| later.0 < 0.0) { b } else { a });
        let timed = |Message { event, delta }: Message| match (delta, earliest) {
            (Some(delta), Some(earliest)) => Event { time: Some(later(earliest, delta)), ..event },
            _ => event,
        };
        self.events.into_iter().map(timed).collect()
    }
}

/// Bytes between the index and its first part. nginx-rtmp writes the part's duration there; what is live is played without.
fn first_offset(index: &Sidx) -> u64 {
    match index.references.as_slice() {
        [only] if u64::from(only.subsegment_duration) == index.first_offset => 0,
        _ => index.first_offset,
    }
}

/// On the clock of `by`, which may be another than the track's.
fn later(start: MediaTime, by: MediaTime) -> MediaTime {
    let from = i128::from(start.ticks) * i128::from(by.timescale().get()) / i128::from(start.timescale().get());
    let ticks = i64::try_from(from.saturating_add(by.ticks.into())).unwrap_or(i64::MAX);
    MediaTime::new(ticks, by.timescale())
}

fn reference_time(found: &Boxed<'_>, init: Option<&Init>) -> Result<(), String> {
    let read: Prft = found.leaf().map_err(|fault| fault.message)?;
    let track = read.reference_track_id;
    if let Some(init) = init.filter(|init| init.tracks.iter().all(|t| t.id != track)) {
        let known = init.tracks.iter().map(|t| t.id.to_string()).collect::<Vec<_>>().join(", ");
        return Err(format!("tells the time of track {track}, the initialization segment has {known}"));
    }
    if read.ntp_timestamp == 0 {
        return Err("has no time: its NTP timestamp is 0".to_owned());
    }
    Ok(())
}
