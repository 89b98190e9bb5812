//! Ad markers of DASH: events of the MPD, which all of its pictures share, and event messages of the segments.

use super::{NO_MARKER, Params, announced, unannounced};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckVerdict, Violation};
use crate::facts::{DashFacts, RenditionFacts};
use crate::history::RenditionHistory;
use packager_media::dash::{self, AdaptationSet, is_scte35};
use packager_media::defect::DefectKind;
use packager_media::stream::ads::{self, AdBreak, AdRange, BreakState};
use packager_media::stream::{Media, Timeline, names};
use packager_media::units::Seconds;

/// A message may come that long before its splice.
const LEAD: Seconds = Seconds(30.0);
const INBAND: &str = "urn:scte:scte35:2013:bin";

pub fn check(context: &CheckContext<'_>, dash: &DashFacts, params: &Params) -> CheckVerdict {
    let output = context.output;
    let unread = output.defects.iter().filter(|d| d.kind == DefectKind::AdMarker);
    let mut found = select::cap_violations(unread.map(|d| select::defect_violation(&output.url, d)).collect());
    let marked = output.renditions.iter().filter_map(|r| r.timeline.as_deref()).find(|t| !t.markers.is_empty());
    let listed: Vec<AdRange> = marked.into_iter().flat_map(Timeline::event_ranges).cloned().collect();
    found.extend(listed.iter().filter_map(|range| coded_otherwise(range, params)));
    let now = dash.clock_offset().after(context.now);
    let sets: Vec<_> =
        dash::current_period(&dash.mpd, now).into_iter().flat_map(dash::playable_representations).collect();
    let each = select::judge_renditions(context, NO_MARKER, |facts, past| {
        let same = |id: &str| facts.rendition.id.as_deref() == Some(&names::slug(id));
        let set = sets.iter().find(|(set, r)| set.media == facts.rendition.media && same(&r.id));
        judge(facts, past, set.map(|(set, _)| *set), dash, params)
    });
    match each {
        CheckVerdict::Ran(more) => found.extend(more),
        not_run if found.is_empty() && listed.is_empty() => return not_run,
        _ => {}
    }
    CheckVerdict::Ran(found)
}

fn judge(
    facts: &RenditionFacts,
    past: &RenditionHistory,
    set: Option<&AdaptationSet>,
    dash: &DashFacts,
    params: &Params,
) -> Option<Vec<Violation>> {
    let timeline = facts.timeline.as_deref()?;
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let mut found = Vec::new();
    for segment in &segments {
        let unread = segment.inspection.iter().flat_map(|i| &i.defects).filter(|d| d.kind == DefectKind::AdMarker);
        found.extend(unread.map(|d| select::defect_violation(&segment.segment.uri, d)));
    }
    let opening = |s: &&super::SegmentFacts| {
        let messages = select::complete_inspection(s).map_or(&[][..], |i| &i.events);
        messages.iter().any(|e| e.section.as_ref().is_some_and(|s| s.first_out().is_some()))
    };
    let carrier = segments.iter().find(|s| opening(s));
    if timeline.markers.is_empty() && carrier.is_none() && found.is_empty() {
        return None;
    }
    let declared = set.is_some_and(|set| set.inband_events.iter().any(|d| is_scte35(&d.scheme)));
    let streams = dash.mpd.periods.iter().flat_map(|p| &p.events).any(|s| is_scte35(&s.scheme));
    if let Some(carrier) = carrier.filter(|_| set.is_some() && !declared && !streams) {
        let message = format!(
            "segments have SCTE-35 event messages, no InbandEventStream of {INBAND} declares them and no EventStream tells of the \
             same: players pass over them"
        );
        found.push(select::segment_violation(carrier, message));
    }
    if params.expected || !timeline.markers.is_empty() || past.ads.last_cue.is_some() {
        found.extend(unannounced(&segments, &timeline.ad_breaks(), timeline, "Event of the MPD"));
    }
    if facts.rendition.media == Media::Video {
        found.extend(apart(timeline, past, declared, params));
    }
    Some(found)
}

