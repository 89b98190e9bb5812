use crate::checks::support::select::{self, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Exchange, Fetched, RenditionFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;
use serde::{Deserialize, Serialize};
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "cors_missing",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when expected is set and browsers refuse a playlist, initialization segment, segment or key: it has no \
           Access-Control-Allow-Origin, has several, or has one that allows other pages than origin",
    reference: "Fetch Standard 3.3 (CORS protocol)",
    needs_history: false,
};

params! {
    /// Whether players in browsers use this channel, so that CORS headers are required.
    expected: bool = false,
    /// Origin of the page on which the players run, such as `https://tv.example`. Where `expected` is set too, each request says it in the header Origin, because many servers answer only such requests with CORS headers, and what the answers allow is compared with it. If it is not set, an answer needs any Access-Control-Allow-Origin.
    origin: Option<PageOrigin> = None,
}

impl Params {
    /// The header Origin of the channel's requests; `None` where no browsers are expected, or their page isn't known.
    pub(crate) fn page_origin(&self) -> Option<String> {
        self.origin.as_ref().filter(|_| self.enabled && self.expected).map(|origin| origin.0.clone())
    }
}

/// Origin of a web page: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PageOrigin(String);

impl TryFrom<String> for PageOrigin {
    type Error = String;

    /// # Errors
    /// Returns what must be written instead.
    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/");
        match url {
            Some(url) if url.query().is_none() && url.fragment().is_none() && url.username().is_empty() => {
                Ok(Self(url.origin().ascii_serialization()))
            }
            _ => Err(format!("\"{text}\" is no origin of a page; write scheme and host, such as https://tv.example")),
        }
    }
}

impl From<PageOrigin> for String {
    fn from(origin: PageOrigin) -> Self {
        origin.0
    }
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !params.expected {
        return CheckVerdict::NotRun("no browsers are expected (checks.cors_missing.expected)");
    }
    let output = context.output;
    if output.manifest.ok().is_none() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let mut found: Vec<_> = violation("the manifest", &output.manifest).into_iter().collect();
    if let CheckVerdict::Ran(more) =
        select::judge_renditions(context, NO_MANIFEST, |facts, past| judge(facts, past, !output.has_playlists()))
    {
        found.extend(more);
    }
    CheckVerdict::Ran(found)
}

/// Returns the violations of the first answer for each kind of resource (playlist, initialization segment, segment, key),
/// because a server has one CORS configuration for a kind. `None`: no answer can be judged.
fn judge(facts: &RenditionFacts, past: &RenditionHistory, direct: bool) -> Option<Vec<Violation>> {
    let playlist = facts.playlist.iter().filter(|_| !direct).find_map(|p| violation("the media playlist", p));
    let init = facts.inits.iter().find_map(|i| violation("the initialization segment", &i.fetched));
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let segment = segments.iter().rev().find_map(|s| violation("a segment", &s.fetched));
    let key = facts.keys.iter().find_map(|key| violation("the key", &key.fetched));
    Some([playlist, init, segment, key].into_iter().flatten().collect())
}

fn violation(what: &str, fetched: &Fetched) -> Option<Violation> {
    let exchange = fetched.ok()?;
    let message = refusal(exchange)?;
    Some(Violation::new(format!("{what} {message}")).with("url", redact::url(&fetched.url)))
}

