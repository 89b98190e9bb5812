//! Tests of files with a segment index (`sidx`).

use super::*;
use crate::dash::{IndexRequest, required_indexes, resolve_index};
use crate::stream::{ByteRange, Segment};

/// Makes a `sidx` box of version 0 with these parts, as pairs of size in bytes and duration in ticks.
fn sidx(timescale: u32, start: u32, parts: &[(u32, u32)]) -> Vec<u8> {
    let head = [0, 1, timescale, start, 0, parts.len() as u32];
    let parts = parts.iter().flat_map(|(bytes, ticks)| [*bytes, *ticks, 0x9000_0000]);
    let body: Vec<u8> = head.into_iter().chain(parts).flat_map(u32::to_be_bytes).collect();
    [&(body.len() as u32 + 8).to_be_bytes()[..], b"sidx", &body].concat()
}

/// Parses a live MPD that began at midnight, whose only Representation is a file; `attributes` and `inside` are those
/// of its SegmentBase.
fn file(attributes: &str, inside: &str) -> Mpd {
    let base = format!("<BaseURL>ad.mp4</BaseURL><SegmentBase {attributes}>{inside}</SegmentBase>");
    let (mpd, defects) = read(&live(&base));
    assert_eq!(defects, []);
    mpd
}

fn only(mpd: &Mpd, now: &str) -> IndexRequest {
    let [wanted] = &required_indexes(mpd, at(now))[..] else { panic!() };
    wanted.clone()
}

fn resolved(mut mpd: Mpd, index: Vec<u8>) -> Mpd {
    let wanted = only(&mpd, "2026-01-01T00:00:05Z");
    assert_eq!(resolve_index(&mut mpd, &wanted, Ok(index)), None);
    mpd
}

fn segments(mpd: &Mpd, now: &str) -> Vec<Segment> {
    let [video] = &renditions_at(mpd, at(now))[..] else { panic!() };
    video.timeline.segments.clone()
}

fn ranges(segments: &[Segment]) -> Vec<(u64, u64)> {
    segments.iter().filter_map(|s| s.byte_range).map(|r| (r.offset, r.length)).collect()
}

const PARTS: &[(u32, u32)] = &[(1000, 2000), (1100, 2000), (1200, 1000), (900, 30_000)];

#[test]
fn parts_of_a_file_are_segments_each_in_its_time() {
    let mpd = resolved(file("timescale=\"1000\" indexRange=\"700-799\"", ""), sidx(1000, 0, PARTS));
    let listed = segments(&mpd, "2026-01-01T00:00:05Z");
    // The index has 80 bytes of the 100: the media follow the box, not the range.
    assert_eq!(ranges(&listed), [(780, 1000), (1780, 1100), (2880, 1200)]);
    assert_eq!(listed.iter().map(|s| s.duration.0).collect::<Vec<_>>(), [2.0, 2.0, 1.0]);
    assert_eq!(listed.iter().map(|s| s.number).collect::<Vec<_>>(), [0, 2000, 4000]);
    assert!(listed.iter().all(|s| s.uri.path() == "/live/ch1/ad.mp4"));
    // What comes before the index initializes.
    let map = listed[0].map.as_ref().unwrap();
    assert_eq!((map.uri.path(), map.byte_range), ("/live/ch1/ad.mp4", Some(ByteRange { offset: 0, length: 700 })));
    assert_eq!(segments(&mpd, "2026-01-01T00:00:04.9Z").len(), 2);
    assert_eq!(segments(&mpd, "2026-01-01T00:00:35Z").len(), 4);
}

#[test]
fn a_file_that_is_there_early_is_played_no_earlier() {
    let early = "availabilityTimeOffset=\"INF\" timescale=\"1000\" indexRange=\"700-799\"";
    let mpd = resolved(file(early, ""), sidx(1000, 0, PARTS));
    assert_eq!(segments(&mpd, "2026-01-01T00:00:04Z").len(), 2);
}

