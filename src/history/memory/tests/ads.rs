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
