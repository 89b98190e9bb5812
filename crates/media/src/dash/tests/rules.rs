//! Tests of the MPD rules: a defect has its line, and everything else is still read.

use super::super::{SegmentScheme, SegmentTiming, playable_representations};
use super::*;
use crate::defect::DefectKind;
use crate::stream::Uninspected;
use crate::units::Seconds;

const NOW: &str = "2026-01-01T00:01:00Z";

fn timeline(inside: &str) -> String {
    live(&format!(
        r#"<SegmentTemplate media="$Time$.m4s" timescale="1000"><SegmentTimeline>
{inside}</SegmentTimeline></SegmentTemplate>"#
    ))
}

/// Parses an MPD whose SegmentTimeline has the content `inside`. Returns the start of each segment in ticks, the first
/// number of each run, and the gap before each run in ticks.
fn runs(inside: &str) -> (Vec<u64>, Vec<u64>, Vec<i64>) {
    let (mpd, _) = read(&timeline(inside));
    let SegmentScheme::Listed(listing) = &mpd.periods[0].sets[0].representations[0].addressing.segments else {
        panic!()
    };
    let SegmentTiming::Runs(runs) = &listing.timing else { panic!() };
    let starts = renditions_at(&mpd, at(NOW))[0].timeline.segments.iter().map(|s| s.number).collect();
    (starts, runs.iter().map(|r| r.number).collect(), runs.iter().map(|r| r.gap_ticks).collect())
}

