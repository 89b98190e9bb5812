//! Ad breaks that messages in segments and events of an MPD announce.

use super::*;
use crate::history::AdHistory;
use packager_media::container::{Container, EventMessage, SegmentInspector};
use packager_media::splice::{SpliceCue, SpliceDirection, SpliceSection};
use packager_media::stream::MediaStart;
use packager_media::stream::ads::{AdRange, AdSource, BreakState, Marker, MarkerKind, breaks};
use packager_media::units::{MPEG_TIMESCALE, MediaTime};

/// Makes a DASH segment that begins `number` seconds after the epoch; its media time is 100 s later.
fn dated(number: u64) -> Segment {
    let ticks = (100 + number as i64) * 90_000;
    let media_start = Some(MediaStart { at: MediaTime::new(ticks, MPEG_TIMESCALE), nominal: false });
    let date = Some(at(number as i64));
    Segment { after: number.checked_sub(2), program_date_time: date, media_start, ..segment(number, "") }
}

/// Makes an inspected DASH segment with an event message for each signal: seconds after the epoch, and whether it
/// leads out of the programme.
fn carrying(number: u64, signals: &[(i64, bool)]) -> Arc<SegmentFacts> {
    let (mut inspection, _) = SegmentInspector::new(None).finish();
    inspection.container = Container::Cmaf;
    let event = |(second, out): &(i64, bool)| {
        let turn = if *out { SpliceDirection::Out } else { SpliceDirection::In };
        let cue = SpliceCue { event_id: 1, direction: turn, duration: Some(Seconds(30.0)), auto_return: Some(false) };
        let time = Some(MediaTime::new((100 + second) * 90_000, MPEG_TIMESCALE));
        let section = Some(SpliceSection { command_type: Some(5), splice_time: None, cues: vec![cue] });
        EventMessage { offset: 0, scheme: String::new(), id: 1, time, section, expires: None }
    };
    inspection.events = signals.iter().map(event).collect();
    let fetched = answered_after(Seconds(0.1));
    let facts = testing::segment_facts(dated(number), at(number as i64));
    Arc::new(SegmentFacts { fetched, inspection: Some(inspection), ..facts })
}

fn see(history: &History, when: i64, segments: Vec<Arc<SegmentFacts>>) -> AdHistory {
    let mut facts = facts(timeline(0, 5, ""), when, vec![]);
    facts.renditions[0].segments = segments;
    let past = history.record(&key(), &facts, at(when), RETENTION);
    past.renditions["1080p"].ads.clone()
}

fn states(ranges: &[AdRange], edge: i64) -> Vec<BreakState> {
    breaks(ranges, Some(at(edge))).map(|b| b.state).collect()
}

#[test]
fn messages_of_consecutive_segments_open_and_end_a_break() {
    let history = History::new(1);
    let open = see(&history, 0, vec![carrying(10, &[(14, true)]), carrying(12, &[(14, true)])]);
    assert_eq!((open.messages.len(), open.messages[0].start), (1, Some(at(14))));
    assert_eq!(open.last_message, Some(at(12)));
    assert!(!open.is_in_break(Some(at(13))) && open.is_in_break(Some(at(14))));
    let closed = see(&history, 2, vec![carrying(14, &[(20, false)])]);
    assert_eq!(states(&closed.messages, 20), [BreakState::Closed]);
    let seen = closed.inspected.unwrap();
    assert_eq!((seen.from, seen.to), (at(10), at(16)));
    assert_eq!(see(&history, 4, vec![carrying(12, &[])]).inspected, Some(seen), "inspected again");
}

#[test]
fn a_segment_that_was_missed_may_have_ended_the_break() {
    let history = History::new(1);
    see(&history, 0, vec![carrying(10, &[(10, true)])]);
    assert!(see(&history, 2, vec![carrying(14, &[])]).messages.is_empty());
    see(&history, 4, vec![carrying(16, &[(16, true)])]);
    let mut lost = (*carrying(18, &[])).clone();
    lost.fetched = fetched();
    assert!(see(&history, 6, vec![Arc::new(lost)]).messages.is_empty());
}

/// Records an MPD with the segments `first` to `first` + 8 and ad breaks that begin at the seconds `outs`, and
/// returns the ad history.
fn listed(history: &History, first: u64, outs: &[i64]) -> AdHistory {
    let range = |start: &i64| {
        let start = Some(at(*start));
        AdRange { source: AdSource::Event, id: "1".into(), start, out: true, ..AdRange::default() }
    };
    let marker = |start: &i64| Marker { kind: MarkerKind::Range(Box::new(range(start))), number: 0, line: 3 };
    let segments = (0..5).map(|n| dated(first + 2 * n)).collect();
    let markers = outs.iter().map(marker).collect();
    let timeline = Timeline { segments, markers, ..Timeline::default() };
    let past = history.record(&key(), &facts(timeline, first as i64, vec![]), at(first as i64), RETENTION);
    past.renditions["1080p"].ads.clone()
}

#[test]
fn an_event_outlives_its_place_in_the_mpd_unless_it_was_withdrawn() {
    let history = History::new(1);
    assert_eq!(listed(&history, 10, &[14]).events.len(), 1);
    assert_eq!(listed(&history, 16, &[]).events.len(), 1, "its time has left the window");
    assert_eq!(listed(&history, 18, &[24]).events.len(), 2);
    assert_eq!(listed(&history, 20, &[]).events.len(), 1, "24 is gone and listed still");
    assert_eq!(listed(&history, 60, &[]).events.len(), 0, "what came between was never seen");
}
