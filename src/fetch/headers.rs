//! Request headers: some are sent to every server, custom headers and credentials only to the channel's own origin, and
//! each cookie to the servers that it is for.

use crate::catalog::{Auth, UrlSigning};
use crate::facts::{Failure, FailureKind};
use crate::fetch::http_clients::NoBody;
use crate::fetch::signed_url::SignedParts;
use crate::fetch::{CookieJar, FetchRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Request;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, PROXY_AUTHORIZATION,
    RANGE, USER_AGENT,
};
use packager_media::redact;
use packager_media::stream::ByteRange;
use packager_media::units::Timestamp;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// Names of headers that a channel may not set, because the connection sets them: a wrong value would break the
/// request's framing.
const RESERVED: [&str; 6] = ["connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"];

/// Headers of one request and of the requests that its redirects cause.
#[derive(Debug)]
pub(super) struct RequestHeaders {
    everywhere: HeaderMap,
    /// Custom headers and credentials; `None` after a redirect to another origin, and for all redirects after it.
    origin_only: Option<(HeaderMap, Option<Auth>)>,
    /// How tokens for the channel's own origin are made.
    signing: Option<(UrlSigning, Timestamp)>,
    default_agent: HeaderValue,
    /// Cookies of the channel, each with the servers to which it is sent; `None` for a request without cookies.
    cookies: Option<Arc<CookieJar>>,
}

impl RequestHeaders {
    pub(crate) fn new(request: &FetchRequest<'_>, default_agent: &HeaderValue) -> Result<Self, Failure> {
        let mut everywhere = HeaderMap::new();
        let encodings = if request.compressed && request.range.is_none() { "gzip, br" } else { "identity" };
        everywhere.insert(ACCEPT_ENCODING, HeaderValue::from_static(encodings));
        if let Some(range) = request.range {
            everywhere.insert(RANGE, header_value("range", &format!("bytes={}", range_text(range)))?);
        }
        if let Some(agent) = &request.settings.user_agent {
            everywhere.insert(USER_AGENT, header_value("user-agent", agent)?);
        }
        if let Some(page) = &request.settings.page_origin {
            everywhere.insert(ORIGIN, header_value("origin", page)?);
        }
        let mut custom = HeaderMap::new();
        for (name, text) in &request.settings.headers {
            custom.append(self::header_name(name)?, header_value(name, text)?);
        }
        let auth = request.settings.auth.clone();
        let (origin_only, default_agent) = (Some((custom, auth)), default_agent.clone());
        let signing = request.settings.signing.clone().map(|signing| (signing, request.now));
        Ok(Self { everywhere, origin_only, signing, default_agent, cookies: None })
    }

    /// Returns the identity of the channel that sends the request, by its cookie jar; 0 for a request without one.
    pub(crate) fn sender(&self) -> usize {
        self.cookies.as_ref().map_or(0, |jar| Arc::as_ptr(jar) as usize)
    }

    /// Adds cookies to the request, each for the servers to which it is sent.
    pub(crate) fn with_cookies(self, cookies: Option<Arc<CookieJar>>) -> Self {
        Self { cookies, ..self }
    }

    /// Drops custom headers and credentials, because the next request is a redirect from `left` to another origin. Browsers
    /// then say `Origin: null`, unless the player's page is of the origin that is left (Fetch Standard, "serializing a request origin").
    pub(crate) fn leave(&mut self, left: &Url) {
        (self.origin_only, self.signing) = (None, None);
        if self.page_origin().is_some_and(|page| page != left.origin().ascii_serialization()) {
            self.everywhere.insert(ORIGIN, HeaderValue::from_static("null"));
        }
    }

