//! Tests of SCTE 35 in EventStreams, in each of its forms.

use super::*;
use crate::defect::DefectKind;
use crate::splice;
use crate::stream::ads::{AdRange, AdSource};
use crate::units::Seconds;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const NOW: &str = "2026-01-01T00:01:00Z";

/// Makes an SCTE 35 section in Base64 with a splice_insert of this event: out of the programme for 30 s without
/// auto_return, or back into it.
fn insert(event: u8, out: bool) -> String {
    let mut body = vec![0, 0, 0, event, 0x7f, if out { 0xef } else { 0x4f }, 0xfe, 0, 0, 0, 90];
    body.extend(if out { &[0x7e, 0, 0x29, 0x32, 0xe0][..] } else { &[] });
    body.extend([0, 1, 0, 0]);
    let mut bytes = vec![0xfc, 0x30, 17 + body.len() as u8];
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, body.len() as u8, 5]);
    bytes.extend(body);
    bytes.extend([0, 0]);
    bytes.extend(splice::crc32(&bytes).to_be_bytes());
    STANDARD.encode(bytes)
}

fn stream(scheme: &str, attributes: &str, events: &str) -> String {
    let stream = format!(
        "<EventStream schemeIdUri=\"urn:scte:scte35:{scheme}\" timescale=\"1000\"{attributes}>{events}</EventStream>"
    );
    live("<SegmentTemplate timescale=\"1000\" duration=\"2000\" media=\"$Number$.m4s\"/>").replacen(
        "<AdaptationSet",
        &(stream + "\n<AdaptationSet"),
        1,
    )
}

fn event(time: u64, inside: &str) -> String {
    format!("\n<Event id=\"1\" presentationTime=\"{time}\" duration=\"30000\">{inside}</Event>")
}

fn binary(section: &str) -> String {
    format!("<Signal xmlns=\"http://www.scte.org/schemas/35/2016\"><Binary>\n{section} </Binary></Signal>")
}

fn ranges(text: &str) -> (Vec<AdRange>, Vec<Defect>) {
    let (mpd, defects) = read(text);
    let snapshots = renditions_at(&mpd, at(NOW));
    (snapshots[0].timeline.event_ranges().cloned().collect(), defects)
}

#[test]
fn a_break_has_its_beginning_its_length_and_its_end() {
    let events = event(20_000, &binary(&insert(7, true))) + &event(45_000, &binary(&insert(7, false)));
    let (found, defects) = ranges(&stream("2014:xml+bin", "", &events));
    assert_eq!(defects, []);
    let expected = AdRange {
        source: AdSource::Event,
        id: "7".to_owned(),
        start: Some(at("2026-01-01T00:00:20Z")),
        end: Some(at("2026-01-01T00:00:45Z")),
        planned: Some(Seconds(30.0)),
        coded: Some(Seconds(30.0)),
        auto_return: Some(false),
        out: true,
        returned: true,
        line: 3,
        ..AdRange::default()
    };
    assert_eq!(found, [expected]);
}

#[test]
fn an_offset_is_taken_from_the_time_and_another_period_added() {
    let (found, _) =
        ranges(&stream("2014:xml+bin", " presentationTimeOffset=\"5000\"", &event(20_000, &binary(&insert(7, true)))));
    assert_eq!(found[0].start, Some(at("2026-01-01T00:00:15Z")));
    let later = stream("2014:xml+bin", "", &event(2000, &binary(&insert(7, true)))).replace("PT0S", "PT40S");
    assert_eq!(ranges(&later).0[0].start, Some(at("2026-01-01T00:00:42Z")));
}

