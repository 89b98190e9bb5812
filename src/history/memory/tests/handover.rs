//! What is handed over to another exporter, whose clock shows other times.

use super::*;
use crate::history::OutputHandover;

/// What the clock of the second exporter is ahead of the first one's, in seconds.
const AHEAD: i64 = 1000;

fn handed_over(history: &History) -> OutputHandover {
    let text = serde_json::to_string(&history.handover(&key(), RETENTION).unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Another exporter that takes over at `when` by the first exporter's clock.
fn successor(handover: OutputHandover, when: i64, retention: Retention) -> History {
    let history = History::new(10);
    let url = testing::url("http://packager/live/TV1.m3u8?token=2");
    history.take_over(&key(), &url, handover, Seconds(AHEAD as f64), at(AHEAD + when), retention);
    history
}

fn recorded(history: &History, first: u64, when: i64) -> RenditionHistory {
    record(history, first, AHEAD + when)
}

/// An exporter that saw the playlist advance at 4 s and stand still until 10 s.
fn predecessor() -> History {
    let history = History::new(10);
    history.record(&key(), &facts(timeline(10, 5, ""), 0, vec![inspected(14, "", 0)]), at(0), RETENTION);
    record(&history, 12, 4);
    record(&history, 12, 10);
    history
}

#[test]
fn an_edge_that_stands_still_goes_on_standing_still() {
    let next = successor(handed_over(&predecessor()), 12, RETENTION);
    let past = recorded(&next, 12, 14);
    assert_eq!(past.edge_since, Some(at(AHEAD + 4)));
    assert_eq!(
        past.observations.len(),
        2,
        "the state that was handed over, which has its newest segments only, and this one"
    );
    assert_eq!(past.observations[0].segments.iter().map(|s| s.number).collect::<Vec<_>>(), [13, 14, 15, 16]);
    assert_eq!((past.observations[0].first_seen, past.observations[0].last_seen), (at(AHEAD + 4), at(AHEAD + 10)));
    assert_eq!(past.observations[0].segments[0], past.observations[1].segments[1], "segments are recognised");
}

#[test]
fn an_edge_that_moved_on_is_new() {
    let next = successor(handed_over(&predecessor()), 12, RETENTION);
    assert_eq!(recorded(&next, 14, 14).edge_since, Some(at(AHEAD + 14)));
}

#[test]
fn what_was_handed_over_is_handed_over_again_before_the_first_change() {
    let handover = handed_over(&predecessor());
    let next = successor(handover.clone(), 12, RETENTION);
    recorded(&next, 12, 14);
    let again = successor(handed_over(&next), AHEAD + 20, RETENTION);
    assert_eq!(record(&again, 12, 2 * AHEAD + 22).edge_since, Some(at(2 * AHEAD + 4)));
    assert_eq!(handover.fingerprint(), handed_over(&predecessor()).fingerprint());
    assert_ne!(handover.fingerprint(), handed_over(&again).fingerprint());
}

#[test]
fn another_way_to_see_the_output_takes_nothing_over() {
    let handover = handed_over(&predecessor());
    let stale = successor(handover.clone(), 10 + 301, RETENTION);
    assert_eq!(recorded(&stale, 12, 312).observations.len(), 1, "nobody watched for more than five minutes");
    let by_query = Retention { query_identifies: true, ..RETENTION };
    let other = History::new(10);
    other.take_over(
        &key(),
        &testing::url("http://packager/live/TV2.m3u8"),
        handover.clone(),
        Seconds(0.0),
        at(12),
        RETENTION,
    );
    assert_eq!(record(&other, 12, 14).observations.len(), 1, "another URL");
    let queries = successor(handover, 12, by_query);
    let facts = facts(timeline(12, 5, ""), AHEAD + 14, vec![]);
    let past = queries.record(&key(), &facts, at(AHEAD + 14), by_query);
    assert_eq!(past.renditions["1080p"].observations.len(), 1, "queries identify segments");
}

#[test]
fn a_session_with_other_segments_is_not_compared() {
    let next = successor(handed_over(&predecessor()), 12, RETENTION);
    let mut facts = facts(timeline(3, 5, ""), AHEAD + 14, vec![]);
    facts.session = SessionFacts { number: Some(1), begun: true, ..SessionFacts::default() };
    let past = next.record(&key(), &facts, at(AHEAD + 14), RETENTION);
    assert_eq!(past.renditions["1080p"].observations.len(), 1);
}

#[test]
fn inspection_goes_on_after_the_newest_segment_that_was_inspected() {
    let next = successor(handed_over(&predecessor()), 12, RETENTION);
    let last = |history: &History, timeline: &Timeline| {
        let mut rendition = Rendition::new(Media::Video, identity("1080p"));
        let url = testing::url("http://packager/live/TV1.m3u8");
        history.recognize(&key(), &url, &mut [&mut rendition], &mut [], at(AHEAD + 14), RETENTION);
        let known = history.already_inspected(&key(), RETENTION).in_new_session();
        known.last_inspected(&identity("1080p"), timeline)
    };
    assert_eq!(last(&next, &timeline(12, 5, "")), Some(14));
    assert_eq!(last(&next, &timeline(16, 5, "")), Some(14), "it left the window: all that is listed is new");
    assert_eq!(last(&next, &timeline(3, 5, "")), None, "other numbers");
    let first = facts(timeline(12, 5, ""), AHEAD + 14, vec![inspected(16, "", AHEAD + 14)]);
    next.record(&key(), &first, at(AHEAD + 14), RETENTION);
    assert_eq!(last(&next, &timeline(17, 5, "")), None, "its own inspections count from then on");
}

#[test]
fn a_row_is_small_and_has_no_url() {
    let text = serde_json::to_string(&handed_over(&predecessor())).unwrap();
    assert!(text.len() < 800 && !text.contains("packager") && !text.contains("1080p"), "{} {text}", text.len());
}
