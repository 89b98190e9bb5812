//! Tests of segments that an MPD lists before they are available (DASH-IF timing model, "MPD snapshot validity").

use super::super::current_period;
use super::*;

/// Makes a live MPD that began at midnight. Each of `periods` is its start in seconds, further attributes, and its S
/// elements in seconds.
fn mpd(attributes: &str, periods: &[(u32, &str, &str)]) -> Mpd {
    let period = |(start, more, timeline): &(u32, &str, &str)| {
        format!(
            "<Period id=\"{start}\" start=\"PT{start}S\" {more}><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"v\" \
             bandwidth=\"1\" codecs=\"avc1\"><SegmentTemplate media=\"{start}-$Time$.m4s\"><SegmentTimeline>{timeline}\
             </SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period>"
        )
    };
    let head =
        "<MPD type=\"dynamic\" profiles=\"p\" minBufferTime=\"PT2S\" availabilityStartTime=\"2026-01-01T00:00:00Z\"";
    let periods: String = periods.iter().map(period).collect();
    read(&format!("{head} publishTime=\"2026-01-01T00:00:00Z\" {attributes}>{periods}</MPD>")).0
}

/// Returns the names of the segments that are listed this many seconds after midnight.
fn listed(mpd: &Mpd, seconds: f64) -> Vec<String> {
    let now = crate::units::Seconds(seconds).after(at("2026-01-01T00:00:00Z"));
    let [video] = &renditions_at(mpd, now)[..] else { panic!() };
    paths(video).iter().map(|path| path.trim_start_matches("ch1/").replace(".m4s", "")).collect()
}

#[test]
fn the_newest_segment_is_the_newest_that_is_available() {
    let ahead = mpd("", &[(0, "", "<S t=\"50\" d=\"2\" r=\"14\"/>")]);
    assert_eq!(listed(&ahead, 60.0).last().unwrap(), "0-58");
    assert_eq!(listed(&ahead, 61.4).last().unwrap(), "0-58");
    assert_eq!(listed(&ahead, 62.0).last().unwrap(), "0-60");
    assert_eq!(listed(&ahead, 500.0).last().unwrap(), "0-78", "the listed future is used up");
}

#[test]
fn the_end_of_a_list_counts_one_second_before_its_time() {
    let list = mpd("", &[(0, "", "<S t=\"50\" d=\"2\" r=\"4\"/>")]);
    assert_eq!(listed(&list, 58.4).last().unwrap(), "0-56");
    assert_eq!(listed(&list, 59.0).last().unwrap(), "0-58");
    let longer = mpd("", &[(0, "", "<S t=\"50\" d=\"2\" r=\"5\"/>")]);
    assert_eq!(listed(&longer, 59.4).last().unwrap(), "0-56", "the list goes on");
    assert_eq!(listed(&longer, 60.0).last().unwrap(), "0-58");
}

#[test]
fn an_ad_that_is_listed_as_a_whole_comes_by_the_clock() {
    let periods =
        [(0, "", "<S t=\"40\" d=\"2\" r=\"9\"/>"), (60, "duration=\"PT30S\"", "<S t=\"0\" d=\"2\" r=\"14\"/>")];
    let ad = mpd("", &periods);
    let begins = |seconds: f64| {
        let now = crate::units::Seconds(seconds).after(at("2026-01-01T00:00:00Z"));
        current_period(&ad, now).unwrap().id.clone().unwrap()
    };
    assert_eq!((begins(61.4), begins(62.0)), ("0".to_owned(), "60".to_owned()));
    assert_eq!(listed(&ad, 61.4).last().unwrap(), "0-58");
    assert_eq!(listed(&ad, 64.0)[8..], ["0-56", "0-58", "60-0", "60-2"]);
    assert_eq!(listed(&ad, 90.0).last().unwrap(), "60-28");
}

#[test]
fn availability_time_offset_makes_listed_segments_available_earlier() {
    let early = |offset: &str| {
        let mut mpd = mpd("", &[(0, "", "<S t=\"50\" d=\"2\" r=\"14\"/>")]);
        let addressing = &mut mpd.periods[0].sets[0].representations[0].addressing;
        addressing.availability_time_offset = crate::units::Seconds(offset.parse().unwrap());
        listed(&mpd, 60.0).pop().unwrap()
    };
    assert_eq!([early("0"), early("1.4"), early("2")], ["0-58", "0-58", "0-60"]);
    assert_eq!([early("4"), early("inf")], ["0-58", "0-58"], "more than a segment is listed ahead");
}

