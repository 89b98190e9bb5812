//! Identifiers by which slices refer to picture parameter sets, and these to sequence parameter sets (ISO/IEC 14496-10
//! 7.3.2, 7.3.3; ISO/IEC 23008-2 7.3.2, 7.3.6.1).

use super::bits::{BitReader, without_emulation_prevention};
use super::parameters::ParameterSetKinds;
use super::start_codes::VideoSyntax;
use super::{h264, hevc};
use std::collections::{BTreeMap, BTreeSet};

/// Largest identifiers of a sequence and of a picture parameter set that H.264 allows; HEVC allows fewer.
const MAX_SEQUENCE_SET: u32 = 31;
const MAX_PICTURE_SET: u32 = 255;

/// Identifiers of the parameter sets that a decoder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetIds {
    /// Sequence parameter sets. `None` when others may exist whose identifiers weren't read.
    sequence: Option<BTreeSet<u32>>,
    /// Picture parameter sets, each with the sequence parameter set to which it refers, as far as that was read. The
    /// outer `None`: others may exist.
    picture: Option<BTreeMap<u32, Option<u32>>>,
}

impl Default for SetIds {
    /// Makes the identifiers of a decoder that has no parameter set.
    fn default() -> Self {
        Self { sequence: Some(BTreeSet::new()), picture: Some(BTreeMap::new()) }
    }
}

impl SetIds {
    /// Makes the identifiers of a decoder that may have any parameter set.
    pub(crate) fn unknown() -> Self {
        Self { sequence: None, picture: None }
    }

    /// Adds the parameter set in a NAL unit, of which the first bytes suffice. Other NAL units, and those of HEVC layers
    /// above the base layer, are passed over.
    pub(crate) fn add(&mut self, syntax: VideoSyntax, unit: &[u8]) {
        let clean = without_emulation_prevention(unit);
        match (syntax, clean.as_slice()) {
            (VideoSyntax::H264, [header, rest @ ..]) if header & 0x1f == h264::SPS => {
                self.add_sequence(rest.get(3..).and_then(|fields| BitReader::new(fields).exp_golomb()));
            }
            (VideoSyntax::H264, [header, rest @ ..]) if header & 0x1f == h264::PPS => self.add_picture(rest),
            (VideoSyntax::Hevc, [first, second, rest @ ..]) if first & 1 == 0 && second >> 3 == 0 => {
                match first >> 1 & 0x3f {
                    hevc::SPS => self.add_sequence(hevc::sequence_set_id(rest)),
                    hevc::PPS => self.add_picture(rest),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn add_sequence(&mut self, id: Option<u32>) {
        match (id.filter(|id| *id <= MAX_SEQUENCE_SET), &mut self.sequence) {
            (Some(id), Some(known)) => {
                known.insert(id);
            }
            _ => self.sequence = None,
        }
    }

    fn add_picture(&mut self, fields: &[u8]) {
        let mut bits = BitReader::new(fields);
        let id = bits.exp_golomb().filter(|id| *id <= MAX_PICTURE_SET);
        match (id, &mut self.picture) {
            (Some(id), Some(known)) => {
                known.insert(id, bits.exp_golomb());
            }
            _ => self.picture = None,
        }
    }

    /// Returns what is missing to decode a slice that refers to the picture parameter set `id`.
    pub(crate) fn missing_for(&self, id: u32) -> ParameterSetKinds {
        let none = ParameterSetKinds::default();
        let Some(pictures) = &self.picture else { return none };
        let Some(sequence) = pictures.get(&id) else { return ParameterSetKinds { pps: true, ..none } };
        let known = |id: &u32| self.sequence.as_ref().is_none_or(|sets| sets.contains(id));
        ParameterSetKinds { sps: sequence.as_ref().is_some_and(|id| !known(id)), ..none }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::X264_1080P;
    use super::*;

    /// Adds NAL units of H.264, and returns what is missing to decode a slice with this picture parameter set.
    fn missing(units: &[&[u8]], picture_set: u32) -> String {
        let mut ids = SetIds::default();
        units.iter().for_each(|unit| ids.add(VideoSyntax::H264, unit));
        ids.missing_for(picture_set).to_string()
    }

    #[test]
    fn a_picture_set_needs_the_sequence_set_that_it_names() {
        // pic_parameter_set_id 0 and seq_parameter_set_id 0 are `1` each; 1 is `010`.
        let (of_set_0, of_set_1): (&[u8], &[u8]) = (&[0x68, 0xeb], &[0x68, 0xa8]);
        assert_eq!(missing(&[X264_1080P, of_set_0], 0), "");
        assert_eq!(missing(&[X264_1080P, of_set_1], 0), "SPS");
        assert_eq!(missing(&[of_set_0], 0), "SPS");
        assert_eq!(missing(&[X264_1080P, of_set_0], 1), "PPS");
        assert_eq!(missing(&[&X264_1080P[..3], of_set_1], 0), "", "a set whose identifier can't be read may be any");
        assert_eq!(missing(&[X264_1080P, of_set_0, &[0x68]], 9), "");
        assert_eq!(SetIds::unknown().missing_for(0).to_string(), "");
    }
}
