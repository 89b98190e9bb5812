use super::{ByteRange, Key, Map, Timeline};
use crate::units::{Seconds, Timestamp};
use url::Url;

/// What a media playlist says of low latency and of how it may be asked for (RFC 8216bis 4.4.3.7, 4.4.3.8, 4.4.4.9,
/// 4.4.5.2 to 4.4.5.4). All of it is empty in a playlist of regular latency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LowLatency {
    /// EXT-X-SERVER-CONTROL.
    pub control: Option<ServerControl>,
    /// PART-TARGET: no part is longer.
    pub part_target: Option<Seconds>,
    /// Oldest first: the newest of those listed.
    pub parts: Vec<Part>,
    /// The initialization section and the key in force at the end of the playlist: those of the newest part's segment.
    pub map: Option<Map>,
    pub key: Option<Key>,
    pub hints: Vec<PreloadHint>,
    pub reports: Vec<RenditionReport>,
    /// SKIPPED-SEGMENTS: this is a delta update, whose segments begin that many later than its window.
    pub skipped: Option<u64>,
}

/// EXT-X-SERVER-CONTROL; an attribute that isn't there is `None` or false.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerControl {
    pub can_block_reload: bool,
    pub can_skip_until: Option<Seconds>,
    pub can_skip_dateranges: bool,
    pub hold_back: Option<Seconds>,
    pub part_hold_back: Option<Seconds>,
}

/// EXT-X-PART: a piece of a segment, published before the whole of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Media sequence number of the segment it is a piece of.
    pub segment: u64,
    /// Its place in that segment as listed, from 0.
    pub index: u64,
    pub uri: Url,
    pub byte_range: Option<ByteRange>,
    pub duration: Seconds,
    pub independent: bool,
    pub gap: bool,
    /// Of the first part of a segment: that segment's EXT-X-PROGRAM-DATE-TIME and EXT-X-DISCONTINUITY.
    pub program_date_time: Option<Timestamp>,
    pub discontinuity: bool,
    /// Line of its tag, from 1.
    pub line: u32,
}

/// EXT-X-PRELOAD-HINT: what will be listed next, and may be asked for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreloadHint {
    pub kind: HintKind,
    pub uri: Url,
    /// First byte of a resource that grows; `None`: it is a resource of its own.
    pub start: Option<u64>,
    pub length: Option<u64>,
    pub line: u32,
}

impl PreloadHint {
    /// It hints this very part.
    #[must_use]
    pub fn names(&self, part: &Part) -> bool {
        let start = part.byte_range.map_or(0, |range| range.offset);
        self.kind == HintKind::Part && self.uri == part.uri && self.start.unwrap_or(0) == start
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintKind {
    Part,
    Map,
}

/// EXT-X-RENDITION-REPORT: where the live edge of another rendition is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    pub uri: Option<Url>,
    pub last_segment: Option<u64>,
    pub last_part: Option<u64>,
    pub line: u32,
}

impl Timeline {
    /// It lists parts, or says how long they are.
    #[must_use]
    pub fn is_low_latency(&self) -> bool {
        self.low_latency.part_target.is_some() || !self.low_latency.parts.is_empty()
    }

    /// The parts of the segment that isn't listed as a whole yet, oldest first.
    pub fn open_parts(&self) -> impl DoubleEndedIterator<Item = &Part> + Clone {
        let first = self.last_number().map_or(self.media_sequence, |last| last.saturating_add(1));
        self.low_latency.parts.iter().filter(move |part| part.segment >= first)
    }
}
