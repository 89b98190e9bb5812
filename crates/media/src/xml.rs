//! Untrusted bytes → an XML tree, refused before it is built where it would cost more than a manifest or a subtitle document may.

use memchr::{memchr, memmem};
use roxmltree::{Document, ParsingOptions};

/// Elements, texts and comments of one MPD: a day of 2 s segments listed one by one for each of six renditions.
const MAX_NODES: u32 = 500_000;
/// An MPD nests seven deep; events and protection data carry documents of their own.
const MAX_DEPTH: usize = 48;
/// The tree compares every attribute of an element with every other.
const MAX_ATTRIBUTES: usize = 128;
/// An element that declares a namespace holds a copy of all those in force.
const MAX_NAMESPACES: usize = 4_000_000;

/// Why there is no tree: where (line and column from 1), and what.
pub type Refused = ((u32, u32), String);

/// # Errors
/// Not UTF-8, not well-formed, a document type declaration, or more than the bounds above allow.
pub fn text(bytes: &[u8]) -> Result<&str, Refused> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        (place(&String::from_utf8_lossy(before), e.valid_up_to()), "not UTF-8 from here on".to_owned())
    })
}

/// # Errors
/// As [`text`].
pub fn tree(text: &str) -> Result<Document<'_>, Refused> {
    bounded(text).map_err(|(at, what)| (place(text, at), what.to_owned()))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| {
        let message: String = e.to_string().chars().take(160).collect();
        ((e.pos().row, e.pos().col), format!("not well-formed XML: {message}"))
    })
}

pub fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1),
        u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
    )
}

type Bounds = Result<(), (usize, &'static str)>;

/// Walks over the tags without judging them: that is the parser's.
fn bounded(text: &str) -> Bounds {
    let bytes = text.as_bytes();
    let mut scan = Scan::default();
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
struct Scan {
    /// Namespaces in force in each open element.
    open: Vec<usize>,
    /// Namespaces that the tree would hold.
    held: usize,
}

impl Scan {
    /// Bytes of the tag that `rest` begins with.
    fn tag(&mut self, rest: &[u8]) -> Result<usize, &'static str> {
        let tag = Tag::of(rest);
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
struct Tag {
    length: usize,
    attributes: usize,
    namespaces: usize,
    empty: bool,
}

impl Tag {
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
