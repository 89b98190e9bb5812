//! What decoding showed of picture and sound.

use packager_media::units::{Seconds, Timestamp};
use packager_signal::Decoded;
use std::sync::Arc;

/// Whether the picture and sound of an output were decoded in this probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalFacts {
    /// Reason why a check that needs decoded media can't run as long as no earlier decode counts.
    pub missing: &'static str,
    /// Time for which the result of a decode counts.
    pub valid_for: Seconds,
    /// Whether the output had its turn: something was decoded, or the attempt showed that it can't be.
    pub attempted: bool,
    /// What kept the output from being decoded in its turn; `None` otherwise.
    pub lack: Option<DecodeLack>,
}

/// What kept an output from being decoded in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeLack {
    /// The output had its turn, but other decodes or the capture took the time.
    NoTurn,
    /// The decoder could not decode the media, or not in time.
    Failed,
}

impl Default for SignalFacts {
    fn default() -> Self {
        Self { missing: "picture and sound were not decoded", valid_for: Seconds::ZERO, attempted: false, lack: None }
    }
}

/// What decoding showed of consecutive segments of one rendition.
#[derive(Debug, Clone)]
pub struct DecodedFacts {
    /// Number of the first decoded segment.
    pub first: u64,
    /// Number of the last decoded segment.
    pub last: u64,
    /// Number of the segment that plays before the first decoded one; `None` if it isn't known.
    pub after: Option<u64>,
    /// Duration of the longest decoded segment.
    pub longest_segment: Seconds,
    pub decoded_at: Timestamp,
    pub signal: Arc<Decoded>,
}
