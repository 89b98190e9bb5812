use super::super::timing::{self, Availability, Due, Source, Verdict};
use super::super::{Descriptor, Span};
use super::*;
use crate::units::Seconds;

fn availability(attributes: &str, template: &str) -> Availability {
    let inside = format!(r#"<SegmentTemplate timescale="10" media="$Number$" {template}/>"#);
    let (mpd, _) = read(&live_with(attributes, &inside));
    let period = &mpd.periods[0];
    let addressing = &period.sets[0].representations[0].addressing;
    timing::availability(&mpd, period, addressing, Span { number: 3, start: 40, duration: 20 }).unwrap()
}

#[test]
fn a_segment_is_due_when_its_media_time_has_passed() {
    let due = availability("", r#"duration="20""#);
    assert_eq!(due, Availability { from: at("2026-01-01T00:00:06Z"), until: None });
    let shifted = availability("", r#"duration="20" presentationTimeOffset="10""#);
    assert_eq!(shifted.from, at("2026-01-01T00:00:05Z"));
}

#[test]
fn it_stays_for_the_time_shift_buffer_and_its_own_length() {
    let due = availability(r#"timeShiftBufferDepth="PT10S""#, r#"duration="20""#);
    assert_eq!(due.until, Some(at("2026-01-01T00:00:18Z")));
    assert_eq!(due.at(at("2026-01-01T00:00:18Z")), Due::Now);
    assert_eq!(due.at(at("2026-01-01T00:00:19Z")), Due::Late(Seconds(1.0)));
}

#[test]
fn an_offset_makes_it_earlier_unless_it_is_still_growing_then() {
    let early = r#"duration="20" availabilityTimeOffset="1.5""#;
    assert_eq!(availability("", early).from, at("2026-01-01T00:00:04.5Z"));
    let growing = format!(r#"{early} availabilityTimeComplete="false""#);
    assert_eq!(availability("", &growing).from, at("2026-01-01T00:00:06Z"));
    let always = r#"duration="20" availabilityTimeOffset="INF""#;
    assert_eq!(availability("", always).from, at("2026-01-01T00:00:00Z"));
}

#[test]
fn too_early_missing_and_gone_are_told_apart() {
    let due = Availability { from: at("2026-01-01T00:00:06Z"), until: Some(at("2026-01-01T00:00:18Z")) };
    let judge = |second: &str, there| due.judge(at(&format!("2026-01-01T00:00:{second}Z")), there, Seconds(0.5));
    assert_eq!(judge("05", true), Verdict::TooEarly(Seconds(1.0)));
    assert_eq!(judge("05.5", true), Verdict::Good, "clocks may be that far apart");
    assert_eq!(judge("05", false), Verdict::Good);
    assert_eq!(judge("06.4", false), Verdict::Good);
    assert_eq!(judge("06.5", false), Verdict::Missing);
    assert_eq!(judge("17.5", false), Verdict::Missing);
    assert_eq!(judge("17.6", false), Verdict::Good);
    assert_eq!(judge("19", true), Verdict::Good, "it may stay longer");
}

#[test]
fn a_static_presentation_has_no_times() {
    let mpd = clean("segment_list");
    let period = &mpd.periods[0];
    let span = Span { number: 5, start: 0, duration: 2000 };
    assert_eq!(timing::availability(&mpd, period, &period.sets[0].representations[0].addressing, span), None);
}

#[test]
fn the_clock_by_every_scheme() {
    let source = |scheme: &str, value: &str| {
        let scheme = format!("urn:mpeg:dash:utc:{scheme}");
        timing::source(&Descriptor { scheme, value: Some(value.to_owned()) }, &base())
    };
    let url = |text| Url::parse(text).unwrap();
    assert_eq!(source("http-head:2014", "/time"), Some(Source::Date(url("https://origin.example.com/time"))));
    assert_eq!(source("http-iso:2014", "http://a/ http://b/"), Some(Source::Body(url("http://a/"))));
    assert_eq!(source("http-xsdate:2014", "http://a/"), Some(Source::Body(url("http://a/"))));
    assert_eq!(source("ntp:2014", "pool.example.com"), Some(Source::Network));
    assert_eq!(source("direct:2014", "2026-01-01T00:00:00Z"), Some(Source::Direct(at("2026-01-01T00:00:00Z"))));
    for (scheme, value) in [("direct:2014", "soon"), ("http-iso:2014", ""), ("sundial:2014", "x")] {
        assert_eq!(source(scheme, value), None, "{scheme}");
    }
}

#[test]
fn a_time_from_a_body_of_any_kind() {
    assert_eq!(timing::read_time(b" 2026-01-01T00:00:01.5Z\n"), Some(at("2026-01-01T00:00:01.5Z")));
    assert_eq!(timing::read_time(b"<html>"), None);
    assert_eq!(timing::read_time(&[0xff; 4000]), None);
}
