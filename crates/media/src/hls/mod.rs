//! Parser for HLS playlists: it turns text into a [`Presentation`] or [`Timeline`], and into defects with their line.
//!
//! The steps are: decode the bytes, replace variables, divide into lines, check each line (which reports malformed
//! ones), build the model. The check passes on only well-formed values, and the builders of the model read one tag at a
//! time, so that a bad tag costs no more than itself.

mod attributes;
mod playlist_kind;
mod column_map;
mod defects;
mod delta;
mod attribute_formats;
mod groups;
mod key_rules;
mod lines;
mod lint;
mod sniff;
mod m3u8;
mod ad_markers;
mod media;
mod multivariant;
mod low_latency;
mod protection;
mod date_ranges;
mod tag_rules;
mod tags;
mod text;
mod attribute_types;
mod uris;
mod tag_values;
mod variables;
mod versions;
mod playlist_rules;

#[cfg(test)]
mod tests;

pub use delta::apply_delta_update;

use crate::defect::{Defect, DefectKind, Position};
use crate::stream::{Presentation, Timeline};
use defects::DefectList;
use lint::Lint;
use playlist_kind::{PlaylistKind, TagCounts};
use std::collections::BTreeMap;
use url::Url;
use variables::{DefinitionContext, Substituted, Variables};

/// Largest number of segments that are kept of one media playlist: the newest ones.
pub const MAX_SEGMENTS: usize = 100_000;
/// Largest number of renditions that are kept of one multivariant playlist: the first ones.
pub const MAX_RENDITIONS: usize = 1_000;
/// Largest number of I-frame playlists that are kept of one multivariant playlist: the first ones.
pub const MAX_I_FRAMES: usize = 32;
/// Largest number of defects that are kept of one playlist. If more were found, the last defect of each kind says how
/// many.
pub const MAX_DEFECTS: usize = 64;
/// Longest line of a playlist in bytes; a longer line is a defect and is skipped.
pub const MAX_LINE: usize = 64 * 1024;

/// A playlist as [`parse`] returns it.
#[derive(Debug, Clone, PartialEq)]
pub enum Playlist {
    /// The input is a multivariant playlist; the value has the renditions that it declares.
    Multivariant(Presentation),
    /// The input is a media playlist; the value has the segments that it lists.
    Media(Timeline),
    /// The input is no playlist but HTML, JSON, binary data or empty, or what stands in the place of a media playlist isn't one; the only
    /// defect says what it looks like.
    Unreadable,
}

/// Parses a multivariant or media playlist. `base` is the URL of the playlist after redirects, against which relative
/// URIs are resolved (RFC 8216bis 4.1). Parsing never fails: a line that can't be read becomes a defect, and the others
/// are still read.
#[must_use]
pub fn parse(bytes: &[u8], base: &Url) -> (Playlist, Vec<Defect>) {
    read(bytes, base, None)
}

/// Parses a media playlist to which a multivariant playlist refers. `variables` are those of the multivariant playlist,
/// which EXT-X-DEFINE may import. Another multivariant playlist is [`Playlist::Unreadable`] here: EXT-X-STREAM-INF and EXT-X-MEDIA
/// refer to media playlists (RFC 8216bis 4.4.6.1, 4.4.6.2). Otherwise it is the same as [`parse`].
#[must_use]
pub fn parse_rendition(bytes: &[u8], base: &Url, variables: &BTreeMap<String, String>) -> (Playlist, Vec<Defect>) {
    match read(bytes, base, Some(variables)) {
        (Playlist::Multivariant(other), _) => (Playlist::Unreadable, vec![not_media(&other)]),
        media => media,
    }
}

fn read(bytes: &[u8], base: &Url, imported: Option<&Variables>) -> (Playlist, Vec<Defect>) {
    let mut defects = DefectList::default();
    let decoded = text::decode(bytes, &mut defects);
    let counts = TagCounts::count(&decoded);
    if !counts.is_playlist() {
        return (Playlist::Unreadable, vec![not_a_playlist(bytes)]);
    }
    let kind = counts.kind();
    let Substituted { text, columns, variables } =
        variables::replace(&decoded, DefinitionContext { kind, base, imported }, &mut defects);
    defects.set_column_map(columns);
    let playlist = match kind {
        PlaylistKind::Multivariant => {
            let presentation = multivariant(&text, base, counts, &mut defects);
            Playlist::Multivariant(Presentation { variables, ..presentation })
        }
        PlaylistKind::Media => Playlist::Media(media(&text, base, counts, &mut defects)),
    };
    (playlist, defects.finish())
}

fn multivariant(text: &str, base: &Url, counts: TagCounts, defects: &mut DefectList) -> Presentation {
    let mut lint = Lint::new(counts);
    let mut builder = multivariant::PresentationBuilder::new(base);
    for line in lines::split(text) {
        if let Some(statement) = lint.check(&line, defects) {
            builder.take(statement, defects);
        }
    }
    lint.finish(defects);
    builder.finish(defects)
}

fn media(text: &str, base: &Url, counts: TagCounts, defects: &mut DefectList) -> Timeline {
    let surplus = counts.uris.saturating_sub(MAX_SEGMENTS);
    let mut lint = Lint::new(counts);
    let mut builder = media::TimelineBuilder::new(base, surplus);
    for line in lines::split(text) {
        builder.cue(&line, defects);
        if let Some(statement) = lint.check(&line, defects) {
            builder.take(statement, defects);
        }
    }
    lint.finish(defects);
    builder.finish(defects)
}

fn not_media(other: &Presentation) -> Defect {
    let message = match other.renditions.is_empty() {
        true => "it has no segment and no tag of a media playlist",
        false => "it is another multivariant playlist, where players expect a media playlist",
    };
    Defect {
        kind: DefectKind::Syntax,
        at: Position::Line { line: 1, column: 1 },
        message: message.to_owned(),
        reference: "RFC 8216bis 4.4.6.1, 4.4.6.2",
    }
}

fn not_a_playlist(bytes: &[u8]) -> Defect {
    Defect {
        kind: DefectKind::Syntax,
        at: Position::Line { line: 1, column: 1 },
        message: format!("not a playlist: {}; a playlist begins with #EXTM3U", sniff::describe(bytes)),
        reference: "RFC 8216bis 4.4.1.1",
    }
}
