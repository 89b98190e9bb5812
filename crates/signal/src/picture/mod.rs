//! Measures of decoded pictures.

mod y4m;
mod small;
mod signature;
mod freeze;
mod flat;
mod blocks;
mod complexity;
mod thumbnail;
mod timing;
mod reader;

use bytes::Bytes;

use crate::span::Span;

pub use signature::Signature;

pub(crate) use reader::{DecodedPictures, Reader, combine};

/// What the decoded pictures of one video stream show.
///
/// All times are seconds since the first decoded picture. A span that touches the start or the end is listed however
/// short it is, because it may continue in the segment before or after; any other span has at least 0.5 s.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// The number of decoded pictures. A picture of two fields counts once.
    pub count: u32,
    /// Width of the pictures in pixels, as decoded.
    pub width: u32,
    /// Height of the pictures in pixels, as decoded.
    pub height: u32,
    /// The median time from one decoded picture to the next in seconds. Between key frames if only these were
    /// decoded.
    pub picture_duration: f64,
    /// From the start of the first picture to the end of the last one, in seconds.
    pub duration: f64,
    /// Whether the decoder called any picture interlaced.
    pub interlaced: bool,
    /// Whether only key frames were decoded: then the spans are lower bounds.
    pub key_frames_only: bool,
    /// Spans in which the same picture was repeated. A span starts with the first of the equal pictures and ends where
    /// the next different picture starts.
    pub frozen: Vec<Span>,
    /// Spans in which the pictures were black, with or without a small logo.
    pub black: Vec<Span>,
    /// Spans in which the pictures had one colour other than black, or were colour bars.
    pub single_color: Vec<Span>,
    /// The signature of the first picture.
    pub first: Signature,
    /// The signature of the last picture.
    pub last: Signature,
    /// The visible-block fraction of pictures, about 5 a second: the share of 8 × 8 blocks whose edges can be seen, from 0
    /// to 1.
    pub visible_blocks: Vec<f32>,
    /// The mean share of macroblocks that the decoder had to conceal, from 0 to 1. `None` if the decoder reported no
    /// concealment; decoders other than those of H.264 and MPEG-2 never do.
    pub concealed: Option<f64>,
    /// The number of error messages of the decoder about damaged pictures.
    pub decode_errors: u32,
    /// Spatial and temporal information (ITU-T P.910 7.2).
    pub complexity: Complexity,
}

/// Spatial and temporal information of luma at up to 480 pixels width (ITU-T P.910 7.2), in units of 8-bit luma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Complexity {
    /// Spatial information: the largest standard deviation of the Sobel gradient over the pictures.
    pub spatial: f64,
    /// The mean standard deviation of the Sobel gradient over the pictures.
    pub spatial_mean: f64,
    /// Temporal information: the largest standard deviation of the difference between consecutive pictures. `None` if
    /// there were fewer than two pictures.
    pub temporal: Option<f64>,
    /// The mean standard deviation of the difference between consecutive pictures. `None` if there were fewer than two
    /// pictures.
    pub temporal_mean: Option<f64>,
}

/// A small JPEG of the newest decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The JPEG file.
    pub jpeg: Bytes,
    /// Width in pixels; at most 320.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

impl Pictures {
    /// The measure of macroblocking, from 0 (none) to 1: `1 − exp(−p / 0.045)` of the 95th percentile `p` of the
    /// visible-block fraction, or the share of concealed macroblocks if that is larger. `None` if no picture was measured.
    #[must_use]
    pub fn macroblocking(&self) -> Option<f64> {
        let mut values = self.visible_blocks.clone();
        values.sort_by(f32::total_cmp);
        let p95 = f64::from(*values.get((values.len() * 95 / 100).min(values.len().checked_sub(1)?))?);
        Some((1.0 - (-p95 / 0.045).exp()).max(self.concealed.unwrap_or(0.0)))
    }
}
