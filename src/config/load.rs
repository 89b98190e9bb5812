//! Loads exporter.yml together with the catalogue's files that it names. A fault in one file refuses all of them.

use super::{ExporterSettings, UrlTargets, inspector};
use crate::catalog::{self, CatalogFiles, CatalogSnapshot, Channel, SecretPlaces, Template, UnknownName};
use crate::document::{self, Document, DocumentErrors, Fault, suggestion};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Path of exporter.yml when no path is given.
pub const DEFAULT_FILE: &str = "config/exporter.yml";

/// The sources of a configuration: the path of exporter.yml and the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigPaths {
    /// Path of exporter.yml, which must exist. `None`: [`DEFAULT_FILE`] is read if it exists.
    pub file: Option<PathBuf>,
    /// Environment variables by name, with their values.
    pub variables: BTreeMap<String, String>,
}

/// A whole configuration: settings, channels and templates that are valid together.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub exporter: ExporterSettings,
    pub snapshot: CatalogSnapshot,
    /// Warnings about settings that are allowed but probably not intended, one sentence each.
    pub warnings: Vec<String>,
    /// Paths of the files that the configuration was read from.
    pub files: Vec<PathBuf>,
}

/// Reads exporter.yml and the catalogue of `source`. The errors list every fault with its file, line and column.
pub fn load(source: &ConfigPaths) -> Result<Config, DocumentErrors> {
    load_with_paths(source, |_| ())
}

/// Loads a configuration like [`load`], and calls `look` with the path of each file on which the result depends, before
/// the file is read and whether or not it exists.
pub(super) fn load_with_paths(source: &ConfigPaths, mut look: impl FnMut(&Path)) -> Result<Config, DocumentErrors> {
    let file = source.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    look(file);
    let folder = file.parent().unwrap_or(Path::new(""));
    let file = (source.file.is_some() || file.exists()).then_some(file);
    let (document, mut exporter) = settings(file)?;
    let mut faults = exporter.influxdb.complete(folder, &source.variables, &document.root);
    faults.extend(inspector::complete(&mut exporter.inspector_live, folder, &document.root));
    document.errors(faults).or(())?;
    exporter.catalog.secrets = exporter.catalog.secrets.map(|secrets| folder.join(secrets));
    let named = |given: &Option<PathBuf>, usual: &str| folder.join(given.as_deref().unwrap_or(Path::new(usual)));
    let channels = named(&exporter.catalog.channels, "channels.yml");
    let templates = named(&exporter.catalog.templates, "templates.yml");
    look(&channels);
    look(&templates);
    // Without its file the catalogue may still come from the environment.
    let must = exporter.catalog.channels.is_some()
        && source.variables.get("CHANNELS").is_none_or(|codes| codes.trim().is_empty());
    let files = CatalogFiles {
        channels: Some(channels).filter(|f| must || f.exists()),
        templates: Some(templates).filter(|f| exporter.catalog.templates.is_some() || f.exists()),
    };
    let used = [file.map(Path::to_owned), files.templates.clone(), files.channels.clone()];
    let used = used.into_iter().flatten().collect();
    let catalog::LoadedCatalog { snapshot, warnings } = {
        let prefix = exporter.catalog.secret_variables.as_deref();
        let secrets = SecretPlaces::new(exporter.catalog.secrets.clone(), prefix, &source.variables);
        catalog::load(&files, &source.variables, &secrets)?
    };
    let fault = missing_template(&document, &exporter.probe.url_targets, &snapshot);
    document.errors(fault.into_iter().collect()).or(Config { exporter, snapshot, warnings, files: used })
}

fn settings(file: Option<&Path>) -> Result<(Document, ExporterSettings), DocumentErrors> {
    let Some(file) = file else {
        let nothing = Document::parse("no file".to_owned(), String::new())?;
        return Ok((nothing, ExporterSettings::default()));
    };
    let document = Document::open(file)?;
    let exporter: ExporterSettings = document::deserialize(&document.root).map_err(|faults| document.errors(faults))?;
    document.errors(exporter.faults(&document.root)).or((document, exporter))
}

fn missing_template(document: &Document, targets: &UrlTargets, snapshot: &CatalogSnapshot) -> Option<Fault> {
    if snapshot.templates.contains_key(&targets.template) {
        return None;
    }
    let names: Vec<&str> = snapshot.templates.keys().map(String::as_str).collect();
    let hint = suggestion(&targets.template, &names);
    let message = format!("there is no template `{}`", targets.template);
    Some(Fault { hint, ..super::fault_at(&document.root, &["probe", "url_targets", "template"], message) })
}

impl Config {
    /// Finds the channel and the template of a probe of `target`, which is a channel's code, or a URL if the settings
    /// allow it. Without `template` the channel's own template is used. A disabled channel may be probed: it is only
    /// left out of service discovery.
    ///
    /// # Errors
    /// Fails if there is no such channel or template, or if the settings don't allow the URL.
    pub fn find(&self, target: &str, template: Option<&str>) -> Result<(Arc<Channel>, Arc<Template>), UnknownName> {
        let channel = match Url::parse(target) {
            Ok(url) if url.has_host() => Arc::new(self.url_target(url)?),
            _ => self.snapshot.channel(target)?.clone(),
        };
        let template = self.snapshot.template(template.unwrap_or(&channel.template))?.clone();
        Ok((Arc::clone(&channel), self.with_own_credentials(template, &channel)?))
    }

    /// The template with the request settings of the channel's own template, and without credentials for a URL as the target:
    /// a caller chooses by which template a channel is judged, and never who gets its credentials.
    fn with_own_credentials(&self, template: Arc<Template>, channel: &Channel) -> Result<Arc<Template>, UnknownName> {
        let is_url = !self.snapshot.channels.contains_key(&channel.code);
        let request = if is_url && !self.exporter.probe.url_targets.with_credentials {
            template.request.without_secrets()
        } else if !is_url && template.name != channel.template {
            self.snapshot.template(&channel.template)?.request.clone()
        } else {
            return Ok(template);
        };
        Ok(Arc::new(Template { request, ..(*template).clone() }))
    }

    fn url_target(&self, url: Url) -> Result<Channel, UnknownName> {
        let targets = &self.exporter.probe.url_targets;
        if !targets.enabled {
            let how = "set probe.url_targets.enabled and allowed_hosts in exporter.yml, or name a channel's code";
            return Err(UnknownName(format!("URLs are not allowed as a target; {how}")));
        }
        if !targets.allows(&url) {
            let host = url.host_str().unwrap_or_default();
            let why =
                "is not in probe.url_targets.allowed_hosts of exporter.yml, or the URL is not plain http or https";
            return Err(UnknownName(format!("`{host}` {why}")));
        }
        Ok(Channel::of_url(url, &targets.template))
    }

    /// Returns the configuration as YAML, with all secrets redacted.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        #[derive(Serialize)]
        struct ExporterSection<'a> {
            exporter: &'a ExporterSettings,
        }
        let exporter = serde_yaml::to_string(&ExporterSection { exporter: &self.exporter });
        exporter.unwrap_or_else(|error| format!("# can't be shown: {error}\n")) + &self.snapshot.to_yaml()
    }
}
