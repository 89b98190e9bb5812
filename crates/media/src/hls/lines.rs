//! Division of a playlist into lines: blank, comment, tag or URI (RFC 8216bis 4.1).

use crate::defect::Position;

/// A line of a playlist without its line end.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaylistLine<'a> {
    /// Line number in the playlist, from 1.
    pub number: u32,
    raw: &'a str,
    /// Number of bytes of whitespace before the content of the line.
    pub indent: usize,
    pub content: LineContent<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum LineContent<'a> {
    /// The playlist line is empty or has only white space.
    Blank,
    Comment,
    /// The playlist line begins with `#EXT`. `name` is the tag's name without the `#`, and `rest` begins with the
    /// colon.
    Tag {
        name: &'a str,
        rest: &'a str,
    },
    Uri(&'a str),
    TooLong,
}

/// Iterates over the lines of a playlist. A line ends at LF or CR LF; spaces and tabs around its content are removed.
pub(super) fn split(text: &str) -> impl Iterator<Item = PlaylistLine<'_>> {
    text.split('\n').zip(1..).map(|(raw, number)| {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        let content = raw.trim_ascii_start();
        PlaylistLine { number, raw, indent: raw.len() - content.len(), content: content_of(content.trim_ascii_end()) }
    })
}

fn content_of(text: &str) -> LineContent<'_> {
    if text.len() > super::MAX_LINE {
        return LineContent::TooLong;
    }
    match text.strip_prefix('#') {
        None if text.is_empty() => LineContent::Blank,
        None => LineContent::Uri(text),
        Some(tag) if tag.starts_with("EXT") => {
            let end = tag.find([':', ' ', '\t']).unwrap_or(tag.len());
            let (name, rest) = tag.split_at(end);
            LineContent::Tag { name, rest }
        }
        Some(_) => LineContent::Comment,
    }
}

impl<'a> PlaylistLine<'a> {
    /// Returns the position of a byte offset in the line: line number and column in characters, both from 1.
    pub(super) fn position(&self, offset: usize) -> Position {
        let before = self.raw.get(..offset).unwrap_or(self.raw).chars().count();
        Position::Line { line: self.number, column: u32::try_from(before + 1).unwrap_or(u32::MAX) }
    }

    /// Returns line number and column, both from 1, at which the content of the playlist line begins.
    pub(super) fn start(&self) -> (u32, u32) {
        match self.position(self.indent) {
            Position::Line { line, column } => (line, column),
            _ => (self.number, 1),
        }
    }

    /// Returns the playlist line from its content on, without leading white space.
    pub(super) fn tag_text(&self) -> &'a str {
        self.raw.get(self.indent..).unwrap_or(self.raw)
    }

    /// Returns the whole playlist line, white space included.
    pub(super) fn raw(&self) -> &'a str {
        self.raw
    }

    pub(super) fn is_ascii(&self) -> bool {
        self.raw.is_ascii()
    }

    pub(super) fn raw_indices(&self) -> impl Iterator<Item = (usize, char)> {
        self.raw.char_indices()
    }

    /// Returns the byte offset of `part`, which has to be a slice of this playlist line.
    pub(super) fn offset_of(&self, part: &'a str) -> usize {
        (part.as_ptr() as usize).wrapping_sub(self.raw.as_ptr() as usize).min(self.raw.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> PlaylistLine<'_> {
        split(text).next().unwrap()
    }

    #[test]
    fn a_line_of_the_bound_is_read_and_a_longer_one_is_not() {
        let uri = "u".repeat(crate::hls::MAX_LINE);
        assert!(matches!(only(&uri).content, LineContent::Uri(read) if read == uri));
        assert!(matches!(only(&format!("{uri}u")).content, LineContent::TooLong));
        assert!(matches!(only(&format!(" {uri} \r\n")).content, LineContent::Uri(_)), "white space doesn't count");
    }

    #[test]
    fn a_tags_name_ends_at_a_colon_or_white_space() {
        for (text, expected) in [
            ("#EXTINF:6,a:b", ("EXTINF", ":6,a:b")),
            ("#EXTM3U", ("EXTM3U", "")),
            ("#EXT-X-GAP x", ("EXT-X-GAP", " x")),
            ("#EXT-X-GAP\tx", ("EXT-X-GAP", "\tx")),
        ] {
            let LineContent::Tag { name, rest } = only(text).content else { panic!("{text}") };
            assert_eq!((name, rest), expected);
        }
        assert!(matches!(only("#ext").content, LineContent::Comment));
        assert!(matches!(only(" \t").content, LineContent::Blank));
    }

    #[test]
    fn columns_count_characters_from_the_beginning_of_the_line() {
        let line = only("  #EXTINF:6,Tập");
        assert_eq!((line.indent, line.start()), (2, (1, 3)));
        let title = line.tag_text().split_once(',').unwrap().1;
        assert_eq!(line.offset_of(title), 12);
        assert_eq!(line.position(12 + "Tậ".len()), Position::Line { line: 1, column: 15 });
        assert_eq!(split("a\n\nb").map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
