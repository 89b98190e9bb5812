//! Tests of MPEG-TS. The expected numbers are those of `ffprobe -show_entries packet=codec_type,pts,dts,duration,flags
//! FILE`.

use super::*;

pub(super) const PACKET: usize = 188;

pub(super) fn pid(packet: &[u8]) -> u16 {
    u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2])
}

/// Returns the packets of the fixture transport stream for which `keep` returns true; `keep` may change them.
fn edited(mut keep: impl FnMut(usize, &mut [u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, packet) in fixture("h264_bframes_aac.ts").chunks_mut(PACKET).enumerate() {
        if keep(n, packet) {
            out.extend_from_slice(packet);
        }
    }
    out
}

/// Returns the number in the fixture of the `n`th packet on the video PID 256 that begins a PES packet (`start`) or
/// continues one.
fn video_packet(n: usize, start: bool) -> usize {
    let bytes = fixture("h264_bframes_aac.ts");
    let mut packets = bytes.chunks(PACKET).enumerate().filter(|(_, p)| pid(p) == 256 && (p[1] & 0x40 != 0) == start);
    packets.nth(n).unwrap().0
}

#[test]
fn b_frames_are_measured_by_decode_time() {
    let seen = inspect(&fixture("h264_bframes_aac.ts"));
    assert_eq!((seen.container, defects(&seen), seen.encrypted), (Container::MpegTs, vec![], false));
    let [video, audio] = seen.tracks.as_slice() else { panic!("{:?}", seen.tracks) };
    assert_eq!((video.id, video.media, video.codec.as_str()), (256, Some(Media::Video), "h264"));
    assert_eq!(summary(video), (126_000, 133_200, 482_400 + 3600, 100, 4, Some(true)));
    assert_eq!((millis(video.keyframe_interval_max), millis(video.sample_gap_max)), (Some(1000), Some(40)));
    assert_eq!((audio.id, audio.media, audio.codec.as_str()), (257, Some(Media::Audio), "aac"));
    assert_eq!(summary(audio), (131_280, 131_280, 492_240 + 1920, 189, 0, None));
    assert_eq!(millis(audio.sample_gap_max), Some(21));
    let ts = seen.ts.unwrap();
    assert_eq!((ts.packets, ts.continuity_errors, ts.transport_errors), (342, 0, 0));
    assert_eq!((ts.pat_offset, ts.pmt_offset, millis(ts.pcr_interval_max)), (Some(188), Some(376), Some(80)));
    assert_eq!((ts.pcr_count, ts.pcr_first), (52, Some(MediaTime::mpeg(63000))));
    assert_eq!(ts.counters.iter().map(|c| c.pid).collect::<Vec<_>>(), [0, 17, 256, 257, 4096]);
    assert_eq!(ts.counters[3], ContinuityCounter { pid: 257, first: 0, last: 4, discontinuity: false });
}

#[test]
fn a_single_clock_reference_has_no_interval_and_no_reference_has_no_time() {
    let mut left = 1;
    let mut keep = |packet: &mut [u8]| {
        if packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0 {
            packet[5] &= if left == 0 { !0x10 } else { 0xff };
            left -= i32::from(left > 0);
        }
        true
    };
    let single = inspect(&edited(|_, packet| keep(packet))).ts.unwrap();
    assert_eq!((single.pcr_count, single.pcr_interval_max), (1, None));
    let none = inspect(&edited(|_, packet| keep(packet))).ts.unwrap();
    assert_eq!((none.pcr_count, none.pcr_first), (0, None));
}

#[test]
fn open_gops_begin_at_recovery_points_and_fractional_rates_end_exactly() {
    let seen = inspect(&fixture("h264_opengop_aac441.ts"));
    assert_eq!(defects(&seen), []);
    // The last frame's duration is 3753 or 3754 ticks: 90000 * 1001 / 24000 = 3753.75.
    assert_eq!(summary(&seen.tracks[0]), (126_000, 133_508, 392_517 + 3754, 72, 3, Some(true)));
    // 131 frames of 1024 samples at 44100 Hz are 273763.3 ticks.
    assert_eq!(summary(&seen.tracks[1]), (131_418, 131_418, 131_418 + 273_763, 131, 0, None));
}

#[test]
fn an_intra_picture_without_a_recovery_point_is_no_key_frame() {
    let mut bytes = fixture("h264_opengop_aac441.ts");
    let messages: Vec<usize> = memchr::memmem::find_iter(&bytes, &[0, 0, 1, 6]).collect();
    for start in messages {
        // Supplemental enhancement information becomes filler data.
        bytes[start + 3] = 12;
    }
    let video = &inspect(&bytes).tracks[0];
    assert_eq!((video.samples, video.keyframes, video.starts_with_keyframe), (72, 1, Some(true)));
}

#[test]
fn decode_times_increase_across_a_clock_wrap() {
    let seen = inspect(&fixture("hevc_aac_wrap.ts"));
    assert_eq!(defects(&seen), []);
    // ffprobe gives stamps before the wrap as negative numbers.
    let wrap = 1i64 << 33;
    let (video, audio) = (&seen.tracks[0], &seen.tracks[1]);
    assert_eq!(video.codec, "hevc");
    assert_eq!(summary(video), (wrap - 143_792, wrap - 136_592, wrap + 122_608 + 3600, 75, 3, Some(true)));
    assert_eq!(summary(audio), (wrap - 138_512, wrap - 138_512, wrap + 132_208 + 1920, 142, 0, None));
    assert_eq!(millis(video.sample_gap_max), Some(40));
}

#[test]
fn dolby_frames_are_counted() {
    for (name, codec) in [("ac3.ts", "ac-3"), ("eac3.ts", "ec-3")] {
        let seen = inspect(&fixture(name));
        assert_eq!((defects(&seen), seen.tracks[0].codec.as_str()), (vec![], codec));
        assert_eq!(summary(&seen.tracks[0]), (126_000, 126_000, 304_560 + 2880, 63, 0, None));
    }
}

#[test]
fn a_dropped_packet_is_one_error_where_it_is_missed() {
    let gone = video_packet(40, false);
    let bytes = fixture("h264_bframes_aac.ts");
    let next = (gone + 1..).find(|n| pid(&bytes[n * PACKET..]) == 256).unwrap();
    let expected = bytes[gone * PACKET + 3] & 0xf;
    let seen = inspect(&edited(|n, _| n != gone));
    assert_eq!(seen.ts.as_ref().unwrap().continuity_errors, 1);
    let found = (expected + 1) & 0xf;
    let message = format!("PID 256: continuity counter {expected} expected, found {found}");
    assert_eq!(defects(&seen), [(DefectKind::Continuity, ((next - 1) * PACKET) as u64, message)]);
    assert_eq!(seen.defects[0].reference, "ISO/IEC 13818-1 2.4.3.3");
    assert_eq!(summary(&seen.tracks[0]), (126_000, 133_200, 486_000, 100, 4, Some(true)));
}

/// The end of one packet and the beginning of the next but one would be an access unit delimiter.
#[test]
fn a_start_code_that_a_loss_puts_together_is_none() {
    let [before, lost, after] = [1, 2, 3].map(|n| video_packet(n, false));
    let seen = inspect(&edited(|n, packet| {
        if n == before {
            packet[PACKET - 2..].copy_from_slice(&[0, 0]);
        } else if n == after {
            packet[4..6].copy_from_slice(&[1, 9]);
        }
        n != lost
    }));
    assert_eq!((seen.ts.unwrap().continuity_errors, seen.tracks[0].samples), (1, 100));
}

#[test]
fn a_packet_sent_twice_changes_nothing() {
    let twice = video_packet(40, false) * PACKET;
    let mut bytes = fixture("h264_bframes_aac.ts");
    bytes.splice(twice..twice, bytes[twice..twice + PACKET].to_vec());
    let seen = inspect(&bytes);
    assert_eq!((defects(&seen), seen.tracks[0].samples), (vec![], 100));
}

#[test]
fn time_stamps_are_read_without_a_pat() {
    let seen = inspect(&edited(|_, p| pid(p) != 0));
    let message = "the segment has no PAT; media begins on PID 256".to_owned();
    assert_eq!(defects(&seen), [(DefectKind::Tables, 376, message)]);
    assert_eq!(seen.ts.as_ref().unwrap().pat_offset, None);
    let [video, audio] = seen.tracks.as_slice() else { panic!("{:?}", seen.tracks) };
    assert_eq!(
        (video.codec.as_str(), video.media, audio.media),
        ("stream_id 0xe0", Some(Media::Video), Some(Media::Audio))
    );
    assert_eq!(summary(video), (126_000, 133_200, 486_000, 100, 0, None));
}

#[test]
fn without_a_pmt_the_pid_is_named() {
    let seen = inspect(&edited(|_, p| pid(p) != 4096));
    let message = "the segment has no PMT; the PAT at byte 188 announces it on PID 4096".to_owned();
    assert_eq!(defects(&seen), [(DefectKind::Tables, 376, message)]);
}

#[test]
fn tables_after_the_first_media_are_a_defect() {
    // The first three packets are SDT, PAT and PMT.
    let seen = inspect(&edited(|n, _| n > 2));
    let (kind, at, message) = defects(&seen).remove(0);
    assert_eq!((kind, at, seen.defects_total), (DefectKind::Tables, 0, 1));
    let pmt = seen.ts.unwrap().pmt_offset.unwrap();
    assert_eq!(message, format!("media on PID 256 begins before PAT and PMT: the first PMT is at byte {pmt}"));
    assert_eq!((seen.tracks[0].codec.as_str(), seen.tracks[0].samples), ("h264", 100));
}

#[test]
fn a_wrong_crc_is_reported_for_each_table() {
    let mut first = true;
    let seen = inspect(&edited(|_, p| {
        if pid(p) == 4096 && std::mem::take(&mut first) {
            p[20] ^= 0x10;
        }
        true
    }));
    let (kind, at, message) = defects(&seen).remove(0);
    assert_eq!((kind, at), (DefectKind::Tables, 376));
    assert!(message.starts_with("PMT on PID 4096: CRC_32 is 0x"), "{message}");
}

#[test]
fn a_transport_error_is_counted_once() {
    let bad = video_packet(40, false);
    let seen = inspect(&edited(|n, p| {
        p[1] |= if n == bad { 0x80 } else { 0 };
        true
    }));
    let ts = seen.ts.as_ref().unwrap();
    assert_eq!((ts.transport_errors, ts.continuity_errors), (1, 0));
    assert_eq!((defects(&seen)[0].0, defects(&seen)[0].1), (DefectKind::Continuity, (bad * PACKET) as u64));
}

#[test]
fn sync_is_found_again_after_a_loss() {
    let bad = video_packet(40, false);
    let at = bad * PACKET;
    let mut bytes = fixture("h264_bframes_aac.ts");
    bytes.splice(at + 50..at + 90, []);
    let seen = inspect(&bytes);
    // The cut packet still begins with its sync byte; the next one isn't at the expected offset.
    let (kind, place, message) = defects(&seen).remove(0);
    assert_eq!((kind, place), (DefectKind::Container, (at + PACKET) as u64));
    assert!(message.ends_with(&format!("the next packet is at byte {}, 148 bytes are lost", at + 336)), "{message}");
}

#[test]
fn a_segment_cut_at_both_ends_has_two_defects() {
    let bytes = fixture("h264_bframes_aac.ts");
    let seen = inspect(&bytes[100..bytes.len() - 100]);
    let found = defects(&seen);
    assert_eq!((found[0].1, found[1].1), (0, (bytes.len() - 100 - 188) as u64));
    assert!(found[0].2.contains("the next packet is at byte 88"), "{found:?}");
    assert_eq!(found[1].2, "the last packet is truncated: 88 of 188 bytes");
}

#[test]
fn scrambled_video_has_unknown_key_frames() {
    let seen = inspect(&edited(|_, p| {
        p[3] |= if pid(p) == 256 { 0x80 } else { 0 };
        true
    }));
    assert!(seen.encrypted);
    let video = &seen.tracks[0];
    assert_eq!((video.samples, video.start, video.starts_with_keyframe), (100, None, None));
    assert_eq!((defects(&seen), seen.tracks[1].samples), (vec![], 189));
}

#[test]
fn a_segment_that_begins_between_key_frames_says_so() {
    let second = video_packet(1, true);
    let seen = inspect(&edited(|n, _| n < 3 || n >= second));
    assert_eq!(
        (seen.tracks[0].starts_with_keyframe, seen.tracks[0].samples, seen.tracks[0].keyframes),
        (Some(false), 99, 3)
    );
}

#[test]
fn other_packet_sizes_are_recognised() {
    let bytes: Vec<u8> = fixture("ac3.ts").chunks(PACKET).flat_map(|p| [&[0; 4], p].concat()).collect();
    let seen = inspect(&bytes);
    let message = "transport stream packets of 192 bytes; a segment has packets of 188 bytes".to_owned();
    assert_eq!((seen.container, defects(&seen)), (Container::MpegTs, vec![(DefectKind::Container, 0, message)]));
}

/// Makes a transport packet on PID 258 that begins and ends a section.
fn section_packet(counter: u8, section: &[u8]) -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    packet[..5].copy_from_slice(&[0x47, 0x41, 0x02, 0x10 | counter, 0]);
    packet[5..5 + section.len()].copy_from_slice(section);
    packet
}

