use super::*;

/// Returns packed audio: an ID3 tag with a time stamp (RFC 8216 3.4), and the AAC frames of the fixture behind it.
fn packed() -> Vec<u8> {
    packed_at(900_000)
}

fn packed_at(timestamp: u64) -> Vec<u8> {
    let owner = b"com.apple.streaming.transportStreamTimestamp\0";
    let frame = [b"PRIV\0\0\0", &[owner.len() as u8 + 8][..], &[0, 0], owner, &timestamp.to_be_bytes()].concat();
    [b"ID3\x04\0\0\0\0\0", &[frame.len() as u8][..], &frame, &fixture("packed.aac")].concat()
}

#[test]
fn packed_audio_begins_at_its_tag() {
    let seen = inspect(&packed());
    assert_eq!((seen.container, defects(&seen)), (Container::PackedAudio, vec![]));
    // `ffprobe -count_packets` finds 95 frames of 1920 ticks.
    assert_eq!(summary(&seen.tracks[0]), (900_000, 900_000, 900_000 + 95 * 1920, 95, 0, None));
    assert_eq!(seen.tracks[0].codec, "aac");
}

#[test]
fn the_time_stamp_of_packed_audio_has_33_bits() {
    assert_eq!(defects(&inspect(&packed_at((1 << 33) - 1))), []);
    let seen = inspect(&packed_at((1 << 33) + 900_000));
    let message =
        "the time stamp of packed audio (ID3 PRIV) is 8590834592; it has to be below 2^33 (8589934592), where it wraps";
    assert_eq!(defects(&seen), [(DefectKind::SideBox, 0, message.to_owned())]);
    assert_eq!(seen.tracks[0].start.unwrap().ticks, 900_000, "players take the lower 33 bits");
}

#[test]
fn packed_audio_without_a_tag_has_no_time() {
    let seen = inspect(&fixture("packed.aac"));
    assert_eq!((seen.container, seen.tracks[0].samples, seen.tracks[0].start), (Container::PackedAudio, 95, None));
}

#[test]
fn webvtt_cues_are_counted() {
    let text = b"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n00:01.000 --> 00:02.000\na - b\n\n00:03.000 --> 00:04.000\nc\n";
    let seen = inspect(text);
    assert_eq!((seen.container, seen.tracks[0].samples, defects(&seen)), (Container::WebVtt, 2, vec![]));
}

#[test]
fn a_page_and_an_empty_body_are_described() {
    let page = b"<!DOCTYPE html>\n<html><body>404</body></html>";
    let seen = inspect(page);
    assert_eq!((seen.container, seen.bytes, &seen.head[..]), (Container::Unknown, page.len() as u64, &page[..32]));
    assert_eq!(
        defects(&seen),
        [(DefectKind::Container, 0, "not a media segment: starts like an HTML page".to_owned())]
    );
    let seen = inspect(b"");
    assert_eq!(
        (seen.container, defects(&seen)[0].2.as_str()),
        (Container::Unknown, "not a media segment: the body is empty")
    );
}

#[test]
fn the_size_of_the_pieces_changes_nothing() {
    let init = init_of("cmaf_h264_init.mp4");
    let names = ["h264_bframes_aac.ts", "h264_opengop_aac441.ts", "hevc_aac_wrap.ts", "eac3.ts"];
    let mut all: Vec<(Option<&InitSegment>, Vec<u8>)> = names.iter().map(|n| (None, fixture(n))).collect();
    all.push((Some(&init), fixture("cmaf_h264_0.m4s")));
    all.push((None, fixture("cenc_whole.mp4")));
    all.push((None, packed()));
    let texts = ["wvtt", "stpp"].map(|form| (init_of(&format!("{form}_init.mp4")), fixture(&format!("{form}_1.m4s"))));
    all.extend(texts.iter().map(|(init, bytes)| (Some(init), bytes.clone())));
    for (init, bytes) in all {
        let whole = inspect_with(init, &bytes);
        for size in [1, 7, 188, 1000] {
            let mut inspector = SegmentInspector::new(init);
            bytes.chunks(size).for_each(|piece| inspector.push(piece));
            assert_eq!(inspector.finish().0, whole, "pieces of {size}");
        }
    }
}

/// Inspects an ID3 tag with these flags that announces a size of `size` bytes, followed by the bytes `rest`.
fn tagged(flags: u8, size: u8, rest: &[u8]) -> Inspection {
    inspect(&[&b"ID3\x04\0"[..], &[flags, 0, 0, 0, size], rest].concat())
}

/// Makes an ID3 tag with this body.
fn tag(body: &[u8]) -> Vec<u8> {
    [b"ID3\x04\0\0\0\0", &[(body.len() >> 7) as u8, body.len() as u8 & 0x7f][..], body].concat()
}

