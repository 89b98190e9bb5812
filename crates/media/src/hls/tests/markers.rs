//! Tests of ad markers in every form that packagers write.

use super::*;
use crate::stream::ads::{BreakState, MarkerKind};

const INSERT: &str = "/DAlAAAAAAAAAP/wFAUAAAABf+/+AAAAAH4AKTLgAAEAAAAAZmkq9Q==";
const INSERT_HEX: &str = "0xFC302500000000000000FFF01405000000017FEFFE000000007E002932E000010000000066692AF5";

/// Returns the ad markers of a playlist with these tags between its two segments, and the ad marker defects with their
/// lines.
fn read(tags: &str) -> (Vec<MarkerKind>, Vec<(u32, String)>) {
    let text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:6,\na.ts\n{tags}\n#EXTINF:6,\nb.ts\n"
    );
    let (playlist, defects) = crate::hls::parse(text.as_bytes(), &base());
    let Playlist::Media(timeline) = playlist else { panic!("{playlist:?}") };
    assert!(timeline.markers.iter().all(|m| m.number == 8 && m.line >= 6), "{:?}", timeline.markers);
    let line = |d: &Defect| match d.at {
        Position::Line { line, .. } => line,
        _ => 0,
    };
    let defects = defects.iter().filter(|d| d.kind == DefectKind::AdMarker).map(|d| (line(d), d.message.clone()));
    (timeline.markers.into_iter().map(|m| m.kind).collect(), defects.collect())
}

#[track_caller]
fn sound(tags: &str) -> MarkerKind {
    let (mut markers, defects) = read(tags);
    assert_eq!((markers.len(), defects), (1, vec![]), "{tags}");
    markers.remove(0)
}

#[test]
fn every_form_of_a_cue_out_is_one() {
    let announced = Some(Seconds(30.0));
    for value in [":30.000", ":30", ": 30", ":DURATION=30", ":DURATION=\"30.0\"", ":ID=4,DURATION=30", ":30,CAID=0x1"] {
        assert_eq!(sound(&format!("#EXT-X-CUE-OUT{value}")), MarkerKind::Out { announced }, "{value}");
    }
    for value in ["", ":", ":0", ":0.000"] {
        assert_eq!(sound(&format!("#EXT-X-CUE-OUT{value}")), MarkerKind::Out { announced: None }, "{value}");
    }
    let elemental = format!("#EXT-X-SCTE35:TYPE=0x34,CUE-OUT=YES,DURATION=30,CUE=\"{INSERT}\"");
    assert_eq!(sound(&elemental), MarkerKind::Out { announced });
}

#[test]
fn every_form_of_a_continuation_and_a_return_is_one() {
    let (elapsed, announced) = (Some(Seconds(8.308)), Some(Seconds(30.0)));
    for value in [
        "8.308/30".to_owned(),
        "8.308/30.000".to_owned(),
        format!("ElapsedTime=8.308,Duration=30,SCTE35={INSERT}"),
        format!("CAID=0x0,ElapsedTime=8.308,Duration=30.000,SCTE35={INSERT}"),
    ] {
        assert_eq!(sound(&format!("#EXT-X-CUE-OUT-CONT:{value}")), MarkerKind::Continues { elapsed, announced });
    }
    let untold = MarkerKind::Continues { elapsed, announced: None };
    assert_eq!(sound("#EXT-X-CUE-OUT-CONT:8.308"), untold);
    assert_eq!(sound("#EXT-X-CUE-OUT-CONT"), MarkerKind::Continues { elapsed: None, announced: None });
    assert_eq!(sound(&format!("#EXT-X-SCTE35:CUE-OUT=CONT,ELAPSED=8.308,CUE=\"{INSERT}\"")), untold);
    assert_eq!(sound("#EXT-X-CUE-IN"), MarkerKind::In);
    assert_eq!(sound(&format!("#EXT-X-SCTE35:CUE-IN=YES,CUE=\"{INSERT}\"")), MarkerKind::In);
}

