//! Tests with MPDs of real packagers: they have no defect, and every segment URL is the one that a player would use.

use super::super::{PlaybackRate, Resync, growing_segments, parse, timing};
use super::*;
use crate::stream::{ByteRange, Media};
use crate::units::Seconds;

#[test]
fn ffmpeg_by_number_and_by_timeline() {
    let [video, audio] = &snapshots_of("ffmpeg_number", "2026-01-01T00:01:00Z")[..] else { panic!() };
    assert_eq!((video.rendition.name.as_str(), video.rendition.frame_rate), ("720p", Some(25.0)));
    assert_eq!(paths(video)[0], "ch1/chunk-stream0-00026.m4s");
    assert_eq!(paths(video)[4], "ch1/chunk-stream0-00030.m4s");
    assert_eq!(video.timeline.live_edge(), Some(at("2026-01-01T00:01:00Z")));
    assert_eq!(video.oldest.as_ref(), video.timeline.segments.first());
    assert_eq!(video.timeline.segments[0].map.as_ref().unwrap().uri.path(), "/live/ch1/init-stream0.m4s");
    assert_eq!((audio.rendition.name.as_str(), audio.rendition.channels.as_deref()), ("audio-vie", Some("2")));
    assert_eq!(paths(audio).len(), 5);
    assert_eq!(paths(audio)[4], "ch1/chunk-stream1-00030.m4s");
    assert_eq!(audio.timeline.segments[1].duration, Seconds(1.984));
}

#[test]
fn shaka_with_one_timeline_for_two_rungs() {
    let snapshots = snapshots_of("shaka_drm", "2026-01-01T00:01:00.5Z");
    let names: Vec<_> = snapshots.iter().map(|o| o.rendition.name.as_str()).collect();
    assert_eq!(names, ["audio-en", "1080p", "360p"]);
    assert_eq!(paths(&snapshots[2])[5], "ch1/2/v_844800.m4s");
    assert_eq!(snapshots[1].timeline.segments[0].duration, Seconds(5.0));
    let set = &clean("shaka_drm").periods[0].sets[0];
    assert_eq!(set.protections[0].default_kid.as_deref(), Some("10000000-1000-1000-1000-100000000001"));
    assert_eq!((set.protections[0].pssh.is_some(), set.protections[1].pssh.is_some()), (false, true));
    assert_eq!(set.roles[0].value.as_deref(), Some("main"));
}

#[test]
fn elemental_with_an_ad_break_in_a_period_of_its_own() {
    let mpd = clean("elemental_multi_period");
    assert_eq!(mpd.periods[0].events[0].events[0].duration, Some(2_700_000));
    let [video] = &renditions_at(&mpd, at("2026-01-01T00:10:29.5Z"))[..] else { panic!() };
    assert_eq!(paths(video).first().unwrap(), "segments/v_1_96.mp4");
    assert_eq!(paths(video).last().unwrap(), "segments/v_1_105.mp4");
    let segments = &video.timeline.segments;
    let announced: Vec<_> = segments.iter().filter(|s| s.discontinuity).map(|s| s.number).collect();
    assert_eq!(announced, [600_000], "where the second Period begins");
    let apart = segments.windows(2).all(|w| (w[1].number - w[0].number) as f64 == w[0].duration.0 * 1000.0);
    assert!(apart, "numbers are milliseconds across Periods");
    assert_eq!(video.timeline.live_edge(), Some(at("2026-01-01T00:10:29.5Z")));
}

#[test]
fn unified_with_times_since_1970_and_text() {
    let [audio, text] = &snapshots_of("unified_timeline", "2026-01-01T00:00:31.5Z")[..] else { panic!() };
    assert_eq!(paths(audio).last().unwrap(), "ch1/dash/ch1-audio=128000-84826830144000.dash");
    assert_eq!(audio.timeline.live_edge(), Some(at("2026-01-01T00:00:30Z")));
    assert_eq!(audio.timeline.segments.len(), 10, "those that the time-shift buffer still holds");
    assert_eq!((text.rendition.media, text.rendition.name.as_str()), (Media::Text, "text-nl"));
}

#[test]
fn wowza_with_a_location_and_uneven_segments() {
    let mpd = clean("wowza_time");
    assert_eq!(mpd.locations[0].host_str(), Some("cdn.example.com"));
    let [video] = &renditions_at(&mpd, at("2026-01-01T00:00:40Z"))[..] else { panic!() };
    assert_eq!(paths(video)[2], "ch1/chunk_ctvideo_ridp0a0r0_cs2520000_w123_mpd.m4s");
    assert_eq!(paths(video)[4], "ch1/chunk_ctvideo_ridp0a0r0_cs3240000_w123_mpd.m4s");
    assert_eq!(video.timeline.segments[2].duration, Seconds(3.98));
}

