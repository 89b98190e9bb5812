//! Check of MPD patches (ISO/IEC 23009-1 5.15): their attributes, and whether their operations can be applied to an
//! MPD.

mod apply;
mod document;
mod selector;

use super::defect_log::DefectLog;
use super::values::{self, instant};
use crate::defect::{Defect, DefectKind, Position};
use crate::redact::Quoted;
use crate::stream::date;
use crate::units::Timestamp;
use crate::xml;
use document::Document;
use roxmltree::Node;

const NAMESPACE: &str = "urn:mpeg:dash:schema:mpd-patch:2020";
const PATCH: &str = "ISO/IEC 23009-1 5.15.3";

/// Attributes of an MPD patch document. An attribute that is absent or malformed is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    pub mpd_id: Option<String>,
    /// MPD@publishTime of the MPD to which the patch applies.
    pub original_publish_time: Option<Timestamp>,
    /// MPD@publishTime of the MPD after the patch.
    pub publish_time: Option<Timestamp>,
    /// Number of operations in the MPD patch.
    pub operations: usize,
}

/// Parses an MPD patch and applies its operations to a copy of `mpd`, the text of the MPD that it is for. Every error
/// is a defect with its line in the patch. `None` if the bytes aren't a patch; the only defect then says why.
#[must_use]
pub fn patch(bytes: &[u8], mpd: &[u8]) -> (Option<Patch>, Vec<Defect>) {
    match read(bytes, mpd) {
        Ok((patch, defects)) => (Some(patch), defects),
        Err(((line, column), message)) => {
            let at = Position::Line { line, column };
            (None, vec![Defect { kind: DefectKind::Update, at, message, reference: PATCH }])
        }
    }
}

fn read(bytes: &[u8], mpd: &[u8]) -> Result<(Patch, Vec<Defect>), xml::XmlError> {
    let text = xml::decode(bytes)?;
    let tree = xml::parse(&text)?;
    let root = tree.root_element();
    if !values::is(root, "Patch") {
        return Err(((1, 1), format!("not a patch: the document is a {}", Quoted(root.tag_name().name()))));
    }
    let mut log = DefectLog::of_update(&text);
    let patch = Patch {
        mpd_id: values::string(root, "mpdId"),
        original_publish_time: instant(root, "originalPublishTime", &mut log),
        publish_time: instant(root, "publishTime", &mut log),
        operations: root.children().filter(Node::is_element).count(),
    };
    if root.tag_name().namespace() != Some(NAMESPACE) {
        let namespace = Quoted(root.tag_name().namespace().unwrap_or_default());
        log.wrong(root, PATCH, format_args!("Patch is in the namespace {namespace}; players look for {NAMESPACE}"));
    }
    for name in ["mpdId", "originalPublishTime", "publishTime"] {
        if values::attribute(root, name).is_none() {
            log.wrong(root, PATCH, format_args!("Patch@{name} is missing"));
        }
    }
    // The defects of the MPD itself are reported when it is parsed.
    if let Some(mut document) = xml::decode(mpd).ok().and_then(|text| Document::read(&text))
        && apply::apply_operations(root, &mut document, &mut log)
    {
        published(root, &patch, &document, &mut log);
    }
    Ok((patch, log.finish()))
}

/// Logs an MPD patch whose result doesn't have the publish time that the patch announces.
fn published(root: Node<'_, '_>, patch: &Patch, document: &Document, log: &mut DefectLog<'_>) {
    let becomes = document.attribute(Document::ROOT, "publishTime");
    let (Some(announced), 1..) = (patch.publish_time, patch.operations) else { return };
    if becomes.and_then(|text| date::parse(text.trim())).map(|d| d.at) != Some(announced) {
        let becomes = Quoted(becomes.unwrap_or_default());
        log.wrong(
            root,
            PATCH,
            format_args!("after all operations MPD@publishTime is {becomes}, Patch@publishTime is another"),
        );
    }
}
