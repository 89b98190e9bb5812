//! Tests of elementary streams of all stream types, and of announced discontinuities of their continuity counters.

use super::ts::{PACKET, pid, table, table_packet};
use super::*;

/// Makes a transport stream whose PMT announces a stream of this type on PID 258 with these descriptors, and `packets` of it.
fn announced(kind: u8, descriptors: &[u8], packets: &[[u8; PACKET]]) -> Inspection {
    let pat = table(0, &[0, 1, 0xf0, 0]);
    let entry = [&[kind, 0xe1, 2, 0xf0, descriptors.len() as u8], descriptors].concat();
    let pmt = table(2, &[&[0xe1, 2, 0xf0, 0][..], &entry].concat());
    inspect(&[&[table_packet(0, 0, &pat), table_packet(0x1000, 0, &pmt)][..], packets].concat().concat())
}

/// Makes a packet on PID 258 in which a PES packet with this stream_id, a PTS and a body of `length` bytes begins and ends.
fn pes_packet(counter: u8, stream_id: u8, length: usize) -> [u8; PACKET] {
    let body = vec![0x5a; length];
    let pes = [&[0, 0, 1, stream_id, 0, (8 + length) as u8, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1][..], &body].concat();
    let mut packet = [0xff; PACKET];
    packet[..6].copy_from_slice(&[0x47, 0x41, 2, 0x30 | counter, (PACKET - 5 - pes.len()) as u8, 0]);
    packet[PACKET - pes.len()..].copy_from_slice(&pes);
    packet
}

/// A section as DSM-CC and SCTE 27 have them: `pointer_field`, then a private section.
fn section() -> [u8; PACKET] {
    table_packet(258, 0, &[0xc6, 0x70, 4, 1, 2, 3, 4])
}

#[test]
fn sections_and_unknown_contents_are_no_broken_pes_packets() {
    for kind in [0x05, 0x0a, 0x0b, 0x0c, 0x0d, 0x13, 0x14, 0x16, 0x17, 0x18, 0x19, 0x2c, 0x82, 0x95, 0xc0, 0x90, 0x07] {
        let seen = announced(kind, &[], &[section()]);
        assert_eq!(defects(&seen), [], "{kind:#x}");
        assert_eq!((seen.tracks[0].media, seen.tracks[0].samples), (None, 1), "{kind:#x}");
    }
}

#[test]
fn a_stream_type_that_is_carried_in_pes_packets_has_to_begin_with_a_start_code() {
    for kind in [0x02, 0x06, 0x0f, 0x15, 0x1b, 0x24, 0x2d, 0x81] {
        let message = "PID 258: a PES packet has to begin with 00 00 01, found 00 c6 70".to_owned();
        let found = defects(&announced(kind, &[], &[section()]));
        assert_eq!(found, [(DefectKind::Container, 2 * PACKET as u64, message)], "{kind:#x}");
    }
}

#[test]
fn sound_and_pictures_of_codecs_that_are_not_read_have_times() {
    let packets = [pes_packet(0, 0xbd, 20), pes_packet(1, 0xbd, 20)];
    let (sound, pictures) = (Some(Media::Audio), Some(Media::Video));
    for (kind, descriptors, media, codec) in [
        (0x06, &b"\x7f\x01\x15"[..], sound, "ac-4"),
        (0x06, b"\x7b\x05\0\0\0\0\0", sound, "dts"),
        (0x06, b"\x7c\x01\x58", sound, "aac_latm"),
        (0x2d, b"", sound, "mhas"),
        (0x1c, b"", sound, "mpeg4_audio"),
        (0x8a, b"", sound, "dts"),
        (0x10, b"", pictures, "mpeg4video"),
        (0xea, b"\x05\x04VC-1", pictures, "vc1"),
    ] {
        let seen = announced(kind, descriptors, &packets);
        let track = &seen.tracks[0];
        assert_eq!((defects(&seen), track.media, track.codec.as_str()), (vec![], media, codec), "{kind:#x}");
        assert_eq!((track.samples, track.start.is_some(), track.starts_with_keyframe), (2, true, None), "{kind:#x}");
    }
}

#[test]
fn the_stream_id_shows_the_media_of_an_unknown_type() {
    for (stream_id, media) in [(0xc0, Some(Media::Audio)), (0xe0, Some(Media::Video)), (0xbd, None)] {
        let seen = announced(0xa0, &[], &[pes_packet(0, stream_id, 20)]);
        let track = &seen.tracks[0];
        assert_eq!((defects(&seen), track.media, track.codec.as_str()), (vec![], media, "0xa0"));
    }
}

/// Inspects a fixture whose audio on PID 257 counts on from 7 more behind its second packet, with a packet without payload between
/// them. The first packet of the segment may be that packet, too.
fn jump(indicator: u8, is_first: bool) -> Inspection {
    let mut out: Vec<u8> = Vec::new();
    let mut count = 0;
    for packet in fixture("h264_bframes_aac.ts").chunks_mut(PACKET) {
        if pid(packet) == 257 && packet[3] & 0x10 != 0 {
            count += 1;
            let jumps = if is_first { count == 1 } else { count == 3 };
            let after = jumps || (!is_first && count > 3);
            if jumps {
                let counter = (packet[3] + if is_first { 0xf } else { 6 }) & 0xf;
                let mut empty = [0xff; PACKET];
                empty[..6].copy_from_slice(&[0x47, 1, 1, 0x20 | counter, 183, indicator]);
                out.extend(empty);
            }
            if after && !is_first {
                packet[3] = packet[3] & 0xf0 | (packet[3] + 7) & 0xf;
            }
        }
        out.extend_from_slice(packet);
    }
    inspect(&out)
}

#[test]
fn a_discontinuity_indicator_without_payload_announces_the_counter_that_follows() {
    let seen = jump(0x80, false);
    assert_eq!((defects(&seen), seen.ts.unwrap().continuity_errors), (vec![], 0));
    assert_eq!(jump(0, false).ts.unwrap().continuity_errors, 1, "without the indicator packets are missing");
    let counter = |indicator| *jump(indicator, true).ts.unwrap().counters.iter().find(|c| c.pid == 257).unwrap();
    assert!(counter(0x80).discontinuity, "at the beginning of the segment");
    assert!(!counter(0).discontinuity);
}
