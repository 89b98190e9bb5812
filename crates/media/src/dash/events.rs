//! The order of an EventStream's events.

use super::notes::Notes;
use super::values::{attribute, children};
use roxmltree::Node;

const ORDER: &str = "ISO/IEC 23009-1 5.10.2.2";

/// Notes the first event of each EventStream that is earlier than the one before: players that read on from the last
/// one they know miss it.
pub(super) fn ordered(root: Node<'_, '_>, notes: &mut Notes<'_>) {
    for stream in children(root, "Period").flat_map(|period| children(period, "EventStream")) {
        let mut before = 0;
        for event in children(stream, "Event") {
            let time = attribute(event, "presentationTime").map_or(Some(0), |t| t.parse::<u64>().ok());
            let Some(time) = time else { continue };
            if time < before {
                notes.wrong(
                    event,
                    ORDER,
                    format_args!("an Event at {time} stands after one at {before}: times may not go back"),
                );
                break;
            }
            before = time;
        }
    }
}
