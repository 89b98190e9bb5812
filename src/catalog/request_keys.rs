//! The section `request` of a channel, an output or a template: what is sent to its servers, and by which way connections
//! reach them. Secrets are in files.

use super::secret_references::HIDDEN;
use super::url_signing::{UrlSigningKeys, url_signing};
use super::{
    Auth, ClientIdentity, ConnectTo, ConnectionSettings, IpProtocol, ProxySettings, RequestSettings, SecretPlaces,
    UrlSigning,
};
use crate::address_class::{AddressClass, classify};
use crate::document::{Fault, HEADER_SECTIONS, Key, Node, Value, read_text};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use url::{Host, Url};

const MAX_SECRET_BYTES: u64 = 64 << 10;
/// Fault of a reference in the database. It doesn't repeat the path, because everybody may read `/health`.
const NO_SECRET: &str = "there is no file of this name below the folder `catalog.secrets`";
/// Fault of a value that stands for another one in everything that clients read.
const PLACEHOLDER: &str = "stands for a value that is not shown, and there is none here: write the value";
const MAX_NO_PROXY: usize = 64;
/// Headers that a row of the database may have with their value: none of them is a credential.
const OPEN_HEADERS: [&str; 8] = [
    "accept",
    "accept-language",
    "origin",
    "referer",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RequestKeys {
    headers: BTreeMap<String, Option<String>>,
    header_files: BTreeMap<String, Option<PathBuf>>,
    header_env: BTreeMap<String, Option<String>>,
    user_agent: Option<String>,
    basic_auth: Option<BasicAuth>,
    bearer_token: Option<String>,
    bearer_token_file: Option<PathBuf>,
    bearer_token_env: Option<String>,
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    insecure_skip_verify: Option<bool>,
    connect_to: Option<String>,
    proxy_url: Option<String>,
    proxy_auth: Option<BasicAuth>,
    no_proxy: Vec<String>,
    ip_protocol: Option<IpProtocol>,
    source_address: Option<String>,
    signed_url: Option<UrlSigningKeys>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BasicAuth {
    username: String,
    password: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
}

/// Origin of a catalogue, which decides where its entries may take passwords, tokens, keys and header values from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SecretSource<'a> {
    /// In the catalogue's file itself, in files whose paths are relative to this folder, or in environment variables.
    File(&'a Path, &'a SecretPlaces),
    /// In files below the folder of these places, or in environment variables: the catalogue is in a database.
    Database(&'a SecretPlaces),
}

/// Secret files of one load. Each is read once, however many channels name it.
pub(crate) struct SecretFiles<'a> {
    source: SecretSource<'a>,
    read: HashMap<PathBuf, Result<String, String>>,
}

impl<'a> SecretFiles<'a> {
    pub(super) fn new(source: SecretSource<'a>) -> Self {
        Self { source, read: HashMap::new() }
    }

    /// Makes the secret files that rows of a database may name.
    pub(crate) fn of_database(places: &'a SecretPlaces) -> Self {
        Self::new(SecretSource::Database(places))
    }

    /// Text of the secret file `path`, without the line end that editors add.
    pub(super) fn get(&mut self, path: &Path) -> Result<String, String> {
        let path = self.locate(path)?;
        let read = self.read.entry(path.clone()).or_insert_with_key(|path| read_secret(path)).clone();
        read.map_err(|why| if self.is_database() { why } else { format!("{} {why}", path.display()) })
    }

    /// The existing file that `path` names.
    fn locate(&self, path: &Path) -> Result<PathBuf, String> {
        let found = match self.source {
            SecretSource::File(folder, _) => folder.join(path),
            SecretSource::Database(places) => within(places.folder.as_deref(), path)?,
        };
        match self.source {
            _ if found.is_file() => Ok(found),
            SecretSource::File(..) => Err(format!("there is no file {}", found.display())),
            SecretSource::Database(_) => Err(NO_SECRET.to_owned()),
        }
    }

    /// Value of the environment variable `name`.
    fn variable(&self, name: &str) -> Result<String, String> {
        match self.source {
            SecretSource::File(_, places) | SecretSource::Database(places) => places.variable(name),
        }
    }

    fn is_database(&self) -> bool {
        matches!(self.source, SecretSource::Database(_))
    }
}

/// The file `path` below `folder`, wherever its links lead.
fn within(folder: Option<&Path>, path: &Path) -> Result<PathBuf, String> {
    let folder =
        folder.ok_or("needs `catalog.secrets` in exporter.yml: the folder with the files that channels may name")?;
    if path.as_os_str().is_empty() || path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err("must be a path below the folder `catalog.secrets`, such as packager-01/password".to_owned());
    }
    let file = folder.join(path);
    let real = |path: &Path| path.canonicalize().map_err(|_| NO_SECRET.to_owned());
    if real(&file)?.starts_with(real(folder)?) {
        Ok(file)
    } else {
        Err("leads out of the folder `catalog.secrets`".to_owned())
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let text = read_text(path, MAX_SECRET_BYTES)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Keys of a request section that say which credentials are sent.
const AUTH_KEYS: [&str; 4] = ["basic_auth", "bearer_token", "bearer_token_file", "bearer_token_env"];

/// Returns the keys `below`, over which `own` will be merged, without what the request section of `own` takes the place of: credentials of
/// another kind, and credentials and a user agent that `own` gives as a header.
pub(super) fn without_replaced(own: &Node, below: &Node) -> Node {
    let (Some(written), Some(section)) = (own.get("request"), below.get("request")) else { return below.clone() };
    // `null` takes only what has its own name.
    let is_set = |node: &Node| !matches!(node.value, Value::Null);
    let headers = HEADER_SECTIONS.iter().filter_map(|key| written.get(key)).flat_map(Node::entries);
    let headers: Vec<String> =
        headers.filter(|(_, node)| is_set(node)).map(|(key, _)| key.name.to_ascii_lowercase()).collect();
    let has = |name: &str| headers.iter().any(|header| header == name);
    let is_authorized = has("authorization") || AUTH_KEYS.iter().any(|key| written.get(key).is_some_and(is_set));
    let replaced_auth = AUTH_KEYS.into_iter().filter(|key| is_authorized && written.get(key).is_none());
    let replaced: Vec<&str> = replaced_auth.chain(has("user-agent").then_some("user_agent")).collect();
    let kept = |(key, node): &(Key, Node)| {
        let node = if key.name == "request" { section.without(&replaced) } else { node.clone() };
        (key.clone(), node)
    };
    match below.value {
        _ if replaced.is_empty() => below.clone(),
        _ => Node { at: below.at, value: Value::Map(below.entries().iter().map(kept).collect()) },
    }
}

/// Checks the section and turns it into request settings; `node` is the section, for the positions of faults.
pub(super) fn request_settings(
    written: &RequestKeys,
    node: &Node,
    secrets: &mut SecretFiles<'_>,
) -> Result<RequestSettings, Vec<Fault>> {
    let mut reader = Reader { node, secrets, faults: Vec::new() };
    let settings = RequestSettings {
        headers: reader.headers(written),
        user_agent: reader.user_agent(written),
        auth: reader.auth(written),
        signing: reader.signing(written),
        page_origin: None,
        connection: ConnectionSettings {
            connect_to: reader.connect_to(written),
            server_name: reader.server_name(written),
            own_host: None,
            own_port: None,
            ca_file: reader.file("ca_file", written.ca_file.as_deref()),
            identity: reader.identity(written),
            insecure_skip_verify: written.insecure_skip_verify,
            proxy: reader.proxy(written),
            ip_protocol: written.ip_protocol,
            source_address: reader.source_address(written),
        },
    };
    if reader.faults.is_empty() { Ok(settings) } else { Err(reader.faults) }
}

/// Reads the keys of one section, and collects their faults.
struct Reader<'r, 's> {
    node: &'r Node,
    secrets: &'r mut SecretFiles<'s>,
    faults: Vec<Fault>,
}

impl Reader<'_, '_> {
    /// The value, or a fault at the key `key`.
    fn take<T>(&mut self, key: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|why| self.faults.push(Fault::value(self.node.index_of(key), why))).ok()
    }

    fn headers(&mut self, written: &RequestKeys) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, value) in written.headers.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            let twice = headers.iter().any(|(other, _): &(String, String)| other.eq_ignore_ascii_case(name));
            let checked = match self.secrets.is_database()
                && !OPEN_HEADERS.contains(&name.to_ascii_lowercase().as_str())
            {
                true => Err("would stand readable in the database; name a file with it in `header_files`".to_owned()),
                false if twice => {
                    Err("is given twice: names of headers are the same in upper and lower case".to_owned())
                }
                false => check_header(name, value),
            };
            headers.extend(self.header("headers", name, checked.map(|()| value.clone())));
        }
        for (name, file) in written.header_files.iter().filter_map(|(name, file)| Some((name, file.as_ref()?))) {
            let twice = headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            let value = match twice {
                true => Err("is given in `headers` too; keep one of them".to_owned()),
                false => self.secrets.get(file).and_then(|value| check_header(name, &value).map(|()| value)),
            };
            headers.extend(self.header("header_files", name, value));
        }
        for (name, variable) in written.header_env.iter().filter_map(|(name, named)| Some((name, named.as_ref()?))) {
            let twice = headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            let value = match twice {
                true => Err("is given in `headers` or `header_files` too; keep one of them".to_owned()),
                false => self.secrets.variable(variable).and_then(|value| check_header(name, &value).map(|()| value)),
            };
            headers.extend(self.header("header_env", name, value));
        }
        headers
    }

    fn header(&mut self, section: &str, name: &str, value: Result<String, String>) -> Option<(String, String)> {
        let at = self.node.get(section).map_or(self.node.at, |headers| headers.index_of(name));
        value.map(|value| (name.to_owned(), value)).map_err(|why| self.faults.push(Fault::value(at, why))).ok()
    }

    fn user_agent(&mut self, written: &RequestKeys) -> Option<String> {
        let agent = written.user_agent.clone()?;
        let good = !agent.is_empty() && HeaderValue::from_str(&agent).is_ok();
        self.take("user_agent", if good { Ok(agent) } else { Err("must be printable text of one line".to_owned()) })
    }

    fn auth(&mut self, written: &RequestKeys) -> Option<Auth> {
        let read = auth(written, self.node, self.secrets);
        read.unwrap_or_else(|fault| {
            self.faults.push(fault);
            None
        })
    }

    fn signing(&mut self, written: &RequestKeys) -> Option<UrlSigning> {
        let section = self.node.get("signed_url").unwrap_or(self.node);
        let read = url_signing(written.signed_url.as_ref()?, section, self.secrets);
        read.map_err(|faults| self.faults.extend(faults)).ok()
    }

    fn file(&mut self, key: &str, path: Option<&Path>) -> Option<PathBuf> {
        let located = self.secrets.locate(path?);
        self.take(key, located)
    }

    fn identity(&mut self, written: &RequestKeys) -> Option<ClientIdentity> {
        let missing = match (&written.cert_file, &written.key_file) {
            (Some(_), None) => Some(("cert_file", "needs `key_file`, the certificate's private key")),
            (None, Some(_)) => Some(("key_file", "needs `cert_file`, the key's certificate")),
            _ => None,
        };
        if let Some((key, why)) = missing {
            return self.take(key, Err(why.to_owned()));
        }
        let cert_file = self.file("cert_file", written.cert_file.as_deref());
        let key_file = self.file("key_file", written.key_file.as_deref());
        Some(ClientIdentity { cert_file: cert_file?, key_file: key_file? })
    }

    fn connect_to(&mut self, written: &RequestKeys) -> Option<ConnectTo> {
        let parsed = ConnectTo::parse(written.connect_to.as_deref()?);
        let allowed = parsed.and_then(|to| match to.address().map(classify) {
            Some(AddressClass::Never(what)) => Err(format!("{to} is {what}, which is never probed")),
            _ => Ok(to),
        });
        self.take("connect_to", allowed)
    }

    fn server_name(&mut self, written: &RequestKeys) -> Option<String> {
        let name = written.server_name.as_deref()?;
        let valid = match rustls_pki_types::ServerName::try_from(name) {
            Ok(_) => Ok(name.to_owned()),
            Err(_) => Err("must be a host name or an address, without port".to_owned()),
        };
        self.take("server_name", valid)
    }

    fn source_address(&mut self, written: &RequestKeys) -> Option<IpAddr> {
        let text = written.source_address.as_deref()?;
        let parsed = text.parse().map_err(|_| "must be an IP address of this machine, such as 10.0.0.2".to_owned());
        self.take("source_address", parsed)
    }

    fn proxy(&mut self, written: &RequestKeys) -> Option<ProxySettings> {
        let Some(text) = &written.proxy_url else {
            let others = [("proxy_auth", written.proxy_auth.is_some()), ("no_proxy", !written.no_proxy.is_empty())];
            for (key, _) in others.into_iter().filter(|(_, set)| *set) {
                self.take::<()>(key, Err("needs `proxy_url`".to_owned()));
            }
            return None;
        };
        let proxy_url = self.take("proxy_url", proxy_url(text));
        let proxy_auth = written
            .proxy_auth
            .as_ref()
            .map(|basic| basic_auth(basic, self.node.get("proxy_auth").unwrap_or(self.node), self.secrets));
        let proxy_auth = proxy_auth.transpose().unwrap_or_else(|fault| {
            self.faults.push(fault);
            None
        });
        let no_proxy = self.take("no_proxy", check_no_proxy(&written.no_proxy));
        Some(ProxySettings { proxy_url: proxy_url?, proxy_auth, no_proxy: no_proxy? })
    }
}

