//! Tests of the rules of RFC 8216bis between attributes and between tags. Each row has lines that break a rule, and
//! lines that keep it.

use super::*;
use DefectKind::{Attribute, Metadata, Syntax, SyntaxFatal};
use std::collections::BTreeMap;

/// Lines that break a rule, position and words of the expected defect, and lines without a defect. The first of the
/// lines is line 2 of the playlist.
struct Row {
    broken: &'static str,
    place: (DefectKind, u32, u32),
    words: &'static str,
    sound: &'static str,
}

const fn row(
    broken: &'static str,
    kind: DefectKind,
    (line, column): (u32, u32),
    words: &'static str,
    sound: &'static str,
) -> Row {
    Row { broken, place: (kind, line, column), words, sound }
}

#[track_caller]
fn judge(rows: &[Row], playlist: impl Fn(&str) -> String) {
    for Row { broken, place, words, sound } in rows {
        let (_, defects) = parse(playlist(broken).as_bytes(), &base());
        let said: Vec<&str> = defects.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(places(&defects), [*place], "{broken}: {said:?}");
        assert!(said[0].contains(words), "{broken}: {said:?}");
        let (_, defects) = parse(playlist(sound).as_bytes(), &base());
        assert_eq!(defects, [], "the sound one: {sound}");
    }
}

fn multivariant(lines: &str) -> String {
    format!("#EXTM3U\n{lines}\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nv.m3u8\n")
}

fn media(lines: &str) -> String {
    format!("#EXTM3U\n{lines}\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n")
}

fn dated(lines: &str) -> String {
    format!(
        "#EXTM3U\n{lines}\n#EXT-X-TARGETDURATION:6\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF:6,\na.ts\n"
    )
}

#[rustfmt::skip]
#[test]
fn renditions() {
    let audio = |more: &str| multivariant(&format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",{more}"));
    judge(&[
        row("DEFAULT=YES,AUTOSELECT=NO", Attribute, (2, 59), "YES or absent", "DEFAULT=YES"),
        row("FORCED=NO", Attribute, (2, 47), "unless TYPE is SUBTITLES", "DEFAULT=NO"),
        row("LANGUAGE=\"Vietnamese\"", Attribute, (2, 47), "language tag", "LANGUAGE=\"vi-VN\""),
        row("LANGUAGE=\"en_GB\"", Attribute, (2, 47), "language tag", "LANGUAGE=\"eng\""),
        row("ASSOC-LANGUAGE=\"\"", Attribute, (2, 47), "language tag", "ASSOC-LANGUAGE=\"x-own\""),
        row("STABLE-RENDITION-ID=\"a b\"", Attribute, (2, 47), "characters", "STABLE-RENDITION-ID=\"a/b+c=.\""),
        row("CHANNELS=\"stereo\"", Attribute, (2, 47), "number of channels", "CHANNELS=\"2\""),
        row("CHANNELS=\"16/joc\"", Attribute, (2, 47), "number of channels", "CHANNELS=\"16/JOC\""),
        row("CHANNELS=\"2//BINAURAL\"", Attribute, (2, 47), "number of channels", "CHANNELS=\"2/-/BINAURAL\""),
        row("SAMPLE-RATE=48k", Attribute, (2, 47), "whole number", "SAMPLE-RATE=48000,BIT-DEPTH=16"),
        row("INSTREAM-ID=\"a b\"", Attribute, (2, 47), "characters", "INSTREAM-ID=\"1.a\""),
    ], audio);
    let captions = |id: &str| multivariant(&format!("#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"a\",NAME=\"n\",INSTREAM-ID=\"{id}\""));
    judge(&[
        row("CC5", Attribute, (2, 70), "SERVICE63", "CC4"),
        row("SERVICE64", Attribute, (2, 70), "SERVICE63", "SERVICE63"),
    ], captions);
    judge(&[
        row("CHANNELS=\"2\"", Attribute, (2, 59), "unless TYPE is AUDIO", "FORCED=YES"),
        row("SAMPLE-RATE=48000", Attribute, (2, 59), "unless TYPE is AUDIO", "DEFAULT=NO"),
        row("BIT-DEPTH=16", Attribute, (2, 59), "unless TYPE is AUDIO", "AUTOSELECT=YES"),
    ], |more| multivariant(&format!("#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"n\",URI=\"s\",{more}")));
}

