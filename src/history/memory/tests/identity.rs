//! What is the same output, rendition or segment in the next probe.

use super::*;
use crate::history::Observation;

#[test]
fn tokens_in_the_query_do_not_change_a_segment() {
    let history = History::new(10);
    let first = facts(timeline(10, 5, "?token=1"), 0, vec![inspected(14, "?token=1", 0)]);
    history.record(&key(), &first, at(0), RETENTION);
    let past = history.record(&key(), &facts(timeline(10, 5, "?token=2"), 2, vec![]), at(2), RETENTION);
    assert_eq!(past.renditions["1080p"].observations.len(), 1);

    let known = history.already_inspected(&key(), RETENTION);
    assert!(known.has(&identity("1080p"), &segment(14, "?token=2")));
    assert_eq!(known.last_inspected(&identity("1080p"), &timeline(12, 5, "?token=3")), Some(14));
    let strict = history.already_inspected(&key(), Retention { query_identifies: true, ..RETENTION });
    assert!(!strict.has(&identity("1080p"), &segment(14, "?token=2")));
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
fn a_rendition_is_new_until_one_of_its_segments_was_inspected() {
    let history = History::new(10);
    let is_new = |name: &str| history.already_inspected(&key(), RETENTION).is_new(&identity(name));
    record(&history, 10, 0);
    assert!(is_new("1080p"), "listed, but not inspected");
    history.record(&key(), &facts(timeline(10, 5, ""), 2, vec![inspected(14, "", 2)]), at(2), RETENTION);
    assert!(!is_new("1080p") && is_new("720p"));
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
