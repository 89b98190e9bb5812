//! Checks of the order, ids and times of the events in EventStreams (ISO/IEC 23009-1 5.10.2).

use super::LOST_EVENTS;
use super::defect_log::DefectLog;
use super::model::Mpd;
use super::remote::existing;
use super::values::{attribute, children};
use crate::redact::Quoted;
use crate::units::Seconds;
use roxmltree::Node;
use std::collections::HashMap;

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

/// Number of times at which an id stands once it is taken for a constant: the beginning and the end of a break may share one.
const CONSTANT_ID: usize = 3;

/// Logs the first id in each Period at which events of one scheme and value have three different times: players take events with equal
/// scheme, value and id for one event.
pub(super) fn check_event_ids(root: Node<'_, '_>, log: &mut DefectLog<'_>) {
    for period in children(root, "Period") {
        let mut times: HashMap<[&str; 5], Vec<&str>> = HashMap::new();
        let streams = children(period, "EventStream");
        let events = streams.flat_map(|stream| children(stream, "Event").map(move |event| (stream, event)));
        let mut constant = events.filter_map(|(stream, event)| {
            let of = |name: &str| attribute(stream, name).unwrap_or_default();
            let id = attribute(event, "id")?;
            let key = [of("schemeIdUri"), of("value"), of("timescale"), of("presentationTimeOffset"), id];
            let time = attribute(event, "presentationTime").unwrap_or("0");
            let known = times.entry(key).or_default();
            if known.len() < CONSTANT_ID && !known.contains(&time) {
                known.push(time);
            }
            (known.len() == CONSTANT_ID).then_some((event, id))
        });
        if let Some((event, id)) = constant.next() {
            log.wrong(
                event,
                LOST_EVENTS,
                format_args!(
                    "the id {} stands at {CONSTANT_ID} Events of this Period with different times: players take Events with equal scheme, \
                     value and id for one, and miss the later ones",
                    Quoted(id)
                ),
            );
        }
    }
}

/// Time in seconds beyond which no event is announced: ten years.
const FAR: f64 = 315_360_000.0;

/// Logs the first event of each EventStream of a live MPD that lies more than ten years after its publishTime, as when the time since 1970
/// is written for the time since the start of the Period.
pub(super) fn check_event_times(root: Node<'_, '_>, mpd: &Mpd, log: &mut DefectLog<'_>) {
    let Some((begin, published)) = mpd.availability_start.zip(mpd.publish_time).filter(|_| mpd.dynamic) else { return };
    let unread = existing(root, "Period").count().saturating_sub(mpd.periods.len());
    for (node, period) in existing(root, "Period").skip(unread).zip(&mpd.periods) {
        let Some(start) = period.start else { continue };
        let start = Seconds::between(published, begin).0 + start.0;
        for stream in children(node, "EventStream") {
            let number =
                |node: Node<'_, '_>, name: &str| attribute(node, name).and_then(|text| text.parse::<u64>().ok());
            let timescale = number(stream, "timescale").filter(|ticks| *ticks > 0).unwrap_or(1) as f64;
            let offset = number(stream, "presentationTimeOffset").unwrap_or(0) as f64;
            let ahead = |event: &Node<'_, '_>| {
                start + (number(*event, "presentationTime").unwrap_or(0) as f64 - offset) / timescale
            };
            if let Some(event) = children(stream, "Event").find(|event| ahead(event) > FAR) {
                log.wrong(
                    event,
                    LOST_EVENTS,
                    format_args!(
                        "this Event lies {:.0} years after publishTime: its presentationTime counts from the start of the Period, not \
                         from 1970, and no player comes to it",
                        ahead(&event) / (365.25 * 86_400.0)
                    ),
                );
            }
        }
    }
}
