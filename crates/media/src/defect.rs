//! A defect of an input: what a parser found that the standard of the input forbids.

use serde::Serialize;

/// Something the input does that its standard forbids, found while parsing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    pub kind: DefectKind,
    pub at: Position,
    /// One sentence: what was found, what is allowed.
    pub message: String,
    /// Standard and clause.
    pub reference: &'static str,
}

/// Which check a defect feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// HLS playlist syntax.
    Syntax,
    /// An MPD that can't be read, or breaks its schema or a rule of its standard.
    Mpd,
    /// How an MPD is updated or what events it has: its Location, PatchLocation, EventStream, and the patch itself.
    Update,
    /// What players pass over in a playlist: a malformed date range, text that isn't in normal form.
    Metadata,
    /// An attribute of a multivariant playlist's rendition is missing or malformed.
    Attribute,
    /// Groups of renditions: undefined, or members that clash.
    Groups,
    /// Groups of renditions that players cope with.
    GroupHabit,
    /// EXT-X-VERSION is lower than what the playlist uses.
    Version,
    /// The container's own structure: sync, boxes, truncation.
    Container,
    /// Transport stream continuity counter or transport error indicator.
    Continuity,
    /// PAT or PMT.
    Tables,
    /// Initialization segment, or fragments that don't fit it.
    Initialization,
    /// WebVTT: its timestamp map, or a cue's times.
    Cues,
    /// Boxes beside the media of fragmented MP4 (`emsg`, `prft`, `sidx`), timed metadata: players play on.
    SideBox,
    /// An ad marker that can't be read.
    AdMarker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Line and column of a text, both from 1.
    Line {
        line: u32,
        column: u32,
    },
    /// Byte offset from the start of the resource.
    Byte(u64),
    Whole,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line { line, column } => write!(f, "line {line}, column {column}"),
            Self::Byte(at) => write!(f, "byte {at}"),
            Self::Whole => f.write_str("the whole"),
        }
    }
}