/// An Event that says another duration than the section in it.
fn coded_otherwise(range: &AdRange, params: &Params) -> Option<Violation> {
    let (told, coded) = range.planned.zip(range.coded)?;
    let message = format!(
        "line {}: Event@duration is {} s, the splice_info_section in it says {} s",
        range.line, told.0, coded.0
    );
    let differs = (told - coded).abs().0 > params.duration_tolerance;
    differs.then(|| Violation::new(message).with("line", range.line).with("event", range.id.as_str()))
}

/// Breaks of the MPD that the segments' messages tell otherwise, or should tell and don't.
fn apart(timeline: &Timeline, past: &RenditionHistory, declared: bool, params: &Params) -> Vec<Violation> {
    let slack = Seconds(params.date_tolerance.max(select::target_duration(timeline).unwrap_or_default().0));
    let messages: Vec<AdBreak> = ads::breaks(&past.ads.messages, timeline.live_edge()).collect();
    let meets =
        |a: &AdBreak, b: &AdBreak| a.start.zip(b.start).is_some_and(|(a, b)| Seconds::between(a, b).abs() <= slack);
    let mut found = Vec::new();
    for event in timeline.ad_breaks().iter().filter(|b| b.state != BreakState::Ahead) {
        let message = match messages.iter().find(|m| meets(event, m)) {
            Some(carried) => told_otherwise(event, carried, params),
            None if declared => unsent(event, past, slack),
            None => None,
        };
        found.extend(message.map(|m| Violation::new(m).with("line", event.line).with("event", event.id.clone())));
    }
    found
}

fn told_otherwise(event: &AdBreak, carried: &AdBreak, params: &Params) -> Option<String> {
    let (a, b) = event.announced.zip(carried.announced)?;
    let (place, told, sent) = (event.place(), announced(Some(a)), announced(Some(b)));
    let differs = (a - b).abs().0 > params.duration_tolerance;
    differs
        .then(|| format!("{place}the MPD's Event announces {told}, the emsg of the segments {sent} for the same break"))
}

