//! Remote elements of an MPD (ISO/IEC 23009-1 5.5): what an `xlink:href` leads to takes the place of the element.

use super::base_urls::BaseUrls;
use super::defect_log::DefectLog;
use super::updates;
use super::values::{self, attribute, children};
use crate::defect::{Defect, DefectKind, Position};
use crate::redact::Quoted;
use crate::xml;
use roxmltree::Node;
use std::ops::Range;
use url::Url;

/// Largest number of remote elements of one MPD that are resolved.
const MAX_REMOTE: usize = 4;
/// The `xlink:href` of an element that stands for nothing, and that players remove (ISO/IEC 23009-1 5.5.3).
const NOTHING: &str = "urn:mpeg:dash:resolve-to-zero:2013";
const RESOLVED: &str = "ISO/IEC 23009-1 5.5.3";
/// Names of the elements that are resolved.
const NAMES: [&str; 2] = ["Period", "AdaptationSet"];

/// A Period or AdaptationSet whose content is another document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteElement {
    /// URL of the document with the content.
    pub url: Url,
    name: &'static str,
    href: String,
    at: Position,
    /// Bytes of the element in the MPD's text.
    element: Range<usize>,
    /// Bytes of its attribute `xlink:href`.
    attribute: Range<usize>,
}

/// Returns the URL in the `xlink:href` of an element. `None`: the element is not remote.
pub(super) fn href<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    attribute(node, "href").filter(|_| attribute(node, "bandwidth").is_none())
}

/// Iterates over the child elements with this name without those that stand for nothing.
pub(super) fn existing<'a, 'd: 'a>(
    node: Node<'a, 'd>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'd>> + use<'a, 'd> {
    children(node, name).filter(|child| href(*child) != Some(NOTHING))
}

/// Returns the remote Periods and AdaptationSets of an MPD in which nothing else names media, so that players can start
/// with it only after they have resolved them: at most the first four. `base` is the URL that answered. Empty if the MPD has a
/// Representation of its own, or the bytes aren't an MPD.
#[must_use]
pub fn required_remote_elements(bytes: &[u8], base: &Url) -> Vec<RemoteElement> {
    if memchr::memmem::find(bytes, b":href").is_none() {
        return Vec::new();
    }
    let Ok(text) = xml::decode(bytes) else { return Vec::new() };
    let Ok(tree) = xml::parse(&text) else { return Vec::new() };
    let root = tree.root_element();
    let is_own =
        |node: Node<'_, '_>| values::is(node, "Representation") && !node.ancestors().any(|n| href(n).is_some());
    if !values::is(root, "MPD") || root.descendants().any(is_own) {
        return Vec::new();
    }
    let mut log = DefectLog::new(&text);
    let base = BaseUrls::of_document(base, &updates::locations(root, base, &mut log));
    let base = BaseUrls::of(root, &base, &mut log).first;
    let periods = existing(root, "Period").flat_map(|period| match href(period) {
        Some(_) => vec![period],
        None => existing(period, "AdaptationSet").filter(|set| href(*set).is_some()).collect(),
    });
    periods.filter_map(|node| remote(node, &text, &base)).take(MAX_REMOTE).collect()
}

fn remote(node: Node<'_, '_>, text: &str, base: &Url) -> Option<RemoteElement> {
    let written = node.attributes().find(|a| a.name() == "href")?;
    let (line, column) = xml::line_and_column(text, node.range().start);
    Some(RemoteElement {
        url: base.join(written.value().trim()).ok()?,
        name: NAMES.into_iter().find(|name| values::is(node, name))?,
        href: values::bounded(written.value().trim()),
        at: Position::Line { line, column },
        element: node.range(),
        attribute: written.range(),
    })
}

/// Returns the MPD with the contents of its remote elements in their places, and a defect for each that can't be resolved: a
/// player then takes what the element itself contains. `answers` has the elements in the order of
/// [`required_remote_elements`], each with the document that its URL leads to, or the reason why there is none. The lines of
/// the MPD stay the same.
#[must_use]
pub fn resolve_remote_elements(
    bytes: &[u8],
    answers: &[(RemoteElement, Result<Vec<u8>, String>)],
) -> (Vec<u8>, Vec<Defect>) {
    let Ok(text) = xml::decode(bytes) else { return (bytes.to_vec(), Vec::new()) };
    let (mut resolved, mut rest, mut defects) = (String::with_capacity(text.len()), 0, Vec::new());
    for (remote, answer) in answers {
        let content = answer.as_ref().map_err(Clone::clone).and_then(|body| content(body, remote.name));
        let (replaced, content) = match content {
            Ok(content) => (&remote.element, content),
            Err(problem) => {
                defects.push(remote.unresolved(&problem));
                (&remote.attribute, String::new())
            }
        };
        let lines = text.get(replaced.clone()).unwrap_or_default().matches('\n').count();
        resolved.push_str(text.get(rest..replaced.start).unwrap_or_default());
        resolved.push_str(&content);
        resolved.push_str(&"\n".repeat(lines));
        rest = replaced.end;
    }
    resolved.push_str(text.get(rest..).unwrap_or_default());
    (resolved.into_bytes(), defects)
}

impl RemoteElement {
    fn unresolved(&self, problem: &str) -> Defect {
        let message = format!("{}@xlink:href {} leads to no {}: {problem}", self.name, Quoted(&self.href), self.name);
        Defect { kind: DefectKind::Mpd, at: self.at, message, reference: RESOLVED }
    }
}

