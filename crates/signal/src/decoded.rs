//! What a decode found.

use std::time::Duration;

use crate::picture::{Pictures, Thumbnail};
use crate::sound::Sound;

/// The result of one decode. If pictures and sound were asked for and one of them failed, the result has the other, and the
/// error of the one that failed.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    /// The measures of the pictures. `None` if none were asked for or none could be decoded.
    pub pictures: Option<Pictures>,
    /// Why no pictures were decoded although they were asked for. `None` if they were decoded or weren't asked for.
    pub pictures_failed: Option<NotDecoded>,
    /// The measures of each audio stream, in the order of the container; at most 8. Empty if sound wasn't asked for or
    /// none could be decoded.
    pub sounds: Vec<Sound>,
    /// Why no sound was decoded although it was asked for. `None` if it was decoded or wasn't asked for.
    pub sound_failed: Option<NotDecoded>,
    /// A JPEG of the newest picture. `None` if it wasn't asked for or no picture could be decoded.
    pub thumbnail: Option<Thumbnail>,
    /// The CPU time of ffmpeg and of the analysis together.
    pub cpu: Duration,
    /// Warnings and errors of ffmpeg: at most 4 kB of printable text, for logs and reports.
    pub messages: String,
    /// Whether the decode was stopped at its bound of frames, samples or messages. What was decoded before is valid.
    pub cut: bool,
}

/// Why nothing was decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDecoded {
    /// Decoding took longer than the deadline allows. The process was killed.
    #[error("decoding did not finish before the deadline of the probe")]
    Deadline,
    /// ffmpeg ended without a picture or a sample. The text is its last error.
    #[error("ffmpeg decoded nothing: {0}")]
    Nothing(String),
    /// ffmpeg ended without a picture or a sample because it lacks a decoder or memory: the media aren't to blame. The text is its
    /// last error.
    #[error("ffmpeg can't decode such media: {0}")]
    Unable(String),
    /// ffmpeg exceeded its limit of CPU time or memory, or crashed.
    #[error("ffmpeg was stopped by {0}")]
    Stopped(String),
    /// The process could not be started.
    #[error("ffmpeg did not start: {0}")]
    NotStarted(String),
    /// The request asks for nothing that the container can have.
    #[error("nothing to decode: neither pictures nor sound were asked for, or the container has none")]
    NothingAsked,
}
