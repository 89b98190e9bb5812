//! The form in which inspected segments are remembered: nothing is kept twice that is the same in consecutive segments.

use crate::facts::SegmentFacts;
use packager_media::container::Container;
use std::sync::Arc;

/// Returns a copy of a segment's facts without spare capacity, without the first bytes of a recognised container, which no
/// check reads, and with the codec parameters, encryption and keys of `before`, the segment inspected before it, where they
/// are equal.
pub(super) fn compact(segment: &SegmentFacts, before: Option<&SegmentFacts>) -> SegmentFacts {
    // A clone allocates exactly what it needs; lists that grew while a segment was inspected have room for twice as much.
    let mut own = segment.clone();
    let inspection = own.inspection.as_mut().filter(|inspection| inspection.container != Container::Unknown);
    if let Some(inspection) = inspection {
        inspection.head = Vec::new();
    }
    let Some(before) = before else { return own };
    if own.segment.keys == before.segment.keys {
        own.segment.keys = Arc::clone(&before.segment.keys);
    }
    if let (Some(inspection), Some(known)) = (&mut own.inspection, &before.inspection) {
        for (track, known) in inspection.tracks.iter_mut().zip(&known.tracks) {
            share(&mut track.parameters, known.parameters.as_ref());
            share(&mut track.encryption, known.encryption.as_ref());
        }
    }
    own
}

/// Replaces a value by an equal one that is remembered already.
fn share<T: PartialEq>(value: &mut Option<Arc<T>>, known: Option<&Arc<T>>) {
    if let (Some(own), Some(known)) = (value, known)
        && own == known
    {
        *own = Arc::clone(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use packager_media::codec::parameters::CodecParameters;
    use packager_media::codec::rfc6381::Codec;
    use packager_media::container::{Inspection, Track};
    use packager_media::stream::Media;

    fn segment(number: u64, level: u8) -> SegmentFacts {
        let codec = Codec::Avc { profile: 100, constraints: 0, level };
        let mut track = Track::new(256, Some(Media::Video), "h264".to_owned());
        track.parameters = Some(Arc::new(CodecParameters::new(codec)));
        let (head, tracks) = (vec![0x47; 32], vec![track]);
        let inspection = Inspection { head, tracks, ..testing::inspection(Container::MpegTs, 188) };
        let url = testing::url(&format!("http://packager/{number}.ts"));
        let facts = testing::segment_facts(testing::segment(number, url), testing::at(0));
        SegmentFacts { inspection: Some(inspection), ..facts }
    }

    fn parameters(facts: &SegmentFacts) -> Arc<CodecParameters> {
        facts.inspection.as_ref().unwrap().tracks[0].parameters.clone().unwrap()
    }

    #[test]
    fn equal_parameters_are_kept_once_and_others_stay() {
        let first = compact(&segment(1, 31), None);
        let second = compact(&segment(2, 31), Some(&first));
        assert!(Arc::ptr_eq(&parameters(&first), &parameters(&second)));
        let third = compact(&segment(3, 40), Some(&second));
        assert_eq!(parameters(&third), parameters(&segment(3, 40)));
    }

    #[test]
    fn first_bytes_are_kept_only_of_what_is_no_known_container() {
        let head = |facts: &SegmentFacts| compact(facts, None).inspection.unwrap().head;
        let mut facts = segment(1, 31);
        assert!(head(&facts).is_empty());
        facts.inspection.as_mut().unwrap().container = Container::Unknown;
        assert_eq!(head(&facts), [0x47; 32]);
    }
}
