//! Adaptation Sets and Representations that can't be told apart.

use super::notes::Notes;
use super::values::{attribute, children};
use crate::redact::Quoted;
use roxmltree::Node;
use std::collections::HashSet;

const SET: &str = "ISO/IEC 23009-1 5.3.3.2";
const REPRESENTATION: &str = "ISO/IEC 23009-1 5.3.5.2";

/// Notes ids that stand twice in one Period: players keep what they play by them, and address segments by those of
/// Representations.
pub(super) fn told_apart(root: Node<'_, '_>, notes: &mut Notes<'_>) {
    for period in children(root, "Period") {
        let (mut sets, mut representations) = (HashSet::new(), HashSet::new());
        for set in children(period, "AdaptationSet") {
            if let Some(id) = attribute(set, "id").filter(|id| !sets.insert(*id)) {
                notes.group(set, SET, format_args!("AdaptationSet@id {} stands twice in its Period", Quoted(id)));
            }
            for one in children(set, "Representation") {
                if let Some(id) = attribute(one, "id").filter(|id| !representations.insert(*id)) {
                    notes.group(
                        one,
                        REPRESENTATION,
                        format_args!("Representation@id {} stands twice in its Period", Quoted(id)),
                    );
                }
            }
        }
    }
}
