//! Compares the ad breaks of an MPD's events, which all renditions share, with the event messages in the segments.

use super::Params;
use super::announcement::unannounced_splices;
use crate::checks::support::ad_breaks::{NO_MARKER, carry_splices, duration_text, starts_match, time_slack};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckVerdict, Violation};
use crate::facts::{DashFacts, RenditionFacts, SegmentFacts};
use crate::history::RenditionHistory;
use packager_media::dash::{self, AdaptationSet, is_scte35};
use packager_media::stream::ads::{self, AdBreak, BreakState};
use packager_media::stream::{Media, Timeline, labels};
use packager_media::units::Seconds;

/// Longest time by which an event message comes before its splice.
const LEAD: Seconds = Seconds(30.0);
const INBAND_SCHEME: &str = "urn:scte:scte35:2013:bin";

pub(super) fn check(context: &CheckContext<'_>, dash: &DashFacts, params: &Params) -> CheckVerdict {
    let sets: Vec<_> = dash.period_at(context.now).into_iter().flat_map(dash::playable_representations).collect();
    select::judge_renditions(context, NO_MARKER, |facts, past| {
        let same_id = |id: &str| facts.rendition.id.as_deref() == Some(&labels::slug(id));
        let set = sets.iter().find(|(set, r)| set.media == facts.rendition.media && same_id(&r.id));
        judge(facts, past, set.map(|(set, _)| *set), dash, params)
    })
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
    if timeline.markers.is_empty() && !carry_splices(&segments) {
        return None;
    }
    let declared = set.is_some_and(|set| set.inband_events.iter().any(|d| is_scte35(&d.scheme)));
    let listed = dash.mpd.periods.iter().flat_map(|p| &p.events).any(|s| is_scte35(&s.scheme));
    let carrier = segments.iter().find(|s| begins_break(s)).filter(|_| set.is_some() && !declared && !listed);
    let mut found: Vec<_> = carrier.into_iter().map(|carrier| undeclared(carrier)).collect();
    if params.expected || !timeline.markers.is_empty() || past.ads.last_cue.is_some() {
        found.extend(unannounced_splices(&segments, &timeline.ad_breaks(), timeline, "Event of the MPD"));
    }
    if facts.rendition.media == Media::Video {
        found.extend(differing_messages(timeline, past, declared, params));
    }
    Some(found)
}

/// Whether an event message of the segment begins an ad break.
fn begins_break(segment: &SegmentFacts) -> bool {
    let messages = select::complete_inspection(segment).map_or(&[][..], |i| &i.events);
    messages.iter().any(|e| e.section.as_ref().is_some_and(|s| s.first_out().is_some()))
}

fn undeclared(carrier: &SegmentFacts) -> Violation {
    let message = format!(
        "segments have SCTE-35 event messages, but no InbandEventStream of {INBAND_SCHEME} declares them and no EventStream \
         announces the breaks: players ignore the messages"
    );
    select::segment_violation(carrier, message)
}

/// Returns a violation for each ad break of the MPD that the event messages of the segments announce differently, or
/// don't announce although they should.
fn differing_messages(timeline: &Timeline, past: &RenditionHistory, declared: bool, params: &Params) -> Vec<Violation> {
    let slack = time_slack(params.date_tolerance, timeline);
    let messages: Vec<AdBreak> = ads::breaks(&past.ads.messages, timeline.live_edge()).collect();
    let mut found = Vec::new();
    for event in timeline.ad_breaks().iter().filter(|b| b.state != BreakState::Ahead) {
        let message = match messages.iter().find(|m| starts_match(event, m, slack)) {
            Some(carried) => announced_differently(event, carried, params),
            None if declared => missing_message(event, past, slack),
            None => None,
        };
        found.extend(message.map(|m| Violation::new(m).with("line", event.line).with("event", event.id.clone())));
    }
    found
}

fn announced_differently(event: &AdBreak, carried: &AdBreak, params: &Params) -> Option<String> {
    let (a, b) = event.announced.zip(carried.announced)?;
    let (place_text, listed, sent) = (event.place_text(), duration_text(Some(a)), duration_text(Some(b)));
    let differs = (a - b).abs().0 > params.duration_tolerance;
    differs.then(|| {
        format!(
            "{place_text}the MPD's Event announces {listed}; the emsg of the segments announces {sent} for the same break"
        )
    })
}

