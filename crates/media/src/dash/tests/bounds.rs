//! Tests with hostile and damaged MPDs: they are refused or read in bounded time and memory, and never make the parser
//! panic.

use super::*;
use std::time::{Duration, Instant};

const NOW: &str = "2026-01-01T00:01:00Z";

fn refusal(text: &str) -> String {
    let began = Instant::now();
    let (mpd, defects) = crate::dash::parse(text.as_bytes(), &base());
    assert!(mpd.is_none() && defects.len() == 1 && began.elapsed() < Duration::from_secs(5));
    defects[0].message.clone()
}

#[test]
fn entities_are_never_expanded() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><MPD>&b;</MPD>"#;
    assert_eq!(refusal(bomb), "a document type declaration: its entities can't be trusted");
    assert!(refusal("<MPD>&b;</MPD>").starts_with("not well-formed XML: "));
}

#[test]
fn nesting_attributes_and_namespaces_are_bounded() {
    assert_eq!(refusal(&"<a>".repeat(1_000_000)), "elements nest more than 48 deep");
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(refusal(&format!("<MPD{attributes}/>")), "an element has more than 128 attributes");
    let declared: String = (0..100).map(|n| format!(" xmlns:n{n}='x'")).collect();
    let nested = format!("{}{}", format!("<a{declared}>").repeat(40), format!("<a{declared}/>").repeat(5000));
    assert_eq!(refusal(&nested), "too many namespaces are declared inside each other");
}

#[test]
fn what_is_no_mpd_says_what_it_is() {
    assert_eq!(refusal("<html></html>"), "not an MPD: the document is a `html`");
    assert!(refusal("#EXTM3U\n").starts_with("not well-formed XML: "));
    assert!(refusal("").starts_with("not well-formed XML: "));
    let (_, defects) = crate::dash::parse(b"<MPD>\n\xff</MPD>", &base());
    assert_eq!((defects[0].message.as_str(), lines(&defects)), ("not UTF-8 from here on", vec![2]));
}

#[test]
fn endless_lists_become_the_newest_segments_only() {
    let began = Instant::now();
    for inside in [
        r#"<SegmentTemplate media="$Number$" timescale="4294967295" duration="1"/>"#,
        r#"<SegmentTemplate media="$Time$" timescale="1000"><SegmentTimeline><S t="0" d="1" r="9223372036854775807"/></SegmentTimeline></SegmentTemplate>"#,
        r#"<SegmentTemplate media="$Time$" timescale="1000"><SegmentTimeline><S t="0" d="1" r="-1"/></SegmentTimeline></SegmentTemplate>"#,
        r#"<SegmentTemplate media="$Time$"><SegmentTimeline><S t="18446744073709551615" d="18446744073709551615" r="9"/><S d="1"/></SegmentTimeline></SegmentTemplate>"#,
        r#"<SegmentTemplate media="$Number$" duration="18446744073709551615" startNumber="18446744073709551615"/>"#,
    ] {
        for snapshot in renditions_at(&read(&live(inside)).0, at(NOW)) {
            assert!(snapshot.timeline.segments.len() <= crate::dash::MAX_SEGMENTS);
        }
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_day_of_segments_and_a_thousand_periods_are_read_in_time() {
    let day: String = (0..43_200).map(|n| format!("<S t=\"{}\" d=\"2000\"/>", n * 2000)).collect();
    let inside = format!(
        r#"<SegmentTemplate media="$Time$" timescale="1000"><SegmentTimeline>{day}</SegmentTimeline></SegmentTemplate>"#
    );
    let one = r#"<Period duration="PT2S"><AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="9" codecs="a"><SegmentTemplate media="$Number$" duration="2"/></Representation></AdaptationSet></Period>"#;
    let periods = live("").replace("</MPD>", &format!("{}</MPD>", one.repeat(1000)));
    for text in [live(&inside), periods] {
        let began = Instant::now();
        let snapshots = renditions_at(&read(&text).0, at("2026-01-01T23:59:58Z"));
        assert!(snapshots.len() == 1 && began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn the_first_16_words_of_a_list_are_read() {
    let words = |count: usize| vec!["p"; count].join(",");
    let read = |count: usize| {
        let text = format!("<MPD profiles=\"{}\"/>", words(count));
        crate::dash::parse(text.as_bytes(), &base()).0.unwrap().profiles.len()
    };
    assert_eq!([read(15), read(16), read(17)], [15, 16, 16]);
}

#[test]
fn defects_are_bounded_and_counted() {
    let streams = "\n<EventStream/>".repeat(30);
    let period = format!("<Period>{streams}</Period>").repeat(3);
    let (_, defects) = read(&live("").replace("</MPD>", &format!("{period}</MPD>")));
    assert_eq!(defects.len(), crate::dash::MAX_DEFECTS / 6);
    assert_eq!(defects.last().unwrap().message, "70 more defects from here on; fix those above first");
}

#[test]
fn no_damage_makes_it_panic() {
    let names = ["ffmpeg_number", "shaka_drm", "elemental_multi_period", "unified_timeline", "segment_list"];
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let bits =
        [&b"\""[..], b"<", b">", b"-", b"0", b"99999999999999999999", b"", b"$", b"P", b"\xff", b"&amp;", b"</S>"];
    for round in 0..1500 {
        let mut bytes = fixture(names[round % names.len()]);
        for _ in 0..=random(4) {
            let place = random(bytes.len());
            let end = (place + random(6)).min(bytes.len());
            bytes.splice(place..end, bits[random(bits.len())].iter().copied());
        }
        if let (Some(mpd), _) = crate::dash::parse(&bytes, &base()) {
            let _ = renditions_at(&mpd, at(NOW));
        }
    }
}
