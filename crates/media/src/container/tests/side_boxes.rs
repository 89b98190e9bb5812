//! Tests of event messages, producer reference times and segment indexes.

use super::*;
use crate::splice::SpliceDirection;

/// Name of the fixture segment. Its boxes are styp, sidx (bytes 24 to 76), moof and mdat.
const SEGMENT: &str = "cmaf_h264_0";
const SIDX: usize = 24;
const MEDIA: usize = 76;

/// Inspects the fixture segment with the bytes `before` inserted in front of its segment index.
fn seen_with(before: &[u8]) -> Inspection {
    let bytes = fixture(&format!("{SEGMENT}.m4s"));
    let with = [&bytes[..SIDX], before, &bytes[SIDX..]].concat();
    inspect_with(Some(&init_of("cmaf_h264_init.mp4")), &with)
}

/// Makes an event message box (`emsg`). Version 0 counts `time` from the start of the segment, version 1 from the start
/// of the presentation.
fn event(version: u8, timescale: u32, time: u32, scheme: &str, data: &[u8]) -> Vec<u8> {
    let [timescale, delta, duration, id] = [timescale, time, 0, 9].map(u32::to_be_bytes);
    let scheme = [scheme.as_bytes(), b"\0", b"1001\0"].concat();
    match version {
        0 => boxed(b"emsg", &[&[0; 4], &scheme, &timescale, &delta, &duration, &id, data]),
        _ => {
            let time = u64::from(time).to_be_bytes();
            boxed(b"emsg", &[&[version, 0, 0, 0], &timescale, &time, &duration, &id, &scheme, data])
        }
    }
}

const SCTE35: &str = "urn:scte:scte35:2013:bin";
/// An SCTE 35 section with a splice_insert that leads out of the programme for 30 s.
const INSERT: [u8; 40] = [
    0xfc, 0x30, 0x25, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, 0x14, 0x05, 0, 0, 0, 1, 0x7f, 0xef, 0xfe, 0, 0, 0, 0, 0x7e, 0,
    0x29, 0x32, 0xe0, 0, 1, 0, 0, 0, 0, 0x66, 0x69, 0x2a, 0xf5,
];

#[test]
fn a_splice_in_an_event_message_is_read_with_its_time() {
    for (version, time, expected) in [(0, 500, 580), (1, 500, 500)] {
        let seen = seen_with(&event(version, 1000, time, SCTE35, &INSERT));
        assert_eq!(defects(&seen), [], "version {version}");
        let [event] = seen.events.as_slice() else { panic!("{:?}", seen.events) };
        assert_eq!((event.offset, event.id, event.scheme.as_str()), (SIDX as u64, 9, SCTE35));
        // The first picture is presented 80 ms after the timeline's beginning.
        assert_eq!(event.time.map(|t| (t.ticks, t.timescale().get())), Some((expected, 1000)));
        let cue = event.section.as_ref().unwrap().first_out().unwrap();
        assert_eq!(
            (cue.direction, cue.duration, seen.splice_count()),
            (SpliceDirection::Out, Some(crate::units::Seconds(30.0)), 1)
        );
    }
}

#[test]
fn an_unreadable_splice_is_an_ad_marker_defect() {
    let mut bent = INSERT;
    bent[20] ^= 1;
    let seen = seen_with(&event(1, 1000, 500, SCTE35, &bent));
    let [(kind, at, message)] = &defects(&seen)[..] else { panic!("{:?}", seen.defects) };
    assert_eq!((*kind, *at), (DefectKind::AdMarker, SIDX as u64));
    assert!(message.starts_with("`emsg` 9: no readable splice_info_section: CRC_32 is"), "{message}");
    assert_eq!((seen.events.len(), seen.splice_count()), (1, 0));
}

#[test]
fn an_event_message_has_a_timescale_and_both_strings() {
    for version in [0, 1] {
        let seen = seen_with(&event(version, 0, 500, SCTE35, &INSERT));
        let message = "box `emsg` at byte 24 has the timescale 0: its event has no time".to_owned();
        assert_eq!(defects(&seen), [(DefectKind::SideBox, 24, message)]);
        assert!(seen.events.is_empty());
    }
    let cut = boxed(b"emsg", &[&[0; 4], b"urn:scte"]);
    let [(kind, 24, message)] = &defects(&seen_with(&cut))[..] else { panic!() };
    assert_eq!(*kind, DefectKind::SideBox);
    assert!(message.contains("can't be read"), "{message}");
}

#[test]
fn timed_metadata_in_an_event_message_is_an_id3_tag() {
    let scheme = "https://aomedia.org/emsg/ID3";
    let tag = b"ID3\x04\0\0\0\0\0\0";
    assert_eq!(defects(&seen_with(&event(1, 1000, 500, scheme, tag))), []);
    let [(DefectKind::SideBox, 24, message)] = &defects(&seen_with(&event(1, 1000, 500, scheme, b"{}")))[..] else {
        panic!()
    };
    assert!(message.ends_with("its message doesn't begin with `ID3`"), "{message}");
}

