//! History of a media playlist's states, or of the states of an MPD's list of segments, over several probes.

use super::uri_names::{Renaming, SAME_DATE};
use packager_media::stream::{ByteRange, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// One state of a rendition's media playlist (in DASH: of its segments in the MPD), with the times at which it was
/// first and last seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub media_sequence: u64,
    pub discontinuity_sequence: u64,
    pub target_duration: Option<Seconds>,
    pub ended: bool,
    pub window: Seconds,
    /// Whether EXT-X-DISCONTINUITY stands before the first segment of the window, which may be older than the segments
    /// that are kept here.
    pub starts_with_discontinuity: bool,
    /// The newest listed segments, oldest first, at most [`MAX_LISTED_SEGMENTS`]. Unchanged segments share their memory
    /// with the previous observation, because most of a long window stays as it was.
    pub segments: Vec<Arc<ListedSegment>>,
}

/// Largest number of segments that one observation of a playlist keeps: 25 minutes with segments of 6 s. Of a longer
/// window only the newest segments are compared.
pub(crate) const MAX_LISTED_SEGMENTS: usize = 256;

/// The properties of a listed segment that show whether it was rewritten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListedSegment {
    pub number: u64,
    /// Hash of the URI without its host, and without its query unless the template identifies segments by it. If a part
    /// changed in all URIs together, such as a session's id, its first text is hashed.
    pub uri_identity: u64,
    pub duration: Seconds,
    pub byte_range: Option<ByteRange>,
    pub program_date_time: Option<Timestamp>,
    pub discontinuity: bool,
    pub discontinuity_sequence: u64,
    /// Hash of the key's method, URI path and IV; 0 for a clear segment.
    pub key: u64,
}

impl ListedSegment {
    /// Whether two listings are of the same resource, whatever their numbers. Dates may be a little different: packagers calculate them
    /// anew.
    #[must_use]
    pub fn is_same_media(&self, other: &Self) -> bool {
        let same_date = match (self.program_date_time, other.program_date_time) {
            (Some(was), Some(is)) => Seconds::between(was, is).0.abs() <= SAME_DATE,
            _ => true,
        };
        self.uri_identity == other.uri_identity && self.byte_range == other.byte_range && same_date
    }
}

impl Observation {
    pub(super) fn of(timeline: &Timeline, at: Timestamp, query_identifies: bool, renaming: &Renaming) -> Self {
        let listed = |s: &Segment| Arc::new(remember(s, query_identifies, renaming));
        let skip = timeline.segments.len().saturating_sub(MAX_LISTED_SEGMENTS);
        Self {
            first_seen: at,
            last_seen: at,
            media_sequence: timeline.media_sequence,
            discontinuity_sequence: timeline.discontinuity_sequence,
            target_duration: timeline.target_duration,
            ended: timeline.ended,
            window: timeline.window(),
            starts_with_discontinuity: timeline.segments.first().is_some_and(|s| s.discontinuity),
            segments: timeline.segments.iter().skip(skip).map(listed).collect(),
        }
    }

    /// Returns the number of the newest listed segment; `None` for an empty list.
    #[must_use]
    pub fn last_number(&self) -> Option<u64> {
        self.segments.last().map(|s| s.number)
    }

    /// Returns whether two observations of a playlist have the same segments, sequence numbers and target duration. The
    /// times at which they were seen don't matter.
    pub(super) fn same_state(&self, other: &Self) -> bool {
        // By name, so that a new field can't be left out of the comparison.
        let Self {
            first_seen: _,
            last_seen: _,
            media_sequence,
            discontinuity_sequence,
            target_duration,
            ended,
            window,
            starts_with_discontinuity,
            segments,
        } = self;
        *media_sequence == other.media_sequence
            && *discontinuity_sequence == other.discontinuity_sequence
            && *target_duration == other.target_duration
            && *ended == other.ended
            && *window == other.window
            && *starts_with_discontinuity == other.starts_with_discontinuity
            && *segments == other.segments
    }

    /// Returns whether the observation `later` continues this one. It must list at least one of its segments, and all
    /// common segments without changes. Its oldest and newest segments must not be older than those here.
    pub(super) fn continues_in(&self, later: &Self) -> bool {
        let same = |old: &ListedSegment, new: &ListedSegment| {
            old.uri_identity == new.uri_identity
                && old.byte_range == new.byte_range
                && old.program_date_time == new.program_date_time
                && old.discontinuity_sequence == new.discontinuity_sequence
        };
        let newer = later.media_sequence >= self.media_sequence && later.last_number() >= self.last_number();
        let known = |new: &ListedSegment| self.segments.iter().find(|old| old.number == new.number).cloned();
        let mut common = later.segments.iter().filter_map(|new| Some((known(new)?, new))).peekable();
        newer && common.peek().is_some() && common.all(|(old, new)| same(&old, new))
    }

    /// Makes this observation share the memory of the segments that are equal in the observation `before`.
    pub(super) fn share(&mut self, before: &Self) {
        let mut known = before.segments.iter().peekable();
        for segment in &mut self.segments {
            while known.next_if(|k| k.number < segment.number).is_some() {}
            if let Some(same) = known.peek().filter(|k| **k == segment) {
                *segment = Arc::clone(same);
            }
        }
    }
}

fn remember(segment: &Segment, query_identifies: bool, renaming: &Renaming) -> ListedSegment {
    ListedSegment {
        number: segment.number,
        uri_identity: renaming.segment_identity(&segment.uri, query_identifies),
        duration: segment.duration,
        byte_range: segment.byte_range,
        program_date_time: segment.program_date_time,
        discontinuity: segment.discontinuity,
        discontinuity_sequence: segment.discontinuity_sequence,
        key: segment.key.as_deref().map_or(0, |key| renaming.key_identity(key, query_identifies)),
    }
}
