//! Channels and templates as YAML and as gauges, with secrets redacted.

use super::secret_references::HIDDEN;
use super::{CatalogSnapshot, Template};
use crate::checks::CHECKS;
use packager_media::redact;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use url::Url;

const REDACTED: &str = "<secret>";

/// Serializes the path of a secret file: where secrets are is nobody's business who reads `/config` or a report.
pub(super) fn path<S: Serializer>(_: &Path, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(HIDDEN)
}

pub(super) fn optional_path<S: Serializer>(path: &Option<PathBuf>, s: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|_| HIDDEN).serialize(s)
}

pub(super) fn headers<S: Serializer>(headers: &[(String, String)], s: S) -> Result<S::Ok, S::Error> {
    let mut map = s.serialize_map(Some(headers.len()))?;
    for (name, _) in headers {
        map.serialize_entry(name, REDACTED)?;
    }
    map.end()
}

pub(super) fn url<S: Serializer>(url: &Url, s: S) -> Result<S::Ok, S::Error> {
    redact::url(url).replace(redact::REDACTED, REDACTED).serialize(s)
}

impl CatalogSnapshot {
    /// Returns the templates and the channels as two YAML sections, with secrets redacted.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        #[derive(Serialize)]
        struct CatalogYaml<'a> {
            templates: BTreeMap<&'a str, &'a Template>,
            channels: BTreeMap<&'a str, &'a super::Channel>,
        }
        yaml(&CatalogYaml {
            templates: self.templates.iter().map(|(name, t)| (name.as_str(), &**t)).collect(),
            channels: self.channels.iter().map(|(code, c)| (code.as_str(), &**c)).collect(),
        })
    }
}

impl Template {
    /// Returns the effective template as YAML, under its name and with every key, in a form that can be pasted into
    /// templates.yml.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml(&BTreeMap::from([(&self.name, self)]))
    }

    /// Returns every numeric threshold of a template: its own thresholds by their keys, the parameters of enabled
    /// checks as `<check>_<parameter>`.
    #[must_use]
    pub fn numeric_thresholds(&self) -> Vec<(String, f64)> {
        let mut numbers = numbers_in("", &self.thresholds);
        let checks = serde_json::to_value(&self.checks).unwrap_or_default();
        for (id, settings) in checks.as_object().into_iter().flatten() {
            if settings.get("enabled") != Some(&serde_json::Value::Bool(false)) {
                numbers.extend(numbers_in(&format!("{id}_"), settings));
            }
        }
        numbers
    }

    /// Returns the ids of the checks that are off with this template, by its settings or by default.
    #[must_use]
    pub fn disabled_checks(&self) -> Vec<&'static str> {
        let settings = serde_json::to_value(&self.checks).unwrap_or_default();
        let off = |id: &str| settings.pointer(&format!("/{id}/enabled")) == Some(&serde_json::Value::Bool(false));
        CHECKS.iter().map(|meta| meta.id).filter(|id| off(id)).collect()
    }
}

fn numbers_in(prefix: &str, section: &impl Serialize) -> Vec<(String, f64)> {
    let section = serde_json::to_value(section).unwrap_or_default();
    let entries = section.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((format!("{prefix}{name}"), value.as_f64()?))).collect()
}

pub(super) fn yaml(value: &impl Serialize) -> String {
    serde_yaml::to_string(value).unwrap_or_else(|error| format!("# can't be shown: {error}\n"))
}
