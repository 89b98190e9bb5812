//! Ids of AdaptationSets and Representations, which must be unique in a Period.

use super::defect_log::DefectLog;
use super::values::{attribute, children};
use crate::redact::Quoted;
use roxmltree::Node;
use std::collections::HashSet;

const SET: &str = "ISO/IEC 23009-1 5.3.3.2";
const REPRESENTATION: &str = "ISO/IEC 23009-1 5.3.5.2";

/// Logs ids that occur twice in one Period: players identify their selection by these ids, and segment URLs contain those of
/// Representations.
pub(super) fn check_unique_ids(root: Node<'_, '_>, log: &mut DefectLog<'_>) {
    for period in children(root, "Period") {
        let (mut sets, mut representations) = (HashSet::new(), HashSet::new());
        for set in children(period, "AdaptationSet") {
            if let Some(id) = attribute(set, "id").filter(|id| !sets.insert(*id)) {
                log.group(set, SET, format_args!("AdaptationSet@id {} stands twice in its Period", Quoted(id)));
            }
            for one in children(set, "Representation") {
                if let Some(id) = attribute(one, "id").filter(|id| !representations.insert(*id)) {
                    log.group(
                        one,
                        REPRESENTATION,
                        format_args!("Representation@id {} stands twice in its Period", Quoted(id)),
                    );
                }
            }
        }
    }
}
