//! States of media playlists and MPDs as observations.

use super::*;

#[test]
fn an_unchanged_playlist_is_one_observation_and_its_edge_stands_still() {
    let history = History::new(10);
    record(&history, 10, 0);
    record(&history, 10, 2);
    let past = record(&history, 10, 4);
    assert_eq!(past.observations.len(), 1);
    assert_eq!((past.observations[0].first_seen, past.observations[0].last_seen), (at(0), at(4)));
    assert_eq!(past.edge_since, Some(at(0)));
    assert_eq!(record(&history, 11, 6).edge_since, Some(at(6)));
}

#[test]
fn edges_that_alternate_between_two_states_bring_no_new_segment() {
    let history = History::new(10);
    record(&history, 9, 0);
    record(&history, 10, 2);
    for when in [4, 8, 12] {
        assert_eq!(record(&history, 9, when).edge_since, Some(at(2)), "seen before");
        assert_eq!(record(&history, 10, when + 2).edge_since, Some(at(2)));
    }
    assert_eq!(record(&history, 11, 20).edge_since, Some(at(20)));
    assert_eq!(record(&history, 3, 22).edge_since, Some(at(22)), "a restart");
}

#[test]
fn dates_that_are_calculated_anew_move_no_edge() {
    let history = History::new(10);
    let dated = |milliseconds: i64, when: i64| {
        let mut timeline = timeline(10, 5, "");
        for (n, segment) in (0..).zip(&mut timeline.segments) {
            segment.program_date_time = Some(Seconds(0.001 * milliseconds as f64).after(at(2 * n)));
        }
        history.record(&key(), &facts(timeline, when, vec![]), at(when), RETENTION).renditions["1080p"].edge_since
    };
    for (milliseconds, when) in [(0, 0), (3, 15), (400, 30), (1, 45)] {
        assert_eq!(dated(milliseconds, when), Some(at(0)));
    }
    assert_eq!(dated(3000, 60), Some(at(60)), "another run of the packager with the same names");
}

#[test]
fn an_empty_playlist_has_no_edge_that_could_move() {
    let history = History::new(10);
    record(&history, 10, 0);
    let empty = Timeline { media_sequence: 15, ..testing::timeline(Vec::new()) };
    history.record(&key(), &facts(empty, 10, vec![]), at(10), RETENTION);
    assert_eq!(record(&history, 10, 20).edge_since, Some(at(0)));
}

#[test]
fn a_probe_of_the_url_before_a_reload_leaves_what_a_later_probe_found_at_the_new_one() {
    let history = History::new(10);
    let renamed = |first, when| {
        let facts = OutputFacts {
            url: testing::url("http://packager/new.m3u8"),
            ..facts(timeline(first, 5, ""), when, vec![])
        };
        history.record(&key(), &facts, at(when), RETENTION).renditions["1080p"].observations.len()
    };
    record(&history, 1, 0);
    assert_eq!(renamed(2, 10), 1, "the new URL");
    assert_eq!(record(&history, 2, 8).observations.len(), 1, "a slow probe of the old one");
    assert_eq!(renamed(3, 12), 2);
}

#[test]
fn an_event_stays_for_hold_and_then_is_the_baseline() {
    let history = History::new(10);
    record(&history, 100, 0);
    record(&history, 0, 10);
    let sequence = |past: &RenditionHistory| past.observations.iter().map(|o| o.media_sequence).collect::<Vec<_>>();
    assert_eq!(sequence(&record(&history, 0, 70)), [100, 0], "still within hold at its very end");
    assert_eq!(sequence(&record(&history, 0, 71)), [0]);
}

#[test]
fn a_playlist_asked_for_earlier_is_no_news_when_its_probe_ends_later() {
    let history = History::new(10);
    record(&history, 12, 4);
    let past = record(&history, 10, 2);
    assert_eq!(past.observations.len(), 1);
    assert_eq!(past.observations[0].media_sequence, 12);
}