#[test]
fn packed_audio_may_have_tags_before_between_and_behind_its_frames() {
    let bytes = packed();
    let clear = inspect(&bytes);
    let frames = bytes.len() - fixture("packed.aac").len();
    let second = frames
        + (usize::from(bytes[frames + 3] & 3) << 11
            | usize::from(bytes[frames + 4]) << 3
            | usize::from(bytes[frames + 5] >> 5));
    // Metadata that looks like frames.
    let text = tag(&[&b"TXXX\0\0\x01\x20\0\0\x03\0"[..], &[0xff, 0xf1, 0x4c, 0x80].repeat(70)].concat());
    for (places, message) in [
        (&[0][..], "in front of the time stamp"),
        (&[frames], "behind it"),
        (&[second], "between two frames"),
        (&[bytes.len()], "at the end"),
        (&[0, 0, frames, frames, second, second, bytes.len()], "everywhere"),
    ] {
        let mut tagged = bytes.clone();
        places.iter().rev().for_each(|at| drop(tagged.splice(*at..*at, text.clone())));
        let seen = inspect(&tagged);
        assert_eq!((defects(&seen), &seen.tracks), (vec![], &clear.tracks), "{message}");
        for size in [1, 7, 188] {
            let mut inspector = SegmentInspector::new(None);
            tagged.chunks(size).for_each(|piece| inspector.push(piece));
            assert_eq!(inspector.finish().0, seen, "{message}, pieces of {size}");
        }
    }
}

#[test]
fn a_tag_that_is_cut_at_the_end_is_reported() {
    let whole = tag(&[0; 100]);
    let seen = inspect(&[&packed()[..], &whole[..60]].concat());
    let message = format!("truncated: the body ends at byte {}, 50 bytes before the end of its ID3 tag", seen.bytes);
    assert_eq!(defects(&seen), [(DefectKind::Container, 0, message)]);
}

#[test]
fn frames_of_ac_4_are_left_out_and_not_reported() {
    // ac4_syncframe: sync_word, frame_size and raw_ac4_frame (ETSI TS 103 190-1 annex G).
    for word in [0x40, 0x41] {
        let frame = [&[0xac, word, 0, 200][..], &[0x5a; 202]].concat();
        let stamp = &packed()[..packed().len() - fixture("packed.aac").len()];
        let seen = inspect(&[stamp, &frame.repeat(5)].concat());
        let track = &seen.tracks[0];
        assert_eq!((seen.container, defects(&seen), track.codec.as_str()), (Container::PackedAudio, vec![], "ac-4"));
        assert_eq!((track.media, track.samples, track.end), (Some(Media::Audio), 1, None));
        assert_eq!(track.start.map(|t| t.ticks), Some(900_000));
        let bare = inspect(&frame.repeat(5));
        assert_eq!(defects(&bare), [(DefectKind::Unplaced, 0, NO_TIME.to_owned())]);
        assert_eq!((bare.tracks[0].samples, bare.tracks[0].start), (1, None));
    }
}

#[test]
fn a_ttml_document_is_a_segment_of_subtitles() {
    let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a -->\n<tt:tt xmlns:tt=\"http://www.w3.org/ns/ttml\"><tt:body><tt:div>\
                    <tt:p begin=\"10s\" end=\"12s\">a</tt:p><tt:p begin=\"13s\" end=\"14s\">b</tt:p></tt:div></tt:body></tt:tt>\n";
    for text in [document.to_owned(), format!("\u{feff}{document}")] {
        let seen = inspect(text.as_bytes());
        assert_eq!((seen.container, defects(&seen)), (Container::Ttml, vec![]));
        let track = &seen.tracks[0];
        assert_eq!((track.media, track.codec.as_str(), track.samples), (Some(Media::Text), "ttml", 1));
        let found = track.subtitles.unwrap();
        assert_eq!((found.cues, found.span), (2, Some((Seconds(10.0), Seconds(14.0)))));
        let mut inspector = SegmentInspector::new(None);
        text.as_bytes().chunks(3).for_each(|piece| inspector.push(piece));
        assert_eq!(inspector.finish().0, seen);
    }
    let broken = inspect(document.replace("12s", "soon").as_bytes());
    let message = "no TTML document that can be read: end is `soon`, which isn't a TTML time".to_owned();
    assert_eq!((broken.container, defects(&broken)), (Container::Ttml, vec![(DefectKind::Cues, 0, message)]));
    let cut = inspect(&document.as_bytes()[..200]);
    assert_eq!((defects(&cut)[0].0, cut.tracks[0].subtitles), (DefectKind::Cues, None));
}

