//! Tests of multivariant playlists that are parsed to presentations.

use super::*;
use crate::stream::{Media, Rendition};

fn renditions(lines: &str) -> Vec<Rendition> {
    presentation(&format!("#EXTM3U\n{lines}")).0.renditions
}

fn names(lines: &str) -> Vec<String> {
    renditions(lines).into_iter().map(|r| r.name).collect()
}

#[test]
fn a_variant_with_all_its_attributes() {
    let text = "#EXT-X-STREAM-INF:BANDWIDTH=4500400,AVERAGE-BANDWIDTH=4000000,CODECS=\"avc1.640028, mp4a.40.2\",\
        RESOLUTION=1920x1080,FRAME-RATE=29.970,VIDEO-RANGE=SDR,SUPPLEMENTAL-CODECS=\"dvh1.08.07/db4h\",AUDIO=\"aac\",STABLE-VARIANT-ID=\"v/1 a\"\nv.m3u8\n";
    let r = renditions(text).remove(0);
    assert_eq!((r.name.as_str(), r.media, r.line), ("1080p", Media::Video, Some(2)));
    assert_eq!(r.uri.unwrap().as_str(), "https://origin.example.com/live/ch1/v.m3u8");
    assert_eq!(r.id.as_deref(), Some("v-1-a"));
    assert_eq!((r.bandwidth.unwrap().0, r.average_bandwidth.unwrap().0), (4_500_400, 4_000_000));
    assert_eq!(r.codecs, ["avc1.640028", "mp4a.40.2"]);
    assert_eq!((r.resolution.unwrap().to_string().as_str(), r.frame_rate), ("1920x1080", Some(29.97)));
    assert_eq!((r.group.as_deref(), r.video_range.as_deref()), (Some("aac"), Some("SDR")));
    assert_eq!(r.supplemental, ["dvh1.08.07/db4h"]);
}

#[test]
fn alternatives_with_a_uri_are_renditions() {
    let r = renditions(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"Tiếng Việt\",LANGUAGE=\"vie\",URI=\"vie.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"Muxed\",LANGUAGE=\"en\"\n\
         #EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"CC\",INSTREAM-ID=\"CC1\"\n\
         #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"sub\",NAME=\"English (SDH)\",URI=\"en.m3u8\"\n\
         #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n",
    );
    let seen: Vec<_> =
        r.iter().map(|r| (r.name.as_str(), r.media, r.language.as_deref(), r.group.as_deref())).collect();
    assert_eq!(
        seen,
        [("audio-vie", Media::Audio, Some("vie"), Some("aac")), ("text-English-SDH", Media::Text, None, Some("sub"))]
    );
    assert_eq!(r[0].id.as_deref(), Some("Ti-ng-Vi-t"));
}

#[test]
fn a_variant_knows_the_sound_in_its_own_segments() {
    let variant = |group: &str, uri: &str| {
        format!("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720,AUDIO=\"{group}\"\n{uri}.m3u8\n")
    };
    let r = renditions(&format!(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Main\",LANGUAGE=\"en\",DEFAULT=YES\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Alt\",LANGUAGE=\"vi\",URI=\"vi.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"Apart\",LANGUAGE=\"en\",URI=\"en.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"c\",NAME=\"Main\"\n{}{}{}",
        variant("a", "1"),
        variant("b", "2"),
        variant("c", "3")
    ));
    let seen: Vec<_> = r.iter().filter(|r| r.media == Media::Video).map(|r| r.muxed_audio.clone()).collect();
    assert_eq!(seen, [Some(vec!["en".to_owned()]), None, Some(Vec::new())]);
}

#[test]
fn i_frame_playlists_are_no_renditions_and_each_is_listed_once() {
    let of = |uri: &str| format!("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=300000,RESOLUTION=1280x720,URI=\"{uri}\"\n");
    let (p, _) = presentation(&format!("{}{}{}", of("a.m3u8"), of("b.m3u8"), of("a.m3u8")));
    assert_eq!(p.renditions, []);
    let seen: Vec<_> = p.i_frames.iter().map(|r| (r.name.as_str(), r.uri.as_ref().unwrap().path(), r.line)).collect();
    assert_eq!(seen, [("iframe-720p", "/live/ch1/a.m3u8", Some(1)), ("iframe-720p-2", "/live/ch1/b.m3u8", Some(2))]);
    let many: String = (0..100).map(|n| of(&format!("{n}.m3u8"))).collect();
    assert_eq!(presentation(&many).0.i_frames.len(), crate::hls::MAX_I_FRAMES);
}

