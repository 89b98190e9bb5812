//! Parser for the URLs from which players update an MPD: Location and PatchLocation.

use super::defect_log::DefectLog;
use super::model::PatchLocation;
use super::values::{attribute, child, children, offset};
use crate::redact::Quoted;
use crate::steering::ContentSteering;
use roxmltree::Node;
use url::Url;

const LOCATION: &str = "ISO/IEC 23009-1 5.3.1.2";
const PATCHES: &str = "ISO/IEC 23009-1 5.15.2";
const STEERING: &str = "ETSI TS 103 998";
/// Largest number of Location elements that are read, and of PatchLocation elements.
const MAX_LOCATIONS: usize = 8;

pub(super) fn locations(root: Node<'_, '_>, base: &Url, log: &mut DefectLog<'_>) -> Vec<Url> {
    let mut found = Vec::new();
    for node in children(root, "Location").take(MAX_LOCATIONS) {
        found.extend(url(node, LOCATION, base, log));
    }
    found
}

pub(super) fn patches(root: Node<'_, '_>, base: &Url, log: &mut DefectLog<'_>) -> Vec<PatchLocation> {
    let mut found = Vec::new();
    for node in children(root, "PatchLocation").take(MAX_LOCATIONS) {
        for name in ["id", "publishTime"].iter().filter(|name| attribute(root, name).is_none()) {
            log.wrong(
                node,
                PATCHES,
                format_args!(
                    "PatchLocation in an MPD without {name}: a patch cannot identify the MPD that it applies to"
                ),
            );
        }
        let ttl = offset(node, "ttl", log);
        if ttl.is_some_and(|ttl| ttl.0 <= 0.0) {
            log.wrong(node, PATCHES, format_args!("PatchLocation@ttl is not above 0: no patch could be requested"));
        }
        let ttl = ttl.filter(|ttl| ttl.0.is_finite());
        found.extend(url(node, PATCHES, base, log).map(|url| PatchLocation { url, ttl }));
    }
    found
}

/// Reads the ContentSteering of the MPD or of its ServiceDescription (ETSI TS 103 998). The pathways are the service
/// locations of all BaseURLs. `None` without the element, or if its URL is malformed, which is logged as a defect.
pub(super) fn steering(root: Node<'_, '_>, base: &Url, log: &mut DefectLog<'_>) -> Option<ContentSteering> {
    let node = steering_element(root)?;
    let server = url(node, STEERING, base, log)?;
    let bases = root.descendants().filter(|node| node.tag_name().name() == "BaseURL");
    let pathways = bases.filter_map(|node| attribute(node, "serviceLocation"));
    Some(ContentSteering::new(server, attribute(node, "defaultServiceLocation"), pathways))
}

/// Returns the ContentSteering element of the MPD or of its ServiceDescription; `None` without it. Only elements before
/// the first Period are searched, because an MPD may have thousands of Periods.
pub(super) fn steering_element<'a, 'd: 'a>(root: Node<'a, 'd>) -> Option<Node<'a, 'd>> {
    let before = root.children().take_while(|node| node.tag_name().name() != "Period");
    let mut elements =
        before.filter(|node| ["ContentSteering", "ServiceDescription"].contains(&node.tag_name().name()));
    elements.find_map(|node| match node.tag_name().name() {
        "ContentSteering" => Some(node),
        _ => child(node, "ContentSteering"),
    })
}

fn url(node: Node<'_, '_>, reference: &'static str, base: &Url, log: &mut DefectLog<'_>) -> Option<Url> {
    let text = node.text().unwrap_or_default().trim();
    let name = node.tag_name().name();
    match base.join(text) {
        Ok(url) if !text.is_empty() && matches!(url.scheme(), "http" | "https") => return Some(url),
        Ok(url) if !text.is_empty() => {
            let scheme = Quoted(url.scheme());
            log.wrong(node, reference, format_args!("{name} {} is of the scheme {scheme}: not http(s)", Quoted(text)));
        }
        _ => log.wrong(node, reference, format_args!("{name} {} is no URL", Quoted(text))),
    }
    None
}
