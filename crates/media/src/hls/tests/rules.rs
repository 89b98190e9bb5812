//! Tests of the lint. Each rule has a playlist that breaks it, with line and column of the defect, and one that keeps
//! it.

use super::*;
use DefectKind::{Attribute, AttributeMissing, Syntax, SyntaxFatal, SyntaxTolerated};

const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\na.ts\n";
const MULTIVARIANT: &str = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nv.m3u8\n";

/// Makes a media playlist with these lines from line 2 on.
fn media(lines: &str) -> String {
    format!("#EXTM3U\n{lines}\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\na.ts\n")
}

/// Makes a multivariant playlist with these lines from line 2 on.
fn multivariant(lines: &str) -> String {
    format!("#EXTM3U\n{lines}\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nv.m3u8\n")
}

/// Asserts that the playlist `broken` has exactly one defect, of this kind and position and with `words` in its
/// message, and that the playlist `sound` has none.
#[track_caller]
fn rule(broken: &str, place: (DefectKind, u32, u32), words: &str, sound: &str) {
    let (_, defects) = parse(broken.as_bytes(), &base());
    let said: Vec<&str> = defects.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(places(&defects), [place], "{said:?}");
    assert!(said[0].contains(words), "{said:?}");
    let (_, defects) = parse(sound.as_bytes(), &base());
    assert_eq!(defects, [], "the sound one");
}

#[test]
fn extm3u_is_the_first_line() {
    let (playlist, defects) = parse(MEDIA.strip_prefix("#EXTM3U\n").unwrap().as_bytes(), &base());
    assert!(matches!(playlist, Playlist::Media(t) if t.segments.len() == 1));
    assert_eq!(places(&defects), [(SyntaxFatal, 1, 1)]);
    assert!(defects[0].message.contains("no EXTM3U"), "{}", defects[0].message);
    rule(&format!("\n{MEDIA}"), (SyntaxFatal, 2, 1), "first line", MEDIA);
    rule(&MEDIA.replace("EXTM3U", "EXTM3U x=1"), (Syntax, 1, 8), "takes no value", MEDIA);
}

