//! Request headers: those for every server, and those meant for the channel's own origin only.

use crate::catalog::Auth;
use crate::facts::{Failure, FailureKind};
use crate::fetch::Ask;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RANGE, USER_AGENT};
use packager_media::redact;
use packager_media::stream::ByteRange;
use url::Url;

/// The connection's own business: setting them would break the request's framing.
const RESERVED: [&str; 6] = ["connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"];

#[derive(Debug)]
pub(super) struct Headers {
    everywhere: HeaderMap,
    /// Custom headers and credentials: dropped for good at a redirect to another origin.
    private: Option<(HeaderMap, Option<Auth>)>,
    default_agent: HeaderValue,
}

impl Headers {
    pub fn new(ask: &Ask<'_>, default_agent: &HeaderValue) -> Result<Self, Failure> {
        let mut everywhere = HeaderMap::new();
        let encodings = if ask.compressed && ask.range.is_none() { "gzip, br" } else { "identity" };
        everywhere.insert(ACCEPT_ENCODING, HeaderValue::from_static(encodings));
        if let Some(range) = ask.range {
            everywhere.insert(RANGE, value("range", &format!("bytes={}", range_text(range)))?);
        }
        if let Some(agent) = &ask.settings.user_agent {
            everywhere.insert(USER_AGENT, value("user-agent", agent)?);
        }
        let mut custom = HeaderMap::new();
        for (name, text) in &ask.settings.headers {
            custom.append(self::name(name)?, value(name, text)?);
        }
        let auth = ask.settings.auth.clone();
        Ok(Self { everywhere, private: Some((custom, auth)), default_agent: default_agent.clone() })
    }

    /// What follows goes to another origin.
    pub fn drop_private(&mut self) {
        self.private = None;
    }

    pub fn request(&self, agent: &reqwest::Client, url: &Url) -> Result<reqwest::Request, Failure> {
        let mut url = url.clone();
        let mut all = HeaderMap::new();
        all.insert(USER_AGENT, self.default_agent.clone());
        let (custom, auth) = self.private.as_ref().map_or((None, None), |(c, a)| (Some(c), a.as_ref()));
        if let Some(custom) = custom {
            all.extend(custom.clone());
        }
        all.extend(self.everywhere.clone());
        if auth.is_some() {
            // The channel's setting goes before what its URL or headers say.
            all.remove(AUTHORIZATION);
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        let request = agent.get(url).headers(all);
        let request = match auth {
            Some(Auth::Basic { username, password }) => request.basic_auth(username, Some(password)),
            Some(Auth::Bearer { token }) => request.bearer_auth(token),
            None => request,
        };
        request.build().map_err(|_| invalid("authorization"))
    }
}

/// RFC 9110 14.1.2: first and last byte position, both inclusive.
pub(super) fn range_text(range: ByteRange) -> String {
    format!("{}-{}", range.offset, range.offset.saturating_add(range.length.max(1) - 1))
}

fn name(text: &str) -> Result<HeaderName, Failure> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| invalid(text))?;
    if RESERVED.contains(&name.as_str()) { Err(invalid(text)) } else { Ok(name) }
}

fn value(name: &str, text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| invalid(name))?;
    value.set_sensitive(true);
    Ok(value)
}

fn invalid(name: &str) -> Failure {
    let name = redact::sanitize_line(name, 64);
    Failure::new(FailureKind::Protocol, format!("request header `{name}` can't be sent; correct it in the catalogue"))
}
