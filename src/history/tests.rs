use super::*;
use crate::facts::{
    DashFacts, Exchange, Failure, FailureKind, Fetched, InitFacts, KeyFacts, ManifestFacts, SessionFacts, Timings,
};
use packager_media::crypt::AesKey;
use packager_media::stream::{Map, Media, Protocol, Rendition, RenditionIdentity, VariantCounts};
use url::Url;

const RETENTION: Retention = Retention { hold: Seconds(60.0), query_identifies: false };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn key() -> OutputKey {
    OutputKey { channel: "TV1".into(), output: "hls".into() }
}

fn identity(name: &str) -> RenditionIdentity {
    RenditionIdentity::place(name)
}

fn segment(number: u64, query: &str) -> Segment {
    Segment {
        number,
        after: number.checked_sub(1),
        discontinuity_sequence: 0,
        uri: Url::parse(&format!("http://packager/live/{number}.ts{query}")).unwrap(),
        byte_range: None,
        duration: Seconds(2.0),
        discontinuity: false,
        program_date_time: None,
        gap: false,
        map: None,
        key: None,
        keys: Arc::default(),
        bit_rate: None,
        media_start: None,
        line: 1,
    }
}

fn timeline(first: u64, count: u64, query: &str) -> Timeline {
    Timeline {
        version: Some(3),
        media_sequence: first,
        discontinuity_sequence: 0,
        target_duration: Some(Seconds(2.0)),
        ended: false,
        playlist_type: None,
        independent_segments: true,
        segments: (first..first + count).map(|n| segment(n, query)).collect(),
        ..Timeline::default()
    }
}

fn fetched() -> Fetched {
    let failure = Failure { kind: FailureKind::Timeout, message: "not under test".into() };
    Fetched { url: Url::parse("http://packager/live/x").unwrap(), result: Err(failure) }
}

fn answered_after(total: Seconds) -> Fetched {
    let url = Url::parse("http://packager/live/x").unwrap();
    let exchange = Exchange {
        final_url: url.clone(),
        status: 200,
        version: "HTTP/1.1",
        redirects: 0,
        timings: Timings { total, ..Timings::default() },
        content_type: None,
        content_encoding: None,
        content_length: None,
        last_modified: None,
        date: None,
        headers: vec![],
        body_bytes: 1,
        certificate_expiry: None,
        sent_certificates_expiry: None,
        broken: None,
    };
    Fetched { url, result: Ok(exchange) }
}

fn inspected(number: u64, query: &str, when: i64) -> Arc<SegmentFacts> {
    let segment = segment(number, query);
    Arc::new(SegmentFacts {
        segment,
        inspected_at: at(when),
        fetched: fetched(),
        inspection: None,
        decryption: None,
        newest: true,
    })
}

fn facts(timeline: Timeline, when: i64, segments: Vec<Arc<SegmentFacts>>) -> OutputFacts {
    let rendition = Rendition { name: "1080p".into(), ..Rendition::new(Media::Video, identity("1080p")) };
    let rendition = RenditionFacts {
        rendition,
        playlist: None,
        playlist_at: Some(at(when)),
        timeline: Some(Arc::new(timeline)),
        defects: vec![],
        inits: vec![],
        keys: vec![],
        segments,
        oldest: None,
        base_urls: Vec::new(),
        failed_addresses: Vec::new(),
        low_latency: None,
        growing: None,
        skipped: 0,
        covered: true,
    };
    OutputFacts {
        name: "hls".into(),
        url: Url::parse("http://packager/live/TV1.m3u8?token=1").unwrap(),
        manifest: fetched(),
        content: ManifestFacts::HlsMedia,
        session: SessionFacts::default(),
        defects: vec![],
        renditions: vec![rendition],
        i_frames: vec![],
    }
}

