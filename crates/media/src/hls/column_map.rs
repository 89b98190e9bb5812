//! Map from columns of a playlist whose variables were replaced to columns of the playlist as it was sent.

use crate::defect::Position;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct ColumnMap(BTreeMap<u32, Vec<Change>>);

#[derive(Debug)]
struct Change {
    /// First column, in the playlist as it was sent, of the variable reference.
    column: u32,
    /// Length in characters of the value that replaced the reference; `reference` is the length of the reference.
    value: u32,
    reference: u32,
}

impl ColumnMap {
    /// Adds the replacement of a variable reference; replacements in one line are added in the order of their columns.
    pub(super) fn add(&mut self, line: u32, column: u32, value: u32, reference: u32) {
        self.0.entry(line).or_default().push(Change { column, value, reference });
    }

    pub(super) fn original_position(&self, position: Position) -> Position {
        match position {
            Position::Line { line, column } => Position::Line { line, column: self.original(line, column) },
            other => other,
        }
    }

    /// Returns the original column for a column of the replaced text. A column inside of a variable's value maps to the
    /// first column of its reference.
    fn original(&self, line: u32, column: u32) -> u32 {
        let Some(changes) = self.0.get(&line) else { return column };
        let mut original = column;
        for change in changes {
            if original < change.column {
                break;
            }
            let beyond = (original - change.column).checked_sub(change.value);
            let Some(beyond) = beyond else { return change.column };
            original = change.column.saturating_add(change.reference).saturating_add(beyond);
        }
        original
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_before_within_and_behind_a_value() {
        // `ab{$x}cd{$y}e` with x = `1234567` and y empty becomes `ab1234567cde`.
        let mut columns = ColumnMap::default();
        columns.add(4, 3, 7, 4);
        columns.add(4, 9, 0, 4);
        let of = |column| columns.original(4, column);
        assert_eq!((of(1), of(3), of(9)), (1, 3, 3));
        assert_eq!((of(10), of(11)), (7, 8));
        assert_eq!(of(12), 13, "behind an empty value");
        assert_eq!(columns.original(5, 12), 12, "another line");
    }
}