#[test]
fn a_section_is_read_out_of_base64_and_hexadecimal() {
    let MarkerKind::Splice(section) = sound(&format!("#EXT-OATCLS-SCTE35:{INSERT}")) else { panic!() };
    assert_eq!(section.first_out().unwrap().duration, Some(Seconds(30.0)));
    let tag = format!(
        "#EXT-X-DATERANGE:ID=\"1\",START-DATE=\"2024-03-05T07:08:15.256Z\",PLANNED-DURATION=30.03,SCTE35-OUT={INSERT_HEX}"
    );
    let MarkerKind::Range(range) = sound(&tag) else { panic!() };
    assert_eq!((range.out, range.returned, range.coded), (true, false, Some(Seconds(30.0))));
    assert_eq!((range.announced(), range.start.is_some()), (Some(Seconds(30.03)), true));
    assert_eq!(read("#EXT-X-DATERANGE:ID=\"1\",CLASS=\"x\",START-DATE=\"2024-03-05T07:08:15.256Z\""), (vec![], vec![]));
}

/// An SCTE 35 section in hexadecimal: a splice_insert of event 1 that leads back into the programme.
const RETURN_HEX: &str = "0xFC302000000000000000FFF00F05000000017F4FFE0000000000010000000044B00949";

#[test]
fn a_date_range_returns_by_scte35_in_or_by_a_command_that_only_returns() {
    let read = |attribute: &str, section: &str| {
        let dated = "ID=\"1\",START-DATE=\"2024-03-05T07:08:15.256Z\"";
        let MarkerKind::Range(range) = sound(&format!("#EXT-X-DATERANGE:{dated},{attribute}={section}")) else {
            panic!()
        };
        (range.out, range.returned, range.coded)
    };
    assert_eq!(read("SCTE35-IN", RETURN_HEX), (false, true, None));
    assert_eq!(read("SCTE35-CMD", RETURN_HEX), (false, true, None));
    assert_eq!(read("SCTE35-CMD", INSERT_HEX), (true, false, Some(Seconds(30.0))));
}

#[test]
fn an_asset_is_no_break_and_its_identifier_hexadecimal() {
    assert_eq!(read("#EXT-X-ASSET:CAID=0x0000000020FB6501"), (vec![], vec![]));
    assert_eq!(read("#EXT-X-ASSET:GENRE=CA,CAID=\"20fb\""), (vec![], vec![]));
    let (_, defects) = read("#EXT-X-ASSET:CAID=0x20FBZ");
    assert_eq!(defects, [(6, "EXT-X-ASSET: CAID is `0x20FBZ`, which is no hexadecimal number".to_owned())]);
}

#[test]
fn what_can_not_be_read_is_a_defect_with_its_line() {
    let complaint = |tags: &str| {
        let (_, defects) = read(tags);
        assert_eq!(defects.len(), 1, "{tags}: {defects:?}");
        assert_eq!(defects[0].0, 6);
        defects[0].1.clone()
    };
    assert_eq!(complaint("#EXT-X-CUE-OUT:soon"), "EXT-X-CUE-OUT: `soon` is no number of seconds such as 30 or 8.308");
    assert!(complaint("#EXT-X-CUE-OUT-CONT:8.3/x").contains("`x` is no number"));
    assert!(complaint("#EXT-OATCLS-SCTE35:/DAl*").ends_with("`/DAl*` is no base64"));
    assert!(
        complaint("#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAAB")
            .contains("its header declares 40 bytes, 18 are available")
    );
    let bent = INSERT_HEX.replace("66692AF5", "66692AF6");
    let tag = format!("#EXT-X-DATERANGE:ID=\"1\",START-DATE=\"2024-03-05T07:08:15Z\",SCTE35-OUT={bent}");
    assert!(complaint(&tag).contains("CRC_32 is 0x66692af6"), "{}", complaint(&tag));
}

#[test]
fn an_elemental_playlist_has_one_break_told_twice() {
    let (_, bytes) = fixtures().into_iter().find(|(path, _)| path.ends_with("elemental_scte35/media.m3u8")).unwrap();
    let (timeline, _) = timeline(std::str::from_utf8(&bytes).unwrap());
    let breaks = timeline.ad_breaks();
    assert_eq!(breaks.len(), 2);
    assert_eq!(breaks[0].start, breaks[1].start);
    assert_eq!(breaks[0].announced, breaks[1].announced);
    // It came back early: EXT-X-CUE-IN says so, the date range doesn't.
    assert_eq!([breaks[0].state, breaks[1].state], [BreakState::Closed, BreakState::Open]);
}

#[test]
fn a_flood_of_markers_keeps_the_newest() {
    let mut text = String::from("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n");
    text.push_str(&"#EXT-X-CUE-IN\n".repeat(5000));
    let (timeline, _) = timeline(&text);
    assert_eq!(timeline.markers.len(), 4096);
    assert_eq!(timeline.markers.last().unwrap().line, 5004);
}
