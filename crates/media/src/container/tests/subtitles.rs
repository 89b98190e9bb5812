//! Tests of the MP4 subtitles that Shaka Packager writes: cues from 0.2 s to 1.8 s, from 2 s to 3.5 s and from 6.5 s to
//! 7.5 s.

use super::*;
use crate::container::Subtitles;

fn read(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Inspection {
    let init = init_of(&format!("{}_init.mp4", name.split_once('_').unwrap().0));
    let mut bytes = fixture(&format!("{name}.m4s"));
    change(&mut bytes);
    inspect_with(Some(&init), &bytes)
}

fn found(name: &str) -> (u64, Option<Subtitles>) {
    let seen = read(name, |_| {});
    assert_eq!(defects(&seen), [], "{name}");
    let [track] = seen.tracks.as_slice() else { panic!("{name}") };
    assert_eq!(track.media, Some(Media::Text));
    (track.samples, track.subtitles)
}

fn replaced(bytes: &mut Vec<u8>, what: &[u8], by: &[u8]) -> u64 {
    let at = memchr::memmem::find(bytes, what).unwrap();
    bytes.splice(at..at + what.len(), by.iter().copied());
    at as u64
}

#[test]
fn cues_and_pauses_of_webvtt_are_counted() {
    let subtitles = |samples, cues| (samples, Some(Subtitles { samples, cues, span: None }));
    assert_eq!(found("wvtt_1"), subtitles(5, 2));
    assert_eq!(found("wvtt_2"), subtitles(3, 1));
}

#[test]
fn a_ttml_document_gives_the_times_of_its_cues() {
    let span = |from, to| Some((Seconds(from), Seconds(to)));
    assert_eq!(found("stpp_1"), (1, Some(Subtitles { samples: 1, cues: 2, span: span(0.2, 3.5) })));
    assert_eq!(found("stpp_2"), (1, Some(Subtitles { samples: 1, cues: 1, span: span(6.5, 7.5) })));
}

#[test]
fn media_data_that_reach_to_the_end_are_read() {
    for name in ["wvtt_1", "stpp_1"] {
        let mut is_last = false;
        // A size of 0: the box reaches to the end of the file (ISO/IEC 14496-12 4.2).
        let seen = read(name, |bytes| {
            let mdat = memchr::memmem::find(bytes, b"mdat").unwrap() - 4;
            let size = u32::from_be_bytes(bytes[mdat..mdat + 4].try_into().unwrap());
            is_last = mdat + size as usize == bytes.len();
            bytes[mdat..mdat + 4].fill(0);
        });
        assert!(is_last, "{name}");
        assert_eq!((defects(&seen), seen.tracks[0].samples, seen.tracks[0].subtitles), {
            let (samples, subtitles) = found(name);
            (vec![], samples, subtitles)
        });
    }
}

#[test]
fn samples_of_a_second_track_fragment_follow_those_of_the_first() {
    let document = |text: &str| {
        let body = format!("<body><div><p begin=\"{text}\" end=\"9s\">a</p></div></body>");
        format!("<tt xmlns=\"http://www.w3.org/ns/ttml\">{body}</tt>").into_bytes()
    };
    let (first, second) = (document("1s"), document("2.5s"));
    let init = init_of("stpp_init.mp4");
    let id = init.tracks[0].id.to_be_bytes();
    // `flags` of the tfhd: 0x020000 is default-base-is-moof. An offset of `None`: the trun has none.
    let traf = |flags: u8, offset: Option<u32>, size: usize| {
        let tfhd = boxed(b"tfhd", &[&[0, flags, 0, 0], &id]);
        let tfdt = boxed(b"tfdt", &[&[0; 8]]);
        let present = if offset.is_some() { 1 } else { 0 };
        let offset = offset.map(u32::to_be_bytes);
        let offset = offset.as_ref().map_or(&[][..], |offset| offset);
        let run = [&[0, 0, 2, present, 0, 0, 0, 1][..], offset, &(size as u32).to_be_bytes()].concat();
        boxed(b"traf", &[&tfhd, &tfdt, &boxed(b"trun", &[&run])])
    };
    let seen = |flags: u8, offset: Option<u32>| {
        let moof = |start: u32| {
            let trafs = [traf(flags, Some(start), first.len()), traf(flags, offset, second.len())].concat();
            boxed(b"moof", &[&boxed(b"mfhd", &[&[0, 0, 0, 0, 0, 0, 0, 1]]), &trafs])
        };
        let start = moof(0).len() as u32 + 8;
        inspect_with(Some(&init), &[moof(start), boxed(b"mdat", &[&first, &second])].concat())
    };
    let both = Subtitles { samples: 2, cues: 2, span: Some((Seconds(1.0), Seconds(9.0))) };
    for offset in [None, Some(0)] {
        let inspection = seen(0, offset);
        assert_eq!((defects(&inspection), inspection.tracks[0].subtitles), (vec![], Some(both)), "{offset:?}");
    }
    let moof = seen(2, Some(0)).bytes as u32 - (first.len() + second.len()) as u32;
    let own = seen(2, Some(moof + first.len() as u32));
    assert_eq!((defects(&own), own.tracks[0].subtitles), (vec![], Some(both)), "from the moof");
}

#[test]
fn an_unreadable_sample_is_a_defect_with_its_offset() {
    let mut at = 0;
    let seen = read("stpp_1", |bytes| at = replaced(bytes, b"</body>", b"</bodi>"));
    let [(kind, place, message)] = &defects(&seen)[..] else { panic!("{:?}", seen.defects) };
    assert!(*kind == DefectKind::Cues && *place < at, "{place}");
    assert!(
        message.starts_with(&format!("the sample at byte {place} isn't a readable TTML document: not well-formed"))
    );
    assert_eq!(seen.tracks[0].subtitles, None);

    let seen = read("wvtt_1", |bytes| at = replaced(bytes, b"vttc", b"vttz"));
    let message = format!(
        "the sample at byte {0} isn't a readable WebVTT cue: it has a box `vttz` instead of `vttc` or `vtte`",
        at - 4
    );
    assert_eq!(defects(&seen), [(DefectKind::Cues, at - 4, message)]);
    assert_eq!(seen.tracks[0].subtitles.unwrap().samples, 4, "the others are read");

    let seen = read("wvtt_1", |bytes| at = replaced(bytes, b"One", b"O\xffe"));
    assert!(defects(&seen)[0].2.contains("not UTF-8"), "{:?}", seen.defects);
}

#[test]
fn an_incomplete_sample_is_not_read() {
    for name in ["wvtt_1", "stpp_1"] {
        let whole = fixture(&format!("{name}.m4s")).len();
        for length in 0..whole {
            let seen = read(name, |bytes| bytes.truncate(length));
            assert!(seen.defects.iter().all(|d| d.kind != DefectKind::Cues), "{name} cut to {length}");
        }
    }
}

#[test]
fn huge_sample_sizes_are_not_kept() {
    // The samples of the run claim 2^31 - 1 bytes each.
    let huge = |bytes: &mut Vec<u8>| {
        let at = memchr::memmem::find(bytes, b"trun").unwrap() + 16;
        for entry in 0..5 {
            bytes[at + 8 * entry + 4..at + 8 * entry + 8].copy_from_slice(&0x7fff_ffffu32.to_be_bytes());
        }
        bytes.extend(vec![b' '; 1 << 20]);
    };
    assert_eq!(read("wvtt_1", huge).tracks[0].subtitles, None);
}

#[test]
fn flipped_bits_never_panic() {
    for name in ["wvtt_1", "stpp_1"] {
        let length = fixture(&format!("{name}.m4s")).len();
        for at in 0..length {
            for bit in [0, 3, 7] {
                let _ = read(name, |bytes| bytes[at] ^= 1 << bit);
            }
        }
    }
}
