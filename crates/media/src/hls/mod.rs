//! HLS playlists: text → [`Presentation`] or [`Timeline`], with every defect's line.
//!
//! The line: bytes → text → variables replaced → lines → lint (which knows the malformed ones) → model. The lint hands on only sound
//! lines, and the model's builders have `m3u8-rs` read them a statement at a time (see `m3u8`), so that one bad
//! tag never costs more than itself.

mod attributes;
mod census;
mod columns;
mod defects;
mod delta;
mod forms;
mod groups;
mod keys;
mod lines;
mod lint;
mod looks;
mod m3u8;
mod markers;
mod media;
mod multivariant;
mod parts;
mod protection;
mod ranges;
mod rules;
mod tags;
mod text;
mod types;
mod uris;
mod values;
mod variables;
mod versions;
mod whole;

#[cfg(test)]
mod tests;

pub use delta::rebuild;

use crate::defect::{Defect, DefectKind, Position};
use crate::stream::{Presentation, Timeline};
use census::{Census, Kind};
use defects::Defects;
use lint::Lint;
use std::collections::BTreeMap;
use url::Url;
use variables::{Replaced, Source, Variables};

/// Segments kept of one media playlist: the newest.
pub const MAX_SEGMENTS: usize = 100_000;
/// Renditions kept of one multivariant playlist: the first.
pub const MAX_RENDITIONS: usize = 1_000;
/// I-frame playlists kept of one multivariant playlist: the first.
pub const MAX_I_FRAMES: usize = 32;
/// Defects kept of one playlist; of each kind the last one says how many more there were.
pub const MAX_DEFECTS: usize = 64;
/// Bytes of one line; a longer one is a defect and skipped.
pub const MAX_LINE: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, taken apart where it is made")]
pub enum Playlist {
    Multivariant(Presentation),
    Media(Timeline),
    /// Not a playlist: HTML, JSON, binary, empty. The one defect says what it looks like.
    Unreadable,
}

/// Reads a playlist. `base` is the URL it came from after redirects (RFC 8216bis 4.1: relative URIs resolve against it).
/// Never fails: what can't be read is a defect with its line, and the rest is still read.
#[must_use]
pub fn parse(bytes: &[u8], base: &Url) -> (Playlist, Vec<Defect>) {
    read(bytes, base, None)
}

/// The same for a media playlist that a multivariant playlist led to, whose `variables` it may import.
#[must_use]
pub fn parse_rendition(bytes: &[u8], base: &Url, variables: &BTreeMap<String, String>) -> (Playlist, Vec<Defect>) {
    read(bytes, base, Some(variables))
}

fn read(bytes: &[u8], base: &Url, imported: Option<&Variables>) -> (Playlist, Vec<Defect>) {
    let mut defects = Defects::default();
    let decoded = text::decode(bytes, &mut defects);
    let census = Census::of(&decoded);
    if !census.is_playlist() {
        return (Playlist::Unreadable, vec![not_a_playlist(bytes)]);
    }
    let kind = census.kind();
    let Replaced { text, columns, variables } =
        variables::replace(&decoded, Source { kind, base, imported }, &mut defects);
    defects.read_by(columns);
    let playlist = match kind {
        Kind::Multivariant => {
            let presentation = multivariant(&text, base, census, &mut defects);
            Playlist::Multivariant(Presentation { variables, ..presentation })
        }
        Kind::Media => Playlist::Media(media(&text, base, census, &mut defects)),
    };
    (playlist, defects.finish())
}

fn multivariant(text: &str, base: &Url, census: Census, defects: &mut Defects) -> Presentation {
    let mut lint = Lint::new(census);
    let mut builder = multivariant::Builder::new(base);
    for line in lines::of(text) {
        if let Some(statement) = lint.check(&line, defects) {
            builder.take(statement, defects);
        }
    }
    lint.finish(defects);
    builder.finish(defects)
}

fn media(text: &str, base: &Url, census: Census, defects: &mut Defects) -> Timeline {
    let surplus = census.uris.saturating_sub(MAX_SEGMENTS);
    let mut lint = Lint::new(census);
    let mut builder = media::Builder::new(base, surplus);
    for line in lines::of(text) {
        builder.cue(&line, defects);
        if let Some(statement) = lint.check(&line, defects) {
            builder.take(statement, defects);
        }
    }
    lint.finish(defects);
    builder.finish(defects)
}

fn not_a_playlist(bytes: &[u8]) -> Defect {
    Defect {
        kind: DefectKind::Syntax,
        at: Position::Line { line: 1, column: 1 },
        message: format!("not a playlist: {}; a playlist begins with #EXTM3U", looks::like(bytes)),
        reference: "RFC 8216bis 4.4.1.1",
    }
}
