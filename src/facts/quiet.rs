//! Spans over several segments in which nothing happens, such as digital silence.

use super::{FaultSpan, SegmentFacts};
use packager_media::container::Track;
use packager_media::quiet::QuietSpans;
use packager_media::units::Seconds;

/// What consecutive segments say of one track.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuietTrack {
    /// Number of the track, as in the newest segment.
    pub id: u32,
    /// Media up to the end of the newest segment that was judged without a gap.
    pub judged: Seconds,
    /// Quiet spans, oldest first. Of each segment only the first, the last and the longest span count.
    pub spans: Vec<FaultSpan>,
}

impl QuietTrack {
    /// Returns the duration of the quiet span at the end of the newest segment; 0 if there is none.
    #[must_use]
    pub(crate) fn now(&self) -> Seconds {
        FaultSpan::lasting(&self.spans)
    }

    /// Returns the longest span that lasts, or that ended less than `recovery` ago.
    #[must_use]
    pub(crate) fn longest(&self, recovery: Seconds) -> Option<FaultSpan> {
        FaultSpan::longest(&self.spans, recovery)
    }
}

/// Digital silence of the tracks of the newest segment, over all segments before it that follow each other without a gap.
/// `segments` are in the order in which they play. A track whose silence can't be found is absent.
#[must_use]
pub(crate) fn silence(segments: &[&SegmentFacts]) -> Vec<QuietTrack> {
    quiet_tracks(segments, |track| track.silence)
}

fn quiet_tracks(segments: &[&SegmentFacts], spans: fn(&Track) -> Option<QuietSpans>) -> Vec<QuietTrack> {
    let of = |segment: &SegmentFacts, id: u32| {
        segment.fetched.ok()?;
        segment.inspection.as_ref()?.tracks.iter().find(|t| t.id == id).and_then(spans)
    };
    let newest = segments.last().and_then(|s| s.inspection.as_ref());
    let ids = newest.into_iter().flat_map(|i| i.tracks.iter().map(|t| t.id));
    let judged = ids.filter_map(|id| {
        let (mut track, mut before) = (QuietTrack { id, judged: Seconds::ZERO, spans: Vec::new() }, None);
        for segment in segments {
            let found = of(segment, id);
            if found.is_none() || segment.segment.after != before {
                track = QuietTrack { id, judged: Seconds::ZERO, spans: Vec::new() };
            }
            if let Some(found) = found {
                track.add(found);
            }
            before = Some(segment.segment.number);
        }
        (track.judged > Seconds::ZERO).then_some(track)
    });
    judged.collect()
}

impl QuietTrack {
    /// Adds the spans of the next segment.
    fn add(&mut self, next: QuietSpans) {
        let is_first = self.judged.0 <= 0.0;
        let open = self.spans.pop_if(|last| last.ago.0 <= 0.0);
        self.spans.iter_mut().for_each(|span| span.ago = span.ago + next.total);
        self.judged = self.judged + next.total;
        let duration = open.map_or(Seconds::ZERO, |o| o.duration) + next.leading;
        let ago = if next.whole { Seconds::ZERO } else { next.total - next.leading };
        // A span that began before the oldest judged segment may be longer.
        let at_least = open.map_or(is_first && next.leading > Seconds::ZERO, |open| open.at_least);
        self.push(FaultSpan { duration, ago, at_least });
        if next.whole {
            return;
        }
        if next.longest > next.leading && next.longest > next.trailing {
            // Where in the segment the span lies isn't known. It ended before the last span began, if there is one.
            self.push(FaultSpan { duration: next.longest, ago: after_inner(next), at_least: false });
        }
        self.push(FaultSpan { duration: next.trailing, ago: Seconds::ZERO, at_least: false });
    }

    fn push(&mut self, span: FaultSpan) {
        if span.duration > Seconds::ZERO {
            self.spans.push(span);
        }
    }
}

/// The least time between the end of an inner span and the end of its segment; more than nothing, because the span ended.
fn after_inner(spans: QuietSpans) -> Seconds {
    Seconds(spans.trailing.0.max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pieces: &[(f64, bool)]) -> QuietSpans {
        let spans = pieces.iter().map(|(seconds, quiet)| QuietSpans::of_piece(Seconds(*seconds), *quiet));
        spans.fold(QuietSpans::default(), QuietSpans::join)
    }

    fn track(segments: &[&[(f64, bool)]]) -> QuietTrack {
        let mut track = QuietTrack { id: 1, judged: Seconds::ZERO, spans: Vec::new() };
        segments.iter().for_each(|segment| track.add(pieces(segment)));
        track
    }

    #[test]
    fn a_span_goes_on_over_segment_boundaries() {
        let track = track(&[&[(1.0, false), (1.0, true)], &[(2.0, true)], &[(2.0, true)]]);
        assert_eq!((track.now().0, track.judged.0), (5.0, 6.0));
        assert_eq!(track.spans, [FaultSpan { duration: Seconds(5.0), ago: Seconds::ZERO, at_least: false }]);
    }

    #[test]
    fn what_began_before_the_first_segment_may_be_longer() {
        let at_least = |segments: &[&[(f64, bool)]]| track(segments).spans.last().map(|s| s.at_least);
        assert_eq!(at_least(&[&[(2.0, true)], &[(2.0, true)]]), Some(true));
        assert_eq!(at_least(&[&[(2.0, true)], &[(1.0, true), (1.0, false)]]), Some(true));
        assert_eq!(at_least(&[&[(2.0, false)], &[(2.0, true)]]), Some(false));
    }

    #[test]
    fn a_span_that_ended_counts_for_the_time_of_recovery() {
        let track = track(&[&[(2.0, true)], &[(1.0, true), (1.0, false)], &[(2.0, false)]]);
        assert_eq!((track.now().0, track.spans.len()), (0.0, 1));
        let longest = |recovery| track.longest(Seconds(recovery)).map(|s| (s.duration.0, s.ago.0));
        assert_eq!((longest(3.5), longest(3.0)), (Some((3.0, 3.0)), None));
    }

    #[test]
    fn a_span_inside_of_a_segment_counts() {
        let inner = [(0.5, false), (6.0, true), (0.5, false), (1.0, true)];
        let track = track(&[&inner, &[(2.0, false)]]);
        let spans: Vec<_> = track.spans.iter().map(|s| (s.duration.0, s.ago.0)).collect();
        assert_eq!(spans, [(6.0, 3.0), (1.0, 2.0)]);
    }
}
