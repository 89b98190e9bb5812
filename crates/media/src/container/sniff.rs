//! Which container a resource is, from its first bytes.

use super::ts::framing;

/// Bytes wanted for the decision: three TS packets of the longest kind behind a cut one.
pub const WINDOW: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ts,
    /// Transport stream packets with a prefix or suffix: 192 (time code) or 204 (Reed-Solomon) bytes.
    TsWrapped(usize),
    Mp4,
    PackedAudio,
    WebVtt,
    Unknown,
}

/// `head`: the first [`WINDOW`] bytes, or the whole of a shorter resource.
#[must_use]
pub fn kind(head: &[u8]) -> Kind {
    // `G` begins many a text: one whole packet at least.
    if head.len() >= framing::SIZE && framing::aligned(head, 0, framing::SIZE) {
        return Kind::Ts;
    }
    if mp4(head) {
        return Kind::Mp4;
    }
    if text(head).starts_with(b"WEBVTT") {
        return Kind::WebVtt;
    }
    if repeated(head, 4, 192) {
        return Kind::TsWrapped(192);
    }
    if repeated(head, 0, 204) {
        return Kind::TsWrapped(204);
    }
    if packed_audio(head) {
        return Kind::PackedAudio;
    }
    if (1..framing::SIZE).any(|at| repeated(head, at, framing::SIZE)) { Kind::Ts } else { Kind::Unknown }
}

/// Whether bytes that should be cipher text are clear: media, or a page of text. What noise would show by chance once
/// in a long while (an ADTS sync word has 12 bits) counts as no sign.
#[must_use]
pub fn clear(head: &[u8]) -> Option<Clear> {
    let media = match kind(head) {
        Kind::Ts => head.len() >= 2 * framing::SIZE,
        // No first box has 16 MB.
        Kind::Mp4 => head.starts_with(&[0]),
        Kind::PackedAudio => matches!(head, [b'I', b'D', b'3', _, 0, flags, size @ ..]
            if flags & 0x0f == 0 && size.iter().take(4).all(|b| *b < 0x80)),
        Kind::WebVtt => true,
        Kind::TsWrapped(_) | Kind::Unknown => false,
    };
    let text = || head.len() >= MIN_TEXT && head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126));
    if media { Some(Clear::Media) } else { text().then_some(Clear::Text) }
}

/// Fewer printable bytes than this may be chance.
const MIN_TEXT: usize = 32;

/// What bytes show that aren't cipher text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    Media,
    Text,
}

/// Three sync bytes at this distance.
fn repeated(head: &[u8], at: usize, size: usize) -> bool {
    head.len() > at + 2 * size && framing::aligned(head, at, size)
}

fn mp4(head: &[u8]) -> bool {
    const KINDS: [&[u8]; 12] =
        [b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"emsg", b"prft", b"mdat", b"free", b"skip", b"ssix", b"uuid"];
    head.get(4..8).is_some_and(|kind| KINDS.contains(&kind))
}

fn packed_audio(head: &[u8]) -> bool {
    match head {
        [b'I', b'D', b'3', 2..=4, ..] | [0x0b, 0x77, ..] => true,
        // ADTS, or MPEG audio with a valid version and layer.
        [0xff, b, c, ..] => b & 0xf6 == 0xf0 || (b & 0xe0 == 0xe0 && b & 0x06 != 0 && b & 0x18 != 8 && c >> 4 != 15),
        _ => false,
    }
}

/// Without a UTF-8 byte order mark.
fn text(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// What an unrecognised resource looks like, for a person.
#[must_use]
pub fn describe(head: &[u8]) -> String {
    let text = text(head).trim_ascii_start();
    let lower: Vec<u8> = text.iter().take(16).map(u8::to_ascii_lowercase).collect();
    let html = [&b"<!doctype html"[..], b"<html", b"<head", b"<body", b"<!--", b"<h1", b"<title"];
    let looks = match lower.as_slice() {
        [] if head.is_empty() => return "the body is empty".to_owned(),
        l if html.iter().any(|tag| l.starts_with(tag)) => "an HTML page",
        l if l.starts_with(b"<?xml") || l.starts_with(b"<error") || l.starts_with(b"<mpd") => "an XML document",
        l if l.starts_with(b"#extm3u") => "an HLS playlist",
        l if l.starts_with(b"{") || l.starts_with(b"[") => "JSON",
        l if l.starts_with(b"\x1f\x8b") => "gzip data",
        l if l.starts_with(b"\x89png") || l.starts_with(b"\xff\xd8\xff") => "a picture",
        _ if head.iter().all(|b| *b == 0) => "nothing but zero bytes",
        _ if head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126)) => "plain text",
        _ => return format!("starts with {}, which no media container begins with (encrypted or damaged?)", hex(head)),
    };
    format!("starts like {looks}")
}

fn hex(head: &[u8]) -> String {
    head.iter().take(8).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_not_is_said_for_a_person() {
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
        assert_eq!(clear(&[&[0x47; 1][..], &[0; 187], &[0x47; 1], &[0; 187]].concat()), Some(Clear::Media));
        assert_eq!(clear(&[&[0x47; 1][..], &[0; 187]].concat()), None, "a sync byte is one of 256");
        assert_eq!(clear(b"\0\0\0\x18stypmsdh"), Some(Clear::Media));
        assert_eq!(clear(b"\x9a\0\0\x18stypmsdh"), None);
        assert_eq!(clear(b"ID3\x04\0\0\0\0\0\x3f"), Some(Clear::Media));
        assert_eq!(clear(b"ID3\x04\0\0\0\0\0\xff"), None);
        assert_eq!(clear(&[0xff, 0xf1, 0x50, 0x80, 0, 0, 0, 0]), None, "an ADTS header");
        assert_eq!(clear(b"<html><head><title>Sign in</title></head>"), Some(Clear::Text));
        assert_eq!(clear(b""), None);
    }

    #[test]
    fn containers_are_told_apart() {
        let ts: Vec<u8> = std::iter::repeat_n([&[0x47][..], &[0; 187]].concat(), 5).flatten().collect();
        assert_eq!(kind(&ts), Kind::Ts);
        assert_eq!(kind(&ts[100..]), Kind::Ts, "begins inside a packet");
        assert_eq!(kind(&ts[..188]), Kind::Ts, "one packet");
        let m2ts: Vec<u8> = std::iter::repeat_n([&[0; 4][..], &[0x47], &[0; 187]].concat(), 4).flatten().collect();
        assert_eq!(kind(&m2ts), Kind::TsWrapped(192));
        assert_eq!(kind(b"\0\0\0\x18stypmsdh"), Kind::Mp4);
        assert_eq!(kind(b"\xef\xbb\xbfWEBVTT\n"), Kind::WebVtt);
        assert_eq!(kind(b"ID3\x04\0\0"), Kind::PackedAudio);
        assert_eq!(kind(b"Gateway"), Kind::Unknown);
        assert_eq!(kind(b""), Kind::Unknown);
    }
}