/// Returns the fixture with a stream of stream_type 0x86 on PID 258 added to each PMT, and these packets behind the
/// first PMT.
fn with_sections(packets: &[[u8; PACKET]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut left = Some(packets);
    for packet in fixture("h264_bframes_aac.ts").chunks_mut(PACKET) {
        if pid(packet) == 0x1000 {
            let end = 5 + 3 + usize::from(packet[7]) - 4;
            packet[end..end + 5].copy_from_slice(&[0x86, 0xe1, 0x02, 0xf0, 0]);
            packet[7] += 5;
            let crc = crate::splice::crc32(&packet[5..end + 5]);
            packet[end + 5..end + 9].copy_from_slice(&crc.to_be_bytes());
        }
        out.extend_from_slice(packet);
        if pid(packet) == 0x1000 {
            left.take().into_iter().flatten().for_each(|packet| out.extend_from_slice(packet));
        }
    }
    out
}

/// An SCTE 35 section with a splice_insert of event id 1 that leads out of the programme for 30 s.
const SPLICE: [u8; 40] = [
    0xfc, 0x30, 0x25, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, 0x14, 5, 0, 0, 0, 1, 0x7f, 0xef, 0xfe, 0, 0, 0, 0, 0x7e, 0,
    0x29, 0x32, 0xe0, 0, 1, 0, 0, 0, 0, 0x66, 0x69, 0x2a, 0xf5,
];

#[test]
fn scte35_sections_are_read_with_their_offsets() {
    let seen = inspect(&with_sections(&[section_packet(0, &SPLICE), section_packet(1, &SPLICE)]));
    assert_eq!(defects(&seen), []);
    let ts = seen.ts.as_ref().unwrap();
    assert_eq!(ts.splice_sections.iter().map(|s| (s.pid, s.offset)).collect::<Vec<_>>(), [(258, 564), (258, 752)]);
    let cue = ts.splice_sections[0].section.first_out().unwrap();
    assert_eq!((cue.event_id, cue.duration, seen.splice_count()), (1, Some(crate::units::Seconds(30.0)), 2));
    let track = seen.tracks.iter().find(|t| t.id == 258).unwrap();
    assert_eq!((track.media, track.codec.as_str()), (None, "scte35"));
}

#[test]
fn an_scte35_section_with_a_wrong_crc_is_a_defect_with_its_offset() {
    let mut bent = SPLICE;
    bent[17] = 2;
    let seen = inspect(&with_sections(&[section_packet(0, &bent)]));
    assert_eq!(seen.defects.len(), 1);
    let defect = &seen.defects[0];
    assert_eq!((defect.kind, defect.at), (crate::defect::DefectKind::AdMarker, crate::defect::Position::Byte(564)));
    assert!(defect.message.contains("PID 258") && defect.message.contains("CRC_32"), "{}", defect.message);
    assert!(seen.ts.unwrap().splice_sections.is_empty());
}

/// Makes a transport packet on PID 258 with one whole PES packet whose data_alignment_indicator is set.
fn metadata_packet(body: &[u8]) -> [u8; PACKET] {
    let pes = [&[0, 0, 1, 0xbd, 0, (8 + body.len()) as u8, 0x84, 0x80, 5, 0x21, 0, 1, 0, 1][..], body].concat();
    let stuffing = PACKET - 4 - pes.len();
    let mut packet = [0xff; PACKET];
    packet[..6].copy_from_slice(&[0x47, 0x41, 0x02, 0x30, (stuffing - 1) as u8, 0]);
    packet[PACKET - pes.len()..].copy_from_slice(&pes);
    packet
}

/// Inspects the fixture with a stream of stream_type 0x15 and these descriptors announced on PID 258, and a PES packet
/// with `body` on this PID.
fn with_metadata(descriptors: &[u8], body: &[u8]) -> Inspection {
    let mut out = Vec::new();
    for packet in fixture("h264_bframes_aac.ts").chunks_mut(PACKET) {
        let table = pid(packet) == 0x1000;
        if table {
            let end = 5 + 3 + usize::from(packet[7]) - 4;
            let entry = [&[0x15, 0xe1, 0x02, 0xf0, descriptors.len() as u8], descriptors].concat();
            packet[end..end + entry.len()].copy_from_slice(&entry);
            packet[7] += entry.len() as u8;
            let end = end + entry.len();
            let crc = crate::splice::crc32(&packet[5..end]);
            packet[end..end + 4].copy_from_slice(&crc.to_be_bytes());
        }
        out.extend_from_slice(packet);
        if table && out.len() < 10 * PACKET {
            out.extend_from_slice(&metadata_packet(body));
        }
    }
    inspect(&out)
}

const ID3_METADATA: [u8; 15] = [0x26, 13, 0xff, 0xff, b'I', b'D', b'3', b' ', 0xff, b'I', b'D', b'3', b' ', 0, 0x0f];

#[test]
fn metadata_announced_as_id3_has_to_begin_with_a_tag() {
    let seen = with_metadata(&ID3_METADATA, b"ID3\x04\0\0\0\0\0\0");
    assert_eq!(defects(&seen), []);
    assert_eq!(seen.tracks.iter().find(|t| t.id == 258).unwrap().codec, "id3");
    let seen = with_metadata(&ID3_METADATA, b"{\"ad\":1}");
    let message = "PID 258: timed metadata is announced as ID3 and begins with 7b 22 61 instead of `ID3`".to_owned();
    assert_eq!(defects(&seen), [(crate::defect::DefectKind::SideBox, 564, message)]);
}

#[test]
fn metadata_of_another_kind_needs_no_tag() {
    for (descriptors, codec) in [(&b"\x05\x04KLVA"[..], "klv"), (b"", "metadata")] {
        let seen = with_metadata(descriptors, b"{\"ad\":1}");
        assert_eq!(defects(&seen), [], "{codec}");
        assert_eq!(seen.tracks.iter().find(|t| t.id == 258).unwrap().codec, codec);
    }
}

/// Makes a transport packet on this PID that begins and ends a section.
pub(super) fn table_packet(pid: u16, counter: u8, section: &[u8]) -> [u8; PACKET] {
    let mut packet = section_packet(counter, section);
    packet[1..3].copy_from_slice(&(0x4000 | pid).to_be_bytes());
    packet
}

pub(super) fn table(table_id: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 9) as u16 | 0xb000;
    let mut bytes = [&[table_id][..], &length.to_be_bytes(), &[0, 1, 0xc1, 0, 0], body].concat();
    bytes.extend(crate::splice::crc32(&bytes).to_be_bytes());
    bytes
}

