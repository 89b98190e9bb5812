//! What was learned of an I-frame playlist: looked at lightly, since only trick play uses it.

use super::Fetched;
use packager_media::defect::Defect;
use packager_media::stream::{Rendition, Segment, Timeline};
use packager_media::units::Timestamp;

#[derive(Debug, Clone)]
pub struct IFrameFacts {
    pub rendition: Rendition,
    /// `None`: out of time.
    pub playlist: Option<Fetched>,
    /// When that was asked for.
    pub playlist_at: Option<Timestamp>,
    pub timeline: Option<Timeline>,
    /// Defects of its playlist.
    pub defects: Vec<Defect>,
    /// Its newest I-frame's first byte, asked for only to see that it is there.
    pub newest: Option<(Segment, Fetched)>,
}

impl IFrameFacts {
    /// Every request made for it.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        self.playlist.iter().chain(self.newest.as_ref().map(|(_, fetched)| fetched))
    }
}
