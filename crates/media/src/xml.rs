//! A parser of untrusted XML. It refuses a document before it builds the tree if the document would cost more than a
//! manifest or subtitle document may.

use memchr::{memchr, memmem};
use roxmltree::{Document, ParsingOptions};
use std::borrow::Cow;

/// Largest number of elements, texts and comments of an XML document: a day of segments of 2 s, listed one by one for
/// six renditions.
const MAX_NODES: u32 = 500_000;
/// Deepest nesting of XML elements. An MPD needs seven levels, and its events and protection data may contain documents
/// of their own.
const MAX_DEPTH: usize = 48;
/// Largest number of attributes of an XML element. The parser compares each attribute with each other one.
const MAX_ATTRIBUTES: usize = 128;
/// Largest number of namespaces that an XML tree holds. An element that declares a namespace copies all that are in
/// force.
const MAX_NAMESPACES: usize = 4_000_000;

/// Reason why an XML document was refused: the position (line and column, from 1) and a text.
pub type XmlError = ((u32, u32), String);

/// Encodings of one byte for each character, which a document may declare. The 27 characters in which windows-1252 differs from ISO-8859-1
/// stand in no name and no number.
const SINGLE_BYTE: &[&str] = &["iso-8859-1", "latin1", "windows-1252", "us-ascii"];
/// Number of bytes at the beginning of a document in which its declaration stands.
const DECLARATION: usize = 256;

/// Decodes the bytes of an XML document to text without a byte order mark. The text is owned if the bytes aren't UTF-8, but UTF-16 with a
/// byte order mark, or of a declared encoding with one byte for each character.
///
/// # Errors
/// The bytes are none of these.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => match utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(_) if is_single_byte(bytes) => Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect())),
            Err(error) => Err(error),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, XmlError> {
    let chunks = bytes.chunks_exact(2);
    let is_whole = chunks.remainder().is_empty();
    let units: Vec<u16> = chunks.filter_map(|chunk| chunk.first_chunk::<2>()).map(|chunk| unit(*chunk)).collect();
    let text = String::from_utf16(&units).ok().filter(|_| is_whole);
    text.ok_or_else(|| ((1, 1), "not UTF-16, although it begins with the byte order mark of UTF-16".to_owned()))
}

/// Whether an XML document declares an encoding with one byte for each character.
fn is_single_byte(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(DECLARATION)).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let declaration = head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(inside, _)| inside);
    let encoding = declaration.and_then(|inside| inside.split_once("encoding")).map(|(_, rest)| rest);
    let name = encoding.and_then(|rest| rest.split(['"', '\'']).nth(1));
    name.is_some_and(|name| SINGLE_BYTE.contains(&name))
}

/// Decodes the bytes of an XML document that has to be UTF-8 to text without a byte order mark.
///
/// # Errors
/// The bytes aren't UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, XmlError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        (line_and_column(&String::from_utf8_lossy(before), e.valid_up_to()), "not UTF-8 from here on".to_owned())
    })
}

/// Parses an XML document into a tree.
///
/// # Errors
/// The text isn't well-formed, has a document type declaration, or exceeds 128 attributes of an element, 48 levels of nesting,
/// 500 000 nodes or the bound on namespaces inside each other.
pub fn parse(text: &str) -> Result<Document<'_>, XmlError> {
    check_bounds(text).map_err(|(at, what)| (line_and_column(text, at), what.to_owned()))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| {
        let message: String = e.to_string().chars().take(160).collect();
        ((e.pos().row, e.pos().col), format!("not well-formed XML: {message}"))
    })
}

/// Returns line and column, from 1, of a byte offset in `text`.
pub fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1),
        u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
    )
}

type BoundsResult = Result<(), (usize, &'static str)>;

/// Checks the bounds of an XML document in one pass over its tags. The parser checks later whether the document is
/// well-formed.
fn check_bounds(text: &str) -> BoundsResult {
    let bytes = text.as_bytes();
    let mut scan = BoundsScan::default();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'<', rest)) {
        at += found;
        let rest = bytes.get(at..).unwrap_or_default();
        let length = match () {
            () if rest.starts_with(b"<!--") => past(rest, b"-->"),
            () if rest.starts_with(b"<![CDATA[") => past(rest, b"]]>"),
            () if rest.starts_with(b"<?") => past(rest, b"?>"),
            () if rest.starts_with(b"<!") => {
                return Err((at, "a document type declaration: its entities can't be trusted"));
            }
            () => scan.tag(rest).map_err(|what| (at, what))?,
        };
        at += length;
    }
    Ok(())
}

fn past(rest: &[u8], end: &[u8]) -> usize {
    memmem::find(rest, end).map_or(rest.len(), |at| at + end.len())
}

#[derive(Default)]
struct BoundsScan {
    /// Number of namespaces in force in each XML element that is open.
    open: Vec<usize>,
    /// Number of namespaces that the XML tree would hold.
    held: usize,
}

