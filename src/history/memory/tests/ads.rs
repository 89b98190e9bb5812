//! Ad breaks that tags announce.

use super::*;
use crate::history::AdHistory;
use packager_media::stream::ads::{Marker, MarkerKind};

const OUT: MarkerKind = MarkerKind::Out { announced: Some(Seconds(30.0)) };

/// Records a playlist of five segments of 2 s, beginning with the number `first`, with these ad markers before
/// segments of these numbers, and returns the ad history.
fn see(history: &History, first: u64, when: i64, markers: &[(u64, MarkerKind)]) -> AdHistory {
    let marker = |(number, kind): &(u64, MarkerKind)| Marker { kind: kind.clone(), number: *number, line: 9 };
    let timeline = Timeline { markers: markers.iter().map(marker).collect(), ..timeline(first, 5, "") };
    let past = history.record(&key(), &facts(timeline, when, vec![]), at(when), RETENTION);
    past.renditions["1080p"].ads.clone()
}

#[test]
fn a_break_stays_open_after_its_tag_has_left_the_window() {
    let history = History::new(1);
    // The break begins with segment 12, 6 s before the live edge.
    let open = see(&history, 10, 0, &[(12, OUT)]).open.unwrap();
    assert_eq!((open.opened, open.announced, open.from), (at(-6), Some(Seconds(30.0)), Some(12)));
    assert_eq!(see(&history, 12, 5, &[(12, OUT)]).open, Some(open), "seen later, it began no later");
    assert_eq!(see(&history, 15, 10, &[]).open, Some(open));
    assert_eq!(see(&history, 18, 16, &[(19, MarkerKind::In)]).open, None);
    assert_eq!(see(&history, 18, 16, &[]).last_cue, Some(at(5)));
}

#[test]
fn what_may_have_been_missed_is_not_held_against_the_channel() {
    let history = History::new(1);
    see(&history, 10, 0, &[(12, OUT)]);
    assert_eq!(see(&history, 16, 20, &[]).open, None, "segment 15 was never seen");
    see(&history, 20, 30, &[(22, OUT)]);
    assert_eq!(see(&history, 0, 32, &[]).open, None, "the packager began again");
}

#[test]
fn a_break_that_lasted_as_announced_ends_by_itself_unless_the_packager_closes_breaks() {
    let history = History::new(1);
    see(&history, 10, 0, &[(12, OUT)]);
    assert!(see(&history, 15, 10, &[]).open.is_some());
    // 30 s after the break began, at -6.
    let slide = |history: &History, markers: &[(u64, MarkerKind)]| {
        (1..=7)
            .map(|n| see(history, 15 + 4 * n, 10 + 2 * n as i64, if n == 1 { markers } else { &[] }))
            .last()
            .unwrap()
            .open
    };
    assert_eq!(slide(&history, &[]), None);
    let history = History::new(1);
    see(&history, 6, -4, &[(7, MarkerKind::In)]);
    see(&history, 10, 0, &[(12, OUT)]);
    see(&history, 15, 10, &[]);
    assert!(slide(&history, &[]).is_some(), "it isn't closed");
}

#[test]
fn a_break_whose_tags_go_on_after_its_announced_end_is_open() {
    let goes_on = |number, elapsed: Option<f64>| {
        (number, MarkerKind::Continues { elapsed: elapsed.map(Seconds), announced: None })
    };
    let open = |markers: &[(u64, MarkerKind)]| {
        let history = History::new(1);
        let short = MarkerKind::Out { announced: Some(Seconds(6.0)) };
        see(&history, 10, 0, &[(12, short)]);
        see(&history, 14, 8, &[]);
        see(&history, 16, 12, markers).open.is_some()
    };
    assert!(!open(&[]) && !open(&[goes_on(16, None)]) && open(&[goes_on(16, None), goes_on(19, None)]));
    assert!(!open(&[goes_on(19, Some(10.0))]) && open(&[goes_on(16, Some(10.1))]), "what the tag says counts");
}

#[test]
fn an_edge_that_is_a_segment_behind_forgets_no_break() {
    let history = History::new(1);
    let open = see(&history, 10, 0, &[(12, OUT)]).open;
    assert_eq!(see(&history, 15, 10, &[]).open, open);
    assert_eq!(see(&history, 14, 11, &[]).open, open);
    assert_eq!(see(&history, 11, 12, &[(11, MarkerKind::In)]).open, open, "the end of the break before");
    assert_eq!(see(&history, 0, 13, &[]).open, None, "another run of the packager");
}
