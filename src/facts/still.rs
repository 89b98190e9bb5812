//! The suspicion that a picture stands still, by the sizes of coded pictures, without decoding.

use super::{SegmentExtent, SegmentFacts, mos};
use std::sync::Arc;

/// Fewest P and B pictures of a segment by which it is judged.
const LEAST_JUDGED: u32 = 12;
/// Smallest share of the P and B pictures of a segment that look like repetitions if the picture is suspected to stand still. A film
/// of 24 pictures a second repeats 60 % of the pictures at 60 a second.
const LEAST_SHARE: f64 = 0.75;

/// Returns whether the picture of the newest inspected segment looks as if it stood still, or were one flat picture: nearly all its P and
/// B pictures are as small as repetitions. `None` if the segment can't be judged, because its codec isn't H.264 or HEVC, it wasn't
/// downloaded whole, or it has hardly any P and B pictures.
#[must_use]
pub(crate) fn looks_still(segments: &[Arc<SegmentFacts>]) -> Option<bool> {
    let newest = segments.iter().max_by_key(|segment| segment.segment.number)?;
    newest.fetched.ok().filter(|_| newest.extent == SegmentExtent::Whole)?;
    let pictures = mos::video(newest)?.still_pictures.filter(|pictures| pictures.judged >= LEAST_JUDGED)?;
    Some(f64::from(pictures.still) >= LEAST_SHARE * f64::from(pictures.judged))
}

/// Returns whether the picture of an output is suspected to stand still: that of every rendition of which this can be said. `None` if it
/// can be said of none. A lost input shows in every rendition, and what a low bit rate leaves of a picture only in some.
#[must_use]
pub(crate) fn is_suspected(renditions: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    renditions.flatten().reduce(|all, still| all && still)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fetched;
    use crate::testing;
    use packager_media::codec::still::StillPictures;
    use packager_media::container::Container;
    use packager_media::stream::Media;

    fn segment(number: u64, judged: u32, still: u32) -> SegmentFacts {
        let listed = testing::segment(number, testing::url(&format!("http://packager/{number}.ts")));
        let mut facts = testing::segment_facts(listed, testing::at(0));
        let mut inspection = testing::inspection(Container::MpegTs, 1);
        inspection.tracks = vec![testing::track(256, Media::Video)];
        inspection.tracks[0].still_pictures = (judged > 0).then_some(StillPictures { judged, still });
        facts.inspection = Some(inspection);
        let url = facts.segment.uri.clone();
        facts.fetched = Fetched { result: Ok(testing::exchange(&url)), url };
        facts
    }

    fn looks(segments: &[SegmentFacts]) -> Option<bool> {
        looks_still(&segments.iter().cloned().map(Arc::new).collect::<Vec<_>>())
    }

    #[test]
    fn three_quarters_of_the_pictures_are_still() {
        assert_eq!(looks(&[segment(1, 148, 111)]), Some(true));
        assert_eq!(looks(&[segment(1, 148, 110)]), Some(false));
        assert_eq!(looks(&[segment(1, 12, 12)]), Some(true));
        assert_eq!((looks(&[segment(1, 11, 11)]), looks(&[segment(1, 0, 0)]), looks(&[])), (None, None, None));
    }

    #[test]
    fn the_newest_segment_counts_if_it_is_whole() {
        assert_eq!(looks(&[segment(8, 48, 0), segment(9, 48, 48), segment(7, 48, 0)]), Some(true));
        let head = SegmentFacts { extent: SegmentExtent::Head { size: None }, ..segment(9, 48, 48) };
        assert_eq!(looks(&[head]), None);
        let url = testing::url("http://packager/9.ts");
        let cut = testing::failed(&url, crate::facts::FailureKind::Timeout);
        assert_eq!(looks(&[SegmentFacts { fetched: cut, ..segment(9, 48, 48) }]), None);
    }

    #[test]
    fn one_rendition_that_moves_refutes_the_suspicion() {
        let suspected = |all: &[Option<bool>]| is_suspected(all.iter().copied());
        assert_eq!(suspected(&[Some(true), None, Some(true)]), Some(true));
        assert_eq!(suspected(&[Some(true), Some(false)]), Some(false));
        assert_eq!((suspected(&[None]), suspected(&[])), (None, None));
    }
}
