//! Segments that are a TTML document without a container (`application/ttml+xml`; DASH-IF IOP, TTML2).

use super::defects::DefectLog;
use super::{Inspection, Subtitles, Track};
use crate::codec::ttml;
use crate::defect::DefectKind;
use crate::stream::Media;

/// Largest number of bytes of a TTML document that is read. Of a larger one nothing is known but its size.
const MAX_DOCUMENT: usize = 1 << 20;

/// Collects a TTML document and reads its cues when it is complete.
#[derive(Debug)]
pub(super) struct TtmlReader {
    document: Vec<u8>,
    /// Whether the document has more than [`MAX_DOCUMENT`] bytes.
    is_too_large: bool,
    defects: DefectLog,
}

impl TtmlReader {
    #[must_use]
    pub(super) fn new(defects: DefectLog) -> Self {
        Self { document: Vec::new(), is_too_large: false, defects }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.is_too_large |= bytes.len() > MAX_DOCUMENT.saturating_sub(self.document.len());
        if self.is_too_large {
            self.document = Vec::new();
        } else {
            self.document.extend_from_slice(bytes);
        }
    }

    pub(super) fn finish(mut self, inspection: &mut Inspection) -> DefectLog {
        let mut track = Track::new(0, Some(Media::Text), "ttml".to_owned());
        track.samples = 1;
        match ttml::parse(&self.document) {
            _ if self.is_too_large => {}
            Ok(found) => track.subtitles = Some(Subtitles { samples: 1, cues: found.cues, span: found.span }),
            Err(why) => self
                .defects
                .add(DefectKind::Cues, 0, "W3C TTML2", || format!("no TTML document that can be read: {why}")),
        }
        inspection.tracks = vec![track];
        self.defects
    }
}
