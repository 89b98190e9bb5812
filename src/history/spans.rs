//! Spans of a fault of picture or sound, added up over the pieces of media that were decoded.

use crate::facts::FaultSpan;
use packager_media::units::Seconds;
use packager_signal::Span;

/// Distance in seconds from the beginning or end of a piece within which a span counts as touching it: a few pictures, or the frames that a
/// decoder of sound needs before it gives the first sample.
const EDGE: f64 = 0.1;
/// Shortest span that is remembered after its end.
const LEAST: Seconds = Seconds(0.5);
/// Largest number of spans that are remembered; the oldest is forgotten first.
const MAX_SPANS: usize = 16;
/// Time after the end of a span for which it is remembered.
const KEPT: Seconds = Seconds(600.0);

/// Spans of one fault, such as a frozen picture, in the decoded media of one rendition or track.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultSpans {
    /// Whether any media was decoded.
    judged: bool,
    /// Remembered spans, oldest first.
    spans: Vec<FaultSpan>,
    /// Whether the newest piece has the fault from its beginning to its end.
    whole: bool,
}

/// How a piece of decoded media follows the piece before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PieceTransition {
    /// The piece is the first one, or begins a new timeline.
    First,
    /// The piece plays directly after the one before. The flag says whether the state of the one before may go on in it.
    Contiguous(bool),
    /// Media between the two pieces weren't decoded. `passed` is the least time between them. `joins` says whether two pieces that
    /// have the fault throughout are one span, and `counts` whether the time between them belongs to it.
    Unseen { passed: Seconds, joins: bool, counts: bool },
}

impl FaultSpans {
    /// Adds the spans of the next piece of media, whose duration is `total`.
    pub(crate) fn add(&mut self, piece: &[Span], total: Seconds, joint: PieceTransition) {
        if joint == PieceTransition::First {
            *self = Self::default();
        }
        let unseen = match joint {
            PieceTransition::Unseen { passed, .. } => passed,
            PieceTransition::First | PieceTransition::Contiguous(_) => Seconds::ZERO,
        };
        let is_whole = matches!(piece, [one] if starts(one) && ends(one, total));
        let open = self.spans.pop_if(|last| last.ago.0 <= 0.0);
        self.spans.iter_mut().for_each(|span| span.ago = span.ago + unseen + total);
        let (goes_on, counted) = match joint {
            PieceTransition::First => (false, Seconds::ZERO),
            PieceTransition::Contiguous(same) => (same, Seconds::ZERO),
            PieceTransition::Unseen { joins, counts, passed } => {
                (joins && self.whole && is_whole, if counts { passed } else { Seconds::ZERO })
            }
        };
        let is_cut = !self.judged || matches!(joint, PieceTransition::Unseen { .. });
        let mut rest = piece;
        if let Some(open) = open {
            rest = self.close(open, piece, total, goes_on.then_some(counted), is_cut);
        }
        for span in rest {
            let at_least = starts(span) && is_cut;
            self.push(FaultSpan { duration: length(span), ago: ago(span, total), at_least });
        }
        (self.judged, self.whole) = (true, is_whole);
        self.spans.retain(|span| span.ago < KEPT && (span.ago.0 <= 0.0 || span.duration >= LEAST));
        self.spans.drain(..self.spans.len().saturating_sub(MAX_SPANS));
    }

    /// Continues the open span with the first span of the piece, or ends it. `joined` is the time between the pieces that belongs to
    /// the span; `None` if the span doesn't go on. Returns the spans of the piece that remain.
    fn close<'p>(
        &mut self,
        open: FaultSpan,
        piece: &'p [Span],
        total: Seconds,
        joined: Option<Seconds>,
        is_cut: bool,
    ) -> &'p [Span] {
        if let (Some((first, rest)), Some(counted)) = (piece.split_first().filter(|(first, _)| starts(first)), joined) {
            let duration = open.duration + counted + length(first);
            self.push(FaultSpan { duration, ago: ago(first, total), at_least: open.at_least || is_cut });
            return rest;
        }
        // It ended somewhere in what wasn't decoded, or at the boundary.
        self.push(FaultSpan { ago: total, at_least: open.at_least || is_cut, ..open });
        piece
    }

    fn push(&mut self, span: FaultSpan) {
        if span.duration > Seconds::ZERO {
            self.spans.push(span);
        }
    }

    /// Whether any media was decoded in which the fault would show.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.judged
    }

    /// Duration of the span at the end of the newest decoded media; 0 if there is none.
    #[must_use]
    pub fn now(&self) -> Seconds {
        FaultSpan::lasting(&self.spans)
    }

    /// The remembered spans, oldest first.
    pub(crate) fn spans(&self) -> &[FaultSpan] {
        &self.spans
    }

    /// The longest span that lasts, or that ended less than `recovery` ago; `None` without such a span.
    #[must_use]
    pub fn longest(&self, recovery: Seconds) -> Option<FaultSpan> {
        FaultSpan::longest(&self.spans, recovery)
    }
}

