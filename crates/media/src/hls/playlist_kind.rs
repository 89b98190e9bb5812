//! The kind of a playlist, told from a first pass that counts its tags.

use super::lines::{self, LineContent};
use super::tags::{self, TagScope};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaylistKind {
    Multivariant,
    Media,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TagCounts {
    /// Line of the first EXTM3U, from 1.
    pub extm3u: Option<u32>,
    /// URI lines after the first EXTM3U.
    pub uris: usize,
    known: usize,
    multivariant: usize,
    media: usize,
}

impl TagCounts {
    pub fn count(text: &str) -> Self {
        let mut counts = Self::default();
        for line in lines::split(text) {
            match line.content {
                LineContent::Tag { name: "EXTM3U", .. } if counts.extm3u.is_none() => {
                    counts.extm3u = Some(line.number);
                    counts.uris = 0;
                }
                LineContent::Tag { name, .. } => counts.add(name),
                LineContent::Uri(_) => counts.uris += 1,
                _ => {}
            }
        }
        counts
    }

    fn add(&mut self, name: &str) {
        let Some((_, tag)) = tags::find(name) else { return };
        self.known += 1;
        match tag.place {
            TagScope::Either => {}
            TagScope::Media | TagScope::Metadata => self.media += 1,
            TagScope::Multivariant => self.multivariant += 1,
        }
    }

    /// Whether the text is a playlist: it has EXTM3U or at least one other tag of HLS.
    pub fn is_playlist(&self) -> bool {
        self.extm3u.is_some() || self.known > 0
    }

    /// The kind to which most tags belong, so that a single stray tag doesn't decide it. A playlist without any such tag is
    /// an empty multivariant playlist (RFC 8216bis 4.1).
    pub fn kind(&self) -> PlaylistKind {
        if self.media > self.multivariant { PlaylistKind::Media } else { PlaylistKind::Multivariant }
    }
}