#[test]
fn a_segment_has_one_program() {
    let pat = table(0, &[0, 1, 0xe0, 16, 0, 2, 0xe0, 17]);
    let seen = inspect(&[table_packet(0, 0, &pat), table_packet(0, 1, &pat)].concat());
    let messages = [
        "the PAT lists 2 programs; a segment holds exactly one",
        "the segment has no PMT; the PAT at byte 0 announces it on PID 16, 17",
    ];
    assert_eq!(defects(&seen), messages.map(|message| (DefectKind::Tables, 0, message.to_owned())));
    let ts = seen.ts.unwrap();
    assert_eq!((ts.packets, ts.pat_offset, ts.pmt_offset), (2, Some(0), None));
}

#[test]
fn a_pmt_may_be_repeated_and_not_changed() {
    let pat = table(0, &[0, 1, 0xf0, 0]);
    let pmt = |kind| table(2, &[0xe1, 1, 0xf0, 0, kind, 0xe1, 1, 0xf0, 0]);
    let packets = |kinds: [u8; 3]| {
        let pmts = (0..).zip(kinds).map(|(n, kind)| table_packet(0x1000, n, &pmt(kind)));
        std::iter::once(table_packet(0, 0, &pat)).chain(pmts).collect::<Vec<_>>().concat()
    };
    assert_eq!(defects(&inspect(&packets([0x0f, 0x0f, 0x0f]))), []);
    let message = "the PMT on PID 4096 changes inside the segment, from 257=aac to 257=h264".to_owned();
    assert_eq!(defects(&inspect(&packets([0x0f, 0x0f, 0x1b]))), [(DefectKind::Tables, 564, message)]);
}