#[test]
fn what_a_variant_carries_comes_from_its_codecs() {
    let media = |attributes: &str| renditions(&format!("#EXT-X-STREAM-INF:BANDWIDTH=64000{attributes}\nv\n"))[0].media;
    for codec in ["mp4a.40.2", "ac-3", "ec-3", "opus", "Opus", "fLaC", "mp4a.40.2,wvtt"] {
        assert_eq!(media(&format!(",CODECS=\"{codec}\"")), Media::Audio, "{codec}");
    }
    assert_eq!(media(",CODECS=\"avc1.640028,mp4a.40.2\""), Media::Video);
    assert_eq!(media(",CODECS=\"mp4a.40.2\",RESOLUTION=640x360"), Media::Video);
    assert_eq!(media(",CODECS=\"wvtt\""), Media::Text);
    assert_eq!(media(""), Media::Video);
}

#[test]
fn one_playlist_is_one_rendition() {
    let r = renditions(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\",URI=\"en.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2000000,RESOLUTION=1280x720,AUDIO=\"a\"\nv.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2200000,RESOLUTION=1280x720,AUDIO=\"b\"\n./v.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\nen.m3u8\n",
    );
    let seen: Vec<_> = r.iter().map(|r| (r.name.as_str(), r.group.as_deref(), r.codecs.len())).collect();
    assert_eq!(seen, [("audio-en", Some("a"), 1), ("720p", Some("a"), 0)]);
}

#[test]
fn a_playlist_of_several_audio_groups_keeps_all_groups_and_codecs() {
    let variant = |group: &str, codecs: &str| {
        format!("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2,AUDIO=\"{group}\",CODECS=\"{codecs}\"\nv.m3u8\n")
    };
    let audio = |group: &str, uri: &str| {
        format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{group}\",NAME=\"English\",LANGUAGE=\"en\"{uri}\n")
    };
    let variants =
        variant("aac", "avc1.64001f,mp4a.40.2") + &variant("ac3", "avc1.64001f,ac-3") + &variant("aac", "avc1.64001f");
    let of = |uri: &str| renditions(&(variants.clone() + &audio("aac", ",URI=\"aac.m3u8\"") + &audio("ac3", uri)));
    let r = of(",URI=\"ac3.m3u8\"");
    assert_eq!(r[0].groups().collect::<Vec<_>>(), ["aac", "ac3"]);
    assert_eq!(r[0].codecs, ["avc1.64001f", "mp4a.40.2", "ac-3"]);
    assert_eq!((r[0].shares_group(&r[1]), r[0].shares_group(&r[2]), r[1].shares_group(&r[2])), (true, true, false));
    assert_eq!((r[0].muxed_audio.as_ref(), of("")[0].muxed_audio.as_deref()), (None, Some(&["en".to_owned()][..])));
}

#[test]
fn two_variants_of_one_playlist_promise_the_same_pictures() {
    let found = |first: &str, second: &str| {
        let lines = |attributes: &str| format!("#EXT-X-STREAM-INF:BANDWIDTH=1,{attributes}\nv.m3u8\n");
        let (_, defects) = presentation(&format!("#EXTM3U\n{}{}", lines(first), lines(second)));
        assert!(
            defects.iter().all(|d| d.kind == DefectKind::Attribute && d.at == Position::Line { line: 4, column: 1 })
        );
        defects.into_iter().map(|d| d.message).collect::<Vec<_>>()
    };
    assert_eq!(
        found("RESOLUTION=1280x720,FRAME-RATE=25", "RESOLUTION=1920x1080,FRAME-RATE=50"),
        [
            "RESOLUTION is 1920x1080, and 1280x720 on line 2 for the same media playlist",
            "FRAME-RATE is 50, and 25 on line 2 for the same media playlist"
        ]
    );
    let range = "VIDEO-RANGE is PQ, and SDR on line 2 for the same media playlist";
    assert_eq!(found("VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"), [range]);
    let same = "RESOLUTION=1280x720,FRAME-RATE=29.97";
    for other in [same, "FRAME-RATE=30", "AUDIO=\"b\"", "RESOLUTION=1280x720"] {
        assert_eq!(found(same, other), Vec::<String>::new(), "{other}");
    }
}

