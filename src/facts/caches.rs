//! What HTTP caches say of an answer: how the one nearest to the exporter got it, and how old it is.

use super::{Exchange, ManifestFacts, OutputFacts};
use packager_media::redact;
use packager_media::units::Seconds;
use serde::Serialize;

/// How the nearest cache that says so handled a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheStatus {
    /// The answer came from the cache, and was fresh.
    Hit,
    /// The cache asked towards the origin, because it had nothing that it could use.
    Miss,
    /// The answer came from the cache although its freshness lifetime was over.
    Stale,
    /// The cache had a stored answer, and the origin confirmed it.
    Revalidated,
    /// The cache doesn't handle such requests or answers.
    Bypass,
    /// A cache named itself, but didn't say how it got the answer.
    Unknown,
}

/// Headers in which caches name one status, in the order in which they are read.
const STATUS_HEADERS: [&str; 6] =
    ["cf-cache-status", "x-cache-status", "x-cache", "cdn-cache", "x-proxy-cache", "x-nginx-cache"];
/// Headers that only a cache or another intermediary adds.
const NAMING_HEADERS: [&str; 4] = ["x-served-by", "x-amz-cf-pop", "x-cache-hits", "via"];

impl Exchange {
    /// How the nearest cache handled the request: by Cache-Status (RFC 9211 2), or by the headers of CDNs and proxies. `None`: no
    /// header tells of a cache.
    #[must_use]
    pub fn cache_status(&self) -> Option<CacheStatus> {
        let nearest = self.headers.iter().rev().find(|(name, _)| name == "cache-status");
        let by_standard = nearest.and_then(|(_, list)| standard_status(list));
        let by_cdn = || STATUS_HEADERS.iter().find_map(|name| cdn_status(self.header(name)?));
        let by_age = || self.age().filter(|age| age.0 > 0.0).map(|_| CacheStatus::Hit);
        let named = || NAMING_HEADERS.iter().any(|name| self.header(name).is_some()).then_some(CacheStatus::Unknown);
        by_standard.or_else(by_cdn).or_else(by_age).or_else(named)
    }

    /// Name of the cache nearest to the client, of at most 64 characters: the last member of Cache-Status (RFC 9211 2), else
    /// what X-Served-By, X-Amz-Cf-Pop, X-Cache or Via say of it. `None`: no header names one.
    #[must_use]
    pub fn cache_name(&self) -> Option<String> {
        let by_standard = || {
            let list = self.headers.iter().rev().find(|(name, _)| name == "cache-status")?.1.as_str();
            let name = list.rsplit(',').next()?.split(';').next()?.trim();
            // A comma within a quoted text cuts the list there.
            Some(name.trim_matches('"')).filter(|name| !name.contains('"'))
        };
        let last = |name: &str| Some(self.header(name)?.rsplit(',').next()?.trim());
        let by_x_cache = || last("x-cache")?.split_once(" from ").map(|(_, name)| name.trim());
        let by_via = || last("via")?.split_whitespace().nth(1);
        let named = by_standard().or_else(|| last("x-served-by")).or_else(|| last("x-amz-cf-pop"));
        let name = named.or_else(by_x_cache).or_else(by_via).filter(|name| !name.is_empty())?;
        Some(redact::sanitize_line(name, 63))
    }

    /// Age header: the time since the answer was made or confirmed at the origin (RFC 9111 5.1). `None`: no cache says it.
    #[must_use]
    pub fn age(&self) -> Option<Seconds> {
        self.header("age")?.parse::<u32>().ok().map(|age| Seconds(f64::from(age)))
    }
}

