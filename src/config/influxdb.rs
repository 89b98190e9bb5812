//! Settings of the InfluxDB output: version 2 (organization, bucket, token) or version 1 (database, user, password).

use crate::document::{Fault, Node, read_text};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

const ORG: &str = "fpt-play";
const BUCKET: &str = "packager_metrics";
const MAX_SECRET_BYTES: u64 = 64 << 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InfluxdbSettings {
    /// Base URL of the InfluxDB server, such as `http://influxdb:8086`. `None`: no report is written.
    pub url: Option<Url>,
    /// Organization of InfluxDB 2. It is ignored if `database` is set.
    pub org: String,
    pub bucket: String,
    pub token_file: Option<PathBuf>,
    /// Database of InfluxDB 1, used in place of `org` and `bucket`. `None`: InfluxDB 2 is used.
    pub database: Option<String>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// Largest number of probe reports that wait while InfluxDB is unreachable; further reports are dropped and
    /// counted.
    pub queue_probes: usize,
    /// Token or password of InfluxDB, read from a file or an environment variable. It is never serialized in the clear.
    #[serde(skip_deserializing, skip_serializing_if = "Secret::is_empty")]
    secret: Secret,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Secret(String);

impl Secret {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<secret>")
    }
}

impl Default for InfluxdbSettings {
    fn default() -> Self {
        Self {
            url: None,
            org: ORG.to_owned(),
            bucket: BUCKET.to_owned(),
            token_file: None,
            database: None,
            username: None,
            password_file: None,
            queue_probes: 10_000,
            secret: Secret::default(),
        }
    }
}

impl InfluxdbSettings {
    /// Returns the URL to which batches of lines are posted, with nanosecond precision. `None`: no `url` is set.
    #[must_use]
    pub fn write_url(&self) -> Option<Url> {
        let mut url = self.url.clone()?;
        let (path, pairs) = match &self.database {
            Some(database) => ("write", vec![("db", database.as_str())]),
            None => ("api/v2/write", vec![("org", self.org.as_str()), ("bucket", self.bucket.as_str())]),
        };
        url.path_segments_mut().ok()?.pop_if_empty().extend(path.split('/'));
        url.query_pairs_mut().extend_pairs(pairs).append_pair("precision", "ns");
        Some(url)
    }

    /// Returns the value of the Authorization header. `None`: no token or user is set.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        let secret = &self.secret.0;
        match (&self.username, &self.database) {
            (Some(user), Some(_)) => Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{secret}")))),
            _ => (!secret.is_empty()).then(|| format!("Token {secret}")),
        }
    }

    /// Reads the secret from its file, relative to `folder`, and takes settings that the file doesn't set from the
    /// environment variables `INFLUXDB_URL`, `INFLUXDB_TOKEN`, `INFLUXDB_ORG` and `INFLUXDB_BUCKET`.
    pub(super) fn complete(&mut self, folder: &Path, variables: &BTreeMap<String, String>, root: &Node) -> Vec<Fault> {
        let section = root.get("influxdb");
        let at = |key: &str| section.map_or(root.at, |s| s.index_of(key));
        let said = |key: &str| section.is_some_and(|s| s.get(key).is_some());
        let variable = |name: &str| variables.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
        let mut faults = Vec::new();
        if !said("url")
            && let Some(text) = variable("INFLUXDB_URL")
        {
            match Url::parse(text) {
                Ok(url) => self.url = Some(url),
                Err(e) => faults.push(Fault::value(root.at, format!("INFLUXDB_URL is not a URL: {e}"))),
            }
        }
        for (key, name, own) in
            [("org", "INFLUXDB_ORG", &mut self.org), ("bucket", "INFLUXDB_BUCKET", &mut self.bucket)]
        {
            if let Some(value) = variable(name).filter(|_| !said(key)) {
                value.clone_into(own);
            }
        }
        let is_plain = |u: &Url| u.username().is_empty() && u.password().is_none() && u.query().is_none();
        if self.url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https") || !is_plain(url)) {
            let message = "must begin with http:// or https:// and hold no user, no password and no query; \
                           use `username` and `password_file`, or `token_file`";
            faults.push(Fault::value(at("url"), message));
        }
        if !(1..=1_000_000).contains(&self.queue_probes) {
            faults.push(Fault::value(at("queue_probes"), "must be 1 to 1000000"));
        }
        let (key, file) = match &self.database {
            Some(_) => ("password_file", &self.password_file),
            None => ("token_file", &self.token_file),
        };
        match file.as_ref().map(|file| read_text(&folder.join(file), MAX_SECRET_BYTES)) {
            Some(Ok(text)) => self.secret = Secret(text.trim_end_matches(['\r', '\n']).to_owned()),
            Some(Err(why)) => faults.push(Fault::value(at(key), format!("the file {why}"))),
            None => self.secret = Secret(variable("INFLUXDB_TOKEN").unwrap_or_default().to_owned()),
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Value;

    #[test]
    fn the_shipped_file_leaves_every_environment_variable_in_force() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exporter.yml");
        let variables = [("URL", "http://i:8086"), ("ORG", "noc"), ("BUCKET", "probes"), ("TOKEN", "t0ken")];
        let variables = variables.map(|(name, value)| (format!("INFLUXDB_{name}"), value.to_owned()));
        let source = crate::config::ConfigPaths { file: Some(shipped), variables: variables.into() };
        let loaded = crate::config::load(&source).unwrap().exporter.influxdb;
        let url = loaded.url.as_ref().map(Url::as_str);
        assert_eq!((url, loaded.org.as_str(), loaded.bucket.as_str()), (Some("http://i:8086/"), "noc", "probes"));
        assert_eq!(loaded.authorization().as_deref(), Some("Token t0ken"));
    }

    #[test]
    fn a_url_holds_no_user_and_no_password() {
        let faults = |url: &str| {
            let mut settings = InfluxdbSettings { url: Some(Url::parse(url).unwrap()), ..InfluxdbSettings::default() };
            settings.complete(Path::new("."), &BTreeMap::new(), &Node::synthetic(Value::Null)).len()
        };
        assert_eq!((faults("http://h:8086/base"), faults("https://h")), (0, 0));
        for bad in ["http://u@h", "http://:s3cret@h", "http://u:s3cret@h", "ftp://h"] {
            assert_eq!(faults(bad), 1, "{bad}");
        }
    }

    #[test]
    fn each_version_has_its_url_and_credentials() {
        let url = Some(Url::parse("http://influx:8086/base/").unwrap());
        let two = InfluxdbSettings { url: url.clone(), secret: Secret("t".into()), ..InfluxdbSettings::default() };
        let written = two.write_url().unwrap();
        assert_eq!(
            written.as_str(),
            "http://influx:8086/base/api/v2/write?org=fpt-play&bucket=packager_metrics&precision=ns"
        );
        assert_eq!(two.authorization().as_deref(), Some("Token t"));
        let one = InfluxdbSettings { database: Some("db 1".into()), username: Some("u".into()), ..two.clone() };
        assert_eq!(one.write_url().unwrap().as_str(), "http://influx:8086/base/write?db=db+1&precision=ns");
        assert_eq!(one.authorization().as_deref(), Some("Basic dTp0"));
        assert_eq!(InfluxdbSettings { url, ..InfluxdbSettings::default() }.authorization(), None);
        assert!(
            !format!("{two:?}").contains("Secret(\"t\")") && !serde_yaml::to_string(&two).unwrap().contains(": t\n")
        );
    }
}
