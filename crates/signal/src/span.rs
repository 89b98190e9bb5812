//! Spans of media time.

/// A span of media, in seconds since the first decoded picture or sample of its stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Start of the span in seconds.
    pub start: f64,
    /// End of the span in seconds, not before `start`.
    pub end: f64,
}

impl Span {
    /// The length of the span in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.end - self.start
    }
}

/// Collects spans from consecutive pieces of media that are judged one by one.
///
/// A span that touches the start or the end of the media is kept whatever its length, because it may continue in the
/// segment before or after it. Any other span is kept if it has at least [`Spans::SHORTEST`] seconds.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    open: Option<f64>,
    found: Vec<Span>,
}

impl Spans {
    /// The shortest span inside the media that is kept, in seconds.
    pub(crate) const SHORTEST: f64 = 0.5;
    /// The largest number of spans that are kept. Media of 10 minutes can't have more of them.
    const MOST: usize = 1_200;

    /// Judges the media from `at` on: whether it belongs to a span.
    pub(crate) fn judge(&mut self, at: f64, belongs: bool) {
        match (belongs, self.open) {
            (true, None) => self.open = Some(at),
            (false, Some(_)) => self.close(at, false),
            _ => {}
        }
    }

    /// Ends the span that is open, if any, at `at`. `last` says that the media ends there.
    pub(crate) fn close(&mut self, at: f64, last: bool) {
        let Some(start) = self.open.take() else { return };
        let long = at - start >= Self::SHORTEST - 1e-6;
        if (long || start <= 0.0 || last) && at > start && self.found.len() < Self::MOST {
            self.found.push(Span { start, end: at });
        }
    }

    /// Ends the media at `at` and returns its spans in order of time.
    pub(crate) fn finish(mut self, at: f64) -> Vec<Span> {
        self.close(at, true);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_span_is_kept_only_where_it_may_continue_in_another_segment() {
        let mut spans = Spans::default();
        for (at, belongs) in
            [(0.0, true), (0.2, false), (1.0, true), (1.2, false), (2.0, true), (2.5, false), (5.8, true)]
        {
            spans.judge(at, belongs);
        }
        let found: Vec<(f64, f64)> = spans.finish(6.0).iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(found, [(0.0, 0.2), (2.0, 2.5), (5.8, 6.0)]);
    }
}
