//! Builder of a media playlist's [`Timeline`] from its well-formed lines.

use super::ad_markers::AdMarkers;
use super::defects::DefectList;
use super::lines::PlaylistLine;
use super::lint::{Statement, StatementContent};
use super::low_latency::{LowLatencyTags, PartPosition};
use super::protection::Protection;
use super::tag_values::{TagValue, start_offset};
use super::uris;
use crate::defect::DefectKind::{Syntax, SyntaxFatal};
use crate::redact::Quoted;
use crate::stream::{ByteRange, Segment, Timeline};
use crate::units::{BitsPerSecond, Seconds, Timestamp};
use std::collections::VecDeque;
use std::mem;
use url::Url;

/// Largest number of bytes of text that are kept in the segments of a timeline. Each segment has a copy of its key and
/// map, so that a long URI in a hostile playlist could be kept a hundred thousand times.
const MAX_TEXT: usize = 64 * 1024 * 1024;

pub(super) struct TimelineBuilder<'b> {
    base: &'b Url,
    /// Number of segments at the start of the playlist that count for the media sequence but are not stored, because
    /// only the newest ones are kept.
    surplus: usize,
    /// The timeline with the values of playlist-wide tags; its lists stay empty until [`TimelineBuilder::finish`].
    timeline: Timeline,
    next: PendingSegment,
    protection: Protection,
    parts: LowLatencyTags,
    /// URI of the previous segment and the end of its byte range, if it has one.
    last_range: Option<(String, u64)>,
    /// Whether an EXT-X-BYTERANGE couldn't be read since the last one with an offset, so that nobody knows where the ranges after it begin.
    ranges_unknown: bool,
    /// Number of the playlist's segments that were read so far.
    count: u64,
    discontinuities: u64,
    /// EXT-X-BITRATE in force for the next segment.
    bit_rate: Option<BitsPerSecond>,
    segments: VecDeque<Segment>,
    text: usize,
    dropped: u64,
    markers: AdMarkers,
}

/// Tags that apply to the next segment of the playlist, from the lines since the last URI.
#[derive(Default)]
struct PendingSegment {
    duration: Seconds,
    range: Option<PendingRange>,
    discontinuities: u64,
    program_date_time: Option<Timestamp>,
    gap: bool,
}

struct PendingRange {
    length: u64,
    offset: Option<u64>,
    at: (u32, u32),
}

impl<'b> TimelineBuilder<'b> {
    pub(super) fn new(base: &'b Url, surplus: usize) -> Self {
        Self {
            base,
            surplus,
            timeline: Timeline::default(),
            next: PendingSegment::default(),
            protection: Protection::default(),
            parts: LowLatencyTags::default(),
            last_range: None,
            ranges_unknown: false,
            count: 0,
            discontinuities: 0,
            bit_rate: None,
            segments: VecDeque::new(),
            text: 0,
            dropped: 0,
            markers: AdMarkers::default(),
        }
    }

    /// Reads a cue tag, which no standard defines and the lint doesn't check.
    pub(super) fn cue(&mut self, line: &PlaylistLine<'_>, defects: &mut DefectList) {
        self.markers.tag(line, self.count, defects);
    }

    pub(super) fn take(&mut self, statement: Statement<'_, '_>, defects: &mut DefectList) {
        let line = statement.line;
        match statement.content {
            StatementContent::Uri(uri) => self.segment(uri, line, defects),
            StatementContent::Tag(name, reading) => self.tag(name, reading, line, defects),
        }
    }

