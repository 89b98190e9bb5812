//! Tests of fragmented MP4. The expected numbers are those of `cat INIT SEGMENT > x.mp4; ffprobe -show_entries
//! packet=pts,dts,duration,flags x.mp4`.

use super::*;

fn segment(name: &str) -> (InitSegment, Vec<u8>) {
    let init = format!("{}_init.mp4", name.rsplit_once('_').unwrap().0);
    (init_of(&init), fixture(&format!("{name}.m4s")))
}

/// Returns an initialization segment and its media segment without the `sidx`, which holds the size of the fragment.
fn unindexed(name: &str) -> (InitSegment, Vec<u8>) {
    let (init, bytes) = segment(name);
    let (index, moof) = (find(&bytes, b"sidx"), find(&bytes, b"moof"));
    (init, [&bytes[..index], &bytes[moof..]].concat())
}

fn find(bytes: &[u8], kind: &[u8; 4]) -> usize {
    memchr::memmem::find(bytes, kind).unwrap() - 4
}

#[test]
fn an_initialization_segment_names_its_tracks() {
    let seen = inspect(&fixture("cmaf_h264_init.mp4"));
    assert_eq!((seen.container, defects(&seen)), (Container::Cmaf, vec![]));
    let [track] = seen.tracks.as_slice() else { panic!("{:?}", seen.tracks) };
    assert_eq!((track.id, track.media, track.codec.as_str(), track.samples), (1, Some(Media::Video), "h264", 0));
    let codec = |name| init_of(name).tracks[0].codec.clone();
    assert_eq!([codec("cmaf_hevc_init.mp4"), codec("cmaf_aac_init.mp4")], ["hevc", "aac"]);
}

#[test]
fn segments_are_measured_against_their_initialization() {
    let expect = [
        ("cmaf_h264_0", 12_800, (0, 1024, 25_088 + 512, 50, 2, Some(true)), Some(1000)),
        ("cmaf_h264_1", 12_800, (25_600, 26_624, 50_688 + 512, 50, 2, Some(true)), Some(1000)),
        ("cmaf_hevc_0", 12_800, (0, 1024, 24_576 + 512, 49, 1, Some(true)), None),
        ("cmaf_hevc_1", 12_800, (25_088, 26_112, 50_688 + 512, 51, 1, Some(true)), None),
        ("cmaf_aac_0", 48_000, (0, 0, 95_232 + 1024, 94, 0, None), None),
        ("cmaf_aac_1", 48_000, (96_256, 96_256, 191_488 + 1024, 94, 0, None), None),
    ];
    for (name, timescale, numbers, interval) in expect {
        let (init, bytes) = segment(name);
        let seen = inspect_with(Some(&init), &bytes);
        assert_eq!((defects(&seen), seen.encrypted), (vec![], false), "{name}");
        let [track] = seen.tracks.as_slice() else { panic!("{name}") };
        assert_eq!((summary(track), track.start.unwrap().timescale().get()), (numbers, timescale), "{name}");
        assert_eq!(millis(track.keyframe_interval_max), interval, "{name}");
    }
}

#[test]
fn a_box_of_the_initialization_segment_that_exceeds_its_parent_is_a_defect() {
    let mut bytes = fixture("cmaf_h264_init.mp4");
    let tkhd = find(&bytes, b"tkhd");
    bytes[tkhd + 2] = 0xff;
    let found = defects(&inspect(&bytes));
    let parent = |(kind, _, message): &(DefectKind, u64, String)| {
        *kind == DefectKind::Initialization && message.contains("its parent `trak` has")
    };
    assert!(found.iter().any(parent), "{found:?}");
}

#[test]
fn an_edit_list_of_the_initialization_segment_moves_presentation_times() {
    let mut bytes = fixture("cmaf_h264_init.mp4");
    // One edit: the presentation begins at media time 1024.
    let fields = [&[0; 4][..], &[0, 0, 0, 1], &[0; 4], &1024_u32.to_be_bytes(), &[0, 1, 0, 0]].concat();
    let edts = [&[0, 0, 0, 36][..], b"edts", &[0, 0, 0, 28], b"elst", &fields].concat();
    for parent in [b"moov", b"trak"] {
        let size = find(&bytes, parent)..find(&bytes, parent) + 4;
        let larger = u32::from_be_bytes(bytes[size.clone()].try_into().unwrap()) + 36;
        bytes[size].copy_from_slice(&larger.to_be_bytes());
    }
    let at = find(&bytes, b"mdia");
    bytes.splice(at..at, edts);
    let mut inspector = SegmentInspector::new(None);
    inspector.push(&bytes);
    let seen = inspect_with(inspector.finish().1.as_ref(), &fixture("cmaf_h264_0.m4s"));
    assert_eq!((defects(&seen), summary(&seen.tracks[0]).0, summary(&seen.tracks[0]).1), (vec![], 0, 0));
}

