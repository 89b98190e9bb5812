//! The exporter's own settings (config/exporter.yml), and the configuration in force.
//!
//! An unknown key is an error with file, line and the nearest known name.

mod influxdb;
mod inspector;
mod live;
mod load;
#[cfg(test)]
mod tests;
mod zabbix;

pub use influxdb::InfluxdbSettings;
pub use inspector::{ChannelDefaults, FieldNames, InspectorSettings, MappingRule, OwnedKey, Set};
pub use live::{ConfigHandle, Reload};
pub use load::{Config, ConfigPaths, DEFAULT_FILE, load};
pub use zabbix::ZabbixSettings;

use crate::document::{BitRate, Fault, Node};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// Settings of exporter.yml. Every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExporterSettings {
    pub fetch: FetchSettings,
    pub probe: ProbeSettings,
    pub history: HistorySettings,
    pub catalog: CatalogSettings,
    pub influxdb: InfluxdbSettings,
    pub zabbix: ZabbixSettings,
    /// Inspector LIVE servers whose programs become channels of the database.
    pub inspector_live: Vec<InspectorSettings>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// Largest number of probes at the same time. A further probe waits for a while, and is then refused with 503.
    pub max_in_flight: usize,
    /// Largest number of segments that one probe downloads, over all renditions and outputs, whatever the template
    /// asks for.
    pub max_segments: usize,
    /// Bit rate that the outputs of all channels whose templates have the mode `heads` may take together, by the bit rates that their
    /// manifests declare. `None`: only the templates' budgets count.
    pub budget: Option<BitRate>,
    pub url_targets: UrlTargets,
}

/// Settings of probes by URL (`target=http://…`) of streams that are in no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UrlTargets {
    pub enabled: bool,
    /// Hosts that URLs may have: host names such as `packager-01.internal`, addresses, or `*.example.net` for every
    /// name below `example.net`.
    pub allowed_hosts: Vec<String>,
    /// Name of the template that is used for requests that name none.
    pub template: String,
    /// Whether probes by URL send the credentials of their template. Only a person at a terminal may choose where they go.
    #[serde(skip)]
    pub with_credentials: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySettings {
    /// Largest number of outputs whose history is kept. The output that was not probed for longest is forgotten
    /// first.
    pub max_outputs: usize,
}

/// Paths of the catalogue's files, relative to the folder of exporter.yml, and what a change of them may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogSettings {
    /// Path of the channels' file. `None`: `channels.yml`, if it exists.
    pub channels: Option<PathBuf>,
    /// Path of the templates' file. `None`: `templates.yml`, if it exists.
    pub templates: Option<PathBuf>,
    /// Folder of the secret files that channels and templates of a database may name. `None`: they may name none.
    pub secrets: Option<PathBuf>,
    /// Beginning of the names of the environment variables that channels and templates may name, at least 3 characters.
    /// `None`: they may name none.
    pub secret_variables: Option<String>,
    /// Largest share of the enabled channels that a changed file may take away without an explicit reload, from 0 to 1.
    pub max_removed: f64,
}

/// Bounds and settings of all HTTP requests to channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FetchSettings {
    /// Whether private, loopback and unique-local addresses may be probed. Requests to link-local and metadata
    /// addresses are never sent.
    pub allow_private_addresses: bool,
    pub max_manifest_bytes: u64,
    pub max_segment_bytes: u64,
    pub max_redirects: u32,
    pub max_connections_per_host: usize,
    /// Longest time for connecting to a server, in seconds.
    pub connect_timeout: f64,
    /// Time in seconds after which a connection is closed with its next answer. Then another is opened, as new viewers open theirs: with
    /// the server's present certificate, at its present address.
    pub max_connection_age: f64,
    pub user_agent: String,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            allow_private_addresses: true,
            max_manifest_bytes: 8 << 20,
            max_segment_bytes: 256 << 20,
            max_redirects: 5,
            max_connections_per_host: 64,
            connect_timeout: 3.0,
            max_connection_age: 120.0,
            user_agent: concat!("packager_exporter/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { max_in_flight: 200, max_segments: 500, budget: None, url_targets: UrlTargets::default() }
    }
}

impl Default for UrlTargets {
    fn default() -> Self {
        Self {
            enabled: false,
            allowed_hosts: Vec::new(),
            template: crate::catalog::BUILT_IN.to_owned(),
            with_credentials: false,
        }
    }
}

impl Default for CatalogSettings {
    fn default() -> Self {
        Self { channels: None, templates: None, secrets: None, secret_variables: None, max_removed: 0.2 }
    }
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self { max_outputs: 20_000 }
    }
}