    /// The header Origin of the next request; `None` without one.
    pub(crate) fn page_origin(&self) -> Option<String> {
        self.everywhere.get(ORIGIN).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Whether the next request goes to the channel's own origin.
    pub(crate) fn has_credentials(&self) -> bool {
        self.origin_only.is_some()
    }

    /// The request for `url`, with the credentials for the proxy that forwards it, if there is one that wants some.
    pub(crate) fn request(&self, url: &Url, proxy: Option<HeaderValue>) -> Result<Request<NoBody>, Failure> {
        let mut url = url.clone();
        let mut all = HeaderMap::new();
        all.insert(ACCEPT, HeaderValue::from_static("*/*"));
        all.insert(USER_AGENT, self.default_agent.clone());
        let (custom, auth) = self.origin_only.as_ref().map_or((None, None), |(c, a)| (Some(c), a.as_ref()));
        if let Some(custom) = custom {
            all.extend(custom.clone());
        }
        all.extend(self.everywhere.clone());
        let of_url = url_credentials(&url);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        // The channel's `auth` setting takes precedence over headers, and these over credentials in the URL.
        if let Some(auth) = auth {
            all.insert(AUTHORIZATION, authorization(auth)?);
        } else if let Some(auth) = of_url.filter(|_| !all.contains_key(AUTHORIZATION)) {
            all.insert(AUTHORIZATION, authorization(&auth)?);
        }
        all.extend(proxy.map(|value| (PROXY_AUTHORIZATION, value)));
        if let Some((signing, now)) = &self.signing {
            let parts = SignedParts::new(signing, &url, *now);
            parts.apply(&mut url);
            add_own_cookies(&mut all, &parts.cookies)?;
        }
        self.add_cookies(&mut all, &url);
        let mut request = Request::get(url.as_str()).body(NoBody::new()).map_err(|_| invalid_url(&url))?;
        *request.headers_mut() = all;
        Ok(request)
    }

    /// Adds the cookies for `url` to the channel's own Cookie header, whose values take precedence. A request has only
    /// one Cookie header (RFC 6265 5.4).
    fn add_cookies(&self, all: &mut HeaderMap, url: &Url) {
        let Some(jar) = &self.cookies else { return };
        let own: Vec<String> =
            all.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
        let own = own.join("; ");
        let names: Vec<&str> = own.split(';').filter_map(|pair| pair.split('=').next()).map(str::trim).collect();
        let Some(kept) = jar.header(url, &names, Instant::now()) else { return };
        let kept = match (own.is_empty(), kept.to_str()) {
            (false, Ok(kept)) => header_value("cookie", &format!("{own}; {kept}")).ok(),
            _ => Some(kept),
        };
        if let Some(value) = kept {
            all.insert(COOKIE, value);
        }
    }
}

/// Adds cookies to the Cookie header that the channel's settings have.
fn add_own_cookies(all: &mut HeaderMap, cookies: &[(String, String)]) -> Result<(), Failure> {
    if cookies.is_empty() {
        return Ok(());
    }
    let own = all.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned);
    let pairs: Vec<String> = own.chain(cookies.iter().map(|(name, value)| format!("{name}={value}"))).collect();
    all.insert(COOKIE, header_value("cookie", &pairs.join("; "))?);
    Ok(())
}

/// Returns the value of the header Authorization or Proxy-Authorization (RFC 7617, RFC 6750).
pub(super) fn authorization(auth: &Auth) -> Result<HeaderValue, Failure> {
    let text = match auth {
        Auth::Basic { username, password } => format!("Basic {}", BASE64.encode(format!("{username}:{password}"))),
        Auth::Bearer { token } => format!("Bearer {token}"),
    };
    header_value("authorization", &text)
}

/// Returns the credentials that a manifest wrote into a URL.
fn url_credentials(url: &Url) -> Option<Auth> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let has_any = !url.username().is_empty() || url.password().is_some();
    has_any.then(|| Auth::Basic {
        username: decode(url.username()),
        password: url.password().map(decode).unwrap_or_default(),
    })
}

fn invalid_url(url: &Url) -> Failure {
    Failure::new(FailureKind::Protocol, format!("{} can't be sent as a request", redact::bounded_url(url)))
}

/// Formats a byte range as first and last byte position, both inclusive (RFC 9110 14.1.2).
pub(super) fn range_text(range: ByteRange) -> String {
    format!("{}-{}", range.offset, last_byte(range))
}

/// Returns the position of the last byte of a byte range.
pub(super) fn last_byte(range: ByteRange) -> u64 {
    range.offset.saturating_add(range.length.max(1) - 1)
}

fn header_name(text: &str) -> Result<HeaderName, Failure> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| invalid_header(text))?;
    if RESERVED.contains(&name.as_str()) { Err(invalid_header(text)) } else { Ok(name) }
}

fn header_value(name: &str, text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| invalid_header(name))?;
    value.set_sensitive(true);
    Ok(value)
}