#[test]
fn a_producer_reference_time_refers_to_a_track_of_the_initialization() {
    let reference = |track: u32, ntp: u64| {
        let seen = seen_with(&boxed(b"prft", &[&[1, 0, 0, 0], &track.to_be_bytes(), &ntp.to_be_bytes(), &[0; 8]]));
        defects(&seen).into_iter().map(|(kind, _, message)| (kind, message)).collect::<Vec<_>>()
    };
    let ntp = 0xe800_0000_0000_0000;
    assert_eq!(reference(1, ntp), []);
    let other = "box `prft` at byte 24 refers to track 7, the initialization segment has 1".to_owned();
    assert_eq!(reference(7, ntp), [(DefectKind::SideBox, other)]);
    let none = "box `prft` at byte 24 has no time: its NTP timestamp is 0".to_owned();
    assert_eq!(reference(1, 0), [(DefectKind::SideBox, none)]);
}

/// Returns the defects of the fixture segment when the size of the only part in its `sidx` is changed by `by` bytes.
fn indexed(by: i64) -> Vec<(DefectKind, u64, String)> {
    let mut bytes = fixture(&format!("{SEGMENT}.m4s"));
    let at = MEDIA - 12;
    let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(size as usize, bytes.len() - MEDIA);
    bytes[at..at + 4].copy_from_slice(&((i64::from(size) + by) as u32).to_be_bytes());
    defects(&inspect_with(Some(&init_of("cmaf_h264_init.mp4")), &bytes))
}

#[test]
fn the_parts_of_an_index_end_where_boxes_do() {
    let end = fixture(&format!("{SEGMENT}.m4s")).len();
    assert_eq!(indexed(0), []);
    let past = format!("the parts of the `sidx` at byte 24 end at byte {}, the segment ends at byte {end}", end + 5);
    assert_eq!(indexed(5), [(DefectKind::SideBox, 24, past)]);
    let inside = format!("a part of the `sidx` at byte 24 ends at byte {}, inside of a box", end - 5);
    assert_eq!(indexed(-5), [(DefectKind::SideBox, 24, inside)]);
    // The index may leave out the end of the segment.
    let mdat = 10_250;
    assert_eq!(indexed(-mdat), []);
}

#[test]
fn a_duration_that_nginx_rtmp_writes_as_first_offset_is_ignored() {
    let mut bytes = fixture(&format!("{SEGMENT}.m4s"));
    let duration: [u8; 4] = bytes[MEDIA - 8..MEDIA - 4].try_into().unwrap();
    // Version 1 has 64 bits, of which these are the lower ones.
    bytes[MEDIA - 20..MEDIA - 16].copy_from_slice(&duration);
    let init = init_of("cmaf_h264_init.mp4");
    assert_eq!(defects(&inspect_with(Some(&init), &bytes)), []);
    bytes[MEDIA - 17] ^= 1;
    assert_eq!(defects(&inspect_with(Some(&init), &bytes)).len(), 1);
}

#[test]
fn an_index_of_another_resource_is_not_compared() {
    let bytes = fixture(&format!("{SEGMENT}.m4s"));
    let lone = [fixture("cmaf_h264_init.mp4"), bytes[SIDX..MEDIA].to_vec()].concat();
    assert_eq!(defects(&inspect(&lone)), []);
}

#[test]
fn a_flood_of_messages_and_a_huge_one_are_bounded() {
    let many = event(1, 1000, 500, "urn:x", b"").repeat(1000);
    assert_eq!(seen_with(&many).events.len(), 64);
    let huge = event(1, 1000, 500, SCTE35, &vec![0; 200_000]);
    let seen = seen_with(&huge);
    assert_eq!((defects(&seen), seen.events.len()), (vec![], 0));
}

#[test]
fn an_event_that_ends_the_validity_of_an_mpd_names_its_publish_time() {
    let expires = |scheme: &str, data: &[u8]| {
        let seen = seen_with(&event(1, 1000, 500, scheme, data));
        assert_eq!(defects(&seen), []);
        seen.events[0].expires.map(|at| at.to_string())
    };
    let (scheme, time) = ("urn:mpeg:dash:event:2012", "2026-01-01T00:00:00Z");
    assert_eq!(expires(scheme, time.as_bytes()).as_deref(), Some(time));
    assert_eq!(expires(scheme, b"2026-01-01T00:00:00Z\0<MPD/>").as_deref(), Some(time));
    assert_eq!((expires(scheme, b""), expires("urn:example:news", time.as_bytes())), (None, None));
}
