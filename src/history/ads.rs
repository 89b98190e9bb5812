use crate::stream::Timeline;
use crate::stream::ads::{AdBreak, BreakState, MarkerKind, Source};
use crate::units::{Seconds, Timestamp};

/// What is remembered of a rendition's ad breaks: longer than `hold`, for a break lasts minutes, and its
/// EXT-X-CUE-OUT leaves the window before it ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdPast {
    /// The break that cue tags have opened and not closed.
    pub open: Option<OpenBreak>,
    /// When a tag that opens a break or continues one was last listed.
    pub last_cue: Option<Timestamp>,
    /// The first observation: cues may be missed since then.
    pub watched_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenBreak {
    /// When the live edge was where the break begins, by the exporter's clock.
    pub opened: Timestamp,
    pub announced: Option<Seconds>,
    /// Its first segment, where the tag was seen.
    pub from: Option<u64>,
}

impl AdPast {
    /// Takes in a playlist asked for at `at`, whose live edge is where it is since `edge_since`. `before`: the newest
    /// segment of the observation before.
    pub(super) fn take(&mut self, timeline: &Timeline, before: Option<u64>, at: Timestamp, edge_since: Timestamp) {
        self.watched_since.get_or_insert(at);
        if !joins(timeline, before) {
            self.open = None;
        }
        if timeline.markers.iter().any(|m| opens(&m.kind)) {
            self.last_cue = Some(at);
        }
        let told = timeline.ad_breaks().into_iter().rfind(|b| b.source == Source::Cue);
        self.open = match told {
            Some(told) if told.state == BreakState::Open => Some(self.opened(&told, edge_since)),
            Some(_) => None,
            None => self.open.filter(|_| !timeline.markers.iter().any(|m| m.kind == MarkerKind::In)),
        };
    }

    /// A break that was open before keeps its beginning: later tags know it no better.
    fn opened(&self, told: &AdBreak, edge_since: Timestamp) -> OpenBreak {
        let same = self.open.filter(|known| told.from.is_none() || known.from == told.from);
        let elapsed = told.elapsed.unwrap_or_default();
        OpenBreak {
            opened: same.map_or_else(|| Seconds(-elapsed.0).after(edge_since), |known| known.opened),
            announced: told.announced.or(same.and_then(|known| known.announced)),
            from: told.from.or(same.and_then(|known| known.from)),
        }
    }
}

/// The window goes on where the one before ended: nothing that closes a break was missed.
fn joins(timeline: &Timeline, before: Option<u64>) -> bool {
    let (Some(first), Some(last)) = (timeline.segments.first(), timeline.segments.last()) else { return true };
    before.is_none_or(|b| first.number <= b.saturating_add(1) && last.number >= b)
}

fn opens(kind: &MarkerKind) -> bool {
    match kind {
        MarkerKind::Out { .. } | MarkerKind::Continues { .. } => true,
        MarkerKind::Range(range) => range.out,
        MarkerKind::Splice(section) => section.opening().is_some(),
        MarkerKind::In => false,
    }
}