impl BoundsScan {
    /// Counts the XML tag at the beginning of `rest` for the bounds, and returns its length in bytes.
    fn tag(&mut self, rest: &[u8]) -> Result<usize, &'static str> {
        let tag = ScannedTag::of(rest);
        if tag.attributes > MAX_ATTRIBUTES {
            return Err("an element has more than 128 attributes");
        }
        let in_force = self.open.last().copied().unwrap_or(0) + tag.namespaces;
        if tag.namespaces > 0 {
            self.held += in_force;
        }
        if self.held > MAX_NAMESPACES {
            return Err("too many namespaces are declared inside each other");
        }
        match () {
            () if rest.starts_with(b"</") => drop(self.open.pop()),
            () if tag.empty => {}
            () => self.open.push(in_force),
        }
        if self.open.len() > MAX_DEPTH {
            return Err("elements nest more than 48 deep");
        }
        Ok(tag.length)
    }
}

#[derive(Default)]
struct ScannedTag {
    length: usize,
    attributes: usize,
    namespaces: usize,
    empty: bool,
}

impl ScannedTag {
    fn of(rest: &[u8]) -> Self {
        let mut tag = Self::default();
        let mut quote = None;
        let mut before = b' ';
        for (at, &byte) in rest.iter().enumerate() {
            tag.length = at + 1;
            match (quote, byte) {
                (Some(open), _) if byte == open => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => tag.attributes += 1,
                (None, b'>') => {
                    tag.empty = before == b'/';
                    break;
                }
                (None, b'x') if before.is_ascii_whitespace() => {
                    tag.namespaces += usize::from(rest.get(at..).is_some_and(|r| r.starts_with(b"xmlns")));
                }
                (None, _) => {}
            }
            before = byte;
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<((u32, u32), String)> {
        parse(text).err()
    }

    #[test]
    fn an_element_has_at_most_128_attributes() {
        let element =
            |count: usize| format!("<a {}/>", (0..count).map(|n| format!("a{n}='=\">' ")).collect::<String>());
        assert_eq!(refused(&element(128)), None);
        let (at, what) = refused(&format!("<r>\n {}</r>", element(129))).unwrap();
        assert_eq!((at, what.as_str()), ((2, 2), "an element has more than 128 attributes"));
    }

    #[test]
    fn elements_nest_at_most_48_deep() {
        let nested = |depth: usize| format!("{}<b/>{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert_eq!(refused(&nested(48)), None);
        assert_eq!(refused(&nested(49)).unwrap().1, "elements nest more than 48 deep");
        let siblings = format!("<r>{}</r>", "<a><b/></a>".repeat(100));
        assert_eq!(refused(&siblings), None);
    }

    #[test]
    fn a_document_type_is_refused_and_one_in_a_comment_or_text_is_not() {
        assert!(refused("<!DOCTYPE a><a/>").unwrap().1.starts_with("a document type declaration"));
        assert_eq!(refused("<a><!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE a>]]><?p <!DOCTYPE a>?></a>"), None);
    }

    #[test]
    fn namespaces_inside_each_other_are_bounded() {
        let declared = |count: usize| {
            let all: String = (0..100).map(|n| format!("xmlns:n{n}='u' ")).collect();
            format!("<r {all}>{}</r>", "<a xmlns='v'/>".repeat(count))
        };
        assert_eq!(refused(&declared(1000)), None);
        assert_eq!(refused(&declared(40_000)).unwrap().1, "too many namespaces are declared inside each other");
    }

    #[test]
    fn a_position_is_a_line_and_a_column_of_characters() {
        assert_eq!(line_and_column("", 0), (1, 1));
        assert_eq!(line_and_column("aé\nbc", 4), (2, 1));
        assert_eq!(line_and_column("aé\nbc", 3), (1, 3));
        assert_eq!(utf8(b"\xef\xbb\xbf<a/>"), Ok("<a/>"));
        assert_eq!(utf8(b"<a>\n\xff"), Err(((2, 1), "not UTF-8 from here on".to_owned())));
    }

    #[test]
    fn utf_16_is_read_by_its_byte_order_mark_and_single_bytes_by_their_declaration() {
        let text = "<a>é</a>";
        let bytes = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(order).collect()
        };
        for written in [bytes(u16::to_le_bytes), bytes(u16::to_be_bytes)] {
            assert_eq!(decode(&written).unwrap(), text);
            assert!(decode(&written[..written.len() - 1]).unwrap_err().1.starts_with("not UTF-16"));
        }
        assert!(matches!(decode("\u{feff}<a>é</a>".as_bytes()), Ok(Cow::Borrowed("<a>é</a>"))));
        let declared =
            |name: &str| [&b"<?xml version='1.0' encoding='"[..], name.as_bytes(), b"'?><a>\xe9</a>"].concat();
        for name in ["ISO-8859-1", "windows-1252", "US-ASCII"] {
            assert!(decode(&declared(name)).unwrap().ends_with(text), "{name}");
        }
        assert_eq!(decode(&declared("UTF-8")).unwrap_err().1, "not UTF-8 from here on");
        assert!(decode(b"<a>\xe9</a>").is_err());
    }
}