#[test]
fn equal_labels_are_numbered_from_the_highest_bit_rate_to_the_lowest() {
    let variant = |rate: u32, uri: &str| format!("#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION=1280x720\n{uri}\n");
    let ladder = variant(1_000_000, "low") + &variant(3_000_000, "high") + &variant(2_000_000, "mid");
    assert_eq!(names(&ladder), ["720p-3", "720p", "720p-2"]);
    let audio = |name: &str| format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"{name}\",URI=\"{}\"\n", name.len());
    assert_eq!(names(&(audio("en-2") + &audio("en") + &audio("en!"))), ["audio-en-2", "audio-en", "audio-en-3"]);
}

#[test]
fn a_playlist_that_several_tags_declare_is_one_identity_in_whichever_order_they_come() {
    let tags = [
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"Main\",URI=\"a.m3u8\"\n",
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Main\",URI=\"a.m3u8\"\n",
        "#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\na.m3u8\n",
    ];
    let identities: Vec<_> = [[0, 1, 2], [2, 1, 0], [1, 0, 2]]
        .map(|order| renditions(&order.map(|at| tags[at]).concat()).remove(0).identity)
        .to_vec();
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    assert_eq!(identities[0], renditions(tags[1]).remove(0).identity, "a name counts more than a path");
}

#[test]
fn a_bit_rate_an_order_and_a_token_do_not_change_an_identity() {
    let identities = |lines: &str| {
        let mut all: Vec<_> = renditions(lines).into_iter().map(|r| (r.uri, r.identity)).collect();
        all.sort_by(|a, b| a.0.as_ref().map(|u| u.path()).cmp(&b.0.as_ref().map(|u| u.path())));
        all.into_iter().map(|(_, identity)| identity).collect::<Vec<_>>()
    };
    let variant = |rate: u32, uri: &str| format!("#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION=1280x720\n{uri}\n");
    let first = identities(&(variant(2_000, "a.m3u8?t=1") + &variant(1_000, "b.m3u8?t=1")));
    let later =
        identities(&(variant(1_700, "https://edge7.example.com/live/ch1/b.m3u8?t=2") + &variant(1_500, "a.m3u8")));
    assert_eq!(first, later);
    assert_ne!(first[0], first[1]);
    let stable = |uri: &str| identities(&format!("#EXT-X-STREAM-INF:BANDWIDTH=1,STABLE-VARIANT-ID=\"v1\"\n{uri}\n"));
    assert_eq!(stable("s1/v.m3u8"), stable("s2/v.m3u8"));
    let pathway =
        |id: &str| format!("#EXT-X-STREAM-INF:BANDWIDTH=1,STABLE-VARIANT-ID=\"v1\",PATHWAY-ID=\"{id}\"\n{id}/v.m3u8\n");
    let steered = identities(&(pathway("A") + &pathway("B")));
    assert_ne!(steered[0], steered[1], "a stable id is repeated in each pathway");
}

#[test]
fn a_malformed_attribute_costs_only_itself() {
    let r = renditions(
        "#EXT-X-STREAM-INF:BANDWIDTH=fast,RESOLUTION=1920x1080,FRAME-RATE=x\na\n\
         #EXT-X-STREAM-INF:BANDWIDTH=3000000, CODECS=\"avc1.4d401f\",RESOLUTION=720p\nb\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2000000\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1000000\nfile:///c\n\
         #EXT-X-MEDIA:TYPE=AUDIO,LANGUAGE=\"en\",URI=\"en.m3u8\"\n",
    );
    let seen: Vec<_> = r.iter().map(|r| (r.name.as_str(), r.uri.is_some(), r.line.unwrap())).collect();
    assert_eq!(
        seen,
        [("1080p", true, 2), ("video", true, 4), ("video-2", false, 6), ("video-3", false, 7), ("audio-en", true, 9)]
    );
    assert_eq!(r[1].codecs, ["avc1.4d401f"]);
}

#[test]
fn names_and_ids_are_bounded() {
    let long = "ế x".repeat(400);
    let r = renditions(&format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{long}\",NAME=\"{long}\",URI=\"a\"\n")).remove(0);
    assert!(r.id.unwrap().len() <= 64 && r.name.len() <= 64 && r.group.unwrap().chars().count() <= 128);
}

#[test]
fn an_empty_playlist_is_an_empty_presentation() {
    assert_eq!(presentation("#EXTM3U\n").0.renditions, []);
    assert_eq!(presentation("#EXTM3U").1, []);
}