/// Every segment from long before the splice up to it was inspected.
fn unsent(event: &AdBreak, past: &RenditionHistory, slack: Seconds) -> Option<String> {
    let (start, seen) = (event.start?, past.ads.inspected?);
    let all = seen.from <= Seconds(-LEAD.0).after(start) && seen.to >= slack.after(start);
    let place = event.place();
    all.then(|| {
        format!(
            "{place}the MPD's Event begins an ad break at {start} that no emsg of the segments tells of, though an \
             InbandEventStream announces them"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::SegmentFacts;
    use crate::history::InspectedSpan;
    use packager_media::container::EventMessage;
    use packager_media::defect::{Defect, Position};
    use packager_media::splice::{SpliceCue, SpliceDirection, SpliceSection};
    use packager_media::stream::ads::{AdSource, Marker, MarkerKind};
    use packager_media::units::{MPEG_TIMESCALE, MediaTime, Timestamp};

    fn range(source: AdSource, start: f64, seconds: f64) -> AdRange {
        let (start, coded) = (Some(time(start)), Some(Seconds(seconds)));
        AdRange { source, id: "1".to_owned(), start, coded, out: true, line: 4, ..AdRange::default() }
    }

    /// Segments of 2 s from second -20 to now, with these events, messages and span of inspection.
    fn scene(events: Vec<AdRange>, messages: Vec<AdRange>, inspected: Option<(f64, f64)>, declared: bool) -> Scene {
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

    fn run(scene: &Scene) -> CheckVerdict {
        super::super::check(&scene.context(), &Params::default())
    }

    #[test]
    fn events_and_messages_that_tell_alike_hold() {
        let told = |start, seconds| {
            scene(vec![range(AdSource::Event, -10.0, 30.0)], vec![range(AdSource::Message, start, seconds)], None, true)
        };
        assert_holds(run(&told(-10.0, 30.5)));
        assert_holds(run(&told(-8.0, 30.0)));
        let message = "line 4: the MPD's Event announces 30 s, the emsg of the segments 30.6 s for the same break";
        assert_eq!(messages(run(&told(-10.0, 30.6))), message);
    }

    #[test]
    fn an_event_without_its_message_fails_where_every_segment_was_inspected() {
        let unsent = |inspected, declared| {
            violations(run(&scene(vec![range(AdSource::Event, -10.0, 30.0)], vec![], inspected, declared))).len()
        };
        assert_eq!(unsent(Some((-40.0, -8.0)), true), 1);
        assert_eq!(unsent(Some((-39.9, -8.0)), true), 0, "the message may have come before");
        assert_eq!(unsent(Some((-40.0, -8.1)), true), 0, "the splice's own segment is still to come");
        assert_eq!(unsent(Some((-40.0, -8.0)), false), 0, "no message is announced");
        assert_eq!(unsent(None, true), 0);
        let ahead = scene(vec![range(AdSource::Event, 1.0, 30.0)], vec![], Some((-60.0, 0.0)), true);
        assert_holds(run(&ahead));
    }

    #[test]
    fn a_duration_that_the_section_contradicts_fails_once() {
        let told = |planned: f64| AdRange { planned: Some(Seconds(planned)), ..range(AdSource::Event, -10.0, 30.0) };
        assert_holds(run(&scene(vec![told(30.5)], vec![], None, true)));
        let message = "line 4: Event@duration is 60 s, the splice_info_section in it says 30 s";
        assert_eq!(messages(run(&scene(vec![told(60.0)], vec![], None, true))), message);
    }

    #[test]
    fn an_event_that_can_not_be_read_fails() {
        let mut scene = scene(vec![], vec![], None, true);
        assert_not_run(run(&scene), NO_MARKER);
        let (kind, at) = (DefectKind::AdMarker, Position::Line { line: 6, column: 1 });
        scene.output.defects.push(Defect { kind, at, message: "no Base64".to_owned(), reference: "" });
        assert_eq!(messages(run(&scene)), "line 6, column 1: no Base64");
    }

    /// The segment that begins at second -10 carries a message of a splice at second -6.
    fn carried(declared: bool, events: Vec<AdRange>) -> Scene {
        let mut scene = scene(events, vec![], None, declared);
        let listed = scene.timeline().segments.clone();
        let inspected = |place: usize| {
            let start = 980.0 + 2.0 * place as f64;
            let mut facts: SegmentFacts = ts_segment(0, start, 2.0);
            facts.segment = listed[place].clone();
            to_fragmented(&mut facts);
            facts
        };
        let mut segments: Vec<_> = (0..10).map(inspected).collect();
        let cue = SpliceCue { event_id: 7, direction: SpliceDirection::Out, duration: None, auto_return: None };
        let section = Some(SpliceSection { command_type: 5, splice_time: None, cues: vec![cue] });
        let time = Some(MediaTime::new(994 * 90_000, MPEG_TIMESCALE));
        let scheme = INBAND.to_owned();
        segments[5].inspection.as_mut().unwrap().events =
            vec![EventMessage { offset: 24, scheme, id: 7, time, section }];
        let past = scene.history.renditions.values_mut().next().unwrap();
        past.segments = segments.into_iter().map(std::sync::Arc::new).collect();
        scene
    }

    fn second(seconds: f64) -> Timestamp {
        time(seconds)
    }

    #[test]
    fn messages_that_nothing_declares_fail() {
        assert_holds(run(&carried(true, vec![])));
        let found = messages(run(&carried(false, vec![])));
        assert!(found.starts_with("segments have SCTE-35 event messages, no InbandEventStream"), "{found}");
    }

    #[test]
    fn a_message_that_no_event_tells_of_fails_where_the_mpd_has_events() {
        assert_holds(run(&carried(true, vec![range(AdSource::Event, -6.0, 4.0)])));
        let found = messages(run(&carried(true, vec![range(AdSource::Event, -18.0, 4.0)])));
        let number = Seconds::between(second(-1000.0), second(-6.0)).0 * 1000.0;
        let expected =
            format!("leads out of the programme at segment {number} (event 7); no Event of the MPD tells of it");
        assert!(found.contains(&expected), "{found}");
    }
}
