//! Measures of decoded sound.

use crate::span::Span;

mod pool;
mod avi;
mod position;
mod listener;
mod reader;

pub use pool::LoudnessPool;

pub(crate) use reader::{SoundMeasurements, read};

/// The largest number of audio streams that are decoded.
pub(crate) const MOST_STREAMS: usize = 8;
/// The largest number of channels of a stream.
const MOST_CHANNELS: usize = 16;

/// What the decoded samples of one audio stream show. All times are seconds since its first sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// The number of the stream, one of [`crate::Coded::audio_streams`]. `None` if that list is empty.
    pub stream: Option<u32>,
    /// Samples a second of each channel.
    pub sample_rate: u32,
    /// The decoded duration in seconds.
    pub duration: f64,
    /// Seconds in which a channel other than the low-frequency effects had sound.
    pub sounding: f64,
    /// The channels in the stream's order; at most 16.
    pub channels: Vec<Channel>,
    /// Spans in which every channel was below −60 dBFS (RMS of 50 ms). A span that touches the start or the end is
    /// listed however short it is; any other span has at least 0.5 s.
    pub silent: Vec<Span>,
    /// The share of samples that are clipped, of the channel that clips most: runs of at least 4 consecutive samples of one
    /// sign within 0.2 dB of full scale or above it. From 0 to 1: overdriven sound has more than 0.1, the output of a hard limiter
    /// less than 0.01.
    pub clipped: f64,
    /// The largest momentary loudness (400 ms, ITU-R BS.1770) in LUFS. `None` for sound that is shorter, or silent.
    pub momentary_max: Option<f64>,
    /// The largest short-term loudness (3 s, EBU Tech 3341) in LUFS. `None` for sound that is shorter, or silent.
    pub short_term_max: Option<f64>,
    /// The largest true peak of all channels in dBTP (ITU-R BS.1770 annex 2). `None` for digital silence.
    pub true_peak: Option<f64>,
    /// The loudness of each 400 ms block in LUFS, one every 100 ms (ITU-R BS.1770): blocks above the absolute gate of
    /// −70 LUFS only. A [`LoudnessPool`] gathers them over many segments.
    pub blocks: Vec<f32>,
}

/// One channel of an audio stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Position of the channel's loudspeaker.
    pub position: Position,
    /// Spans in which this channel was below −60 dBFS (RMS of 50 ms) while another channel other than the low-frequency
    /// effects was not. Spans are listed as those of [`Sound::silent`], but in seconds of [`Sound::sounding`]: pauses
    /// are left out.
    pub dead: Vec<Span>,
    /// The RMS level of the whole decode in dBFS. `None` for digital silence.
    pub level: Option<f64>,
}

/// The position of a channel's loudspeaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The only channel.
    Mono,
    /// Front left.
    Left,
    /// Front right.
    Right,
    /// Front centre.
    Center,
    /// Low-frequency effects. It is silent for most of a programme.
    LowFrequency,
    /// Surround left: at the side or at the back.
    LeftSurround,
    /// Surround right: at the side or at the back.
    RightSurround,
    /// Any other position, such as a height channel.
    Other,
}

impl Position {
    /// Whether a programme normally has sound in this channel at least once a minute: the front channels. Surround and
    /// low-frequency channels may be silent for long.
    #[must_use]
    pub fn is_main(self) -> bool {
        matches!(self, Self::Mono | Self::Left | Self::Right | Self::Center)
    }

    /// Whether the channel is a surround channel.
    #[must_use]
    pub fn is_surround(self) -> bool {
        matches!(self, Self::LeftSurround | Self::RightSurround)
    }

    /// The name of the position in plain words, such as `left` or `low-frequency effects`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mono => "mono",
            Self::Left => "left",
            Self::Right => "right",
            Self::Center => "centre",
            Self::LowFrequency => "low-frequency effects",
            Self::LeftSurround => "left surround",
            Self::RightSurround => "right surround",
            Self::Other => "other",
        }
    }
}