#[test]
fn the_offset_is_counted_in_the_mpds_ticks_and_the_media_in_the_indexs() {
    // 10 s of media lie before the Period: the MPD counts milliseconds, the index in 90 kHz.
    let attributes = "timescale=\"1000\" presentationTimeOffset=\"10000\" indexRange=\"700-799\"";
    let mpd = file(attributes, "<Initialization range=\"0-599\"/>");
    let mpd = resolved(mpd, sidx(90_000, 900_000, &[(1000, 180_000), (1000, 180_000)]));
    let listed = segments(&mpd, "2026-01-01T00:00:10Z");
    assert_eq!(listed.iter().map(|s| s.number).collect::<Vec<_>>(), [0, 2000]);
    assert_eq!(listed[0].map.as_ref().unwrap().byte_range, Some(ByteRange { offset: 0, length: 600 }));
}

#[test]
fn an_index_that_cannot_be_read_is_told_with_its_place() {
    let attributes = "timescale=\"1000\" indexRange=\"700-799\"";
    let mut mpd = file(attributes, "");
    let wanted = only(&mpd, "2026-01-01T00:00:05Z");
    let mut message = |read| resolve_index(&mut mpd, &wanted, read).unwrap().message;
    let begin = "SegmentBase@indexRange 700-799 of https://origin.example.com/live/ch1/ad.mp4: ";
    assert_eq!(message(Err("HTTP 404".to_owned())), format!("{begin}HTTP 404"));
    assert_eq!(message(Ok(Vec::new())), format!("{begin}there is no `sidx` in these 0 bytes"));
    assert_eq!(
        message(Ok(sidx(0, 0, PARTS))),
        format!("{begin}the `sidx` has the timescale 0: its parts have no time")
    );
    assert_eq!(segments(&mpd, "2026-01-01T00:00:05Z"), []);
}

#[test]
fn a_file_without_an_index_and_one_that_may_not_be_played_yet_are_not_asked_for() {
    assert_eq!(required_indexes(&file("timescale=\"1000\"", ""), at("2026-01-01T00:00:05Z")).len(), 0);
    assert_eq!(required_indexes(&file("indexRange=\"700-799\"", ""), at("2025-12-31T23:59:59Z")).len(), 0);
}

#[test]
fn all_indexes_together_are_bounded() {
    let set = "<AdaptationSet contentType=\"video\" mimeType=\"video/mp4\">";
    let large = |n: usize| {
        let one = |n| {
            format!(
                "<Representation id=\"{n}\" bandwidth=\"1\"><BaseURL>{n}.mp4</BaseURL><SegmentBase indexRange=\"700-1048000\"/></Representation>"
            )
        };
        let all: String = (0..n).map(one).collect();
        let period = format!("<Period id=\"p\" start=\"PT0S\" duration=\"PT60S\">{set}{all}</AdaptationSet></Period>");
        let mpd = format!(
            "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\" \
             minimumUpdatePeriod=\"PT2S\" publishTime=\"2026-01-01T00:00:00Z\" profiles=\"p\" minBufferTime=\"PT2S\">{period}</MPD>"
        );
        required_indexes(&read(&mpd).0, at("2026-01-01T00:00:05Z")).len()
    };
    assert_eq!((large(3), large(5)), (3, 4));
}

/// The segment index has times and sizes whose sums exceed 64 bits.
#[test]
fn extremes_do_not_overflow() {
    let attributes = format!(
        "timescale=\"1\" presentationTimeOffset=\"{}\" indexRange=\"{}-{}\"",
        u64::MAX,
        u64::MAX - 200,
        u64::MAX - 1
    );
    let mpd = resolved(file(&attributes, ""), sidx(u32::MAX, u32::MAX, &[(0x7fff_ffff, u32::MAX); 3]));
    assert_eq!(segments(&mpd, "2026-01-01T00:00:05Z").len(), 0, "all end before the presentation begins");
}
