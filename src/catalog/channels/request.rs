//! The section `request` of a channel: headers, credentials, and the certificate authority of its servers.

use crate::catalog::{Auth, RequestSettings};
use crate::document::{Fault, Node, read_text};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

const MAX_SECRET_BYTES: u64 = 64 << 10;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RequestKeys {
    headers: BTreeMap<String, Option<String>>,
    user_agent: Option<String>,
    basic_auth: Option<BasicAuth>,
    bearer_token: Option<String>,
    bearer_token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BasicAuth {
    username: String,
    password: Option<String>,
    password_file: Option<PathBuf>,
}

/// Cache of the secret files that one load of the catalogue reads: each file is read once, however many channels name
/// it.
pub(super) struct SecretFiles<'a> {
    folder: &'a Path,
    read: HashMap<PathBuf, Result<String, String>>,
}

impl<'a> SecretFiles<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, read: HashMap::new() }
    }

    /// Returns the text of the secret file `path` without the line end that editors add.
    fn get(&mut self, path: &Path) -> Result<String, String> {
        let path = self.folder.join(path);
        self.read.entry(path).or_insert_with_key(|path| read_secret(path)).clone()
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let text = read_text(path, MAX_SECRET_BYTES).map_err(|why| format!("{} {why}", path.display()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{} is empty", path.display())),
        text => Ok(text.to_owned()),
    }
}

/// Checks the section `request` of a channel and turns it into request settings. `node` is the section; faults are
/// reported at its position.
pub(super) fn request_settings(
    written: RequestKeys,
    node: &Node,
    secrets: &mut SecretFiles<'_>,
) -> Result<RequestSettings, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut headers = Vec::new();
    for (name, value) in written.headers.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let at = node.get("headers").map_or(node.at, |h| h.index_of(name));
        match check_header(name, value) {
            Ok(()) => headers.push((name.clone(), value.clone())),
            Err(why) => faults.push(Fault::value(at, why)),
        }
    }
    if written.user_agent.as_ref().is_some_and(|agent| agent.is_empty() || HeaderValue::from_str(agent).is_err()) {
        faults.push(Fault::value(node.index_of("user_agent"), "must be printable text of one line"));
    }
    let ca_file = written.ca_file.as_ref().map(|path| secrets.folder.join(path));
    if let Some(path) = ca_file.as_ref().filter(|path| !path.is_file()) {
        faults.push(Fault::value(node.index_of("ca_file"), format!("there is no file {}", path.display())));
    }
    let auth = auth(&written, node, secrets).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if faults.is_empty() {
        Ok(RequestSettings { headers, user_agent: written.user_agent, auth, ca_file })
    } else {
        Err(faults)
    }
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
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
    ];
    let mut set = ways.iter().filter(|(_, set)| *set).map(|(key, _)| *key);
    let first = set.next();
    if let (Some(first), Some(second)) = (first, set.next()) {
        let message = format!("`{first}` is set too; keep one (`{first}: null` takes that of the defaults away)");
        return Err(Fault::value(node.index_of(second), message));
    }
    if let Some(basic) = &written.basic_auth {
        return self::basic_auth(basic, node.get("basic_auth").unwrap_or(node), secrets).map(Some);
    }
    let token = match (&written.bearer_token, &written.bearer_token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(path)) => secrets.get(path).map_err(|why| Fault::value(node.index_of("bearer_token_file"), why))?,
        (None, None) => return Ok(None),
    };
    if token.is_empty() || HeaderValue::from_str(&token).is_err() {
        let at = if written.bearer_token.is_some() { "bearer_token" } else { "bearer_token_file" };
        return Err(Fault::value(node.index_of(at), "a token is printable text of one line"));
    }
    Ok(Some(Auth::Bearer { token }))
}

fn basic_auth(basic: &BasicAuth, node: &Node, secrets: &mut SecretFiles<'_>) -> Result<Auth, Fault> {
    let username = basic.username.clone();
    if username.is_empty() || username.contains(':') {
        return Err(Fault::value(node.index_of("username"), "basic_auth needs a `username` without a colon"));
    }
    let password = match (&basic.password, &basic.password_file) {
        (Some(_), Some(_)) => {
            return Err(Fault::value(node.index_of("password_file"), "`password` is set too; keep one of them"));
        }
        (Some(password), None) => password.clone(),
        (None, Some(path)) => secrets.get(path).map_err(|why| Fault::value(node.index_of("password_file"), why))?,
        (None, None) => return Err(Fault::value(node.at, "basic_auth needs `password` or `password_file`")),
    };
    Ok(Auth::Basic { username, password })
}
