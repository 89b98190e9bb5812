//! What decoding showed of picture and sound.

use packager_media::units::{Seconds, Timestamp};
use packager_signal::{Decoded, NotDecoded};
use std::sync::Arc;

/// Whether the picture and sound of an output were decoded in this probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalFacts {
    /// Why nothing was decoded, as long as no earlier decode counts.
    pub missing: Undecoded,
    /// Time for which the result of a decode counts.
    pub valid_for: Seconds,
    /// Whether the output had its turn: something was decoded, or the attempt showed that it can't be.
    pub attempted: bool,
}

impl Default for SignalFacts {
    fn default() -> Self {
        Self { missing: Undecoded::Off, valid_for: Seconds::ZERO, attempted: false }
    }
}

/// Why the picture and sound of an output were not decoded in a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecoded {
    /// The template doesn't ask for it.
    Off,
    /// There is no ffmpeg.
    NotInstalled,
    /// There is an ffmpeg, and it doesn't run.
    Unusable,
    /// The output's first turn has not come yet.
    Waiting,
    /// No new segment was inspected.
    NoSegment,
    /// The media are encrypted for DRM.
    Encrypted,
    /// The segments are in a container that isn't decoded.
    UnknownContainer,
    /// Other decodes took the time of the output's turn.
    NoTurn,
    /// The capture took the time of the output's turn.
    NoTime,
    /// Decoding did not end in time.
    TooSlow,
    /// The segments are too large to be kept.
    TooLarge,
    /// ffmpeg got no picture, or no sound, out of the segments.
    Undecodable,
    /// ffmpeg could not decode the segments, for a reason of its own.
    Failed,
    /// ffmpeg could not be started.
    NotStarted,
}

impl Undecoded {
    /// Returns the reason in words, with what to do about it where something can be done.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Off => "nothing is decoded, because the template sets `signal: off`",
            Self::NotInstalled => "ffmpeg isn't installed; install it or set `signal: off`",
            Self::Unusable => "ffmpeg doesn't run; the exporter's log says why",
            Self::Waiting => "the channel was not decoded yet; its turn comes within `signal_interval`",
            Self::NoSegment => "no new segment was inspected, so there was nothing to decode",
            Self::Encrypted => "the media are encrypted for DRM, and can't be decoded",
            Self::UnknownContainer => "the segments are in no container that is decoded",
            Self::NoTurn => {
                "too many other outputs were to be decoded; raise --signal.max-decodes or `signal_interval`"
            }
            Self::NoTime => {
                "the probe had no time left to decode; raise the scrape timeout or the template's `timeout`"
            }
            Self::TooSlow => "decoding did not end within the time of the probe",
            Self::TooLarge => "the segments are larger than 32 MiB, and weren't kept to be decoded",
            Self::Undecodable => "ffmpeg got nothing out of the segments",
            Self::Failed => "ffmpeg could not decode the segments; it has no decoder, too little memory, or crashed",
            Self::NotStarted => "ffmpeg could not be started; the exporter's log says why",
        }
    }

    /// Returns whether it was the output's turn but nothing could be decoded, so that the turn is put off.
    #[must_use]
    pub fn is_put_off(self) -> bool {
        matches!(self, Self::NoTurn | Self::NoTime)
    }

    /// Returns whether a repeated decode would fail for the same reason, so that it isn't tried before the output's
    /// next turn.
    #[must_use]
    pub fn waits_for_next_turn(self) -> bool {
        use Undecoded::{Encrypted, Failed, TooLarge, TooSlow, Undecodable, UnknownContainer};
        matches!(self, Encrypted | UnknownContainer | TooSlow | TooLarge | Undecodable | Failed)
    }
}

impl From<&NotDecoded> for Undecoded {
    fn from(error: &NotDecoded) -> Self {
        match error {
            NotDecoded::Deadline => Self::TooSlow,
            NotDecoded::NotStarted(_) => Self::NotStarted,
            NotDecoded::Nothing(_) => Self::Undecodable,
            NotDecoded::Unable(_) | NotDecoded::Stopped(_) | NotDecoded::NothingAsked => Self::Failed,
        }
    }
}

/// What a decoder has to get out of media. `None` where that isn't known: without such a track, with a codec that not every ffmpeg decodes,
/// or where decoding can't begin with the first picture.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CodedAmount {
    /// Number of coded pictures.
    pub pictures: Option<u64>,
    /// Duration of the coded sound of one audio track.
    pub sound: Option<Seconds>,
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
    /// What a decoder has to get out of the segments.
    pub coded: CodedAmount,
    pub decoded_at: Timestamp,
    pub signal: Arc<Decoded>,
}
