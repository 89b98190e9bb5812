//! Check that ids of AdaptationSets and Representations are unique in a Period; identical Representations may share
//! one.

use super::defect_log::DefectLog;
use super::model::{Period, Representation};
use super::remote::existing;
use super::values::{attribute, children};
use crate::redact::Quoted;
use roxmltree::Node;
use std::collections::HashMap;
use std::collections::HashSet;

const SET: &str = "ISO/IEC 23009-1 5.3.3.2";
const REPRESENTATION: &str = "ISO/IEC 23009-1 5.3.5.2";

/// Logs ids that occur twice in one Period: players identify their selection by these ids, and segment URLs contain
/// those of Representations. `periods` are the newest Periods of the MPD, as far as they were read.
pub(super) fn check_unique_ids(root: Node<'_, '_>, periods: &[Period], log: &mut DefectLog<'_>) {
    let unread = existing(root, "Period").count().saturating_sub(periods.len());
    for (node, period) in existing(root, "Period").skip(unread).zip(periods) {
        let mut sets = HashSet::new();
        let mut representations: HashMap<&str, &Representation> = HashMap::new();
        for (set, read) in existing(node, "AdaptationSet").zip(&period.sets) {
            if let Some(id) = attribute(set, "id").filter(|id| !sets.insert(*id)) {
                log.group(set, SET, format_args!("AdaptationSet@id {} stands twice in its Period", Quoted(id)));
            }
            for (one, read) in children(set, "Representation").zip(&read.representations) {
                let Some(id) = attribute(one, "id") else { continue };
                match representations.get(id) {
                    Some(first) if first.is_identical(read) => {}
                    Some(_) => log.group(
                        one,
                        REPRESENTATION,
                        format_args!(
                            "Representation@id {} stands twice in its Period, for different Representations",
                            Quoted(id)
                        ),
                    ),
                    None => drop(representations.insert(id, read)),
                }
            }
        }
    }
}