#[test]
fn nginx_rtmp_without_content_types() {
    let [video] = &snapshots_of("nginx_rtmp", "2026-01-01T00:00:20Z")[..] else { panic!() };
    assert_eq!(
        (video.rendition.media, paths(video)),
        (Media::Video, ["ch1/ch1-0.m4v", "ch1/ch1-5000.m4v", "ch1/ch1-10000.m4v"].map(String::from).to_vec())
    );
}

#[test]
fn low_latency_takes_a_growing_segment_for_not_yet_there() {
    let mpd = clean("low_latency");
    assert_eq!(mpd.latency.unwrap().target, Some(Seconds(3.0)));
    let [video] = &renditions_at(&mpd, at("2026-01-01T00:00:20Z"))[..] else { panic!() };
    assert_eq!(paths(video).last().unwrap(), "ch1/V300/9.m4s");
    let direct = timing::clock_sources(&mpd.utc_timings[0], &base());
    assert_eq!(direct, [timing::ClockSource::Direct(at("2026-01-01T00:00:01Z"))]);
}

#[test]
fn a_growing_segment_is_promised_before_it_is_complete() {
    let mpd = clean("low_latency");
    let [video] = &renditions_at(&mpd, at("2026-01-01T00:00:20Z"))[..] else { panic!() };
    let seconds = |of: Timestamp| Seconds::between(at("2026-01-01T00:00:20Z"), of).0;
    let growing = growing_segments(&mpd, &video.rendition, at("2026-01-01T00:00:20.3Z"));
    let found: Vec<_> =
        growing.iter().map(|g| (g.segment.uri.path(), seconds(g.available), seconds(g.complete))).collect();
    assert_eq!(found, [("/live/ch1/V300/10.m4s", 0.5, 2.0)]);
    let next = growing_segments(&mpd, &video.rendition, at("2026-01-01T00:00:21Z"));
    assert_eq!(next.iter().map(|g| seconds(g.available)).collect::<Vec<_>>(), [0.5, 2.5]);
    let mut whole = mpd.clone();
    whole.periods[0].sets[0].representations[0].addressing.availability_time_complete = true;
    assert_eq!(growing_segments(&whole, &video.rendition, at("2026-01-01T00:00:21Z")), []);
}

#[test]
fn an_open_segment_of_a_timeline_grows_and_resync_is_inherited() {
    let text = "<MPD type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\"><ServiceDescription><PlaybackRate \
        min=\"0.96\" max=\"1.04\"/></ServiceDescription><Period start=\"PT0S\"><AdaptationSet mimeType=\"video/mp4\"><Resync \
        dT=\"400\" type=\"1\" dImax=\"0.5\"/><BaseURL availabilityTimeComplete=\"false\" availabilityTimeOffset=\"1\">v/</BaseURL>\
        <SegmentTemplate timescale=\"1000\" media=\"$Time$.m4s\"><SegmentTimeline><S t=\"0\" d=\"2000\" r=\"2\"/>\
        </SegmentTimeline></SegmentTemplate><Representation id=\"v\"/></AdaptationSet></Period></MPD>";
    let mpd = parse(text.as_bytes(), &base()).0.unwrap();
    assert_eq!(mpd.playback_rate, Some(PlaybackRate { min: Some(0.96), max: Some(1.04) }));
    let resync = Resync { sap_type: 1, max_interval: Some(Seconds(0.4)), max_bytes_by_bandwidth: Some(0.5) };
    assert_eq!(mpd.periods[0].sets[0].representations[0].resyncs, [resync]);
    let now = at("2026-01-01T00:00:05.5Z");
    let [video] = &renditions_at(&mpd, now)[..] else { panic!() };
    let growing = growing_segments(&mpd, &video.rendition, now);
    assert_eq!(growing.iter().map(|g| g.segment.uri.path()).collect::<Vec<_>>(), ["/live/ch1/v/4000.m4s"]);
    assert_eq!(paths(video), ["ch1/v/0.m4s", "ch1/v/2000.m4s"], "it is not complete");
}

#[test]
fn a_list_of_byte_ranges_with_a_prefix_on_every_element() {
    let [audio] = &snapshots_of("segment_list", "2026-01-01T00:00:00Z")[..] else { panic!() };
    assert!(audio.timeline.ended);
    assert_eq!(paths(audio), ["ch1/audio/a.mp4"; 3]);
    let ranges: Vec<_> = audio.timeline.segments.iter().filter_map(|s| s.byte_range).collect();
    assert_eq!(ranges[2], ByteRange { offset: 2700, length: 1000 });
    let map = audio.timeline.segments[0].map.as_ref().unwrap();
    assert_eq!(map.byte_range, Some(ByteRange { offset: 0, length: 700 }));
}

#[test]
fn one_file_with_an_index() {
    let mpd = clean("on_demand_base");
    let representation = &mpd.periods[0].sets[0].representations[0];
    let index = Some(ByteRange { offset: 732, length: 104 });
    assert_eq!(representation.addressing.segments, crate::dash::SegmentScheme::Single { index });
    assert_eq!(representation.base.first.path(), "/live/ch1/video.mp4");
}
