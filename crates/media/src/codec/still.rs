//! Pictures that look like repetitions of the picture before, by the size of their slices. A lost input makes an encoder repeat a
//! picture, and repetitions cost next to nothing, whatever the bit rate.

use super::quantizer::Slice;

/// Largest number of bits for each macroblock of 16 x 16 luma samples in a picture that counts as still, with a quantizer of
/// [`REFINED_BELOW`] or a coarser one.
const MAX_BITS: f64 = 2.0;
/// Quantizer below which a still picture may be larger. An encoder that has bits to spare refines the picture that stands still: its
/// quantizer falls, and the bits for a given change of the picture double with each six steps.
const REFINED_BELOW: i32 = 26;
/// Largest number of bytes up to which the size of a picture is determined. No picture of television that is so large counts as
/// still.
const MAX_BYTES: usize = 1 << 16;

/// Numbers of P and B pictures of a video track.
///
/// A picture counts as still if its slices have at most 2 bits for each macroblock of 16 x 16 luma samples, or twice as many for each
/// six steps by which its quantizer is below 26. Filler data doesn't count. Pictures whose slice header can't be read aren't judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StillPictures {
    /// Number of pictures that were judged.
    pub judged: u32,
    /// Number of judged pictures that are so small that they look like a repetition.
    pub still: u32,
}

/// Counts the still pictures of a track whose slices arrive one after the other.
#[derive(Debug, Default)]
pub(crate) struct StillCounter {
    counts: StillPictures,
    /// The P or B picture that is being read; `None` within an I picture, and when no slice header was read.
    picture: Option<OpenPicture>,
}

#[derive(Debug, Clone, Copy)]
struct OpenPicture {
    /// Number of bytes of the slices that have ended.
    bytes: usize,
    /// Largest number of bytes of a picture that is still.
    limit: usize,
}

impl StillCounter {
    /// Begins a picture with its first slice.
    pub(crate) fn begin(&mut self, slice: &Slice) {
        self.end();
        self.picture = (!slice.intra).then(|| OpenPicture { bytes: 0, limit: limit(slice) });
    }

    /// Adds a slice of the current picture that has ended, or of which this number of bytes was read.
    pub(crate) fn add(&mut self, bytes: usize) {
        if let Some(picture) = &mut self.picture {
            picture.bytes = picture.bytes.saturating_add(bytes);
        }
    }

    /// Whether it is known if the current picture is still when this number of bytes of its current slice has come, whatever follows.
    #[must_use]
    pub(crate) fn is_decided(&self, bytes: usize) -> bool {
        self.picture.is_none_or(|picture| picture.bytes.saturating_add(bytes) > picture.limit)
    }

    /// Drops the current picture, because bytes of the stream are missing.
    pub(crate) fn reset(&mut self) {
        self.picture = None;
    }

    /// Ends the stream; `None` without a P or B picture.
    #[must_use]
    pub(crate) fn finish(mut self) -> Option<StillPictures> {
        self.end();
        (self.counts.judged > 0).then_some(self.counts)
    }

    fn end(&mut self) {
        if let Some(picture) = self.picture.take() {
            self.counts.judged = self.counts.judged.saturating_add(1);
            self.counts.still = self.counts.still.saturating_add(u32::from(picture.bytes <= picture.limit));
        }
    }
}

/// Returns the largest number of bytes of a picture that is still.
fn limit(slice: &Slice) -> usize {
    let finer = f64::from((REFINED_BELOW - slice.quantizer).max(0));
    let bytes = f64::from(slice.macroblocks) * MAX_BITS / 8.0 * (finer / 6.0).exp2();
    (bytes as usize).min(MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(quantizer: i32) -> Slice {
        Slice { intra: false, quantizer, macroblocks: 3600 }
    }

    /// Counts pictures of these quantizers and slices.
    fn count(pictures: &[(Slice, &[usize])]) -> Option<(u32, u32)> {
        let mut counter = StillCounter::default();
        for (first, slices) in pictures {
            counter.begin(first);
            slices.iter().for_each(|bytes| counter.add(*bytes));
        }
        counter.finish().map(|counts| (counts.judged, counts.still))
    }

    #[test]
    fn a_still_picture_has_few_bits_for_each_macroblock() {
        // 720p: 3600 macroblocks of 2 bits are 900 bytes.
        assert_eq!(count(&[(slice(26), &[900]), (slice(40), &[900]), (slice(51), &[100])]), Some((3, 3)));
        assert_eq!(count(&[(slice(26), &[901]), (slice(40), &[901])]), Some((2, 0)));
    }

    #[test]
    fn a_finer_picture_may_be_larger_by_the_scale_of_its_quantizer() {
        assert_eq!(count(&[(slice(20), &[1800]), (slice(14), &[3600]), (slice(14), &[3601])]), Some((3, 2)));
        let huge = Slice { macroblocks: u32::MAX, ..slice(0) };
        assert_eq!(count(&[(huge, &[MAX_BYTES]), (huge, &[MAX_BYTES + 1])]), Some((2, 1)));
    }

    #[test]
    fn the_slices_of_a_picture_count_together() {
        assert_eq!(count(&[(slice(26), &[400, 500]), (slice(26), &[400, 501])]), Some((2, 1)));
        let mut counter = StillCounter::default();
        assert!(counter.is_decided(0), "no picture has begun");
        counter.begin(&slice(26));
        counter.add(400);
        assert!(!counter.is_decided(500) && counter.is_decided(501));
    }

    #[test]
    fn neither_i_pictures_nor_lost_ones_are_judged() {
        let key = Slice { intra: true, ..slice(26) };
        assert_eq!(count(&[(key, &[20])]), None);
        assert_eq!(count(&[(key, &[20]), (slice(26), &[20]), (key, &[20])]), Some((1, 1)));
        let mut counter = StillCounter::default();
        counter.begin(&slice(26));
        counter.reset();
        counter.add(20);
        assert_eq!(counter.finish(), None);
    }
}