fn proxy_url(text: &str) -> Result<Url, String> {
    let wrong = "must be http://host:port or socks5://host:port";
    let url = Url::parse(text).map_err(|_| wrong.to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials don't belong into a URL; set proxy_auth".to_owned());
    }
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !bare || !matches!(url.scheme(), "http" | "socks5") || url.port() == Some(0) {
        return Err(wrong.to_owned());
    }
    // A scheme that browsers don't know leaves an address unparsed.
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(wrong)?;
    let address: Option<IpAddr> = match Host::parse(host).map_err(|_| wrong)? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    };
    match address.map(classify) {
        Some(AddressClass::Never(what)) => Err(format!("{host} is {what}, which is never asked")),
        _ => Ok(url),
    }
}

fn check_no_proxy(hosts: &[String]) -> Result<Vec<String>, String> {
    match hosts.iter().find(|host| !is_no_proxy_entry(host)) {
        _ if hosts.len() > MAX_NO_PROXY => {
            Err(format!("has {} hosts; at most {MAX_NO_PROXY} are allowed", hosts.len()))
        }
        Some(host) => {
            let shown = packager_media::redact::escape(host, 64);
            Err(format!(
                "`{shown}` has no effect: write example.net (with all names below it), 10.0.0.5, 10.0.0.0/8 or *"
            ))
        }
        None => Ok(hosts.to_vec()),
    }
}

