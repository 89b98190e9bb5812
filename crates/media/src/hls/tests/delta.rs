//! Tests that apply a delta update to a known playlist.

use super::*;
use crate::hls::apply_delta_update;

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-DISCONTINUITY-SEQUENCE:5\n";

fn known() -> Timeline {
    let text = format!(
        "{HEAD}#EXT-X-MEDIA-SEQUENCE:40\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:2,\n40.mp4\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\n41.mp4\n\
         #EXTINF:2,\n42.mp4\n#EXTINF:2,\n43.mp4\n"
    );
    timeline(&text).0
}

fn update(first: u64, skipped: u64, lines: &str) -> Timeline {
    let text = format!("{HEAD}#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n{lines}");
    timeline(&text).0
}

#[test]
fn skipped_segments_and_what_they_said_hold_on() {
    let delta = update(40, 2, "#EXTINF:2,\n42.mp4\n#EXTINF:2,\n43.mp4\n#EXT-X-MAP:URI=\"j.mp4\"\n#EXTINF:2,\n44.mp4\n");
    let rebuilt = apply_delta_update(&known(), &delta).unwrap();
    let seen: Vec<_> = rebuilt.segments.iter().map(|s| (s.number, s.discontinuity_sequence, s.uri.path())).collect();
    let path = |n: u64| format!("/live/ch1/{n}.mp4");
    let paths: Vec<_> = (40..45).map(path).collect();
    let expected = [(40, 5), (41, 6), (42, 6), (43, 6), (44, 6)];
    let expected: Vec<_> = expected.iter().zip(&paths).map(|((n, d), path)| (*n, *d, path.as_str())).collect();
    assert_eq!(seen, expected);
    let maps: Vec<_> = rebuilt.segments.iter().map(|s| s.map.as_ref().unwrap().uri.path()).collect();
    assert_eq!(maps[3..], ["/live/ch1/i.mp4", "/live/ch1/j.mp4"]);
    assert_eq!(rebuilt.low_latency.skipped, None);
}

#[test]
fn keys_hold_on_up_to_the_first_key_of_the_update() {
    let text = format!(
        "{HEAD}#EXT-X-MEDIA-SEQUENCE:40\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"a\"\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"skd://a\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n#EXTINF:2,\n40.mp4\n#EXTINF:2,\n41.mp4\n"
    );
    let known = timeline(&text).0;
    let part = "#EXT-X-PART-INF:PART-TARGET=1\n#EXT-X-PART:DURATION=1,URI=\"p.mp4\"\n";
    let keys = |lines: &str| {
        let rebuilt = apply_delta_update(&known, &update(40, 2, &format!("{lines}{part}"))).unwrap();
        let uri = |key: &Option<std::sync::Arc<crate::stream::Key>>| {
            key.as_ref().map_or("none", |key| key.uri.as_deref().unwrap().rsplit('/').next().unwrap()).to_owned()
        };
        assert_eq!(rebuilt.low_latency.map.as_ref().unwrap().uri.path(), "/live/ch1/i.mp4");
        let of = rebuilt.segments.iter().skip(2).map(|s| format!("{} {}", uri(&s.key), s.keys.len()));
        let part = std::iter::once(uri(&rebuilt.low_latency.key));
        of.chain(part).collect::<Vec<_>>()
    };
    assert_eq!(keys("#EXTINF:2,\n42.mp4\n#EXTINF:2,\n43.mp4\n"), ["a 2", "a 2", "a"]);
    let ends = "#EXTINF:2,\n42.mp4\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\n43.mp4\n";
    assert_eq!(keys(ends), ["a 2", "none 0", "none"]);
    let changes = "#EXTINF:2,\n42.mp4\n#EXT-X-KEY:METHOD=AES-128,URI=\"b\"\n#EXTINF:2,\n43.mp4\n";
    assert_eq!(keys(changes), ["a 2", "b 1", "b"]);
    assert_eq!(keys("#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\n42.mp4\n"), ["none 0", "none"]);
    assert_eq!(keys("#EXTINF:2,\n42.mp4\n#EXT-X-KEY:METHOD=AES-128,URI=\"b\"\n"), ["a 2", "b"]);
}

#[test]
fn an_update_that_skips_nothing_is_the_playlist() {
    let rebuilt = apply_delta_update(&known(), &update(43, 0, "#EXTINF:2,\n43.mp4\n")).unwrap();
    assert_eq!(rebuilt.segments.iter().map(|s| s.number).collect::<Vec<_>>(), [43]);
}

#[test]
fn what_was_never_known_cannot_be_rebuilt() {
    assert_eq!(apply_delta_update(&known(), &update(39, 2, "#EXTINF:2,\n41.mp4\n")), None);
    assert_eq!(apply_delta_update(&known(), &update(42, 3, "#EXTINF:2,\n45.mp4\n")), None);
    assert_eq!(apply_delta_update(&known(), &update(40, u64::MAX, "#EXTINF:2,\n45.mp4\n")), None);
}
