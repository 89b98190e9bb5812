//! MPD patches (ISO/IEC 23009-1 5.15): what one says of itself, and whether its operations fit the MPD they are for.

mod apply;
mod document;
mod selector;

use super::notes::Notes;
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

/// What a patch document says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    pub mpd_id: Option<String>,
    /// publishTime of the MPD that it is for.
    pub original_publish_time: Option<Timestamp>,
    /// publishTime of the MPD that it leads to.
    pub publish_time: Option<Timestamp>,
    /// Operations in it.
    pub operations: usize,
}

/// Reads a patch and tries its operations on `mpd`, the text it is for. Never fails: what is wrong is a defect with its
/// line in the patch. `None`: no patch at all; the one defect says why.
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
    let tree = xml::parse(text)?;
    let root = tree.root_element();
    if !values::is(root, "Patch") {
        return Err(((1, 1), format!("not a patch: the document is a {}", Quoted(root.tag_name().name()))));
    }
    let mut notes = Notes::of_update(text);
    let patch = Patch {
        mpd_id: values::string(root, "mpdId"),
        original_publish_time: instant(root, "originalPublishTime", &mut notes),
        publish_time: instant(root, "publishTime", &mut notes),
        operations: root.children().filter(Node::is_element).count(),
    };
    if root.tag_name().namespace() != Some(NAMESPACE) {
        let namespace = Quoted(root.tag_name().namespace().unwrap_or_default());
        notes.wrong(root, PATCH, format_args!("Patch is in the namespace {namespace}; players look for {NAMESPACE}"));
    }
    for name in ["mpdId", "originalPublishTime", "publishTime"] {
        if values::attribute(root, name).is_none() {
            notes.wrong(root, PATCH, format_args!("Patch@{name} is missing"));
        }
    }
    // The MPD's own defects are told where it is read.
    if let Some(mut document) = xml::decode(mpd).ok().and_then(Document::read)
        && apply::all(root, &mut document, &mut notes)
    {
        published(root, &patch, &document, &mut notes);
    }
    Ok((patch, notes.finish()))
}

/// A patch that was applied leads to the MPD that it announces.
fn published(root: Node<'_, '_>, patch: &Patch, document: &Document, notes: &mut Notes<'_>) {
    let becomes = document.attribute(Document::ROOT, "publishTime");
    let (Some(announced), 1..) = (patch.publish_time, patch.operations) else { return };
    if becomes.and_then(|text| date::parse(text.trim())).map(|d| d.at) != Some(announced) {
        let becomes = Quoted(becomes.unwrap_or_default());
        notes.wrong(
            root,
            PATCH,
            format_args!("after all operations MPD@publishTime is {becomes}, Patch@publishTime is another"),
        );
    }
}
