//! Ladders, initialization segments and MPDs of earlier probes.

use super::*;

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
    assert_eq!(seen(|f| f.renditions.clear(), 67), 2, "that all video is gone is news for a day");
    assert_eq!(seen(|f| f.renditions.clear(), 86_406), 1, "then it is the baseline");
}

fn initialized(digest: u64, first: u64, when: i64) -> OutputFacts {
    let map = Map { uri: Url::parse("http://packager/live/init.mp4?token=1").unwrap(), byte_range: None, key: None };
    let init =
        InitFacts { map, fetched: fetched(), inspection: None, decryption: None, digest: Some(digest), kept: None };
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
        let dash = DashFacts { arrived_at: at(when + 2), ..DashFacts::new(mpd, at(when)) };
        let content = ManifestFacts::Dash(Box::new(dash));
        let facts = OutputFacts { content, ..facts(timeline(0, 1, ""), when, vec![]) };
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
fn active_inputs_are_a_new_state_when_they_change() {
    let history = History::new(1);
    let seen = |input: &str, when: i64| {
        let mut facts = facts(timeline(10, 5, ""), when, vec![]);
        let headers = vec![("x-mediapackage-active-input".to_owned(), input.to_owned())];
        facts.manifest.result = Ok(Exchange { headers, ..testing::exchange(&facts.url) });
        let states = history.record(&key(), &facts, at(when), RETENTION).inputs;
        states.iter().map(|state| state.inputs.iter().cloned().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(seen("main", 0), ["main"]);
    assert_eq!(seen("main", 2), ["main"]);
    assert_eq!(seen("backup", 4), ["main", "backup"]);
}
