//! Functions about the ad breaks of a rendition that several checks use.

use crate::checks::support::select;
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::history::RenditionHistory;
use packager_media::stream::Timeline;
use packager_media::stream::ads::{AdBreak, AdRange};
use packager_media::units::Seconds;

/// Reason why a check doesn't run if there is no ad marker.
pub(in crate::checks) const NO_MARKER: &str = "no ad marker was seen";

/// Returns the announced duration of an ad break as text for a message.
pub(in crate::checks) fn duration_text(announced: Option<Seconds>) -> String {
    announced.map_or_else(|| "no duration".to_owned(), |a| format!("{} s", a.0))
}

/// Returns the largest allowed difference between two times of the same ad break: `tolerance` seconds, but at least a
/// target duration, because cue tags stand between segments.
pub(in crate::checks) fn time_slack(tolerance: f64, timeline: &Timeline) -> Seconds {
    Seconds(tolerance.max(select::target_duration(timeline).unwrap_or_default().0))
}

/// Returns the duration of the longest ad break that is announced now, and in addition a target duration, because cue tags
/// stand between segments; zero if none with a duration is announced.
pub(in crate::checks) fn longest(facts: &RenditionFacts, past: &RenditionHistory) -> Seconds {
    let Some(timeline) = facts.timeline.as_deref() else { return Seconds::ZERO };
    let listed = timeline.ad_breaks().into_iter().filter_map(|b| b.announced);
    let events = past.ads.events.iter().chain(&past.ads.messages).filter_map(AdRange::announced);
    let announced = listed.chain(events).chain(past.ads.open.and_then(|open| open.announced));
    let longest = announced.map(|seconds| seconds.0).filter(|seconds| *seconds > 0.0).reduce(f64::max);
    longest.map_or(Seconds::ZERO, |seconds| Seconds(seconds) + time_slack(0.0, timeline))
}

/// Whether the live edge is in an ad break: one that the playlist or MPD announces now, or one that was seen to begin and not to end.
pub(in crate::checks) fn is_in_break(timeline: &Timeline, past: &RenditionHistory) -> bool {
    past.ads.open.is_some() || past.ads.is_in_break(timeline.live_edge()) || timeline.in_ad_break()
}

/// Whether both ad breaks have a start and these are at most `slack` apart.
pub(in crate::checks) fn starts_match(a: &AdBreak, b: &AdBreak, slack: Seconds) -> bool {
    a.start.zip(b.start).is_some_and(|(a, b)| Seconds::between(a, b).abs() <= slack)
}

/// Whether any of these segments contains an SCTE-35 section that begins or ends an ad break.
pub(in crate::checks) fn carry_splices(segments: &[&SegmentFacts]) -> bool {
    segments.iter().filter_map(|s| select::complete_inspection(s)).any(|i| i.splice_count() > 0)
}

/// Test inputs of checks (scenes) with ad markers.
#[cfg(test)]
pub(in crate::checks) mod testing {
    use crate::checks::testing::*;
    use crate::history::{InspectedSpan, RenditionHistory};
    use packager_media::stream::ads::{AdRange, AdSource, Marker, MarkerKind};
    use packager_media::units::Seconds;

    /// Makes a test input: a rendition with the segments 10 to 15 of 2 s, which end at the time of the probe. Each ad
    /// marker is given with its segment number; the first is on line 20.
    pub(crate) fn marked(markers: Vec<(u64, MarkerKind)>) -> Scene {
        let mut scene = Scene::live();
        let timeline = scene.timeline();
        timeline.segments[0].program_date_time = Some(time(-12.0));
        timeline.markers = (20..).zip(markers).map(|(line, (number, kind))| Marker { kind, number, line }).collect();
        scene
    }

    pub(crate) fn out(seconds: f64) -> MarkerKind {
        MarkerKind::Out { announced: Some(Seconds(seconds)) }
    }

    pub(crate) fn range(id: &str, start: f64, planned: f64) -> AdRange {
        let (start, planned) = (Some(time(start)), Some(Seconds(planned)));
        AdRange { id: id.to_owned(), start, planned, out: true, ..AdRange::default() }
    }

    pub(crate) fn boxed(range: AdRange) -> MarkerKind {
        MarkerKind::Range(Box::new(range))
    }

    /// Makes the ad break of an Event element or of event messages, on line 4. `start` is in seconds from the time of
    /// the probe, `seconds` is the announced duration.
    pub(crate) fn dash_range(source: AdSource, start: f64, seconds: f64) -> AdRange {
        let (start, coded) = (Some(time(start)), Some(Seconds(seconds)));
        AdRange { source, id: "1".to_owned(), start, coded, out: true, line: 4, ..AdRange::default() }
    }

    /// Makes a test input: a live MPD with ten segments of 2 s. The first begins 20 s before the probe, and the last
    /// ends at the time of the probe. `events` and `messages` are its ad breaks in Events and event messages.
    /// `inspected` is the span of inspected segments. `declared` is whether an InbandEventStream declares the messages.
    pub(crate) fn dash_scene(
        events: Vec<AdRange>,
        messages: Vec<AdRange>,
        inspected: Option<(f64, f64)>,
        declared: bool,
    ) -> Scene {
        let mpd = timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>");
        let inband = "<InbandEventStream schemeIdUri=\"urn:scte:scte35:2013:bin\"/><SegmentTemplate";
        let mut scene = Scene::dash(&if declared { mpd.replacen("<SegmentTemplate", inband, 1) } else { mpd });
        let marker = |range: AdRange| Marker { number: 0, line: 4, kind: MarkerKind::Range(Box::new(range)) };
        scene.timeline().markers = events.into_iter().map(marker).collect();
        let name = scene.rendition().rendition.name.clone();
        let mut past = RenditionHistory::default();
        past.ads.messages = messages;
        past.ads.inspected = inspected.map(|(from, to)| InspectedSpan::of(time(from), time(to)));
        scene.history.renditions = [(name, past)].into();
        scene
    }
}
