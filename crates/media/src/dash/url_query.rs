//! URL parameters that annex I of ISO/IEC 23009-1 adds to the URLs of segments: UrlQueryInfo of the 2014 scheme,
//! ExtUrlQueryInfo of the 2016 scheme.

use super::values::{attribute, child, children};
use crate::stream::Uninspected;
use roxmltree::Node;
use url::Url;

const BASIC: &str = "urn:mpeg:dash:urlparam:2014";
const EXTENDED: &str = "urn:mpeg:dash:urlparam:2016";
/// Largest number of bytes of the URL parameters of one level. The query of an MPD's URL is repeated in the URL of
/// every segment.
const MAX_LENGTH: usize = 4 * 1024;

/// Query parameters that are added to each segment's URL, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlQuery(Vec<QueryPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct QueryPart {
    text: String,
    /// The URL of the MPD if the parameters are added only to segments' URLs of the same origin (`sameOriginOnly`);
    /// `None` if they are added to every segment's URL.
    only_origin: Option<Url>,
}

impl UrlQuery {
    /// Returns the query parameters that apply to a Representation. `levels` are the Representation, its AdaptationSet,
    /// its Period and the MPD.
    ///
    /// # Errors
    /// The parameters come from another source than the MPD and its URL, or are too long.
    pub(super) fn of(levels: &[Node<'_, '_>], mpd_url: &Url) -> Result<Self, Uninspected> {
        let (mut basic, mut extended) = (Vec::new(), Vec::new());
        for level in levels {
            let Some((property, scheme)) = declared(*level) else { continue };
            let part = part(property, scheme, mpd_url)?;
            if scheme == EXTENDED { extended.extend(part) } else { basic.extend(part) }
        }
        // I.2.3.3: from the Representation outwards; I.3.2.3: from the MPD inwards.
        extended.reverse();
        extended.extend(basic);
        Ok(Self(extended))
    }

    /// Returns whether `level` itself has parameters for the URLs of segments.
    pub(super) fn is_declared_in(level: Node<'_, '_>) -> bool {
        declared(level).is_some()
    }

    /// Returns the URL with the query parameters that apply to its origin appended to its own.
    #[must_use]
    pub fn apply(&self, mut url: Url) -> Url {
        for part in &self.0 {
            if part.only_origin.as_ref().is_some_and(|only| only.origin() != url.origin()) {
                continue;
            }
            let query = match url.query().filter(|query| !query.is_empty()) {
                Some(before) => format!("{before}&{}", part.text),
                None => part.text.clone(),
            };
            url.set_query(Some(&query));
        }
        url
    }
}

/// Returns the property of `level` that declares URL parameters, with its scheme: essential before supplemental, as players choose, and
/// of two alike the first.
fn declared<'a, 'd: 'a>(level: Node<'a, 'd>) -> Option<(Node<'a, 'd>, &'static str)> {
    let mut properties = children(level, "EssentialProperty").chain(children(level, "SupplementalProperty"));
    properties.find_map(|property| Some((property, scheme(property)?)))
}

fn scheme(property: Node<'_, '_>) -> Option<&'static str> {
    let written = attribute(property, "schemeIdUri")?;
    [BASIC, EXTENDED].into_iter().find(|known| *known == written)
}

/// Returns the query parameters that one UrlQueryInfo or ExtUrlQueryInfo property (ISO/IEC 23009-1 annex I) adds to the
/// URLs of segments; `None` if it adds none.
fn part(property: Node<'_, '_>, scheme: &str, mpd_url: &Url) -> Result<Option<QueryPart>, Uninspected> {
    let name = if scheme == EXTENDED { "ExtUrlQueryInfo" } else { "UrlQueryInfo" };
    let Some(info) = child(property, name) else { return Ok(None) };
    let truth = |name| matches!(attribute(info, name), Some("true" | "1"));
    let wanted = attribute(info, "includeInRequests")
        .is_none_or(|kinds| kinds.split_ascii_whitespace().any(|kind| matches!(kind, "segment" | "*")));
    if scheme == EXTENDED && !wanted {
        return Ok(None);
    }
    if attribute(info, "href").is_some() || attribute(info, "headerParamSource").is_some() {
        return Err(Uninspected::UrlParameters);
    }
    let own = attribute(info, "queryString").filter(|query| !query.is_empty());
    let of_mpd = mpd_url.query().filter(|query| truth("useMPDUrlQuery") && !query.is_empty());
    let given: Vec<&str> = of_mpd.into_iter().chain(own).collect();
    let text = fill(attribute(info, "queryTemplate").unwrap_or_default(), &given.join("&"))?;
    let only_origin = (scheme == EXTENDED && truth("sameOriginOnly")).then(|| mpd_url.clone());
    Ok((!text.is_empty()).then_some(QueryPart { text, only_origin }))
}

/// Returns the template with its identifiers replaced: `$querypart$` by all parameters, `$query:NAME$` by the value of
/// one, `$$` by `$`.
fn fill(template: &str, given: &str) -> Result<String, Uninspected> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        let (identifier, behind) = after.split_once('$').ok_or(Uninspected::UrlParameters)?;
        filled.push_str(before);
        match identifier.split_once(':') {
            None if identifier.is_empty() => filled.push('$'),
            None if identifier == "querypart" => filled.push_str(given),
            Some(("query", name)) => filled.push_str(value(given, name)),
            _ => return Err(Uninspected::UrlParameters),
        }
        rest = behind;
        if filled.len() > MAX_LENGTH {
            return Err(Uninspected::UrlParameters);
        }
    }
    filled.push_str(rest);
    if filled.len() > MAX_LENGTH { Err(Uninspected::UrlParameters) } else { Ok(filled) }
}

