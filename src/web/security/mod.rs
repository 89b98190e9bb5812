//! TLS, users and headers from `--web.config.file`, read again when a file changes. A bad new file keeps the old
//! one in force and is logged once.

mod client;
mod file;
mod rate;
mod tls;
mod users;

use file::Material;
use http::header::{CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How often the files are looked at, at most.
const EVERY: Duration = Duration::from_secs(1);
const X_XSS_PROTECTION: HeaderName = HeaderName::from_static("x-xss-protection");
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
/// The page has one inline style, no script, and a form to itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Why a request isn't let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    Unauthorized,
    TooMany,
    /// Too many passwords wait to be checked.
    Busy,
}

/// One state of the web configuration.
pub struct Loaded {
    tls: Option<Arc<ServerConfig>>,
    users: users::Users,
    limiter: Option<rate::Limiter>,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
}

impl Loaded {
    fn new(material: &Material) -> Result<Self, String> {
        let named = |e| format!("{}: {e}", material.path.display());
        let tls = material.wants_tls().then(|| tls::server_config(material)).transpose().map_err(named)?;
        let users = users::Users::new(material.config.basic_auth_users.clone()).map_err(named)?;
        let limiter = rate::Limiter::new(material.config.rate_limit.as_ref()).map_err(named)?;
        let given = material.config.http_server_config.headers.iter();
        let given = given.map(|(name, value)| header(name, value)).collect::<Result<Vec<_>, _>>().map_err(named)?;
        Ok(Self { tls, users, limiter, headers: defaults().into_iter().chain(given).collect() })
    }

    /// `None`: plain HTTP.
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    /// A later one of the same name wins; a blank one unsets it.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            match value {
                Some(value) => headers.insert(name, value.clone()),
                None => headers.remove(name),
            };
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

/// The headers and values that exporter-toolkit allows.
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

/// The web configuration in force.
pub struct Security {
    /// `None`: no file, nothing to look at again.
    path: Option<PathBuf>,
    every: Duration,
    current: RwLock<Arc<Loaded>>,
    seen: tokio::sync::Mutex<Seen>,
    verifier: users::Verifier,
}

/// What the last look at the files found.
struct Seen {
    at: Instant,
    material: Material,
    complaint: Option<String>,
}

impl Security {
    /// Without a file: plain HTTP, no users.
    ///
    /// # Errors
    /// What is wrong in the file, with its name and line. May block on the file system.
    pub fn load(path: Option<&Path>) -> Result<Arc<Self>, String> {
        Self::load_every(path, EVERY)
    }

    pub(super) fn load_every(path: Option<&Path>, every: Duration) -> Result<Arc<Self>, String> {
        let material = path.map(Material::read).transpose()?.unwrap_or_default();
        let current = RwLock::new(Arc::new(Loaded::new(&material)?));
        let seen = tokio::sync::Mutex::new(Seen { at: Instant::now(), material, complaint: None });
        let verifier = users::Verifier::new()?;
        Ok(Arc::new(Self { path: path.map(Path::to_owned), every, current, seen, verifier }))
    }

    /// The state in force, after a look at the files where one is due.
    pub async fn current(&self) -> Arc<Loaded> {
        if let Some(path) = &self.path
            && let Ok(mut seen) = self.seen.try_lock()
            && seen.at.elapsed() >= self.every
        {
            self.look(path, &mut seen).await;
        }
        Arc::clone(&self.in_force())
    }

    fn in_force(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a request with these headers is let in.
    ///
    /// # Errors
    /// Why it isn't.
    pub async fn admit(&self, now: &Loaded, headers: &HeaderMap, holder: bool) -> Result<(), Denied> {
        if now.limiter.as_ref().is_some_and(|l| !l.take(Instant::now())) {
            return Err(Denied::TooMany);
        }
        if holder {
            return Ok(());
        }
        self.verifier.check(&now.users, headers).await
    }

    async fn look(&self, path: &Path, seen: &mut Seen) {
        let (path, before) = (path.to_owned(), seen.material.clone());
        let looked = tokio::task::spawn_blocking(move || reread(&path, &before)).await;
        seen.at = Instant::now();
        match looked.unwrap_or_else(|e| Err(e.to_string())) {
            Ok(None) => seen.complaint = None,
            Ok(Some((material, loaded))) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                *seen = Seen { at: seen.at, material, complaint: None };
                tracing::info!("web configuration read again");
            }
            Err(why) if seen.complaint.as_ref() != Some(&why) => {
                tracing::error!(error = why, "web configuration is bad; the old one stays in force");
                seen.complaint = Some(why);
            }
            Err(_) => {}
        }
    }
}

/// The files' new state; `None` where nothing changed.
fn reread(path: &Path, before: &Material) -> Result<Option<(Material, Loaded)>, String> {
    let material = Material::read(path)?;
    if material == *before {
        return Ok(None);
    }
    if material.wants_tls() != before.wants_tls() {
        return Err(format!("{}: TLS can't be switched on or off while running; restart", path.display()));
    }
    let loaded = Loaded::new(&material)?;
    Ok(Some((material, loaded)))
}
