//! Defects: breaches of standards that the parsers of manifests and segments find.

use serde::Serialize;

/// A breach of a standard that a reader found in its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// Kind of the defect, which decides the check that reports it.
    pub kind: DefectKind,
    /// Position of the defect in the input.
    pub at: Position,
    /// Description of the defect: a sentence that says what was found and what is allowed.
    pub message: String,
    /// Standard and clause that the input breaks.
    pub reference: &'static str,
}

/// The part of a manifest or segment that a defect concerns. Each kind is reported by a check of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// The syntax of an HLS playlist is broken.
    Syntax,
    /// The syntax of an HLS playlist is broken so that players refuse the whole playlist: a variable has no value, or two (RFC 8216bis
    /// 4.4.2.3, 6.3.1), a tag that players need is missing, misplaced or repeated (4.4.1.1, 4.4.1.2, 4.4.3.1, 4.4.3.2), no segment has a
    /// duration (4.4.4.1), or a byte range has no beginning (4.4.4.2).
    SyntaxFatal,
    /// The syntax of an HLS playlist is broken in a way that players read as it was meant, such as whitespace in an
    /// attribute list.
    #[serde(rename = "syntax_habit")]
    SyntaxTolerated,
    /// An MPD can't be read, or it breaks its schema or a rule of its standard.
    Mpd,
    /// An MPD breaks a rule of its standard so that players don't start, or stop at once.
    MpdFatal,
    /// An MPD breaks a rule of its standard whose breach doesn't disturb players.
    #[serde(rename = "mpd_habit")]
    MpdTolerated,
    /// An MPD's Location or PatchLocation, or an MPD patch, is invalid.
    Update,
    /// An EventStream or an Event of an MPD is invalid.
    EventStream,
    /// A part of an HLS playlist that players ignore is malformed: a date range, text that isn't in normalization form C, or a tag or
    /// attribute that has no effect.
    Metadata,
    /// An attribute of a rendition in a multivariant playlist is missing or malformed.
    Attribute,
    /// An attribute that EXT-X-STREAM-INF, EXT-X-MEDIA or EXT-X-I-FRAME-STREAM-INF must have is missing, or so malformed that players that
    /// search for it don't find it. Without it some players refuse the whole multivariant playlist.
    AttributeMissing,
    /// Rendition groups of a multivariant playlist aren't defined, or their members contradict each other.
    Groups,
    /// Rendition groups of a multivariant playlist break a rule whose breach doesn't disturb players.
    #[serde(rename = "group_habit")]
    GroupTolerated,
    /// EXT-X-VERSION is lower than the version that the playlist's features need.
    Version,
    /// The structure of a container is broken: lost sync, malformed boxes, truncation.
    Container,
    /// Packed audio has no time stamp, so that players have to guess where it belongs.
    Unplaced,
    /// A continuity counter of a transport stream is wrong, or its transport error indicator is set.
    Continuity,
    /// The PAT or PMT of a transport stream is missing or wrong.
    Tables,
    /// The PAT or PMT of a transport stream is valid, but laid out so that the demultiplexers of players in browsers don't read it.
    TableLayout,
    /// An elementary stream of a transport stream is divided into PES packets or access units so that some players lose pictures or sound.
    Packing,
    /// An initialization segment is wrong, or fragments don't fit it.
    Initialization,
    /// The timestamp map or the cue times of a WebVTT segment are wrong.
    Cues,
    /// Fragmented MP4 breaks a rule so that some players, such as browsers, refuse the segment or play noise, and others play it.
    ContainerRefused,
    /// An initialization segment breaks a rule so that some players, such as browsers, refuse it or its fragments, and others play them.
    InitializationRefused,
    /// A box of fragmented MP4 beside its media (`emsg`, `prft`, `sidx`), or timed metadata, is wrong, or bytes follow the last packet
    /// of a transport stream; players continue without it.
    SideBox,
    /// An ad marker can't be read.
    AdMarker,
}

/// Position of a defect in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// The defect stands at a line and column of a text.
    Line {
        /// Line number of the defect, from 1.
        line: u32,
        /// Column of the defect in characters, from 1.
        column: u32,
    },
    /// The defect stands at this byte offset from the start of the resource.
    Byte(u64),
    /// The defect concerns the resource as a whole.
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