/// Returns the value of a query parameter as it is written; empty if the query doesn't have it.
fn value<'q>(query: &'q str, name: &str) -> &'q str {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(known, _)| *known == name)
        .map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the query of the segment URL `segment` when these properties stand in the MPD, its Period, its
    /// AdaptationSet and its Representation.
    fn query(properties: [&str; 4], segment: &str) -> Result<Option<String>, Uninspected> {
        let [mpd, period, set, representation] = properties;
        let text = format!(
            "<MPD xmlns:x=\"x\">{mpd}<Period>{period}<AdaptationSet>{set}<Representation>{representation}</Representation></AdaptationSet></Period></MPD>"
        );
        let tree = roxmltree::Document::parse(&text).unwrap();
        let root = tree.root_element();
        let period = child(root, "Period").unwrap();
        let set = child(period, "AdaptationSet").unwrap();
        let representation = child(set, "Representation").unwrap();
        let mpd_url = Url::parse("https://a/live.mpd?token=1&user=b%26c").unwrap();
        let query = UrlQuery::of(&[representation, set, period, root], &mpd_url)?;
        Ok(query.apply(Url::parse(segment).unwrap()).query().map(str::to_owned))
    }

    fn basic(attributes: &str) -> String {
        format!("<EssentialProperty schemeIdUri=\"{BASIC}\"><UrlQueryInfo {attributes}/></EssentialProperty>")
    }

    fn extended(attributes: &str) -> String {
        format!(
            "<SupplementalProperty schemeIdUri=\"{EXTENDED}\"><ExtUrlQueryInfo {attributes}/></SupplementalProperty>"
        )
    }

    fn of_set(property: &str) -> Result<Option<String>, Uninspected> {
        query(["", "", property, ""], "https://a/1.m4s?x=y")
    }

    #[test]
    fn the_query_of_the_mpd_goes_to_every_segment() {
        let whole = basic("queryTemplate=\"$querypart$\" useMPDUrlQuery=\"true\"");
        assert_eq!(of_set(&whole).unwrap().unwrap(), "x=y&token=1&user=b%26c");
        assert_eq!(query(["", "", &whole, ""], "https://a/1.m4s").unwrap().unwrap(), "token=1&user=b%26c");
        let one = basic("queryTemplate=\"u=$query:user$&amp;n=$query:none$&amp;d=$$\" useMPDUrlQuery=\"true\"");
        assert_eq!(of_set(&one).unwrap().unwrap(), "x=y&u=b%26c&n=&d=$");
        let own = basic("queryTemplate=\"$querypart$\" queryString=\"k=v\"");
        assert_eq!(of_set(&own).unwrap().unwrap(), "x=y&k=v");
        assert_eq!(of_set("").unwrap().unwrap(), "x=y");
        assert_eq!(of_set(&basic("useMPDUrlQuery=\"true\"")).unwrap().unwrap(), "x=y", "without a template nothing");
    }

    #[test]
    fn parameters_of_several_levels_are_joined() {
        let (a, b) = ("queryTemplate=\"a=1\"", "queryTemplate=\"b=2\"");
        let joined = |a: &str, b: &str| query([a, "", "", b], "https://a/1.m4s").unwrap().unwrap();
        assert_eq!(joined(&basic(a), &basic(b)), "b=2&a=1");
        assert_eq!(joined(&extended(a), &extended(b)), "a=1&b=2");
    }

    #[test]
    fn the_extended_scheme_says_which_requests_and_which_origin() {
        let to = |kinds: &str| {
            of_set(&extended(&format!("queryTemplate=\"k=v\" includeInRequests=\"{kinds}\""))).unwrap().unwrap()
        };
        assert_eq!(to("mpd segment"), "x=y&k=v");
        assert_eq!(to("mpd xlink"), "x=y");
        let own = extended("queryTemplate=\"k=v\" sameOriginOnly=\"true\"");
        assert_eq!(query(["", "", "", &own], "https://a/1.m4s").unwrap().unwrap(), "k=v");
        assert_eq!(query(["", "", "", &own], "https://b/1.m4s").unwrap(), None);
    }

    #[test]
    fn what_only_a_player_knows_is_not_made_up() {
        for attributes in [
            "queryTemplate=\"$header:X-Token$\"",
            "queryTemplate=\"$urn:example:position$\"",
            "queryTemplate=\"$querypart\"",
            "queryTemplate=\"$querypart$\" x:href=\"https://a/p.xml\"",
        ] {
            assert_eq!(of_set(&extended(attributes)), Err(Uninspected::UrlParameters), "{attributes}");
        }
        let long = |length| of_set(&basic(&format!("queryTemplate=\"{}\"", "a".repeat(length))));
        assert!(long(MAX_LENGTH).is_ok() && long(MAX_LENGTH + 1) == Err(Uninspected::UrlParameters));
    }
}
