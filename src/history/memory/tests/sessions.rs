//! Playback sessions that follow each other.

use super::*;

/// Makes a test input: what a probe captured in the playback session `number`. Its window has five segments of 2 s,
/// beginning with the number `first`, whose URIs are in the folder `name`.
fn in_session(number: u64, first: u64, name: &str, when: i64) -> OutputFacts {
    let mut timeline = timeline(first, 5, "");
    for segment in &mut timeline.segments {
        segment.uri = Url::parse(&format!("http://packager/live/{name}/{}.ts", segment.number)).unwrap();
    }
    let session = SessionFacts { number: Some(number), ..SessionFacts::default() };
    OutputFacts { session, ..facts(timeline, when, vec![]) }
}

fn seen(history: &History, facts: &OutputFacts, when: i64) -> RenditionHistory {
    history.record(&key(), facts, at(when), RETENTION).renditions["1080p"].clone()
}

fn sequences(past: &RenditionHistory) -> Vec<u64> {
    past.observations.iter().map(|o| o.media_sequence).collect()
}

#[test]
fn states_of_two_sessions_are_not_compared_unless_the_second_goes_on() {
    let history = History::new(1);
    seen(&history, &in_session(1, 100, "a", 0), 0);
    assert_eq!(sequences(&seen(&history, &in_session(1, 101, "a", 2), 2)), [100, 101]);
    assert_eq!(sequences(&seen(&history, &in_session(2, 102, "a", 4), 4)), [100, 101, 102], "the same segments");
    let renamed = sequences(&seen(&history, &in_session(3, 103, "b", 6), 6));
    assert_eq!(renamed, [100, 101, 102, 103], "the same segments in another folder");
    assert_eq!(sequences(&seen(&history, &in_session(4, 102, "b", 8), 8)), [102], "an older window");
    assert_eq!(sequences(&seen(&history, &in_session(5, 0, "c", 10), 10)), [0], "numbers that begin again");
    assert_eq!(sequences(&seen(&history, &in_session(6, 200, "c", 12), 12)), [200], "nothing in common");
}

#[test]
fn a_slow_probe_of_the_session_before_is_no_news() {
    let history = History::new(1);
    seen(&history, &in_session(2, 0, "b", 2), 2);
    assert_eq!(sequences(&seen(&history, &in_session(1, 100, "a", 4), 4)), [0]);
    let mut without = in_session(1, 1, "b", 6);
    without.session.number = None;
    assert_eq!(sequences(&seen(&history, &without, 6)), [0, 1], "no session: as it comes");
}

#[test]
fn an_edge_that_stood_still_is_remembered_over_sessions_until_it_moves() {
    let history = History::new(1);
    let edge =
        |number, first, name: &str, when| seen(&history, &in_session(number, first, name, when), when).edge_since;
    assert_eq!(edge(1, 100, "a", 0), Some(at(0)));
    assert_eq!(edge(1, 100, "a", 6), Some(at(0)));
    assert_eq!(edge(2, 0, "b", 7), Some(at(7)), "it stood still for 3 target durations: not longer than allowed");
    assert_eq!(edge(2, 0, "b", 14), Some(at(7)));
    assert_eq!(edge(3, 50, "c", 15), Some(at(7)), "for 7 s");
    assert_eq!(edge(3, 51, "c", 17), Some(at(17)));
}

#[test]
fn a_listing_that_stands_still_for_a_minute_and_three_target_durations_is_frozen() {
    let history = History::new(1);
    let identity = in_session(1, 0, "a", 0).renditions[0].rendition.identity.clone();
    let frozen = |number, first, when| {
        let mut facts = in_session(number, first, "a", when);
        // The clock moves between the start of a probe and its first request.
        let asked_at = Seconds(0.001).after(at(when));
        let renditions = facts.renditions.iter_mut().map(|r| &mut r.rendition);
        history.recognize(
            &key(),
            &facts.url.clone(),
            &mut renditions.collect::<Vec<_>>(),
            &mut [],
            asked_at,
            RETENTION,
        );
        for rendition in &mut facts.renditions {
            rendition.rendition.name = "1080p".into();
        }
        seen(&history, &facts, when);
        let known = history.already_inspected(&key(), RETENTION);
        assert_eq!(known.is_frozen(number, &identity), known.any_frozen(number));
        known.any_frozen(number)
    };
    assert!(!frozen(1, 0, 0) && !frozen(1, 0, 66) && frozen(1, 0, 67));
    let known = history.already_inspected(&key(), RETENTION);
    assert!(!known.any_frozen(2), "a session that another probe began");
    assert!(!known.in_new_session().any_frozen(1) && known.in_new_session().is_new(&identity));
    assert!(!frozen(2, 0, 68) && !frozen(2, 0, 134) && frozen(2, 0, 135), "the same segments are given their time");
    assert!(!frozen(3, 50, 136) && !frozen(3, 50, 202) && frozen(3, 50, 203), "and others are too");
}