#[test]
fn a_timeline_counts_repetitions_and_numbers() {
    let (starts, numbers, apart) = runs(r#"<S t="1000" d="2000" r="2"/><S d="500"/><S n="9" d="500"/>"#);
    assert_eq!(starts, [1000, 3000, 5000, 7000, 7500]);
    assert_eq!((numbers, apart), (vec![1, 4, 9], vec![0, 0, 0]));
}

#[test]
fn gaps_and_overlaps_are_kept_as_they_are() {
    let (starts, _, apart) = runs(r#"<S t="0" d="2000"/><S t="3000" d="2000"/><S t="4500" d="2000"/>"#);
    assert_eq!((starts, apart), (vec![0, 3000, 4500], vec![0, 1000, -500]));
}

#[test]
fn a_negative_repetition_ends_at_the_next_s_or_now() {
    let (starts, numbers, _) = runs(r#"<S t="50000" d="2000" r="-1"/><S t="54000" d="2000" r="-1"/>"#);
    assert_eq!(starts, [50_000, 52_000, 54_000, 56_000, 58_000]);
    assert_eq!(numbers, [1, 3]);
}

#[test]
fn an_s_that_says_too_little_is_left_out_with_its_line() {
    let (mpd, defects) = read(&timeline("<S t=\"0\" d=\"2000\"/>\n<S/>\n<S d=\"0\"/>\n<S d=\"x\"/><S d=\"1000\"/>"));
    assert_eq!(lines(&defects), [5, 6, 7, 7]);
    assert_eq!(renditions_at(&mpd, at(NOW))[0].timeline.segments.len(), 2);
}

#[test]
fn missing_and_malformed_attributes_are_named() {
    let (_, defects) = read("<MPD type=\"dynamic\" minimumUpdatePeriod=\"2s\">\n<Period/></MPD>");
    let messages: Vec<_> = defects.iter().map(|d| d.message.as_str()).collect();
    let missing = |name: &str| format!("MPD@{name} is missing; a dynamic MPD must have it");
    assert_eq!(messages[0], "MPD@minimumUpdatePeriod is `2s`: not a duration such as PT6.0S");
    let expected = ["profiles", "minBufferTime", "availabilityStartTime", "publishTime"].map(missing);
    assert_eq!(messages[1..5], expected);
    assert!(
        messages[5].starts_with("the first Period of a dynamic MPD has no start, which makes it an Early Available")
    );
}

#[test]
fn players_need_neither_profiles_nor_a_publish_time_without_patches_and_validity_events() {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let kinds = |text: &str| read(text).1.into_iter().map(|d| d.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&live(template)), []);
    let publish_time = "publishTime=\"2026-01-01T00:00:00Z\"";
    let without = live(template).replace(publish_time, "");
    assert_eq!(kinds(&without), [DefectKind::MpdTolerated]);
    for profiles in ["", "profiles=\"\""] {
        assert_eq!(
            kinds(&live(template).replace("profiles=\"p\"", profiles)),
            [DefectKind::MpdTolerated],
            "{profiles}"
        );
    }
    let patched = without.replace("<Period", "<PatchLocation>x.mpp</PatchLocation><Period");
    assert!(kinds(&patched).contains(&DefectKind::Mpd));
    let events = "<InbandEventStream schemeIdUri=\"urn:mpeg:dash:event:2012\" value=\"1\"/><Representation";
    assert_eq!(kinds(&without.replace("<Representation", events)), [DefectKind::Mpd]);
}

#[test]
fn only_the_first_period_of_a_dynamic_mpd_needs_a_start() {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let (mpd, defects) = read(&live(template).replace(" start=\"PT0S\"", ""));
    assert_eq!((mpd.periods[0].start, defects.len()), (Some(Seconds::ZERO), 1), "some players take 0");
    assert_eq!(defects[0].kind, DefectKind::MpdFatal);
    assert_eq!(read(&live(template).replace("</MPD>", "<Period id=\"early\"/></MPD>")).1, []);
    let fixed = live(template).replace("dynamic", "static").replace(" start=\"PT0S\"", "");
    assert!(!read(&fixed).1.iter().any(|d| d.message.contains("has no start")));
}

#[test]
fn what_a_player_chooses_by_is_an_attribute_s_defect() {
    let (_, defects) = read(
        r#"<MPD profiles="p" minBufferTime="PT1S"><Period><AdaptationSet><Representation id="1"><BaseURL>a</BaseURL>
</Representation></AdaptationSet></Period></MPD>"#,
    );
    let kinds: Vec<_> = defects.iter().map(|d| (d.kind, d.message.as_str())).collect();
    let missing = ["bandwidth", "mimeType", "codecs"].map(|n| format!("Representation `1`: @{n} is missing"));
    assert_eq!(kinds, missing.each_ref().map(|m| (DefectKind::Attribute, m.as_str())));
}

#[test]
fn templates_that_name_nothing_are_defects() {
    for (inside, message) in [
        ("<SegmentTemplate duration=\"2\"/>", "SegmentTemplate@media is missing"),
        ("<SegmentTemplate media=\"$Number$\"/>", "SegmentTemplate with neither @duration nor SegmentTimeline"),
        (
            "<SegmentTemplate media=\"a.m4s\" duration=\"2\"/>",
            "SegmentTemplate@media must have either $Number$ or $Time$ to tell segments apart; it has neither",
        ),
        (
            "<SegmentTemplate media=\"$Number$/$Time$.m4s\" duration=\"2\"/>",
            "SegmentTemplate@media must have either $Number$ or $Time$ to tell segments apart; it has both",
        ),
        (
            "<SegmentTemplate media=\"$Number$\" duration=\"2.0\"/>",
            "SegmentTemplate@duration is `2.0`: not a whole number in its range",
        ),
        (
            "<SegmentTemplate media=\"$Number$\" duration=\"0\"/>",
            "SegmentTemplate@duration is 0; segments need a duration",
        ),
        (
            "<SegmentTemplate media=\"$Nr$\" duration=\"2\"/>",
            "SegmentTemplate@media: `$Nr$` is no identifier that can be filled in",
        ),
        ("<SegmentList duration=\"2\"/>", "SegmentList without SegmentURL"),
        (
            "<SegmentList><SegmentTimeline><S d=\"2\" r=\"1\"/></SegmentTimeline><SegmentURL media=\"1\"/></SegmentList>",
            "SegmentList with 1 SegmentURL for the 2 segments of its SegmentTimeline",
        ),
    ] {
        let (_, defects) = read(&live(inside));
        assert_eq!(defects.iter().map(|d| d.message.as_str()).collect::<Vec<_>>(), [message], "{inside}");
    }
}

#[test]
fn what_stands_further_out_is_inherited_attribute_by_attribute() {
    let (mpd, defects) = read(
        r#"<MPD type="dynamic" profiles="p" minBufferTime="PT2S" availabilityStartTime="2026-01-01T00:00:00Z"
publishTime="2026-01-01T00:00:00Z" timeShiftBufferDepth="PT4S"><BaseURL>/a/</BaseURL><Period start="PT0S">
<SegmentTemplate timescale="10" duration="20" startNumber="0"/><AdaptationSet mimeType="video/mp4" codecs="avc1"><BaseURL>b/</BaseURL>
<SegmentTemplate initialization="i$Bandwidth$.mp4"/><Representation id="v" bandwidth="7"><BaseURL>c/</BaseURL>
<SegmentTemplate media="$Number$.m4s"/></Representation></AdaptationSet></Period></MPD>"#,
    );
    assert_eq!(defects, []);
    let [video] = &renditions_at(&mpd, at("2026-01-01T00:00:10Z"))[..] else { panic!() };
    assert_eq!(paths(video), ["/a/b/c/3.m4s", "/a/b/c/4.m4s"]);
    assert_eq!(video.timeline.segments[0].map.as_ref().unwrap().uri.path(), "/a/b/c/i7.mp4");
}

#[test]
fn a_duration_of_the_presentation_that_its_list_has_passed_is_a_defect_and_ends_nothing() {
    let list = format!(
        r#"<SegmentList duration="2">{}</SegmentList>"#,
        (0..5).map(|n| format!(r#"<SegmentURL media="{n}.ts"/>"#)).collect::<String>()
    );
    let judged = |attributes: &str, inside: &str| {
        let (mpd, defects) = read(&live_with(attributes, inside));
        (mpd.periods[0].duration, defects.into_iter().map(|d| d.message).collect::<Vec<_>>().join("\n"))
    };
    let (duration, message) = judged(r#"mediaPresentationDuration="PT0.2S" minimumUpdatePeriod="PT2S""#, &list);
    assert_eq!(duration, None);
    assert_eq!(
        message,
        "MPD@mediaPresentationDuration ends the presentation after 0.2 s, but segments are listed until 10.0 s: players stop \
         there or don't start"
    );
    let kind = |total: &str| {
        let twenty = list.replace("duration=\"2\"", "duration=\"4\"");
        let attributes = format!(r#"mediaPresentationDuration="{total}" minimumUpdatePeriod="PT2S""#);
        read(&live_with(&attributes, &twenty)).1[0].kind
    };
    assert_eq!(kind("PT3.9S"), DefectKind::MpdFatal, "players are 16 s behind the end at 20 s");
    assert_eq!(kind("PT4S"), DefectKind::Mpd);
    let within = |attributes: &str| judged(attributes, &list);
    let held = (Some(crate::units::Seconds(8.5)), String::new());
    assert_eq!(within(r#"mediaPresentationDuration="PT8.5S" minimumUpdatePeriod="PT2S""#), held, "the last one is cut");
    let (duration, message) = within(r#"mediaPresentationDuration="PT2S""#);
    assert_eq!((duration, message.as_str()), (Some(crate::units::Seconds(2.0)), ""), "an event that is over");
    let open = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    assert_eq!(judged(r#"mediaPresentationDuration="PT2S" minimumUpdatePeriod="PT2S""#, open).1, "");
}

#[test]
fn a_remote_element_is_named_and_left_alone() {
    let text = live(r#"<SegmentTemplate media="$Number$" duration="2"/>"#)
        .replace("<Period ", r#"<Period xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://ads/p.xml" "#);
    let (_, defects) = read(&text);
    let message = "Period@xlink:href `http://ads/p.xml` is not followed: what it stands for isn't probed";
    assert_eq!(defects.iter().map(|d| d.message.as_str()).collect::<Vec<_>>(), [message]);
}

#[test]
fn a_period_to_come_is_no_ladder_yet() {
    let (mpd, _) = read(&live(r#"<SegmentTemplate media="$Number$.m4s" duration="2"/>"#).replace(
        "</MPD>",
        r#"<Period start="PT90S"><AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="9" codecs="avc1">
<SegmentTemplate media="ad$Number$.m4s" duration="2"/></Representation></AdaptationSet></Period></MPD>"#,
    ));
    let last = |now| paths(&renditions_at(&mpd, at(now))[0]).pop().unwrap();
    assert_eq!(last("2026-01-01T00:01:00Z"), "ch1/30.m4s");
    assert_eq!(last("2026-01-01T00:01:31Z"), "ch1/45.m4s", "the next Period has begun and has no segment yet");
    assert_eq!(last("2026-01-01T00:01:32Z"), "ch1/ad1.m4s");
}

/// Parses an MPD with these elements in its AdaptationSet, and returns the keys of its segment and the defects.
fn keys(inside: &str) -> (Vec<crate::stream::Key>, Vec<Defect>) {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let (mpd, defects) = read(&live(template).replace("<Representation", &format!("{inside}<Representation")));
    let snapshots = renditions_at(&mpd, at("2026-01-01T00:01:00Z"));
    (snapshots[0].timeline.segments[0].keys.to_vec(), defects)
}

const COMMON: &str = r#"<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cbcs" cenc:default_KID="10000000-1000-1000-1000-100000000001" xmlns:cenc="urn:mpeg:cenc:2013"/>"#;

/// A Widevine `pssh` box of version 0 without data, in Base64.
const PSSH: &str = "AAAAIHBzc2gAAAAA7e+LqXnWSs6jyCfc1R0h7QAAAAA=";

fn system(id: &str, pssh: &str) -> String {
    format!(r#"<ContentProtection schemeIdUri="urn:uuid:{id}"><pssh>{pssh}</pssh></ContentProtection>"#)
}

const WIDEVINE: &str = "EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED";

#[test]
fn content_protection_becomes_a_key_for_the_scheme_and_one_for_each_system() {
    let playready =
        r#"<ContentProtection schemeIdUri="urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95" value="MSPR 2.0"/>"#;
    let (keys, defects) = keys(&format!("{COMMON}{}{playready}", system(WIDEVINE, PSSH)));
    assert_eq!(defects, []);
    let kid = crate::drm::Uuid::parse("10000000-1000-1000-1000-100000000001");
    assert!(keys.iter().all(|k| (k.method.as_str(), k.key_id) == ("cbcs", kid)), "{keys:?}");
    let systems: Vec<_> = keys.iter().filter_map(|k| k.system()).collect();
    assert_eq!((keys.len(), systems), (3, vec![crate::drm::DrmSystem::Widevine, crate::drm::DrmSystem::PlayReady]));
    assert!(keys[1].uri.is_some() && keys[2].uri.is_none());
    assert_eq!(self::keys("").0, []);
}

#[test]
fn content_protection_may_refer_to_another_element() {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let keys = |outside: &str, inside: &str| {
        let text = live(template).replace("<Period", &format!("{outside}<Period"));
        let (mpd, defects) = read(&text.replace("<Representation", &format!("{inside}<Representation")));
        (renditions_at(&mpd, at(NOW))[0].timeline.segments[0].keys.to_vec(), defects)
    };
    let source = |element: String, id: &str| {
        element.replace("<ContentProtection", &format!("<ContentProtection refId=\"{id}\""))
    };
    let sources = source(COMMON.to_owned(), "c") + &source(system(WIDEVINE, PSSH), "w");
    let (found, defects) = keys(&sources, "<ContentProtection ref=\"w\"/><ContentProtection ref=\"c\"/>");
    assert_eq!(defects, []);
    let (written, _) = keys("", &format!("{COMMON}{}", system(WIDEVINE, PSSH)));
    assert_eq!(found, written);
    assert_eq!(keys(&sources, "").0, [], "what nothing refers to protects nothing");
    let (own, _) = keys(&sources, "<ContentProtection ref=\"c\" value=\"cenc\"/>");
    assert_eq!((own[0].method.as_str(), own[0].key_id), ("cenc", written[0].key_id));
    let (found, defects) = keys(&sources, "<ContentProtection ref=\"x\"/>");
    let message = "ContentProtection@ref `x`: no other ContentProtection has this @refId";
    assert_eq!((found, defects.iter().map(|d| d.message.as_str()).collect()), (vec![], vec![message]));
    let itself = COMMON.replace("<ContentProtection", "<ContentProtection ref=\"s\" refId=\"s\"");
    assert_eq!(keys("", &itself).1.len(), 1);
    assert_eq!(keys("", "<ContentProtection/>").1[0].message, "ContentProtection without schemeIdUri");
}

#[test]
fn a_key_identifier_that_is_no_uuid_is_a_defect() {
    let (_, defects) = keys(&COMMON.replace("100000000001", "1"));
    let messages: Vec<_> = defects.iter().map(|defect| defect.message.as_str()).collect();
    let [message] = messages[..] else { panic!("{messages:?}") };
    assert!(message.contains("default_KID") && message.ends_with("is no UUID"), "{message}");
}

#[test]
fn of_several_key_identifiers_none_is_the_one() {
    let two = COMMON.replace("100000000001\"", "100000000001 10000000-1000-1000-1000-100000000002\"");
    assert_eq!(keys(&two).0[0].key_id, None);
}

#[test]
fn a_pssh_that_no_player_could_use_is_a_defect() {
    let said = |inside: &str| keys(inside).1.first().map(|d| d.message.clone()).unwrap_or_default();
    assert!(said(&system(WIDEVINE, "bm9ib3g=")).ends_with("is no `pssh` box in Base64"));
    assert!(said(&system(WIDEVINE, "***")).ends_with("is no `pssh` box in Base64"));
    let other = "9a04f079-9840-4286-ab92-e65be0885f95";
    assert!(said(&system(other, PSSH)).ends_with("is a `pssh` of another DRM system"));
    assert!(said(&system(WIDEVINE, &"A".repeat(70_000))).ends_with("is longer than 64 kB"));
}

#[test]
fn a_presentation_that_begins_soon_has_its_rungs() {
    let (mpd, _) = read(&live(
        r#"<SegmentTemplate media="$Time$.m4s"><SegmentTimeline><S t="0" d="2" r="1"/></SegmentTimeline></SegmentTemplate>"#,
    ));
    let soon = renditions_at(&mpd, at("2025-12-31T23:59:50Z"));
    assert_eq!(paths(&soon[0]), [""; 0], "no segment is available yet");
    assert!(!soon[0].timeline.ended);
    assert!(renditions_at(&mpd, at("2025-12-31T23:59:49Z")).is_empty());
}

#[test]
fn ids_stand_once_in_a_period() {
    let set = |id: &str, representation: &str| {
        format!(
            "<AdaptationSet id=\"{id}\" mimeType=\"video/mp4\"><Representation id=\"{representation}\" bandwidth=\"1\" codecs=\"avc1\">\
             <SegmentTemplate media=\"$Number$\" duration=\"2\"/></Representation></AdaptationSet>"
        )
    };
    let messages = |sets: &[String], again: &str| {
        let (before, after) = ("<Period id=\"a\" start=\"PT0S\">", "</Period>");
        let periods = format!("{before}{}{after}<Period id=\"b\" start=\"PT9S\">{again}{after}", sets.concat());
        let head = "<MPD type=\"dynamic\" profiles=\"p\" minBufferTime=\"PT2S\" availabilityStartTime=\"2026-01-01T00:00:00Z\"";
        let (_, defects) = read(&format!("{head} publishTime=\"2026-01-01T00:00:00Z\">{periods}</MPD>"));
        assert!(defects.iter().all(|d| d.kind == DefectKind::Groups), "{defects:?}");
        defects.into_iter().map(|d| d.message).collect::<Vec<_>>()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(messages(&[set("1", "a"), set("2", "b")], &set("1", "a")), nothing, "in another Period");
    assert_eq!(messages(&[set("1", "a"), set("1", "b")], ""), ["AdaptationSet@id `1` stands twice in its Period"]);
    let twice = ["Representation@id `a` stands twice in its Period, for different Representations"];
    for (is, other) in [
        ("bandwidth=\"1\"", "bandwidth=\"2\""),
        ("codecs=\"avc1\"", "codecs=\"avc3\""),
        ("duration=\"2\"", "duration=\"4\""),
    ] {
        assert_eq!(messages(&[set("1", "a"), set("2", "a").replace(is, other)], ""), twice, "{other}");
    }
    let again = set("2", "a").replace("AdaptationSet id", "AdaptationSet lang=\"en\" id");
    assert_eq!(messages(&[set("1", "a"), again], ""), nothing, "identical Representations in two AdaptationSets");
}

/// Parses an MPD with one AdaptationSet and one Representation that have the attributes `set` and `representation`.
/// Returns the messages of its defects.
fn attribute_messages(set: &str, representation: &str) -> Vec<String> {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let text =
        live(template).replace(r#"<AdaptationSet mimeType="video/mp4">"#, &format!("<AdaptationSet {set}>")).replace(
            r#"<Representation id="v" bandwidth="1000" codecs="avc1.64001f">"#,
            &format!("<Representation {representation}>"),
        );
    read(&text).1.into_iter().map(|d| d.message).collect()
}

#[test]
fn codecs_are_asked_of_media_whose_type_does_not_say_them() {
    let nothing: [&str; 0] = [];
    for mime in ["image/jpeg", "image/png", "application/ttml+xml", "text/vtt"] {
        assert_eq!(attribute_messages("", &format!("id=\"a\" bandwidth=\"1\" mimeType=\"{mime}\"")), nothing, "{mime}");
        assert_eq!(attribute_messages(&format!("mimeType=\"{mime}\""), "id=\"a\" bandwidth=\"1\""), nothing, "{mime}");
    }
    for mime in ["video/mp4", "audio/mp4", "application/mp4", "video/webm"] {
        let found = attribute_messages("", &format!("id=\"a\" bandwidth=\"1\" mimeType=\"{mime}\""));
        assert_eq!(found, ["Representation `a`: @codecs is missing"], "{mime}");
    }
}

#[test]
fn a_bandwidth_of_0_is_none_for_picture_and_sound() {
    let found = |mime: &str, bandwidth: u32| {
        attribute_messages("", &format!("id=\"a\" bandwidth=\"{bandwidth}\" mimeType=\"{mime}\" codecs=\"x\""))
    };
    assert_eq!(found("video/mp4", 0), ["Representation `a`: @bandwidth is 0: players choose a Representation by it"]);
    assert!(found("video/mp4", 1).is_empty() && found("application/mp4", 0).is_empty());
}

#[test]
fn an_empty_value_is_not_called_missing() {
    let found = attribute_messages("mimeType=\"\" codecs=\"\"", "id=\"\" bandwidth=\"1\"");
    let empty =
        ["Representation@id is empty", "Representation ``: @mimeType is empty", "Representation ``: @codecs is empty"];
    assert_eq!(found, empty);
    let profiles =
        live("<SegmentTemplate media=\"$Number$\" duration=\"2\"/>").replace("profiles=\"p\"", "profiles=\" \"");
    assert_eq!(read(&profiles).1[0].message, "MPD@profiles names no profile");
}

/// Parses an MPD without defects and with one rendition. Returns why this rendition isn't inspected (`None`: it is),
/// and the number of its listed segments.
fn uninspected(text: &str) -> (Option<Uninspected>, usize) {
    let (mpd, defects) = read(text);
    // dash.js and Shaka Player don't know some of the properties either.
    assert!(defects.iter().all(|d| d.reference == "ISO/IEC 23009-1 5.8.4.8"), "{text}");
    let [one] = &renditions_at(&mpd, at(NOW))[..] else { panic!("{text}") };
    (one.rendition.uninspected, one.timeline.segments.len())
}

#[test]
fn what_this_exporter_does_not_read_is_no_defect() {
    let template = r#"<SegmentTemplate media="$Number$.m4s" duration="2"/>"#;
    assert_eq!(uninspected(&live_with("timeShiftBufferDepth=\"PT20S\"", template)), (None, 10));
    let under = |property: &str| live_with("timeShiftBufferDepth=\"PT20S\"", &format!("{property}{template}"));
    let essential = |scheme: &str| under(&format!("<EssentialProperty schemeIdUri=\"{scheme}\" value=\"1\"/>"));
    let sea = "<ContentProtection schemeIdUri=\"urn:mpeg:dash:sea:2012\"/>";
    assert_eq!(uninspected(&under(sea)), (Some(Uninspected::SegmentEncryption), 10));
    assert_eq!(uninspected(&essential("urn:mpeg:dash:sea:auth:2013")), (Some(Uninspected::SegmentEncryption), 10));
    assert_eq!(uninspected(&essential("urn:mpeg:dash:holograms:2030")), (Some(Uninspected::Property), 10));
    for harmless in ["urn:mpeg:dash:srd:2014", "urn:mpeg:mpegB:cicp:ColourPrimaries", "urn:mpeg:dash:urlparam:2014"] {
        assert_eq!(uninspected(&essential(harmless)), (None, 10), "{harmless}");
    }
    let webm = under("").replace("video/mp4", "video/webm");
    assert_eq!(uninspected(&webm), (Some(Uninspected::WebM), 10));
    let timeline = |timeline: &str, media: &str| {
        live(&format!(
            "<SegmentTemplate media=\"{media}\"><SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate>"
        ))
    };
    let sequence = (Some(Uninspected::SegmentSequence), 0);
    assert_eq!(uninspected(&timeline("<S t=\"0\" d=\"2\" k=\"4\"/>", "$Number$-$SubNumber$.m4s")), sequence);
    assert_eq!(uninspected(&timeline("<S t=\"0\" d=\"2\" k=\"4\"/>", "$Time$.m4s")), sequence);
    assert_eq!(uninspected(&timeline("<S t=\"0\" d=\"2\" k=\"1\"/>", "$Time$.m4s")), (None, 1));
    let pattern = "<Pattern id=\"1\"><P d=\"2\" r=\"2\"/><P d=\"3\"/></Pattern><S t=\"0\" p=\"1\" r=\"9\"/>";
    assert_eq!(uninspected(&timeline(pattern, "$Time$.m4s")), (Some(Uninspected::TimelinePattern), 0));
}

#[test]
fn a_list_of_mpds_is_no_defect() {
    let text =
        "<MPD type=\"list\" profiles=\"p\" minBufferTime=\"PT2S\"><Period><ImportedMPD uri=\"a.mpd\"/></Period></MPD>";
    let (mpd, defects) = read(text);
    assert_eq!((mpd.list, mpd.dynamic, defects), (true, false, vec![]));
}

#[test]
fn parameters_of_the_mpds_url_go_to_initialization_and_segments() {
    let property = "<EssentialProperty schemeIdUri=\"urn:mpeg:dash:urlparam:2014\">\
        <UrlQueryInfo queryTemplate=\"$querypart$\" useMPDUrlQuery=\"true\"/></EssentialProperty>";
    let text =
        live(&format!("{property}<SegmentTemplate media=\"$Number$.m4s\" initialization=\"i.mp4\" duration=\"2\"/>"));
    let base = url::Url::parse("http://packager/ch1/live.mpd?session=7").unwrap();
    let mpd = crate::dash::parse(text.as_bytes(), &base).0.unwrap();
    let [one] = &renditions_at(&mpd, at(NOW))[..] else { panic!() };
    let segment = one.timeline.segments.last().unwrap();
    assert_eq!(segment.uri.as_str(), "http://packager/ch1/30.m4s?session=7");
    assert_eq!(segment.map.as_ref().unwrap().uri.as_str(), "http://packager/ch1/i.mp4?session=7");
}

#[test]
fn closed_captions_are_announced_by_accessibility() {
    let announced = |scheme: &str| {
        let descriptor = format!("<Accessibility schemeIdUri=\"{scheme}\" value=\"CC1=eng\"/>\n<Representation");
        let text = timeline("<S t=\"50000\" d=\"2000\" r=\"4\"/>").replace("<Representation", &descriptor);
        renditions_at(&read(&text).0, at(NOW))[0].rendition.captions
    };
    assert_eq!(announced("urn:scte:dash:cc:cea-608:2015"), Some(true));
    assert_eq!(announced("urn:scte:dash:cc:cea-708:2015"), Some(true));
    assert_eq!(announced("urn:tva:metadata:cs:AudioPurposeCS:2007"), None);
}

/// Returns the number of playable renditions of an MPD with an EssentialProperty of this scheme at this element, and
/// the defects.
fn with_property(scheme: &str, place: &str) -> (usize, Vec<Defect>) {
    let property = format!("<EssentialProperty schemeIdUri=\"{scheme}\" value=\"1\"/>");
    let text = timeline("<S t=\"50000\" d=\"2000\" r=\"4\"/>");
    let (mpd, defects) = read(&text.replacen(place, &format!("{property}{place}"), 1));
    (renditions_at(&mpd, at(NOW)).len(), defects)
}

#[test]
fn what_has_an_essential_property_that_nobody_knows_is_no_rung() {
    for place in ["<Representation", "<SegmentTemplate"] {
        let (left, defects) = with_property("urn:example:holograms", place);
        assert_eq!((left, defects.len()), (0, 1), "{place}");
        assert!(defects[0].message.starts_with("no video is left in this Period"), "{defects:?}");
        assert_eq!(with_property("urn:mpeg:mpegB:cicp:TransferCharacteristics", place), (1, vec![]));
    }
    for scheme in ["http://dashif.org/guidelines/trickmode", "http://dashif.org/guidelines/thumbnail_tile"] {
        assert_eq!(with_property(scheme, "<Representation").0, 0, "{scheme}");
    }
    let metadata = timeline("<S t=\"50000\" d=\"2000\" r=\"4\"/>").replace(
        "</Period>",
        "<AdaptationSet mimeType=\"application/mp4\"><Representation id=\"e\" bandwidth=\"1\" codecs=\"evte\"/></AdaptationSet></Period>",
    );
    let listed: Vec<_> =
        read(&metadata).0.periods.iter().flat_map(playable_representations).map(|(_, r)| r.id.clone()).collect();
    assert!(!listed.contains(&"e".to_owned()), "timed metadata are nothing to play: {listed:?}");
    let beside = timeline("<S t=\"50000\" d=\"2000\" r=\"4\"/>").replace(
        "</Period>",
        "<AdaptationSet mimeType=\"video/mp4\"><EssentialProperty schemeIdUri=\"urn:example:holograms\"/>\
         <Representation id=\"h\" bandwidth=\"1\" codecs=\"avc1.64001f\"/></AdaptationSet></Period>",
    );
    assert_eq!(read(&beside).1, [], "other video is left");
}

#[test]
fn video_that_dash_js_and_shaka_player_pass_over_is_a_defect() {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let messages = |text: String| read(&text).1.into_iter().map(|d| d.message).collect::<Vec<_>>().join("\n");
    let with = |scheme: &str, before: &str| {
        messages(live(template).replace(before, &format!("<EssentialProperty schemeIdUri=\"{scheme}\"/>{before}")))
    };
    let (set, representation) = ("<Representation", "<SegmentTemplate");
    for known in
        ["urn:mpeg:dash:urlparam:2014", "urn:mpeg:mpegB:cicp:TransferCharacteristics", "urn:dvb:dash:fontdownload:2014"]
    {
        assert_eq!((with(known, set), with(known, representation)), (String::new(), String::new()), "{known}");
    }
    for unknown in ["urn:mpeg:dash:srd:2014", "urn:mpeg:dash:urlparam:2013", "urn:mpeg:mpegB:cicp:VideoFullRangeFlag"] {
        for before in [set, representation] {
            let message = with(unknown, before);
            assert!(message.starts_with("no video is left in this Period") && message.contains(unknown), "{message}");
        }
    }
    let other = r#"<Representation id="w" bandwidth="1" codecs="avc1"><SegmentTemplate media="$Number$" duration="2"/></Representation></AdaptationSet>"#;
    let one_of_two = live(template)
        .replace("<SegmentTemplate", "<EssentialProperty schemeIdUri=\"urn:mpeg:dash:srd:2014\"/><SegmentTemplate");
    assert_eq!(messages(one_of_two.replace("</AdaptationSet>", other)), "");
}

#[test]
fn representations_with_other_initialization_segments_have_other_segments() {
    let set = |kind: &str, language: &str, representations: &[(&str, &str, &str)]| {
        let one = |(id, initialization, media): &(&str, &str, &str)| {
            format!(
                "<Representation id=\"{id}\" bandwidth=\"1\" codecs=\"x\"><SegmentTemplate initialization=\"{initialization}\" \
                 media=\"{media}$Number$\" duration=\"2\"/></Representation>"
            )
        };
        let all: String = representations.iter().map(one).collect();
        format!("<AdaptationSet mimeType=\"{kind}/mp4\" lang=\"{language}\">{all}</AdaptationSet>")
    };
    let found = |sets: &[String]| -> Vec<(DefectKind, String)> {
        let text = live("").replace("<AdaptationSet mimeType=\"video/mp4\">", &format!("{}<!--", sets.concat()));
        let (_, defects) = read(&text.replace("</AdaptationSet></Period></MPD>", "--></Period></MPD>"));
        defects.into_iter().map(|d| (d.kind, d.message)).collect()
    };
    let video = |a: &str, b: &str| set("video", "und", &[("v1", "i1", a), ("v2", "i2", b)]);
    assert!(found(&[video("$RepresentationID$/", "$RepresentationID$/")]).is_empty());
    let rungs = found(&[video("", "")]);
    assert_eq!((rungs.len(), rungs[0].0), (1, DefectKind::Groups));
    assert!(rungs[0].1.starts_with("the Representations `v1` and `v2` have the same segments, but different"));
    let languages = [set("audio", "vi", &[("a1", "i1", "a")]), set("audio", "en", &[("a2", "i2", "a")])];
    assert_eq!(found(&languages).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [DefectKind::GroupTolerated]);
    let twice = found(&[set("video", "und", &[("v1", "i", ""), ("v2", "i", "")])]);
    assert_eq!((twice.len(), twice[0].0), (1, DefectKind::GroupTolerated));
    assert!(twice[0].1.ends_with("they are one stream"), "{twice:?}");
}

#[test]
fn events_have_ids_of_their_own_and_times_of_this_decade() {
    let found = |scheme: &str, events: &[(&str, u64)]| {
        let event = |(id, time): &(&str, u64)| format!("<Event id=\"{id}\" presentationTime=\"{time}\"/>");
        let events: String = events.iter().map(event).collect();
        let stream =
            format!("<EventStream schemeIdUri=\"{scheme}\" timescale=\"1000\">{events}</EventStream><AdaptationSet");
        let text = live(r#"<SegmentTemplate media="$Number$" duration="2"/>"#).replace("<AdaptationSet", &stream);
        let lost = read(&text).1.into_iter().filter(|d| d.reference == "ISO/IEC 23009-1 5.10.2.3");
        lost.map(|d| d.message).collect::<Vec<_>>()
    };
    assert!(found("urn:x", &[("1", 1000), ("2", 2000), ("3", 3000)]).is_empty());
    assert!(found("urn:x", &[("1", 1000), ("1", 1000), ("1", 2000)]).is_empty(), "the end of a break has its id");
    let constant = found("urn:x", &[("1", 1000), ("1", 2000), ("1", 3000), ("1", 4000)]);
    assert!(constant.len() == 1 && constant[0].starts_with("the id `1` stands at 3 Events"), "{constant:?}");
    assert!(found("urn:x", &[("1", 86_400_000)]).is_empty());
    let far = found("urn:x", &[("1", 1_767_225_600_000)]);
    assert!(far.len() == 1 && far[0].starts_with("this Event lies 56 years after publishTime"), "{far:?}");
}

#[test]
fn an_mpd_in_another_encoding_is_read_and_is_a_habit() {
    let text = live(r#"<SegmentTemplate media="$Number$" duration="2"/>"#);
    let bytes: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let (mpd, defects) = super::super::parse(&bytes, &base());
    assert_eq!(mpd, Some(read(&text).0));
    assert_eq!(defects.iter().map(|d| d.kind).collect::<Vec<_>>(), [DefectKind::MpdTolerated]);
    assert!(super::super::looks_like(&bytes) && !super::super::looks_like(&bytes[..8]));
    assert!(read(&text).1.is_empty());
}

#[test]
fn sound_and_subtitles_that_players_pass_over_are_a_defect() {
    let live = live(r#"<SegmentTemplate media="$Number$" duration="2"/>"#);
    let set = |kind: &str, language: &str, scheme: &str| {
        format!(
            "<AdaptationSet mimeType=\"{kind}/mp4\" lang=\"{language}\">{}<Representation id=\"{kind}{language}\" bandwidth=\"1\" \
             codecs=\"x\"><SegmentTemplate media=\"a$Number$\" duration=\"2\"/></Representation></AdaptationSet>",
            if scheme.is_empty() { String::new() } else { format!("<EssentialProperty schemeIdUri=\"{scheme}\"/>") }
        )
    };
    let found = |sets: &[String]| -> Vec<(DefectKind, String)> {
        let (_, defects) = read(&live.replace("</Period>", &format!("{}</Period>", sets.concat())));
        let essential = defects.into_iter().filter(|d| d.reference == "ISO/IEC 23009-1 5.8.4.8");
        essential.map(|d| (d.kind, d.message)).collect()
    };
    let holograms = "urn:example:holograms";
    assert!(found(&[set("audio", "vi", ""), set("audio", "vi", holograms), set("text", "vi", "")]).is_empty());
    let no_sound = found(&[set("audio", "vi", holograms), set("audio", "en", "urn:mpeg:dash:srd:2014")]);
    assert_eq!((no_sound.len(), no_sound[0].0), (1, DefectKind::Mpd));
    assert!(no_sound[0].1.starts_with("no sound is left in this Period") && no_sound[0].1.contains(holograms));
    let one = found(&[set("audio", "vi", ""), set("audio", "en", holograms), set("audio", "en", holograms)]);
    assert_eq!((one.len(), one[0].0), (1, DefectKind::MpdTolerated));
    assert!(one[0].1.starts_with("viewers get no sound in `en` in this Period"), "{one:?}");
    let text = found(&[set("audio", "vi", ""), set("text", "vi", holograms)]);
    assert_eq!((text.len(), text[0].0), (1, DefectKind::MpdTolerated));
    assert!(text[0].1.starts_with("viewers get no subtitles in `vi`"), "{text:?}");
}

#[test]
fn shaka_player_refuses_an_mpd_with_an_essential_property_that_it_does_not_know() {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let count = |properties: &[(&str, &str)]| {
        let element = |(scheme, id): &(&str, &str)| format!("<EssentialProperty schemeIdUri=\"{scheme}\"{id}/>");
        let elements: String = properties.iter().map(element).collect();
        read(&live(template).replace("</MPD>", &format!("{elements}</MPD>"))).1.len()
    };
    let (known, unknown) = ("urn:mpeg:dash:urlparam:2016", "urn:example:holograms");
    assert_eq!(count(&[(known, "")]), 0);
    assert_eq!(count(&[(unknown, ""), (unknown, "")]), 2);
    assert_eq!(
        (count(&[(unknown, " id=\"1\""), (known, " id=\"1\"")]), count(&[(unknown, " id=\"1\""), (known, "")])),
        (0, 1)
    );
}

#[test]
fn a_time_that_players_round_is_a_defect_where_it_names_the_segment() {
    let listed = |name: &str, t: u64| {
        let text = format!(
            r#"<SegmentTemplate media="{name}.m4s" timescale="10000000"><SegmentTimeline><S t="{t}" d="20000000"/></SegmentTimeline></SegmentTemplate>"#
        );
        read(&live(&text)).1.into_iter().map(|d| d.message).collect::<Vec<_>>()
    };
    let (odd, nothing) = (17_000_000_000_000_001, Vec::<String>::new());
    let found = listed("$Time$", odd);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("the segment at t=17000000000000001 has a time beyond 2^53"), "{found:?}");
    assert_eq!((listed("$Time%020d$", odd).len(), listed("$Number$", odd)), (1, nothing.clone()));
    assert_eq!(listed("$Time$", odd - 1), nothing);
}

#[test]
fn a_role_says_whether_a_rendition_is_for_all_viewers() {
    let template = r#"<SegmentTemplate media="$Number$" duration="2"/>"#;
    let is_main = |inside: &str| {
        let (mpd, _) = read(&live(template).replacen("<Representation", &format!("{inside}<Representation"), 1));
        renditions_at(&mpd, at(NOW))[0].rendition.is_main
    };
    let role = |value: &str| format!("<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{value}\"/>");
    assert_eq!((is_main(""), is_main(&role("main")), is_main(&role("commentary"))), (None, Some(true), Some(false)));
    assert_eq!(is_main(&(role("supplementary") + &role("main"))), Some(true));
    let access = |scheme: &str| is_main(&format!("<Accessibility schemeIdUri=\"{scheme}\" value=\"1\"/>"));
    assert_eq!(access("urn:tva:metadata:cs:AudioPurposeCS:2007"), Some(false));
    assert_eq!(access("urn:scte:dash:cc:cea-608:2015"), None);
    assert_eq!(is_main("<Role schemeIdUri=\"urn:example:role\" value=\"main\"/>"), None);
}
