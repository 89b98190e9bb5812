//! TLS, users, rate limit and headers of `--web.config.file`. The file is read again when it, or a file that it names,
//! changes. A faulty new file is logged once, and the old configuration stays in force.

mod client;
mod file;
mod rate;
mod tls;
mod users;

use super::access::{SessionKey, Sessions, TrustedProxies};
use super::api::Role;
use file::Material;
use http::header::{CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Shortest time between two reads of the web configuration file.
const READ_INTERVAL: Duration = Duration::from_secs(1);
const X_XSS_PROTECTION: HeaderName = HeaderName::from_static("x-xss-protection");
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
/// Content-Security-Policy of the page at `/`, which has one inline style, no script, and a form to its own origin.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Reason why a request is refused before it reaches a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The user or password is wrong.
    Unauthorized,
    /// The request exceeds the rate limit.
    TooMany,
    /// The request had to wait too long, because too many passwords are waiting to be checked.
    Busy,
}

/// Web configuration, as it was read from its file.
pub(crate) struct WebSecurity {
    tls: Option<Arc<ServerConfig>>,
    users: users::Users,
    /// Role of each user who has one other than `read`.
    roles: BTreeMap<String, Role>,
    proxies: Option<TrustedProxies>,
    limiter: Option<rate::RateLimiter>,
    /// Headers of every response: the defaults, then those of `http_server_config`. `None` removes a header.
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
}

impl WebSecurity {
    fn new(material: &Material) -> Result<Self, String> {
        let named = |e| format!("{}: {e}", material.path.display());
        let tls = material.has_tls().then(|| tls::server_config(material)).transpose().map_err(named)?;
        let users = users::Users::new(material.config.basic_auth_users.clone()).map_err(named)?;
        let api = &material.config.api;
        let proxies = api.trusted_proxies.as_ref().map(TrustedProxies::new).transpose().map_err(named)?;
        if proxies.is_none()
            && let Some(user) = api.roles.keys().find(|user| users.known_hash(user).is_none())
        {
            return Err(named(format!("api.roles: there is no user `{user}` in basic_auth_users")));
        }
        let limiter = rate::RateLimiter::new(material.config.rate_limit.as_ref()).map_err(named)?;
        let given = material.config.http_server_config.headers.iter();
        let given = given.map(|(name, value)| header(name, value)).collect::<Result<Vec<_>, _>>().map_err(named)?;
        let headers = defaults().into_iter().chain(given).collect();
        Ok(Self { tls, users, roles: api.roles.clone(), proxies, limiter, headers })
    }

    /// Returns the users of `basic_auth_users`.
    pub(crate) fn users(&self) -> &users::Users {
        &self.users
    }

    /// Returns the roles of users by name. A user who is missing has the role `read`.
    pub(crate) fn roles(&self) -> &BTreeMap<String, Role> {
        &self.roles
    }

    /// Returns the proxies that may name users in headers. `None`: none may.
    pub(crate) fn proxies(&self) -> Option<&TrustedProxies> {
        self.proxies.as_ref()
    }

    /// Returns the TLS configuration of the server. `None`: the server speaks plain HTTP.
    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    /// Sets the headers of a response. If there are several of one name the last counts, and an empty one removes the
    /// header. A response that has its own Content-Security-Policy keeps it unless `http_server_config` sets one.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        let own_policy = headers.get(CONTENT_SECURITY_POLICY).cloned();
        for (name, value) in &self.headers {
            match value {
                Some(value) => headers.insert(name, value.clone()),
                None => headers.remove(name),
            };
        }
        if let Some(own) = own_policy
            && headers.get(CONTENT_SECURITY_POLICY).is_some_and(|policy| policy == POLICY)
        {
            headers.insert(CONTENT_SECURITY_POLICY, own);
        }
    }
}

fn defaults() -> [(HeaderName, Option<HeaderValue>); 4] {
    [
        (CONTENT_SECURITY_POLICY, Some(HeaderValue::from_static(POLICY))),
        (X_CONTENT_TYPE_OPTIONS, Some(HeaderValue::from_static("nosniff"))),
        (X_FRAME_OPTIONS, Some(HeaderValue::from_static("deny"))),
        (REFERRER_POLICY, Some(HeaderValue::from_static("no-referrer"))),
    ]
}

