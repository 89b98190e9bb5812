//! The Content-Range header of an answer to a request for a byte range.

/// The range of bytes that a Content-Range header names (RFC 9110 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte.
    pub last: u64,
    /// Number of bytes of the whole resource. `None`: the header has `*`, or nothing that can be read.
    pub size: Option<u64>,
    /// Whether the header has the syntax `bytes FIRST-LAST/SIZE`, with a number or `*` as the size.
    pub well_formed: bool,
}

impl ContentRange {
    /// Parses the value of a Content-Range header. `None`: it names no range of bytes.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let rest = value.trim().strip_prefix("bytes")?;
        let (span, size) = rest.split_once('/').map_or((rest, None), |(span, size)| (span, Some(size.trim())));
        let (first, last) = span.split_once('-')?;
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let length = size.and_then(|size| size.parse::<u64>().ok());
        let sized = size == Some("*") || length.is_some_and(|length| last < length);
        Some(Self { first, last, size: length, well_formed: sized && first <= last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_has_two_offsets_and_a_size() {
        let read = |value: &str| ContentRange::parse(value).map(|r| (r.first, r.last, r.size, r.well_formed));
        assert_eq!(read("bytes 0-99/100"), Some((0, 99, Some(100), true)));
        assert_eq!(read(" bytes  100-149 / * "), Some((100, 149, None, true)));
        assert_eq!(read("bytes 0-99"), Some((0, 99, None, false)), "no size");
        assert_eq!(read("bytes 0-99/x"), Some((0, 99, None, false)));
        assert_eq!(read("bytes 0-99/99"), Some((0, 99, Some(99), false)), "the resource ends before the range");
        assert_eq!(read("bytes 9-0/100"), Some((9, 0, Some(100), false)));
        for nothing in ["bytes */100", "pages 0-9/10", "0-99/100", "bytes", "", "bytes -99/100", "bytes 0-/100"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
