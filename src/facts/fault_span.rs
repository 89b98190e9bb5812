//! Periods of media in which a fault of picture or sound lasted.

use packager_media::units::Seconds;

/// A period of media in which one fault, such as a frozen picture or digital silence, lasted without interruption.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultSpan {
    /// Duration of the media that have the fault. In decoded media the time between two pieces that have the same picture throughout
    /// counts too.
    pub duration: Seconds,
    /// Time between the end of the span and the end of the newest media that were judged; 0 if the span lasts until there.
    pub ago: Seconds,
    /// Whether the span may be longer than `duration`, because media before, within or after it weren't judged.
    pub at_least: bool,
}

impl FaultSpan {
    /// Returns the duration of the span at the end of the newest media; 0 if there is none. `spans` are sorted, the oldest first.
    pub(crate) fn lasting(spans: &[Self]) -> Seconds {
        spans.last().filter(|span| span.ago.0 <= 0.0).map_or(Seconds::ZERO, |span| span.duration)
    }

    /// Returns the longest of the spans that last, or that ended less than `recovery` ago; `None` without such a span.
    pub(crate) fn longest(spans: &[Self], recovery: Seconds) -> Option<Self> {
        let recent = spans.iter().filter(|span| span.ago.0 <= 0.0 || span.ago < recovery);
        recent.copied().max_by(|a, b| a.duration.0.total_cmp(&b.duration.0))
    }
}
