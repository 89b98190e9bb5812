//! Tests of media playlists that are parsed to timelines.

use super::*;
use crate::stream::{ByteRange, Segment};
use crate::units::Seconds;

fn segments(lines: &str) -> Vec<Segment> {
    timeline(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{lines}")).0.segments
}

#[test]
fn the_header() {
    let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:41\n\
        #EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-ENDLIST";
    let (timeline, defects) = timeline(text);
    assert_eq!(defects, []);
    assert_eq!(timeline.version, Some(7));
    assert_eq!(timeline.target_duration, Some(Seconds(6.0)));
    assert_eq!((timeline.media_sequence, timeline.discontinuity_sequence), (41, 2));
    assert_eq!(timeline.playlist_type.as_deref(), Some("VOD"));
    assert!(timeline.ended && timeline.independent_segments && timeline.segments.is_empty());
}

#[test]
fn the_start_is_read_from_a_media_playlist() {
    let start = |tag: &str| timeline(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{tag}\n#EXTINF:6,\na.ts\n"));
    let (started, defects) = start("#EXT-X-START:TIME-OFFSET=-12.5,PRECISE=YES");
    assert_eq!((started.start_offset, defects), (Some(-12.5), Vec::new()));
    assert_eq!(start("#EXT-X-PART-INF:PART-TARGET=0.5").0.start_offset, None);
}

#[test]
fn what_the_header_lacks_is_none() {
    let (timeline, _) = timeline("#EXTM3U\n#EXTINF:6,\na.ts\n");
    assert_eq!((timeline.version, timeline.target_duration, timeline.playlist_type), (None, None, None));
    assert!(!timeline.ended && !timeline.independent_segments);
    assert_eq!((timeline.media_sequence, timeline.segments[0].number), (0, 0));
}

#[test]
fn segments_have_their_numbers_lines_and_exact_durations() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:41\n\n#EXTINF:6.006006006,one, two\n\
        a.ts?x=1\n# comment\n#EXTINF:5.2,\n../b.ts\n#EXT-X-GAP\n#EXTINF:6,\nhttp://cdn.example.com/c.ts";
    let (timeline, defects) = timeline(text);
    assert_eq!(defects, []);
    let seen: Vec<_> =
        timeline.segments.iter().map(|s| (s.number, s.line, s.duration.0, s.uri.as_str(), s.gap)).collect();
    assert_eq!(
        seen,
        [
            (41, 6, 6.006006006, "https://origin.example.com/live/ch1/a.ts?x=1", false),
            (42, 9, 5.2, "https://origin.example.com/live/b.ts", false),
            (43, 12, 6.0, "http://cdn.example.com/c.ts", true),
        ]
    );
}

#[test]
fn discontinuities_count_from_the_declared_sequence() {
    let s = segments(
        "#EXT-X-DISCONTINUITY-SEQUENCE:7\n#EXTINF:6,\na\n#EXT-X-DISCONTINUITY\n#EXTINF:6,\nb\n#EXTINF:6,\nc\n\
         #EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n#EXTINF:6,\nd\n",
    );
    let seen: Vec<_> = s.iter().map(|s| (s.discontinuity_sequence, s.discontinuity)).collect();
    assert_eq!(seen, [(7, false), (8, true), (8, false), (10, true)]);
}

#[test]
fn byte_ranges_are_carried_forward() {
    let s = segments(
        "#EXTINF:6,\n#EXT-X-BYTERANGE:100@20\na\n#EXTINF:6,\n#EXT-X-BYTERANGE:50\na\n#EXT-X-BYTERANGE:5\n#EXTINF:6,\na\n\
         #EXTINF:6,\nb\n#EXTINF:6,\n#EXT-X-BYTERANGE:5\nb\n",
    );
    let seen: Vec<_> = s.iter().map(|s| s.byte_range.map(|r| (r.offset, r.length))).collect();
    assert_eq!(seen, [Some((20, 100)), Some((120, 50)), Some((170, 5)), None, None]);
}

#[test]
fn map_and_key_stay_in_force() {
    let s = segments(
        "#EXTINF:6,\na\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\",IV=0xAB\n#EXT-X-MAP:URI=\"i1.mp4\",BYTERANGE=\"10@5\"\n\
         #EXTINF:6,\nb\n#EXTINF:6,\nc\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"i2.mp4\"\n#EXTINF:6,\nd\n",
    );
    assert_eq!((&s[0].key, &s[0].map), (&None, &None));
    assert_eq!((&s[1].key, &s[1].map), (&s[2].key, &s[2].map));
    let key = s[2].key.as_ref().unwrap();
    assert_eq!(key.method, "AES-128");
    assert_eq!(key.uri.as_deref(), Some("https://origin.example.com/live/ch1/k1"));
    assert_eq!((key.iv.as_deref(), &key.key_format), (Some("0xAB"), &None));
    assert_eq!(s[2].map.as_ref().unwrap().byte_range, Some(ByteRange { offset: 5, length: 10 }));
    assert_eq!(s[3].key, None);
    assert!(s[3].map.as_ref().unwrap().uri.path().ends_with("/i2.mp4"));
}

#[test]
fn of_several_key_formats_the_plain_file_is_the_one() {
    let skd = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n";
    let file = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k2\",KEYFORMAT=\"identity\"\n";
    let s = segments(&format!("{skd}#EXTINF:6,\na\n{file}#EXTINF:6,\nb\n"));
    assert_eq!(s[0].key.as_ref().unwrap().uri.as_deref(), Some("skd://k"));
    assert!(s[1].key.as_ref().unwrap().uri.as_deref().unwrap().ends_with("/k2"));
}

#[test]
fn only_explicit_dates_are_kept() {
    let s = segments("#EXT-X-PROGRAM-DATE-TIME:2024-03-05T14:08:09.250+0700\n#EXTINF:6,\na\n#EXTINF:6,\nb\n");
    assert_eq!(s[0].program_date_time, Some("2024-03-05T07:08:09.25Z".parse().unwrap()));
    assert_eq!(s[1].program_date_time, None);
}

#[test]
fn a_malformed_line_costs_only_itself() {
    let s = segments(
        "#EXT-X-MEDIA-SEQUENCE:10\n#EXTINF:6.0.1,\na\n#EXT-X-KEY:METHOD=AES-128 URI=k\n#EXTINF:6,\nb\n\
         #EXT-X-DISCONTINUITY-FOO\n#EXT-X-PROGRAM-DATE-TIME:soon\n#EXTINF:5,\nc\n#EXTINF:6,\nftp://d\n#EXTINF:4,\ne\n",
    );
    let seen: Vec<_> = s.iter().map(|s| (s.number, s.duration.0, s.uri.path().to_owned(), s.discontinuity)).collect();
    let path = |name: &str| format!("/live/ch1/{name}");
    assert_eq!(
        seen,
        [
            (10, 0.0, path("a"), false),
            (11, 6.0, path("b"), false),
            (12, 5.0, path("c"), false),
            (14, 4.0, path("e"), false)
        ]
    );
}

#[test]
fn junk_before_extm3u_is_no_segment() {
    let (timeline, defects) = timeline("Warning: cache miss\n#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n");
    assert_eq!(timeline.segments.len(), 1);
    assert_eq!(places(&defects).iter().map(|p| (p.1, p.2)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
}

#[test]
fn a_media_sequence_that_is_no_number_leaves_the_segments_without_numbers() {
    for (value, unnumbered) in [("7", false), ("-7", true), ("18446744073709551616", true), ("x", true)] {
        let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{value}\n#EXTINF:2,\na.ts\n");
        let (read, _) = timeline(&text);
        assert_eq!(read.unnumbered, unnumbered, "{value}");
    }
}
