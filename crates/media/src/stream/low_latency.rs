use super::{ByteRange, Key, Map, Timeline};
use crate::units::{Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

/// Low-latency content and delivery directives of an HLS media playlist (RFC 8216bis 4.4.3.7, 4.4.3.8, 4.4.4.9, 4.4.5.2
/// to 4.4.5.4). All fields are empty for a playlist of regular latency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LowLatency {
    /// EXT-X-SERVER-CONTROL of the playlist; `None` without the tag.
    pub control: Option<ServerControl>,
    /// PART-TARGET of EXT-X-PART-INF: longest duration of a part. `None` without the tag.
    pub part_target: Option<Seconds>,
    /// The newest parts of the playlist, oldest first.
    pub parts: Vec<Part>,
    /// Initialization segment in force at the end of the playlist, that is for the newest part; `None` without one.
    pub map: Option<Arc<Map>>,
    /// Key in force at the end of the playlist, that is for the newest part; `None` without one.
    pub key: Option<Arc<Key>>,
    /// Number of the first segment, or of the next one, behind the first EXT-X-KEY of the playlist; `None` without the tag. The keys
    /// of a delta update's segments before it are those of the skipped segments.
    pub keyed_from: Option<u64>,
    /// EXT-X-PRELOAD-HINT tags of the playlist.
    pub hints: Vec<PreloadHint>,
    /// EXT-X-RENDITION-REPORT tags of the playlist.
    pub reports: Vec<RenditionReport>,
    /// SKIPPED-SEGMENTS of a delta update: the number of segments at the beginning of the window that it doesn't list.
    /// `None` for a full playlist.
    pub skipped: Option<u64>,
}

/// EXT-X-SERVER-CONTROL (RFC 8216bis 4.4.3.8); an attribute that is absent is `None` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerControl {
    /// Whether the server has CAN-BLOCK-RELOAD=YES: it answers blocking playlist reloads.
    pub can_block_reload: bool,
    /// CAN-SKIP-UNTIL: distance from the live edge beyond which segments may be skipped.
    pub can_skip_until: Option<Seconds>,
    /// Whether the server has CAN-SKIP-DATERANGES=YES: delta updates may leave out date ranges too.
    pub can_skip_dateranges: bool,
    /// HOLD-BACK: distance from the live edge at which players of regular latency begin.
    pub hold_back: Option<Seconds>,
    /// PART-HOLD-BACK: distance from the live edge at which low-latency players begin.
    pub part_hold_back: Option<Seconds>,
}

/// EXT-X-PART: a part of a segment, published before the whole segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Media sequence number of the segment that the part belongs to.
    pub segment: u64,
    /// Index of the part among the listed parts of its segment, from 0.
    pub index: u64,
    /// Absolute URL of the part's resource.
    pub uri: Url,
    /// Byte range of the part in its resource; `None` means the whole resource.
    pub byte_range: Option<ByteRange>,
    /// DURATION of the part.
    pub duration: Seconds,
    /// Whether the part has INDEPENDENT=YES: it contains an independent frame.
    pub independent: bool,
    /// Whether the part has GAP=YES: it isn't available.
    pub gap: bool,
    /// EXT-X-PROGRAM-DATE-TIME of the segment, set on the segment's first part only.
    pub program_date_time: Option<Timestamp>,
    /// Whether the segment has EXT-X-DISCONTINUITY; set on the segment's first part only.
    pub discontinuity: bool,
    /// Line of the EXT-X-PART tag, from 1.
    pub line: u32,
}

/// EXT-X-PRELOAD-HINT: a resource that will be listed next and may be requested now (RFC 8216bis 4.4.5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreloadHint {
    /// TYPE of the preload hint.
    pub kind: HintKind,
    /// Absolute URL of the hinted resource.
    pub uri: Url,
    /// BYTERANGE-START: first byte of the hinted range. `None` if the hint is for the whole resource.
    pub start: Option<u64>,
    /// BYTERANGE-LENGTH: number of hinted bytes. `None` if the range reaches to the end of the resource.
    pub length: Option<u64>,
    /// Line of the EXT-X-PRELOAD-HINT tag, from 1.
    pub line: u32,
}

impl PreloadHint {
    /// Returns whether the hint is for this part: the same resource and the same first byte.
    #[must_use]
    pub fn names(&self, part: &Part) -> bool {
        let start = part.byte_range.map_or(0, |range| range.offset);
        self.kind == HintKind::Part && self.uri == part.uri && self.start.unwrap_or(0) == start
    }
}

/// TYPE of EXT-X-PRELOAD-HINT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintKind {
    /// TYPE=PART: the hint is for a part.
    Part,
    /// TYPE=MAP: the hint is for an initialization segment.
    Map,
}

/// EXT-X-RENDITION-REPORT: the live edge of another rendition (RFC 8216bis 4.4.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// Absolute URL of the other rendition's playlist; `None` without a usable URI.
    pub uri: Option<Url>,
    /// LAST-MSN: media sequence number of the other rendition's last segment; `None` without it.
    pub last_segment: Option<u64>,
    /// LAST-PART: index of the other rendition's last part; `None` without it.
    pub last_part: Option<u64>,
    /// Line of the EXT-X-RENDITION-REPORT tag, from 1.
    pub line: u32,
}

impl Timeline {
    /// Returns whether the playlist is a low-latency one: it lists parts or announces their duration.
    #[must_use]
    pub fn is_low_latency(&self) -> bool {
        self.low_latency.part_target.is_some() || !self.low_latency.parts.is_empty()
    }

    /// Iterates over the parts after the newest segment that is listed as a whole, oldest first.
    pub fn open_parts(&self) -> impl DoubleEndedIterator<Item = &Part> + Clone {
        let first = self.last_number().map_or(self.media_sequence, |last| last.saturating_add(1));
        self.low_latency.parts.iter().filter(move |part| part.segment >= first)
    }
}