fn invalid_header(name: &str) -> Failure {
    let name = redact::sanitize_line(name, 64);
    Failure::new(
        FailureKind::Protocol,
        format!("request header `{name}` can't be sent; correct it in the channel's settings"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RequestSettings;

    /// Returns the headers of a request, first with and then without those for the channel's own origin.
    fn sent(settings: &RequestSettings, range: Option<ByteRange>, compressed: bool) -> [HeaderMap; 2] {
        let url = Url::parse("http://h/").unwrap();
        let request = FetchRequest {
            url: &url,
            settings,
            range,
            may_end_early: false,
            max_bytes: 1,
            compressed,
            headers_only: false,
            now: Timestamp::UNIX_EPOCH,
        };
        let mut headers = RequestHeaders::new(&request, &HeaderValue::from_static("exporter/1")).unwrap();
        let own = headers.request(&url, None).unwrap().headers().clone();
        headers.leave(&url);
        [own, headers.request(&url, None).unwrap().headers().clone()]
    }

    fn named(headers: &[(&str, &str)]) -> RequestSettings {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RequestSettings { headers, ..RequestSettings::default() }
    }

    #[test]
    fn a_page_is_named_to_every_server_and_not_behind_a_redirect() {
        let with = |page: &str| {
            let settings =
                RequestSettings { page_origin: Some(page.to_owned()), ..named(&[("Origin", "https://own")]) };
            sent(&settings, None, false).map(|all| all["origin"].clone())
        };
        assert_eq!(with("https://tv.example"), ["https://tv.example", "null"]);
        assert_eq!(with("http://h"), ["http://h", "http://h"], "the page's own server may redirect");
        let [own, foreign] = sent(&named(&[("Origin", "https://own")]), None, false);
        assert_eq!(
            (own.get("origin").unwrap(), foreign.get("origin")),
            (&HeaderValue::from_static("https://own"), None)
        );
    }

    #[test]
    fn a_range_names_its_first_and_its_last_byte() {
        assert_eq!(range_text(ByteRange { offset: 0, length: 1 }), "0-0");
        assert_eq!(range_text(ByteRange { offset: 100, length: 50 }), "100-149");
        assert_eq!(range_text(ByteRange { offset: 5, length: 0 }), "5-5");
        assert_eq!(range_text(ByteRange { offset: u64::MAX, length: 9 }), format!("{0}-{0}", u64::MAX));
    }

    #[test]
    fn compression_is_accepted_for_whole_playlists_only() {
        let range = Some(ByteRange { offset: 2, length: 3 });
        let encodings =
            |range, compressed| sent(&RequestSettings::default(), range, compressed)[0][ACCEPT_ENCODING].clone();
        assert_eq!(encodings(None, true), "gzip, br");
        assert_eq!(encodings(None, false), "identity");
        assert_eq!(encodings(range, true), "identity", "a range is of the encoded bytes");
        assert_eq!(sent(&RequestSettings::default(), range, false)[0][RANGE], "bytes=2-4");
        assert!(!sent(&RequestSettings::default(), None, false)[0].contains_key(RANGE));
    }

    #[test]
    fn custom_headers_and_credentials_are_for_the_channels_own_origin() {
        let mut settings = named(&[("X-Key", "a"), ("x-key", "b"), ("authorization", "mine")]);
        settings.auth = Some(Auth::Bearer { token: "t".to_owned() });
        let [own, other] = sent(&settings, None, false);
        assert_eq!(own.get_all("x-key").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(own.get_all(AUTHORIZATION).iter().collect::<Vec<_>>(), ["Bearer t"]);
        assert!(!other.contains_key("x-key") && !other.contains_key(AUTHORIZATION));
        assert_eq!(own[USER_AGENT], "exporter/1");
        assert_eq!(other[USER_AGENT], "exporter/1");
    }

    #[test]
    fn the_channels_user_agent_is_for_every_server_and_a_custom_header_for_its_own() {
        let settings =
            RequestSettings { user_agent: Some("player/1".to_owned()), ..named(&[("User-Agent", "other/1")]) };
        let [own, other] = sent(&settings, None, false);
        assert_eq!(own[USER_AGENT], "player/1");
        assert_eq!(other[USER_AGENT], "player/1");
        let [own, other] = sent(&named(&[("User-Agent", "other/1")]), None, false);
        assert_eq!(own[USER_AGENT], "other/1");
        assert_eq!(other[USER_AGENT], "exporter/1");
    }

    #[test]
    fn a_header_that_would_break_the_request_is_refused_by_name() {
        let url = Url::parse("http://h/").unwrap();
        for name in ["Connection", "content-length", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "a b", ""] {
            let settings = named(&[(name, "v")]);
            let request = FetchRequest {
                url: &url,
                settings: &settings,
                range: None,
                may_end_early: false,
                max_bytes: 1,
                compressed: false,
                headers_only: false,
                now: Timestamp::UNIX_EPOCH,
            };
            let refused = RequestHeaders::new(&request, &HeaderValue::from_static("x")).unwrap_err();
            assert_eq!(refused.kind, FailureKind::Protocol);
            assert!(
                refused.message.starts_with(&format!("request header `{name}` can't be sent")),
                "{}",
                refused.message
            );
        }
        assert!(header_value("x", "a\nb").is_err() && header_value("x", "a\tb").is_ok());
    }
}
