//! The bounded list of a playlist's defects.

use super::column_map::ColumnMap;
use super::lines::PlaylistLine;
use crate::defect::{Defect, DefectKind, Position};
use std::fmt;

/// Largest number of defects in each of the three lists of a playlist's defects. Together with one defect per list that
/// counts the rest, and one for each [`ToleratedBreach`], they are at most [`super::MAX_DEFECTS`]. There are three lists so that
/// many defects of one kind don't hide the only defect of another kind from its check.
const KEPT: usize = (super::MAX_DEFECTS - ToleratedBreach::COUNT) / 3 - 1;

/// A breach of the syntax that players read as it was meant. A packager that makes it usually makes it in every line,
/// so each one is reported once in a playlist, with the number of its repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToleratedBreach {
    /// There is whitespace around the value of a tag, or around the names, values and commas of an attribute list.
    Whitespace,
    /// There is a comma at the end of a tag's attribute list.
    LastComma,
    /// EXTINF has no comma after its duration.
    NoExtinfComma,
    /// A date and time in a tag has no time zone.
    NoTimeZone,
    /// A horizontal tab, such as the one that some packagers write after the comma of EXTINF.
    Tab,
}

impl ToleratedBreach {
    const COUNT: usize = 5;
}

#[derive(Debug, Default)]
pub(super) struct DefectList {
    syntax: BoundedDefects,
    attribute: BoundedDefects,
    /// Defects of rendition groups, versions and ad markers.
    other: BoundedDefects,
    /// Maps columns of the playlist after variable substitution to columns of the playlist as it was received.
    columns: ColumnMap,
    /// The first defect of each kind of tolerated syntax error ([`ToleratedBreach`]), and the number of its repetitions.
    tolerated: Vec<(ToleratedBreach, Defect, u64)>,
}

#[derive(Debug, Default)]
struct BoundedDefects {
    list: Vec<Defect>,
    /// Number of defects beyond the bound, and the position of the first of them; `None` if all were kept.
    more: Option<(u64, Position)>,
}

impl DefectList {
    /// Adds a defect at byte `offset` of `line`. Message and column are computed only if the defect is kept.
    pub(super) fn add(
        &mut self,
        kind: DefectKind,
        (line, offset): (&PlaylistLine<'_>, usize),
        reference: &'static str,
        message: fmt::Arguments<'_>,
    ) {
        let (kept, columns) = self.kept(kind);
        let at = || columns.original_position(line.position(offset));
        kept.add(|| Defect { kind, at: at(), message: message.to_string(), reference });
    }

    /// Adds a syntax error that players tolerate ([`ToleratedBreach`]), at byte `offset` of `line`. A repetition is only counted.
    pub(super) fn add_tolerated(
        &mut self,
        breach: ToleratedBreach,
        (line, offset): (&PlaylistLine<'_>, usize),
        reference: &'static str,
        message: fmt::Arguments<'_>,
    ) {
        if let Some((.., more)) = self.tolerated.iter_mut().find(|(known, ..)| *known == breach) {
            *more = more.saturating_add(1);
            return;
        }
        let at = self.columns.original_position(line.position(offset));
        let defect = Defect { kind: DefectKind::SyntaxTolerated, at, message: message.to_string(), reference };
        self.tolerated.push((breach, defect, 0));
    }

    /// Adds a defect at a line and column that no text of the playlist gives, such as line 1 for a missing tag.
    pub(super) fn add_at(
        &mut self,
        kind: DefectKind,
        (line, column): (u32, u32),
        reference: &'static str,
        message: fmt::Arguments<'_>,
    ) {
        let (kept, columns) = self.kept(kind);
        let at = columns.original_position(Position::Line { line, column });
        kept.add(|| Defect { kind, at, message: message.to_string(), reference });
    }

    /// Sets the column map. From now on, positions are those of a text whose variables were replaced; `columns` maps
    /// them back.
    pub(super) fn set_column_map(&mut self, columns: ColumnMap) {
        self.columns = columns;
    }

    /// Returns all defects in the order of their lines, followed by the counts of the defects that weren't kept.
    pub(super) fn finish(self) -> Vec<Defect> {
        let Self { syntax, attribute, other, tolerated, .. } = self;
        let rest: Vec<Defect> = [syntax.rest(), attribute.rest(), other.rest()].into_iter().flatten().collect();
        let mut all = syntax.list;
        all.extend(attribute.list);
        all.extend(other.list);
        all.extend(tolerated.into_iter().map(|(_, defect, more)| counted(defect, more)));
        all.sort_by_key(|d| match d.at {
            Position::Line { line, column } => (line, column),
            _ => (0, 0),
        });
        all.extend(rest);
        all
    }

    fn kept(&mut self, kind: DefectKind) -> (&mut BoundedDefects, &ColumnMap) {
        let kept = match kind {
            DefectKind::Attribute | DefectKind::AttributeMissing => &mut self.attribute,
            DefectKind::Groups | DefectKind::GroupTolerated | DefectKind::Version | DefectKind::AdMarker => {
                &mut self.other
            }
            _ => &mut self.syntax,
        };
        (kept, &self.columns)
    }
}

/// Returns the defect with the number of its repetitions in its message.
fn counted(defect: Defect, more: u64) -> Defect {
    let message = match more {
        0 => defect.message,
        more => format!("{} (and {more} more like this)", defect.message),
    };
    Defect { message, ..defect }
}

impl BoundedDefects {
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
        let message = format!("{count} more defects from here on; correct those above first");
        Some(Defect { kind: first.kind, at, message, reference: first.reference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: u32) -> Vec<Defect> {
        let mut defects = DefectList::default();
        for line in 1..=count {
            defects.add_at(DefectKind::Version, (line, 1), "", format_args!("defect {line}"));
        }
        defects.finish()
    }

    #[test]
    fn the_bound_is_kept_and_the_first_beyond_it_counts_the_rest() {
        let bound = u32::try_from(KEPT).unwrap();
        assert_eq!(found(0), []);
        let all = found(bound);
        assert_eq!(all.len(), KEPT);
        assert_eq!(all.last().unwrap().message, format!("defect {bound}"));
        for beyond in [1, 2] {
            let all = found(bound + beyond);
            assert_eq!(all.len(), KEPT + 1);
            let last = all.last().unwrap();
            assert!(last.message.starts_with(&format!("{beyond} more defects")), "{}", last.message);
            assert_eq!((last.kind, last.at), (DefectKind::Version, Position::Line { line: bound + 1, column: 1 }));
        }
    }

    #[test]
    fn three_full_lists_are_the_bound_of_a_playlist() {
        let mut defects = DefectList::default();
        for line in 1..=100 {
            for kind in [DefectKind::Syntax, DefectKind::Attribute, DefectKind::AdMarker] {
                defects.add_at(kind, (line, 1), "", format_args!(""));
            }
        }
        let all = defects.finish();
        assert_eq!(all.len(), 3 * (KEPT + 1));
        assert!(all.len() <= crate::hls::MAX_DEFECTS);
        let lines = all.iter().filter_map(|d| if let Position::Line { line, .. } = d.at { Some(line) } else { None });
        assert!(lines.take(3 * KEPT).is_sorted(), "in the order of the lines");
    }
}
