//! The bounded list of the defects of one resource.

use super::MAX_DEFECTS;
use crate::defect::{Defect, DefectKind, Position};

/// Defects kept of one kind, so that a thousand of one kind don't hide the only defect of another.
const PER_KIND: usize = 5;

#[derive(Debug, Default)]
pub struct DefectLog {
    kept: Vec<Defect>,
    total: u64,
}

impl DefectLog {
    /// Counts a defect at byte offset `at`, and keeps it within the bounds. `message` is called only for a kept defect,
    /// because noise can produce millions of defects.
    pub fn add(&mut self, kind: DefectKind, at: u64, reference: &'static str, message: impl FnOnce() -> String) {
        self.total += 1;
        let same = self.kept.iter().filter(|d| d.kind == kind).count();
        if self.kept.len() < MAX_DEFECTS && same < PER_KIND {
            self.kept.push(Defect { kind, at: Position::Byte(at), message: message(), reference });
        }
    }

    /// Returns the defects that were kept, and the number of all.
    pub fn finish(self) -> (Vec<Defect>, u64) {
        (self.kept, self.total)
    }
}
