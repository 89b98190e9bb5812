use packager_media::stream::{ByteRange, Key, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use url::Url;

/// One state of a media playlist, and the time over which it was seen unchanged.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub media_sequence: u64,
    pub discontinuity_sequence: u64,
    pub target_duration: Option<Seconds>,
    pub ended: bool,
    pub window: Seconds,
    /// EXT-X-DISCONTINUITY stands before the window's first segment, which may be older than those remembered.
    pub starts_with_discontinuity: bool,
    /// The newest segments, oldest first, at most [`MAX_REMEMBERED_SEGMENTS`]. Shared with the observation before:
    /// of a long window most stays as it was.
    pub segments: Vec<Arc<Remembered>>,
}

/// Enough for 25 minutes of 6 s segments; a longer window is compared at its live end only.
pub const MAX_REMEMBERED_SEGMENTS: usize = 256;

/// A listed segment, as much of it as is needed to see that it was rewritten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Remembered {
    pub number: u64,
    /// [`identity`] of the URI.
    pub identity: u64,
    pub duration: Seconds,
    pub byte_range: Option<ByteRange>,
    pub program_date_time: Option<Timestamp>,
    pub discontinuity: bool,
    pub discontinuity_sequence: u64,
    /// Hash of key method, URI path and IV; 0 for a clear segment.
    pub key: u64,
}

impl Observation {
    pub(super) fn of(timeline: &Timeline, at: Timestamp, query_identifies: bool) -> Self {
        let skip = timeline.segments.len().saturating_sub(MAX_REMEMBERED_SEGMENTS);
        Self {
            first_seen: at,
            last_seen: at,
            media_sequence: timeline.media_sequence,
            discontinuity_sequence: timeline.discontinuity_sequence,
            target_duration: timeline.target_duration,
            ended: timeline.ended,
            window: timeline.window(),
            starts_with_discontinuity: timeline.segments.first().is_some_and(|s| s.discontinuity),
            segments: timeline.segments.iter().skip(skip).map(|s| Arc::new(remember(s, query_identifies))).collect(),
        }
    }

    /// Number of the newest listed segment.
    #[must_use]
    pub fn last_number(&self) -> Option<u64> {
        self.segments.last().map(|s| s.number)
    }

    /// The same playlist, whenever it was seen.
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

    /// Holds what `before` holds already only once.
    pub(super) fn share(&mut self, before: &Self) {
        let Some(first) = before.segments.first().map(|s| s.number) else { return };
        for segment in &mut self.segments {
            let place = segment.number.checked_sub(first).and_then(|n| usize::try_from(n).ok());
            if let Some(known) = place.and_then(|n| before.segments.get(n)).filter(|known| *known == segment) {
                *segment = Arc::clone(known);
            }
        }
    }
}

fn remember(segment: &Segment, query_identifies: bool) -> Remembered {
    Remembered {
        number: segment.number,
        identity: identity(&segment.uri, query_identifies),
        duration: segment.duration,
        byte_range: segment.byte_range,
        program_date_time: segment.program_date_time,
        discontinuity: segment.discontinuity,
        discontinuity_sequence: segment.discontinuity_sequence,
        key: segment.key.as_ref().map_or(0, |key| key_identity(key, query_identifies)),
    }
}

/// What tells one segment's URI from another's: its path. The host may be another CDN node's after a redirect,
/// and query strings carry tokens that change on every request, so neither counts; the query does where
/// `query_identifies`.
#[must_use]
pub fn identity(uri: &Url, query_identifies: bool) -> u64 {
    let mut hash = DefaultHasher::new();
    uri.path().hash(&mut hash);
    if query_identifies {
        uri.query().hash(&mut hash);
    }
    hash.finish()
}

fn key_identity(key: &Key, query_identifies: bool) -> u64 {
    let mut hash = DefaultHasher::new();
    let uri = key.uri.as_deref().unwrap_or_default();
    let path = if query_identifies { uri } else { uri.split('?').next().unwrap_or_default() };
    (&key.method, path, &key.iv).hash(&mut hash);
    hash.finish()
}
