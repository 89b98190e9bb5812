//! Facts about an I-frame playlist, which only trick play uses.

use super::Fetched;
use packager_media::defect::Defect;
use packager_media::stream::{Rendition, Segment, Timeline};
use packager_media::units::Timestamp;

/// One I-frame playlist: the request for it, and its content.
#[derive(Debug, Clone)]
pub struct IFrameFacts {
    pub rendition: Rendition,
    /// The request for the I-frame playlist. `None` if the probe ran out of time.
    pub playlist: Option<Fetched>,
    /// Time at which the I-frame playlist was requested; `None` if it wasn't.
    pub playlist_at: Option<Timestamp>,
    pub timeline: Option<Timeline>,
    /// Defects of the I-frame playlist.
    pub defects: Vec<Defect>,
    /// The newest I-frame, of which one byte is requested to see whether it is available; `None` if it wasn't
    /// requested.
    pub newest: Option<(Segment, Fetched)>,
}

impl IFrameFacts {
    /// Iterates over the requests for the I-frame playlist and for the newest I-frame.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        self.playlist.iter().chain(self.newest.as_ref().map(|(_, fetched)| fetched))
    }
}
