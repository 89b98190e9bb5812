//! An iterator over the boxes of a buffered MP4 body. It doesn't recurse: callers descend as many levels as they know.
//!
//! `mp4-atom` decodes the leaf boxes. Its decoders of a whole `moov` or `moof` aren't used: they recurse as deep as the
//! input nests, refuse a movie for one unexpected box that nothing here needs, and know no byte offsets.

use mp4_atom::Atom;

pub(super) const BOX_CLAUSE: &str = "ISO/IEC 14496-12 4.2";

/// An MP4 box whose body is in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mp4Box<'a> {
    pub(super) kind: [u8; 4],
    /// Byte offset of the box header in the resource.
    pub(super) offset: u64,
    pub(super) body: &'a [u8],
    body_offset: u64,
}

/// A structural error in an MP4 box that makes the rest of it unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoxError {
    pub(super) offset: u64,
    pub(super) message: String,
}

/// Header of an MP4 box: type, size of the header, and size of the box. A size of `None` means that the box reaches to
/// the end of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BoxHeader {
    pub(super) kind: [u8; 4],
    pub(super) length: u64,
    pub(super) size: Option<u64>,
}

impl BoxHeader {
    /// Returns the size of a box header in bytes: 16 with a 64-bit size field, otherwise 8. `bytes` are the header's
    /// first bytes.
    #[must_use]
    pub(super) fn length_needed(bytes: &[u8]) -> usize {
        if bytes.starts_with(&[0, 0, 0, 1]) { 16 } else { 8 }
    }

    /// Parses the header of an MP4 box; `None` while bytes are missing.
    #[must_use]
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let header = |length, size| Self { kind: *kind, length, size };
        match u32::from_be_bytes(*size) {
            0 => Some(header(8, None)),
            1 => Some(header(16, Some(u64::from_be_bytes(*rest.first_chunk::<8>()?)))),
            n => Some(header(8, Some(u64::from(n)))),
        }
    }

    /// Returns the error of a box header whose size or type is impossible; `None` for a valid one. `at` is its byte
    /// offset.
    #[must_use]
    pub(super) fn error_at(&self, at: u64) -> Option<BoxError> {
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

/// Iterates over the MP4 boxes in `body`, which begins at byte offset `at` of the resource. The iteration ends after
/// the first error.
pub(super) fn child_boxes<'a>(
    parent: [u8; 4],
    body: &'a [u8],
    at: u64,
) -> impl Iterator<Item = Result<Mp4Box<'a>, BoxError>> {
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
    /// Makes an MP4 box that was buffered whole; its `body` begins at byte offset `body_offset` of the resource.
    #[must_use]
    pub(super) fn new(kind: [u8; 4], at: u64, body: &'a [u8], body_offset: u64) -> Self {
        Self { kind, offset: at, body, body_offset }
    }

    /// Returns the byte offset in the resource at which the box ends.
    #[must_use]
    pub(super) fn end_offset(&self) -> u64 {
        self.body_offset + self.body.len() as u64
    }

    pub(super) fn children(&self) -> impl Iterator<Item = Result<Mp4Box<'a>, BoxError>> + use<'a> {
        child_boxes(self.kind, self.body, self.body_offset)
    }

    /// Iterates over the child boxes behind the first `fields` bytes of the box's body.
    pub(super) fn children_after(&self, fields: usize) -> impl Iterator<Item = Result<Mp4Box<'a>, BoxError>> + use<'a> {
        let body = self.body.get(fields..).unwrap_or_default();
        child_boxes(self.kind, body, self.body_offset + fields as u64)
    }

    pub(super) fn decode<T: Atom>(&self) -> Result<T, BoxError> {
        let mut body = self.body;
        T::decode_body(&mut body).map_err(|error| self.error(format!("can't be read ({error})")))
    }

    #[must_use]
    pub(super) fn error(&self, what: String) -> BoxError {
        BoxError {
            offset: self.offset,
            message: format!("box {} at byte {} {what}", printable_kind(self.kind), self.offset),
        }
    }
}

/// Formats a four-character code for a message: as text, or as hexadecimal when it isn't printable.
#[must_use]
pub(super) fn printable_kind(kind: [u8; 4]) -> String {
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

    fn header(size: u32, kind: &[u8; 4]) -> BoxHeader {
        BoxHeader::parse(&[&size.to_be_bytes()[..], kind].concat()).unwrap()
    }

    #[test]
    fn a_header_has_8_or_16_bytes() {
        assert_eq!([&[0, 0, 0, 1][..], &[0, 0, 0, 2], &[0, 0, 1], &[]].map(BoxHeader::length_needed), [16, 8, 8, 8]);
        let long = [&[0, 0, 0, 1][..], b"mdat", &[0, 0, 0, 1, 0, 0, 0, 0]].concat();
        assert_eq!(BoxHeader::parse(&long), Some(BoxHeader { kind: *b"mdat", length: 16, size: Some(1 << 32) }));
        assert_eq!(BoxHeader::parse(&long[..15]), None);
        assert_eq!((header(0, b"mdat").size, BoxHeader::parse(b"\0\0\0\x08mda")), (None, None));
    }

    #[test]
    fn a_header_is_valid_by_size_and_type() {
        let valid = |size, kind| header(size, kind).error_at(5).is_none();
        assert!(valid(8, b"free") && valid(0, b"free") && valid(8, b" ~\xa9z"));
        assert!(!valid(7, b"free") && !valid(8, b"fre\x1f") && !valid(8, b"fre\x7f") && !valid(8, b"fre\xa8"));
        let small = header(7, b"free").error_at(5).unwrap();
        assert_eq!(
            (small.offset, small.message.as_str()),
            (5, "box `free` at byte 5 claims a size of 7 bytes, its header alone has 8")
        );
        let kind = header(8, b"\0\0\0\x01").error_at(5).unwrap();
        assert_eq!(kind.message, "a box header is expected at byte 5, found the type 0x00000001");
    }

    #[test]
    fn boxes_know_their_offsets() {
        let body = b"12\0\0\0\x0afreeab\0\0\0\x08skip";
        let parent = Mp4Box::new(*b"stsd", 92, body, 100);
        assert_eq!(parent.end_offset(), 120);
        let children: Vec<_> = parent.children_after(2).map(Result::unwrap).collect();
        let offsets: Vec<_> = children.iter().map(|b| (b.kind, b.offset, b.body.len(), b.end_offset())).collect();
        assert_eq!(offsets, [(*b"free", 102, 2, 112), (*b"skip", 112, 0, 120)]);
        assert_eq!(parent.children_after(99).count(), 0);
        let cut = Mp4Box::new(*b"moov", 0, b"\0\0\0\x08fre", 8).children().next().unwrap().unwrap_err();
        assert_eq!(cut.message, "a box header is cut off at byte 8, its parent `moov` has 7 bytes left");
        assert_eq!(Mp4Box::new(*b"moov", 0, &[0; 8], 8).children().count(), 1, "eight zeros are a header");
    }
}
