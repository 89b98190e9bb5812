use super::super::timing::{self, ClockSource};
use super::super::{Descriptor, SegmentSpan};
use super::*;
use crate::units::Seconds;

#[test]
fn the_clock_by_every_scheme() {
    let sources = |scheme: &str, value: &str| {
        let scheme = format!("urn:mpeg:dash:utc:{scheme}");
        timing::clock_sources(&Descriptor { scheme, value: Some(value.to_owned()) }, &base())
    };
    let url = |text| Url::parse(text).unwrap();
    assert_eq!(sources("http-head:2014", "/time"), [ClockSource::Date(url("https://origin.example.com/time"))]);
    let two = ["http://a/", "http://b/"].map(|text| ClockSource::Body(url(text)));
    assert_eq!(sources("http-iso:2014", "http://a/ http://b/"), two);
    assert_eq!(sources("http-iso:2014", &"http://a/ ".repeat(5)).len(), 4, "the number of URLs is bounded");
    assert_eq!(sources("http-xsdate:2014", "http://a/"), two[..1]);
    assert_eq!(sources("ntp:2014", "pool.example.com"), [ClockSource::Network]);
    assert_eq!(sources("direct:2014", "2026-01-01T00:00:00Z"), [ClockSource::Direct(at("2026-01-01T00:00:00Z"))]);
    for (scheme, value) in [("direct:2014", "soon"), ("http-iso:2014", ""), ("sundial:2014", "x")] {
        assert_eq!(sources(scheme, value), [], "{scheme}");
    }
}

#[test]
fn a_time_from_a_body_of_any_kind() {
    assert_eq!(timing::parse_clock_body(b" 2026-01-01T00:00:01.5Z\n"), Some(at("2026-01-01T00:00:01.5Z")));
    assert_eq!(timing::parse_clock_body(b"<html>"), None);
    assert_eq!(timing::parse_clock_body(&[0xff; 4000]), None);
}