#[test]
fn a_file_that_initializes_itself_needs_nothing_else() {
    let seen = inspect(&fixture("cenc_whole.mp4"));
    assert!(seen.encrypted, "encv, enca and senc");
    assert!(seen.has_moov && !inspect(&fixture("cmaf_h264_0.m4s")).has_moov);
    // ffmpeg's vectors are in a table of the whole file, which no player of fragments reads.
    assert!(seen.defects.iter().all(|d| d.message.ends_with("can't decrypt them")), "{:?}", seen.defects);
    let [video, audio] = seen.tracks.as_slice() else { panic!("{:?}", seen.tracks) };
    assert_eq!((video.codec.as_str(), audio.codec.as_str()), ("h264", "aac"));
    assert_eq!(summary(video), (0, 1024, 25_600, 50, 2, Some(true)));
    // ffmpeg gives the first audio sample 3840 ticks here, the other 94 have 1024.
    assert_eq!((summary(audio), millis(audio.sample_gap_max)), ((0, 0, 99_840, 95, 0, None), Some(80)));
}

#[test]
fn without_initialization_there_are_samples_but_no_times() {
    let seen = inspect(&fixture("cmaf_h264_0.m4s"));
    assert_eq!((defects(&seen), seen.tracks.len()), (vec![], 1));
    assert_eq!((seen.tracks[0].samples, seen.tracks[0].start, seen.tracks[0].end), (50, None, None));
}

#[test]
fn a_track_that_is_not_in_the_initialization_segment_is_a_defect() {
    let (mut init, bytes) = segment("cmaf_h264_0");
    init.tracks[0].id = 7;
    let seen = inspect_with(Some(&init), &bytes);
    let at = find(&bytes, b"traf") as u64;
    let message = format!("the `traf` at byte {at} belongs to track 1, the initialization segment has 7");
    assert_eq!(defects(&seen), [(DefectKind::Initialization, at, message)]);
}

#[test]
fn a_truncated_box_is_named_with_its_size() {
    let (init, bytes) = segment("cmaf_h264_0");
    let mdat = find(&bytes, b"mdat");
    let size = bytes.len() - mdat;
    let end = bytes.len() - 1000;
    let seen = inspect_with(Some(&init), &bytes[..end]);
    let message =
        format!("truncated: the body ends at byte {end}, {} bytes into box `mdat` of {size} bytes", size - 1000);
    assert_eq!(defects(&seen), [(DefectKind::Container, mdat as u64, message)]);
    assert_eq!(seen.tracks[0].samples, 50, "what could be learned stays");
    let seen = inspect_with(Some(&init), &bytes[..mdat + 5]);
    assert!(defects(&seen)[0].2.ends_with("inside a box header"), "{:?}", seen.defects);
}

#[test]
fn a_box_that_exceeds_its_parent_is_named_with_its_offset() {
    let (init, mut bytes) = segment("cmaf_h264_0");
    let trun = find(&bytes, b"trun");
    bytes[trun + 2] = 0xff;
    let seen = inspect_with(Some(&init), &bytes);
    let (kind, at, message) = defects(&seen).remove(0);
    assert_eq!((kind, at), (DefectKind::Container, trun as u64));
    assert!(message.contains(&format!("at byte {trun}, its parent `traf` has")), "{message}");
}

#[test]
fn a_fragment_without_its_data_is_reported() {
    let (init, bytes) = unindexed("cmaf_h264_0");
    let (moof, mdat) = (find(&bytes, b"moof"), find(&bytes, b"mdat"));
    let twice = [&bytes[..mdat], &bytes[moof..]].concat();
    let seen = inspect_with(Some(&init), &twice);
    let message = format!("the `moof` at byte {moof} has no `mdat` behind it");
    assert_eq!(defects(&seen), [(DefectKind::Container, moof as u64, message)]);
    let mut short = bytes.clone();
    let size = (bytes.len() - mdat - 10) as u32;
    short[mdat..mdat + 4].copy_from_slice(&size.to_be_bytes());
    short.truncate(bytes.len() - 10);
    let seen = inspect_with(Some(&init), &short);
    let needs = bytes.len() - mdat - 8;
    let message =
        format!("the `moof` at byte {moof} describes {needs} bytes of samples, its `mdat` holds {}", needs - 10);
    assert_eq!(defects(&seen), [(DefectKind::Container, moof as u64, message)]);
}