/// Returns the elements with this name at the top of a remote document, in one line of text.
fn content(body: &[u8], name: &'static str) -> Result<String, String> {
    let decoded = xml::decode(body).map_err(|(_, message)| message)?;
    let text = decoded.trim();
    let declared = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let text = declared.map_or(text, |(_, rest)| rest);
    // A remote document may have several elements side by side, and names with the prefix of the MPD.
    let whole = format!("<x xmlns:xlink=\"http://www.w3.org/1999/xlink\">{text}</x>");
    let tree = xml::parse(&whole).map_err(|(_, message)| message)?;
    let elements: Vec<_> = children(tree.root_element(), name).filter_map(|node| whole.get(node.range())).collect();
    match elements.is_empty() {
        true => Err(format!("the document there has no {name}")),
        false => Ok(elements.concat().replace(['\n', '\r'], " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
                        profiles=\"p\" minBufferTime=\"PT2S\">\n";
    const PERIOD: &str = "<?xml version=\"1.0\"?>\n<Period id=\"r\" start=\"PT0S\">\n<AdaptationSet mimeType=\"video/mp4\">\n\
        <Representation id=\"v\" bandwidth=\"9\" codecs=\"a\"/></AdaptationSet></Period>";

    fn base() -> Url {
        Url::parse("http://origin/ch1/live.mpd").unwrap()
    }

    fn mpd(inside: &str) -> String {
        format!("{HEAD}{inside}\n</MPD>")
    }

    fn required(inside: &str) -> Vec<String> {
        required_remote_elements(mpd(inside).as_bytes(), &base()).into_iter().map(|r| r.url.into()).collect()
    }

    fn resolved(inside: &str, answer: Result<&str, &str>) -> (crate::dash::Mpd, Vec<String>) {
        let text = mpd(inside);
        let answer = answer.map(|body| body.as_bytes().to_vec()).map_err(str::to_owned);
        let remote = required_remote_elements(text.as_bytes(), &base());
        let answers: Vec<_> = remote.into_iter().map(|r| (r, answer.clone())).collect();
        let (body, mut defects) = resolve_remote_elements(text.as_bytes(), &answers);
        let (mpd, more) = crate::dash::parse(&body, &base());
        defects.extend(more);
        (mpd.unwrap(), defects.into_iter().map(|d| format!("{}: {}", d.at, d.message)).collect())
    }

    #[test]
    fn remote_elements_are_required_only_where_nothing_else_names_media() {
        assert_eq!(required("<Period xlink:href=\"p.xml\"/>"), ["http://origin/ch1/p.xml"]);
        let based = "<BaseURL>http://cdn/x/</BaseURL><Period xlink:href=\"p.xml\"/>";
        assert_eq!(required(based), ["http://cdn/x/p.xml"]);
        let sets = "<Period><AdaptationSet xlink:href=\"a.xml\"/><AdaptationSet xlink:href=\"b.xml\"/></Period>";
        assert_eq!(required(sets), ["http://origin/ch1/a.xml", "http://origin/ch1/b.xml"]);
        let own = "<Period><AdaptationSet><Representation id=\"v\"/></AdaptationSet></Period>";
        assert!(required(&format!("<Period xlink:href=\"p.xml\"/>{own}")).is_empty());
        assert!(required(own).is_empty());
        assert!(required(&format!("<Period xlink:href=\"{NOTHING}\"/>")).is_empty());
        assert_eq!(required(&"<Period xlink:href=\"p.xml\"/>".repeat(5)).len(), MAX_REMOTE);
        assert!(required_remote_elements(b"no xml :href", &base()).is_empty());
    }

    #[test]
    fn what_the_document_contains_takes_the_place_of_the_element() {
        let (mpd, defects) = resolved("<Period\n id=\"a\" xlink:href=\"p.xml\">\n</Period>\n<Period/>", Ok(PERIOD));
        let periods: Vec<_> = mpd.periods.iter().map(|p| (p.id.as_deref(), p.sets.len(), p.line)).collect();
        assert_eq!((periods, defects.len()), (vec![(Some("r"), 1, 2), (None, 0, 5)], 0), "{defects:?}");
        let two = format!("{0}{0}", PERIOD.replace("<?xml version=\"1.0\"?>\n", ""));
        assert_eq!(resolved("<Period xlink:href=\"p.xml\"/>", Ok(&two)).0.periods.len(), 2);
    }

    #[test]
    fn an_element_that_cannot_be_resolved_stands_for_what_it_contains() {
        let inside = "<Period xlink:href=\"p.xml\" id=\"a\"/>";
        let (mpd, defects) = resolved(inside, Err("HTTP status 404"));
        assert_eq!((mpd.periods.len(), mpd.periods[0].id.as_deref(), mpd.periods[0].sets.len()), (1, Some("a"), 0));
        assert_eq!(defects, ["line 2, column 1: Period@xlink:href `p.xml` leads to no Period: HTTP status 404"]);
        for wrong in ["<html/>", "", "<Period>"] {
            assert_eq!(resolved(inside, Ok(wrong)).1.len(), 1, "{wrong}");
        }
    }

    #[test]
    fn an_element_that_stands_for_nothing_is_removed() {
        let (mpd, defects) =
            crate::dash::parse(mpd(&format!("<Period xlink:href=\"{NOTHING}\"/>")).as_bytes(), &base());
        assert_eq!(mpd.unwrap().periods.len(), 0);
        assert_eq!(defects[0].message, "the MPD has no Period");
    }
}
