//! Facts about a segment that was requested while it was being made (chunked low latency of DASH).

use super::Fetched;
use packager_media::dash::GrowingSegment;
use packager_media::units::{Seconds, Timestamp};

/// The newest segment of a rendition, requested from the time on that the MPD promises it, and followed until the pace of
/// its chunks was seen. Times are by the MPD's clock.
#[derive(Debug, Clone)]
pub struct GrowingSegmentFacts {
    pub promised: GrowingSegment,
    /// Time of the first request.
    pub asked_at: Timestamp,
    /// Number of requests that were refused with a 4xx before the last one.
    pub refused: u32,
    /// The answer to the last request. What was left unread of its body, because enough chunks had arrived, doesn't make it
    /// incomplete.
    pub fetched: Fetched,
    /// Time from the first request until the last answer was given up or had ended.
    pub watched: Seconds,
    /// The chunks that arrived whole, in their order. Empty for a container without chunks.
    pub chunks: Vec<ChunkArrival>,
}

/// Arrival of one chunk (movie fragment with its media data).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChunkArrival {
    /// Time from the first request for the segment to the arrival of the chunk's last byte.
    pub arrived: Seconds,
    /// Media time from the start of the segment to the end of the chunk.
    pub end: Seconds,
}

/// Shortest and longest time in seconds between two requests for a segment that was refused.
const RETRY: (f64, f64) = (0.1, 0.5);

impl GrowingSegmentFacts {
    /// Time between the promise of the segment and its completion, in which it grows.
    #[must_use]
    pub fn growth(&self) -> Seconds {
        Seconds::between(self.promised.available, self.promised.complete)
    }

    /// Whether the last request was refused with a 4xx.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.fetched.result.as_ref().is_ok_and(|e| (400..500).contains(&e.status))
    }

    /// Pause between two requests for the segment after a refusal.
    #[must_use]
    pub fn retry_pause(&self) -> Seconds {
        Seconds((self.growth().0 / 4.0).clamp(RETRY.0, RETRY.1))
    }

    /// Time from the promise to the end of the last request.
    #[must_use]
    pub fn watched_since_promise(&self) -> Seconds {
        Seconds::between(self.promised.available, self.watched.after(self.asked_at))
    }
}
