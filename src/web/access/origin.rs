//! Names in `Host` and `Origin`. An exporter without logins on a loopback address believes only its own names: a page of
//! another site may have a name that its owner's DNS points to 127.0.0.1 (DNS rebinding).

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Uri};
use url::{Host, Url};

/// Host and port to which a request was sent. The port is `None` if it is the scheme's default.
fn target(uri: &Uri, headers: &HeaderMap) -> Option<(Host, Option<u16>)> {
    let authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => headers.get(HOST)?.to_str().ok()?.parse().ok()?,
    };
    let host = Host::parse(authority.host().trim_end_matches('.')).ok()?;
    Some((host, authority.port_u16()))
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
    }
}

/// Returns whether a request names this exporter as only programs of this machine do: by a loopback address or name, or
/// by the host of the external URL. A request without a name is no browser's, and is believed.
#[must_use]
pub(crate) fn is_own_name(uri: &Uri, headers: &HeaderMap, external: Option<&Url>) -> bool {
    if uri.authority().is_none() && !headers.contains_key(HOST) {
        return true;
    }
    let Some((host, _)) = target(uri, headers) else { return false };
    is_loopback(&host) || external.and_then(Url::host).is_some_and(|own| own.to_owned() == host)
}

/// Returns whether `Origin` is the address to which the request was sent, or the external URL's. `None`: the request has
/// no `Origin`.
#[must_use]
pub(crate) fn is_same_origin(uri: &Uri, headers: &HeaderMap, external: Option<&Url>) -> Option<bool> {
    let origin = headers.get(ORIGIN)?;
    let origin = origin.to_str().ok().and_then(|text| Url::parse(text).ok()).filter(Url::has_host);
    let Some(origin) = origin else { return Some(false) };
    if external.is_some_and(|external| external.origin() == origin.origin()) {
        return Some(true);
    }
    let Some((host, port)) = target(uri, headers) else { return Some(false) };
    let default = if origin.scheme() == "https" { 443 } else { 80 };
    let is_same = origin.host().is_some_and(|own| own.to_owned() == host)
        && origin.port_or_known_default() == Some(port.unwrap_or(default));
    Some(is_same)
}

/// Returns whether a page of another site makes the browser send this write.
#[must_use]
pub(crate) fn is_cross_site(method: &Method, uri: &Uri, headers: &HeaderMap, external: Option<&Url>) -> bool {
    let is_foreign = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    !method.is_safe() && (is_foreign || is_same_origin(uri, headers, external) == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_loopback_names_and_the_external_url_are_own_names() {
        let external = Url::parse("https://monitoring.example/packager").unwrap();
        let own = |host: &str| is_own_name(&Uri::from_static("/"), &headers(&[("host", host)]), Some(&external));
        for name in [
            "127.0.0.1:10115",
            "127.8.8.8",
            "localhost",
            "LOCALHOST:5000",
            "localhost.:80",
            "a.localhost",
            "[::1]:10115",
            "[::ffff:127.0.0.1]",
            "monitoring.example",
            "Monitoring.example:443",
        ] {
            assert!(own(name), "{name}");
        }
        for name in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "monitoring.example.evil",
            "",
            "a b",
        ] {
            assert!(!own(name), "{name}");
        }
        let http2 = Uri::from_static("http://evil.example/");
        assert!(!is_own_name(&http2, &headers(&[("host", "localhost")]), None), "HTTP/2 names it in :authority");
        assert!(is_own_name(&Uri::from_static("/"), &HeaderMap::new(), None));
    }

    #[test]
    fn the_origin_of_a_write_has_the_same_host_and_port_or_is_the_external_url() {
        let external = Url::parse("https://monitoring.example/packager").unwrap();
        let same = |host: &str, origin: &str| {
            let headers = headers(&[("host", host), ("origin", origin)]);
            is_same_origin(&Uri::from_static("/"), &headers, Some(&external)).unwrap()
        };
        assert!(same("localhost:10115", "http://localhost:10115"));
        assert!(same("a.example", "http://a.example") && same("a.example", "https://a.example:443"));
        assert!(same("127.0.0.1:10115", "https://monitoring.example"), "through a proxy");
        for (host, origin) in [
            ("localhost:10115", "http://localhost:3000"),
            ("localhost:10115", "http://evil.example"),
            ("localhost:10115", "null"),
            ("a.example", "http://a.example:8080"),
            ("127.0.0.1:10115", "http://monitoring.example"),
        ] {
            assert!(!same(host, origin), "{host} {origin}");
        }
        assert_eq!(is_same_origin(&Uri::from_static("/"), &HeaderMap::new(), None), None);
    }

    #[test]
    fn a_read_is_never_cross_site_and_a_write_is_by_either_header() {
        let is = |method: Method, fields: &[(&'static str, &str)]| {
            is_cross_site(&method, &Uri::from_static("/"), &headers(fields), None)
        };
        for site in ["cross-site", "same-site"] {
            assert!(is(Method::POST, &[("sec-fetch-site", site)]) && !is(Method::GET, &[("sec-fetch-site", site)]));
        }
        assert!(is(Method::DELETE, &[("host", "a"), ("origin", "http://b")]));
        assert!(!is(Method::DELETE, &[("host", "a"), ("origin", "http://a"), ("sec-fetch-site", "same-origin")]));
        assert!(!is(Method::POST, &[]));
    }
}