#[rustfmt::skip]
#[test]
fn variants() {
    judge(&[
        row("SCORE=0", Attribute, (2, 31), "above 0", "SCORE=1.5"),
        row("STABLE-VARIANT-ID=\"a b\"", Attribute, (2, 31), "characters", "STABLE-VARIANT-ID=\"a\""),
        row("PATHWAY-ID=\"CDN 1\"", Attribute, (2, 31), "characters", "PATHWAY-ID=\"CDN-1\""),
        row("ALLOWED-CPC=\"com.example.drm\"", Attribute, (2, 31), "com.example", "ALLOWED-CPC=\"com.example.drm1:SMART-TV/PC, com.example.drm2:HW\""),
        row("REQ-VIDEO-LAYOUT=\"CH-STEREO,\"", Attribute, (2, 31), "none of them empty", "REQ-VIDEO-LAYOUT=\"CH-STEREO/PROJ-RECT,CH-MONO\""),
        row("REQ-VIDEO-LAYOUT=\"CH-STEREO/CH-MONO\"", Attribute, (2, 31), "specifiers", "REQ-VIDEO-LAYOUT=\"CH-STEREO\""),
        row("SUPPLEMENTAL-CODECS=\"dvh1.08.07/db4h\"", Attribute, (2, 31), "without CODECS", "CODECS=\"hvc1.2.4.L153.b0\",SUPPLEMENTAL-CODECS=\"dvh1.08.07/db4h\""),
        row("CODECS=\"a\",SUPPLEMENTAL-CODECS=\"dvh1/\"", Attribute, (2, 42), "brands", "CODECS=\"a\",SUPPLEMENTAL-CODECS=\"dvh1\""),
        row("CLOSED-CAPTIONS=NONE\nu\n#EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=2x2", Attribute, (4, 1), "all must have it", "CLOSED-CAPTIONS=NONE\nu\n#EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=2x2,CLOSED-CAPTIONS=NONE"),
    ], |more| multivariant(&format!("#EXT-X-STREAM-INF:BANDWIDTH=1,{more}\nw")));
}

#[rustfmt::skip]
#[test]
fn sessions_and_steering() {
    let same = "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\",LANGUAGE=\"vi\"\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"c\",LANGUAGE=\"vi\"";
    let other = "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\",LANGUAGE=\"vi\"\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"c\",LANGUAGE=\"en\"";
    let key = "#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"k\"";
    let twice = "#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"k\"";
    let steered = "#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\",PATHWAY-ID=\"A\"\n#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID=\"A\"\nw";
    judge(&[
        row("#EXT-X-SESSION-DATA:VALUE=\"b\"", Syntax, (2, 1), "no DATA-ID", other),
        row("#EXT-X-SESSION-DATA:DATA-ID=\"a\"", Syntax, (2, 1), "neither", "#EXT-X-SESSION-DATA:DATA-ID=\"a\",URI=\"b\",FORMAT=RAW"),
        row("#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\",URI=\"c\"", Syntax, (2, 1), "both", "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\""),
        row("#EXT-X-SESSION-DATA:DATA-ID=\"a\",URI=\"b\",FORMAT=XML", Syntax, (2, 41), "JSON or RAW", other),
        row(same, Syntax, (3, 1), "line 2 has the same DATA-ID", other),
        row("#EXT-X-SESSION-KEY:METHOD=NONE,URI=\"k\"", Syntax, (2, 20), "AES-128", key),
        row(twice, Syntax, (3, 1), "twice", key),
        row("#EXT-X-CONTENT-STEERING:PATHWAY-ID=\".\"", Syntax, (2, 1), "no SERVER-URI", steered),
        row("#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\",PATHWAY-ID=\"B\"", Syntax, (2, 1), "`B`, which no EXT-X-STREAM-INF", steered),
    ], multivariant);
}

