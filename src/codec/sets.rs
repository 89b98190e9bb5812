//! Picks the first sequence parameter set out of an elementary stream that arrives in pieces.

use super::bits::SET_MAX;
use super::parameters::Parameters;
use super::picture::Syntax;
use super::{h264, hevc};

#[derive(Debug)]
pub struct Sets {
    syntax: Syntax,
    /// The set as far as it has come; `None` outside of one.
    held: Option<Vec<u8>>,
    /// A NAL unit has begun, of which no byte has come.
    opening: bool,
    found: Option<Parameters>,
}

impl Sets {
    #[must_use]
    pub fn new(syntax: Syntax) -> Self {
        Self { syntax, held: None, opening: false, found: None }
    }

    /// A NAL unit begins, and the one before is complete.
    pub fn open(&mut self) {
        self.close();
        self.opening = true;
    }

    /// More bytes of the current NAL unit.
    pub fn take(&mut self, bytes: &[u8]) {
        let Some(first) = bytes.first() else { return };
        if std::mem::take(&mut self.opening) && self.found.is_none() && self.is_set(*first) {
            self.held = Some(Vec::new());
        }
        if let Some(held) = &mut self.held {
            let room = SET_MAX.saturating_sub(held.len()).min(bytes.len());
            held.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    /// The current NAL unit ends.
    pub fn close(&mut self) {
        if let Some(held) = self.held.take() {
            self.found = match self.syntax {
                Syntax::H264 => h264::parameters(&held),
                Syntax::Hevc => hevc::parameters(&held),
                Syntax::Mpeg2 => None,
            };
        }
    }

    /// Bytes are missing.
    pub fn reset(&mut self) {
        self.held = None;
        self.opening = false;
    }

    /// What the first set says that could be read.
    #[must_use]
    pub fn finish(self) -> Option<Parameters> {
        self.found
    }

    fn is_set(&self, header: u8) -> bool {
        match self.syntax {
            Syntax::H264 => header & 0x1f == h264::SPS,
            Syntax::Hevc => header >> 1 & 0x3f == hevc::SPS,
            Syntax::Mpeg2 => false,
        }
    }
}
