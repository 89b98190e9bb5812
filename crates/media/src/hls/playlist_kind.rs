//! Detection of a playlist's kind (multivariant or media) by a first pass that counts its tags.

use super::lines::{self, LineContent};
use super::tags::{self, TagScope};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaylistKind {
    Multivariant,
    Media,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TagCounts {
    /// Line number of the first EXTM3U, from 1; `None` without one.
    pub extm3u: Option<u32>,
    /// Number of URI lines after the first EXTM3U.
    pub uris: usize,
    known: usize,
    multivariant: usize,
    media: usize,
}

impl TagCounts {
    pub(super) fn count(text: &str) -> Self {
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

    /// Returns whether the text is a playlist: it has EXTM3U or at least one other tag of HLS.
    pub(super) fn is_playlist(&self) -> bool {
        self.extm3u.is_some() || self.known > 0
    }

    /// Returns the kind of playlist to which most tags belong, so that a single stray tag doesn't decide it. A playlist
    /// without any such tag counts as an empty multivariant playlist (RFC 8216bis 4.1).
    pub(super) fn kind(&self) -> PlaylistKind {
        if self.media > self.multivariant { PlaylistKind::Media } else { PlaylistKind::Multivariant }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> PlaylistKind {
        TagCounts::count(text).kind()
    }

    #[test]
    fn the_kind_with_more_tags_decides_and_of_as_many_it_is_multivariant() {
        let (media, multivariant) = ("#EXT-X-GAP\n", "#EXT-X-STREAM-INF:\n");
        assert_eq!(kind("#EXTM3U\n#EXT-X-VERSION:3\n"), PlaylistKind::Multivariant);
        assert_eq!(kind(&[media, multivariant].concat()), PlaylistKind::Multivariant);
        assert_eq!(kind(&[media, multivariant, media].concat()), PlaylistKind::Media);
        assert_eq!(kind("#EXT-X-DATERANGE:\n"), PlaylistKind::Media);
    }

    #[test]
    fn text_without_a_tag_of_hls_is_no_playlist() {
        assert!(!TagCounts::count("a.ts\n#EXT-X-VENDOR\n# comment\n").is_playlist());
        assert!(TagCounts::count("#EXTM3U").is_playlist());
        assert!(TagCounts::count("#EXTINF:6,").is_playlist());
    }

    #[test]
    fn uris_count_from_the_first_extm3u_on() {
        let counts = TagCounts::count("junk\n#EXTM3U\na\n#EXTM3U\nb\n");
        assert_eq!((counts.extm3u, counts.uris), (Some(2), 2));
        assert_eq!(TagCounts::count("a\nb\n").uris, 2);
    }
}
