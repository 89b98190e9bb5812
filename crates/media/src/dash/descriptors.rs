//! Parser for descriptors (Role, Accessibility, properties), ContentProtection and EventStreams of an MPD.

use super::defect_log::DefectLog;
use super::model::{ContentProtection, Descriptor, EventStream, MpdEvent};
use super::splices;
use super::values::{attribute, child, children, is, number, string, timescale};
use crate::drm::{self, Uuid};
use crate::redact::Quoted;
use roxmltree::Node;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::num::NonZeroU32;

/// Largest number of descriptors of one kind that are read in one element.
const MAX_DESCRIPTORS: usize = 32;
/// Largest number of events that are kept of one EventStream: the newest ones.
const MAX_EVENTS: usize = 256;
const EVENTS: &str = "ISO/IEC 23009-1 5.10.2";
const PSSH: &str = "ISO/IEC 23001-7 11.2.1";
/// Largest length of a `pssh` box in Base64 characters.
const MAX_PSSH: usize = 64 * 1024;
const PROTECTION: &str = "ISO/IEC 23009-1 5.8.4.1";

/// Parses the descriptor elements with this name. A descriptor without schemeIdUri is a defect and left out.
pub(super) fn descriptors(node: Node<'_, '_>, name: &'static str, log: &mut DefectLog<'_>) -> Vec<Descriptor> {
    let mut found = Vec::new();
    for one in children(node, name).take(MAX_DESCRIPTORS) {
        found.extend(descriptor(one, log));
    }
    found
}

pub(super) fn descriptor(node: Node<'_, '_>, log: &mut DefectLog<'_>) -> Option<Descriptor> {
    let scheme = string(node, "schemeIdUri");
    if scheme.is_none() {
        let name = node.tag_name().name();
        log.wrong(node, "ISO/IEC 23009-1 5.8.2", format_args!("{name} without schemeIdUri"));
    }
    Some(Descriptor { scheme: scheme?, value: string(node, "value") })
}

/// The ContentProtection elements of an MPD to which others refer, by their `@refId`. They are looked for when the first
/// element refers to one, because most MPDs have none.
pub(super) struct ProtectionSources<'n> {
    root: Node<'n, 'n>,
    by_id: OnceCell<HashMap<&'n str, Node<'n, 'n>>>,
}

impl<'n> ProtectionSources<'n> {
    pub(super) fn of(root: Node<'n, 'n>) -> Self {
        Self { root, by_id: OnceCell::new() }
    }

    fn get(&self, id: &str) -> Option<Node<'n, 'n>> {
        let all = || {
            let elements = self.root.descendants().filter(|node| is(*node, "ContentProtection"));
            elements.filter_map(|node| Some((attribute(node, "refId")?, node))).collect()
        };
        self.by_id.get_or_init(all).get(id).copied()
    }
}

/// Parses the ContentProtection elements of `node`. One with `@ref` inherits what it doesn't have itself from the element with
/// that `@refId`, wherever that stands in the MPD (ISO/IEC 23009-1:2022 5.8.4.1).
pub(super) fn protections(
    node: Node<'_, '_>,
    sources: &ProtectionSources<'_>,
    log: &mut DefectLog<'_>,
) -> Vec<ContentProtection> {
    let mut found = Vec::new();
    for one in children(node, "ContentProtection").take(MAX_DESCRIPTORS) {
        let reference = attribute(one, "ref");
        let source = reference.and_then(|id| sources.get(id)).filter(|source| source.range() != one.range());
        if let Some(id) = reference.filter(|_| source.is_none()) {
            let id = Quoted(id);
            log.wrong(
                one,
                PROTECTION,
                format_args!("ContentProtection@ref {id}: no other ContentProtection has this @refId"),
            );
        }
        let Some(scheme) = own_or_inherited(one, source, |node| string(node, "schemeIdUri")) else {
            if reference.is_none() || source.is_some() {
                descriptor(one, log);
            }
            continue;
        };
        let value = own_or_inherited(one, source, |node| string(node, "value"));
        let default_kid = own_or_inherited(one, source, |node| string(node, "default_KID"));
        for kid in default_kid.iter().flat_map(|list| list.split_whitespace()).filter(|kid| !is_uuid(kid)) {
            let kid = Quoted(kid);
            log.wrong(one, PROTECTION, format_args!("ContentProtection@default_KID {kid} is no UUID"));
        }
        let pssh = match source.filter(|_| child(one, "pssh").is_none()) {
            Some(source) => pssh(source, &scheme, log),
            None => pssh(one, &scheme, log),
        };
        found.push(ContentProtection { scheme, value, default_kid, pssh });
    }
    found
}

/// Reads a property of the ContentProtection `one`, or that of the element to which it refers.
fn own_or_inherited<T>(
    one: Node<'_, '_>,
    source: Option<Node<'_, '_>>,
    read: impl Fn(Node<'_, '_>) -> Option<T>,
) -> Option<T> {
    read(one).or_else(|| read(source?))
}

/// Returns the `pssh` box of a ContentProtection in Base64. `None` if there is none, or if no player could use it,
/// which is logged as a defect.
fn pssh(protection: Node<'_, '_>, scheme: &str, log: &mut DefectLog<'_>) -> Option<String> {
    let node = child(protection, "pssh")?;
    let text: String = node.text()?.chars().filter(|c| !c.is_whitespace()).take(MAX_PSSH + 1).collect();
    let boxes = drm::pssh_boxes_in_data_uri(&format!("data:;base64,{text}"));
    let meant = scheme.get(9..).and_then(Uuid::parse);
    let wrong = match boxes.first() {
        _ if text.len() > MAX_PSSH => "is longer than 64 kB",
        None => "is no `pssh` box in Base64",
        Some(first) if meant.is_some_and(|meant| meant != first.system) => "is a `pssh` of another DRM system",
        Some(_) => return Some(text),
    };
    log.wrong(node, PSSH, format_args!("cenc:pssh of {} {wrong}", Quoted(scheme)));
    None
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

pub(super) fn event_streams(period: Node<'_, '_>, log: &mut DefectLog<'_>) -> Vec<EventStream> {
    let mut found = Vec::new();
    for stream in children(period, "EventStream").take(MAX_DESCRIPTORS) {
        let Some(Descriptor { scheme, value }) = descriptor(stream, log) else { continue };
        let timescale = timescale(stream, "timescale", log).unwrap_or(NonZeroU32::MIN);
        let surplus = children(stream, "Event").count().saturating_sub(MAX_EVENTS);
        let mut events = Vec::new();
        for event in children(stream, "Event").skip(surplus) {
            events.push(self::event(event, &scheme, log));
        }
        let presentation_time_offset = number(stream, "presentationTimeOffset", log).unwrap_or(0);
        found.push(EventStream { scheme, value, timescale, presentation_time_offset, events, line: log.line(stream) });
    }
    found
}

fn event(node: Node<'_, '_>, scheme: &str, log: &mut DefectLog<'_>) -> MpdEvent {
    let time = number(node, "presentationTime", log);
    if attribute(node, "presentationTime").is_some() && time.is_none() {
        log.wrong(node, EVENTS, format_args!("this Event is taken to be at the Period's start"));
    }
    let section = splices::is_scte35(scheme).then(|| splices::section(node, scheme, log)).flatten();
    MpdEvent {
        id: string(node, "id"),
        time: time.unwrap_or(0),
        duration: number(node, "duration", log),
        section: section.map(Box::new),
        line: log.line(node),
    }
}