/// Whether an entry of `no_proxy` can be that of a URL's host: a name without port and wildcard, an address without
/// brackets, a network, or `*`.
fn is_no_proxy_entry(entry: &str) -> bool {
    if entry == "*" || entry.parse::<IpAddr>().is_ok() || entry.parse::<ipnet::IpNet>().is_ok() {
        return true;
    }
    let name = entry.strip_prefix('.').unwrap_or(entry);
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    // A name that ends in a number is an address in a URL.
    let ends_in_number = name.rsplit('.').next().is_some_and(|label| label.chars().all(|c| c.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(is_label) && !ends_in_number
}

/// Whether a value is what stands in place of a secret in everything that clients read.
fn is_placeholder(value: &str) -> bool {
    matches!(value, HIDDEN | "<secret>")
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
    if is_placeholder(value) {
        return Err(format!("`{value}` {PLACEHOLDER}"));
    }
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "is not a header's name".to_owned())?;
    HeaderValue::from_str(value).map_err(|_| "a header's value is printable text of one line".to_owned())?;
    let ours = ["host", "range", "accept-encoding", "connection", "content-length", "transfer-encoding"];
    if ours.contains(&name.to_ascii_lowercase().as_str()) {
        return Err("is set by the exporter itself".to_owned());
    }
    Ok(())
}

fn auth(written: &RequestKeys, node: &Node, secrets: &mut SecretFiles<'_>) -> Result<Option<Auth>, Fault> {
    let ways = [
        ("basic_auth", written.basic_auth.is_some()),
        ("bearer_token", written.bearer_token.is_some()),
        ("bearer_token_file", written.bearer_token_file.is_some()),
        ("bearer_token_env", written.bearer_token_env.is_some()),
    ];
    let mut set = ways.iter().filter(|(_, set)| *set).map(|(key, _)| *key);
    let first = set.next();
    if let (Some(first), Some(second)) = (first, set.next()) {
        let message = format!("`{first}` is set too; keep one of them");
        return Err(Fault::value(node.index_of(second), message));
    }
    if let Some(basic) = &written.basic_auth {
        return self::basic_auth(basic, node.get("basic_auth").unwrap_or(node), secrets).map(Some);
    }
    if written.bearer_token.is_some() && secrets.is_database() {
        let why = "would stand readable in the database; name a file with it in `bearer_token_file`";
        return Err(Fault::value(node.index_of("bearer_token"), why));
    }
    let (at, token) = match (&written.bearer_token, &written.bearer_token_file, &written.bearer_token_env) {
        (Some(token), ..) => ("bearer_token", Ok(token.clone())),
        (None, Some(path), _) => ("bearer_token_file", secrets.get(path)),
        (None, None, Some(variable)) => ("bearer_token_env", secrets.variable(variable)),
        (None, None, None) => return Ok(None),
    };
    let token = token.map_err(|why| Fault::value(node.index_of(at), why))?;
    if token.is_empty() || HeaderValue::from_str(&token).is_err() {
        return Err(Fault::value(node.index_of(at), "a token is printable text of one line"));
    }
    Ok(Some(Auth::Bearer { token }))
}

fn basic_auth(basic: &BasicAuth, node: &Node, secrets: &mut SecretFiles<'_>) -> Result<Auth, Fault> {
    let username = basic.username.clone();
    if is_placeholder(&username) {
        return Err(Fault::value(node.index_of("username"), format!("`{username}` {PLACEHOLDER}")));
    }
    if username.is_empty() || username.contains(':') {
        return Err(Fault::value(node.index_of("username"), "needs a `username` without a colon"));
    }
    let given = [basic.password.is_some(), basic.password_file.is_some(), basic.password_env.is_some()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        let at = if basic.password_env.is_some() { "password_env" } else { "password_file" };
        let why = "is given beside another password; keep one of `password`, `password_file` and `password_env`";
        return Err(Fault::value(node.index_of(at), why));
    }
    if let Some(variable) = &basic.password_env {
        let password = secrets.variable(variable).map_err(|why| Fault::value(node.index_of("password_env"), why))?;
        return Ok(Auth::Basic { username, password });
    }
    let password = match (&basic.password, &basic.password_file) {
        (Some(_), _) if secrets.is_database() => {
            let why = "would stand readable in the database; name a file with it in `password_file`";
            return Err(Fault::value(node.index_of("password"), why));
        }
        (Some(password), _) => password.clone(),
        (None, Some(path)) => secrets.get(path).map_err(|why| Fault::value(node.index_of("password_file"), why))?,
        (None, None) => return Err(Fault::value(node.at, "needs `password`, `password_file` or `password_env`")),
    };
    Ok(Auth::Basic { username, password })
}