#[test]
fn of_a_ttml_document_a_megabyte_is_read() {
    let head = "<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div>";
    let paragraphs = "<p begin=\"1s\" end=\"2s\">a</p>".repeat(50_000);
    let seen = inspect(format!("{head}{paragraphs}</div></body></tt>").as_bytes());
    assert_eq!((seen.container, defects(&seen), seen.tracks[0].subtitles), (Container::Ttml, vec![], None));
}

const NO_TIME: &str =
    "packed audio has no time stamp (an ID3 PRIV frame at the start): its position on the timeline is unknown";

#[test]
fn a_tag_ends_behind_its_footer() {
    let frames = fixture("packed.aac");
    for (flags, footer) in [(0, 0), (0x10, 10)] {
        let rest = [&vec![0; 5 + footer], &frames[..]].concat();
        let seen = tagged(flags, 5, &rest);
        assert_eq!((seen.tracks[0].samples, seen.tracks[0].codec.as_str()), (95, "aac"), "{flags:#x}");
        assert_eq!(defects(&seen), [(DefectKind::Unplaced, 0, NO_TIME.to_owned())]);
    }
    let cut = tagged(0x10, 5, &[0; 14]);
    let message = "truncated: the body ends at byte 24, 1 bytes before the end of its ID3 tag".to_owned();
    assert_eq!(defects(&cut), [(DefectKind::Container, 0, message)]);
    assert_eq!(defects(&tagged(0, 5, &[0; 5])), [], "a tag alone");
}

#[test]
fn the_framing_is_chosen_by_two_bytes() {
    for (bytes, codec) in [(&b"\x0b\x77"[..], "ac-3"), (b"\xff\xfb\x90\0\0\0\0", "mp3"), (b"\xff\xf1", "aac")] {
        let seen = inspect(&[bytes, &[0; 20]].concat());
        assert_eq!(seen.tracks[0].codec, codec);
    }
    let stray = inspect(&[&fixture("packed.aac")[..], &[0; 9]].concat());
    assert_eq!(defects(&stray)[0].2, "3 bytes belong to no audio frame");
}

#[test]
fn a_time_stamp_has_33_bits() {
    let mut bytes = packed();
    let at = memchr::memmem::find(&bytes, b"Timestamp\0").unwrap() + 10;
    bytes[at..at + 8].copy_from_slice(&0xffff_ffff_ffff_fff0u64.to_be_bytes());
    assert_eq!(inspect(&bytes).tracks[0].start.map(|t| t.ticks), Some(0x1_ffff_fff0));
}

/// Media of the live origin, which ffmpeg made.
fn origin_media(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../testbed/media/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn silence_of_an_encoder_is_found_in_each_container() {
    let spans = |bytes: &[u8]| {
        let silence = inspect(bytes).tracks.iter().find_map(|t| t.silence).unwrap();
        (silence.whole, (silence.total.0 * 1000.0).round(), (silence.longest.0 * 1000.0).round())
    };
    for name in ["silent.aac", "silent.mp4"] {
        assert_eq!(spans(&origin_media(name)), (true, 8000.0, 8000.0), "{name}");
    }
    for name in ["128k.aac", "audio.mp4"] {
        assert_eq!(spans(&origin_media(name)), (false, 8000.0, 0.0), "{name}");
    }
    let muxed = inspect(&origin_media("360p_0.ts"));
    let silence = muxed.tracks.iter().find_map(|t| t.silence).unwrap();
    assert!(!silence.whole && silence.longest.0 == 0.0 && silence.total.0 > 1.9);
}

#[test]
fn silence_is_the_same_in_pieces_of_any_size() {
    for name in ["silent.aac", "silent.mp4", "360p_0.ts"] {
        let bytes = origin_media(name);
        let whole = inspect(&bytes).tracks;
        for size in [1, 7, 188, 1000] {
            let mut inspector = SegmentInspector::new(None);
            bytes.chunks(size).for_each(|piece| inspector.push(piece));
            assert_eq!(inspector.finish().0.tracks, whole, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn noise_and_one_silent_channel_are_no_silence() {
    let silence = |name: &str| inspect(&fixture(name)).tracks[0].silence.unwrap();
    let whole = silence("silence_51.aac");
    assert!(whole.whole && (whole.total.0 - 1.0).abs() < 0.05, "six channels: {whole:?}");
    assert_eq!(silence("noise_90db.aac").longest.0, 0.0);
    // The encoder begins with a frame of nothing.
    assert!(silence("left_silent.aac").longest.0 < 0.05);
}

#[test]
fn the_length_of_a_pause_is_measured() {
    let silence = inspect(&fixture("muted_2_to_4.aac")).tracks[0].silence.unwrap();
    assert!((silence.longest.0 - 2.0).abs() < 0.1, "{silence:?}");
    // The encoder ends with frames of nothing.
    assert!(!silence.whole && silence.trailing.0 < 0.1, "{silence:?}");
}
