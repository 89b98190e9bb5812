//! Application of an MPD patch's operations in their order: each operation works on the result of those before it (RFC
//! 5261 4).

use super::super::defect_log::DefectLog;
use super::super::values::attribute;
use super::document::Document;
use super::selector::{Miss, Target, resolve};
use crate::redact::Quoted;
use roxmltree::Node;

const OPERATION: &str = "ISO/IEC 23009-1 5.15.3; RFC 5261 4";
/// Number of XML nodes that all selectors of an MPD patch may visit together. A patch that needs more isn't judged.
const EFFORT: usize = 5_000_000;
/// Largest number of XML nodes that a patched MPD may have.
const MAX_NODES: usize = 1_000_000;

/// Applies all operations of an MPD patch, and returns whether each of them could be applied and judged. Stops at the
/// first failure, because after it the document differs from what the author meant.
pub(super) fn apply_operations(patch: Node<'_, '_>, document: &mut Document, log: &mut DefectLog<'_>) -> bool {
    let mut effort = EFFORT;
    for operation in patch.children().filter(Node::is_element) {
        if document.len() > MAX_NODES || !one(operation, document, log, &mut effort) {
            return false;
        }
    }
    true
}

fn one(operation: Node<'_, '_>, document: &mut Document, log: &mut DefectLog<'_>, effort: &mut usize) -> bool {
    let name = operation.tag_name().name();
    if !matches!(name, "add" | "replace" | "remove") {
        log.wrong(operation, OPERATION, format_args!("{} is no operation: add, replace, remove", Quoted(name)));
        return false;
    }
    let Some(path) = attribute(operation, "sel") else {
        log.wrong(operation, OPERATION, format_args!("{name} has no sel"));
        return false;
    };
    let target = match resolve(path, document, effort) {
        Ok(target) => target,
        Err(miss) => {
            missed(operation, path, &miss, log);
            return false;
        }
    };
    let wrong = match name {
        "add" => add(operation, &target, document),
        "replace" => replace(operation, target, document),
        _ => remove(target, document),
    };
    if let Some(wrong) = wrong {
        log.wrong(operation, OPERATION, format_args!("{name} of {}: {wrong}", Quoted(path)));
    }
    wrong.is_none()
}

fn missed(operation: Node<'_, '_>, path: &str, miss: &Miss, log: &mut DefectLog<'_>) {
    let (name, path) = (operation.tag_name().name(), Quoted(path));
    match miss {
        Miss::Malformed => {
            log.wrong(operation, OPERATION, format_args!("sel of {name} is {path}: no path that a patch may have"));
        }
        Miss::Count(0) => {
            log.wrong(operation, OPERATION, format_args!("sel of {name} is {path}: nothing in the MPD is there"));
        }
        Miss::Count(count) => {
            log.wrong(
                operation,
                OPERATION,
                format_args!("sel of {name} is {path}: {count} nodes in the MPD instead of one"),
            );
        }
        Miss::Unknown | Miss::Costly => {}
    }
}

/// Applies an `add` operation (RFC 5261 4.3). Returns the reason why it can't be applied, or `None` if it was applied.
fn add(operation: Node<'_, '_>, target: &Target, document: &mut Document) -> Option<&'static str> {
    let node = match *target {
        Target::Element(node) | Target::Other(node) => node,
        Target::Attribute(..) => return Some("an attribute holds nothing"),
    };
    let beside = matches!(attribute(operation, "pos"), Some("before" | "after"));
    if beside && node == Document::ROOT {
        return Some("a document has but one root");
    }
    if let Some(kind) = attribute(operation, "type") {
        let name = kind.strip_prefix('@')?;
        let local = name.rsplit(':').next().unwrap_or(name);
        if document.attribute(node, local).is_some() {
            return Some("the element has that attribute already");
        }
        document.set_attribute(node, local, Some(operation.text().unwrap_or_default().to_owned()));
        return None;
    }
    match attribute(operation, "pos") {
        None => document.insert(operation, node, usize::MAX),
        Some("prepend") => document.insert(operation, node, 0),
        Some("before") => document.insert(operation, document.parent(node), document.index_among_siblings(node)),
        Some("after") => document.insert(operation, document.parent(node), document.index_among_siblings(node) + 1),
        Some(_) => return Some("pos is none of prepend, before, after"),
    }
    None
}

/// Applies a `replace` operation (RFC 5261 4.4). Returns the reason why it can't be applied, or `None` if it was
/// applied.
fn replace(operation: Node<'_, '_>, target: Target, document: &mut Document) -> Option<&'static str> {
    match target {
        Target::Attribute(node, name) => {
            document.set_attribute(node, &name, Some(operation.text().unwrap_or_default().to_owned()));
        }
        Target::Element(Document::ROOT) => return Some("the root can't be replaced: that is another MPD"),
        Target::Element(node) => {
            if operation.children().filter(Node::is_element).count() != 1 {
                return Some("an element is replaced by exactly one");
            }
            put(operation, node, document);
        }
        Target::Other(node) => put(operation, node, document),
    }
    None
}

fn put(operation: Node<'_, '_>, node: usize, document: &mut Document) {
    document.insert(operation, document.parent(node), document.index_among_siblings(node));
    document.remove(node);
}

/// Applies a `remove` operation (RFC 5261 4.5). Returns the reason why it can't be applied, or `None` if it was
/// applied.
fn remove(target: Target, document: &mut Document) -> Option<&'static str> {
    match target {
        Target::Attribute(node, name) => document.set_attribute(node, &name, None),
        Target::Element(Document::ROOT) => return Some("the root can't be removed"),
        Target::Element(node) | Target::Other(node) => document.remove(node),
    }
    None
}
