//! Timed metadata in MPEG-TS: PES packets with ID3 tags (Apple, Timed Metadata for HTTP Live Streaming).

const TAG_START: [u8; 3] = *b"ID3";

/// Checks that each aligned PES packet of timed metadata begins with an ID3 tag. A packet that continues a tag has
/// data_alignment_indicator 0 and isn't checked.
#[derive(Debug, Default)]
pub(super) struct Id3Prefix {
    prefix: Option<Vec<u8>>,
}

impl Id3Prefix {
    /// Begins a PES packet of timed metadata.
    pub(super) fn begin(&mut self, data_aligned: bool) {
        self.prefix = data_aligned.then(Vec::new);
    }

    /// Leaves out the rest of the PES packet, because packets were lost.
    pub(super) fn reset(&mut self) {
        self.prefix = None;
    }

    /// Returns the first three bytes of the PES packet's body once they are complete, if they don't begin an ID3 tag;
    /// otherwise `None`.
    pub(super) fn push(&mut self, body: &[u8]) -> Option<[u8; 3]> {
        let prefix = self.prefix.as_mut()?;
        prefix.extend(body.iter().take(TAG_START.len() - prefix.len()));
        let first = *prefix.first_chunk::<3>()?;
        self.prefix = None;
        (first != TAG_START).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_bytes_are_compared_in_any_pieces() {
        let mut tags = Id3Prefix::default();
        tags.begin(true);
        assert_eq!((tags.push(b"I"), tags.push(b"D3\x04"), tags.push(b"xyz")), (None, None, None));
        tags.begin(true);
        assert_eq!((tags.push(b"{\""), tags.push(b"a"), tags.push(b"xyz")), (None, Some(*b"{\"a"), None));
    }

    #[test]
    fn continued_packets_and_packets_after_a_loss_are_not_checked() {
        let mut tags = Id3Prefix::default();
        assert_eq!(tags.push(b"xyz"), None);
        tags.begin(false);
        assert_eq!(tags.push(b"xyz"), None);
        tags.begin(true);
        tags.reset();
        assert_eq!(tags.push(b"xyz"), None);
    }
}
