//! Places of the samples of a movie fragment: where its track runs put them, and whether media data is there.

use mp4_atom::Trun;

/// Largest number of ranges of samples, and of `mdat` boxes, that are kept of a movie fragment. A fragment with more of them isn't
/// judged.
const MAX_RANGES: usize = 1024;

/// Byte offsets in the resource from which on, and up to which, something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteRange {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl ByteRange {
    fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// Ranges of samples and of media data of one movie fragment.
#[derive(Debug, Default)]
pub(super) struct SamplePlaces {
    /// track_ID and byte range of each run of samples without a gap between them.
    samples: Vec<(u32, ByteRange)>,
    /// Payload of each `mdat`.
    media: Vec<ByteRange>,
    has_more: bool,
}

impl SamplePlaces {
    /// Adds the samples of a track run, which follow each other without a gap.
    pub(super) fn add_run(&mut self, track: u32, run: ByteRange) {
        if run.from >= run.to {
            return;
        }
        let has_room = self.samples.len() < MAX_RANGES;
        match self.samples.last_mut() {
            Some((id, last)) if *id == track && last.to == run.from => last.to = run.to,
            _ if has_room => self.samples.push((track, run)),
            _ => self.has_more = true,
        }
    }

    /// Adds the payload of an `mdat`.
    pub(super) fn add_media(&mut self, payload: ByteRange) {
        if self.media.len() < MAX_RANGES {
            self.media.push(payload);
        } else {
            self.has_more = true;
        }
    }

    /// Returns the sentence about the first samples that don't lie in an `mdat` of their fragment; `None` if all do. An `mdat` may have
    /// other bytes before, between and behind the samples (ISO/IEC 14496-12 8.1.1).
    #[must_use]
    pub(super) fn misplaced(&self) -> Option<String> {
        let outside = |run: ByteRange| !self.media.iter().any(|payload| payload.contains(run));
        let (track, run) = self.samples.iter().filter(|_| !self.has_more).find(|(_, run)| outside(*run))?;
        let media = match self.media.as_slice() {
            [] => return None,
            [only] => format!("the `mdat` has bytes {} to {}", only.from, only.to),
            several => format!("none of the {} `mdat` boxes has them all", several.len()),
        };
        Some(format!(
            "the `trun` of track {track} places samples at bytes {} to {} (data_offset), and {media}: players read something else than the \
             samples",
            run.from, run.to
        ))
    }
}

/// Place from which the data offsets of the track fragments of a `moof` count (base-data-offset, ISO/IEC 14496-12 8.8.7).
#[derive(Debug, Clone, Copy)]
pub(super) struct DataBase {
    /// Byte offset of the `moof`.
    pub(super) moof: u64,
    /// Whether a track fragment came before.
    has_previous: bool,
    /// Byte offset of the end of the samples of the track fragment before; `None` for the first one, and if it isn't known.
    previous_end: Option<u64>,
}

/// Place of the samples of a track fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackFragmentPlace {
    /// Byte offset of the first sample; `None` if it isn't known.
    pub(super) first: Option<u64>,
    /// Ranges of the runs whose place and size are known.
    pub(super) runs: Vec<ByteRange>,
    /// Whether all players that read offsets find the samples in the same place.
    pub(super) is_unambiguous: bool,
}

impl DataBase {
    #[must_use]
    pub(super) fn new(moof: u64) -> Self {
        Self { moof, has_previous: false, previous_end: None }
    }

