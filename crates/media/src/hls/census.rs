//! One look over all lines before the reading: which kind of playlist this is, and how much of it there is.

use super::lines::{self, Content};
use super::tags::{self, Place};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Multivariant,
    Media,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Census {
    /// Line of the first EXTM3U.
    pub extm3u: Option<u32>,
    /// URI lines from there on.
    pub uris: usize,
    known: usize,
    multivariant: usize,
    media: usize,
}

impl Census {
    pub fn of(text: &str) -> Self {
        let mut census = Self::default();
        for line in lines::of(text) {
            match line.content {
                Content::Tag { name: "EXTM3U", .. } if census.extm3u.is_none() => {
                    census.extm3u = Some(line.number);
                    census.uris = 0;
                }
                Content::Tag { name, .. } => census.count(name),
                Content::Uri(_) => census.uris += 1,
                _ => {}
            }
        }
        census
    }

    fn count(&mut self, name: &str) {
        let Some((_, tag)) = tags::find(name) else { return };
        self.known += 1;
        match tag.place {
            Place::Either => {}
            Place::Media | Place::Metadata => self.media += 1,
            Place::Multivariant => self.multivariant += 1,
        }
    }

    /// It has EXTM3U, or lacks that and has other tags of HLS.
    pub fn is_playlist(&self) -> bool {
        self.extm3u.is_some() || self.known > 0
    }

    /// The kind that most of its tags belong to, so that one stray tag doesn't turn a whole playlist. Without any
    /// it is an empty multivariant playlist (RFC 8216bis 4.1).
    pub fn kind(&self) -> Kind {
        if self.media > self.multivariant { Kind::Media } else { Kind::Multivariant }
    }
}