#[test]
fn xml_says_the_same_by_splice_insert_and_by_segmentation() {
    let insert = "<scte35:SpliceInfoSection xmlns:scte35=\"urn:scte:scte35:2013:xml\" ptsAdjustment=\"0\"><scte35:SpliceInsert \
                  spliceEventId=\"9\" outOfNetworkIndicator=\"true\"><scte35:Program><scte35:SpliceTime ptsTime=\"90\"/></scte35:Program>\
                  <scte35:BreakDuration autoReturn=\"true\" duration=\"2700000\"/></scte35:SpliceInsert></scte35:SpliceInfoSection>";
    let (found, defects) = ranges(&stream("2013:xml", "", &event(20_000, insert)));
    assert_eq!(defects, []);
    assert_eq!((found[0].id.as_str(), found[0].coded, found[0].auto_return), ("9", Some(Seconds(30.0)), Some(true)));
    let signal = |kind: u8| {
        format!(
            "<SpliceInfoSection><TimeSignal><SpliceTime ptsTime=\"90\"/></TimeSignal><SegmentationDescriptor \
             segmentationEventId=\"5\" segmentationTypeId=\"{kind}\" segmentationDuration=\"1800000\"/></SpliceInfoSection>"
        )
    };
    let (found, _) = ranges(&stream("2013:xml", "", &(event(20_000, &signal(0x34)) + &event(30_000, &signal(0x35)))));
    assert_eq!((found.len(), found[0].coded), (1, Some(Seconds(20.0))));
    assert_eq!(found[0].end, Some(at("2026-01-01T00:00:30Z")));
    assert_eq!(
        ranges(&stream("2013:xml", "", &event(20_000, &signal(0x10)))).0,
        [],
        "a programme's beginning is no break"
    );
}

#[test]
fn a_section_stands_in_message_data_too() {
    let inside = insert(7, true);
    let events = format!("<Event presentationTime=\"20000\" messageData=\"{inside}\"/>");
    assert_eq!(ranges(&stream("2013:bin", "", &events)).0.len(), 1);
    assert_eq!(ranges(&stream("2013:bin", "", &event(20_000, &inside))).0.len(), 1);
}

#[test]
fn what_can_not_be_read_is_named_with_its_line_and_the_rest_is_read() {
    let mut bent = insert(7, true).into_bytes();
    bent[12] = b'B';
    let bent = String::from_utf8(bent).unwrap();
    let wrong_number =
        "<SpliceInfoSection><SpliceInsert spliceEventId=\"x\" outOfNetworkIndicator=\"1\"/></SpliceInfoSection>";
    let wayless = "<SpliceInfoSection><SpliceInsert spliceEventId=\"1\"/></SpliceInfoSection>";
    let each = ["", &binary("a*b"), &binary(&bent), wrong_number, wayless, &binary(&insert(8, true))];
    let events: String = each.iter().map(|inside| event(20_000, inside)).collect();
    let (found, defects) = ranges(&stream("2014:xml+bin", "", &events));
    assert_eq!(found.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["8"]);
    assert!(defects.iter().all(|d| d.kind == DefectKind::AdMarker), "{defects:?}");
    let reasons = [
        "neither a Binary",
        "no Base64",
        "no readable splice_info_section",
        "no whole number",
        "without outOfNetworkIndicator",
    ];
    assert_eq!(defects.len(), reasons.len());
    for (defect, reason) in defects.iter().zip(reasons) {
        assert!(defect.message.contains(reason), "{}", defect.message);
    }
}

#[test]
fn events_of_other_schemes_are_no_markers() {
    let text =
        stream("2014:xml+bin", "", &event(20_000, "")).replace("urn:scte:scte35:2014:xml+bin", "urn:example:news");
    assert_eq!(ranges(&text), (vec![], vec![]));
}

#[test]
fn sound_beside_a_picture_is_left_unmarked() {
    let sound = "<AdaptationSet mimeType=\"audio/mp4\"><Representation id=\"a\" bandwidth=\"1\" codecs=\"mp4a.40.2\">\
                 <SegmentTemplate timescale=\"1000\" duration=\"2000\" media=\"$Number$.m4s\"/></Representation></AdaptationSet></Period>";
    let text = stream("2014:xml+bin", "", &event(20_000, &binary(&insert(7, true))));
    let (mpd, _) = read(&text.replace("</Period>", sound));
    let marked: Vec<_> = renditions_at(&mpd, at(NOW)).iter().map(|o| o.timeline.markers.len()).collect();
    assert_eq!(marked, [1, 0]);
}
