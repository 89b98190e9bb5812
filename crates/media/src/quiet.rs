//! Spans of media in which nothing happens.

use crate::units::Seconds;

/// Spans of one track in which nothing happens, such as digital silence: how long they are, and whether they touch the ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuietSpans {
    /// Duration of everything that was judged, quiet or not.
    pub total: Seconds,
    /// Duration of the quiet span at the start; 0 if the track doesn't begin quietly.
    pub leading: Seconds,
    /// Duration of the quiet span at the end; 0 if the track doesn't end quietly.
    pub trailing: Seconds,
    /// Duration of the longest quiet span.
    pub longest: Seconds,
    /// Whether nothing but quiet was found.
    pub whole: bool,
}

impl Default for QuietSpans {
    fn default() -> Self {
        let none = Seconds::ZERO;
        Self { total: none, leading: none, trailing: none, longest: none, whole: true }
    }
}

impl QuietSpans {
    /// Makes the spans of one piece that is quiet as a whole, or not at all.
    #[must_use]
    pub fn of_piece(duration: Seconds, quiet: bool) -> Self {
        let span = if quiet { duration } else { Seconds::ZERO };
        Self { total: duration, leading: span, trailing: span, longest: span, whole: quiet }
    }

    /// Joins the spans of two pieces of which `next` follows without a gap. A span that reaches over the boundary is one span.
    #[must_use]
    pub fn join(self, next: Self) -> Self {
        let across = self.trailing + next.leading;
        Self {
            total: self.total + next.total,
            leading: if self.whole { across } else { self.leading },
            trailing: if next.whole { across } else { next.trailing },
            longest: Seconds(self.longest.0.max(next.longest.0).max(across.0)),
            whole: self.whole && next.whole,
        }
    }

    /// Whether nothing was judged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total.0 <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[(f64, bool)]) -> QuietSpans {
        let pieces = pieces.iter().map(|(seconds, quiet)| QuietSpans::of_piece(Seconds(*seconds), *quiet));
        pieces.fold(QuietSpans::default(), QuietSpans::join)
    }

    #[test]
    fn neighbouring_pieces_are_one_span_however_they_are_joined() {
        let pieces = [(1.0, true), (2.0, true), (1.0, false), (3.0, true), (0.5, false), (1.0, true), (1.0, true)];
        let whole = joined(&pieces);
        let seconds = |s: QuietSpans| [s.total.0, s.leading.0, s.trailing.0, s.longest.0];
        assert_eq!((seconds(whole), whole.whole), ([9.5, 3.0, 2.0, 3.0], false));
        for cut in 0..=pieces.len() {
            let (before, after) = pieces.split_at(cut);
            assert_eq!(joined(before).join(joined(after)), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_track_that_is_quiet_throughout_is_one_span() {
        let spans = joined(&[(2.0, true), (2.0, true)]);
        assert_eq!((spans.leading.0, spans.trailing.0, spans.longest.0, spans.whole), (4.0, 4.0, 4.0, true));
        assert!(QuietSpans::default().is_empty() && !spans.is_empty());
        let loud = joined(&[(2.0, false)]);
        assert_eq!((loud.leading.0, loud.trailing.0, loud.longest.0, loud.whole), (0.0, 0.0, 0.0, false));
    }
}
