//! History of a rendition's ad breaks over several probes.

use crate::facts::SegmentFacts;
use packager_media::stream::Timeline;
use packager_media::stream::ads::{self, AdBreak, AdRange, AdSource, BreakState, Marker, MarkerKind, TimedSection};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// Ad breaks of a rendition. They are remembered for longer than the template's `hold`, because a break lasts minutes
/// and its EXT-X-CUE-OUT leaves the window before the break ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdHistory {
    /// The ad break that cue tags opened and that isn't over yet; `None` if there is none.
    pub open: Option<OpenAdBreak>,
    /// The newest ad break that cue tags opened and haven't closed; it may be over because of its announced duration. `None` if there is
    /// none.
    pub unclosed: Option<OpenAdBreak>,
    /// Whether EXT-X-CUE-IN was ever listed: the packager closes its breaks.
    pub has_returns: bool,
    /// Number of the first segment in the newest playlist; `None` before the first playlist.
    pub first_listed: Option<u64>,
    /// Time of the last probe in which a tag that opens or continues a break was listed; `None` if none was.
    pub last_cue: Option<Timestamp>,
    /// Time of the first observation of the rendition's playlist; ad markers before it aren't known.
    pub watched_since: Option<Timestamp>,
    /// Breaks from the MPD's events (DASH), in their order. A break stays while it is open, even if its event has left
    /// the MPD.
    pub events: Vec<AdRange>,
    /// Ad breaks from event messages in segments (DASH). They are known only for the newest span in which every segment
    /// was inspected.
    pub messages: Vec<AdRange>,
    /// Time at which an event message that opens a break was last inspected; `None` if none was.
    pub last_message: Option<Timestamp>,
    /// The newest span of media in which every segment was inspected; `None` if there is none.
    pub inspected: Option<InspectedSpan>,
}

/// A span of consecutive segments of a rendition that were all inspected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InspectedSpan {
    /// Start of the span's first segment, by the MPD.
    pub from: Timestamp,
    /// End of the span's last segment, by the MPD.
    pub to: Timestamp,
    /// Number of the span's last segment.
    last: u64,
}

/// An ad break that cue tags opened and haven't closed yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenAdBreak {
    /// Time by the exporter's clock at which the live edge was at the beginning of the break.
    pub opened: Timestamp,
    /// Duration of the ad break that the opening tag announces; `None` if it announces none.
    pub announced: Option<Seconds>,
    /// Number of the ad break's first segment; `None` if its opening tag was never listed in a probe.
    pub from: Option<u64>,
}

impl OpenAdBreak {
    /// Whether EXT-X-CUE-IN closes the break. One before the break is that of an earlier break, which an edge of the CDN may still
    /// list.
    fn is_closed_in(&self, timeline: &Timeline) -> bool {
        let closes = |m: &Marker| m.kind == MarkerKind::In && self.from.is_none_or(|from| m.number > from);
        timeline.markers.iter().any(closes)
    }

    /// Whether the break has lasted as long as announced at the live edge, and no EXT-X-CUE-OUT-CONT says that it goes on after that.
    /// A packager that writes no EXT-X-CUE-IN ends its breaks so.
    fn is_over(&self, timeline: &Timeline, edge_since: Timestamp) -> bool {
        let Some(announced) = self.announced else { return false };
        let elapsed = Seconds::between(self.opened, edge_since);
        // The beginning is known as exactly as probes see it, and the last tag of a break may stand at its end.
        let slack = 2.0 * timeline.segments.iter().map(|s| s.duration.0).fold(0.0, f64::max);
        let goes_on = |m: &Marker| match m.kind {
            MarkerKind::Continues { elapsed: told, .. } => {
                let since: Seconds =
                    timeline.segments.iter().filter(|s| s.number >= m.number).map(|s| s.duration).sum();
                told.unwrap_or(elapsed - since).0 > announced.0 + slack
            }
            _ => false,
        };
        elapsed >= announced && !timeline.markers.iter().any(goes_on)
    }
}

impl InspectedSpan {
    /// Makes a span of inspected segments whose last segment has the number 0.
    #[cfg(test)]
    #[must_use]
    pub fn of(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to, last: 0 }
    }
}

