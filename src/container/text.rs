//! WebVTT: recognised, its cues counted (RFC 8216 3.5).

use super::defects::Defects;
use super::{Inspection, Track};
use crate::stream::Media;

#[derive(Debug)]
pub struct WebVtt {
    /// Cue timing arrows, one a cue.
    cues: u64,
    /// Dashes at the end of the last piece, at most two.
    dashes: usize,
    defects: Defects,
}

impl WebVtt {
    #[must_use]
    pub fn new(defects: Defects) -> Self {
        Self { cues: 0, dashes: 0, defects }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'-' => self.dashes = (self.dashes + 1).min(2),
                b'>' if self.dashes == 2 => {
                    self.cues += 1;
                    self.dashes = 0;
                }
                _ => self.dashes = 0,
            }
        }
    }

    pub fn finish(self, inspection: &mut Inspection) -> Defects {
        let track = Track::new(0, Some(Media::Text), "webvtt".to_owned());
        inspection.tracks = vec![Track { samples: self.cues, ..track }];
        self.defects
    }
}
