//! The bounded list of the defects of one segment or other resource.

use super::MAX_DEFECTS;
use crate::defect::{Defect, DefectKind, Position};

/// Largest number of defects that are kept of one kind, so that a thousand of one kind don't hide the only defect of
/// another.
const PER_KIND: usize = 5;

#[derive(Debug, Default)]
pub(super) struct DefectLog {
    kept: Vec<Defect>,
    total: u64,
}

impl DefectLog {
    /// Counts a defect at byte offset `at`, and keeps it within the bounds of the list. `message` is called only for a
    /// kept defect, because noise can produce millions of defects.
    pub(super) fn add(&mut self, kind: DefectKind, at: u64, reference: &'static str, message: impl FnOnce() -> String) {
        self.total += 1;
        let same = self.kept.iter().filter(|d| d.kind == kind).count();
        if self.kept.len() < MAX_DEFECTS && same < PER_KIND {
            self.kept.push(Defect { kind, at: Position::Byte(at), message: message(), reference });
        }
    }

    /// Returns the defects that were kept, and the number of all defects that were found.
    pub(super) fn finish(self) -> (Vec<Defect>, u64) {
        (self.kept, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DefectKind::{Container, Continuity, Cues, Tables};

    #[test]
    fn five_defects_of_a_kind_and_sixteen_in_all_are_kept() {
        let mut log = DefectLog::default();
        (0..7).for_each(|at| log.add(Cues, at, "", || at.to_string()));
        let (kept, total) = log.finish();
        let texts: Vec<_> = kept.iter().map(|d| (d.at, d.message.as_str())).collect();
        let expected = [(0, "0"), (1, "1"), (2, "2"), (3, "3"), (4, "4")].map(|(at, text)| (Position::Byte(at), text));
        assert_eq!((texts, total), (expected.to_vec(), 7));
        let mut log = DefectLog::default();
        for at in 0..5 {
            [Cues, Tables, Container, Continuity].iter().for_each(|kind| log.add(*kind, at, "", String::new));
        }
        let (kept, total) = log.finish();
        assert_eq!((kept.len(), total), (MAX_DEFECTS, 20));
    }

    #[test]
    fn a_message_is_made_only_for_a_kept_defect() {
        let (mut log, mut made) = (DefectLog::default(), 0);
        for at in 0..9 {
            log.add(Cues, at, "", || {
                made += 1;
                String::new()
            });
        }
        assert_eq!(made, 5);
    }
}