/// Makes `count` null packets.
fn nulls(count: usize) -> Vec<u8> {
    [&[0x47, 0x1f, 0xff, 0x10][..], &[0; PACKET - 4]].concat().repeat(count)
}

/// Returns the number of transport packets and the container defects (offset and message). Checks that the size of the
/// chunks in which the bytes arrive makes no difference.
fn framed(bytes: &[u8]) -> (u64, Vec<(u64, String)>) {
    let whole = inspect(bytes);
    for size in [1, 100, 189, 1000] {
        let mut inspector = SegmentInspector::new(None);
        bytes.chunks(size).for_each(|piece| inspector.push(piece));
        assert_eq!(inspector.finish().0, whole, "pieces of {size}");
    }
    let container = defects(&whole).into_iter().filter(|(kind, ..)| *kind == DefectKind::Container);
    (whole.ts.unwrap().packets, container.map(|(_, at, message)| (at, message)).collect())
}

#[test]
fn packets_behind_noise_are_found_at_their_offset() {
    let at = 3 * PACKET as u64;
    let lost = |found: &str, to: u64| {
        (
            at,
            format!(
                "sync byte 0x47 expected, found {found}; the next packet is at byte {to}, {} bytes are lost",
                to - at
            ),
        )
    };
    for (noise, found) in [(&[0; 10][..], "0x00"), (&[5, 0x47, 0, 0x47, 0, 0, 0, 0, 0, 0x47], "0x05")] {
        for behind in [1, 2, 3, 40] {
            let bytes = [&nulls(3), noise, &nulls(behind)].concat();
            assert_eq!(framed(&bytes), (3 + behind as u64, vec![lost(found, at + 10)]), "{noise:?} {behind}");
        }
    }
    let long = [nulls(3), vec![0; 10_000], nulls(3)].concat();
    assert_eq!(framed(&long), (6, vec![lost("0x00", at + 10_000)]));
}

#[test]
fn the_end_of_a_segment_may_be_cut_or_lost() {
    let at = 3 * PACKET as u64;
    for rest in [1, 100, 187] {
        let message = format!("the last packet is truncated: {rest} of 188 bytes");
        assert_eq!(framed(&nulls(4)[..3 * PACKET + rest]), (3, vec![(at, message)]));
    }
    let gone = "sync byte 0x47 expected, found 0x09; no packet follows until the end".to_owned();
    let noise = [&nulls(3)[..], &[9; 300]].concat();
    assert_eq!(framed(&noise), (3, vec![(at, gone.clone())]));
    let cut = [&nulls(3)[..], &[9; 300], &nulls(1)[..187]].concat();
    assert_eq!(framed(&cut), (3, vec![(at, gone)]));
}