#[test]
fn a_playlist_asked_for_while_a_newer_one_was_on_its_way_is_no_news() {
    let history = History::new(10);
    let mut slow = facts(timeline(12, 5, ""), 0, vec![]);
    slow.renditions[0].playlist_arrived_at = Some(at(3));
    history.record(&key(), &slow, at(0), RETENTION);
    let past = record(&history, 11, 2);
    assert_eq!(past.observations.last().unwrap().media_sequence, 12, "both were under way: no step back");
    assert_eq!(record(&history, 13, 4).observations.len(), 2);
}

#[test]
fn a_segment_listed_again_unchanged_is_held_once() {
    let history = History::new(8);
    record(&history, 10, 0);
    let past = record(&history, 12, 4);
    let [before, now] = past.observations.as_slice() else { panic!("two observations") };
    let shared = now.segments.iter().filter(|s| before.segments.iter().any(|b| Arc::ptr_eq(b, s))).count();
    assert_eq!((shared, now.segments.len()), (before.segments.len() - 2, before.segments.len()));
    let mut rewritten = timeline(12, now.segments.len() as u64, "");
    rewritten.segments[0].duration = Seconds(3.0);
    let past = history.record(&key(), &facts(rewritten, 6, vec![]), at(6), RETENTION);
    let [.., last] = past.renditions.values().next().unwrap().observations.as_slice() else { panic!("three") };
    assert_eq!(last.segments[0].duration, Seconds(3.0));
}

#[test]
fn a_segment_that_changed_is_not_shared_with_the_window_before() {
    let history = History::new(10);
    record(&history, 10, 0);
    let mut changed = timeline(11, 5, "");
    changed.segments[1].duration = Seconds(3.0);
    let past = history.record(&key(), &facts(changed, 2, vec![]), at(2), RETENTION);
    let [earlier, later] = &past.renditions["1080p"].observations[..] else { panic!() };
    assert!(Arc::ptr_eq(&earlier.segments[1], &later.segments[0]));
    assert!(!Arc::ptr_eq(&earlier.segments[2], &later.segments[1]));
    assert_eq!((earlier.segments[2].duration, later.segments[1].duration), (Seconds(2.0), Seconds(3.0)));
}

#[test]
fn windows_of_an_mpd_share_the_segments_that_both_list() {
    let window =
        |first: u64| Timeline { segments: (first..first + 4).map(dash_segment).collect(), ..timeline(0, 0, "") };
    let history = History::new(10);
    history.record(&key(), &facts(window(10), 0, vec![]), at(0), RETENTION);
    let past = history.record(&key(), &facts(window(12), 4, vec![]), at(4), RETENTION);
    let [earlier, later] = &past.renditions["1080p"].observations[..] else { panic!() };
    assert!(Arc::ptr_eq(&earlier.segments[2], &later.segments[0]));
    assert!(Arc::ptr_eq(&earlier.segments[3], &later.segments[1]));
    assert_eq!(later.segments.iter().map(|s| s.number).collect::<Vec<_>>(), [24_000, 26_000, 28_000, 30_000]);
}

/// Makes the segment at `position` in an MPD with segments of 2 s, where segment numbers are milliseconds.
fn dash_segment(position: u64) -> Segment {
    let after = position.checked_sub(1).map(|before| before * 2000);
    Segment { number: position * 2000, after, ..segment(position, "") }
}

#[test]
fn an_observation_keeps_the_newest_segments_of_a_long_window() {
    let history = History::new(1);
    let past = history.record(&key(), &facts(timeline(1, 300, ""), 0, vec![]), at(0), RETENTION);
    let observation = &past.renditions["1080p"].observations[0];
    assert_eq!(observation.segments.len(), crate::history::MAX_LISTED_SEGMENTS);
    assert_eq!((observation.segments[0].number, observation.last_number()), (45, Some(300)));
    assert_eq!((observation.media_sequence, observation.window), (1, Seconds(600.0)));
}

#[test]
fn playlists_without_readable_numbers_are_compared_with_nothing() {
    let history = History::new(10);
    record(&history, 10, 0);
    let unnumbered = Timeline { unnumbered: true, ..timeline(0, 5, "") };
    let past = history.record(&key(), &facts(unnumbered, 2, vec![]), at(2), RETENTION);
    assert!(past.renditions["1080p"].observations.is_empty());
    assert_eq!(record(&history, 3, 4).observations.len(), 1, "numbers begin anew");
}