impl OutputFacts {
    /// The answers to this probe's requests for manifest, playlists, initialization segments and segments.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        let playlists = self.renditions.iter().filter(|_| self.has_playlists()).filter_map(|r| r.playlist.as_ref());
        let media = self
            .renditions
            .iter()
            .flat_map(|r| r.inits.iter().map(|i| &i.fetched).chain(r.segments.iter().map(|s| &s.fetched)));
        [&self.manifest].into_iter().chain(playlists).chain(media).filter_map(|f| f.result.as_ref().ok())
    }

    /// The largest Age of the manifest and its media playlists. `None`: no cache says it.
    pub(crate) fn manifest_age(&self) -> Option<Seconds> {
        let of_hls = !matches!(self.content, ManifestFacts::Dash(_));
        let playlists = self.renditions.iter().filter(|_| of_hls).filter_map(|r| r.playlist.as_ref());
        let answers = [&self.manifest].into_iter().chain(playlists).filter_map(|f| f.result.as_ref().ok());
        answers.filter_map(Exchange::age).map(|age| age.0).reduce(f64::max).map(Seconds)
    }
}

/// The status by the last member of Cache-Status, which the cache nearest to the client adds (RFC 9211 2).
fn standard_status(list: &str) -> Option<CacheStatus> {
    let list = without_strings(list);
    let parameters = list.rsplit(',').next()?.split(';').skip(1).map(str::trim);
    let parameters: Vec<(&str, &str)> =
        parameters.map(|p| p.split_once('=').map_or((p, ""), |(name, value)| (name.trim(), value.trim()))).collect();
    let value = |name: &str| parameters.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let confirmed = value("fwd-status") == Some("304");
    let status = match (value("fwd"), value("hit")) {
        (Some("bypass" | "method" | "request"), _) => CacheStatus::Bypass,
        (Some("stale"), _) if confirmed => CacheStatus::Revalidated,
        (Some(_), _) => CacheStatus::Miss,
        (None, Some("" | "?1")) if value("ttl").is_some_and(|ttl| ttl.starts_with('-')) => CacheStatus::Stale,
        (None, Some("" | "?1")) => CacheStatus::Hit,
        (None, _) => CacheStatus::Unknown,
    };
    Some(status)
}

/// The list without its quoted strings, in which commas and semicolons may stand.
fn without_strings(list: &str) -> String {
    let mut quoted = false;
    let outside = |c: &char| {
        let is_quote = *c == '"';
        quoted ^= is_quote;
        !is_quote && !quoted
    };
    list.chars().filter(outside).collect()
}

