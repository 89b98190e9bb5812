//! Recognition of a container format by the first bytes of a resource.

use super::ts::framing;

/// Number of bytes with which a container is recognised for certain. One incomplete and three whole transport packets
/// of the largest size fit in.
pub const SNIFF_WINDOW: usize = 1024;

/// Container format that the first bytes of a resource show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SniffedContainer {
    Ts,
    /// The resource is a transport stream with packets of another size than 188 bytes: 192 (with a time code) or 204
    /// (with Reed-Solomon bytes).
    TsOtherPacketSize(usize),
    Mp4,
    PackedAudio,
    WebVtt,
    Ttml,
    Unknown,
}

/// Recognises the container format of a resource. `head` has its first [`SNIFF_WINDOW`] bytes, or all bytes of a
/// shorter resource.
#[must_use]
pub(super) fn sniff(head: &[u8]) -> SniffedContainer {
    // Many texts begin with `G`, the sync byte: at least one whole packet is needed.
    if head.len() >= framing::PACKET_SIZE && framing::is_aligned(head, 0, framing::PACKET_SIZE) {
        return SniffedContainer::Ts;
    }
    if is_mp4(head) {
        return SniffedContainer::Mp4;
    }
    if without_byte_order_mark(head).starts_with(b"WEBVTT") {
        return SniffedContainer::WebVtt;
    }
    if is_ttml(head) {
        return SniffedContainer::Ttml;
    }
    if has_sync_bytes(head, 4, 192) {
        return SniffedContainer::TsOtherPacketSize(192);
    }
    if has_sync_bytes(head, 0, 204) {
        return SniffedContainer::TsOtherPacketSize(204);
    }
    if is_packed_audio(head) {
        return SniffedContainer::PackedAudio;
    }
    if (1..framing::PACKET_SIZE).any(|at| has_sync_bytes(head, at, framing::PACKET_SIZE)) {
        SniffedContainer::Ts
    } else {
        SniffedContainer::Unknown
    }
}

/// Recognises clear bytes in a resource that should be encrypted; `None` when the bytes may be cipher text. A signature
/// that random bytes show by chance now and then (an ADTS sync word has 12 bits) doesn't count.
#[must_use]
pub fn sniff_plaintext(head: &[u8]) -> Option<Plaintext> {
    let media = match sniff(head) {
        // Within noise, the three sync bytes by which `sniff` finds a packet stand at some place in one of 90,000 heads.
        SniffedContainer::Ts => head.len() >= 2 * framing::PACKET_SIZE && consists_of_packets(head),
        // The size field of the first box starts with 0: no first box has 16 MB.
        SniffedContainer::Mp4 => head.starts_with(&[0]),
        SniffedContainer::PackedAudio => matches!(head, [b'I', b'D', b'3', _, 0, flags, size @ ..]
            if flags & 0x0f == 0 && size.iter().take(4).all(|b| *b < 0x80)),
        SniffedContainer::WebVtt | SniffedContainer::Ttml => true,
        SniffedContainer::TsOtherPacketSize(_) | SniffedContainer::Unknown => false,
    };
    let text = || head.len() >= MIN_TEXT_LENGTH && head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126));
    if media { Some(Plaintext::Media) } else { text().then_some(Plaintext::Text) }
}

/// Returns whether each packet of a head that begins with a packet has its sync byte.
fn consists_of_packets(head: &[u8]) -> bool {
    (0..head.len()).step_by(framing::PACKET_SIZE).all(|at| head.get(at) == Some(&framing::SYNC_BYTE))
}

/// Smallest number of printable bytes that count as text; fewer may be chance.
const MIN_TEXT_LENGTH: usize = 32;

/// Kind of clear bytes in a resource that should be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    /// The resource that should be encrypted is a media container in the clear.
    Media,
    /// The resource that should be encrypted is printable ASCII text, such as an HTML page.
    Text,
}

/// Returns whether three transport sync bytes stand in `head`: at `at`, and at once and twice the distance `size`
/// behind it.
fn has_sync_bytes(head: &[u8], at: usize, size: usize) -> bool {
    head.len() > at + 2 * size && framing::is_aligned(head, at, size)
}

