//! The bounded list of defects, and how a message shows hostile text.

use super::columns::Columns;
use super::lines::Line;
use crate::defect::{Defect, DefectKind, Position};
use std::fmt;

/// Of each of the three kinds, with the one that counts the rest: together [`super::MAX_DEFECTS`]. Apart, so that a
/// flood of one kind doesn't hide the only defect of another from its check.
const KEPT: usize = super::MAX_DEFECTS / 3 - 1;

#[derive(Debug, Default)]
pub(super) struct Defects {
    syntax: Kept,
    attribute: Kept,
    /// Groups, versions and ad markers.
    other: Kept,
    /// Of the text that is being read.
    columns: Columns,
}

#[derive(Debug, Default)]
struct Kept {
    list: Vec<Defect>,
    /// How many didn't fit, and where the first of them is.
    more: Option<(u64, Position)>,
}

impl Defects {
    /// A defect at byte `offset` of `line`. Message and column are only made if the defect is kept.
    pub fn add(
        &mut self,
        kind: DefectKind,
        (line, offset): (&Line<'_>, usize),
        reference: &'static str,
        message: fmt::Arguments<'_>,
    ) {
        let (kept, columns) = self.kept(kind);
        let at = || columns.of(line.position(offset));
        kept.add(|| Defect { kind, at: at(), message: message.to_string(), reference });
    }

    /// A defect at a place that is no single line's, such as a missing tag.
    pub fn add_at(
        &mut self,
        kind: DefectKind,
        (line, column): (u32, u32),
        reference: &'static str,
        message: fmt::Arguments<'_>,
    ) {
        let (kept, columns) = self.kept(kind);
        let at = columns.of(Position::Line { line, column });
        kept.add(|| Defect { kind, at, message: message.to_string(), reference });
    }

    /// From here on places are those of a text whose variables were replaced.
    pub fn read_by(&mut self, columns: Columns) {
        self.columns = columns;
    }

    /// In the order of the lines, each kind's count of the rest at the end.
    pub fn finish(self) -> Vec<Defect> {
        let Self { syntax, attribute, other, .. } = self;
        let rest: Vec<Defect> = [syntax.rest(), attribute.rest(), other.rest()].into_iter().flatten().collect();
        let mut all = syntax.list;
        all.extend(attribute.list);
        all.extend(other.list);
        all.sort_by_key(|d| match d.at {
            Position::Line { line, column } => (line, column),
            _ => (0, 0),
        });
        all.extend(rest);
        all
    }

    fn kept(&mut self, kind: DefectKind) -> (&mut Kept, &Columns) {
        let kept = match kind {
            DefectKind::Attribute => &mut self.attribute,
            DefectKind::Groups | DefectKind::GroupHabit | DefectKind::Version | DefectKind::AdMarker => &mut self.other,
            _ => &mut self.syntax,
        };
        (kept, &self.columns)
    }
}

impl Kept {
    fn add(&mut self, defect: impl FnOnce() -> Defect) {
        match &mut self.more {
            Some((count, _)) => *count = count.saturating_add(1),
            None if self.list.len() < KEPT => self.list.push(defect()),
            None => self.more = Some((1, defect().at)),
        }
    }

    fn rest(&self) -> Option<Defect> {
        let first = self.list.first()?;
        let (count, at) = self.more?;
        let message = format!("{count} more defects from here on; mend those above first");
        Some(Defect { kind: first.kind, at, message, reference: first.reference })
    }
}
