//! Judges the events in segments that say until when the MPD is valid (ISO/IEC 23009-1 5.10.4).

use crate::checks::{CheckContext, Violation};
use crate::facts::{DashFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::MpdWindow;
use packager_media::container::{Container, EventMessage, VALIDITY_EVENTS};
use packager_media::units::{Seconds, Timestamp};

/// Number of inspected segments, at least, of which one would have had an event.
const INSPECTED: usize = 6;
/// Number of times that the list of segments went on, at least: each is a new MPD that an event announces.
const UPDATES: usize = 3;

/// Returns whether the segments have no such event, although the MPD was updated again and again while they were inspected.
pub(super) fn are_never_sent(context: &CheckContext<'_>) -> bool {
    let end = |window: Option<MpdWindow>| match window {
        Some(MpdWindow::Timeline { end, .. }) => Some(end),
        _ => None,
    };
    let mut ends: Vec<Seconds> = context.past.mpds.iter().filter_map(|state| end(state.window)).collect();
    ends.dedup();
    let inspected: Vec<_> = inspected_events(context).collect();
    let is_sent = inspected.iter().flat_map(|(_, events)| *events).any(|event| event.scheme == VALIDITY_EVENTS);
    !is_sent && inspected.len() >= INSPECTED && ends.len() > UPDATES
}

/// Returns whether an inspected segment has such an event.
pub(super) fn are_sent(context: &CheckContext<'_>) -> bool {
    inspected_events(context).any(|(_, events)| events.iter().any(|event| event.scheme == VALIDITY_EVENTS))
}

/// Iterates over the inspected segments of fragmented MP4, with their event messages.
fn inspected_events<'a>(context: &CheckContext<'a>) -> impl Iterator<Item = (&'a SegmentFacts, &'a [EventMessage])> {
    let segments = context.past.renditions.values().flat_map(|past| past.segments.iter());
    segments.filter_map(|facts| {
        let inspection = facts.inspection.as_ref().filter(|i| i.container == Container::Cmaf)?;
        Some((&**facts, &*inspection.events))
    })
}

/// Returns the violation of an MPD that an event of its segments has declared invalid, for longer than players are behind the live edge.
/// Media3 asks for a newer one at that time, and stops if it gets the same again and again.
pub(super) fn outlived_mpd(context: &CheckContext<'_>, dash: &DashFacts) -> Option<Violation> {
    let published = dash.mpd.publish_time.filter(|_| dash.mpd.dynamic)?;
    let now = dash.mpd_time(dash.asked_at);
    let late = |facts: &SegmentFacts, event: &EventMessage| {
        let expires = event.expires.filter(|expires| *expires >= published)?;
        let late = Seconds::between(wall_clock_time(facts, event)?, now);
        (late > dash.mpd.player_delay(facts.segment.duration)).then_some((late, expires))
    };
    let all = inspected_events(context).flat_map(|(facts, events)| events.iter().filter_map(move |e| late(facts, e)));
    let (late, expires) = all.max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0))?;
    let message = format!(
        "an event in the segments ({VALIDITY_EVENTS}) ended the validity of the MPD published at {expires} {:.1} s ago, and the MPD of \
         {published} is still there: Media3 asks for a newer one and stops; publish each MPD before the time of its event",
        late.0
    );
    Some(Violation::new(message).with("late_seconds", late.0).severity(Severity::Major))
}

/// Returns the wall-clock time of an event; `None` if the MPD doesn't date its segment.
fn wall_clock_time(facts: &SegmentFacts, event: &EventMessage) -> Option<Timestamp> {
    let since = event.time?.since(facts.segment.media_start?.at)?;
    Some(since.after(facts.segment.program_date_time?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::MpdState;
    use packager_media::stream::MediaStart;
    use packager_media::units::MediaTime;
    use std::num::NonZeroU32;
    use std::sync::Arc;

    fn media(ticks: i64) -> MediaTime {
        MediaTime::new(ticks, NonZeroU32::new(1000).unwrap())
    }

    /// Makes a segment that begins at 100 s of media time, 100 s before the time of the probe. Its event is `after` seconds later, and
    /// ends the validity of the MPD that was published at `expires`.
    fn with_event(scheme: &str, after: i64, expires: Option<f64>) -> SegmentFacts {
        let mut facts = ts_segment(5, 100.0, 2.0);
        to_fragmented(&mut facts);
        facts.segment.media_start = Some(MediaStart { at: media(100_000), nominal: false });
        facts.segment.program_date_time = Some(time(-100.0));
        let (time, scheme) = (Some(media(100_000 + after * 1000)), scheme.to_owned());
        let event = EventMessage {
            offset: 0,
            scheme,
            id: 1,
            time,
            section: None,
            expires: expires.map(crate::checks::testing::time),
        };
        facts.inspection.as_mut().unwrap().events = vec![event];
        facts
    }

    fn outlived(facts: SegmentFacts, published: f64) -> Option<Violation> {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        Arc::make_mut(&mut scene.mpd_facts().mpd).publish_time = Some(time(published));
        scene.remember([facts]);
        let context = scene.context();
        outlived_mpd(&context, context.output.dash().unwrap())
    }

    #[test]
    fn an_mpd_is_replaced_before_the_time_of_its_event() {
        assert_eq!(
            outlived(with_event(VALIDITY_EVENTS, 90, Some(-60.0)), -60.0),
            None,
            "10 s ago, as far as players are behind"
        );
        let found = outlived(with_event(VALIDITY_EVENTS, 89, Some(-60.0)), -60.0).unwrap();
        assert_eq!(found.severity, Some(Severity::Major));
        assert!(found.message.contains("11.0 s ago"), "{found:?}");
        assert_eq!(outlived(with_event(VALIDITY_EVENTS, 89, Some(-60.0)), -59.0), None, "it was replaced");
        assert_eq!(outlived(with_event(VALIDITY_EVENTS, 89, None), -60.0), None);
    }

    #[test]
    fn an_mpd_without_a_list_of_segments_is_judged_too() {
        let run = |scheme: &str, after: i64| {
            let mut scene = Scene::dash(&paced());
            Arc::make_mut(&mut scene.mpd_facts().mpd).publish_time = Some(time(-60.0));
            scene.remember([with_event(scheme, after, Some(-60.0))]);
            super::super::check(&scene.context(), &super::super::Params::default())
        };
        assert_holds(run(VALIDITY_EVENTS, 90));
        assert!(messages(run(VALIDITY_EVENTS, 89)).contains("ended the validity of the MPD"));
        assert_not_run(run("urn:scte:scte35:2013:bin", 89), super::super::MISSING);
    }

    /// Whether the events count as never sent after `segments` segments, and `updates` updates of the MPD.
    fn never_sent(scheme: &str, segments: usize, updates: usize) -> bool {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        scene.remember((0..segments).map(|_| with_event(scheme, 0, None)));
        let state = |n: usize| MpdState { publish_time: None, ..mpd(n as i64 - 20, 900.0 + 2.0 * n as f64) };
        scene.published((0..=updates).map(state));
        are_never_sent(&scene.context())
    }

    #[test]
    fn events_are_missing_once_segments_and_updates_would_have_had_some() {
        assert!(never_sent("urn:scte:scte35:2013:bin", 6, 3));
        assert!(!never_sent("urn:scte:scte35:2013:bin", 5, 3) && !never_sent("urn:scte:scte35:2013:bin", 6, 2));
        assert!(!never_sent(VALIDITY_EVENTS, 6, 3));
    }
}
