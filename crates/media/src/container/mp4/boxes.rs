//! Boxes of a buffered body, without recursion: the callers go down as many levels as they know.
//!
//! `mp4-atom` decodes the leaves. Its whole-`moov` and whole-`moof` decoders aren't used: they recurse as deep as
//! the input nests, refuse a movie for one odd box that nothing here needs, and know no byte offsets.

use mp4_atom::Atom;

pub const CLAUSE: &str = "ISO/IEC 14496-12 4.2";

#[derive(Debug, Clone, Copy)]
pub struct Boxed<'a> {
    pub kind: [u8; 4],
    /// Offset of its header in the resource.
    pub at: u64,
    pub body: &'a [u8],
    body_at: u64,
}

/// A structure that can't be followed further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: u64,
    pub message: String,
}

/// A box header: kind, length of the header, length of the box (`None`: to the end of what holds it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub kind: [u8; 4],
    pub length: u64,
    pub size: Option<u64>,
}

impl Header {
    /// Bytes that are needed to read the header; at first 8.
    #[must_use]
    pub fn wanted(bytes: &[u8]) -> usize {
        if bytes.starts_with(&[0, 0, 0, 1]) { 16 } else { 8 }
    }

    /// `None` while bytes are missing.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let header = |length, size| Self { kind: *kind, length, size };
        match u32::from_be_bytes(*size) {
            0 => Some(header(8, None)),
            1 => Some(header(16, Some(u64::from_be_bytes(*rest.first_chunk::<8>()?)))),
            n => Some(header(8, Some(u64::from(n)))),
        }
    }

    /// What is wrong with the header by itself.
    #[must_use]
    pub fn fault(&self, at: u64) -> Option<Fault> {
        let name = name(self.kind);
        let message = match self.size {
            Some(size) if size < self.length => {
                format!("box {name} at byte {at} claims a size of {size} bytes, its header alone has {}", self.length)
            }
            _ if !self.kind.iter().all(|b| matches!(b, 0x20..=0x7e | 0xa9)) => {
                format!("a box header is expected at byte {at}, found the type {name}")
            }
            _ => return None,
        };
        Some(Fault { at, message })
    }
}

/// The boxes in `body`, which begins at `at`; ends after the first fault.
pub fn children<'a>(parent: [u8; 4], body: &'a [u8], at: u64) -> impl Iterator<Item = Result<Boxed<'a>, Fault>> {
    let mut rest = body;
    let mut at = at;
    std::iter::from_fn(move || {
        // Less than a header of zeros behind the last box is QuickTime's terminator.
        if rest.is_empty() || rest.len() < 8 && rest.iter().all(|b| *b == 0) {
            return None;
        }
        let next = child(parent, rest, at);
        match &next {
            Ok((found, after)) => {
                at = found.body_at + found.body.len() as u64;
                rest = after;
            }
            Err(_) => rest = &[],
        }
        Some(next.map(|(found, _)| found))
    })
}

fn child(parent: [u8; 4], rest: &[u8], at: u64) -> Result<(Boxed<'_>, &[u8]), Fault> {
    let left = rest.len();
    let past = |claims: String| Fault {
        at,
        message: format!("{claims} at byte {at}, its parent {} has {left} bytes left", name(parent)),
    };
    let header = Header::read(rest).ok_or_else(|| past("a box header is cut off".to_owned()))?;
    if let Some(fault) = header.fault(at) {
        return Err(fault);
    }
    let size = header.size.unwrap_or(left as u64);
    let whole = usize::try_from(size).ok().and_then(|n| rest.split_at_checked(n));
    let (whole, after) = whole.ok_or_else(|| past(format!("box {} claims {size} bytes", name(header.kind))))?;
    let body = whole.get(header.length as usize..).unwrap_or_default();
    Ok((Boxed { kind: header.kind, at, body, body_at: at + header.length }, after))
}

impl<'a> Boxed<'a> {
    /// Of a box that was buffered whole: `body` begins at `body_at`.
    #[must_use]
    pub fn new(kind: [u8; 4], at: u64, body: &'a [u8], body_at: u64) -> Self {
        Self { kind, at, body, body_at }
    }

    /// Offset in the resource of what follows it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.body_at + self.body.len() as u64
    }

    pub fn children(&self) -> impl Iterator<Item = Result<Boxed<'a>, Fault>> + use<'a> {
        children(self.kind, self.body, self.body_at)
    }

    /// The boxes behind a number of bytes of own fields.
    pub fn children_behind(&self, fields: usize) -> impl Iterator<Item = Result<Boxed<'a>, Fault>> + use<'a> {
        let body = self.body.get(fields..).unwrap_or_default();
        children(self.kind, body, self.body_at + fields as u64)
    }

    pub fn leaf<T: Atom>(&self) -> Result<T, Fault> {
        let mut body = self.body;
        T::decode_body(&mut body).map_err(|error| self.fault(format!("can't be read ({error})")))
    }

    #[must_use]
    pub fn fault(&self, what: String) -> Fault {
        Fault { at: self.at, message: format!("box {} at byte {} {what}", name(self.kind), self.at) }
    }
}

/// A four-character code for a message; hexadecimal where it isn't text.
#[must_use]
pub fn name(kind: [u8; 4]) -> String {
    match std::str::from_utf8(&kind) {
        Ok(text) if text.bytes().all(|b| (0x20..0x7f).contains(&b)) => format!("`{text}`"),
        _ => format!("{:#010x}", u32::from_be_bytes(kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(body: &[u8]) -> Vec<Result<[u8; 4], Fault>> {
        children(*b"moof", body, 100).map(|b| b.map(|b| b.kind)).collect()
    }

    #[test]
    fn a_box_past_its_parent_is_named_with_its_place() {
        let body = b"\0\0\0\x08mfhd\0\0\0\x20traf\0\0\0\0";
        let message = "box `traf` claims 32 bytes at byte 108, its parent `moof` has 12 bytes left".to_owned();
        assert_eq!(kinds(body), [Ok(*b"mfhd"), Err(Fault { at: 108, message })]);
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
