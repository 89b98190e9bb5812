//! Reads the file of `--web.config.file`, in the format of exporter-toolkit:
//! <https://github.com/prometheus/exporter-toolkit> docs/web-configuration.md.

use crate::document::Document;
use crate::web::access::ProxyConfig;
use crate::web::api::Role;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Largest web configuration file, or file named in it, in bytes. A larger file is no certificate chain or list of
/// users, but a wrong path.
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebConfig {
    pub(crate) tls_server_config: Option<TlsConfig>,
    pub(crate) http_server_config: HttpConfig,
    pub(crate) basic_auth_users: BTreeMap<String, String>,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Roles in the API. exporter-toolkit does not have this section.
    pub(crate) api: ApiConfig,
}

#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiConfig {
    /// Role of each user; a user without an entry has the role `read`.
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) trusted_proxies: Option<ProxyConfig>,
}

#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) client_ca: Option<String>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) client_ca_file: Option<PathBuf>,
    pub(crate) client_auth_type: ClientAuth,
    pub(crate) client_allowed_sans: Vec<String>,
    pub(crate) min_version: Option<String>,
    pub(crate) max_version: Option<String>,
    pub(crate) cipher_suites: Vec<String>,
    pub(crate) prefer_server_cipher_suites: Option<bool>,
    pub(crate) curve_preferences: Vec<String>,
}

/// Type of client authentication, with the names of Go's `tls.ClientAuthType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) enum ClientAuth {
    #[default]
    #[serde(alias = "")]
    NoClientCert,
    RequestClientCert,
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpConfig {
    pub(crate) http2: bool,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { http2: true, headers: BTreeMap::new() }
    }
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimit {
    /// Time after which one more request is allowed. Zero: requests are not limited.
    #[serde(deserialize_with = "duration")]
    pub(crate) interval: Duration,
    /// Number of requests that are allowed at once after a time without requests: the size of the token bucket.
    #[serde(default)]
    pub(crate) burst: u32,
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(&text)
        .map_err(|_| serde::de::Error::custom(format!("`{text}` is not a duration; write it as 1s or 100ms")))
}

/// Content of the web configuration file and of every file that it names, read at one time. Equal values mean that
/// nothing changed.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Material {
    pub(crate) path: PathBuf,
    pub(crate) config: WebConfig,
    /// Certificate chain of the server, from the web configuration file itself or from a file that it names.
    pub(crate) cert: Option<Pem>,
    pub(crate) key: Option<Pem>,
    pub(crate) client_ca: Option<Pem>,
}

/// PEM text with its source.
#[derive(Clone, PartialEq)]
pub(crate) struct Pem {
    /// Key of the configuration, or file, from which the PEM text comes, for messages.
    pub(crate) from: String,
    pub(crate) bytes: Vec<u8>,
}

impl Material {
    /// Reads the web configuration file and the files that it names. Relative paths are relative to the folder of this
    /// file.
    ///
    /// # Errors
    /// Fails with file, line and reason if a file can't be read, is not YAML, or has an unknown key.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = String::from_utf8(read(path)?).map_err(|e| format!("{}: not UTF-8: {e}", path.display()))?;
        let config = parse(path, &text)?;
        let tls = config.tls_server_config.clone().unwrap_or_default();
        let directory = path.parent().unwrap_or(Path::new(""));
        let pem = |name: &str, inline: &Option<String>, file: &Option<PathBuf>| {
            pem(name, inline.as_deref(), file.as_deref(), directory).map_err(|e| format!("{}: {e}", path.display()))
        };
        Ok(Self {
            cert: pem("cert", &tls.cert, &tls.cert_file)?,
            key: pem("key", &tls.key, &tls.key_file)?,
            client_ca: pem("client_ca", &tls.client_ca, &tls.client_ca_file)?,
            path: path.to_owned(),
            config,
        })
    }

    /// Returns whether `tls_server_config` has any key that asks for TLS, as in exporter-toolkit.
    pub(crate) fn has_tls(&self) -> bool {
        let auth = self.config.tls_server_config.as_ref().map(|t| t.client_auth_type).unwrap_or_default();
        self.cert.is_some() || self.key.is_some() || self.client_ca.is_some() || auth != ClientAuth::NoClientCert
    }
}

fn parse(path: &Path, text: &str) -> Result<WebConfig, String> {
    let only_comments = text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#'));
    if only_comments {
        return Ok(WebConfig::default());
    }
    let config = serde_yaml::from_str(text).map_err(|e| match e.location() {
        Some(at) => format!("{}:{}: {e}", path.display(), at.line()),
        None => format!("{}: {e}", path.display()),
    })?;
    // serde would silently keep the last of two users of the same name, and the other could not log in.
    let name = path.display().to_string();
    Document::parse(name, text.to_owned()).map(|_| config).map_err(|errors| errors.to_string())
}

fn pem(name: &str, inline: Option<&str>, file: Option<&Path>, directory: &Path) -> Result<Option<Pem>, String> {
    let inline = inline.filter(|text| !text.is_empty());
    let file = file.filter(|path| !path.as_os_str().is_empty());
    match (inline, file) {
        (Some(_), Some(_)) => Err(format!("tls_server_config has both {name} and {name}_file; give one")),
        (Some(text), None) => Ok(Some(Pem { from: name.to_owned(), bytes: text.as_bytes().to_vec() })),
        (None, Some(path)) => {
            let path = directory.join(path);
            let bytes = read(&path).map_err(|e| format!("{name}_file: {e}"))?;
            Ok(Some(Pem { from: path.display().to_string(), bytes }))
        }
        (None, None) => Ok(None),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).and_then(|f| f.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    file.map_err(|e| format!("can't read {}: {e}", path.display()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{} is larger than 1 MiB; is the path right?", path.display()));
    }
    Ok(bytes)
}