/// The status by the word of a CDN or proxy, such as `TCP_REFRESH_HIT from a23-1-2-3`, `Miss from cloudfront` or `MISS, HIT`, of
/// which the last word is the nearest cache's. `None`: the text is empty.
fn cdn_status(text: &str) -> Option<CacheStatus> {
    let last = text.rsplit(',').next()?;
    let word = last.split_whitespace().next()?.to_ascii_uppercase();
    let has = |part: &str| word.contains(part);
    Some(match () {
        () if has("REVALIDATED") || has("REFRESHHIT") || has("REFRESH_HIT") => CacheStatus::Revalidated,
        () if has("STALE") || has("UPDATING") => CacheStatus::Stale,
        () if has("BYPASS") || has("PASS") || has("DYNAMIC") || has("UNCACHEABLE") || word == "NONE" => {
            CacheStatus::Bypass
        }
        () if has("MISS") || has("EXPIRED") => CacheStatus::Miss,
        () if has("HIT") => CacheStatus::Hit,
        () => CacheStatus::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::CacheStatus::{Bypass, Hit, Miss, Revalidated, Stale, Unknown};
    use super::*;
    use crate::report::testing::answer;

    fn exchange(headers: &[(&str, &str)]) -> Exchange {
        let url = url::Url::parse("https://cdn.example/live.m3u8").unwrap();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Exchange { headers, ..answer(&url, 1).result.unwrap() }
    }

    fn status(name: &str, value: &str) -> Option<CacheStatus> {
        exchange(&[(name, value)]).cache_status()
    }

    #[test]
    fn cache_status_is_read_of_the_nearest_cache() {
        let of = |value: &str| status("cache-status", value).unwrap();
        assert_eq!(of("ExampleCache; hit; ttl=376"), Hit);
        assert_eq!(of("ExampleCache; hit; ttl=-412"), Stale);
        assert_eq!(of("ExampleCache; fwd=uri-miss; stored"), Miss);
        assert_eq!(of("ExampleCache; fwd=stale; fwd-status=304; collapsed"), Revalidated);
        assert_eq!(of("ExampleCache; fwd=stale; fwd-status=200"), Miss);
        assert_eq!(of("\"CDN Company Here\"; fwd=bypass; detail=\"no-store\""), Bypass);
        assert_eq!(of("OriginCache; hit; ttl=1100, \"Edge\"; fwd=uri-miss"), Miss, "the last one is the nearest");
        assert_eq!(of("Edge; hit; detail=\"a, b; fwd=miss\""), Hit);
        assert_eq!(of("Edge"), Unknown);
        let two = [("cache-status", "Origin; fwd=miss"), ("cache-status", "Edge; hit")];
        assert_eq!(exchange(&two).cache_status(), Some(Hit));
    }

    #[test]
    fn the_nearest_cache_has_a_name() {
        let name = |header: &str, value: &str| exchange(&[(header, value)]).cache_name();
        assert_eq!(name("cache-status", "OriginCache; hit, \"Edge 7\"; fwd=uri-miss").as_deref(), Some("Edge 7"));
        assert_eq!(name("x-served-by", "cache-han1, cache-sin7").as_deref(), Some("cache-sin7"));
        assert_eq!(name("x-amz-cf-pop", "SGN50-P1").as_deref(), Some("SGN50-P1"));
        assert_eq!(name("x-cache", "TCP_HIT from a23-1-2-3").as_deref(), Some("a23-1-2-3"));
        assert_eq!(name("via", "1.1 origin, 1.1 varnish").as_deref(), Some("varnish"));
        assert_eq!(name("x-cache", "HIT"), None);
        assert_eq!(name("x-served-by", &"x".repeat(99)).map(|name| name.chars().count()), Some(64));
    }

    #[test]
    fn words_of_cdns_and_proxies_become_one_of_few() {
        let words = [
            ("cf-cache-status", "HIT", Hit),
            ("cf-cache-status", "EXPIRED", Miss),
            ("cf-cache-status", "DYNAMIC", Bypass),
            ("cf-cache-status", "UPDATING", Stale),
            ("cf-cache-status", "REVALIDATED", Revalidated),
            ("x-cache", "Miss from cloudfront", Miss),
            ("x-cache", "RefreshHit from cloudfront", Revalidated),
            ("x-cache", "Error from cloudfront", Unknown),
            ("x-cache", "TCP_MEM_HIT from a23-1-2-3.deploy (AkamaiGHost/11)", Hit),
            ("x-cache", "TCP_REFRESH_MISS from a23-1-2-3.deploy", Miss),
            ("x-cache", "MISS, HIT", Hit),
            ("x-cache", "HIT, MISS", Miss),
            ("x-cache", "PASS", Bypass),
            ("x-cache-status", "STALE", Stale),
            ("cdn-cache", "HIT", Hit),
        ];
        for (name, value, expected) in words {
            assert_eq!(status(name, value), Some(expected), "{name}: {value}");
        }
    }

    #[test]
    fn an_age_and_a_name_tell_of_a_cache_too() {
        assert_eq!(status("age", "3"), Some(Hit));
        assert_eq!(status("age", "0"), None);
        assert_eq!(status("via", "1.1 varnish"), Some(Unknown));
        assert_eq!(status("x-served-by", "cache-fra-1"), Some(Unknown));
        assert_eq!(exchange(&[]).cache_status(), None);
        assert_eq!((exchange(&[("age", "7")]).age(), exchange(&[("age", "-1")]).age()), (Some(Seconds(7.0)), None));
    }
}