/// Returns a text if no event message announces the ad break, although all segments from `LEAD` before its start up to
/// its start were inspected.
fn missing_message(event: &AdBreak, past: &RenditionHistory, slack: Seconds) -> Option<String> {
    let (start, seen) = (event.start?, past.ads.inspected?);
    let all = seen.from <= Seconds(-LEAD.0).after(start) && seen.to >= slack.after(start);
    let place_text = event.place_text();
    all.then(|| {
        format!(
            "{place_text}the MPD's Event begins an ad break at {start} that no emsg of the segments announces, although an \
             InbandEventStream declares such messages"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::ad_breaks::testing::*;
    use crate::checks::testing::*;
    use packager_media::container::EventMessage;
    use packager_media::splice::{SpliceCue, SpliceDirection, SpliceSection};
    use packager_media::stream::ads::{AdRange, AdSource};
    use packager_media::units::{MPEG_TIMESCALE, MediaTime};

    fn run(scene: &Scene) -> CheckVerdict {
        super::super::check(&scene.context(), &Params::default())
    }

    #[test]
    fn events_and_messages_that_announce_alike_hold() {
        let scene = |start, seconds| {
            let events = vec![dash_range(AdSource::Event, -10.0, 30.0)];
            dash_scene(events, vec![dash_range(AdSource::Message, start, seconds)], None, true)
        };
        assert_holds(run(&scene(-10.0, 30.5)));
        assert_holds(run(&scene(-10.0, 29.5)));
        assert_holds(run(&scene(-8.0, 30.0)));
        assert_eq!(violations(run(&scene(-10.0, 29.4))).len(), 1);
        let message =
            "line 4: the MPD's Event announces 30 s; the emsg of the segments announces 30.6 s for the same break";
        assert_eq!(messages(run(&scene(-10.0, 30.6))), message);
    }

    #[test]
    fn an_event_without_its_message_fails_if_every_segment_was_inspected() {
        let missing = |inspected, declared| {
            let events = vec![dash_range(AdSource::Event, -10.0, 30.0)];
            violations(run(&dash_scene(events, vec![], inspected, declared))).len()
        };
        assert_eq!(missing(Some((-40.0, -8.0)), true), 1);
        assert_eq!(missing(Some((-39.9, -8.0)), true), 0, "the message may have come before");
        assert_eq!(missing(Some((-40.0, -8.1)), true), 0, "the splice's own segment is still to come");
        assert_eq!(missing(Some((-40.0, -8.0)), false), 0, "no message is declared");
        assert_eq!(missing(None, true), 0);
        let ahead = dash_scene(vec![dash_range(AdSource::Event, 1.0, 30.0)], vec![], Some((-60.0, 0.0)), true);
        assert_holds(run(&ahead));
    }

    /// Makes a test input: a live MPD with the Events `events`. One segment contains an event message for a splice; it
    /// begins 10 s before the probe, and the splice is 6 s before the probe. `declared`: whether an InbandEventStream
    /// declares such messages.
    fn carried(declared: bool, events: Vec<AdRange>) -> Scene {
        let mut scene = dash_scene(events, vec![], None, declared);
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
        let section = Some(SpliceSection { command_type: Some(5), splice_time: None, cues: vec![cue] });
        let time = Some(MediaTime::new(994 * 90_000, MPEG_TIMESCALE));
        let scheme = INBAND_SCHEME.to_owned();
        segments[5].inspection.as_mut().unwrap().events =
            vec![EventMessage { offset: 24, scheme, id: 7, time, section, expires: None }];
        let past = scene.history.renditions.values_mut().next().unwrap();
        past.segments = segments.into_iter().map(std::sync::Arc::new).collect();
        scene
    }

    #[test]
    fn messages_that_nothing_declares_fail() {
        assert_holds(run(&carried(true, vec![])));
        let found = messages(run(&carried(false, vec![])));
        assert!(found.starts_with("segments have SCTE-35 event messages, but no InbandEventStream"), "{found}");
    }

    #[test]
    fn a_message_that_no_event_announces_fails_if_the_mpd_has_events() {
        assert_holds(run(&carried(true, vec![dash_range(AdSource::Event, -6.0, 4.0)])));
        let found = messages(run(&carried(true, vec![dash_range(AdSource::Event, -18.0, 4.0)])));
        let number = Seconds::between(time(-1000.0), time(-6.0)).0 * 1000.0;
        let expected =
            format!("that begins an ad break at segment {number} (event 7), but no Event of the MPD announces it");
        assert!(found.contains(&expected), "{found}");
    }

    #[test]
    fn without_markers_it_does_not_run() {
        assert_not_run(run(&dash_scene(vec![], vec![], None, true)), NO_MARKER);
    }
}
