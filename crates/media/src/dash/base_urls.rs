//! Parser for BaseURL elements. The first BaseURL of a level, by `dvb:priority` and then by their order, resolves URLs; further ones
//! are alternatives that serve the same resources (ISO/IEC 23009-1 5.6.4, 5.6.5, ETSI TS 103 285 10.8.2.1).

use super::defect_log::DefectLog;
use super::updates;
use super::values::{attribute, children};
use crate::redact::Quoted;
use roxmltree::Node;
use url::Url;

/// Largest number of BaseURL elements of one level that are sorted.
const MAX_SORTED: usize = 64;

/// Iterates over the BaseURL elements of `node` in the order in which players try them: first those of the service location with which
/// players start (ContentSteering@defaultServiceLocation, ETSI TS 103 998), then those with the lowest `dvb:priority`, which is 1
/// without the attribute, and those of equal priority in their order.
pub(super) fn by_priority<'a, 'd: 'a>(node: Node<'a, 'd>) -> impl Iterator<Item = Node<'a, 'd>> + use<'a, 'd> {
    let mut elements: Vec<_> = children(node, "BaseURL").take(MAX_SORTED).collect();
    if elements.len() > 1 {
        let first = updates::steering_element(node.document().root_element());
        let first = first.and_then(|steering| attribute(steering, "defaultServiceLocation"));
        elements.sort_by_key(|element| {
            let is_later = first.is_some() && attribute(*element, "serviceLocation") != first;
            (is_later, attribute(*element, "priority").and_then(|p| p.parse::<u64>().ok()).unwrap_or(1))
        });
    }
    elements.into_iter()
}

/// Largest number of alternatives that are kept beside the first BaseURL.
const MAX_ALTERNATIVES: usize = 3;

/// The URL against which an element's URLs are resolved, and its alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrls {
    pub first: Url,
    /// Alternative base URLs in the order in which players try them, at most three.
    pub others: Vec<Url>,
    /// The base URL of players that ignore the MPD's Location and resolve its relative URLs against the URL from which it was
    /// received. It is no alternative, because no player tries both. `None` if it is the same folder as `first`.
    pub without_location: Option<Url>,
}

impl BaseUrls {
    /// Makes a base URL without alternatives.
    #[must_use]
    pub fn one(first: Url) -> Self {
        Self { first, others: Vec::new(), without_location: None }
    }

    /// Makes the base URL of an MPD that was received from `received`. Players resolve its relative URLs against its first
    /// Location (DASH-IF IOP 4.3 3.2.15); some ignore it.
    pub(super) fn of_document(received: &Url, locations: &[Url]) -> Self {
        let Some(location) = locations.first() else { return Self::one(received.clone()) };
        let is_elsewhere = received.join(".").ok() != location.join(".").ok();
        let without_location = is_elsewhere.then(|| received.clone());
        Self { without_location, ..Self::one(location.clone()) }
    }

    /// Parses the BaseURL elements of `node`, and resolves them against the base URLs of the element around it.
    pub(super) fn of(node: Node<'_, '_>, outer: &Self, log: &mut DefectLog<'_>) -> Self {
        let mut written = Vec::new();
        for element in by_priority(node).take(1 + MAX_ALTERNATIVES) {
            let text = element.text().unwrap_or_default().trim();
            match outer.first.join(text) {
                Ok(url) => written.push((text, url)),
                Err(e) => {
                    log.wrong(element, "ISO/IEC 23009-1 5.6.4", format_args!("BaseURL {} is no URL: {e}", Quoted(text)))
                }
            }
        }
        let mut urls = written.iter().map(|(_, url)| url.clone());
        let Some(first) = urls.next() else { return outer.clone() };
        let own = urls.collect::<Vec<_>>();
        // Those of this level under the first outer URL, then this level's under the other outer ones.
        let inherited = outer.others.iter().flat_map(|url| written.iter().filter_map(|(text, _)| url.join(text).ok()));
        let mut others: Vec<Url> = Vec::new();
        for url in own.into_iter().chain(inherited) {
            if url != first && !others.contains(&url) && others.len() < MAX_ALTERNATIVES {
                others.push(url);
            }
        }
        let without_location = outer.without_location.as_ref().zip(written.first());
        let without_location = without_location.and_then(|(url, (text, _))| url.join(text).ok());
        Self { without_location: without_location.filter(|url| *url != first), first, others }
    }