#[test]
fn a_period_can_be_played_from_its_start_until_its_end_leaves_the_time_shift_buffer() {
    let period = |inside: &str| format!(r#"<Period start="PT10S" duration="PT20S">{inside}</Period>"#);
    let text = |kind: &str| {
        format!(
            r#"<MPD type="{kind}" availabilityStartTime="2026-01-01T00:00:00Z" timeShiftBufferDepth="PT5S">{}</MPD>"#,
            period("")
        )
    };
    let playable = |kind: &str, second: &str| {
        let (mpd, _) = read(&text(kind));
        timing::is_period_in_window(&mpd, &mpd.periods[0], at(&format!("2026-01-01T00:00:{second}Z")))
    };
    assert!(!playable("dynamic", "09.999") && playable("dynamic", "10"));
    assert!(playable("dynamic", "35") && !playable("dynamic", "35.001"));
    assert!(playable("static", "09") && playable("static", "59"));
}

#[test]
fn a_segment_is_complete_early_only_when_it_does_not_grow_by_then() {
    let early = |attributes: &str| {
        let (mpd, _) = read(&live(&format!(r#"<SegmentTemplate media="$Number$" duration="2" {attributes}/>"#)));
        timing::early_availability(&mpd.periods[0].sets[0].representations[0].addressing)
    };
    assert_eq!(early(""), Seconds::ZERO);
    assert_eq!(early(r#"availabilityTimeOffset="1.5""#), Seconds(1.5));
    assert_eq!(early(r#"availabilityTimeOffset="1.5" availabilityTimeComplete="false""#), Seconds::ZERO);
    assert_eq!(early(r#"availabilityTimeOffset="INF""#), Seconds(f64::INFINITY));
}

#[test]
fn a_presentation_ends_by_its_duration_unless_it_is_updated() {
    let ended = |attributes: &str, now: &str| {
        let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
        read(&live_with(attributes, template)).0.has_ended(at(&format!("2026-01-01T00:{now}Z")))
    };
    let total = r#"mediaPresentationDuration="PT1M""#;
    assert_eq!([ended(total, "00:59"), ended(total, "01:00")], [false, true]);
    let updated = format!(r#"{total} minimumUpdatePeriod="PT2S""#);
    assert_eq!([ended(&updated, "01:00"), ended("", "59:00")], [false, false]);
    let until = r#"availabilityEndTime="2026-01-01T00:01:00Z" minimumUpdatePeriod="PT2S""#;
    assert_eq!([ended(until, "00:59"), ended(until, "01:00")], [false, true]);
}

#[test]
fn media_time_counts_from_the_start_of_the_period() {
    let template = r#"<SegmentTemplate timescale="10" media="$Time$" duration="20" presentationTimeOffset="50"/>"#;
    let (mpd, _) = read(&live(template).replace("PT0S", "PT100S"));
    let period = &mpd.periods[0];
    let start = |start| {
        let span = SegmentSpan { number: 1, start, duration: 20 };
        timing::presentation_time(period, &period.sets[0].representations[0].addressing, span)
    };
    assert_eq!((start(50), start(75), start(0)), (Some(Seconds(100.0)), Some(Seconds(102.5)), Some(Seconds(95.0))));
}

#[test]
fn a_presentation_may_begin_centuries_ago() {
    // 1601 is the epoch of Windows: media times count from there.
    let ticks = 13_411_699_200_u64 * 10_000_000;
    let template = format!(
        "<SegmentTemplate timescale=\"10000000\" media=\"$Time$.m4s\"><SegmentTimeline><S t=\"{ticks}\" d=\"20000000\" r=\"29\"/>\
         </SegmentTimeline></SegmentTemplate>"
    );
    let text = live(&template).replace("availabilityStartTime=\"2026-01-01", "availabilityStartTime=\"1601-01-01");
    let [video] = &renditions_at(&read(&text).0, at("2026-01-01T00:01:00Z"))[..] else { panic!() };
    assert_eq!((paths(video).len(), video.timeline.live_edge()), (30, Some(at("2026-01-01T00:01:00Z"))));
}

#[test]
fn an_id_that_two_languages_share_is_two_renditions_with_segments_of_their_own() {
    let set = |period: u32, language: &str| {
        format!(
            "<AdaptationSet contentType=\"audio\" mimeType=\"audio/mp4\" lang=\"{language}\"><SegmentTemplate duration=\"2\" \
             media=\"{language}/{period}-$Number$.m4s\"/><Representation id=\"1\" bandwidth=\"64000\" codecs=\"mp4a.40.2\"/>\
             </AdaptationSet>"
        )
    };
    let period = |n: u32, start: u32, languages: [&str; 2]| {
        let sets: String = languages.iter().map(|language| set(n, language)).collect();
        format!("<Period id=\"{n}\" start=\"PT{start}S\">{sets}</Period>")
    };
    let text = format!(
        "<MPD type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\" minimumUpdatePeriod=\"PT2S\">{}{}</MPD>",
        period(1, 0, ["en", "vi"]),
        period(2, 4, ["vi", "en"])
    );
    let snapshots = renditions_at(&read(&text).0, at("2026-01-01T00:00:08Z"));
    let seen: Vec<_> = snapshots.iter().map(|s| (s.rendition.name.as_str(), paths(s).join(" "))).collect();
    let listed =
        |language: &str| ["1-1", "1-2", "2-1", "2-2"].map(|name| format!("ch1/{language}/{name}.m4s")).join(" ");
    assert_eq!(seen, [("audio-vi", listed("vi")), ("audio-en", listed("en"))]);
    assert_ne!(snapshots[0].rendition.identity, snapshots[1].rendition.identity);
}

#[test]
fn the_delay_of_players_is_the_longest_of_the_suggested_one_four_segments_and_ten_seconds() {
    let suggested = |delay: f64| Mpd { suggested_presentation_delay: Some(Seconds(delay)), ..Mpd::default() };
    assert_eq!(Mpd::default().player_delay(Seconds(2.0)), Seconds(10.0));
    assert_eq!(suggested(6.0).player_delay(Seconds(6.0)), Seconds(24.0));
    assert_eq!(suggested(30.0).player_delay(Seconds(6.0)), Seconds(30.0));
}