impl AdHistory {
    /// Adds the ad markers of a media playlist. `at` is the time of its request, and `edge_since` the time since which
    /// its live edge hasn't moved. `before` is the number of the newest segment in the playlist that was added before;
    /// `None` for the first playlist.
    pub(super) fn observe_playlist(
        &mut self,
        timeline: &Timeline,
        before: Option<u64>,
        at: Timestamp,
        edge_since: Timestamp,
    ) {
        self.watched_since.get_or_insert(at);
        if !joins(timeline, self.first_listed, before) {
            self.unclosed = None;
            self.events.clear();
        }
        self.first_listed = timeline.segments.first().map_or(self.first_listed, |s| Some(s.number));
        self.has_returns |= timeline.markers.iter().any(|m| m.kind == MarkerKind::In);
        self.observe_events(timeline);
        if timeline.markers.iter().any(|m| opens(&m.kind)) {
            self.last_cue = Some(at);
        }
        let newest = timeline.ad_breaks().into_iter().rfind(|b| b.source == AdSource::Cue);
        self.unclosed = match newest {
            Some(newest) if newest.state == BreakState::Open => Some(self.opened(&newest, edge_since)),
            _ => self.unclosed.filter(|known| !known.is_closed_in(timeline)),
        };
        self.open = self.unclosed.filter(|known| self.has_returns || !known.is_over(timeline, edge_since));
    }

    /// Returns whether the live edge at `edge` is in a break that events or event messages opened.
    #[must_use]
    pub fn is_in_break(&self, edge: Option<Timestamp>) -> bool {
        let mut breaks = ads::breaks(&self.events, edge).chain(ads::breaks(&self.messages, edge));
        breaks.any(|b| b.state == BreakState::Open)
    }

    /// Adds the MPD's events. An event that is missing although the MPD still lists its time was withdrawn.
    fn observe_events(&mut self, timeline: &Timeline) {
        let first = timeline.segments.first().and_then(|s| s.program_date_time);
        let ranges: Vec<&AdRange> = timeline.event_ranges().collect();
        let listed = |known: &AdRange| ranges.iter().any(|r| r.id == known.id && r.start == known.start);
        self.events.retain(|known| listed(known) || known.start.zip(first).is_some_and(|(start, first)| start < first));
        ranges.into_iter().for_each(|range| ads::merge_range(&mut self.events, range.clone()));
    }

    /// Adds inspected segments, oldest first. A segment that wasn't inspected may have ended a break, so the breaks
    /// before it are forgotten.
    pub(super) fn observe_segments(&mut self, segments: &[Arc<SegmentFacts>]) {
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
            let before = known.filter(|i| segment.follows(i.last));
            if before.is_none() {
                self.messages.clear();
            }
            let from = before.map_or(start, |i| i.from);
            self.inspected = Some(InspectedSpan { from, to: segment.duration.after(start), last: segment.number });
            for event in &inspection.events {
                let Some((section, time)) = event.section.as_ref().zip(event.time) else { continue };
                let Some(later) = time.since(media.at) else { continue };
                let at = later.after(start);
                let timed = TimedSection { source: AdSource::Message, at, duration: None, section, line: 0 };
                let ranges = timed.ranges();
                if ranges.iter().any(|r| r.out) {
                    self.last_message = self.last_message.max(Some(facts.inspected_at));
                }
                ranges.into_iter().for_each(|range| ads::merge_range(&mut self.messages, range));
            }
        }
    }

    /// Returns the open break after a tag. A break that was open before keeps its start, because later tags give it
    /// less exactly.
    fn opened(&self, ad_break: &AdBreak, edge_since: Timestamp) -> OpenAdBreak {
        let same = self.unclosed.filter(|known| ad_break.from.is_none() || known.from == ad_break.from);
        let elapsed = ad_break.elapsed.unwrap_or_default();
        OpenAdBreak {
            opened: same.map_or_else(|| Seconds(-elapsed.0).after(edge_since), |known| known.opened),
            announced: ad_break.announced.or(same.and_then(|known| known.announced)),
            from: ad_break.from.or(same.and_then(|known| known.from)),
        }
    }
}

/// Returns whether the window overlaps the previous one, from the segment `from` to the segment `to`, or follows it, so that no tag
/// that closes a break was missed. An edge of the CDN may be a segment behind another.
fn joins(timeline: &Timeline, from: Option<u64>, to: Option<u64>) -> bool {
    let (Some(first), Some(last)) = (timeline.segments.first(), timeline.segments.last()) else { return true };
    to.is_none_or(|to| (first.number <= to || first.follows(to)) && last.number >= from.unwrap_or(to))
}

fn opens(kind: &MarkerKind) -> bool {
    match kind {
        MarkerKind::Out { .. } | MarkerKind::Continues { .. } => true,
        MarkerKind::Range(range) => range.out,
        MarkerKind::Splice(section) => section.first_out().is_some(),
        MarkerKind::In => false,
    }
}