#[test]
fn a_segment_without_a_fragment_is_reported() {
    let seen = inspect(b"\0\0\0\x18stypmsdh\0\0\0\0msdhmsix");
    assert_eq!(defects(&seen), [(DefectKind::Container, 0, "the segment has no movie fragment (`moof`)".to_owned())]);
}

#[test]
fn sizes_of_64_bits_are_followed() {
    let (init, bytes) = unindexed("cmaf_h264_0");
    let mdat = find(&bytes, b"mdat");
    let size = (bytes.len() - mdat + 8) as u64;
    let mut long = [&bytes[..mdat], b"\0\0\0\x01mdat", &size.to_be_bytes(), &bytes[mdat + 8..]].concat();
    let offset = find(&bytes, b"trun") + 16;
    let moved = u32::from_be_bytes(bytes[offset..offset + 4].try_into().unwrap()) + 8;
    long[offset..offset + 4].copy_from_slice(&moved.to_be_bytes());
    let seen = inspect_with(Some(&init), &long);
    assert_eq!((defects(&seen), summary(&seen.tracks[0]).2), (vec![], 25_600));
}

#[test]
fn a_run_may_claim_any_number_of_samples() {
    let (init, _) = segment("cmaf_aac_0");
    let tfhd = b"\0\0\0\x14tfhd\0\x02\0\x08\0\0\0\x01\0\0\x04\0";
    let tfdt = b"\0\0\0\x14tfdt\x01\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff";
    let trun = b"\0\0\0\x10trun\0\0\0\0\xff\xff\xff\xff";
    let traf = [b"\0\0\0\x40traf", &tfhd[..], tfdt, trun].concat();
    let moof = [b"\0\0\0\x48moof", &traf[..], b"\0\0\0\x08mdat"].concat();
    let seen = inspect_with(Some(&init), &moof);
    assert_eq!((seen.tracks[0].samples, seen.tracks[0].end.unwrap().ticks), (u64::from(u32::MAX), i64::MAX));
}

#[test]
fn a_movie_box_nested_without_end_is_harmless() {
    let levels = 200_000u32;
    let mut bytes = Vec::new();
    for level in 0..levels {
        bytes.extend_from_slice(&((levels - level) * 8).to_be_bytes());
        bytes.extend_from_slice(b"moov");
    }
    let seen = inspect(&bytes);
    assert_eq!(seen.container, Container::Cmaf);
    assert!(defects(&seen)[0].2.contains("has no track"), "{:?}", seen.defects);
}

#[test]
fn an_oversized_movie_box_is_not_read() {
    let mut bytes = b"\0\x50\0\0moov".to_vec();
    bytes.resize(0x50_0000, 0);
    let seen = inspect(&bytes);
    assert_eq!(defects(&seen)[0].2, "box `moov` at byte 0 has 5242880 bytes; it is read up to 4194304 bytes");
}

#[test]
fn samples_of_unknown_size_are_counted() {
    let (mut init, _) = segment("cmaf_aac_0");
    init.tracks[0].default_size = None;
    let tfhd = b"\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x01";
    let tfdt = b"\0\0\0\x10tfdt\0\0\0\0\0\0\x04\0";
    let trun = b"\0\0\0\x1ctrun\0\0\x01\0\0\0\0\x03\0\0\x04\0\0\0\x04\0\0\0\x02\0";
    let traf = [b"\0\0\0\x44traf", &tfhd[..], tfdt, trun].concat();
    let moof = [&boxed(b"moof", &[&boxed(b"mfhd", &[&[0; 8]]), &traf])[..], b"\0\0\0\x09mdat_"].concat();
    let seen = inspect_with(Some(&init), &moof);
    assert_eq!((defects(&seen), summary(&seen.tracks[0])), (vec![], (1024, 1024, 3584, 3, 0, None)));
}

#[test]
fn samples_placed_by_positions_in_the_file_are_a_defect() {
    let (init, _) = segment("cmaf_aac_0");
    let tfdt = b"\0\0\0\x10tfdt\0\0\0\0\0\0\x04\0";
    let trun = b"\0\0\0\x1ctrun\0\0\x01\0\0\0\0\x03\0\0\x04\0\0\0\x04\0\0\0\x02\0";
    let of = |tfhd: &[u8]| {
        let moof = boxed(b"moof", &[&boxed(b"mfhd", &[&[0; 8]]), &boxed(b"traf", &[tfhd, tfdt, trun])]);
        inspect_with(Some(&init), &[&moof[..], b"\0\0\0\x09mdat_"].concat()).defects
    };
    assert_eq!(of(b"\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x01"), []);
    let found = of(b"\0\0\0\x18tfhd\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0");
    assert_eq!((found.len(), found[0].kind), (1, DefectKind::ContainerRefused));
    assert!(found[0].message.starts_with("the `traf` of track 1 at byte 24 has base-data-offset"), "{found:?}");
}

