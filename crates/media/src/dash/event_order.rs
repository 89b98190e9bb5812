//! Check of the order of events in an EventStream (ISO/IEC 23009-1 5.10.2.2).

use super::defect_log::DefectLog;
use super::values::{attribute, children};
use roxmltree::Node;

const ORDER: &str = "ISO/IEC 23009-1 5.10.2.2";

/// Logs the first event of each EventStream whose time is earlier than that of the event before it: players that
/// continue from the last event they know miss it.
pub(super) fn check_event_order(root: Node<'_, '_>, log: &mut DefectLog<'_>) {
    for stream in children(root, "Period").flat_map(|period| children(period, "EventStream")) {
        let mut before = 0;
        for event in children(stream, "Event") {
            let time = attribute(event, "presentationTime").map_or(Some(0), |t| t.parse::<u64>().ok());
            let Some(time) = time else { continue };
            if time < before {
                log.wrong(
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
