use crate::facts::SegmentFacts;
use packager_media::stream::Timeline;
use packager_media::stream::ads::{self, AdBreak, AdRange, AdSource, BreakState, MarkerKind, TimedSection};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

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
    /// DASH: the breaks of the MPD's events, in their order; an open one also after it has left the MPD.
    pub events: Vec<AdRange>,
    /// DASH: those of event messages, as far as every segment was inspected.
    pub messages: Vec<AdRange>,
    /// When a message that opens a break was last inspected.
    pub last_message: Option<Timestamp>,
    /// Over which media every segment was inspected up to now, without a gap.
    pub inspected: Option<Inspected>,
}

/// Consecutive segments that arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inspected {
    /// When the first of them begins, and the last one ends, by the MPD.
    pub from: Timestamp,
    pub to: Timestamp,
    /// Number of the last.
    last: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenBreak {
    /// When the live edge was where the break begins, by the exporter's clock.
    pub opened: Timestamp,
    pub announced: Option<Seconds>,
    /// Its first segment, where the tag was seen.
    pub from: Option<u64>,
}

impl Inspected {
    /// As if the last of them had the number 0.
    #[cfg(test)]
    #[must_use]
    pub fn of(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to, last: 0 }
    }
}

impl AdPast {
    /// Takes in a playlist asked for at `at`, whose live edge is where it is since `edge_since`. `before`: the newest
    /// segment of the observation before.
    pub(super) fn take(&mut self, timeline: &Timeline, before: Option<u64>, at: Timestamp, edge_since: Timestamp) {
        self.watched_since.get_or_insert(at);
        if !joins(timeline, before) {
            self.open = None;
            self.events.clear();
        }
        self.listed(timeline);
        if timeline.markers.iter().any(|m| opens(&m.kind)) {
            self.last_cue = Some(at);
        }
        let told = timeline.ad_breaks().into_iter().rfind(|b| b.source == AdSource::Cue);
        self.open = match told {
            Some(told) if told.state == BreakState::Open => Some(self.opened(&told, edge_since)),
            Some(_) => None,
            None => self.open.filter(|_| !timeline.markers.iter().any(|m| m.kind == MarkerKind::In)),
        };
    }

    /// The live edge at `edge` is in a break that events opened.
    #[must_use]
    pub fn in_break(&self, edge: Option<Timestamp>) -> bool {
        let told = ads::breaks(&self.events, edge).chain(ads::breaks(&self.messages, edge));
        told.into_iter().any(|b| b.state == BreakState::Open)
    }

    /// An event that is gone while its time is still listed was withdrawn.
    fn listed(&mut self, timeline: &Timeline) {
        let first = timeline.segments.first().and_then(|s| s.program_date_time);
        let told: Vec<&AdRange> = timeline.event_ranges().collect();
        let listed = |known: &AdRange| told.iter().any(|r| r.id == known.id && r.start == known.start);
        self.events.retain(|known| listed(known) || known.start.zip(first).is_some_and(|(start, first)| start < first));
        told.into_iter().for_each(|range| ads::merge_range(&mut self.events, range.clone()));
    }

    /// Takes in segments as they were inspected, oldest first. One that was missed may have ended a break.
    pub(super) fn carried(&mut self, segments: &[Arc<SegmentFacts>]) {
        for facts in segments {
            let segment = &facts.segment;
            let Some((start, media)) = segment.program_date_time.zip(segment.media_start) else { continue };
            let known = self.inspected.filter(|i| i.last < segment.number);
            if self.inspected.is_some() && known.is_none() {
                continue;
            }
            let Some(inspection) = facts.inspection.as_ref().filter(|_| facts.fetched.ok().is_some()) else {
                (self.messages, self.inspected) = (Vec::new(), None);
                continue;
            };
            let before = known.filter(|i| segment.after == Some(i.last));
            if before.is_none() {
                self.messages.clear();
            }
            let from = before.map_or(start, |i| i.from);
            self.inspected = Some(Inspected { from, to: segment.duration.after(start), last: segment.number });
            for event in &inspection.events {
                let Some((section, time)) = event.section.as_ref().zip(event.time) else { continue };
                let Some(later) = time.since(media.at) else { continue };
                let at = later.after(start);
                let told = TimedSection { source: AdSource::Message, at, duration: None, section, line: 0 };
                let ranges = told.ranges();
                if ranges.iter().any(|r| r.out) {
                    self.last_message = self.last_message.max(Some(facts.inspected_at));
                }
                ranges.into_iter().for_each(|range| ads::merge_range(&mut self.messages, range));
            }
        }
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