    fn tag<'a>(&mut self, name: &str, reading: TagValue<'a>, line: &PlaylistLine<'a>, defects: &mut DefectList) {
        match (name, reading) {
            ("EXTINF", TagValue::Duration(duration)) => self.next.duration = duration,
            ("EXT-X-BYTERANGE", TagValue::Range(length, offset)) => {
                self.next.range = Some(PendingRange { length, offset, at: line.start() });
            }
            ("EXT-X-BYTERANGE", TagValue::Unreadable) => self.ranges_unknown = true,
            ("EXT-X-DISCONTINUITY", _) => self.next.discontinuities += 1,
            ("EXT-X-PROGRAM-DATE-TIME", TagValue::Date(at)) => self.next.program_date_time = Some(at),
            ("EXT-X-BITRATE", TagValue::Integer(kilobits)) => {
                self.bit_rate = Some(BitsPerSecond(kilobits.saturating_mul(1000)));
            }
            ("EXT-X-GAP", _) => self.next.gap = true,
            ("EXT-X-KEY", TagValue::Attributes(list)) => {
                self.protection.key(&list, self.base);
                self.parts.note_key(self.count);
            }
            ("EXT-X-MAP", TagValue::Attributes(list)) => self.protection.map(&list, self.base, line, defects),
            ("EXT-X-PART", TagValue::Attributes(list)) => {
                self.parts.part(&list, self.parent(), (self.base, line), defects);
            }
            ("EXT-X-SKIP", TagValue::Attributes(list)) => {
                self.count = self.count.saturating_add(self.parts.skip(&list));
            }
            ("EXT-X-DATERANGE", TagValue::Attributes(list)) => {
                self.markers.date_range(&list, line, self.count, defects);
            }
            ("EXT-X-START", TagValue::Attributes(list)) => self.timeline.start_offset = start_offset(&list),
            (_, TagValue::Attributes(list)) => self.parts.take(name, &list, (self.base, line), defects),
            (_, reading) => self.header(name, &reading),
        }
    }

    fn parent(&self) -> PartPosition {
        let discontinuity = self.next.discontinuities > 0;
        PartPosition { place: self.count, program_date_time: self.next.program_date_time, discontinuity }
    }

    /// Reads the URI of a segment. A segment that can't be kept still counts in the media sequence.
    fn segment<'a>(&mut self, uri: &'a str, line: &PlaylistLine<'a>, defects: &mut DefectList) {
        let next = mem::take(&mut self.next);
        let number = self.count;
        self.count = self.count.saturating_add(1);
        self.discontinuities = self.discontinuities.saturating_add(next.discontinuities);
        let range = self.range(uri, next.range.as_ref(), defects);
        if self.surplus > 0 {
            self.surplus -= 1;
            self.dropped += 1;
            return;
        }
        let Some(url) = uris::resolve(self.base, uri, line, defects) else { return };
        self.push(Segment {
            number,
            after: None,
            discontinuity_sequence: self.discontinuities,
            uri: url,
            byte_range: range.map(|(length, offset)| ByteRange { offset, length }),
            duration: next.duration,
            bit_rate: self.bit_rate,
            media_start: None,
            discontinuity: next.discontinuities > 0,
            program_date_time: next.program_date_time,
            gap: next.gap,
            map: self.protection.in_force_map(),
            key: self.protection.in_force_key(),
            keys: self.protection.in_force(),
            line: line.number,
        });
    }

    /// Returns the byte range of a segment. A range without an offset begins where the range of the previous segment
    /// ended (RFC 8216bis 4.4.4.2). `None` for a segment without a usable range.
    fn range(&mut self, uri: &str, range: Option<&PendingRange>, defects: &mut DefectList) -> Option<(u64, u64)> {
        let before = self.last_range.take();
        let range = range?;
        let continued = before.filter(|(of, _)| of == uri).map(|(_, end)| end);
        self.ranges_unknown &= range.offset.is_none();
        let Some(offset) = range.offset.or(continued) else {
            if self.ranges_unknown {
                return None;
            }
            defects.add_at(
                SyntaxFatal,
                range.at,
                RANGE,
                format_args!("EXT-X-BYTERANGE gives no offset, and the segment before is no range of {}", Quoted(uri)),
            );
            return None;
        };
        let Some(end) = offset.checked_add(range.length) else {
            let what = "EXT-X-BYTERANGE ends beyond 2^64-1, carried on from the segments before";
            defects.add_at(Syntax, range.at, RANGE, format_args!("{what}"));
            return None;
        };
        self.last_range = Some((uri.to_owned(), end));
        Some((range.length, offset))
    }

    fn header(&mut self, name: &str, reading: &TagValue<'_>) {
        let timeline = &mut self.timeline;
        match (name, reading) {
            ("EXT-X-ENDLIST", TagValue::Nothing) => timeline.ended = true,
            ("EXT-X-INDEPENDENT-SEGMENTS", TagValue::Nothing) => timeline.independent_segments = true,
            ("EXT-X-I-FRAMES-ONLY", TagValue::Nothing) => timeline.i_frames_only = true,
            ("EXT-X-PLAYLIST-TYPE", TagValue::Word(word)) => timeline.playlist_type = Some((*word).to_owned()),
            ("EXT-X-VERSION", TagValue::Integer(version)) => timeline.version = u32::try_from(*version).ok(),
            ("EXT-X-TARGETDURATION", TagValue::Integer(n)) => timeline.target_duration = Some(Seconds(*n as f64)),
            ("EXT-X-MEDIA-SEQUENCE", TagValue::Integer(first)) => timeline.media_sequence = *first,
            ("EXT-X-MEDIA-SEQUENCE", TagValue::Unreadable) => timeline.unnumbered = true,
            ("EXT-X-DISCONTINUITY-SEQUENCE", TagValue::Integer(n)) => timeline.discontinuity_sequence = *n,
            _ => {}
        }
    }

    fn push(&mut self, segment: Segment) {
        self.text += text_of(&segment);
        self.segments.push_back(segment);
        while self.text > MAX_TEXT && self.segments.len() > 1 {
            let oldest = self.segments.pop_front();
            self.text -= oldest.as_ref().map_or(0, text_of);
            self.dropped += 1;
        }
    }

    pub(super) fn finish(self, defects: &mut DefectList) -> Timeline {
        if self.dropped > 0 {
            let (dropped, kept) = (self.dropped, self.segments.len());
            defects.add_at(
                Syntax,
                (1, 1),
                "RFC 8216bis 4.1",
                format_args!("too long to be kept whole: the oldest {dropped} segments were left out, {kept} stay"),
            );
        }
        let mut timeline = self.timeline;
        timeline.segments = self.segments.into();
        timeline.low_latency = self.parts.finish(timeline.media_sequence);
        if timeline.is_low_latency() {
            timeline.low_latency.map = self.protection.in_force_map();
            timeline.low_latency.key = self.protection.in_force_key();
        }
        timeline.markers = self.markers.finish(timeline.media_sequence);
        for segment in &mut timeline.segments {
            segment.number = segment.number.saturating_add(timeline.media_sequence);
            segment.after = segment.number.checked_sub(1);
            let sequence = &mut segment.discontinuity_sequence;
            *sequence = sequence.saturating_add(timeline.discontinuity_sequence);
        }
        timeline
    }
}

const RANGE: &str = "RFC 8216bis 4.4.4.2";

fn text_of(segment: &Segment) -> usize {
    let map = segment.map.as_deref().map_or(0, |m| m.uri.as_str().len());
    let key = segment.key.as_deref().map_or(0, |k| {
        let parts = [Some(&k.method), k.uri.as_ref(), k.iv.as_ref(), k.key_format.as_ref()];
        parts.into_iter().flatten().map(String::len).sum()
    });
    segment.uri.as_str().len() + map + key
}