/// Makes an MPD with a live Period, and from second 60 an ad of 30 s whose segments are all available when it begins, as servers
/// that insert ads write it. `offset` stands at the ad's SegmentTemplate, `base` in its Period; its segments are those of `inside`.
fn early_ad(base: &str, offset: &str, duration: &str, inside: &str) -> Mpd {
    let live = "<SegmentTimeline><S t=\"40\" d=\"2\" r=\"9\"/></SegmentTimeline>";
    let period = |attributes: &str, base: &str, template: &str, inside: &str| {
        format!(
            "<Period {attributes}>{base}<AdaptationSet mimeType=\"video/mp4\"><Representation id=\"v\" bandwidth=\"1\" \
             codecs=\"avc1\"><SegmentTemplate {template}>{inside}</SegmentTemplate></Representation></AdaptationSet></Period>"
        )
    };
    let ad = period(
        "id=\"60\" start=\"PT60S\" duration=\"PT30S\"",
        base,
        &format!("media=\"60-$Number$.m4s\" {offset} {duration}"),
        inside,
    );
    read(&format!(
        "<MPD type=\"dynamic\" profiles=\"p\" minBufferTime=\"PT2S\" availabilityStartTime=\"2026-01-01T00:00:00Z\" \
         publishTime=\"2026-01-01T00:00:00Z\">{}{ad}</MPD>",
        period("id=\"0\" start=\"PT0S\"", "", "media=\"0-$Time$.m4s\"", live)
    ))
    .0
}

#[test]
fn the_live_edge_of_an_ad_that_is_available_as_a_whole_goes_by_the_clock() {
    let all = "<SegmentTimeline><S t=\"0\" d=\"2\" r=\"14\"/></SegmentTimeline>";
    let (inf, base) = ("availabilityTimeOffset=\"INF\"", "<BaseURL availabilityTimeOffset=\"INF\">./</BaseURL>");
    for ad in [
        early_ad("", inf, "", all),
        early_ad(base, "", "", all),
        early_ad("", inf, "duration=\"2\"", ""),
        early_ad(base, "", "duration=\"2\"", ""),
        early_ad("", "availabilityTimeOffset=\"30\"", "duration=\"2\"", ""),
        early_ad("", "availabilityTimeOffset=\"30\"", "", all),
    ] {
        let newest = |seconds| listed(&ad, seconds).pop().unwrap();
        assert_eq!([61.0, 62.0, 65.4, 66.0, 90.0].map(newest), ["0-58", "60-1", "60-2", "60-3", "60-15"]);
    }
}

#[test]
fn an_offset_of_several_segments_counts_where_the_clock_alone_counts_them() {
    let newest = |attributes: &str| {
        let template = format!("<SegmentTemplate media=\"$Number$.m4s\" duration=\"2\" {attributes}/>");
        let (mpd, _) = read(&live(&template));
        let [video] = &renditions_at(&mpd, at("2026-01-01T00:01:00Z"))[..] else { panic!() };
        paths(video).pop().unwrap()
    };
    let offsets = ["0", "2", "15", "INF"].map(|o| newest(&format!("availabilityTimeOffset=\"{o}\"")));
    assert_eq!(offsets, ["ch1/30.m4s", "ch1/31.m4s", "ch1/37.m4s", "ch1/32.m4s"]);
    assert_eq!(newest("availabilityTimeOffset=\"15\" availabilityTimeComplete=\"false\""), "ch1/30.m4s");
}

#[test]
fn a_whole_list_in_the_future_is_taken_as_it_is_unless_its_period_has_just_begun() {
    let wrong_clock = mpd("", &[(0, "", "<S t=\"65\" d=\"2\" r=\"4\"/>")]);
    assert_eq!(listed(&wrong_clock, 60.0).len(), 5);
    assert_eq!(listed(&wrong_clock, 61.0).len(), 0, "it begins within two segments");
    assert_eq!(listed(&wrong_clock, 67.0).len(), 1);
    let mut growing = wrong_clock.clone();
    growing.periods[0].sets[0].representations[0].addressing.availability_time_complete = false;
    assert_eq!(listed(&growing, 60.0).len(), 5, "with low latency, too");
    let begins = mpd("", &[(60, "", "<S t=\"0\" d=\"2\" r=\"4\"/>")]);
    assert_eq!((listed(&begins, 53.0).len(), listed(&begins, 61.0).len(), listed(&begins, 62.0).len()), (0, 0, 1));
}

#[test]
fn a_static_list_is_available_as_a_whole() {
    let mut ended = mpd("", &[(0, "", "<S t=\"0\" d=\"2\" r=\"4\"/>")]);
    ended.dynamic = false;
    assert_eq!(listed(&ended, 0.0).len(), 5);
}
