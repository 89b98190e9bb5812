//! Timed metadata: PES packets with ID3 tags (Apple, Timed Metadata for HTTP Live Streaming).

const TAG: [u8; 3] = *b"ID3";

/// Looks at what each packet begins with. A tag that goes on in a further packet has no beginning there, and
/// data_alignment_indicator is 0.
#[derive(Debug, Default)]
pub struct Tags {
    held: Option<Vec<u8>>,
}

impl Tags {
    /// A PES header was read.
    pub fn begin(&mut self, aligned: bool) {
        self.held = aligned.then(Vec::new);
    }

    /// Packets were lost.
    pub fn reset(&mut self) {
        self.held = None;
    }

    /// The first bytes, once they are there, where they are no tag's.
    pub fn push(&mut self, body: &[u8]) -> Option<[u8; 3]> {
        let held = self.held.as_mut()?;
        held.extend(body.iter().take(TAG.len() - held.len()));
        let first = *held.first_chunk::<3>()?;
        self.held = None;
        (first != TAG).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_begins_with_a_tag_however_it_is_cut() {
        let mut tags = Tags::default();
        tags.begin(true);
        assert_eq!((tags.push(b"I"), tags.push(b"D3\x04"), tags.push(b"xyz")), (None, None, None));
        tags.begin(true);
        assert_eq!((tags.push(b"{\""), tags.push(b"a"), tags.push(b"xyz")), (None, Some(*b"{\"a"), None));
    }

    #[test]
    fn what_goes_on_with_a_tag_or_follows_a_loss_is_not_judged() {
        let mut tags = Tags::default();
        assert_eq!(tags.push(b"xyz"), None);
        tags.begin(false);
        assert_eq!(tags.push(b"xyz"), None);
        tags.begin(true);
        tags.reset();
        assert_eq!(tags.push(b"xyz"), None);
    }
}