/// Checks a header of `http_server_config`, which must be one that exporter-toolkit allows. The value `None` removes
/// the header from responses.
fn header(name: &str, value: &str) -> Result<(HeaderName, Option<HeaderValue>), String> {
    let any = [CONTENT_SECURITY_POLICY, X_XSS_PROTECTION, STRICT_TRANSPORT_SECURITY];
    let key: HeaderName = name.parse().map_err(|_| format!("http_server_config: `{name}` is not a header's name"))?;
    let allowed: &[&str] = match key {
        X_FRAME_OPTIONS => &["deny", "sameorigin"],
        X_CONTENT_TYPE_OPTIONS => &["nosniff"],
        ref k if any.contains(k) => &[],
        _ => {
            return Err(format!(
                "http_server_config: header `{name}` can't be set; Content-Security-Policy, X-Frame-Options, \
                 X-Content-Type-Options, X-XSS-Protection and Strict-Transport-Security can"
            ));
        }
    };
    if value.is_empty() {
        return Ok((key, None));
    }
    if !allowed.is_empty() && !allowed.iter().any(|a| a.eq_ignore_ascii_case(value)) {
        return Err(format!("http_server_config: {name} is `{value}`; allowed: {}", allowed.join(", ")));
    }
    let value = HeaderValue::from_str(value).map_err(|_| format!("http_server_config: {name} has a bad character"))?;
    Ok((key, Some(value)))
}

/// The web configuration in force, which is read again when its files change.
pub(crate) struct Security {
    /// Path of the web configuration file. `None`: --web.config.file is not set.
    path: Option<PathBuf>,
    interval: Duration,
    current: RwLock<Arc<WebSecurity>>,
    last_read: tokio::sync::Mutex<LastRead>,
    verifier: users::Verifier,
    sessions: Sessions,
}

/// Result of the last read of the web configuration file and the files that it names.
struct LastRead {
    at: Instant,
    material: Material,
    /// Error of the read, which was logged. `None`: the files were valid.
    logged_error: Option<String>,
}

impl Security {
    /// Reads the web configuration file. Without one the server speaks plain HTTP and has no users. The call blocks on
    /// the file system.
    ///
    /// # Errors
    /// Returns what is wrong in the file, with its name and line.
    pub(crate) fn load(path: Option<&Path>) -> Result<Arc<Self>, String> {
        Self::load_every(path, READ_INTERVAL)
    }

    pub(super) fn load_every(path: Option<&Path>, interval: Duration) -> Result<Arc<Self>, String> {
        let material = path.map(Material::read).transpose()?.unwrap_or_default();
        let current = RwLock::new(Arc::new(WebSecurity::new(&material)?));
        let last_read = tokio::sync::Mutex::new(LastRead { at: Instant::now(), material, logged_error: None });
        let verifier = users::Verifier::new()?;
        let sessions = Sessions::new(&SessionKey::random()?);
        Ok(Arc::new(Self { path: path.map(Path::to_owned), interval, current, last_read, verifier, sessions }))
    }

    /// Returns the web configuration in force. The files are read again if [`READ_INTERVAL`] has passed.
    pub(crate) async fn current(&self) -> Arc<WebSecurity> {
        if let Some(path) = &self.path
            && let Ok(mut last) = self.last_read.try_lock()
            && last.at.elapsed() >= self.interval
        {
            self.read_again(path, &mut last).await;
        }
        Arc::clone(&self.in_force())
    }

    /// Returns the sessions of the web page.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    fn in_force(&self) -> Arc<WebSecurity> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request against the rate limit of the configuration `now`.
    ///
    /// # Errors
    /// Fails if the request exceeds the rate limit.
    pub(crate) fn limit(now: &WebSecurity) -> Result<(), Denied> {
        if now.limiter.as_ref().is_some_and(|l| !l.take(Instant::now())) { Err(Denied::TooMany) } else { Ok(()) }
    }

    /// Checks user and password of a request against the configuration `now`, and returns the user's name. `Ok(None)`:
    /// the request has no user, or there are no users.
    ///
    /// # Errors
    /// Returns the reason why the request is refused.
    pub(crate) async fn user(&self, now: &WebSecurity, headers: &HeaderMap) -> Result<Option<String>, Denied> {
        self.verifier.check(&now.users, headers).await
    }

