//! Facts about the playback session in which an output was captured.

use packager_media::units::{Seconds, Timestamp};

/// The playback session of an output: the URLs that one answer of its manifest named, in use over several probes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SessionFacts {
    /// Number of the playback session; each new session gets a higher number. `None` if the output listed no live
    /// segments.
    pub number: Option<u64>,
    /// Whether the media playlists or the MPD were fetched from URLs of an earlier manifest, although this probe's
    /// manifest names others.
    pub followed: bool,
    /// Whether the playback session began in this probe.
    pub begun: bool,
    /// The last session before this one, if the server ended it although it was in use. `None`: it wasn't, or there is none.
    pub ended: Option<EndedSession>,
}

/// A playback session that a server ended although it was in use: after a pause between two requests that wasn't longer than those after
/// which it had gone on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndedSession {
    pub at: Timestamp,
    /// Time from the session's beginning to its end.
    pub lasted: Seconds,
    /// Number of sessions in a row that ended so.
    pub in_a_row: u32,
}
