//! Walks the boxes of a buffered body without recursion: callers descend as many levels as they know.
//!
//! `mp4-atom` decodes the leaf boxes. Its decoders of a whole `moov` or `moof` aren't used: they recurse as deep as the
//! input nests, refuse a movie for one unexpected box that nothing here needs, and know no byte offsets.

use mp4_atom::Atom;

pub const BOX_CLAUSE: &str = "ISO/IEC 14496-12 4.2";

/// A box whose body is in memory.
#[derive(Debug, Clone, Copy)]
pub struct Mp4Box<'a> {
    pub kind: [u8; 4],
    /// Offset of the box header in the resource.
    pub offset: u64,
    pub body: &'a [u8],
    body_offset: u64,
}

/// A structural error that makes the rest of a box unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxError {
    pub offset: u64,
    pub message: String,
}

/// A box header: type, size of the header, and size of the box. A size of `None` reaches to the end of the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxHeader {
    pub kind: [u8; 4],
    pub length: u64,
    pub size: Option<u64>,
}

impl BoxHeader {
    /// Returns the number of bytes that the header has: 16 for one with a 64-bit size, otherwise 8.
    #[must_use]
    pub fn length_needed(bytes: &[u8]) -> usize {
        if bytes.starts_with(&[0, 0, 0, 1]) { 16 } else { 8 }
    }

    /// Parses a header; `None` while bytes are missing.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let header = |length, size| Self { kind: *kind, length, size };
        match u32::from_be_bytes(*size) {
            0 => Some(header(8, None)),
            1 => Some(header(16, Some(u64::from_be_bytes(*rest.first_chunk::<8>()?)))),
            n => Some(header(8, Some(u64::from(n)))),
        }
    }

    /// Returns the error of a header that can't belong to a box.
    #[must_use]
    pub fn error_at(&self, at: u64) -> Option<BoxError> {
        let name = printable_kind(self.kind);
        let message = match self.size {
            Some(size) if size < self.length => {
                format!("box {name} at byte {at} claims a size of {size} bytes, its header alone has {}", self.length)
            }
            _ if !self.kind.iter().all(|b| matches!(b, 0x20..=0x7e | 0xa9)) => {
                format!("a box header is expected at byte {at}, found the type {name}")
            }
            _ => return None,
        };
        Some(BoxError { offset: at, message })
    }
}

/// Iterates over the boxes in `body`, which begins at offset `at`, and ends after the first error.
pub fn child_boxes<'a>(parent: [u8; 4], body: &'a [u8], at: u64) -> impl Iterator<Item = Result<Mp4Box<'a>, BoxError>> {
    let mut rest = body;
    let mut at = at;
    std::iter::from_fn(move || {
        // Fewer than eight zero bytes behind the last box are QuickTime's terminator.
        if rest.is_empty() || rest.len() < 8 && rest.iter().all(|b| *b == 0) {
            return None;
        }
        let next = first_child(parent, rest, at);
        match &next {
            Ok((found, after)) => {
                at = found.body_offset + found.body.len() as u64;
                rest = after;
            }
            Err(_) => rest = &[],
        }
        Some(next.map(|(found, _)| found))
    })
}

fn first_child(parent: [u8; 4], rest: &[u8], at: u64) -> Result<(Mp4Box<'_>, &[u8]), BoxError> {
    let left = rest.len();
    let past_parent = |claims: String| BoxError {
        offset: at,
        message: format!("{claims} at byte {at}, its parent {} has {left} bytes left", printable_kind(parent)),
    };
    let header = BoxHeader::parse(rest).ok_or_else(|| past_parent("a box header is cut off".to_owned()))?;
    if let Some(error) = header.error_at(at) {
        return Err(error);
    }
    let size = header.size.unwrap_or(left as u64);
    let split = usize::try_from(size).ok().and_then(|n| rest.split_at_checked(n));
    let (bytes, after) =
        split.ok_or_else(|| past_parent(format!("box {} claims {size} bytes", printable_kind(header.kind))))?;
    let body = bytes.get(header.length as usize..).unwrap_or_default();
    Ok((Mp4Box { kind: header.kind, offset: at, body, body_offset: at + header.length }, after))
}

impl<'a> Mp4Box<'a> {
    /// Makes a box that was buffered whole; its `body` begins at `body_offset` in the resource.
    #[must_use]
    pub fn new(kind: [u8; 4], at: u64, body: &'a [u8], body_offset: u64) -> Self {
        Self { kind, offset: at, body, body_offset }
    }

    /// Returns the offset behind the box in the resource.
    #[must_use]
    pub fn end_offset(&self) -> u64 {
        self.body_offset + self.body.len() as u64
    }

    pub fn children(&self) -> impl Iterator<Item = Result<Mp4Box<'a>, BoxError>> + use<'a> {
        child_boxes(self.kind, self.body, self.body_offset)
    }

    /// Iterates over the boxes behind the first `fields` bytes of the body.
    pub fn children_after(&self, fields: usize) -> impl Iterator<Item = Result<Mp4Box<'a>, BoxError>> + use<'a> {
        let body = self.body.get(fields..).unwrap_or_default();
        child_boxes(self.kind, body, self.body_offset + fields as u64)
    }

    pub fn decode<T: Atom>(&self) -> Result<T, BoxError> {
        let mut body = self.body;
        T::decode_body(&mut body).map_err(|error| self.error(format!("can't be read ({error})")))
    }

    #[must_use]
    pub fn error(&self, what: String) -> BoxError {
        BoxError {
            offset: self.offset,
            message: format!("box {} at byte {} {what}", printable_kind(self.kind), self.offset),
        }
    }
}

/// Formats a four-character code for a message: as text, or as hexadecimal when it isn't printable.
#[must_use]
pub fn printable_kind(kind: [u8; 4]) -> String {
    match std::str::from_utf8(&kind) {
        Ok(text) if text.bytes().all(|b| (0x20..0x7f).contains(&b)) => format!("`{text}`"),
        _ => format!("{:#010x}", u32::from_be_bytes(kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(body: &[u8]) -> Vec<Result<[u8; 4], BoxError>> {
        child_boxes(*b"moof", body, 100).map(|b| b.map(|b| b.kind)).collect()
    }

    #[test]
    fn a_box_that_exceeds_its_parent_is_named_with_its_offset() {
        let body = b"\0\0\0\x08mfhd\0\0\0\x20traf\0\0\0\0";
        let message = "box `traf` claims 32 bytes at byte 108, its parent `moof` has 12 bytes left".to_owned();
        assert_eq!(kinds(body), [Ok(*b"mfhd"), Err(BoxError { offset: 108, message })]);
    }

    #[test]
    fn sizes_of_64_bits_and_to_the_end_are_understood() {
        let body = b"\0\0\0\x01mfhd\0\0\0\0\0\0\0\x10\0\0\0\0traf____";
        assert_eq!(kinds(body), [Ok(*b"mfhd"), Ok(*b"traf")]);
        assert!(kinds(b"\0\0\0\x01mfhd\0\0\0\0\0\0\0\x0f")[0].is_err());
        assert!(kinds(b"\0\0\0\x07mfhd")[0].is_err());
        assert!(kinds(b"\0\0\0\x08\0\0\0\x01")[0].is_err());
        assert!(kinds(b"\0\0\0\0").is_empty(), "terminator");
    }
}
