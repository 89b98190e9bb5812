//! Check that ids of AdaptationSets and Representations are unique in a Period. By the standard identical Representations may share
//! one, but Shaka Player refuses every live MPD in which a Period has an id twice (4018).

use super::defect_log::DefectLog;
use super::model::{Mpd, Representation};
use super::remote::existing;
use super::values::{attribute, children};
use crate::redact::Quoted;
use roxmltree::Node;
use std::collections::HashMap;
use std::collections::HashSet;

const SET: &str = "ISO/IEC 23009-1 5.3.3.2";
const REPRESENTATION: &str = "ISO/IEC 23009-1 5.3.5.2";

/// Logs ids that occur twice in one Period: players identify their selection by these ids, and segment URLs contain
/// those of Representations. `mpd` has the newest Periods of the document `root`, as far as they were read.
pub(super) fn check_unique_ids(root: Node<'_, '_>, mpd: &Mpd, log: &mut DefectLog<'_>) {
    let unread = existing(root, "Period").count().saturating_sub(mpd.periods.len());
    let refusal = if mpd.dynamic { ": Shaka Player refuses the whole MPD" } else { "" };
    for (node, period) in existing(root, "Period").skip(unread).zip(&mpd.periods) {
        let mut sets = HashSet::new();
        let mut representations: HashMap<&str, &Representation> = HashMap::new();
        for (set, read) in existing(node, "AdaptationSet").zip(&period.sets) {
            if let Some(id) = attribute(set, "id").filter(|id| !sets.insert(*id)) {
                log.group(set, SET, format_args!("AdaptationSet@id {} stands twice in its Period", Quoted(id)));
            }
            for (one, read) in children(set, "Representation").zip(&read.representations) {
                let Some(id) = attribute(one, "id") else { continue };
                match representations.get(id) {
                    Some(first) if first.is_identical(read) && mpd.dynamic => {
                        let message = "stands twice in its Period, for identical Representations";
                        log.group_habit(
                            one,
                            REPRESENTATION,
                            format_args!("Representation@id {} {message}{refusal}", Quoted(id)),
                        );
                    }
                    Some(first) if first.is_identical(read) => {}
                    Some(_) => {
                        let message = "stands twice in its Period, for different Representations";
                        log.group(
                            one,
                            REPRESENTATION,
                            format_args!("Representation@id {} {message}{refusal}", Quoted(id)),
                        );
                    }
                    None => drop(representations.insert(id, read)),
                }
            }
        }
    }
}
