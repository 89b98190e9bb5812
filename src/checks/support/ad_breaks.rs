//! Ad breaks of a rendition, as several checks compare them.

use crate::checks::support::select;
use crate::facts::SegmentFacts;
use packager_media::stream::Timeline;
use packager_media::stream::ads::AdBreak;
use packager_media::units::Seconds;

/// Reason of a check that has no ad marker to judge.
pub(in crate::checks) const NO_MARKER: &str = "no ad marker was seen";

/// Announced duration of a break, as text for a message.
pub(in crate::checks) fn duration_text(announced: Option<Seconds>) -> String {
    announced.map_or_else(|| "no duration".to_owned(), |a| format!("{} s", a.0))
}

/// Largest distance between two times of one break: `tolerance` seconds, but at least a target duration, because cue
/// tags stand between segments.
pub(in crate::checks) fn time_slack(tolerance: f64, timeline: &Timeline) -> Seconds {
    Seconds(tolerance.max(select::target_duration(timeline).unwrap_or_default().0))
}

/// Whether both breaks have a start and these are at most `slack` apart.
pub(in crate::checks) fn starts_match(a: &AdBreak, b: &AdBreak, slack: Seconds) -> bool {
    a.start.zip(b.start).is_some_and(|(a, b)| Seconds::between(a, b).abs() <= slack)
}

/// Whether any of these segments carries an SCTE-35 section that begins or ends a break.
pub(in crate::checks) fn carry_splices(segments: &[&SegmentFacts]) -> bool {
    segments.iter().filter_map(|s| select::complete_inspection(s)).any(|i| i.splice_count() > 0)
}

/// Scenes with ad markers, for the tests of these checks.
#[cfg(test)]
pub(in crate::checks) mod testing {
    use crate::checks::testing::*;
    use crate::history::{InspectedSpan, RenditionHistory};
    use packager_media::stream::ads::{AdRange, AdSource, Marker, MarkerKind};
    use packager_media::units::Seconds;

    /// A scene of the segments 10 to 15 of 2 s, from second -12 to now, with these markers from line 20 on.
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

    /// The ad break of an Event element or of event messages, in line 4.
    pub(crate) fn dash_range(source: AdSource, start: f64, seconds: f64) -> AdRange {
        let (start, coded) = (Some(time(start)), Some(Seconds(seconds)));
        AdRange { source, id: "1".to_owned(), start, coded, out: true, line: 4, ..AdRange::default() }
    }

    /// A scene of 2 s segments from second -20 to now, with these events, messages and inspected span. `declared` adds
    /// an InbandEventStream.
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