fn record(history: &History, first: u64, when: i64) -> RenditionHistory {
    let past = history.record(&key(), &facts(timeline(first, 5, ""), when, vec![]), at(when), RETENTION);
    past.renditions["1080p"].clone()
}

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
fn tokens_in_the_query_do_not_change_a_segment() {
    let history = History::new(10);
    let first = facts(timeline(10, 5, "?token=1"), 0, vec![inspected(14, "?token=1", 0)]);
    history.record(&key(), &first, at(0), RETENTION);
    let past = history.record(&key(), &facts(timeline(10, 5, "?token=2"), 2, vec![]), at(2), RETENTION);
    assert_eq!(past.renditions["1080p"].observations.len(), 1);

    let known = history.already_inspected(&key(), RETENTION);
    assert!(known.segment(&identity("1080p"), &segment(14, "?token=2")).is_some());
    assert_eq!(known.last_inspected(&identity("1080p"), &timeline(12, 5, "?token=3")), Some(14));
    let strict = history.already_inspected(&key(), Retention { query_identifies: true, ..RETENTION });
    assert!(strict.segment(&identity("1080p"), &segment(14, "?token=2")).is_none());
}

#[test]
fn inspected_segments_stay_for_hold_and_the_newest_listed_for_as_long_as_it_is() {
    let history = History::new(10);
    let segments = vec![inspected(13, "", 0), inspected(14, "", 0)];
    history.record(&key(), &facts(timeline(10, 5, ""), 0, segments), at(0), RETENTION);
    let past = record(&history, 10, 61);
    assert_eq!(past.segments.iter().map(|s| s.segment.number).collect::<Vec<_>>(), [14]);
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
fn another_url_begins_anew_and_another_token_does_not() {
    let history = History::new(10);
    record(&history, 100, 0);
    let mut moved = facts(timeline(5, 5, ""), 2, vec![]);
    moved.url.set_query(Some("token=2"));
    assert_eq!(history.record(&key(), &moved, at(2), RETENTION).renditions["1080p"].observations.len(), 2);
    moved.url.set_path("/elsewhere.m3u8");
    assert_eq!(history.record(&key(), &moved, at(4), RETENTION).renditions["1080p"].observations.len(), 1);
}

#[test]
fn outputs_are_bounded_and_the_longest_unseen_goes() {
    let history = History::new(2);
    for (i, name) in ["a", "b", "c"].iter().enumerate() {
        let key = OutputKey { channel: (*name).into(), output: "hls".into() };
        history.record(&key, &facts(timeline(1, 5, ""), i as i64, vec![inspected(5, "", 0)]), at(i as i64), RETENTION);
    }
    assert_eq!(history.len(), 2);
    let gone = OutputKey { channel: "a".into(), output: "hls".into() };
    assert!(history.already_inspected(&gone, RETENTION).segment(&identity("1080p"), &segment(5, "")).is_none());

    history.bound(1);
    assert_eq!(history.len(), 1, "a lower bound holds at once");
}

#[test]
fn a_template_with_a_shorter_hold_does_not_make_the_others_forget() {
    let history = History::new(10);
    history.record(&key(), &facts(timeline(100, 5, ""), 0, vec![inspected(103, "", 0)]), at(0), RETENTION);
    record(&history, 0, 10);
    let short = Retention { hold: Seconds(5.0), ..RETENTION };
    let seen = history.record(&key(), &facts(timeline(0, 5, ""), 20, vec![]), at(20), short);
    assert!(seen.renditions["1080p"].segments.is_empty(), "103 is older than its own hold");
    let past = record(&history, 0, 30);
    assert_eq!((past.observations.len(), past.segments.len()), (2, 1));
}

#[test]
fn templates_that_identify_segments_differently_have_memories_of_their_own() {
    let history = History::new(10);
    let strict = Retention { query_identifies: true, ..RETENTION };
    record(&history, 10, 0);
    let past = history.record(&key(), &facts(timeline(10, 5, ""), 2, vec![]), at(2), strict);
    assert_eq!(past.renditions["1080p"].observations[0].first_seen, at(2));
    let mut other = facts(timeline(10, 5, ""), 4, vec![]);
    other.url.set_query(Some("channel=2"));
    let past = history.record(&key(), &other, at(4), strict);
    assert_eq!(past.renditions["1080p"].observations[0].first_seen, at(4), "another query is another manifest");
}

#[test]
fn a_playlist_asked_for_while_a_newer_one_was_on_its_way_is_no_news() {
    let history = History::new(10);
    let mut slow = facts(timeline(12, 5, ""), 0, vec![]);
    slow.renditions[0].playlist = Some(answered_after(Seconds(3.0)));
    history.record(&key(), &slow, at(0), RETENTION);
    let past = record(&history, 11, 2);
    assert_eq!(past.observations.last().unwrap().media_sequence, 12, "both were under way: no step back");
    assert_eq!(record(&history, 13, 4).observations.len(), 2);
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

/// Makes the segment at `position` of a DASH listing with segments of 2 s, where segment numbers are milliseconds.
fn dash_segment(position: u64) -> Segment {
    let after = position.checked_sub(1).map(|before| before * 2000);
    Segment { number: position * 2000, after, ..segment(position, "") }
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
fn a_clock_set_back_begins_anew() {
    let history = History::new(10);
    record(&history, 10, 10_000);
    let past = record(&history, 20, 0);
    assert_eq!((past.observations.len(), past.edge_since), (1, Some(at(0))));
}

#[test]
fn a_ladder_is_news_when_its_kinds_change_and_stays_for_hold() {
    let history = History::new(10);
    let seen = |change: fn(&mut OutputFacts), when: i64| {
        let mut facts = facts(timeline(1, 5, ""), when, vec![]);
        (facts.content, facts.renditions[0].playlist_at) =
            (ManifestFacts::HlsMultivariant(VariantCounts::default()), None);
        change(&mut facts);
        history.record(&key(), &facts, at(when), RETENTION).ladders.len()
    };
    assert_eq!(seen(|_| {}, 0), 1);
    // A rewritten bit rate isn't another rung.
    assert_eq!(
        seen(|f| f.renditions[0].rendition.bandwidth = Some(packager_media::units::BitsPerSecond(4_000_000)), 2),
        1
    );
    assert_eq!(
        seen(|f| f.content = ManifestFacts::Unreadable(Protocol::Hls), 4),
        1,
        "an unreadable manifest says nothing"
    );
    assert_eq!(seen(|f| f.renditions.clear(), 6), 2);
    assert_eq!(seen(|f| f.renditions.clear(), 66), 2);
    assert_eq!(seen(|f| f.renditions.clear(), 67), 1, "then it is the baseline");
}

mod ads {
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
}

mod events {
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
            let cue =
                SpliceCue { event_id: 1, direction: turn, duration: Some(Seconds(30.0)), auto_return: Some(false) };
            let time = Some(MediaTime::new((100 + second) * 90_000, MPEG_TIMESCALE));
            let section = Some(SpliceSection { command_type: 5, splice_time: None, cues: vec![cue] });
            EventMessage { offset: 0, scheme: String::new(), id: 1, time, section }
        };
        inspection.events = signals.iter().map(event).collect();
        Arc::new(SegmentFacts {
            segment: dated(number),
            inspected_at: at(number as i64),
            fetched: answered_after(Seconds(0.1)),
            inspection: Some(inspection),
            decryption: None,
            newest: true,
        })
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
}

fn initialized(digest: u64, first: u64, when: i64) -> OutputFacts {
    let map = Map { uri: Url::parse("http://packager/live/init.mp4?token=1").unwrap(), byte_range: None, key: None };
    let init = InitFacts { map, fetched: fetched(), inspection: None, decryption: None, digest: Some(digest) };
    let mut facts = facts(timeline(first, 5, ""), when, vec![]);
    facts.renditions[0].inits = vec![Arc::new(init)];
    facts
}

#[test]
fn a_replaced_initialization_segment_is_remembered_for_hold_and_the_current_one_stays() {
    let history = History::new(10);
    let states = |digest, when| {
        let past = history.record(&key(), &initialized(digest, when as u64, when), at(when), RETENTION);
        let states = past.renditions["1080p"].inits.iter();
        states.map(|s| (s.facts.digest.unwrap(), s.first_seen, s.last_seen)).collect::<Vec<_>>()
    };
    assert_eq!(states(1, 0), [(1, at(0), at(0))]);
    assert_eq!(states(1, 10), [(1, at(0), at(10))]);
    let replaced = states(2, 20);
    assert_eq!(replaced, [(1, at(0), at(10)), (2, at(20), at(20))]);
    assert_eq!(states(2, 80).len(), 2);
    assert_eq!(states(2, 81), [(2, at(20), at(81))]);
    assert_eq!(states(2, 500), [(2, at(20), at(500))]);
    // A probe that began earlier and answers later.
    assert_eq!(states(1, 400), [(2, at(20), at(500))]);
}

#[test]
fn an_mpd_that_was_asked_for_before_the_newest_had_come_is_no_news() {
    let history = History::new(10);
    let record = |published: i64, when: i64| {
        let text =
            format!("<MPD type=\"dynamic\" availabilityStartTime=\"{}\" publishTime=\"{}\"/>", at(0), at(published));
        let base = Url::parse("http://packager/live/TV1.mpd").unwrap();
        let mpd = Arc::new(packager_media::dash::parse(text.as_bytes(), &base).0.unwrap());
        let content = ManifestFacts::Dash(Box::new(DashFacts::new(mpd, at(when))));
        let manifest = answered_after(Seconds(2.0));
        let facts = OutputFacts { content, manifest, ..facts(timeline(0, 1, ""), when, vec![]) };
        let states = history.record(&key(), &facts, at(when + 2), RETENTION).mpds;
        states.iter().map(|s| s.publish_time.unwrap().as_second() - at(0).as_second()).collect::<Vec<_>>()
    };
    assert_eq!(record(10, 10), [10]);
    assert_eq!(record(5, 11), [10], "asked for while the first was on its way");
    assert_eq!(record(12, 12), [10, 12]);
    assert_eq!(record(12, 80), [12], "what was replaced is forgotten after hold");
    assert_eq!(record(90, 90), [12, 90]);
}

#[test]
fn of_mpds_that_can_be_patched_the_newest_and_the_one_before_are_kept() {
    let history = History::new(10);
    let url = Url::parse("http://packager/live/tv.mpd").unwrap();
    let see = |when: i64, id: &str, published: Option<i64>| {
        let attributes = "type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\"";
        let text =
            format!("<MPD {attributes} profiles=\"p\" minBufferTime=\"PT2S\" publishTime=\"2026-01-01T00:00:00Z\"/>");
        let mpd = std::sync::Arc::new(packager_media::dash::parse(text.as_bytes(), &url).0.unwrap());
        let patchable = published.map(|published| {
            let (id, publish_time) = (Some(id.to_owned()), at(published));
            std::sync::Arc::new(crate::facts::PatchableMpd {
                id,
                publish_time,
                locations: Vec::new(),
                text: Vec::new(),
            })
        });
        let mut facts = facts(timeline(0, 1, ""), when, vec![]);
        let dash = DashFacts { patchable, ..DashFacts::new(mpd, at(when)) };
        facts.content = ManifestFacts::Dash(Box::new(dash));
        history.record(&key(), &facts, at(when), RETENTION);
        let kept = history.already_inspected(&key(), RETENTION).patchable;
        kept.iter().map(|p| p.publish_time).collect::<Vec<_>>()
    };
    assert_eq!(see(0, "a", Some(0)), [at(0)]);
    assert_eq!(see(2, "a", Some(2)), [at(0), at(2)]);
    assert_eq!(see(3, "a", Some(2)), [at(0), at(2)], "no update");
    assert_eq!(see(4, "a", Some(1)), [at(0), at(2)], "an older one");
    assert_eq!(see(6, "a", Some(6)), [at(2), at(6)]);
    assert_eq!(see(8, "b", Some(8)), [at(8)], "another presentation");
    assert_eq!(see(9, "b", None), [], "no patches any more");
}

#[test]
fn a_rendition_that_no_manifest_lists_for_an_hour_is_forgotten() {
    let edge_since_after = |when: i64| {
        let history = History::new(10);
        record(&history, 10, 0);
        let mut empty = facts(timeline(0, 0, ""), when, vec![]);
        empty.renditions.clear();
        history.record(&key(), &empty, at(when), RETENTION);
        record(&history, 10, when).edge_since
    };
    assert_eq!(edge_since_after(3_599), Some(at(0)));
    assert_eq!(edge_since_after(3_600), Some(at(3_600)));
}

#[test]
fn a_key_is_reused_while_it_is_younger_than_hold() {
    let key_facts = |uri: &str, secret: Option<AesKey>| {
        let uri = Some(uri.to_owned());
        let key =
            packager_media::stream::Key { method: "AES-128".into(), uri, iv: None, key_format: None, key_id: None };
        Arc::new(KeyFacts { key, asked_at: at(0), fetched: fetched(), secret })
    };
    let (usable, useless) = (key_facts("/1", AesKey::new(&[7; 16])), key_facts("/2", None));
    let mut probe = facts(timeline(10, 5, ""), 0, vec![]);
    probe.renditions[0].keys = vec![usable.clone(), useless.clone()];
    let history = History::new(10);
    history.record(&key(), &probe, at(0), RETENTION);
    let known = history.already_inspected(&key(), RETENTION);
    let age = |facts: &KeyFacts, seconds: i64| known.key(&facts.key, at(seconds), Seconds(60.0)).is_some();
    assert!(age(&usable, 59) && !age(&usable, 60));
    assert!(!age(&useless, 0), "a player could not use it");
    assert_eq!(record(&history, 10, 60).keys.len(), 2);
    assert_eq!(record(&history, 10, 61).keys.len(), 0);
}

#[test]
fn a_rendition_is_new_until_one_of_its_segments_was_inspected() {
    let history = History::new(10);
    let is_new = |name: &str| history.already_inspected(&key(), RETENTION).is_new(&identity(name));
    record(&history, 10, 0);
    assert!(is_new("1080p"), "listed, but not inspected");
    history.record(&key(), &facts(timeline(10, 5, ""), 2, vec![inspected(14, "", 2)]), at(2), RETENTION);
    assert!(!is_new("1080p") && is_new("720p"));
}

#[test]
fn observations_and_segments_are_bounded() {
    let history = History::new(10);
    let long = Retention { hold: Seconds(100_000.0), ..RETENTION };
    let mut past = OutputHistory::default();
    for first in 0..70 {
        let newest = first + 4;
        let segments = vec![inspected(newest, "", first as i64)];
        past = history.record(&key(), &facts(timeline(first, 5, ""), first as i64, segments), at(first as i64), long);
    }
    let rendition = &past.renditions["1080p"];
    assert_eq!((rendition.observations.len(), rendition.observations[0].media_sequence), (64, 6));
    assert_eq!((rendition.segments.len(), rendition.segments[0].segment.number), (32, 42));
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
fn what_was_seen_keeps_its_age_when_the_clock_is_set() {
    for by in [3600.0, -600.0] {
        let history = History::new(1);
        let see = |second: i64| record(&history, 1, second);
        see(0);
        history.follow_clock_step(Seconds(by));
        let seen = see(10 + by as i64);
        assert_eq!(Seconds::between(seen.edge_since.unwrap(), at(10 + by as i64)), Seconds(10.0), "{by}");
        let state = &seen.observations[0];
        assert_eq!(Seconds::between(state.first_seen, state.last_seen), Seconds(10.0), "{by}");
    }
}

/// Records a probe of a channel whose multivariant playlist lists `path` with this bit rate and whose media playlist is
/// `timeline`. Returns label and history of the rendition.
fn probe(history: &History, path: &str, rate: u64, timeline: Timeline, when: i64) -> (String, RenditionHistory) {
    let text = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION=1920x1080\n{path}\n");
    let base = Url::parse("http://packager/live/TV1.m3u8").unwrap();
    let (packager_media::hls::Playlist::Multivariant(mut presentation), _) =
        packager_media::hls::parse(text.as_bytes(), &base)
    else {
        panic!("a multivariant playlist")
    };
    let mut renditions: Vec<&mut Rendition> = presentation.renditions.iter_mut().collect();
    let mut facts = facts(timeline, when, vec![]);
    history.recognize(&key(), &facts.url, &mut renditions, &mut [], at(when), RETENTION);
    facts.renditions[0].rendition = presentation.renditions.remove(0);
    let name = facts.renditions[0].rendition.name.clone();
    let past = history.record(&key(), &facts, at(when), RETENTION);
    (name.clone(), past.renditions[&name].clone())
}

fn in_folder(mut timeline: Timeline, folder: &str) -> Timeline {
    for segment in &mut timeline.segments {
        segment.uri = segment.uri.join(&format!("/live/{folder}/{}.ts", segment.number)).unwrap();
    }
    timeline
}

#[test]
fn a_measured_bit_rate_leaves_label_and_history_as_they_are() {
    let history = History::new(10);
    for n in 0..20 {
        let (label, past) = probe(&history, "v.m3u8", 450_000 + 2_000 * n, timeline(10, 5, ""), 2 * n as i64);
        assert_eq!((label.as_str(), past.observations.len(), past.edge_since), ("1080p", 1, Some(at(0))));
    }
}

#[test]
fn a_session_in_every_path_leaves_label_and_history_as_they_are() {
    let history = History::new(10);
    for n in 0..20 {
        let timeline = in_folder(timeline(10, 5, ""), &format!("s{n}"));
        let (label, past) = probe(&history, &format!("s{n}/v.m3u8"), 450_000, timeline, 2 * n);
        assert_eq!((label.as_str(), past.observations.len(), past.edge_since), ("1080p", 1, Some(at(0))), "{n}");
    }
}

#[test]
fn one_rewritten_segment_is_found_among_renamed_ones() {
    let history = History::new(10);
    probe(&history, "a/v.m3u8", 1, in_folder(timeline(10, 6, ""), "a"), 0);
    let mut later = in_folder(timeline(11, 6, ""), "b");
    later.segments[2].uri = later.segments[2].uri.join("/live/b/slate.ts").unwrap();
    let (_, past) = probe(&history, "b/v.m3u8", 1, later, 2);
    let [before, now] = past.observations.as_slice() else { panic!("two observations") };
    let identity = |observation: &Observation, number: u64| {
        observation.segments.iter().find(|s| s.number == number).unwrap().uri_identity
    };
    let rewritten: Vec<u64> = (11..16).filter(|n| identity(before, *n) != identity(now, *n)).collect();
    assert_eq!(rewritten, [13]);
}

#[test]
fn another_rendition_under_the_same_label_has_a_history_of_its_own() {
    let history = History::new(10);
    let seen = |name: &str, first: u64, when: i64| {
        let text = format!(
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"{name}\",LANGUAGE=\"vi\",URI=\"{name}.m3u8\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\",RESOLUTION=16x9\nv.m3u8\n"
        );
        let base = Url::parse("http://packager/live/TV1.m3u8").unwrap();
        let (packager_media::hls::Playlist::Multivariant(mut presentation), _) =
            packager_media::hls::parse(text.as_bytes(), &base)
        else {
            panic!("a multivariant playlist")
        };
        let mut facts = facts(timeline(first, 5, ""), when, vec![]);
        let mut renditions: Vec<&mut Rendition> = presentation.renditions.iter_mut().collect();
        history.recognize(&key(), &facts.url, &mut renditions, &mut [], at(when), RETENTION);
        facts.renditions[0].rendition = presentation.renditions.remove(0);
        let past = history.record(&key(), &facts, at(when), RETENTION);
        past.renditions["audio-vi"].observations.iter().map(|o| o.media_sequence).collect::<Vec<_>>()
    };
    assert_eq!(seen("Main", 10, 0), [10]);
    assert_eq!(seen("Comment", 1000, 2), [1000]);
    assert_eq!(seen("Main", 12, 4), [10, 12]);
}

mod sessions {
    use super::*;

    /// Makes the facts of the playback session `number`, with a window of five segments of 2 s, beginning with the
    /// number `first`, whose URIs are in the folder `name`.
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
            seen(&history, &in_session(number, first, "a", when), when);
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
}