/// Why a browser refuses an answer of another origin than its page (Fetch Standard, "CORS check"). `None`: it doesn't.
fn refusal(exchange: &Exchange) -> Option<String> {
    let page = exchange.page_origin.as_deref();
    if page.is_some_and(|page| page == exchange.final_url.origin().ascii_serialization()) {
        return None;
    }
    let is_allowing = |name: &str| name == "access-control-allow-origin";
    let allowed: Vec<&str> =
        exchange.headers.iter().filter(|(name, _)| is_allowing(name)).map(|(_, value)| value.trim()).collect();
    match (allowed.as_slice(), page) {
        ([], _) => {
            Some("is answered without Access-Control-Allow-Origin: players in browsers can't read it".to_owned())
        }
        (["*"], _) | ([_], None) => None,
        ([only], Some(page)) if *only == page => None,
        ([only], Some("null")) => Some(format!(
            "is redirected to another host, after which browsers say \"Origin: null\", and is answered with \
             Access-Control-Allow-Origin: {only}: players in browsers can't read it"
        )),
        (several, _) if several.len() > 1 || several.iter().any(|value| value.contains(',')) => Some(format!(
            "is answered with several values of Access-Control-Allow-Origin ({}), of which browsers take one only: two servers add \
             the header",
            several.join(", ")
        )),
        (values, page) => Some(format!(
            "is answered with Access-Control-Allow-Origin: {}, which doesn't allow the page {}",
            values.join(", "),
            page.unwrap_or_default()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params { expected: true, ..Params::default() })
    }

    fn allow(fetched: &mut Fetched) {
        let exchange = fetched.result.as_mut().unwrap();
        exchange.headers.push(("access-control-allow-origin".to_owned(), "*".to_owned()));
    }

    #[test]
    fn only_where_browsers_are_expected() {
        let verdict = check(&Scene::live().context(), &Params::default());
        assert_not_run(verdict, "no browsers are expected (checks.cors_missing.expected)");
    }

    #[test]
    fn each_kind_of_resource_needs_the_header() {
        let mut scene = Scene::live();
        scene.remember([ts_segment(5, 0.0, 2.0), ts_segment(6, 2.0, 2.0)]);
        assert_eq!(violations(run(&scene)).len(), 3, "manifest, media playlist, segments");
        allow(&mut scene.output.manifest);
        allow(scene.rendition().playlist.as_mut().unwrap());
        assert!(messages(run(&scene)).starts_with("a segment is answered without"));
        let mut allowed = [ts_segment(5, 0.0, 2.0), ts_segment(6, 2.0, 2.0)];
        allowed.iter_mut().for_each(|s| allow(&mut s.fetched));
        scene.remember(allowed);
        assert_holds(run(&scene));
    }

    #[test]
    fn the_answer_must_allow_the_page() {
        let refused = |page: &str, values: &[&str]| {
            let mut exchange = crate::testing::exchange(&crate::testing::url("https://cdn.example/a.m3u8"));
            exchange.page_origin = Some(page.to_owned());
            exchange.headers =
                values.iter().map(|value| ("access-control-allow-origin".to_owned(), (*value).to_owned())).collect();
            refusal(&exchange).unwrap_or_default()
        };
        let page = "https://tv.example";
        assert_eq!(refused(page, &["*"]), "");
        assert_eq!(refused(page, &[page]), "");
        assert_eq!(refused("https://cdn.example", &[]), "", "a page of the server itself needs nothing");
        assert!(refused(page, &[]).starts_with("is answered without"));
        assert!(refused(page, &["https://other.example"]).ends_with("doesn't allow the page https://tv.example"));
        assert!(refused(page, &["https://tv.example/"]).contains("doesn't allow"), "an origin has no slash");
        for twice in [&["*", "*"][..], &["*, *"], &["https://tv.example, *"]] {
            assert!(refused(page, twice).starts_with("is answered with several values"), "{twice:?}");
        }
        assert!(refused("null", &[page]).starts_with("is redirected to another host"));
        assert_eq!(refused("null", &["null"]), "");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let parsed = |text: &str| PageOrigin::try_from(text.to_owned()).map(String::from);
        assert_eq!(parsed("https://TV.example:443/").unwrap(), "https://tv.example");
        assert_eq!(parsed("http://tv.example:8080").unwrap(), "http://tv.example:8080");
        for wrong in ["tv.example", "*", "null", "ftp://tv.example", "https://tv.example/page", "https://u@tv.example"]
        {
            assert!(parsed(wrong).unwrap_err().contains("such as https://tv.example"), "{wrong}");
        }
    }

    #[test]
    fn a_media_playlist_given_directly_is_one_resource() {
        let mut scene = Scene::live();
        scene.output.content = ManifestFacts::HlsMedia;
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn without_an_answer_it_does_not_run() {
        let mut scene = Scene::unreadable();
        scene.output.manifest = failed("master.m3u8", crate::facts::FailureKind::Connect);
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
