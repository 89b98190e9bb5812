//! Tests of common encryption, with a file that ffmpeg encrypted with `cenc` and with boxes changed from it.

use super::*;
use crate::drm::{DrmSystem, ProtectionScheme, Uuid};

const KID: &str = "0x00112233445566778899aabbccddeeff";

fn find(bytes: &[u8], kind: &[u8; 4]) -> usize {
    memchr::memmem::find(bytes, kind).unwrap() - 4
}

/// Adds an MP4 box at the end of the innermost box of the path `parents`, enlarges the sizes of all boxes in the path, and moves the
/// data offsets of the fragment if it is in a `moof`.
fn insert(bytes: &mut Vec<u8>, parents: &[&[u8; 4]], added: &[u8]) {
    let size = |bytes: &[u8], at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().unwrap());
    let places: Vec<usize> = parents.iter().map(|kind| find(bytes, kind)).collect();
    let last = *places.last().unwrap();
    let end = last + size(bytes, last) as usize;
    bytes.splice(end..end, added.iter().copied());
    for at in places {
        let grown = size(bytes, at) + added.len() as u32;
        bytes[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    if parents.first() == Some(&b"moof") {
        let moof = find(bytes, b"moof");
        let end = moof + size(bytes, moof) as usize;
        let runs: Vec<usize> = memchr::memmem::find_iter(&bytes[moof..end], b"trun").map(|at| moof + at).collect();
        for trun in runs {
            let moved = size(bytes, trun + 12) + added.len() as u32;
            bytes[trun + 12..trun + 16].copy_from_slice(&moved.to_be_bytes());
        }
    }
}

fn whole_file() -> Vec<u8> {
    fixture("cenc_whole.mp4")
}

fn protections(inspection: &Inspection) -> Vec<Option<SampleEncryption>> {
    inspection.tracks.iter().map(|t| t.encryption.as_deref().cloned()).collect()
}

#[test]
fn scheme_and_key_of_each_track_are_read() {
    let seen = inspect(&whole_file());
    let cenc = SampleEncryption {
        scheme: Some(ProtectionScheme::CENC),
        kid: Uuid::parse(KID),
        default_kid: None,
        pattern: None,
        iv_size: Some(8),
        constant_iv_size: Some(0),
        clear: false,
    };
    assert_eq!((seen.encrypted, protections(&seen)), (true, vec![Some(cenc.clone()), Some(cenc)]));
}

#[test]
fn a_pattern_and_a_clear_track_are_read() {
    let mut bytes = whole_file();
    let tenc = find(&bytes, b"tenc");
    bytes[tenc + 8] = 1;
    bytes[tenc + 13] = 0x19;
    let seen = inspect(&bytes);
    assert_eq!(protections(&seen)[0].as_ref().unwrap().pattern, Some(EncryptionPattern { crypt: 1, skip: 9 }));
    bytes[tenc + 14] = 0;
    assert_eq!(protections(&inspect(&bytes))[0], None, "default_isProtected is 0");
}

#[test]
fn systems_of_the_movie_are_kept_once() {
    let mut bytes = whole_file();
    let widevine = 0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes();
    let pssh = boxed(b"pssh", &[&[0; 4], &widevine, &[0; 4]]);
    insert(&mut bytes, &[b"moov"], &[pssh.clone(), pssh].concat());
    let seen = inspect(&bytes);
    let systems: Vec<_> = seen.pssh_boxes.iter().map(|p| DrmSystem::from_id(p.system)).collect();
    assert_eq!(systems, [Some(DrmSystem::Widevine)]);
}

#[test]
fn samples_refer_to_a_clear_entry_or_to_a_protected_one() {
    let mut init = init_of("cmaf_h264_init.mp4");
    let bytes = fixture("cmaf_h264_0.m4s");
    let protection = Arc::new(SampleEncryption { scheme: Some(ProtectionScheme::CBCS), ..SampleEncryption::default() });
    init.tracks[0].sample_entries = vec![None, Some(protection.clone())];
    let seen = inspect_with(Some(&init), &bytes);
    assert_eq!((seen.encrypted, protections(&seen)), (false, vec![None]), "clear first, as in a clear lead");
    init.tracks[0].sample_entries.reverse();
    let seen = inspect_with(Some(&init), &bytes);
    assert_eq!((seen.encrypted, protections(&seen)), (true, vec![Some(SampleEncryption::clone(&protection))]));
    for hostile in [0, 3, u32::MAX] {
        init.tracks[0].default_sample_entry = hostile;
        assert!(!inspect_with(Some(&init), &bytes).encrypted);
    }
}

#[test]
fn a_protected_track_without_its_key_is_a_defect() {
    let mut bytes = whole_file();
    let tenc = find(&bytes, b"tenc");
    bytes[tenc + 4..tenc + 8].copy_from_slice(b"free");
    let seen = inspect(&bytes);
    assert!(defects(&seen)[0].2.contains("is protected with cenc and has no `tenc`"), "{:?}", seen.defects);
}

#[test]
fn initialization_vectors_of_a_tenc_have_a_possible_size() {
    let found = |size: u8| {
        let mut bytes = whole_file();
        let tenc = find(&bytes, b"tenc");
        bytes[tenc + 15] = size;
        let defects = inspect(&bytes).defects.into_iter().filter(|d| d.kind == DefectKind::Initialization);
        defects.map(|d| (d.message, d.reference)).collect::<Vec<_>>()
    };
    assert_eq!([found(8), found(16)], [const { Vec::<(String, &str)>::new() }; 2]);
    let expected = "the `tenc` of track 1 announces initialization vectors of 7 bytes; 8 or 16 are allowed, or 0 with a constant one: players \
                    can't decrypt the samples";
    assert_eq!(found(7), [(expected.to_owned(), "ISO/IEC 23001-7 8.2")]);
    assert!(found(0)[0].0.contains("no constant one"));
}

/// Makes the boxes of an encryption sample group: a description (`sgpd`) with isProtected `protected` and a key
/// identifier of 16 bytes `kid`, and a map (`sbgp`) of 50 samples to the description `index`.
fn group(protected: u8, kid: u8, index: u32) -> Vec<u8> {
    let entry = [&[0, 0, protected, 8][..], &[kid; 16]].concat();
    let description = boxed(b"sgpd", &[&[1, 0, 0, 0], b"seig", &[0, 0, 0, 20], &[0, 0, 0, 1], &entry]);
    let map = boxed(b"sbgp", &[&[0; 4], b"seig", &[0, 0, 0, 1], &[0, 0, 0, 50], &index.to_be_bytes()]);
    [description, map].concat()
}

#[test]
fn a_sample_group_overrides_the_sample_entry() {
    let run = |added: &[u8]| {
        let mut bytes = whole_file();
        insert(&mut bytes, &[b"moof", b"traf"], added);
        // Only the first fragment, because the next ones use the sample entry's key again.
        let mdat = find(&bytes, b"mdat");
        protections(&inspect(&bytes[..mdat]))[0].clone()
    };
    let grouped = run(&group(1, 9, 0x1_0001)).unwrap();
    assert_eq!((grouped.kid, grouped.default_kid), (Uuid::from_slice(&[9; 16]), Uuid::parse(KID)));
    assert_eq!(run(&group(0, 9, 0x1_0001)), None, "these samples are clear");
    let ungrouped = run(&group(1, 9, 0)).unwrap();
    assert_eq!((ungrouped.kid, ungrouped.default_kid), (Uuid::parse(KID), None), "in no group");
    for unknown in [1, 0x1_0000, 0x1_0002, u32::MAX] {
        assert_eq!(run(&group(1, 9, unknown)).unwrap().kid, None, "{unknown}");
    }
    let cut = boxed(b"sbgp", &[&[0; 4], b"seig"]);
    assert_eq!(run(&cut).unwrap().kid, None);
}

#[test]
fn a_senc_has_to_match_the_number_of_samples() {
    let mut init = init_of("cmaf_h264_init.mp4");
    let vector_size = Some(8);
    init.tracks[0].sample_entries =
        vec![Some(Arc::new(SampleEncryption { iv_size: vector_size, ..SampleEncryption::default() }))];
    let run = |count: u32| {
        // Without the index, which holds the size of the fragment.
        let mut bytes = fixture("cmaf_h264_0.m4s").split_off(76);
        insert(&mut bytes, &[b"moof", b"traf"], &boxed(b"senc", &[&[0; 4], &count.to_be_bytes(), &[1; 50 * 8]]));
        inspect_with(Some(&init), &bytes).defects.into_iter().map(|d| (d.message, d.reference)).collect::<Vec<_>>()
    };
    assert_eq!(run(50), []);
    let [(message, reference)] = run(51).try_into().unwrap();
    assert!(message.ends_with("describes 51 samples, the `traf` has 50"), "{message}");
    assert_eq!(reference, "ISO/IEC 23001-7 7.2");
}

#[test]
fn encrypted_samples_have_vectors() {
    let messages = |added: &[u8]| {
        let mut bytes = whole_file();
        insert(&mut bytes, &[b"moof", b"traf"], added);
        let mdat = find(&bytes, b"mdat");
        let without_vectors = |d: &Defect| d.kind == DefectKind::Container && d.message.ends_with("can't decrypt them");
        inspect(&bytes[..mdat]).defects.into_iter().filter(without_vectors).map(|d| d.message).collect::<Vec<_>>()
    };
    // ffmpeg writes none into fragments.
    let [video, audio] = messages(&[]).try_into().unwrap();
    assert_eq!(
        video,
        "the `traf` of track 1 at byte 1547 has encrypted samples without initialization vectors or subsamples (`senc`, `saiz`): \
         players can't decrypt them"
    );
    assert!(audio.starts_with("the `traf` of track 2 "));
    let piff = [0xa2, 0x39, 0x4f, 0x52, 0x5a, 0x9b, 0x4f, 0x14, 0xa2, 0x44, 0x6c, 0x42, 0x7c, 0x64, 0x8d, 0xf4];
    let senc = boxed(b"senc", &[&[0; 4], &50_u32.to_be_bytes(), &[1; 50 * 8]]);
    for described in [senc, boxed(b"saiz", &[&[0; 9]]), boxed(b"uuid", &[&piff])] {
        assert_eq!(messages(&described).len(), 1, "the other track's");
    }
    assert_eq!(messages(&boxed(b"senc", &[&[0; 8]])).len(), 2, "one that describes nothing");
    assert_eq!(messages(&group(0, 9, 0x1_0001)).len(), 1, "clear samples");
}

#[test]
fn the_initialization_segment_declares_the_protection_of_encrypted_samples() {
    let init = init_of("cmaf_h264_init.mp4");
    let mut bytes = fixture("cmaf_h264_0.m4s").split_off(76);
    insert(&mut bytes, &[b"moof", b"traf"], &boxed(b"senc", &[&[0; 4], &50_u32.to_be_bytes(), &[1; 50 * 8]]));
    let found = inspect_with(Some(&init), &bytes).defects;
    assert_eq!((found.len(), found[0].kind), (1, DefectKind::Initialization));
    assert!(found[0].message.ends_with("(`sinf`): players ask for no key"), "{}", found[0].message);
}
