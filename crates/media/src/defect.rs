//! Defects of inputs.

use serde::Serialize;

/// A breach of a standard that a reader found in its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// Kind of the defect.
    pub kind: DefectKind,
    /// Position in the input.
    pub at: Position,
    /// A sentence that says what was found and what is allowed.
    pub message: String,
    /// Standard and clause that the input breaks.
    pub reference: &'static str,
}

/// The part of a manifest or segment that a defect concerns. Each kind is reported by a check of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// Syntax of an HLS playlist.
    Syntax,
    /// Syntax of an HLS playlist that players read as it was meant, such as whitespace in an attribute list.
    SyntaxHabit,
    /// An MPD that can't be read, or that breaks its schema or a rule of its standard.
    Mpd,
    /// An MPD's Location or PatchLocation, or an MPD patch, is invalid.
    Update,
    /// An EventStream or an Event of an MPD is invalid.
    EventStream,
    /// Parts of a playlist that players ignore if they are malformed: date ranges, and text that isn't in normalization form C.
    Metadata,
    /// A missing or malformed attribute of a rendition in a multivariant playlist.
    Attribute,
    /// Groups of renditions that aren't defined or whose members contradict each other.
    Groups,
    /// Groups of renditions that break a rule with which players cope.
    GroupHabit,
    /// EXT-X-VERSION is lower than what the playlist uses.
    Version,
    /// Structure of a container: lost sync, malformed boxes, truncation.
    Container,
    /// Continuity counter or transport error indicator of a transport stream.
    Continuity,
    /// PAT or PMT of a transport stream.
    Tables,
    /// An initialization segment, or fragments that don't fit it.
    Initialization,
    /// Timestamp map or cue times of WebVTT.
    Cues,
    /// Boxes of fragmented MP4 beside its media (`emsg`, `prft`, `sidx`) and timed metadata; players continue without them.
    SideBox,
    /// An ad marker that can't be read.
    AdMarker,
}

/// Position of a defect in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Line and column of a text, both from 1.
    Line {
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// Byte offset from the start of the resource.
    Byte(u64),
    /// The resource as a whole.
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
