//! How good a viewer would find a picture, from 1 (bad) to 5 (excellent), by how coarsely its encoder quantizes it. docs/signal.md
//! has the method, its errors and where it holds; `make quality` fits the coefficients.

use super::{OutputFacts, RenditionFacts, SegmentFacts};
use packager_media::container::Track;
use packager_media::stream::{Media, Rendition};

/// Codec families for which the estimate has coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodedBy {
    H264,
    Hevc,
}

/// Quantizer and size of a video picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureCoding {
    pub codec: CodedBy,
    /// Mean quantizer of the P and B slices.
    pub quantizer: f64,
    /// Number of lines of the largest picture of the same output for each line of this one, at least 1: players scale it up.
    pub upscaling: f64,
}

/// Spatial and temporal information of decoded pictures (ITU-T P.910).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureContent {
    pub spatial: f64,
    pub temporal: f64,
}

/// Coefficients of one estimate. The sum of the terms is the logarithm of the odds of the best picture.
struct Coefficients {
    constant: f64,
    hevc: f64,
    /// By (quantizer - 30) / 10, and by its square.
    quantizer: f64,
    quantizer_squared: f64,
    /// By the binary logarithm of the upscaling.
    upscaling: f64,
    /// By the natural logarithms of the spatial information, and of the temporal information plus 1.
    spatial: f64,
    temporal: f64,
    /// By the product of the terms of quantizer and spatial information.
    quantizer_spatial: f64,
}

const BY_QUANTIZER: Coefficients = Coefficients {
    constant: 1.709,
    hevc: 1.057,
    quantizer: -1.123,
    quantizer_squared: -0.195,
    upscaling: -0.586,
    spatial: 0.0,
    temporal: 0.0,
    quantizer_spatial: 0.0,
};
const BY_QUANTIZER_AND_CONTENT: Coefficients = Coefficients {
    constant: 0.656,
    hevc: 1.041,
    quantizer: -0.430,
    quantizer_squared: -0.155,
    upscaling: -0.487,
    spatial: 0.528,
    temporal: -0.375,
    quantizer_spatial: -0.227,
};

/// Quantizers for which the estimates were fitted; a finer or coarser one counts as the nearest of them.
const FITTED: std::ops::RangeInclusive<f64> = 18.0..=51.0;

/// Returns the estimated mean opinion score of a picture, 1 to 5. `content` is what decoding showed of the same pictures; without it
/// the estimate rests on the quantizer alone.
#[must_use]
pub fn mean_opinion_score(coding: PictureCoding, content: Option<PictureContent>) -> f64 {
    let c = if content.is_some() { BY_QUANTIZER_AND_CONTENT } else { BY_QUANTIZER };
    let quantizer = (coding.quantizer.clamp(*FITTED.start(), *FITTED.end()) - 30.0) / 10.0;
    let hevc = if coding.codec == CodedBy::Hevc { 1.0 } else { 0.0 };
    let [spatial, temporal] =
        content.map_or([0.0; 2], |content| [content.spatial.max(1.0).ln(), (content.temporal.max(0.0) + 1.0).ln()]);
    let odds = c.constant
        + c.hevc * hevc
        + c.quantizer * quantizer
        + c.quantizer_squared * quantizer * quantizer
        + c.upscaling * coding.upscaling.max(1.0).log2()
        + c.spatial * spatial
        + c.temporal * temporal
        + c.quantizer_spatial * quantizer * spatial;
    1.0 + 4.0 / (1.0 + (-odds).exp())
}

/// Returns the mean quantizer of the P and B slices of a segment's picture; `None` for another codec than H.264 and HEVC, and when
/// no slice header could be read.
#[must_use]
pub fn quantizer(segment: &SegmentFacts) -> Option<f64> {
    video(segment)?.quantizers?.inter.mean()
}

/// Returns how the picture of consecutive segments of a rendition is coded. `upscaling` as in [`PictureCoding`]. `None` unless the
/// quantizer of each is known, and for pictures of more than 8 bits, for which the estimates were not fitted.
#[must_use]
pub fn picture_coding(segments: &[&SegmentFacts], upscaling: f64) -> Option<PictureCoding> {
    let track = video(segments.last()?)?;
    let bits = track.parameters.as_ref().and_then(|parameters| parameters.video.as_ref()?.bit_depth);
    if bits.is_some_and(|bits| bits > 8) {
        return None;
    }
    let codec = match track.codec.as_str() {
        "h264" => CodedBy::H264,
        "hevc" => CodedBy::Hevc,
        _ => return None,
    };
    let mut sum = 0.0;
    for segment in segments {
        sum += quantizer(segment)?;
    }
    let quantizer = sum / segments.len() as f64;
    Some(PictureCoding { codec, quantizer, upscaling })
}

/// Returns the first video track of a segment; `None` if it has none, or wasn't inspected.
pub(super) fn video(segment: &SegmentFacts) -> Option<&Track> {
    segment.inspection.as_ref()?.tracks.iter().find(|track| track.media == Some(Media::Video))
}

impl OutputFacts {
    /// Returns how much players scale a rendition's picture up to the largest one of the output, by their lines; 1 if that isn't
    /// known.
    #[must_use]
    pub fn upscaling(&self, rendition: &RenditionFacts) -> f64 {
        let lines = |facts: &RenditionFacts| facts.rendition.resolution.map(|size| f64::from(size.height.max(1)));
        let largest = self.renditions.iter().filter_map(lines).reduce(f64::max);
        largest.zip(lines(rendition)).map_or(1.0, |(largest, own)| largest / own)
    }

    /// Returns the name of the top rung: the video rendition with the most lines in the manifest, and of those with as many of the
    /// one with the highest bit rate. `None` without video.
    #[must_use]
    pub fn top_rung(&self) -> Option<&str> {
        let video = self.renditions.iter().map(|facts| &facts.rendition).filter(|r| r.media == Media::Video);
        let rank = |r: &Rendition| (r.resolution.map(|size| size.height), r.bandwidth.map(|rate| rate.0));
        video.max_by_key(|rendition| rank(rendition)).map(|rendition| rendition.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(codec: CodedBy, quantizer: f64, upscaling: f64, content: Option<(f64, f64)>) -> f64 {
        let content = content.map(|(spatial, temporal)| PictureContent { spatial, temporal });
        mean_opinion_score(PictureCoding { codec, quantizer, upscaling }, content)
    }

    #[test]
    fn a_coarser_quantizer_and_a_smaller_picture_are_worse() {
        for codec in [CodedBy::H264, CodedBy::Hevc] {
            for content in [None, Some((1.0, 0.0)), Some((40.0, 10.0)), Some((90.0, 30.0))] {
                let scores: Vec<f64> = (18..=51).map(|q| score(codec, f64::from(q), 1.0, content)).collect();
                assert!(scores.windows(2).all(|pair| pair[1] < pair[0]), "{codec:?} {content:?} {scores:?}");
                assert!(score(codec, 26.0, 2.0, content) < score(codec, 26.0, 1.0, content));
            }
        }
    }

    #[test]
    fn scores_stay_within_the_scale() {
        for quantizer in [-48.0, 0.0, 51.0] {
            for content in [None, Some((0.0, 0.0)), Some((500.0, 500.0))] {
                let score = score(CodedBy::H264, quantizer, 1000.0, content);
                assert!((1.0..=5.0).contains(&score), "{quantizer} {content:?}: {score}");
            }
        }
    }
}