fn starts(span: &Span) -> bool {
    span.start <= EDGE
}

fn ends(span: &Span, total: Seconds) -> bool {
    span.end >= total.0 - EDGE
}

fn length(span: &Span) -> Seconds {
    Seconds(span.duration().max(0.0))
}

fn ago(span: &Span, total: Seconds) -> Seconds {
    if ends(span, total) { Seconds::ZERO } else { Seconds(total.0 - span.end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: Seconds = Seconds(6.0);
    const GAP: PieceTransition = PieceTransition::Unseen { passed: Seconds(24.0), joins: true, counts: true };

    fn spans(pieces: &[(&[(f64, f64)], PieceTransition)]) -> FaultSpans {
        let mut spans = FaultSpans::default();
        for (piece, joint) in pieces {
            let piece: Vec<_> = piece.iter().map(|(start, end)| Span { start: *start, end: *end }).collect();
            spans.add(&piece, TOTAL, *joint);
        }
        spans
    }

    fn longest(spans: &FaultSpans) -> Option<(f64, f64, bool)> {
        spans.longest(Seconds(10.0)).map(|span| (span.duration.0, span.ago.0, span.at_least))
    }

    #[test]
    fn a_span_goes_on_over_contiguous_pieces() {
        let first: &[_] = &[(4.0, 6.0)];
        let joined = spans(&[(first, PieceTransition::First), (&[(0.0, 6.0)], PieceTransition::Contiguous(true))]);
        assert_eq!((joined.now().0, longest(&joined)), (8.0, Some((8.0, 0.0, false))));
        let ended = spans(&[(first, PieceTransition::First), (&[(0.04, 1.0)], PieceTransition::Contiguous(true))]);
        assert_eq!((ended.now().0, longest(&ended)), (0.0, Some((2.96, 5.0, false))));
        let another = spans(&[(first, PieceTransition::First), (&[(0.0, 6.0)], PieceTransition::Contiguous(false))]);
        assert_eq!((another.now().0, longest(&another)), (6.0, Some((6.0, 0.0, false))), "another still picture");
    }

    #[test]
    fn the_time_between_two_pieces_counts_only_if_both_have_the_fault_throughout() {
        let whole: &[_] = &[(0.0, 6.0)];
        let both = spans(&[(whole, PieceTransition::First), (whole, GAP)]);
        assert_eq!(longest(&both), Some((36.0, 0.0, true)));
        let part = spans(&[(&[(1.0, 6.0)], PieceTransition::First), (whole, GAP)]);
        assert_eq!(longest(&part), Some((6.0, 0.0, true)));
        let then = spans(&[(whole, PieceTransition::First), (&[(0.0, 5.0)], GAP)]);
        assert_eq!((then.now().0, longest(&then)), (0.0, Some((6.0, 6.0, true))));
        let seen_only = PieceTransition::Unseen { passed: Seconds(24.0), joins: true, counts: false };
        assert_eq!(longest(&spans(&[(whole, PieceTransition::First), (whole, seen_only)])), Some((12.0, 0.0, true)));
        let apart = PieceTransition::Unseen { passed: Seconds(24.0), joins: false, counts: false };
        assert_eq!(longest(&spans(&[(whole, PieceTransition::First), (whole, apart)])), Some((6.0, 0.0, true)));
    }

    #[test]
    fn ten_seconds_without_it_end_the_fault() {
        let whole: &[_] = &[(0.0, 6.0)];
        let clear: &[_] = &[];
        let next = PieceTransition::Contiguous(true);
        let once = spans(&[(whole, PieceTransition::First), (clear, next)]);
        assert_eq!(longest(&once), Some((6.0, 6.0, true)));
        assert_eq!(longest(&spans(&[(whole, PieceTransition::First), (clear, next), (clear, next)])), None);
        let gap = PieceTransition::Unseen { passed: Seconds(4.0), joins: true, counts: true };
        assert_eq!(
            longest(&spans(&[(whole, PieceTransition::First), (clear, gap)])),
            Some((6.0, 6.0, true)),
            "it may have lasted"
        );
        assert_eq!(longest(&spans(&[(whole, PieceTransition::First), (clear, next), (clear, gap)])), None);
    }

    #[test]
    fn a_new_timeline_begins_anew() {
        let whole: &[_] = &[(0.0, 6.0)];
        let again = spans(&[(whole, PieceTransition::First), (whole, PieceTransition::First)]);
        assert_eq!(longest(&again), Some((6.0, 0.0, true)));
        assert!(!FaultSpans::default().is_judged() && again.is_judged());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut all = FaultSpans::default();
        for _ in 0..100 {
            let piece = [(0.5, 1.5), (2.0, 3.0), (3.5, 3.6)].map(|(start, end)| Span { start, end });
            all.add(&piece, TOTAL, PieceTransition::Contiguous(true));
        }
        assert_eq!(all.spans.len(), MAX_SPANS);
        all.add(&[], Seconds(700.0), PieceTransition::Contiguous(true));
        assert!(all.spans.is_empty());
    }
}