/// Returns the defects of the initialization segment when the box of this type is renamed to `free`.
fn without(kind: &[u8; 4]) -> Vec<(DefectKind, u64, String)> {
    let mut bytes = fixture("cmaf_h264_init.mp4");
    let at = find(&bytes, kind);
    bytes[at + 4..at + 8].copy_from_slice(b"free");
    defects(&inspect(&bytes))
}

#[test]
fn each_missing_part_of_a_movie_box_is_a_defect() {
    let bytes = fixture("cmaf_h264_init.mp4");
    let (moov, trak) = (find(&bytes, b"moov") as u64, find(&bytes, b"trak") as u64);
    let defect = |at, message: &str| (DefectKind::Initialization, at, message.to_owned());
    assert_eq!(without(b"mvex"), [defect(moov, "the `moov` has no `mvex`: no fragment may follow it")]);
    assert_eq!(without(b"trex"), [defect(trak, "track 1 has no `trex`")]);
    assert_eq!(without(b"mdhd"), [defect(trak, "track 1 has no `mdhd`, or a timescale of 0")]);
    assert_eq!(without(b"stsd"), [defect(trak, "track 1 has no sample entry in `stsd`")]);
    assert_eq!(without(b"trak"), [defect(moov, "the `moov` has no track")]);
    let nameless = [defect(trak, "track_ID 0 is zero or used twice"), defect(trak, "track 0 has no `trex`")];
    assert_eq!(without(b"tkhd"), nameless);
}

#[test]
fn a_fragment_without_a_decode_time_has_none() {
    let (init, mut bytes) = segment("cmaf_h264_0");
    let (traf, tfdt) = (find(&bytes, b"traf") as u64, find(&bytes, b"tfdt"));
    bytes[tfdt + 4..tfdt + 8].copy_from_slice(b"free");
    let seen = inspect_with(Some(&init), &bytes);
    let message = format!("the `traf` of track 1 at byte {traf} has no `tfdt`: its time is unknown");
    assert_eq!(defects(&seen), [(DefectKind::Container, traf, message)]);
    assert_eq!((seen.tracks[0].samples, seen.tracks[0].start), (50, None));
}

#[test]
fn one_byte_less_than_the_samples_need_is_a_defect() {
    let (init, bytes) = unindexed("cmaf_h264_0");
    let mdat = find(&bytes, b"mdat");
    let mut short = bytes[..bytes.len() - 1].to_vec();
    short[mdat..mdat + 4].copy_from_slice(&((bytes.len() - mdat - 1) as u32).to_be_bytes());
    assert_eq!(defects(&inspect_with(Some(&init), &short)).len(), 1);
    // A sample of one run can't lie in two boxes of media data: the header of the second would be a part of it.
    let half = mdat + 1000;
    let second = (bytes.len() - half + 8) as u32;
    let mut split = [&bytes[..half], &second.to_be_bytes(), b"mdat", &bytes[half..]].concat();
    split[mdat..mdat + 4].copy_from_slice(&1000u32.to_be_bytes());
    let found = defects(&inspect_with(Some(&init), &split));
    assert!(found.len() == 1 && found[0].2.contains("none of the 2 `mdat` boxes has them all"), "{found:?}");
}

