//! How long the history keeps what it saw, and how much.

use super::*;

#[test]
fn inspected_segments_stay_for_hold_and_the_newest_listed_for_as_long_as_it_is() {
    let history = History::new(10);
    let segments = vec![inspected(13, "", 0), inspected(14, "", 0)];
    history.record(&key(), &facts(timeline(10, 5, ""), 0, segments), at(0), RETENTION);
    let past = record(&history, 10, 61);
    assert_eq!(past.segments.iter().map(|s| s.segment.number).collect::<Vec<_>>(), [14]);
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
fn outputs_are_bounded_and_the_longest_unseen_goes() {
    let history = History::new(2);
    for (i, name) in ["a", "b", "c"].iter().enumerate() {
        let key = OutputKey { channel: (*name).into(), output: "hls".into() };
        history.record(&key, &facts(timeline(1, 5, ""), i as i64, vec![inspected(5, "", 0)]), at(i as i64), RETENTION);
    }
    assert_eq!(history.len(), 2);
    let gone = OutputKey { channel: "a".into(), output: "hls".into() };
    assert!(!history.already_inspected(&gone, RETENTION).has(&identity("1080p"), &segment(5, "")));

    history.bound(1);
    assert_eq!(history.len(), 1, "a lower bound holds at once");
}

#[test]
fn observations_and_segments_are_bounded() {
    let history = History::new(10);
    let long = Retention { hold: Seconds(100_000.0), ..RETENTION };
    let mut past = OutputHistory::default();
    for first in 0..1006 {
        let newest = first + 4;
        let segments = vec![inspected(newest, "", first as i64)];
        past = history.record(&key(), &facts(timeline(first, 5, ""), first as i64, segments), at(first as i64), long);
    }
    let rendition = &past.renditions["1080p"];
    assert_eq!((rendition.observations.len(), rendition.observations[0].media_sequence), (64, 942));
    assert_eq!((rendition.segments.len(), rendition.segments[0].segment.number), (1000, 10));
}

#[test]
fn a_clock_set_back_begins_anew() {
    let history = History::new(10);
    record(&history, 10, 10_000);
    let past = record(&history, 20, 0);
    assert_eq!((past.observations.len(), past.edge_since), (1, Some(at(0))));
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
