//! Decoding of a playlist's bytes to text, with the defects of the encoding (RFC 8216bis 4.1).

use super::defects::{DefectList, ToleratedBreach};
use super::lines::{self, LineContent, PlaylistLine};
use crate::defect::DefectKind::{Metadata, Syntax};
use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;
use std::str;

const REFERENCE: &str = "RFC 8216bis 4.1";

/// Decodes a playlist to text. Bytes that aren't UTF-8 become U+FFFD, so that a segment whose title has another
/// encoding isn't lost.
pub(super) fn decode<'a>(bytes: &'a [u8], defects: &mut DefectList) -> Cow<'a, str> {
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if body.len() < bytes.len() {
        defects.add_at(Syntax, (1, 1), REFERENCE, format_args!("begins with a byte order mark; leave it out"));
    }
    if is_plain(body) {
        return String::from_utf8_lossy(body);
    }
    if str::from_utf8(body).is_err() {
        not_utf8(body, defects);
    }
    let text = String::from_utf8_lossy(body);
    for line in lines::split(&text) {
        characters(&line, defects);
        normal_form(&line, defects);
    }
    text
}

/// Whether a playlist has nothing but printable ASCII characters, line ends (LF or CR LF), and no space at the beginning of a
/// line. Then its encoding has no defect, which is found so without a look at each line: most playlists are like that, and
/// some have a megabyte.
fn is_plain(body: &[u8]) -> bool {
    let mut before = b'\n';
    let all = body.iter().all(|byte| {
        let fits = match byte {
            b'\n' => true,
            b' ' => before != b'\n' && before != b'\r',
            b'\r' | 0x21..=0x7e => before != b'\r',
            _ => false,
        };
        before = *byte;
        fits
    });
    all && before != b'\r'
}

fn not_utf8(body: &[u8], defects: &mut DefectList) {
    for (line, number) in body.split(|b| *b == b'\n').zip(1u32..) {
        let Err(error) = str::from_utf8(line) else { continue };
        let sound = line.get(..error.valid_up_to()).unwrap_or_default();
        let column = str::from_utf8(sound).map_or(0, |s| s.chars().count()) + 1;
        let byte = line.get(error.valid_up_to()).copied().unwrap_or_default();
        let at = (number, u32::try_from(column).unwrap_or(u32::MAX));
        defects.add_at(Syntax, at, REFERENCE, format_args!("byte {byte:#04x} is not UTF-8; playlists are UTF-8"));
    }
}

/// Reports text that isn't in Unicode normalization form C: players compare names byte by byte, and such text looks the
/// same as another and differs. No player stops because of it.
fn normal_form(line: &PlaylistLine<'_>, defects: &mut DefectList) {
    if line.is_ascii() || matches!(line.content, LineContent::TooLong) {
        return;
    }
    let (normal, rest) = ComposingNormalizerBorrowed::new_nfc().split_normalized(line.raw());
    if !rest.is_empty() {
        let what = "text that isn't in Unicode normalization form C; write it composed";
        defects.add(Metadata, (line, normal.len()), REFERENCE, format_args!("{what}"));
    }
}

/// Reports the first control character of a line, and white space before the line's content. A tab is tolerated, except in a
/// URI: players read the line as it was meant.
fn characters(line: &PlaylistLine<'_>, defects: &mut DefectList) {
    let is_tolerated = |c: char| c == '\t' && !matches!(line.content, LineContent::Uri(_));
    if let Some((offset, c)) = line.control_characters().find(|(_, c)| !is_tolerated(*c)) {
        let what = if c == '\r' { "a carriage return that ends no line" } else { "a control character" };
        let code = u32::from(c);
        defects.add(Syntax, (line, offset), REFERENCE, format_args!("{what} (U+{code:04X}); leave it out"));
    } else if let Some((offset, _)) = line.control_characters().next() {
        defects.add_tolerated(
            ToleratedBreach::Tab,
            (line, offset),
            REFERENCE,
            format_args!("a tab (U+0009); leave it out"),
        );
    }
    if line.indent > 0 && !matches!(line.content, LineContent::Blank | LineContent::TooLong) {
        defects.add(Syntax, (line, 0), REFERENCE, format_args!("whitespace before the line's content; leave it out"));
    }
}

impl PlaylistLine<'_> {
    /// Returns the characters of U+0000 to U+001F and U+007F to U+009F, with their byte offsets. Tabs are allowed in
    /// EXT-X-SKIP, whose list is tab-delimited (RFC 8216bis 4.4.5.2).
    fn control_characters(&self) -> impl Iterator<Item = (usize, char)> {
        let tabs = matches!(self.content, LineContent::Tag { name: "EXT-X-SKIP", .. });
        self.raw_indices().filter(move |(_, c)| c.is_control() && !(tabs && *c == '\t'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_playlist_has_no_defect_of_its_encoding_and_every_other_is_read_line_by_line() {
        for plain in ["", "#EXTM3U\n", "#EXTM3U\r\na b.ts\r\n\r\n", "\n\n~"] {
            assert!(is_plain(plain.as_bytes()), "{plain:?}");
        }
        for other in ["\ta", " a", "a\n b", "a\r", "a\r b", "\r\r\n", "a\tb", "\u{7f}", "é", "\u{feff}a"] {
            assert!(!is_plain(other.as_bytes()), "{other:?}");
        }
        assert!(!is_plain(b"a\xffb"));
    }

    /// The short cut may only be taken where the way through all lines finds nothing. Every text of up to six of these
    /// characters is tried.
    #[test]
    fn no_text_that_is_plain_has_a_line_with_a_defect() {
        let alphabet = [' ', 'a', '\t', '\r', '\n', 'é'];
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            let longer = |text: &String| alphabet.map(|c| format!("{text}{c}"));
            texts = texts.iter().flat_map(longer).collect();
            for text in &texts {
                let mut defects = DefectList::default();
                for line in lines::split(text) {
                    characters(&line, &mut defects);
                    normal_form(&line, &mut defects);
                }
                assert!(!is_plain(text.as_bytes()) || defects.finish().is_empty(), "{text:?}");
            }
        }
    }
}
