//! Samples of H.264 and HEVC tracks: NAL units, each behind a length field (ISO/IEC 14496-15 4.3.3).

use crate::codec::parameter_sets::{ParameterSets, SamplePicture};
use crate::codec::parameters::{CodecParameters, TrackHeaders};
use crate::container::SyncFlagMismatch;

/// Bit of the sample flags that marks a sample as no sync sample (sample_is_non_sync_sample, ISO/IEC 14496-12 8.8.3.1).
pub(super) const IS_NON_SYNC: u32 = 0x0001_0000;

/// Largest number of NAL units that are read of a sample. Real samples have a few before the first slice.
const MAX_UNITS: u32 = 64;

/// Reads the samples of one track as their bytes arrive, each up to the header of its first slice, and further slices as long as the
/// picture may be still.
#[derive(Debug)]
pub(super) struct NalSamples {
    sets: ParameterSets,
    /// Size in bytes of the length field before each NAL unit.
    length_size: usize,
    place: Place,
    /// Number of NAL units of the current sample that have begun.
    units: u32,
    flags: FlagComparison,
}

/// Comparison of the sample flags of a track with the pictures in its samples.
#[derive(Debug, Default)]
struct FlagComparison {
    is_begun: bool,
    mismatch: SyncFlagMismatch,
}

impl FlagComparison {
    /// Compares the flags of the next sample with its picture. A P or B picture at which a decoder recovers gradually may be a sync
    /// sample; so may an I picture that isn't the beginning of a closed group. HEVC leaves it open whether a CRA picture is one.
    fn add(&mut self, flags: Option<u32>, picture: SamplePicture) {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let Some(is_sync) = flags.map(|flags| flags & IS_NON_SYNC == 0) else { return };
        let mismatch = &mut self.mismatch;
        if is_sync && picture.is_inter == Some(true) && !picture.is_random_access && !picture.recovers {
            mismatch.false_sync += 1;
            mismatch.is_first_false_sync |= is_first;
        }
        if !is_sync && picture.is_idr {
            mismatch.false_non_sync += 1;
            mismatch.is_first_false_non_sync |= is_first;
        }
    }
}

/// Place in a sample up to which it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Inside a length field: the number of its bytes that came, and their value.
    Length { bytes: usize, value: usize },
    /// Inside a NAL unit: the number of bytes to come, and whether it is a slice; `None` before its first byte.
    Unit { left: usize, is_slice: Option<bool> },
    /// Behind everything that is read of the sample.
    Behind,
}

const START: Place = Place::Length { bytes: 0, value: 0 };

impl NalSamples {
    #[must_use]
    pub(super) fn new(sets: ParameterSets, length_size: usize) -> Self {
        Self { sets, length_size, place: START, units: 0, flags: FlagComparison::default() }
    }

    /// Reads the next bytes of the current sample.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while let (false, Some(first)) = (self.place == Place::Behind, bytes.first()) {
            match self.place {
                Place::Length { bytes: came, value } if came < self.length_size => {
                    self.place = Place::Length { bytes: came + 1, value: value << 8 | usize::from(*first) };
                    bytes = bytes.get(1..).unwrap_or_default();
                }
                Place::Length { value, .. } => self.begin_unit(value),
                Place::Unit { left: 0, .. } => self.place = START,
                Place::Unit { left, is_slice } => {
                    let (part, rest) = bytes.split_at(left.min(bytes.len()));
                    self.append_unit(part, left - part.len(), is_slice);
                    bytes = rest;
                }
                Place::Behind => {}
            }
        }
    }

    /// Ends the current sample, also one of which bytes are missing. `flags` are the sample flags of one that came whole.
    pub(super) fn end_sample(&mut self, flags: Option<u32>) {
        self.sets.end_unit();
        let picture = self.sets.take_picture();
        if flags.is_some() || (self.place, self.units) != (START, 0) {
            self.flags.add(flags, picture);
        }
        (self.place, self.units) = (START, 0);
    }

    /// Returns how the sample flags differ from the pictures; `None` if they don't.
    #[must_use]
    pub(super) fn flag_mismatch(&self) -> Option<SyncFlagMismatch> {
        Some(self.flags.mismatch).filter(|mismatch| *mismatch != SyncFlagMismatch::default())
    }

    #[must_use]
    pub(super) fn finish(self, entry: Option<CodecParameters>) -> TrackHeaders {
        self.sets.finish(entry)
    }

    fn begin_unit(&mut self, size: usize) {
        self.sets.begin_unit();
        self.units += 1;
        self.place = if self.units > MAX_UNITS { Place::Behind } else { Place::Unit { left: size, is_slice: None } };
    }

    fn append_unit(&mut self, part: &[u8], left: usize, is_slice: Option<bool>) {
        self.sets.append(part);
        let is_slice = is_slice.unwrap_or_else(|| part.first().is_some_and(|header| self.sets.begin_slice(*header)));
        self.place = Place::Unit { left, is_slice: Some(is_slice) };
        if is_slice && (left == 0 || self.sets.has_unit()) {
            self.sets.end_unit();
            self.place = if left == 0 && !self.sets.has_picture() { START } else { Place::Behind };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_compared_with_the_pictures() {
        let (inter, intra) =
            (SamplePicture { is_inter: Some(true), ..SamplePicture::default() }, SamplePicture::default());
        let idr = SamplePicture { is_idr: true, is_random_access: true, ..intra };
        let recovering = SamplePicture { recovers: true, ..inter };
        let cra = SamplePicture { is_random_access: true, ..intra };
        let compare = |samples: &[(Option<u32>, SamplePicture)]| {
            let mut flags = FlagComparison::default();
            samples.iter().for_each(|(bits, picture)| flags.add(*bits, *picture));
            let SyncFlagMismatch { false_sync, is_first_false_sync, false_non_sync, is_first_false_non_sync } =
                flags.mismatch;
            (false_sync, is_first_false_sync, false_non_sync, is_first_false_non_sync)
        };
        let (sync, non_sync) = (Some(0x0200_0000), Some(IS_NON_SYNC));
        assert_eq!(
            compare(&[(sync, idr), (non_sync, inter), (sync, recovering), (sync, intra), (non_sync, cra)]),
            (0, false, 0, false)
        );
        assert_eq!(compare(&[(sync, idr), (sync, inter), (Some(0x0100_0000), inter)]), (2, false, 0, false));
        assert_eq!(compare(&[(sync, inter), (sync, inter)]), (2, true, 0, false));
        assert_eq!(compare(&[(non_sync, idr), (non_sync, inter), (non_sync, idr)]), (0, false, 2, true));
        assert_eq!(compare(&[(None, idr), (sync, inter)]), (1, false, 0, false), "the first one didn't come");
    }
}
