//! Subcommand `check-config`: checks the configuration files, summarises what they define, and warns of settings that
//! are probably not intended.

use crate::catalog::{BUILT_IN, CatalogSnapshot, CoverageMode, Output, Template};
use crate::checks::{CHECKS, CheckGroup, CheckMeta};
use crate::config::{self, ConfigPaths};
use crate::document::DocumentErrors;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// Summary of a configuration, which is displayed as text for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub files: Vec<PathBuf>,
    pub channels: usize,
    pub enabled: usize,
    pub outputs: usize,
    /// Number of channels by template, templates without channels included.
    pub templates: BTreeMap<String, usize>,
    pub warnings: Vec<String>,
}

/// Loads the configuration as `serve` does, without any access to the network, and returns its summary.
pub(super) fn check_config(source: &ConfigPaths) -> Result<Summary, DocumentErrors> {
    let loaded = config::load(source)?;
    let snapshot = &loaded.snapshot;
    let mut templates: BTreeMap<String, usize> = snapshot.templates.keys().map(|name| (name.clone(), 0)).collect();
    for channel in snapshot.channels.values() {
        *templates.entry(channel.template.clone()).or_default() += 1;
    }
    let mut warnings = loaded.warnings.clone();
    warnings.extend(channel_warnings(snapshot));
    warnings.extend(template_warnings(snapshot, &templates, &loaded.exporter.probe.url_targets.template));
    Ok(Summary {
        files: loaded.files.clone(),
        channels: snapshot.channels.len(),
        enabled: snapshot.channels.values().filter(|c| c.enabled).count(),
        outputs: snapshot.channels.values().map(|c| c.outputs.len()).sum(),
        templates,
        warnings,
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}: ok", file.display())?;
        }
        if self.files.is_empty() {
            writeln!(f, "no files: everything is at its default or from the environment")?;
        }
        writeln!(f, "{} channels ({} enabled) with {} outputs", self.channels, self.enabled, self.outputs)?;
        for (name, channels) in &self.templates {
            writeln!(f, "template {name}: {channels} channels")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

fn channel_warnings(snapshot: &CatalogSnapshot) -> Vec<String> {
    let mut warnings = Vec::new();
    if snapshot.channels.is_empty() {
        warnings.push("no channels; list them in channels.yml, or set PACKAGER_URL and CHANNELS".to_owned());
    }
    let mut first: BTreeMap<(&str, String), String> = BTreeMap::new();
    for channel in snapshot.channels.values() {
        for output in &channel.outputs {
            let own = format!("output {} of channel {}", output.name, channel.code);
            let asked = Output { name: String::new(), ..output.clone() };
            // Two edges of a network have the same URL, and each its own address.
            match first.entry((output.url.as_str(), format!("{asked:?}"))) {
                Entry::Occupied(other) => warnings.push(format!("{own} has the same URL as {}", other.get())),
                Entry::Vacant(place) => drop(place.insert(own)),
            }
        }
        if let Some(resolution) = channel.resolution.filter(|r| (r.height >= 2160) != channel.is_4k) {
            let (code, is_4k) = (&channel.code, channel.is_4k);
            warnings.push(format!("channel {code}: is_4k is {is_4k}, but its resolution is {resolution}"));
        }
    }
    warnings
}

fn template_warnings(snapshot: &CatalogSnapshot, used: &BTreeMap<String, usize>, for_urls: &str) -> Vec<String> {
    let unused = used.iter().filter(|(name, n)| **n == 0 && name.as_str() != BUILT_IN && name.as_str() != for_urls);
    let mut warnings: Vec<String> = unused.map(|(name, _)| format!("template {name}: no channel uses it")).collect();
    for template in snapshot.templates.values() {
        warnings.extend(idle_checks(template).map(|idle| format!("template {}: {idle}", template.name)));
    }
    warnings
}

/// Returns a warning for enabled checks that can't run with this template. `None`: there are no such checks.
fn idle_checks(template: &Template) -> Option<String> {
    let off: BTreeSet<&str> = template.disabled_checks().into_iter().collect();
    if CHECKS.iter().all(|meta| off.contains(meta.id)) {
        return Some("every check is switched off".to_owned());
    }
    let wants_segments = |meta: &&&CheckMeta| meta.group == CheckGroup::Segments && !off.contains(meta.id);
    let idle = CHECKS.iter().filter(wants_segments).count();
    let none = template.segments.mode == CoverageMode::None;
    (none && idle > 0).then(|| format!("segments.mode is none, so {idle} checks of segments are on and never run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(channels: &str, templates: &str) -> Summary {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("exporter.yml", "");
        write("channels.yml", channels);
        write("templates.yml", templates);
        let file = Some(folder.path().join("exporter.yml"));
        check_config(&ConfigPaths { file, variables: BTreeMap::new() }).unwrap()
    }

    #[test]
    fn the_summary_counts_and_warns() {
        let summary = check(
            "channels:\n  A: {input_url: http://p/a}\n  B: {input_url: http://p/a, enabled: false, resolution: 3840x2160}\n",
            "T: {}\n",
        );
        let text = summary.to_string();
        assert!(text.contains("2 channels (1 enabled) with 2 outputs\n"), "{text}");
        assert!(text.contains("template default: 2 channels\n"), "{text}");
        assert_eq!(
            summary.warnings,
            [
                "output hls of channel B has the same URL as output hls of channel A",
                "channel B: is_4k is false, but its resolution is 3840x2160",
                "template T: no channel uses it",
            ]
        );
    }

    #[test]
    fn an_empty_catalogue_says_what_to_do() {
        assert_eq!(
            check("", "").warnings,
            ["no channels; list them in channels.yml, or set PACKAGER_URL and CHANNELS"]
        );
    }

    #[test]
    fn a_template_that_checks_nothing_is_a_warning() {
        let all: String = CHECKS.iter().map(|meta| format!("    {}: {{enabled: false}}\n", meta.id)).collect();
        let summary = check("", &format!("default:\n  checks:\n{all}"));
        assert!(summary.warnings.contains(&"template default: every check is switched off".to_owned()), "{summary}");
    }

    #[test]
    fn a_file_that_is_named_and_missing_is_an_error() {
        let source = ConfigPaths { file: Some("/nowhere/exporter.yml".into()), variables: BTreeMap::new() };
        let error = check_config(&source).unwrap_err().to_string();
        assert_eq!(error, "/nowhere/exporter.yml: can't be opened: No such file or directory (os error 2)");
    }
}