fn is_mp4(head: &[u8]) -> bool {
    const KINDS: [&[u8]; 12] =
        [b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"emsg", b"prft", b"mdat", b"free", b"skip", b"ssix", b"uuid"];
    head.get(4..8).is_some_and(|kind| KINDS.contains(&kind))
}

fn is_packed_audio(head: &[u8]) -> bool {
    match head {
        [b'I', b'D', b'3', 2..=4, ..] | [0x0b, 0x77, ..] => true,
        // AC-4 (ETSI TS 103 190-1 annex G).
        [0xac, 0x40 | 0x41, ..] => true,
        // ADTS, or MPEG audio with a valid version and layer.
        [0xff, b, c, ..] => b & 0xf6 == 0xf0 || (b & 0xe0 == 0xe0 && b & 0x06 != 0 && b & 0x18 != 8 && c >> 4 != 15),
        _ => false,
    }
}

/// Returns whether the root of an XML document is `tt` with any prefix, behind an XML declaration and comments, or may be.
fn is_ttml(head: &[u8]) -> bool {
    let mut rest = without_byte_order_mark(head).trim_ascii_start();
    let may_follow = rest.starts_with(b"<?xml") && head.len() >= SNIFF_WINDOW;
    loop {
        let end: &[u8] = match rest {
            _ if rest.starts_with(b"<?") => b"?>",
            _ if rest.starts_with(b"<!--") => b"-->",
            _ => break,
        };
        // A comment may be longer than the bytes that are known; the parser says what follows it.
        let Some(at) = memchr::memmem::find(rest, end) else { return may_follow };
        rest = rest.get(at + end.len()..).unwrap_or_default().trim_ascii_start();
    }
    let Some(name) = rest.strip_prefix(b"<") else { return false };
    let Some(end) = name.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')) else { return false };
    let name = name.get(..end).unwrap_or_default();
    name.rsplit(|b| *b == b':').next() == Some(b"tt")
}

/// Returns `head` without a UTF-8 byte order mark at its start.
fn without_byte_order_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// Describes the first bytes of an unrecognised resource for the message of a defect.
#[must_use]
pub(super) fn describe(head: &[u8]) -> String {
    let text = without_byte_order_mark(head).trim_ascii_start();
    let lower: Vec<u8> = text.iter().take(16).map(u8::to_ascii_lowercase).collect();
    let html = [&b"<!doctype html"[..], b"<html", b"<head", b"<body", b"<!--", b"<h1", b"<title"];
    let resemblance = match lower.as_slice() {
        [] if head.is_empty() => return "the body is empty".to_owned(),
        l if html.iter().any(|tag| l.starts_with(tag)) => "an HTML page",
        l if l.starts_with(b"<?xml") || l.starts_with(b"<error") || l.starts_with(b"<mpd") => "an XML document",
        l if l.starts_with(b"#extm3u") => "an HLS playlist",
        l if l.starts_with(b"{") || l.starts_with(b"[") => "JSON",
        l if l.starts_with(b"\x1f\x8b") => "gzip data",
        l if l.starts_with(b"\x89png") || l.starts_with(b"\xff\xd8\xff") => "a picture",
        _ if head.iter().all(|b| *b == 0) => "nothing but zero bytes",
        _ if head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126)) => "plain text",
        _ => {
            return format!(
                "starts with {}, which no media container begins with (encrypted or damaged?)",
                hex_bytes(head)
            );
        }
    };
    format!("starts like {resemblance}")
}