impl UrlTargets {
    /// Returns whether `url` may be the target of a probe.
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let plain = url.username().is_empty() && url.password().is_none();
        self.enabled
            && matches!(url.scheme(), "http" | "https")
            && plain
            && self.allowed_hosts.iter().any(|p| host_matches(p, host))
    }
}

/// Returns whether `host` matches `pattern`. `*.example.net` matches every name below `example.net`, not `example.net`
/// itself.
fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        // The URL's host is in lower case already.
        Some(below) => host.len() > below.len() && host.ends_with(&below.to_ascii_lowercase()),
        None => host.eq_ignore_ascii_case(pattern),
    }
}

impl ExporterSettings {
    /// Returns a fault for each value that has the right type and is outside of its range.
    fn faults(&self, root: &Node) -> Vec<Fault> {
        let mut faults = Vec::new();
        let whole = [
            ("fetch", "max_manifest_bytes", self.fetch.max_manifest_bytes, 1024, 1 << 30),
            ("fetch", "max_segment_bytes", self.fetch.max_segment_bytes, 1024, 16 << 30),
            ("fetch", "max_redirects", self.fetch.max_redirects.into(), 0, 20),
            ("fetch", "max_connections_per_host", self.fetch.max_connections_per_host as u64, 1, 10_000),
            ("probe", "max_in_flight", self.probe.max_in_flight as u64, 1, 100_000),
            ("probe", "max_segments", self.probe.max_segments as u64, 1, 100_000),
            ("history", "max_outputs", self.history.max_outputs as u64, 1, 1_000_000),
        ];
        for (section, key, value, least, most) in whole {
            if !(least..=most).contains(&value) {
                faults.push(fault_at(root, &[section, key], format!("is {value}; allowed is {least} to {most}")));
            }
        }
        let removed = self.catalog.max_removed;
        if !(0.0..=1.0).contains(&removed) {
            let message = format!("is {removed}; it must be a share from 0 to 1");
            faults.push(fault_at(root, &["catalog", "max_removed"], message));
        }
        if self.catalog.secret_variables.as_ref().is_some_and(|prefix| !is_variable_prefix(prefix)) {
            let message = "must be the beginning of names, at least 3 letters, digits or `_`, such as PACKAGER_SECRET_";
            faults.push(fault_at(root, &["catalog", "secret_variables"], message.to_owned()));
        }
        let timeout = self.fetch.connect_timeout;
        if !(0.05..=60.0).contains(&timeout) {
            let message = format!("is {timeout}; allowed is 0.05 to 60 seconds");
            faults.push(fault_at(root, &["fetch", "connect_timeout"], message));
        }
        let age = self.fetch.max_connection_age;
        if !(1.0..=86_400.0).contains(&age) {
            let message = format!("is {age}; allowed is 1 to 86400 seconds");
            faults.push(fault_at(root, &["fetch", "max_connection_age"], message));
        }
        if self.fetch.user_agent.is_empty() || HeaderValue::from_str(&self.fetch.user_agent).is_err() {
            faults.push(fault_at(root, &["fetch", "user_agent"], "must be printable text of one line".to_owned()));
        }
        faults.extend(self.probe.url_targets.faults(root));
        faults.extend(self.zabbix.faults(root));
        faults
    }
}

impl UrlTargets {
    fn faults(&self, root: &Node) -> Vec<Fault> {
        let path = ["probe", "url_targets", "allowed_hosts"];
        let mut faults = Vec::new();
        if self.enabled && self.allowed_hosts.is_empty() {
            let message = "URL targets need `allowed_hosts`, or anybody could make the exporter ask any host";
            faults.push(fault_at(root, &path, message.to_owned()));
        }
        for pattern in self.allowed_hosts.iter().filter(|p| !is_host_pattern(p)) {
            let shown = pattern.escape_debug();
            let message = format!("`{shown}` is not a host: write packager-01.internal, 10.0.0.5 or *.example.net");
            faults.push(fault_at(root, &path, message));
        }
        faults
    }
}

/// Returns whether `pattern` is a host name or address without port and path, with `*.` only at its beginning.
fn is_host_pattern(pattern: &str) -> bool {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(['*', '/', '@', '?', '#'])
        && url::Host::parse(name).is_ok()
}

/// Returns whether a text is the beginning of environment variables' names that leaves most variables out.
fn is_variable_prefix(prefix: &str) -> bool {
    prefix.len() >= 3 && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Makes a fault at the deepest node of `path` that the configuration file has.
fn fault_at(root: &Node, path: &[&str], message: String) -> Fault {
    let node = path.iter().try_fold(root, |node, key| node.get(key).ok_or(node));
    let missing = path.last().filter(|_| node.is_err());
    let at = node.unwrap_or_else(|deepest| deepest).at;
    Fault::value(at, missing.map_or(message.clone(), |key| format!("`{key}`: {message}")))
}