    /// Returns the URL of the same resource at each alternative base URL; empty if the URL isn't below the first base
    /// URL.
    #[must_use]
    pub fn alternatives(&self, url: &Url) -> Vec<Url> {
        self.others.iter().filter_map(|other| self.moved(url, other)).collect()
    }

    /// Returns the URL at which players that ignore the MPD's Location request the same resource. `None` if it is the
    /// same URL.
    #[must_use]
    pub fn without_location(&self, url: &Url) -> Option<Url> {
        self.moved(url, self.without_location.as_ref()?)
    }

    /// Returns `url` with the folder of the first base URL replaced by that of `base`. `None` if it isn't in the folder.
    fn moved(&self, url: &Url, base: &Url) -> Option<Url> {
        let folder = |base: &Url| base.join(".").map(String::from).ok();
        let rest = url.as_str().strip_prefix(&folder(&self.first)?)?;
        Url::parse(&format!("{}{rest}", folder(base)?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(levels: &[&[&str]]) -> BaseUrls {
        let mut bases = BaseUrls::one(Url::parse("http://origin/ch1/live.mpd").unwrap());
        for level in levels {
            let text: String = level.iter().map(|url| format!("<BaseURL>{url}</BaseURL>")).collect();
            let text = format!("<Period>{text}</Period>");
            let tree = roxmltree::Document::parse(&text).unwrap();
            bases = BaseUrls::of(tree.root_element(), &bases, &mut DefectLog::new(&text));
        }
        bases
    }

    fn texts(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    #[test]
    fn the_first_resolves_and_the_others_are_alternatives() {
        let two = urls(&[&["http://a/x/", "http://b/y/"], &["video/"]]);
        assert_eq!((two.first.as_str(), texts(&two.others)), ("http://a/x/video/", vec!["http://b/y/video/"]));
        let four = urls(&[&["http://a/", "http://b/"], &["1/", "2/"]]);
        assert_eq!(four.first.as_str(), "http://a/1/");
        assert_eq!(texts(&four.others), ["http://a/2/", "http://b/1/", "http://b/2/"]);
        assert_eq!(urls(&[&[]]).others, []);
        assert_eq!(urls(&[&["http://a/", "http://a/"]]).others, [], "the same one twice");
        assert_eq!(urls(&[&["a/", "b/", "c/", "d/", "e/"]]).others.len(), MAX_ALTERNATIVES);
    }

    #[test]
    fn the_lowest_priority_of_dvb_goes_before_the_order() {
        let order = |priorities: [&str; 3]| {
            let elements = priorities.iter().zip(["a", "b", "c"]);
            let elements =
                elements.map(|(p, host)| format!("<BaseURL {p}>http://{host}/</BaseURL>")).collect::<String>();
            let text = format!("<Period xmlns:dvb=\"urn:dvb:dash:dash-extensions:2014-1\">{elements}</Period>");
            let tree = roxmltree::Document::parse(&text).unwrap();
            let outer = BaseUrls::one(Url::parse("http://origin/").unwrap());
            let bases = BaseUrls::of(tree.root_element(), &outer, &mut DefectLog::new(&text));
            [vec![bases.first], bases.others].concat().iter().filter_map(Url::host_str).collect::<String>()
        };
        assert_eq!(order(["dvb:priority=\"2\"", "dvb:priority=\"1\"", "dvb:priority=\"10\""]), "bac");
        assert_eq!(order(["dvb:priority=\"10\"", "dvb:priority=\"2\"", ""]), "cba", "without the attribute it is 1");
        assert_eq!(order(["dvb:priority=\"1\"", "", "dvb:priority=\"x\""]), "abc", "equal ones stay in their order");
    }

    #[test]
    fn the_service_location_with_which_players_start_goes_first() {
        let order = |steering: &str| {
            let text = format!(
                "<MPD>{steering}<BaseURL serviceLocation=\"a\">http://a/</BaseURL>\
                 <BaseURL serviceLocation=\"b\">http://b/</BaseURL><Period/></MPD>"
            );
            let tree = roxmltree::Document::parse(&text).unwrap();
            let outer = BaseUrls::one(Url::parse("http://origin/").unwrap());
            BaseUrls::of(tree.root_element(), &outer, &mut DefectLog::new(&text)).first.host_str().unwrap().to_owned()
        };
        assert_eq!(order(""), "a");
        assert_eq!(order("<ContentSteering defaultServiceLocation=\"b\">s</ContentSteering>"), "b");
        let described = "<ServiceDescription><ContentSteering defaultServiceLocation=\"b\">s</ContentSteering></ServiceDescription>";
        assert_eq!(order(described), "b");
        assert_eq!(order("<ContentSteering defaultServiceLocation=\"z\">s</ContentSteering>"), "a");
    }

    #[test]
    fn relative_urls_of_an_mpd_begin_at_its_location() {
        let at = |location: &str| {
            let received = Url::parse("http://origin/start/live.mpd?s=1").unwrap();
            BaseUrls::of_document(&received, &[received.join(location).unwrap()])
        };
        let other = at("../session-7/live.mpd");
        assert_eq!(other.first.join("v/1.m4s").unwrap().as_str(), "http://origin/session-7/v/1.m4s");
        let segment = other.first.join("v/1.m4s").unwrap();
        assert_eq!(other.alternatives(&segment), [], "no player that follows Location goes on at the MPD's own URL");
        assert_eq!(other.without_location(&segment).unwrap().as_str(), "http://origin/start/v/1.m4s");
        assert_eq!(at("live.mpd?s=2").without_location, None, "it is the same folder");
        let received = Url::parse("http://origin/start/live.mpd").unwrap();
        assert_eq!(BaseUrls::of_document(&received, &[]), BaseUrls::one(received));
    }

    #[test]
    fn a_base_url_is_resolved_against_the_received_url_too_unless_it_is_absolute() {
        let received = Url::parse("http://origin/start/live.mpd").unwrap();
        let outer = BaseUrls::of_document(&received, &[Url::parse("http://edge/7/live.mpd").unwrap()]);
        let inner = |text: &str| {
            let text = format!("<Period>{text}</Period>");
            let tree = roxmltree::Document::parse(&text).unwrap();
            BaseUrls::of(tree.root_element(), &outer, &mut DefectLog::new(&text))
        };
        let video = inner("<BaseURL>v/</BaseURL>");
        let segment = Url::parse("http://edge/7/v/1.m4s").unwrap();
        assert_eq!(video.without_location(&segment).unwrap().as_str(), "http://origin/start/v/1.m4s");
        assert_eq!(inner("<BaseURL>http://cdn/v/</BaseURL>").without_location, None);
        let two = inner("<BaseURL>v/</BaseURL><BaseURL>http://b/v/</BaseURL>");
        assert_eq!(texts(&two.alternatives(&segment)), ["http://b/v/1.m4s"]);
    }

    #[test]
    fn a_segment_has_an_address_at_each_alternative() {
        let bases = urls(&[&["http://a/x/", "http://b/y/"]]);
        let at = |url: &str| bases.alternatives(&Url::parse(url).unwrap());
        assert_eq!(texts(&at("http://a/x/v/1.m4s?t=1")), ["http://b/y/v/1.m4s?t=1"]);
        assert_eq!(at("http://c/x/v/1.m4s"), [], "an address of its own");
        let file = urls(&[&["http://a/video.mp4", "http://b/v/video.mp4"]]);
        assert_eq!(texts(&file.alternatives(&Url::parse("http://a/video.mp4").unwrap())), ["http://b/v/video.mp4"]);
    }
}
