//! Segment index boxes (`sidx`): where the subsegments of a file are (ISO/IEC 14496-12 8.16.3). This code calls
//! subsegments parts.

use super::boxes;
use mp4_atom::Sidx;
use std::num::NonZeroU32;

/// Contents of one segment index box, `sidx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentIndex {
    /// Ticks per second of the times in the segment index.
    pub timescale: NonZeroU32,
    /// Presentation time in ticks of the first part that the index refers to.
    pub earliest_presentation_time: u64,
    /// Byte offset of the first part, counted from the start of the bytes that were read.
    pub first_part_offset: u64,
    /// Parts that the index refers to, in the order of the file; at least one.
    pub parts: Vec<IndexedPart>,
}

/// One part (subsegment) of a file with a segment index. Neither size nor duration is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedPart {
    /// Size of the part in bytes.
    pub bytes: u32,
    /// Duration of the part in ticks of the segment index.
    pub duration: u32,
}

/// Reads the first segment index box (`sidx`) in `bytes`.
///
/// # Errors
/// The error says that the bytes hold no complete `sidx`, or that the `sidx` refers to no media.
pub fn segment_index(bytes: &[u8]) -> Result<SegmentIndex, String> {
    let mut found = boxes::child_boxes(*b"file", bytes, 0);
    let index = loop {
        match found.next() {
            Some(Ok(found)) if found.kind == *b"sidx" => break found,
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.message),
            None => return Err(format!("there is no `sidx` in these {} bytes", bytes.len())),
        }
    };
    let read: Sidx = index.decode().map_err(|error| error.message)?;
    let timescale = NonZeroU32::new(read.timescale).ok_or("the `sidx` has the timescale 0: its parts have no time")?;
    let mut parts = Vec::with_capacity(read.references.len());
    for (at, part) in (1..).zip(&read.references) {
        if part.reference_type {
            return Err(format!("part {at} of the `sidx` is another index, which isn't read"));
        }
        if part.referenced_size == 0 || part.subsegment_duration == 0 {
            return Err(format!("part {at} of the `sidx` has no bytes or no duration"));
        }
        parts.push(IndexedPart { bytes: part.referenced_size, duration: part.subsegment_duration });
    }
    if parts.is_empty() {
        return Err("the `sidx` has no part".to_owned());
    }
    let first_part = index.end_offset().saturating_add(read.first_offset);
    Ok(SegmentIndex {
        timescale,
        earliest_presentation_time: read.earliest_presentation_time,
        first_part_offset: first_part,
        parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidx(timescale: u32, parts: &[(u32, u32)]) -> Vec<u8> {
        let mut body = [0_u32, 1, timescale, 900, 16, parts.len() as u32].map(u32::to_be_bytes).concat();
        body.extend(
            parts.iter().flat_map(|(size, duration)| [*size, *duration, 0x9000_0000]).flat_map(u32::to_be_bytes),
        );
        [&(body.len() as u32 + 8).to_be_bytes()[..], b"sidx", &body].concat()
    }

    #[test]
    fn parts_follow_the_index_and_its_offset() {
        let bytes = [&sidx(90_000, &[(1000, 180_000), (900, 90_000)])[..], &[0, 0, 0, 8], b"free"].concat();
        let index = segment_index(&bytes).unwrap();
        assert_eq!(
            (index.timescale.get(), index.earliest_presentation_time, index.first_part_offset),
            (90_000, 900, 32 + 24 + 16)
        );
        let part = |bytes, duration| IndexedPart { bytes, duration };
        assert_eq!(index.parts, [part(1000, 180_000), part(900, 90_000)]);
    }

    #[test]
    fn an_index_without_media_is_refused_with_its_part() {
        let refused = |bytes: &[u8]| segment_index(bytes).unwrap_err();
        assert_eq!(refused(&[0, 0, 0, 8, b'f', b'r', b'e', b'e']), "there is no `sidx` in these 8 bytes");
        assert_eq!(refused(&sidx(0, &[(1, 1)])), "the `sidx` has the timescale 0: its parts have no time");
        assert_eq!(refused(&sidx(1, &[])), "the `sidx` has no part");
        assert_eq!(refused(&sidx(1, &[(5, 1), (0, 1)])), "part 2 of the `sidx` has no bytes or no duration");
        assert_eq!(refused(&sidx(1, &[(5, 0)])), "part 1 of the `sidx` has no bytes or no duration");
        assert_eq!(refused(&sidx(1, &[(0x8000_0005, 1)])), "part 1 of the `sidx` is another index, which isn't read");
        let whole = sidx(1, &[(5, 1)]);
        for length in 1..whole.len() {
            assert!(!refused(&whole[..length]).is_empty());
        }
        assert!(refused(b"<!DOCTYPE html><html>").starts_with("box"));
    }
}