#[rustfmt::skip]
#[test]
fn keys_and_maps() {
    judge(&[
        row("#EXT-X-KEY:METHOD=NONE,URI=\"k\"", Syntax, (2, 24), "beside METHOD=NONE", "#EXT-X-KEY:METHOD=NONE,OWN=1"),
        row("#EXT-X-KEY:METHOD=NONE,IV=0x1", Syntax, (2, 24), "beside METHOD=NONE", "#EXT-X-KEY:METHOD=NONE"),
        row("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x100000000000000000000000000000000", Syntax, (2, 35), "32 digits", "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x0FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
        row("#EXT-X-KEY:METHOD=AES-256-GCM,URI=\"k\",IV=0x1", Syntax, (2, 39), "beside METHOD=AES-256-GCM", "#EXT-X-KEY:METHOD=AES-256-GCM,URI=\"k\""),
        row("#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"k\",IV=0x1", Syntax, (2, 42), "beside METHOD=SAMPLE-AES-CTR", "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\",IV=0x1"),
        row("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\",KEYFORMATVERSIONS=\"1/0\"", Syntax, (2, 38), "positive numbers", "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\",KEYFORMATVERSIONS=\"1/2/5\""),
        row("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP:URI=\"i\"", Syntax, (3, 1), "requires the IV", "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x1\n#EXT-X-MAP:URI=\"i\""),
        row("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP:URI=\"i\"", Syntax, (3, 1), "line 2", "#EXT-X-MAP:URI=\"i\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\""),
        row("#EXT-X-BITRATE:2.5", Syntax, (2, 16), "whole number", "#EXT-X-BITRATE:2500"),
        row("#EXT-X-START:PRECISE=YES", Syntax, (2, 1), "no TIME-OFFSET", "#EXT-X-START:TIME-OFFSET=-12.5,PRECISE=YES"),
        row("#EXT-X-START:TIME-OFFSET=1,PRECISE=TRUE", Syntax, (2, 28), "YES or NO", "#EXT-X-START:TIME-OFFSET=1"),
        row("#EXT-X-SERVER-CONTROL:CAN-SKIP-DATERANGES=YES", Metadata, (2, 23), "without CAN-SKIP-UNTIL", "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=36,CAN-SKIP-DATERANGES=YES"),
        row("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\"\n#EXT-X-ENDLIST", Metadata, (2, 1), "with EXT-X-ENDLIST", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\""),
        row("#EXT-X-SKIP:RECENTLY-REMOVED-DATERANGES=\"\"", Syntax, (2, 1), "no SKIPPED-SEGMENTS", "#EXT-X-SKIP:SKIPPED-SEGMENTS=3"),
    ], media);
}

const START: &str = "START-DATE=\"2026-01-01T00:00:00Z\"";

fn ranges(lines: &str) -> String {
    let tags: Vec<String> = lines.lines().map(|l| format!("#EXT-X-DATERANGE:{}", l.replace("$S", START))).collect();
    dated(&tags.join("\n"))
}

#[rustfmt::skip]
#[test]
fn date_ranges() {
    judge(&[
        row("$S", Metadata, (2, 1), "no ID", "ID=\"a\",$S"),
        row("ID=\"a\"", Metadata, (2, 1), "no START-DATE", "ID=\"a\",$S\nID=\"a\",DURATION=1"),
        row("ID=\"a\",START-DATE=\"today\"", Metadata, (2, 25), "date and time", "ID=\"a\",$S"),
        row("ID=\"a\",$S,DURATION=-1", Metadata, (2, 59), "decimal number", "ID=\"a\",$S,DURATION=0"),
        row("ID=\"a\",$S,PLANNED-DURATION=1m", Metadata, (2, 59), "decimal number", "ID=\"a\",$S,PLANNED-DURATION=60.0"),
        row("ID=\"a\",$S,END-DATE=\"2025-12-31T23:59:59Z\"", Metadata, (2, 1), "ends before it begins", "ID=\"a\",$S,END-DATE=\"2026-01-01T00:00:00Z\""),
        row("ID=\"a\",$S,END-DATE=\"2026-01-01T00:00:30Z\",DURATION=31", Metadata, (2, 1), "lasts 30 s by its dates and 31 s", "ID=\"a\",$S,END-DATE=\"2026-01-01T00:00:30.001Z\",DURATION=30"),
        row("ID=\"a\",$S,CUE=\"PRE,POST\"", Metadata, (2, 1), "PRE and POST", "ID=\"a\",$S,CUE=\"PRE,ONCE\""),
        row("ID=\"a\",$S,CUE=PRE", Metadata, (2, 59), "double quotes", "ID=\"a\",$S,CUE=\"LATER\""),
        row("ID=\"a\",$S,END-ON-NEXT=YES", Metadata, (2, 1), "without CLASS", "ID=\"a\",$S,CLASS=\"c\",END-ON-NEXT=YES"),
        row("ID=\"a\",$S,CLASS=\"c\",END-ON-NEXT=NO", Metadata, (2, 69), "YES", "ID=\"a\",$S,CLASS=\"c\""),
        row("ID=\"a\",$S,CLASS=\"c\",END-ON-NEXT=YES,DURATION=1", Metadata, (2, 1), "forbids", "ID=\"a\",$S,CLASS=\"c\",DURATION=1"),
        row("ID=\"a\",$S\nID=\"a\",START-DATE=\"2026-01-01T00:00:01Z\"", Metadata, (3, 25), "must have the same value", "ID=\"a\",$S\nID=\"a\",START-DATE=\"2026-01-01T07:00:00+07:00\""),
        row("ID=\"a\",$S,DURATION=30\nID=\"a\",DURATION=31", Metadata, (3, 25), "from line 2 on", "ID=\"a\",$S,DURATION=30\nID=\"a\",DURATION=30.0"),
        row("ID=\"a\",$S,X-OWN=word", Metadata, (2, 59), "hexadecimal", "ID=\"a\",$S,X-OWN=-1.5,X-TWO=0x1F,X-THREE=\"\",OWN=word"),
        row("ID=\"a\",$S,SCTE35-OUT=\"FC\"", Metadata, (2, 59), "hexadecimal", "ID=\"a\",$S,SCTE35-OUT=0xFC30"),
        row(
            "ID=\"a\",CLASS=\"c\",$S,DURATION=31\nID=\"b\",CLASS=\"c\",START-DATE=\"2026-01-01T00:00:30Z\",END-ON-NEXT=YES",
            Metadata, (3, 1), "overlap",
            "ID=\"a\",CLASS=\"c\",$S,DURATION=30\nID=\"b\",CLASS=\"c\",START-DATE=\"2026-01-01T00:00:30Z\",END-ON-NEXT=YES",
        ),
    ], ranges);
    judge(&[row("$S", Metadata, (2, 1), "must have EXT-X-PROGRAM-DATE-TIME", "")], |more| {
        media(&if more.is_empty() { String::new() } else { format!("#EXT-X-DATERANGE:ID=\"a\",{START}") })
    });
}

#[rustfmt::skip]
#[test]
fn interstitials_and_preloads() {
    let interstitial = |more: &str| ranges(&format!("ID=\"a\",CLASS=\"com.apple.hls.interstitial\",$S,{more}"));
    judge(&[
        row("X-RESUME-OFFSET=0", Metadata, (2, 1), "neither", "X-ASSET-URI=\"http://ad/1.m3u8\",X-RESUME-OFFSET=-1.5"),
        row("X-ASSET-URI=\"http://ad/1\",X-ASSET-LIST=\"l\"", Metadata, (2, 1), "both", "X-ASSET-LIST=\"list.json\""),
        row("X-ASSET-URI=\"1.m3u8\"", Metadata, (2, 1), "absolute", "X-ASSET-URI=\"https://ad/1.m3u8\""),
        row("X-ASSET-LIST=\"l\",X-RESUME-OFFSET=\"0\"", Metadata, (2, 111), "without quotes", "X-ASSET-LIST=\"l\",X-RESUME-OFFSET=0"),
        row("X-ASSET-LIST=\"l\",X-PLAYOUT-LIMIT=-1", Metadata, (2, 111), "decimal number", "X-ASSET-LIST=\"l\",X-PLAYOUT-LIMIT=15.0"),
        row("X-ASSET-LIST=\"l\",X-RESTRICT=\"SKIP, JUMP\"", Metadata, (2, 111), "without spaces", "X-ASSET-LIST=\"l\",X-RESTRICT=\"SKIP,JUMP\""),
        row("X-ASSET-LIST=\"l\",X-SNAP=1", Metadata, (2, 111), "words", "X-ASSET-LIST=\"l\",X-SNAP=\"OUT,IN\""),
        row("X-ASSET-LIST=\"l\",X-SKIP-CONTROL-OFFSET=1.5", Metadata, (2, 111), "whole number", "X-ASSET-LIST=\"l\",X-SKIP-CONTROL-OFFSET=5"),
    ], interstitial);
    let full = "X-URI=\"u\",X-TARGET-ID=\"t\",X-TARGET-CLASS=\"c\",DURATION=5";
    judge(&[
        row("X-TARGET-ID=\"t\",X-TARGET-CLASS=\"c\",DURATION=5", Metadata, (2, 1), "without X-URI", full),
        row("X-URI=\"u\",X-TARGET-ID=\"t\",X-TARGET-CLASS=\"c\"", Metadata, (2, 1), "neither DURATION", full),
        row("X-URI=\"u\",X-TARGET-ID=\"t\",X-TARGET-CLASS=\"c\",DURATION=5,CUE=\"PRE\"", Metadata, (2, 1), "with CUE", full),
    ], |more| ranges(&format!("ID=\"a\",CLASS=\"com.apple.hls.preload\",$S,{more}")));
}

#[rustfmt::skip]
#[test]
fn definitions() {
    let define = "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"";
    judge(&[
        row("#EXT-X-DEFINE:VALUE=\"b\"", Syntax, (2, 1), "0 of them", define),
        row("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\",QUERYPARAM=\"token\"", Syntax, (2, 1), "2 of them", "#EXT-X-DEFINE:QUERYPARAM=\"token\""),
        row("#EXT-X-DEFINE:NAME=\"a\"", Syntax, (2, 1), "no VALUE", "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"\""),
        row("#EXT-X-DEFINE:NAME=\"a.b\",VALUE=\"b\"", Syntax, (2, 15), "characters", "#EXT-X-DEFINE:NAME=\"A-b_1\",VALUE=\"b\""),
        row("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"", SyntaxFatal, (3, 1), "defined twice", "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"A\",VALUE=\"b\""),
        row("#EXT-X-DEFINE:QUERYPARAM=\"missing\"", SyntaxFatal, (2, 1), "not in the playlist's address", "#EXT-X-DEFINE:QUERYPARAM=\"token\""),
        row("#EXT-X-DEFINE:IMPORT=\"a\"", SyntaxFatal, (2, 1), "no multivariant playlist led", define),
        row("#EXT-X-MAP:URI=\"{$a}.mp4\"", SyntaxFatal, (2, 17), "`a` is not defined", "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-MAP:URI=\"{$a}.mp4\""),
        row("#EXT-X-MAP:URI=\"{$a}.mp4\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"", SyntaxFatal, (2, 17), "before it is used", "#EXT-X-MAP:URI=\"{$a b}{$\""),
    ], media);
    judge(&[row("#EXT-X-DEFINE:IMPORT=\"a\"", SyntaxFatal, (2, 1), "only media playlists", define)], multivariant);
}

#[test]
fn variables_are_replaced_in_uris_strings_and_hexadecimal_numbers_only() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-DEFINE:NAME=\"dir\",VALUE=\"seg/\"\n\
        #EXT-X-DEFINE:NAME=\"both\",VALUE=\"{$dir}{x}\"\n#EXT-X-DEFINE:NAME=\"iv\",VALUE=\"0xAB\"\n\
        #EXT-X-DEFINE:QUERYPARAM=\"token\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"{$dir}k?t={$token}\",IV={$iv}\n\
        #EXTINF:6,{$dir}\n{$both}a.ts\n";
    let (timeline, defects) = timeline(text);
    assert_eq!(defects, []);
    let segment = &timeline.segments[0];
    assert_eq!(segment.uri.as_str(), "https://origin.example.com/live/ch1/seg/%7Bx%7Da.ts");
    let key = segment.key.as_ref().unwrap();
    assert_eq!(key.uri.as_deref(), Some("https://origin.example.com/live/ch1/seg/k?t=1"));
    assert_eq!(key.iv.as_deref(), Some("0xAB"));
}

#[test]
fn a_media_playlist_imports_what_its_multivariant_playlist_defined() {
    let top =
        "#EXTM3U\n#EXT-X-DEFINE:NAME=\"host\",VALUE=\"https://cdn/\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{$host}v.m3u8\n";
    let (presentation, defects) = presentation(top);
    assert_eq!(defects, []);
    assert_eq!(presentation.renditions[0].uri.as_ref().unwrap().as_str(), "https://cdn/v.m3u8");
    let text =
        "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:6\n#EXT-X-DEFINE:IMPORT=\"host\"\n#EXTINF:6,\n{$host}a.ts\n";
    let read = |variables| crate::hls::parse_rendition(text.as_bytes(), &base(), variables);
    let (Playlist::Media(timeline), defects) = read(&presentation.variables) else { panic!() };
    assert_eq!(defects, []);
    assert_eq!(timeline.segments[0].uri.as_str(), "https://cdn/a.ts");
    let (_, defects) = read(&BTreeMap::new());
    assert_eq!(places(&defects), [(SyntaxFatal, 4, 1)]);
    assert!(defects[0].message.contains("does not define it"), "{}", defects[0].message);
}

#[test]
fn a_multivariant_playlist_in_the_place_of_a_media_playlist_is_unreadable() {
    let read = |text: &str| crate::hls::parse_rendition(text.as_bytes(), &base(), &BTreeMap::new());
    let (playlist, defects) = read("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n");
    assert_eq!((playlist, places(&defects)), (Playlist::Unreadable, vec![(Syntax, 1, 1)]));
    assert_eq!(defects[0].message, "it is another multivariant playlist, where players expect a media playlist");
    assert!(matches!(read("#EXTM3U\n#EXT-X-TARGETDURATION:6\n"), (Playlist::Media(_), _)));
    let (playlist, defects) = read("#EXTM3U\n");
    assert_eq!(playlist, Playlist::Unreadable);
    assert_eq!(defects[0].message, "it has no segment and no tag of a media playlist");
}

#[test]
fn columns_are_those_of_the_playlist_as_it_came() {
    let long = "v".repeat(50);
    let lines = format!("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{long}\"\n#EXT-X-MAP:URI=\"{{$a}}\",BYTERANGE=\"10\"");
    let (_, defects) = parse(media(&lines).as_bytes(), &base());
    assert_eq!(places(&defects), [(Syntax, 3, 23)]);
}

#[test]
fn short_references_to_a_long_value_grow_to_a_bound() {
    let mut text = media(&format!("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{}\"", "v".repeat(60_000)));
    text.push_str(&"#EXTINF:6,\n{$a}\n".repeat(2_000));
    let (_, defects) = timeline(&text);
    assert!(defects.iter().any(|d| d.message.contains("4 MiB")), "{defects:?}");
}
