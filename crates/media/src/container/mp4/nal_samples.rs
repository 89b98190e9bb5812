//! Samples of H.264 and HEVC tracks: NAL units, each behind a length field (ISO/IEC 14496-15 4.3.3).

use crate::codec::parameter_sets::ParameterSets;
use crate::codec::parameters::{CodecParameters, TrackHeaders};

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
        Self { sets, length_size, place: START, units: 0 }
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

    /// Ends the current sample, also one of which bytes are missing.
    pub(super) fn end_sample(&mut self) {
        self.sets.end_unit();
        (self.place, self.units) = (START, 0);
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
