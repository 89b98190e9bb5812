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
