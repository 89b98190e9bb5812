//! Tests of rendition groups, and of the EXT-X-VERSION that a playlist's features need.

use super::*;

fn said(text: &str, kind: DefectKind) -> Vec<(String, Position)> {
    let (_, defects) = crate::hls::parse(text.as_bytes(), &base());
    defects.into_iter().filter(|d| d.kind == kind).map(|d| (d.message, d.at)).collect()
}

fn groups(lines: &str, kind: DefectKind) -> Vec<String> {
    let text = format!("#EXTM3U\n{lines}#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv\n");
    said(&text, kind).into_iter().map(|(message, _)| message).collect()
}

fn member(group: &str, name: &str, more: &str) -> String {
    format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{group}\",NAME=\"{name}\",URI=\"{group}{name}\"{more}\n")
}

const YES: &str = ",DEFAULT=YES,AUTOSELECT=YES";

#[test]
fn a_group_that_a_variant_names_is_defined_with_its_type() {
    assert_eq!(groups(&member("a", "vi", YES), DefectKind::Groups), [""; 0]);
    let message = "AUDIO names group `a`, which no EXT-X-MEDIA with TYPE=AUDIO defines";
    assert_eq!(groups(&member("b", "vi", YES), DefectKind::Groups), [message]);
    let subtitles = member("a", "vi", YES).replace("TYPE=AUDIO", "TYPE=SUBTITLES");
    assert_eq!(groups(&subtitles, DefectKind::Groups), [message]);
    let at = said("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,SUBTITLES=\"s\"\nv\n", DefectKind::Groups);
    assert_eq!(at[0].1, Position::Line { line: 2, column: 1 });
    let none = said("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CLOSED-CAPTIONS=NONE\nv\n", DefectKind::Groups);
    assert_eq!(none, []);
}

#[test]
fn members_differ_in_name_and_one_is_the_default() {
    let sound = member("a", "vi", YES) + &member("a", "en", ",AUTOSELECT=YES");
    assert_eq!(groups(&sound, DefectKind::Groups), [""; 0]);
    let twice = member("a", "vi", YES) + &member("a", "vi", "");
    assert!(groups(&twice, DefectKind::Groups)[0].contains("NAME `vi` stands twice"));
    let defaults = member("a", "vi", YES) + &member("a", "en", YES);
    assert!(groups(&defaults, DefectKind::Groups)[0].starts_with("2 members of AUDIO group `a` have DEFAULT=YES"));
}

#[test]
fn what_players_cope_with_is_a_habit() {
    let silent = groups(&member("a", "vi", ""), DefectKind::GroupTolerated);
    assert!(silent[0].starts_with("no member of AUDIO group `a`"), "{silent:?}");
    let same = member("a", "vi", YES) + &member("b", "vi", YES);
    assert_eq!(groups(&same, DefectKind::GroupTolerated), [""; 0]);
    let other = member("a", "vi", YES) + &member("b", "en", YES);
    assert_eq!(groups(&other, DefectKind::GroupTolerated), ["AUDIO groups `a` and `b` have other members"]);
}

/// Returns the EXT-X-VERSION that `lines` need: the lowest one without a defect.
fn needed(lines: &str) -> u32 {
    let text = |version| format!("#EXTM3U\n#EXT-X-VERSION:{version}\n{lines}\n");
    (1..14).find(|v| said(&text(*v), DefectKind::Version).is_empty()).unwrap()
}

#[test]
fn each_feature_needs_its_version() {
    let media = |lines: &str| needed(&format!("#EXT-X-TARGETDURATION:6\n{lines}\n#EXTINF:6,\na.ts"));
    assert_eq!(media("#EXT-X-GAP"), 1);
    assert_eq!(media("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x1"), 2);
    assert_eq!(media("#EXTINF:6.5,\nb.ts"), 3);
    assert_eq!(media("#EXTINF:6,6.5\nb.ts"), 1, "a title may have a point");
    assert_eq!(media("#EXT-X-BYTERANGE:1@0"), 4);
    assert_eq!(media("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\""), 5);
    assert_eq!(media("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",KEYFORMAT=\"identity\""), 5);
    assert_eq!(media("#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"m\""), 5);
    assert_eq!(media("#EXT-X-MAP:URI=\"m\""), 6);
    assert_eq!(media("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\""), 8);
    assert_eq!(media("#EXT-X-SKIP:SKIPPED-SEGMENTS=1"), 9);
    assert_eq!(media("#EXT-X-SKIP:SKIPPED-SEGMENTS=1,RECENTLY-REMOVED-DATERANGES=\"a\""), 10);
    assert_eq!(media("#EXT-X-DEFINE:QUERYPARAM=\"a\""), 11);
    let variant = |more: &str| needed(&format!("{more}#EXT-X-STREAM-INF:BANDWIDTH=1\nv"));
    assert_eq!(variant(""), 1);
    let captions = "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"c\",NAME=\"c\",INSTREAM-ID=";
    assert_eq!(variant(&format!("{captions}\"CC1\"\n")), 1);
    assert_eq!(variant(&format!("{captions}\"SERVICE1\"\n")), 7);
    let audio = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"c\",NAME=\"c\",INSTREAM-ID=\"1\"\n";
    assert_eq!(variant(audio), 13);
    assert_eq!(needed("#EXT-X-STREAM-INF:BANDWIDTH=1,REQ-VIDEO-LAYOUT=\"CH-STEREO\"\nv"), 12);
}

#[test]
fn a_missing_version_is_1_and_the_place_is_the_features() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n#EXTINF:5.5,\nb.ts\n";
    let message = "EXTINF with decimals needs EXT-X-VERSION 3 or higher; the playlist has none".to_owned();
    assert_eq!(said(text, DefectKind::Version), [(message, Position::Line { line: 5, column: 1 })]);
}
