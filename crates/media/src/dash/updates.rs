//! Where the next state of an MPD is: Location and PatchLocation.

use super::model::PatchLocation;
use super::notes::Notes;
use super::values::{attribute, children, offset};
use crate::redact::Quoted;
use roxmltree::Node;
use url::Url;

const LOCATION: &str = "ISO/IEC 23009-1 5.3.1.2";
const PATCHES: &str = "ISO/IEC 23009-1 5.15.2";
/// Of one kind.
const MAX_LOCATIONS: usize = 8;

pub(super) fn locations(root: Node<'_, '_>, base: &Url, notes: &mut Notes<'_>) -> Vec<Url> {
    let mut found = Vec::new();
    for node in children(root, "Location").take(MAX_LOCATIONS) {
        found.extend(url(node, LOCATION, base, notes));
    }
    found
}

pub(super) fn patches(root: Node<'_, '_>, base: &Url, notes: &mut Notes<'_>) -> Vec<PatchLocation> {
    let mut found = Vec::new();
    for node in children(root, "PatchLocation").take(MAX_LOCATIONS) {
        for name in ["id", "publishTime"].iter().filter(|name| attribute(root, name).is_none()) {
            notes.wrong(
                node,
                PATCHES,
                format_args!("PatchLocation in an MPD without {name}: a patch can't say which MPD it is for"),
            );
        }
        let ttl = offset(node, "ttl", notes);
        if ttl.is_some_and(|ttl| ttl.0 <= 0.0) {
            notes.wrong(node, PATCHES, format_args!("PatchLocation@ttl is not above 0: no patch could be asked for"));
        }
        let ttl = ttl.filter(|ttl| ttl.0.is_finite());
        found.extend(url(node, PATCHES, base, notes).map(|url| PatchLocation { url, ttl }));
    }
    found
}

fn url(node: Node<'_, '_>, reference: &'static str, base: &Url, notes: &mut Notes<'_>) -> Option<Url> {
    let text = node.text().unwrap_or_default().trim();
    let name = node.tag_name().name();
    match base.join(text) {
        Ok(url) if !text.is_empty() && matches!(url.scheme(), "http" | "https") => return Some(url),
        Ok(url) if !text.is_empty() => {
            let scheme = Quoted(url.scheme());
            notes.wrong(
                node,
                reference,
                format_args!("{name} {} is of the scheme {scheme}: not http(s)", Quoted(text)),
            );
        }
        _ => notes.wrong(node, reference, format_args!("{name} {} is no URL", Quoted(text))),
    }
    None
}