/// Returns a fragment of a video track and its initialization segment, with `before` and `behind` as further bytes in its `mdat`,
/// and data_offset moved by `moved`.
fn with_media_around(before: usize, behind: usize, moved: i32) -> (InitSegment, Vec<u8>) {
    let (init, bytes) = unindexed("cmaf_h264_0");
    let mdat = find(&bytes, b"mdat");
    let mut padded = [&bytes[..mdat + 8], &vec![7; before], &bytes[mdat + 8..], &vec![7; behind]].concat();
    let size = (padded.len() - mdat) as u32;
    padded[mdat..mdat + 4].copy_from_slice(&size.to_be_bytes());
    let offset = find(&bytes, b"trun") + 16;
    let value = i32::from_be_bytes(padded[offset..offset + 4].try_into().unwrap()) + moved;
    padded[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
    (init, padded)
}

#[test]
fn samples_lie_where_their_run_says_and_an_mdat_may_have_other_bytes() {
    let found = |before, behind, moved| {
        let (init, bytes) = with_media_around(before, behind, moved);
        defects(&inspect_with(Some(&init), &bytes)).into_iter().map(|(_, _, message)| message).collect::<Vec<_>>()
    };
    assert_eq!(
        [found(0, 0, 0), found(32, 0, 32), found(0, 32, 0), found(8, 8, 8)],
        [const { Vec::<String>::new() }; 4]
    );
    for moved in [-8, 8, 1_000_000] {
        let found = found(0, 0, moved);
        assert!(found.len() == 1 && found[0].contains("track 1 places samples at bytes"), "{moved}: {found:?}");
    }
    assert_eq!(found(8, 0, 9).len(), 1);
    assert_eq!(found(0, 8, -1).len(), 1);
}

#[test]
fn samples_inside_their_mdat_that_are_no_nal_units_are_a_defect_and_tell_no_parameters() {
    let (init, bytes) = with_media_around(8, 0, 0);
    let seen = inspect_with(Some(&init), &bytes);
    let (kind, at, message) = defects(&seen).remove(0);
    assert_eq!((seen.defects.len(), kind, at), (1, DefectKind::Container, find(&bytes, b"mdat") as u64 + 8));
    assert!(
        message.contains("track 1") && message.ends_with("such samples; players stop or show nothing"),
        "{message}"
    );
    let track = &seen.tracks[0];
    let told = (&track.parameters, &track.quantizers, track.missing_parameter_sets.to_string());
    assert_eq!(told, (&init.tracks[0].parameters, &None, String::new()));
}

#[test]
fn sample_flags_are_compared_with_the_pictures() {
    let mismatch = |first: u32, others: u32| {
        // Two groups of 25 pictures.
        let (init, mut bytes) = unindexed("cmaf_h264_0");
        let entries = find(&bytes, b"trun") + 20;
        assert_eq!(bytes[entries - 10..entries - 8], [0x0e, 1], "size, flags and composition offset of each sample");
        for n in 0..50 {
            let flags = if n % 25 == 0 { first } else { others };
            bytes[entries + 12 * n + 4..entries + 12 * n + 8].copy_from_slice(&flags.to_be_bytes());
        }
        inspect_with(Some(&init), &bytes).tracks[0].flag_mismatch
    };
    assert_eq!(mismatch(0x0200_0000, 0x0101_0000), None);
    let all = mismatch(0, 0).unwrap();
    assert_eq!((all.false_sync, all.is_first_false_sync), (48, false));
    assert_eq!((all.false_non_sync, mismatch(0x0200_0000, 0x0100_0000)), (0, Some(all)), "sample_depends_on alone");
    let none = mismatch(0x0101_0000, 0x0101_0000).unwrap();
    assert_eq!((none.false_sync, none.false_non_sync, none.is_first_false_non_sync), (0, 2, true));
}

#[test]
fn a_fragment_without_its_header_is_refused_by_some() {
    let (init, mut bytes) = unindexed("cmaf_h264_0");
    let mfhd = find(&bytes, b"mfhd");
    bytes[mfhd + 4..mfhd + 8].copy_from_slice(b"free");
    let found = defects(&inspect_with(Some(&init), &bytes));
    assert_eq!((found.len(), found[0].0), (1, DefectKind::ContainerRefused));
    assert!(found[0].2.contains("has no `mfhd`"), "{found:?}");
}

#[test]
fn of_a_cut_segment_no_place_of_samples_is_judged() {
    let (init, bytes) = with_media_around(0, 0, 1_000_000);
    let found = defects(&inspect_with(Some(&init), &bytes[..bytes.len() - 1]));
    assert!(found.iter().all(|(_, _, message)| message.starts_with("truncated")), "{found:?}");
}

#[test]
fn the_end_of_each_fragment_is_known_when_its_bytes_have_arrived() {
    let (init, first) = unindexed("cmaf_h264_0");
    let (_, second) = unindexed("cmaf_h264_1");
    let bytes = [&first[..], &second[..]].concat();
    let mut inspector = SegmentInspector::new(Some(&init));
    inspector.push(&bytes[..first.len() - 1]);
    assert_eq!(inspector.fragment_ends(), []);
    inspector.push(&bytes[first.len() - 1..first.len() + 200]);
    assert_eq!(inspector.fragment_ends(), [Seconds(2.0)]);
    inspector.push(&bytes[first.len() + 200..]);
    assert_eq!(inspector.fragment_ends(), [Seconds(2.0), Seconds(4.0)]);
    let (seen, _) = inspector.finish();
    let track = &seen.tracks[0];
    assert_eq!((millis(track.fragment_interval_max), track.fragment_bytes_max), (Some(2000), Some(first.len() as u64)));
    assert_eq!(SegmentInspector::new(Some(&init)).fragment_ends(), []);
}
