//! Tests with playlists of hostile size: the output is bounded, and the work grows linearly with the input.

use super::*;
use crate::hls::{MAX_DEFECTS, MAX_RENDITIONS, MAX_SEGMENTS};
use std::collections::HashSet;
use std::fmt::Write;

#[test]
fn of_too_many_segments_the_newest_stay() {
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n".to_owned();
    for i in 0..MAX_SEGMENTS + 50 {
        writeln!(text, "#EXTINF:6,\n{i}").unwrap();
    }
    let (timeline, defects) = timeline(&text);
    assert_eq!(timeline.segments.len(), MAX_SEGMENTS);
    assert_eq!(timeline.segments[0].number, 57);
    assert_eq!(timeline.last_number(), Some(7 + MAX_SEGMENTS as u64 + 49));
    assert_eq!(defects.len(), 1);
    assert!(defects[0].message.contains("oldest 50 segments"), "{}", defects[0].message);
}

#[test]
fn a_long_key_or_map_is_not_kept_a_thousand_times() {
    let long = "k".repeat(60_000);
    let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"{long}\"\n");
    text.push_str(&"#EXTINF:6,\na\n".repeat(5_000));
    let (timeline, defects) = timeline(&text);
    assert!(timeline.segments.len() < 1_200, "{}", timeline.segments.len());
    assert_eq!(timeline.last_number(), Some(4_999));
    assert_eq!(defects.len(), 1);
}

#[test]
fn of_too_many_renditions_the_first_stay() {
    let mut text = "#EXTM3U\n".to_owned();
    for i in 0..MAX_RENDITIONS + 5 {
        writeln!(text, "#EXT-X-STREAM-INF:BANDWIDTH=64000\n{i}").unwrap();
    }
    let (presentation, defects) = presentation(&text);
    assert_eq!(presentation.renditions.len(), MAX_RENDITIONS);
    let names: HashSet<&str> = presentation.renditions.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names.len(), MAX_RENDITIONS, "each has a label of its own");
    assert!(defects[0].message.starts_with("5 renditions"), "{}", defects[0].message);
}

#[test]
fn of_too_many_defects_the_last_counts_the_rest_and_neither_kind_hides_the_other() {
    let text = format!("#EXTM3U\n{}#EXT-X-STREAM-INF:CODECS=\"a\"\nv\n", "junk\n".repeat(1_000));
    let (_, defects) = presentation(&text);
    assert!(defects.len() <= MAX_DEFECTS);
    assert!(defects.iter().any(|d| d.kind == DefectKind::AttributeMissing));
    let last = defects.last().unwrap();
    let kept = defects.iter().filter(|d| d.kind == DefectKind::Syntax).count() - 1;
    assert!(last.message.starts_with(&format!("{} more defects", 1_000 - kept)), "{}", last.message);
    assert_eq!(last.at, Position::Line { line: 2 + kept as u32, column: 1 });
}

/// Each input made some parser take quadratic time or unbounded memory; all of them have about a megabyte.
#[test]
fn a_megabyte_of_anything_is_read() {
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n";
    for (unit, times) in [
        ("a\n", 500_000),
        ("#EXTINF:6.006,\nsegment.ts\n", 40_000),
        ("#EXT-X-GAP\n", 90_000),
        ("#EXT-X-DISCONTINUITY\n", 45_000),
        ("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n", 30_000),
        ("#EXT-X-START:A\n", 70_000),
        ("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i\"\nu\n", 20_000),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1\nu\n", 30_000),
        ("\r", 1_000_000),
        ("\n", 1_000_000),
        ("A=1,", 250_000),
        ("\u{85}", 500_000),
    ] {
        let (_, defects) = parse(format!("{head}{}", unit.repeat(times)).as_bytes(), &base());
        assert!(defects.len() <= MAX_DEFECTS, "{unit:?}");
    }
    let list: String = (0..9_000).map(|i| format!("A{i}=,")).collect();
    let (_, defects) = parse(format!("{head}{}", format!("#EXT-X-MAP:{list}\n").repeat(16)).as_bytes(), &base());
    assert!(defects.len() <= MAX_DEFECTS);
}