    /// Returns the place of the samples of a track fragment whose `runs` have `sizes` bytes, and moves on to the end of its samples.
    /// `explicit` is base_data_offset, and `is_moof` default-base-is-moof of its `tfhd`.
    ///
    /// The place isn't unambiguous with base_data_offset, because it counts from the start of a file of which the resource may be a part,
    /// and in a later track fragment with neither: there offsets count from the end of the samples before (8.8.7), but Chromium counts
    /// them from the `moof`.
    pub(super) fn place_runs(
        &mut self,
        explicit: Option<u64>,
        is_moof: bool,
        runs: &[Trun],
        sizes: &[Option<u64>],
    ) -> TrackFragmentPlace {
        let previous = self.previous_end.filter(|_| !is_moof && explicit.is_none());
        let is_unambiguous = explicit.is_none() && (is_moof || !self.has_previous);
        self.has_previous = true;
        let base = explicit.or(previous).unwrap_or(self.moof);
        let place = |run: &Trun| run.data_offset.map(|offset| base.saturating_add_signed(offset.into()));
        // A first run without an offset begins at the base (8.8.8). At a `moof` no samples can be.
        let first = runs.first().and_then(|run| place(run).or(previous).or(is_unambiguous.then_some(base)));
        let (mut at, mut ranges) = (first, Vec::new());
        for (run, bytes) in runs.iter().zip(sizes) {
            let from = place(run).or(at);
            at = from.zip(*bytes).map(|(from, bytes)| from.saturating_add(bytes));
            ranges.extend(from.zip(at).map(|(from, to)| ByteRange { from, to }));
        }
        self.previous_end = at;
        TrackFragmentPlace { first, runs: ranges, is_unambiguous }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::TrunSamples;

    fn range(from: u64, to: u64) -> ByteRange {
        ByteRange { from, to }
    }

    fn run(data_offset: Option<i32>) -> Trun {
        Trun { data_offset, samples: TrunSamples::Explicit(Vec::new()) }
    }

    fn misplaced(runs: &[(u32, ByteRange)], media: &[ByteRange]) -> Option<String> {
        let mut places = SamplePlaces::default();
        runs.iter().for_each(|(track, run)| places.add_run(*track, *run));
        media.iter().for_each(|payload| places.add_media(*payload));
        places.misplaced()
    }

    #[test]
    fn samples_lie_in_an_mdat_which_may_have_more_bytes() {
        let media = [range(100, 200), range(208, 300)];
        for runs in
            [[range(100, 200), range(208, 300)], [range(110, 120), range(120, 190)], [range(250, 300), range(100, 101)]]
        {
            assert_eq!(misplaced(&runs.map(|run| (1, run)), &media), None, "{runs:?}");
        }
        assert_eq!(misplaced(&[(1, range(5, 5))], &media), None, "no bytes");
        assert_eq!(misplaced(&[(1, range(5, 9))], &[]), None, "another defect");
    }

    #[test]
    fn one_byte_outside_is_misplaced() {
        for (run, media) in [
            (range(99, 150), &[range(100, 200)][..]),
            (range(150, 201), &[range(100, 200)]),
            (range(100, 250), &[range(100, 200), range(208, 300)]),
        ] {
            assert!(misplaced(&[(1, run)], media).is_some(), "{run:?}");
        }
        let text = misplaced(&[(1, range(100, 150)), (2, range(150, 201))], &[range(100, 200)]).unwrap();
        let expected = "the `trun` of track 2 places samples at bytes 150 to 201 (data_offset), and the `mdat` has bytes 100 to 200: ";
        assert!(text.starts_with(expected), "{text}");
        // Runs without a gap between them are one range, so that no header of an `mdat` is between them.
        assert!(
            misplaced(&[(1, range(100, 200)), (1, range(200, 250))], &[range(100, 200), range(208, 300)]).is_some()
        );
    }

    #[test]
    fn a_fragment_of_very_many_ranges_is_not_judged() {
        let runs: Vec<_> = (0..=MAX_RANGES as u64).map(|n| (1, range(10 * n, 10 * n + 1))).collect();
        assert_eq!(misplaced(&runs, &[range(1, 2)]), None);
        assert!(misplaced(&runs[1..], &[range(1, 2)]).is_some());
    }

    #[test]
    fn offsets_count_from_the_moof_or_from_the_samples_before() {
        let place = |base: &mut DataBase, explicit, is_moof, offset| {
            let place = base.place_runs(explicit, is_moof, &[run(offset), run(None)], &[Some(10), Some(5)]);
            (
                place.first,
                place.is_unambiguous,
                place.runs.first().map(|run| run.from),
                place.runs.last().map(|run| run.to),
            )
        };
        let mut base = DataBase::new(1000);
        assert_eq!(place(&mut base, None, true, Some(100)), (Some(1100), true, Some(1100), Some(1115)));
        assert_eq!(place(&mut base, None, true, Some(200)), (Some(1200), true, Some(1200), Some(1215)));
        assert_eq!(place(&mut base, None, true, None), (Some(1000), true, Some(1000), Some(1015)), "the base itself");
        let mut legacy = DataBase::new(1000);
        assert_eq!(place(&mut legacy, None, false, Some(100)), (Some(1100), true, Some(1100), Some(1115)));
        assert_eq!(place(&mut legacy, None, false, Some(0)), (Some(1115), false, Some(1115), Some(1130)));
        assert_eq!(place(&mut legacy, None, false, None), (Some(1130), false, Some(1130), Some(1145)));
        assert_eq!(place(&mut legacy, Some(50), false, Some(0)), (Some(50), false, Some(50), Some(65)));
    }

    #[test]
    fn runs_of_unknown_size_are_not_placed() {
        let place = DataBase::new(0).place_runs(
            None,
            true,
            &[run(Some(8)), run(None), run(Some(99))],
            &[None, Some(5), Some(1)],
        );
        assert_eq!((place.first, place.runs), (Some(8), vec![range(99, 100)]));
        assert_eq!(DataBase::new(0).place_runs(None, true, &[], &[]).first, None);
    }
}
