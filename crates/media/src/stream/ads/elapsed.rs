//! Media time between the segments of a list.

use crate::stream::Segment;
use crate::units::Seconds;

/// Media time of a list of segments, summed up once: a list may have thousands of breaks.
pub(super) struct ElapsedMedia<'s> {
    /// Segments in the ascending order of their numbers.
    segments: &'s [Segment],
    /// The media time before each segment, and that of all segments in the end.
    sums: Vec<f64>,
}

impl<'s> ElapsedMedia<'s> {
    #[must_use]
    pub(super) fn of(segments: &'s [Segment]) -> Self {
        let mut sum = 0.0;
        let ends = segments.iter().map(|segment| {
            sum += segment.duration.0;
            sum
        });
        Self { segments, sums: std::iter::once(0.0).chain(ends).collect() }
    }

    /// Returns the media time before the first segment whose number isn't below `number`.
    fn before(&self, number: u64) -> f64 {
        let place = self.segments.partition_point(|segment| segment.number < number);
        self.sums.get(place).copied().unwrap_or(0.0)
    }

    /// Returns the total duration of the segments with numbers from `from` to before `to`; zero if there is none.
    #[must_use]
    pub(super) fn between(&self, from: u64, to: u64) -> Seconds {
        Seconds((self.before(to) - self.before(from)).max(0.0))
    }

    /// Returns the total duration of the segments from the number `from` to the live edge.
    #[must_use]
    pub(super) fn from(&self, from: u64) -> Seconds {
        let all = self.sums.last().copied().unwrap_or(0.0);
        Seconds(all - self.before(from))
    }
}
