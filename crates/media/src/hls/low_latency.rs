//! Reader for the tags of low-latency HLS and of delivery directives, none of which `m3u8-rs` 6.0.1 knows.

use super::attribute_types;
use super::attributes::AttributeList;
use super::defects::DefectList;
use super::lines::PlaylistLine;
use super::uris;
use crate::defect::DefectKind::Syntax;
use crate::redact::Quoted;
use crate::stream::{ByteRange, HintKind, LowLatency, Part, PreloadHint, RenditionReport, ServerControl};
use crate::units::{Seconds, Timestamp};
use std::collections::VecDeque;
use url::Url;

/// Largest number of parts that are kept of one playlist: the newest ones. Packagers make at most ten parts per second,
/// and a playlist removes them after three target durations (RFC 8216bis 6.2.2).
pub(super) const MAX_PARTS: usize = 1_000;
/// Largest number of preload hints that are kept of one playlist: the first ones. A playlist should have one of each
/// TYPE (RFC 8216bis 6.2.6).
const MAX_HINTS: usize = 16;

#[derive(Default)]
pub(super) struct LowLatencyTags {
    read: LowLatency,
    parts: VecDeque<Part>,
    /// Number of the segment to which the last part belongs, and how many parts of this segment have come so far.
    open: Option<(u64, u64)>,
    /// URI of the last part and the end of its byte range, if it has one.
    range_end: Option<(String, u64)>,
}

/// Position of a part in the playlist, with the tags before it that apply to its segment.
pub(super) struct PartPosition {
    /// Number of segments that the playlist lists before the part.
    pub place: u64,
    pub program_date_time: Option<Timestamp>,
    pub discontinuity: bool,
}

impl LowLatencyTags {
    pub(super) fn take<'a>(
        &mut self,
        name: &str,
        list: &AttributeList<'a>,
        at: (&Url, &PlaylistLine<'a>),
        defects: &mut DefectList,
    ) {
        let seconds = |name| list.get(name).and_then(attribute_types::float).map(Seconds);
        match name {
            "EXT-X-PART-INF" => self.read.part_target = seconds("PART-TARGET"),
            "EXT-X-SERVER-CONTROL" => {
                self.read.control = Some(ServerControl {
                    can_block_reload: yes(list, "CAN-BLOCK-RELOAD"),
                    can_skip_until: seconds("CAN-SKIP-UNTIL"),
                    can_skip_dateranges: yes(list, "CAN-SKIP-DATERANGES"),
                    hold_back: seconds("HOLD-BACK"),
                    part_hold_back: seconds("PART-HOLD-BACK"),
                });
            }
            "EXT-X-PRELOAD-HINT" if self.read.hints.len() < MAX_HINTS => {
                self.read.hints.extend(hint(list, at, defects));
            }
            "EXT-X-RENDITION-REPORT" if self.read.reports.len() < super::MAX_RENDITIONS => {
                let (base, line) = at;
                self.read.reports.push(RenditionReport {
                    uri: list.get("URI").and_then(|uri| uris::resolve(base, uri, line, defects)),
                    last_segment: integer(list, "LAST-MSN"),
                    last_part: integer(list, "LAST-PART"),
                    line: line.number,
                });
            }
            _ => {}
        }
    }

    /// Reads an EXT-X-SKIP, and returns the number of segments that it skips.
    pub(super) fn skip(&mut self, list: &AttributeList<'_>) -> u64 {
        let skipped = integer(list, "SKIPPED-SEGMENTS");
        self.read.skipped = skipped;
        skipped.unwrap_or(0)
    }

    /// Notes an EXT-X-KEY behind `place` segments of the playlist.
    pub(super) fn note_key(&mut self, place: u64) {
        self.read.keyed_from.get_or_insert(place);
    }

    /// Reads an EXT-X-PART. A part that can't be kept still counts in the index of the next one.
    pub(super) fn part<'a>(
        &mut self,
        list: &AttributeList<'a>,
        parent: PartPosition,
        at: (&Url, &PlaylistLine<'a>),
        defects: &mut DefectList,
    ) {
        let index = match self.open {
            Some((place, count)) if place == parent.place => count,
            _ => {
                self.range_end = None;
                0
            }
        };
        self.open = Some((parent.place, index.saturating_add(1)));
        let (base, line) = at;
        let byte_range = self.range(list, line, defects);
        let (Some(duration), Some(uri)) = (list.get("DURATION").and_then(attribute_types::float), list.get("URI"))
        else {
            return;
        };
        let Some(uri) = uris::resolve(base, uri, line, defects) else { return };
        self.parts.push_back(Part {
            segment: parent.place,
            index,
            uri,
            byte_range,
            duration: Seconds(duration),
            independent: yes(list, "INDEPENDENT"),
            gap: yes(list, "GAP"),
            program_date_time: parent.program_date_time.filter(|_| index == 0),
            discontinuity: parent.discontinuity && index == 0,
            line: line.number,
        });
        if self.parts.len() > MAX_PARTS {
            self.parts.pop_front();
        }
    }

    /// Returns the byte range of a part. A range without an offset begins where the preceding part of the same segment
    /// ended (RFC 8216bis 4.4.4.9). `None` for a part without a usable range.
    fn range<'a>(
        &mut self,
        list: &AttributeList<'a>,
        line: &PlaylistLine<'a>,
        defects: &mut DefectList,
    ) -> Option<ByteRange> {
        let before = self.range_end.take();
        let (length, offset) = list.get("BYTERANGE").and_then(attribute_types::byte_range)?;
        let uri = list.get("URI")?;
        let offset = offset.or_else(|| before.filter(|(of, _)| of == uri).map(|(_, end)| end)).unwrap_or_else(|| {
            defects.add_at(
                Syntax,
                line.start(),
                "RFC 8216bis 4.4.4.9",
                format_args!("BYTERANGE gives no offset, and the part before is no range of {}", Quoted(uri)),
            );
            0
        });
        let end = offset.checked_add(length)?;
        self.range_end = Some((uri.to_owned(), end));
        Some(ByteRange { offset, length })
    }

    /// Returns the parts, hints and other low-latency tags of the playlist. The segment index of each part becomes a
    /// media sequence number; `first` is the number of the playlist's first segment.
    pub(super) fn finish(self, first: u64) -> LowLatency {
        let mut read = self.read;
        read.parts = self.parts.into();
        read.keyed_from = read.keyed_from.map(|place| place.saturating_add(first));
        for part in &mut read.parts {
            part.segment = part.segment.saturating_add(first);
        }
        read
    }
}

fn hint<'a>(
    list: &AttributeList<'a>,
    (base, line): (&Url, &PlaylistLine<'a>),
    defects: &mut DefectList,
) -> Option<PreloadHint> {
    let kind = if list.get("TYPE")? == "MAP" { HintKind::Map } else { HintKind::Part };
    let uri = uris::resolve(base, list.get("URI")?, line, defects)?;
    let start = integer(list, "BYTERANGE-START");
    Some(PreloadHint { kind, uri, start, length: integer(list, "BYTERANGE-LENGTH"), line: line.number })
}

fn yes(list: &AttributeList<'_>, name: &str) -> bool {
    list.get(name) == Some("YES")
}

fn integer(list: &AttributeList<'_>, name: &str) -> Option<u64> {
    list.get(name).and_then(attribute_types::integer)
}
