//! Description of an input that is no playlist, for the message of its defect.

/// Returns a clause that says what a body that isn't a playlist looks like, such as `it looks like an HTML page`.
pub(super) fn describe(bytes: &[u8]) -> &'static str {
    let start = bytes.get(..512).unwrap_or(bytes);
    binary(start, bytes.len()).unwrap_or_else(|| textual(start))
}

fn binary(start: &[u8], length: usize) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let sync = |offset: usize| start.get(offset) == Some(&0x47);
    let boxes: [&[u8]; 5] = [b"ftyp", b"styp", b"moof", b"moov", b"sidx"];
    match () {
        () if length == 0 => Some("the body is empty"),
        () if at(0, b"\x1f\x8b") => Some("it looks like gzip data sent without Content-Encoding"),
        () if at(0, b"\xff\xfe") || at(0, b"\xfe\xff") => Some("it looks like UTF-16 text"),
        () if sync(0) && sync(188) => Some("it looks like an MPEG transport stream"),
        () if boxes.iter().any(|name| at(4, name)) => Some("it looks like an MP4 file"),
        () if start.contains(&0) => Some("it looks like binary data"),
        () => None,
    }
}

fn textual(start: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    match () {
        () if text.is_empty() => "the body is blank",
        () if text.contains("<!doctype html") || text.contains("<html") => "it looks like an HTML page",
        () if text.contains("<mpd") => "it looks like a DASH MPD",
        () if text.starts_with("<?xml") => "it looks like an XML document",
        () if text.starts_with('<') => "it looks like an HTML or XML document",
        () if text.starts_with('{') || text.starts_with('[') => "it looks like JSON",
        () => "it looks like text of another kind",
    }
}
