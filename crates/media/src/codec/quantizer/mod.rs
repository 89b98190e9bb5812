//! Quantizers of slices in H.264 and HEVC, from the headers of parameter sets and slices. How coarsely an encoder quantizes says
//! more about the quality of a picture than its bit rate.

mod h264;
mod hevc;

use super::bits::{BitReader, MAX_UNIT, unescape, unescape_into};
use super::start_codes::VideoSyntax;
use crate::stream::Resolution;
use std::collections::BTreeMap;

/// Largest number of bytes that are read of a slice: more than a slice header up to its quantizer has, weights for 16 reference
/// pictures included.
pub(crate) const MAX_SLICE: usize = 192;
/// Number of bytes that suffice for nearly all slice headers: encoders write weights of few reference pictures.
pub(crate) const USUAL_SLICE: usize = 64;
/// Number of bytes that are read of a slice at first.
const SHORT_SLICE: usize = 32;

/// Quantizers of the pictures of a video track, SliceQPY of the first slice of each picture (ISO/IEC 14496-10 7.4.3, ISO/IEC
/// 23008-2 7.4.7.1). A picture whose slice header can't be read doesn't count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SliceQuantizers {
    /// Quantizers of I slices.
    pub intra: QuantizerMean,
    /// Quantizers of P and B slices.
    pub inter: QuantizerMean,
}

/// The mean of quantizers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuantizerMean {
    /// Sum of the quantizers.
    pub sum: i64,
    /// Number of the quantizers.
    pub count: u32,
}

impl QuantizerMean {
    /// Returns the mean quantizer, from -48 to 51; `None` without a slice.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / f64::from(self.count))
    }

    /// Returns the number of slices.
    #[must_use]
    pub fn slices(self) -> u32 {
        self.count
    }

    /// Adds the quantizer of one slice.
    pub fn add(&mut self, quantizer: i32) {
        self.sum = self.sum.saturating_add(i64::from(quantizer));
        self.count = self.count.saturating_add(1);
    }
}

/// What a slice header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) intra: bool,
    pub(crate) quantizer: i32,
    /// Number of macroblocks of 16 x 16 luma samples of a frame.
    pub(crate) macroblocks: u32,
}

/// Largest quantizer (ISO/IEC 14496-10 7.4.3, ISO/IEC 23008-2 7.4.7.1).
const MAX_QUANTIZER: i32 = 51;

impl Slice {
    /// Makes a slice from the initial quantizer of its picture parameter set, its own difference to that, the number of bits of a luma
    /// sample, and the number of macroblocks of a frame. `None` for a quantizer that doesn't exist, because then the header was misread.
    fn new(intra: bool, initial: i32, delta: i32, luma_depth: u32, macroblocks: u32) -> Option<Self> {
        let least = -6 * i32::try_from(luma_depth.checked_sub(8)?).ok()?;
        let quantizer = initial.checked_add(delta)?;
        (least..=MAX_QUANTIZER).contains(&quantizer).then_some(Self { intra, quantizer, macroblocks })
    }
}

/// Returns the number of macroblocks of 16 x 16 luma samples that cover a frame.
pub(crate) fn macroblocks(frame: Resolution) -> u32 {
    frame.width.div_ceil(16).saturating_mul(frame.height.div_ceil(16))
}

/// Fields of parameter sets on which the syntax of slice headers depends, by the identifiers of the sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SliceSets {
    H264(SetsById<h264::Sequence, h264::Picture>),
    Hevc(SetsById<hevc::Sequence, hevc::Picture>),
    /// Slice headers aren't read.
    Unread,
}

/// Sequence and picture parameter sets by their identifiers, which the readers bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetsById<S, P> {
    sequence: BTreeMap<u32, S>,
    picture: BTreeMap<u32, P>,
}

impl<S, P> Default for SetsById<S, P> {
    fn default() -> Self {
        Self { sequence: BTreeMap::new(), picture: BTreeMap::new() }
    }
}

impl<S, P> SetsById<S, P> {
    /// Takes the picture parameter set in `fields`, behind the header of its NAL unit, if its identifier is at most `largest_id`. One that
    /// `read` can't read takes the place of the earlier one with its identifier, too: slices may refer to it.
    fn add_picture(&mut self, fields: &[u8], largest_id: u32, read: impl Fn(&mut BitReader<'_>) -> Option<P>) {
        let mut bits = BitReader::new(fields);
        let Some(id) = bits.exp_golomb().filter(|id| *id <= largest_id) else { return };
        match read(&mut bits) {
            Some(picture) => self.picture.insert(id, picture),
            None => self.picture.remove(&id),
        };
    }
}

impl SliceSets {
    #[must_use]
    pub(crate) fn new(syntax: VideoSyntax) -> Self {
        match syntax {
            VideoSyntax::H264 => Self::H264(SetsById::default()),
            VideoSyntax::Hevc => Self::Hevc(SetsById::default()),
            VideoSyntax::Mpeg2 => Self::Unread,
        }
    }

    /// Takes the parameter set in a NAL unit. Other NAL units, and sets that can't be read, are passed over.
    pub(crate) fn add(&mut self, unit: &[u8]) {
        let clean = unescape(unit, MAX_UNIT);
        match self {
            Self::H264(sets) => h264::add_set(sets, &clean),
            Self::Hevc(sets) => hevc::add_set(sets, &clean),
            Self::Unread => {}
        }
    }

    /// Reads the header of a slice in a NAL unit of which at least the first bytes are there. `None` for one that isn't the first
    /// of its picture, and when the header can't be read.
    pub(crate) fn read_slice(&self, unit: &[u8]) -> Option<Slice> {
        let read = |clean: &[u8]| match self {
            Self::H264(sets) => h264::read_slice(sets, clean),
            Self::Hevc(sets) => hevc::read_slice(sets, clean),
            Self::Unread => None,
        };
        let mut short = [0; SHORT_SLICE];
        let short = unescape_into(unit, &mut short);
        read(short).or_else(|| read(&unescape(unit, MAX_SLICE)))
    }
}

impl SliceQuantizers {
    /// Counts the first slice of a picture.
    pub(crate) fn count(&mut self, slice: &Slice) {
        let mean = if slice.intra { &mut self.intra } else { &mut self.inter };
        mean.add(slice.quantizer);
    }

    /// Returns these quantizers; `None` if no slice header was read, so that they say nothing.
    #[must_use]
    pub(crate) fn counted(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

#[cfg(test)]
mod tests;
