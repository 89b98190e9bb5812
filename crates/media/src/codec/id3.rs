//! ID3 tags between the frames of packed audio (ID3v2.4 3; RFC 8216 3.4): where each ends.

/// Size in bytes of the header of an ID3 tag, and of the footer that some tags have (ID3v2.4 3.1, 3.4).
pub(crate) const HEADER_SIZE: usize = 10;

/// Returns the number of bytes behind the header of an ID3 tag, with these flags and this size field of 7 bits a byte. The size counts
/// neither header nor footer (ID3v2.4 3.1, 6.2).
#[must_use]
pub(crate) fn body_size(flags: u8, size: &[u8]) -> usize {
    size.iter().fold(0, |size, byte| append_size(size, *byte)) + footer_size(flags)
}

fn append_size(size: usize, byte: u8) -> usize {
    size << 7 | usize::from(byte & 0x7f)
}

fn footer_size(flags: u8) -> usize {
    if flags & 0x10 != 0 { HEADER_SIZE } else { 0 }
}

/// State of the ID3 tags between audio frames, as the bytes arrive.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Id3Tags {
    /// Size of the current tag so far, and how many bytes of its size field are to come; `None` outside of a tag's header.
    size: Option<(usize, u8)>,
    /// Size of the current tag's footer.
    footer: usize,
    /// Whether the bytes that are left out now belong to a tag.
    is_inside: bool,
}

impl Id3Tags {
    /// Begins a tag if these are the first seven bytes of its header, up to the first byte of its size. Returns whether they are.
    pub(super) fn begin(&mut self, head: &[u8; 7]) -> bool {
        let [b'I', b'D', b'3', 2..=4, _, flags, size @ 0..0x80] = head else { return false };
        *self = Self { size: Some((usize::from(*size), 3)), footer: footer_size(*flags), is_inside: true };
        true
    }

    /// Reads the next byte if it belongs to the header of a tag, and returns how many bytes behind it belong to the tag: 0 until the
    /// header is complete. `None` if the byte belongs to no tag's header.
    pub(super) fn read_size(&mut self, byte: u8) -> Option<usize> {
        let Some((size, left)) = self.size else {
            self.is_inside = false;
            return None;
        };
        let size = append_size(size, byte);
        self.size = (left > 1).then_some((size, left - 1));
        Some(if self.size.is_none() { size + self.footer } else { 0 })
    }

    /// Returns how many bytes of the current tag are missing if `left` bytes are still to be left out; 0 outside of a tag.
    #[must_use]
    pub(super) fn missing_bytes(self, left: usize) -> usize {
        match self.size {
            Some((_, missing)) => usize::from(missing),
            None if self.is_inside => left,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::audio::{AudioFramer, AudioFraming};

    #[test]
    fn a_size_has_seven_bits_in_each_byte() {
        assert_eq!([body_size(0, &[0, 0, 1, 0x49]), body_size(0x10, &[0, 0, 1, 0x49])], [201, 211]);
        assert_eq!(body_size(0x1f, &[0xff; 4]), (1 << 28) - 1 + 10);
    }

    #[test]
    fn tags_between_the_frames_of_packed_audio_are_no_stray_bytes() {
        let frame = [&[0xff, 0xf1, 0x4c, 0x80, 0x02, 0x1f, 0xfc][..], &[0xff; 9]].concat();
        // A tag of 201 bytes with a footer, whose body looks like frames, and an empty one.
        let tag = [&b"ID3\x04\0\x10\0\0\x01\x49"[..], &[0xff, 0xf1, 0x4c].repeat(67), &[0; 10]].concat();
        let empty = b"ID3\x03\0\0\0\0\0\0";
        let stream = [&frame[..], &tag, empty, &frame, &frame, &tag].concat();
        for size in [1, 5, 16, 100, 1000] {
            let (mut framer, mut frames) = (AudioFramer::with_tags(AudioFraming::Adts), 0);
            stream.chunks(size).for_each(|piece| framer.push(piece, |_| frames += 1));
            assert_eq!((frames, framer.take_stray_bytes(), framer.missing_tag_bytes()), (3, 0, 0), "pieces of {size}");
        }
        let mut framer = AudioFramer::with_tags(AudioFraming::Adts);
        let missing = [3, 11, 221].map(|cut| {
            framer = AudioFramer::with_tags(AudioFraming::Adts);
            framer.push(&stream[..stream.len() - cut], |_| {});
            framer.missing_tag_bytes()
        });
        assert_eq!(missing, [3, 11, 0], "nothing of the last tag came in the end");
        framer.push(b"ID3\x04\0\0\0\0", |_| {});
        assert_eq!(framer.missing_tag_bytes(), 2, "of its header");
        let mut framer = AudioFramer::new(AudioFraming::Adts);
        framer.push(&stream, |_| {});
        assert!(framer.take_stray_bytes() > 0, "an elementary stream has no tags");
    }

    #[test]
    fn what_only_looks_like_a_tag_is_stray() {
        for wrong in
            [&b"ID3\x01\0\0\0\0\0\0"[..], b"ID3\x05\0\0\0\0\0\0", b"ID3\x04\0\0\x80\0\0\0", b"ID4\x04\0\0\0\0\0\0"]
        {
            let mut framer = AudioFramer::with_tags(AudioFraming::Adts);
            framer.push(wrong, |_| {});
            assert_eq!(framer.take_stray_bytes(), 4, "{wrong:?}");
        }
    }
}
