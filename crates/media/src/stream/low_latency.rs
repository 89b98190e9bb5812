use super::{ByteRange, Key, Map, Timeline};
use crate::units::{Seconds, Timestamp};
use url::Url;

/// Low-latency content and delivery directives of a media playlist (RFC 8216bis 4.4.3.7, 4.4.3.8, 4.4.4.9, 4.4.5.2 to 4.4.5.4).
/// Everything is empty for a playlist of regular latency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LowLatency {
    /// EXT-X-SERVER-CONTROL; `None` without the tag.
    pub control: Option<ServerControl>,
    /// PART-TARGET, the longest duration of a part.
    pub part_target: Option<Seconds>,
    /// The newest of the listed parts, oldest first.
    pub parts: Vec<Part>,
    /// Initialization section in force at the end of the playlist: that of the newest part's segment.
    pub map: Option<Map>,
    /// Key in force at the end of the playlist: that of the newest part's segment.
    pub key: Option<Key>,
    /// EXT-X-PRELOAD-HINT tags.
    pub hints: Vec<PreloadHint>,
    /// EXT-X-RENDITION-REPORT tags.
    pub reports: Vec<RenditionReport>,
    /// SKIPPED-SEGMENTS of a delta update: its list begins that many segments after the beginning of its window. `None` for a
    /// full playlist.
    pub skipped: Option<u64>,
}

/// EXT-X-SERVER-CONTROL (RFC 8216bis 4.4.3.8); an absent attribute is `None` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerControl {
    /// CAN-BLOCK-RELOAD=YES.
    pub can_block_reload: bool,
    /// CAN-SKIP-UNTIL: distance from the live edge beyond which segments may be skipped.
    pub can_skip_until: Option<Seconds>,
    /// CAN-SKIP-DATERANGES=YES.
    pub can_skip_dateranges: bool,
    /// HOLD-BACK: distance from the live edge at which players begin.
    pub hold_back: Option<Seconds>,
    /// PART-HOLD-BACK: the same distance for low-latency players.
    pub part_hold_back: Option<Seconds>,
}

/// EXT-X-PART: a piece of a segment, published before the whole of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Media sequence number of the segment it is a piece of.
    pub segment: u64,
    /// Index of the part among the listed parts of its segment, from 0.
    pub index: u64,
    /// Absolute URL of its resource.
    pub uri: Url,
    /// Bytes of the resource; `None`: all of it.
    pub byte_range: Option<ByteRange>,
    /// DURATION.
    pub duration: Seconds,
    /// INDEPENDENT=YES: the part has an independent frame.
    pub independent: bool,
    /// GAP=YES: the part isn't available.
    pub gap: bool,
    /// EXT-X-PROGRAM-DATE-TIME of the segment, on its first part only.
    pub program_date_time: Option<Timestamp>,
    /// EXT-X-DISCONTINUITY of the segment, on its first part only.
    pub discontinuity: bool,
    /// Line of its tag, from 1.
    pub line: u32,
}

/// EXT-X-PRELOAD-HINT: a resource that will be listed next and may be requested now (RFC 8216bis 4.4.5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreloadHint {
    /// TYPE.
    pub kind: HintKind,
    /// Absolute URL of the resource.
    pub uri: Url,
    /// BYTERANGE-START: first byte in a resource that grows; `None`: the hint is for the whole resource.
    pub start: Option<u64>,
    /// BYTERANGE-LENGTH; `None`: up to the end of the resource.
    pub length: Option<u64>,
    /// Line of the tag, from 1.
    pub line: u32,
}

impl PreloadHint {
    /// Whether the hint is for this part: the same resource and the same first byte.
    #[must_use]
    pub fn names(&self, part: &Part) -> bool {
        let start = part.byte_range.map_or(0, |range| range.offset);
        self.kind == HintKind::Part && self.uri == part.uri && self.start.unwrap_or(0) == start
    }
}

/// TYPE of EXT-X-PRELOAD-HINT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintKind {
    /// TYPE=PART.
    Part,
    /// TYPE=MAP: an initialization section.
    Map,
}

/// EXT-X-RENDITION-REPORT: the live edge of another rendition (RFC 8216bis 4.4.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// Absolute URL of the other rendition's playlist; `None` without a usable URI.
    pub uri: Option<Url>,
    /// LAST-MSN: media sequence number of its last segment.
    pub last_segment: Option<u64>,
    /// LAST-PART: index of its last part.
    pub last_part: Option<u64>,
    /// Line of the tag, from 1.
    pub line: u32,
}

impl Timeline {
    /// Whether the playlist is one of low latency: it lists parts or announces their duration.
    #[must_use]
    pub fn is_low_latency(&self) -> bool {
        self.low_latency.part_target.is_some() || !self.low_latency.parts.is_empty()
    }

    /// The parts after the newest segment that is listed as a whole, oldest first.
    pub fn open_parts(&self) -> impl DoubleEndedIterator<Item = &Part> + Clone {
        let first = self.last_number().map_or(self.media_sequence, |last| last.saturating_add(1));
        self.low_latency.parts.iter().filter(move |part| part.segment >= first)
    }
}