#[test]
fn the_text_is_utf_8_without_byte_order_mark_and_control_characters() {
    rule(&format!("\u{feff}{MEDIA}"), (Syntax, 1, 1), "byte order mark", MEDIA);
    rule(&MEDIA.replace(":6.0,", ":6.0,Tập\u{7}"), (Syntax, 3, 16), "U+0007", &MEDIA.replace(":6.0,", ":6.0,Tập"));
    rule(&MEDIA.replace(":6.0,", ":6.0,\u{85}"), (Syntax, 3, 13), "U+0085", MEDIA);
    rule(&MEDIA.replace("a.ts", "a.\rts"), (Syntax, 4, 3), "carriage return", &MEDIA.replace('\n', "\r\n"));
    rule(&MEDIA.replace("#EXTINF", "  #EXTINF"), (Syntax, 3, 1), "whitespace", &MEDIA.replace(":6\n", ":6  \n"));
    let (playlist, defects) = parse(b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.5,caf\xe9\na.ts\n", &base());
    assert_eq!(places(&defects), [(Syntax, 3, 16)]);
    assert!(matches!(playlist, Playlist::Media(t) if t.segments[0].duration.0 == 6.5));
}

#[test]
fn text_is_in_normalization_form_c() {
    let decomposed = MEDIA.replace(":6.0,", ":6.0,Cafe\u{301}");
    let sound = MEDIA.replace(":6.0,", ":6.0,Caf\u{e9} \u{1ead} 日本 한국");
    rule(&decomposed, (DefectKind::Metadata, 3, 16), "normalization form C", &sound);
}

#[test]
fn a_line_has_a_bound() {
    let long = format!("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{}\"", "v".repeat(70_000));
    rule(&media(&long), (Syntax, 2, 1), "64 KiB", &media(&long.replace(&"v".repeat(6_000), "")));
}

#[test]
fn required_tags() {
    rule(&MEDIA.replace("#EXT-X-TARGETDURATION:6\n", ""), (SyntaxFatal, 1, 1), "no EXT-X-TARGETDURATION", MEDIA);
    let two = format!("{MEDIA}#EXTINF:6.0,\nb.ts\n");
    rule(&two.replacen("#EXTINF:6.0,\n", "", 1), (Syntax, 3, 1), "no EXTINF", &two);
    let junk = MULTIVARIANT.replace("v.m3u8", "v.m3u8\nw.m3u8");
    rule(&junk, (Syntax, 4, 1), "no EXT-X-STREAM-INF", MULTIVARIANT);
}

#[test]
fn without_any_duration_players_find_no_segments() {
    let two = format!("{MEDIA}#EXTINF:6.0,\nb.ts\n");
    for broken in ["#extinf:6.0,", "#EXTINF:six,", "# nothing"] {
        let (playlist, defects) = timeline(&two.replace("#EXTINF:6.0,", broken));
        let fatal: Vec<_> = places(&defects).into_iter().filter(|(kind, ..)| *kind == SyntaxFatal).collect();
        assert_eq!(fatal, [(SyntaxFatal, 4, 1)], "{broken}");
        assert_eq!((defects.len(), playlist.segments.len()), (3, 2), "{broken}");
    }
    let (_, defects) = timeline(&two.replacen("#EXTINF:6.0,", "#EXTINF:six,", 1));
    assert_eq!(places(&defects), [(Syntax, 3, 9)], "the other segment has a duration");
}

#[test]
fn a_uri_follows() {
    let two = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n#EXTINF:6,\na.ts\n";
    rule(two, (Syntax, 3, 1), "no URI follows this EXTINF", MEDIA);
    rule(MEDIA.strip_suffix("a.ts\n").unwrap(), (Syntax, 3, 1), "no URI follows", MEDIA);
    let bare = MULTIVARIANT.strip_suffix("v.m3u8\n").unwrap();
    rule(bare, (Syntax, 2, 1), "no URI follows this EXT-X-STREAM-INF", MULTIVARIANT);
}

#[test]
fn tags_that_must_not_repeat() {
    for tag in [
        "#EXT-X-DISCONTINUITY-SEQUENCE:3",
        "#EXT-X-ENDLIST",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-START:TIME-OFFSET=-12.5",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-I-FRAMES-ONLY",
        "#EXT-X-SERVER-CONTROL:HOLD-BACK=18.0",
        "#EXT-X-PART-INF:PART-TARGET=0.5",
    ] {
        rule(&media(&format!("{tag}\n{tag}")), (Syntax, 3, 1), "line 2 has it", &media(tag));
    }
    for tag in ["#EXT-X-VERSION:3", "#EXT-X-MEDIA-SEQUENCE:3"] {
        rule(&media(&format!("{tag}\n{tag}")), (SyntaxFatal, 3, 1), "line 2 has it", &media(tag));
    }
    rule(&media("#EXT-X-TARGETDURATION:6"), (SyntaxFatal, 3, 1), "repeated", MEDIA);
    rule(&media("#EXTM3U"), (Syntax, 2, 1), "repeated", MEDIA);
    let define = "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"\"\n#EXT-X-DEFINE:NAME=\"b\",VALUE=\"\"";
    let steering = "#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\"";
    let sound = multivariant(&format!("{define}\n{steering}"));
    rule(&multivariant(&format!("{steering}\n{steering}")), (Syntax, 3, 1), "repeated", &sound);
}

#[test]
fn tags_belong_to_one_kind_of_playlist() {
    let stray = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\"";
    rule(&media(stray), (Syntax, 2, 1), "must not be in a media playlist", &multivariant(stray));
    let sound = media("#EXT-X-MEDIA-SEQUENCE:4");
    let two = multivariant("#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"\n#EXT-X-MEDIA-SEQUENCE:4");
    rule(&two, (Syntax, 3, 1), "must not be in a multivariant playlist", &sound);
}

#[test]
fn order() {
    let late = format!("{MEDIA}#EXT-X-MEDIA-SEQUENCE:5\n");
    rule(&late, (SyntaxFatal, 5, 1), "before the first", &media("#EXT-X-MEDIA-SEQUENCE:5"));
    let late = format!("{MEDIA}#EXT-X-DISCONTINUITY-SEQUENCE:5\n");
    rule(&late, (Syntax, 5, 1), "after a segment", &media("#EXT-X-DISCONTINUITY-SEQUENCE:5"));
    let late = media("#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:5");
    let sound = media("#EXT-X-DISCONTINUITY-SEQUENCE:5\n#EXT-X-DISCONTINUITY");
    rule(&late, (Syntax, 3, 1), "after EXT-X-DISCONTINUITY", &sound);
}

#[test]
fn numbers() {
    let sound = media("#EXT-X-MEDIA-SEQUENCE:18446744073709551615");
    rule(&media("#EXT-X-MEDIA-SEQUENCE:18446744073709551616"), (Syntax, 2, 23), "whole number", &sound);
    rule(&media("#EXT-X-MEDIA-SEQUENCE:-1"), (Syntax, 2, 23), "`-1`", &sound);
    rule(&media("#EXT-X-MEDIA-SEQUENCE:"), (Syntax, 2, 23), "``", &sound);
    rule(&media("#EXT-X-MEDIA-SEQUENCE"), (Syntax, 2, 22), "has no value", &sound);
    rule(&media("#EXT-X-MEDIA-SEQUENCE: 5"), (Syntax, 2, 23), "whitespace", &media("#EXT-X-MEDIA-SEQUENCE:5 "));
    rule(&MEDIA.replace("ON:6", "ON: 6"), (Syntax, 2, 23), "at the colon", MEDIA);
    rule(&media("#EXT-X-PLAYLIST-TYPE: EVENT"), (SyntaxTolerated, 2, 22), "leave it out", &sound);
    rule(&media("#EXT-X-VERSION:3.0"), (Syntax, 2, 16), "`3.0`", &media("#EXT-X-VERSION:3"));
    rule(&MEDIA.replace("ON:6", "ON:0"), (Syntax, 2, 23), "from 1", MEDIA);
    rule(&MEDIA.replace("ON:6", "ON:6.5"), (Syntax, 2, 23), "`6.5`", MEDIA);
    rule(&media("#EXT-X-PLAYLIST-TYPE:LIVE"), (Syntax, 2, 22), "EVENT or VOD", &media("#EXT-X-PLAYLIST-TYPE:VOD"));
}

#[test]
fn extinf_has_a_number_and_a_comma() {
    let with = |duration: &str| format!("{}#EXTINF:6.0,\nb.ts\n", MEDIA.replace("6.0,", duration));
    rule(&with("six,"), (Syntax, 3, 9), "`six`", MEDIA);
    rule(&with(","), (Syntax, 3, 9), "seconds", MEDIA);
    rule(&with("-6.0,"), (Syntax, 3, 9), "`-6.0`", &MEDIA.replace("6.0,", "6,"));
    rule(&with("1e3,"), (Syntax, 3, 9), "`1e3`", &MEDIA.replace("6.0,", "6.0,a, b"));
    rule(&MEDIA.replace("6.0,", "6.0"), (SyntaxTolerated, 3, 12), "no comma", MEDIA);
    rule(&MEDIA.replace("6.0,", " 6.0,"), (Syntax, 3, 9), "at the colon", MEDIA);
    rule(&MEDIA.replace("6.0,", "6.0 ,"), (SyntaxTolerated, 3, 9), "whitespace", MEDIA);
    assert_eq!(timeline(&MEDIA.replace("6.0,", "6.0, News ")).1, [], "a title may have blanks around it");
}

#[test]
fn byte_ranges() {
    let first = |range: &str| media("").replace("a.ts", &format!("#EXT-X-BYTERANGE:{range}\na.ts"));
    rule(&first("100"), (SyntaxFatal, 5, 1), "gives no offset", &first("100@0"));
    rule(&first("100@"), (Syntax, 5, 18), "`100@`", &first("0@100"));
    let after_a_slip = format!("{}#EXTINF:6,\n#EXT-X-BYTERANGE:50\na.ts\n", first("100@"));
    assert_eq!(places(&timeline(&after_a_slip).1), [(Syntax, 5, 18)], "what follows has no fault of its own");
    rule(&first("1@18446744073709551615"), (Syntax, 5, 18), "byte range", &first("1@18446744073709551614"));
    let then = |uri: &str, range: &str| format!("{}#EXTINF:6,\n#EXT-X-BYTERANGE:{range}\n{uri}\n", first("100@0"));
    rule(&then("b.ts", "50"), (SyntaxFatal, 8, 1), "`b.ts`", &then("a.ts", "50"));
    rule(&then("a.ts", "18446744073709551600"), (Syntax, 8, 1), "beyond", &then("a.ts", "18446744073709551500"));
}

#[test]
fn dates() {
    let date = |d: &str| media(&format!("#EXT-X-PROGRAM-DATE-TIME:{d}"));
    rule(&date("yesterday"), (Syntax, 2, 26), "no ISO 8601", &date("2024-03-05T07:08:09Z"));
    rule(
        &date("2024-03-05T07:08:09.250"),
        (SyntaxTolerated, 2, 26),
        "no time zone",
        &date("2024-03-05T14:08:09.250+07:00"),
    );
    for unread in ["2024-03-05 07:08:09Z", "20240305T070809Z", "2024-03-05T14:08:09+07", "2024-03-05T07:08:09Z[UTC]"] {
        rule(&date(unread), (Syntax, 2, 26), "Media3", &date("2024-03-05T07:08:09.250Z"));
        let (playlist, _) = timeline(&date(unread));
        let expected = "2024-03-05T07:08:09Z".parse::<crate::units::Timestamp>().unwrap();
        assert_eq!(playlist.segments[0].program_date_time, Some(expected), "{unread}: other players read it");
    }
}

#[test]
fn attribute_lists() {
    let list = |l: &str| multivariant(&format!("#EXT-X-STREAM-INF:{l}\nu.m3u8"));
    let sound = list("BANDWIDTH=2000000,CODECS=\"avc1.640028,mp4a.40.2\",X-OWN-1=anything");
    rule(&list("BANDWIDTH=2000000,bandwidth=1"), (Syntax, 2, 37), "no attribute name", &sound);
    rule(&list("BANDWIDTH=2000000, CODECS=\"a\""), (SyntaxTolerated, 2, 37), "whitespace", &sound);
    rule(&list("BANDWIDTH=2000000,CODECS= \"a\""), (SyntaxTolerated, 2, 44), "whitespace", &sound);
    rule(&list("BANDWIDTH= 2000000"), (SyntaxTolerated, 2, 29), "whitespace", &sound);
    rule(&list("BANDWIDTH=2000000,CODECS=\"a\" ,SCORE=1"), (SyntaxTolerated, 2, 47), "whitespace", &sound);
    rule(&list("CODECS=\"a\"BANDWIDTH=2000000"), (Syntax, 2, 29), "no comma", &sound);
    rule(&list("BANDWIDTH=2000000,CODECS=\"avc1"), (Syntax, 2, 37), "closing quote", &sound);
    rule(&list("BANDWIDTH=2000000,BANDWIDTH=1"), (Syntax, 2, 37), "twice", &sound);
    rule(&list("BANDWIDTH=2000000,CODECS"), (Syntax, 2, 37), "NAME=value", &sound);
    rule(&list("BANDWIDTH=2000000,,SCORE=1"), (Syntax, 2, 37), "NAME=value", &sound);
    rule(&list("BANDWIDTH=2000000,"), (SyntaxTolerated, 2, 36), "ends with a comma", &sound);
}

#[test]
fn what_players_read_as_it_was_meant_is_reported_once_in_a_playlist() {
    let segment = "#EXT-X-PROGRAM-DATE-TIME:2024-03-05T07:08:09\n#EXTINF:6.0\n#EXT-X-DATERANGE:ID=\"a\", START-DATE=\"2024-03-05T07:08:09Z\"\na.ts\n";
    let (_, defects) = timeline(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{}", segment.repeat(3)));
    let found: Vec<_> = defects.iter().map(|d| (d.kind, d.message.as_str())).collect();
    let zone = "`2024-03-05T07:08:09` names no time zone and is read as UTC; end it with Z or an offset (and 2 more like this)";
    let comma = "EXTINF has no comma after its duration; write `#EXTINF:6,` (and 2 more like this)";
    let blank = "whitespace around attribute name `START-DATE`; leave it out (and 2 more like this)";
    assert_eq!(found, [zone, comma, blank].map(|message| (SyntaxTolerated, message)));
    assert_eq!(places(&defects), [(SyntaxTolerated, 3, 26), (SyntaxTolerated, 4, 12), (SyntaxTolerated, 5, 25)]);
}

#[test]
fn tabs_are_reported_once_in_a_playlist_and_other_control_characters_each() {
    let segment = "#EXTINF:6.0,\tone\n# a\tcomment\na.ts\n";
    let (_, defects) = timeline(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{}", segment.repeat(3)));
    let found: Vec<_> = defects.iter().map(|d| (d.kind, d.message.as_str())).collect();
    assert_eq!(found, [(SyntaxTolerated, "a tab (U+0009); leave it out (and 5 more like this)")]);
    let others = "#EXTINF:6.0,\t\u{7}\na\tb.ts\n";
    let (_, defects) = timeline(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{}", others.repeat(2)));
    let control: Vec<_> = defects.into_iter().filter(|d| d.message.starts_with("a control character")).collect();
    assert_eq!(places(&control), [(Syntax, 3, 14), (Syntax, 4, 2), (Syntax, 5, 14), (Syntax, 6, 2)]);
}

#[test]
fn attributes_of_a_variant() {
    let list = |l: &str| multivariant(&format!("#EXT-X-STREAM-INF:{l}\nu.m3u8"));
    let sound = list("BANDWIDTH=2000000,RESOLUTION=1920x1080,FRAME-RATE=29.97,CODECS=\"avc1.640028, mp4a.40.2\"");
    rule(&list("CODECS=\"avc1.640028\""), (AttributeMissing, 2, 1), "no BANDWIDTH", &sound);
    for (broken, kind, words) in [
        ("BANDWIDTH=2M", AttributeMissing, "whole number"),
        ("BANDWIDTH=\"2000000\"", AttributeMissing, "without quotes"),
        ("BANDWIDTH=18446744073709551616", Attribute, "18446744073709551615"),
        ("BANDWIDTH=1.5", Attribute, "`1.5`"),
        ("BANDWIDTH=2_0", AttributeMissing, "`2_0`"),
        ("BANDWIDTH=-1", AttributeMissing, "`-1`"),
        ("BANDWIDTH=", AttributeMissing, "whole number"),
    ] {
        rule(&list(broken), (kind, 2, 19), words, &sound);
    }
    for (broken, words) in [
        ("AVERAGE-BANDWIDTH=-1", "whole number"),
        ("RESOLUTION=1080p", "1920x1080"),
        ("RESOLUTION=1920X1080", "1920x1080"),
        ("RESOLUTION=\"1920x1080\"", "without quotes"),
        ("RESOLUTION=1920x", "1920x1080"),
        ("FRAME-RATE=25/1", "29.97"),
        ("FRAME-RATE=25fps", "29.97"),
        ("CODECS=avc1.640028", "in double quotes"),
        ("CODECS=\"\"", "codec names"),
        ("CODECS=\"avc1.640028,,mp4a.40.2\"", "codec names"),
        ("VIDEO-RANGE=HDR10", "SDR or HLG or PQ"),
        ("HDCP-LEVEL=TYPE-2", "TYPE-0"),
        ("AUDIO=aac", "double quotes"),
        ("CLOSED-CAPTIONS=NO", "NONE"),
    ] {
        rule(&list(&format!("BANDWIDTH=2000000,{broken}")), (Attribute, 2, 37), words, &sound);
    }
}

#[test]
fn attributes_of_a_rendition() {
    let tag = |l: &str| multivariant(&format!("#EXT-X-MEDIA:{l}"));
    let sound = tag("TYPE=SUBTITLES,GROUP-ID=\"g\",NAME=\"n\",URI=\"u.m3u8\",DEFAULT=YES,FORCED=NO");
    rule(&tag("GROUP-ID=\"g\",NAME=\"n\""), (AttributeMissing, 2, 1), "no TYPE", &sound);
    rule(&tag("TYPE=AUDIO,NAME=\"n\""), (AttributeMissing, 2, 1), "no GROUP-ID", &sound);
    rule(&tag("TYPE=AUDIO,GROUP-ID=\"g\""), (AttributeMissing, 2, 1), "no NAME", &sound);
    rule(&tag("TYPE=SOUND,GROUP-ID=\"g\",NAME=\"n\""), (AttributeMissing, 2, 14), "AUDIO or VIDEO", &sound);
    rule(&tag("TYPE=AUDIO,GROUP-ID=\"g\",NAME=English"), (AttributeMissing, 2, 38), "in double quotes", &sound);
    rule(&tag("TYPE=AUDIO,GROUP-ID=g,NAME=\"n\""), (AttributeMissing, 2, 25), "in double quotes", &sound);
    rule(&tag("TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"\""), (Attribute, 2, 38), "not empty", &sound);
    rule(&tag("TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"n\",DEFAULT=yes"), (Attribute, 2, 47), "YES or NO", &sound);
    rule(&tag("TYPE=SUBTITLES,GROUP-ID=\"g\",NAME=\"n\""), (Attribute, 2, 1), "no URI", &sound);
    let captions = "TYPE=CLOSED-CAPTIONS,GROUP-ID=\"g\",NAME=\"n\"";
    let sound = tag(&format!("{captions},INSTREAM-ID=\"CC1\""));
    rule(&tag(captions), (AttributeMissing, 2, 1), "no INSTREAM-ID", &sound);
    rule(&tag(&format!("{captions},INSTREAM-ID=\"CC1\",URI=\"u\"")), (Attribute, 2, 1), "forbids", &sound);
    let i_frames = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1";
    let sound = multivariant(&format!("{i_frames},URI=\"i.m3u8\""));
    rule(&multivariant(i_frames), (AttributeMissing, 2, 1), "no URI", &sound);
}

#[test]
fn attributes_of_keys_and_maps() {
    let sound = media("#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"10@0\"");
    rule(&media("#EXT-X-KEY:METHOD=AES-128"), (Syntax, 2, 1), "no URI", &sound);
    rule(&media("#EXT-X-KEY:URI=\"k\""), (Syntax, 2, 1), "no METHOD", &sound);
    rule(&media("#EXT-X-KEY:METHOD=AES,URI=\"k\""), (Syntax, 2, 12), "AES-128", &sound);
    rule(&media("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=12"), (Syntax, 2, 35), "hexadecimal", &sound);
    rule(&media("#EXT-X-MAP:BYTERANGE=\"10@0\""), (Syntax, 2, 1), "no URI", &sound);
    rule(&media("#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"10\""), (Syntax, 2, 24), "offset", &sound);
}

#[test]
fn only_addresses_that_can_be_fetched() {
    rule(&MEDIA.replace("a.ts", "ftp://h/a.ts"), (Syntax, 4, 1), "`ftp`", &MEDIA.replace("a.ts", "//h/a.ts"));
    rule(&MEDIA.replace("a.ts", "http://[::1/a.ts"), (Syntax, 4, 1), "no usable URI", MEDIA);
    rule(&MULTIVARIANT.replace("v.m3u8", "file:///etc/passwd"), (Syntax, 3, 1), "`file`", MULTIVARIANT);
    rule(&media("#EXT-X-MAP:URI=\"http://\""), (Syntax, 2, 17), "no usable URI", &media("#EXT-X-MAP:URI=\"i\""));
}

#[test]
fn unknown_tags_and_attributes_are_no_defects() {
    for line in ["#EXT-X-CUE-OUT", "#EXT-X-ALLOW-CACHE:NO", "#EXT-X-VENDOR:a=b,,\"", "# a comment", "#", "", "   "] {
        assert_eq!(timeline(&media(line)).1, [], "{line}");
        assert_eq!(presentation(&multivariant(line)).1, [], "{line}");
    }
    let own = "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",KEYID=0xab,OWN=a b";
    assert_eq!(timeline(&media(own)).1, []);
}

#[test]
fn what_is_no_playlist_says_what_it_looks_like() {
    let ts = [[0x47; 1].as_slice(), &[0; 187], &[0x47; 1], &[0; 187]].concat();
    for (body, words) in [
        (b"".as_slice(), "empty"),
        (b"\r\n  \n", "blank"),
        (b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>", "HTML page"),
        (b"\n<html>\n", "HTML page"),
        (b"<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\">", "DASH MPD"),
        (b"<?xml version=\"1.0\"?><Error/>", "XML"),
        (b"{\"error\":\"gone\"}", "JSON"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\0\0\0\x18ftypiso6", "MP4"),
        (&ts, "transport stream"),
        (b"\xff\xfe#\0E\0", "UTF-16"),
        (b"upstream timed out", "another kind"),
    ] {
        let (playlist, defects) = parse(body, &base());
        assert_eq!(playlist, Playlist::Unreadable, "{words}");
        assert_eq!(places(&defects), [(Syntax, 1, 1)]);
        assert!(defects[0].message.contains(words), "{}", defects[0].message);
    }
}