    async fn read_again(&self, path: &Path, last: &mut LastRead) {
        let (path, before) = (path.to_owned(), last.material.clone());
        let read = tokio::task::spawn_blocking(move || changed(&path, &before)).await;
        last.at = Instant::now();
        match read.unwrap_or_else(|e| Err(e.to_string())) {
            Ok(None) => last.logged_error = None,
            Ok(Some((material, loaded))) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                *last = LastRead { at: last.at, material, logged_error: None };
                tracing::info!("web configuration read again");
            }
            Err(why) if last.logged_error.as_ref() != Some(&why) => {
                tracing::error!(error = why, "web configuration is bad; the old one stays in force");
                last.logged_error = Some(why);
            }
            Err(_) => {}
        }
    }
}

/// Reads the web configuration files again. `None`: nothing changed.
fn changed(path: &Path, before: &Material) -> Result<Option<(Material, WebSecurity)>, String> {
    let material = Material::read(path)?;
    if material == *before {
        return Ok(None);
    }
    if material.has_tls() != before.has_tls() {
        return Err(format!("{}: TLS can't be switched on or off while running; restart", path.display()));
    }
    let loaded = WebSecurity::new(&material)?;
    Ok(Some((material, loaded)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_headers_and_values_of_exporter_toolkit_can_be_set() {
        for (name, value) in [
            ("Content-Security-Policy", "default-src 'self'"),
            ("X-XSS-Protection", "0"),
            ("Strict-Transport-Security", "max-age=1"),
            ("X-Frame-Options", "Deny"),
            ("X-Frame-Options", "sameorigin"),
            ("X-Content-Type-Options", "nosniff"),
        ] {
            let (key, set) = header(name, value).unwrap();
            assert_eq!((key.as_str(), set.unwrap()), (name.to_lowercase().as_str(), value.parse().unwrap()));
        }
        assert_eq!(header("X-Frame-Options", ""), Ok((X_FRAME_OPTIONS, None)), "an empty value removes the header");
        for (name, value) in [("Server", "x"), ("a b", "x"), ("X-Frame-Options", "allow"), ("X-XSS-Protection", "a\nb")]
        {
            assert!(header(name, value).unwrap_err().starts_with("http_server_config: "), "{name}: {value}");
        }
    }

    #[test]
    fn every_response_has_the_default_headers_and_a_configured_one_wins() {
        let config = file::HttpConfig {
            headers: [("X-Frame-Options".to_owned(), String::new()), ("X-XSS-Protection".to_owned(), "0".to_owned())]
                .into(),
            ..file::HttpConfig::default()
        };
        let config = file::WebConfig { http_server_config: config, ..file::WebConfig::default() };
        let security = WebSecurity::new(&Material { config, ..Material::default() }).unwrap();
        let mut headers: HeaderMap = [(REFERRER_POLICY, HeaderValue::from_static("origin"))].into_iter().collect();
        security.add_headers(&mut headers);
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(
            (&headers[X_CONTENT_TYPE_OPTIONS], &headers[REFERRER_POLICY]),
            (&"nosniff".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
        assert_eq!(headers["x-xss-protection"], "0");
        assert!(!headers.contains_key(X_FRAME_OPTIONS) && headers.len() == 4);
    }

    #[test]
    fn a_page_keeps_its_own_policy_unless_the_operator_sets_one() {
        let page: HeaderMap =
            [(CONTENT_SECURITY_POLICY, HeaderValue::from_static("script-src 'self'"))].into_iter().collect();
        let policy = |security: &WebSecurity| {
            let mut headers = page.clone();
            security.add_headers(&mut headers);
            headers.get(CONTENT_SECURITY_POLICY).map(|value| value.to_str().unwrap().to_owned())
        };
        let of = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let config = file::HttpConfig { headers, ..file::HttpConfig::default() };
            let config = file::WebConfig { http_server_config: config, ..file::WebConfig::default() };
            WebSecurity::new(&Material { config, ..Material::default() }).unwrap()
        };
        assert_eq!(policy(&of(&[])).as_deref(), Some("script-src 'self'"));
        let own = of(&[("Content-Security-Policy", "default-src 'self'")]);
        assert_eq!(policy(&own).as_deref(), Some("default-src 'self'"));
        assert_eq!(policy(&of(&[("Content-Security-Policy", "")])), None);
    }
}
