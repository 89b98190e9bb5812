//! Tests of parts, preload hints, rendition reports and delta updates in a parsed playlist.

use super::*;
use crate::hls::low_latency::MAX_PARTS;
use crate::stream::{ByteRange, HintKind, LowLatency};
use crate::units::Seconds;

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:40\n";

fn low_latency(lines: &str) -> (LowLatency, Vec<Defect>) {
    let (timeline, defects) = timeline(&format!("{HEAD}{lines}"));
    (timeline.low_latency, defects)
}

#[test]
fn server_control_and_part_target() {
    let (read, defects) = low_latency(
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES,HOLD-BACK=6,PART-HOLD-BACK=1.2\n\
         #EXT-X-PART-INF:PART-TARGET=0.4\n",
    );
    assert_eq!(defects, []);
    let control = read.control.unwrap();
    assert!(control.can_block_reload && control.can_skip_dateranges);
    let lengths = [control.can_skip_until, control.hold_back, control.part_hold_back, read.part_target];
    assert_eq!(lengths.map(|l| l.unwrap().0), [12.0, 6.0, 1.2, 0.4]);
    assert_eq!(low_latency("#EXTINF:2,\na.mp4\n").0, LowLatency::default());
}

#[test]
fn parts_belong_to_the_segment_behind_them_and_the_last_ones_to_none_yet() {
    let (timeline, defects) = timeline(&format!(
        "{HEAD}#EXTINF:2,\n40.mp4\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02Z\n\
         #EXT-X-PART:DURATION=1,URI=\"41.0.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.9,URI=\"41.1.mp4\",GAP=YES\n\
         #EXTINF:1.9,\n41.mp4\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:04Z\n#EXT-X-PART:DURATION=1,URI=\"42.0.mp4\"\n"
    ));
    assert_eq!(defects, []);
    let places: Vec<_> = timeline.low_latency.parts.iter().map(|p| (p.segment, p.index, p.line)).collect();
    assert_eq!(places, [(41, 0, 9), (41, 1, 10), (42, 0, 14)]);
    let [first, second, open] = &timeline.low_latency.parts[..] else { panic!("three parts") };
    assert!(first.independent && first.discontinuity && first.program_date_time.is_some());
    assert!(second.gap && !second.discontinuity && second.program_date_time.is_none());
    assert_eq!(open.uri.path(), "/live/ch1/42.0.mp4");
    assert_eq!(timeline.open_parts().count(), 1);
    assert_eq!(timeline.segments.len(), 2);
    assert_eq!(timeline.live_edge(), Some(Seconds(1.0).after(open.program_date_time.unwrap())));
    assert_eq!(timeline.segments_edge(), Some(Seconds(1.9).after(first.program_date_time.unwrap())));
}

#[test]
fn a_range_goes_on_where_the_part_before_it_ended() {
    let part = |range: &str| format!("#EXT-X-PART:DURATION=1,URI=\"a.mp4\",BYTERANGE=\"{range}\"\n");
    let lines = format!("{}{}#EXTINF:2,\na.mp4\n{}", part("100@20"), part("50"), part("70"));
    let (read, defects) = low_latency(&lines);
    let ranges: Vec<_> = read.parts.iter().map(|p| p.byte_range.unwrap()).collect();
    let range = |offset, length| ByteRange { offset, length };
    assert_eq!(ranges, [range(20, 100), range(120, 50), range(0, 70)]);
    // The third belongs to another segment: it has nothing to go on from.
    assert_eq!(places(&defects), [(DefectKind::Syntax, 9, 1)]);
}

#[test]
fn hints_and_reports() {
    let (read, defects) = low_latency(
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"b.mp4\",BYTERANGE-START=170\n#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"i.mp4\"\n\
         #EXT-X-RENDITION-REPORT:URI=\"../720p/index.m3u8\",LAST-MSN=41,LAST-PART=2\n#EXT-X-RENDITION-REPORT:URI=\"x.m3u8\"\n",
    );
    assert_eq!(defects, []);
    let hints: Vec<_> = read.hints.iter().map(|h| (h.kind, h.uri.path(), h.start, h.length)).collect();
    let expected =
        [(HintKind::Part, "/live/ch1/b.mp4", Some(170), None), (HintKind::Map, "/live/ch1/i.mp4", None, None)];
    assert_eq!(hints, expected);
    let reports: Vec<_> =
        read.reports.iter().map(|r| (r.uri.as_ref().unwrap().path(), r.last_segment, r.last_part)).collect();
    assert_eq!(reports, [("/live/720p/index.m3u8", Some(41), Some(2)), ("/live/ch1/x.m3u8", None, None)]);
}

#[test]
fn a_malformed_part_keeps_the_place_of_those_behind_it() {
    let (read, defects) =
        low_latency("#EXT-X-PART:DURATION=long,URI=\"a\"\n#EXT-X-PART:URI=\"b\"\n#EXT-X-PART:DURATION=1,URI=\"c\"\n");
    assert_eq!(read.parts.iter().map(|p| p.index).collect::<Vec<_>>(), [2]);
    assert_eq!(defects.len(), 2);
}

#[test]
fn the_newest_parts_are_kept_and_numbers_never_overflow() {
    let many = "#EXT-X-PART:DURATION=1,URI=\"a\"\n".repeat(MAX_PARTS + 5);
    let (read, _) = low_latency(&many);
    assert_eq!((read.parts.len(), read.parts[0].index), (MAX_PARTS, 5));
    let (timeline, _) = timeline(&format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{0}\n#EXT-X-SKIP:SKIPPED-SEGMENTS={0}\n#EXTINF:2,\na\n\
         #EXTINF:2,\nb\n#EXT-X-PART:DURATION=1,URI=\"c\"\n",
        u64::MAX
    ));
    assert_eq!(timeline.low_latency.parts[0].segment, u64::MAX);
}

#[test]
fn parts_of_the_open_segment_have_the_map_and_the_key_in_force() {
    let (read, _) = low_latency(
        "#EXT-X-MAP:URI=\"i.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"\n#EXTINF:2,\n40.mp4\n#EXT-X-MAP:URI=\"j.mp4\"\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"k2\"\n#EXT-X-PART:DURATION=1,URI=\"41.0.mp4\"\n",
    );
    assert_eq!(read.map.unwrap().uri.path(), "/live/ch1/j.mp4");
    assert!(read.key.unwrap().uri.as_ref().unwrap().ends_with("k2"));
}