fn hex_bytes(head: &[u8]) -> String {
    head.iter().take(8).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unrecognised_resource_is_described_for_a_person() {
        assert_eq!(describe(b""), "the body is empty");
        assert_eq!(describe(b"\r\n <!DOCTYPE html><html>"), "starts like an HTML page");
        assert_eq!(describe(b"{\"error\":1}"), "starts like JSON");
        assert_eq!(describe(b"#EXTM3U\n"), "starts like an HLS playlist");
        assert_eq!(describe(b"not found"), "starts like plain text");
        assert_eq!(describe(&[0; 64]), "starts like nothing but zero bytes");
        assert!(describe(&[0xde, 0xad, 0xbe]).starts_with("starts with de ad be, which"));
    }

    #[test]
    fn cipher_text_is_not_taken_for_media() {
        assert_eq!(
            sniff_plaintext(&[&[0x47; 1][..], &[0; 187], &[0x47; 1], &[0; 187]].concat()),
            Some(Plaintext::Media)
        );
        assert_eq!(sniff_plaintext(&[&[0x47; 1][..], &[0; 187]].concat()), None, "a sync byte is one of 256");
        let mut noise = vec![0x9a; SNIFF_WINDOW];
        [5, 5 + 188, 5 + 376].into_iter().for_each(|at| noise[at] = 0x47);
        assert_eq!(sniff_plaintext(&noise), None, "three sync bytes inside of noise");
        [0, 188, 376].into_iter().for_each(|at| noise[at] = 0x47);
        assert_eq!(sniff_plaintext(&noise), None, "three packets are too few");
        assert_eq!(sniff_plaintext(b"\0\0\0\x18stypmsdh"), Some(Plaintext::Media));
        assert_eq!(sniff_plaintext(b"\x9a\0\0\x18stypmsdh"), None);
        assert_eq!(sniff_plaintext(b"ID3\x04\0\0\0\0\0\x3f"), Some(Plaintext::Media));
        assert_eq!(sniff_plaintext(b"ID3\x04\0\0\0\0\0\xff"), None);
        assert_eq!(sniff_plaintext(&[0xff, 0xf1, 0x50, 0x80, 0, 0, 0, 0]), None, "an ADTS header");
        assert_eq!(sniff_plaintext(b"<html><head><title>Sign in</title></head>"), Some(Plaintext::Text));
        assert_eq!(sniff_plaintext(b""), None);
    }

    #[test]
    fn containers_are_recognised_by_their_first_bytes() {
        let ts: Vec<u8> = std::iter::repeat_n([&[0x47][..], &[0; 187]].concat(), 5).flatten().collect();
        assert_eq!(sniff(&ts), SniffedContainer::Ts);
        assert_eq!(sniff(&ts[100..]), SniffedContainer::Ts, "begins inside a packet");
        assert_eq!(sniff(&ts[..188]), SniffedContainer::Ts, "one packet");
        let m2ts: Vec<u8> = std::iter::repeat_n([&[0; 4][..], &[0x47], &[0; 187]].concat(), 4).flatten().collect();
        assert_eq!(sniff(&m2ts), SniffedContainer::TsOtherPacketSize(192));
        assert_eq!(sniff(b"\0\0\0\x18stypmsdh"), SniffedContainer::Mp4);
        assert_eq!(sniff(b"\xef\xbb\xbfWEBVTT\n"), SniffedContainer::WebVtt);
        assert_eq!(sniff(b"ID3\x04\0\0"), SniffedContainer::PackedAudio);
        assert_eq!(sniff(b"Gateway"), SniffedContainer::Unknown);
        assert_eq!(sniff(b""), SniffedContainer::Unknown);
    }

    #[test]
    fn a_ttml_document_is_recognised_by_its_root() {
        for document in [
            &b"<tt xmlns=\"http://www.w3.org/ns/ttml\">"[..],
            b"\xef\xbb\xbf <?xml version=\"1.0\"?>\r\n<!-- <a> -->\n<?x?><tt:tt>",
            b"<t:tt/>",
        ] {
            assert_eq!(sniff(document), SniffedContainer::Ttml);
            assert_eq!(sniff_plaintext(document), Some(Plaintext::Media));
        }
        for other in
            [&b"<?xml version=\"1.0\"?><Error>"[..], b"<ttml>", b"<tt:body>", b"<tt", b"<?xml", b"<!-- <tt> ", b"tt>"]
        {
            assert_eq!(sniff(other), SniffedContainer::Unknown, "{other:?}");
        }
    }

    #[test]
    fn a_transport_stream_needs_a_whole_packet_and_its_sync_bytes() {
        let mut ts = vec![0; 188 * 4];
        (0..4).for_each(|n| ts[n * 188] = 0x47);
        assert_eq!([sniff(&ts[..187]), sniff(&ts[..188])], [SniffedContainer::Unknown, SniffedContainer::Ts]);
        for broken in [188, 376] {
            let mut bytes = ts.clone();
            bytes[broken] = 0;
            assert_eq!(sniff(&bytes), SniffedContainer::Unknown, "{broken}");
        }
        // Behind a cut packet three sync bytes have to be there.
        let cut = &ts[1..];
        assert_eq!(sniff(&cut[..188 * 3]), SniffedContainer::Ts);
        assert_eq!(sniff(&cut[..188 * 3 - 1]), SniffedContainer::Unknown);
        let long: Vec<u8> = std::iter::repeat_n([&[0x47][..], &[0; 203]].concat(), 3).flatten().collect();
        assert_eq!(sniff(&long[..409]), SniffedContainer::TsOtherPacketSize(204));
        assert_eq!(sniff(&long[..408]), SniffedContainer::Unknown);
    }

    #[test]
    fn audio_frames_and_tags_are_recognised_by_their_first_bytes() {
        for audio in [
            &b"ID3\x02"[..],
            b"ID3\x04",
            b"\x0b\x77",
            b"\xac\x40",
            b"\xac\x41",
            b"\xff\xf1\x50",
            b"\xff\xf9\x50",
            b"\xff\xfb\x90",
            b"\xff\xf3\x84",
        ] {
            assert_eq!(sniff(audio), SniffedContainer::PackedAudio, "{audio:x?}");
        }
        for other in [
            &b"ID3\x01"[..],
            b"ID3\x05",
            b"\x0b\x76",
            b"\xac\x42",
            b"\xff\xe9\x90",
            b"\xff\xfb\xf0",
            b"\xff\xdb\x90",
            b"\xfe\xfb\x90",
            b"\xff\xe1\x00",
        ] {
            assert_eq!(sniff(other), SniffedContainer::Unknown, "{other:x?}");
        }
    }

    #[test]
    fn each_first_box_is_recognised() {
        for kind in
            [b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"emsg", b"prft", b"mdat", b"free", b"skip", b"ssix", b"uuid"]
        {
            assert_eq!(sniff(&[&[0, 0, 0, 8][..], kind].concat()), SniffedContainer::Mp4);
        }
        assert_eq!(sniff(b"\0\0\0\x08trak"), SniffedContainer::Unknown);
    }

    #[test]
    fn clear_text_has_at_least_32_printable_bytes() {
        assert_eq!(sniff_plaintext(&[b' '; 32]), Some(Plaintext::Text));
        assert_eq!(sniff_plaintext(&[b'~'; 31]), None);
        assert_eq!(sniff_plaintext(&[&[b'~'; 40][..], b"\x7f"].concat()), None);
        assert_eq!(sniff_plaintext(b"WEBVTT\n"), Some(Plaintext::Media));
        let ts = [&[0x47][..], &[0; 187], &[0x47], &[0; 187]].concat();
        assert_eq!(sniff_plaintext(&ts[..375]), None);
        assert_eq!(sniff_plaintext(b"ID3\x04\0\x01\0\0\0\0"), None, "reserved flags");
        assert_eq!(sniff_plaintext(b"ID3\x04\x01\0\0\0\0\0"), None, "another revision");
        assert_eq!(sniff_plaintext(b"ID3\x04\0\x10\0\0\x80\0"), None, "a size with a high bit");
    }

    #[test]
    fn unrecognised_resources_are_named_by_their_kind() {
        for (head, kind) in [
            (&b"<HTML>"[..], "an HTML page"),
            (b"<!-- x -->", "an HTML page"),
            (b"<?xml version", "an XML document"),
            (b"<Error>", "an XML document"),
            (b"<MPD ", "an XML document"),
            (b"[1]", "JSON"),
            (b"\x1f\x8b\x08", "gzip data"),
            (b"\x89PNG\r\n", "a picture"),
            (b"\xff\xd8\xff\xe0", "a picture"),
            (b"\xef\xbb\xbf{}", "JSON"),
        ] {
            assert_eq!(describe(head), format!("starts like {kind}"));
        }
    }
}
