//! Collects defects of one resource within a bound.

use super::MAX_DEFECTS;
use crate::defect::{Defect, DefectKind, Position};

/// Kept of one kind, so that a thousand of one don't hide the only one of another.
const PER_KIND: usize = 5;

#[derive(Debug, Default)]
pub struct Defects {
    kept: Vec<Defect>,
    total: u64,
}

impl Defects {
    /// `message` is only made when the defect is kept: noise makes millions.
    pub fn add(&mut self, kind: DefectKind, at: u64, reference: &'static str, message: impl FnOnce() -> String) {
        self.total += 1;
        let same = self.kept.iter().filter(|d| d.kind == kind).count();
        if self.kept.len() < MAX_DEFECTS && same < PER_KIND {
            self.kept.push(Defect { kind, at: Position::Byte(at), message: message(), reference });
        }
    }

    /// Those kept, and how many there were.
    pub fn finish(self) -> (Vec<Defect>, u64) {
        (self.kept, self.total)
    }
}
