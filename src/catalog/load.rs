//! Builds one catalogue from the files and the environment variables, or lists every fault.

use super::{CatalogSnapshot, Environment, SecretPlaces, SecretSource, channels, templates};
use crate::document::{Document, DocumentErrors, Fault, Node, Value, suggestion};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Paths of the catalogue's files. A path that is `None` is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogFiles {
    pub channels: Option<PathBuf>,
    pub templates: Option<PathBuf>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct LoadedCatalog {
    pub snapshot: CatalogSnapshot,
    /// Warnings about settings that are allowed but probably not intended, one sentence each.
    pub warnings: Vec<String>,
}

/// Loads the catalogue from both files and the environment `variables`. Channels of the file take precedence over
/// `CHANNELS`; thresholds of the environment apply to the built-in template alone. `secrets` has the environment variables that channels and
/// templates may name.
pub(crate) fn load(
    files: &CatalogFiles,
    variables: &BTreeMap<String, String>,
    secrets: &SecretPlaces,
) -> Result<LoadedCatalog, DocumentErrors> {
    let (environment, mut problems) = Environment::read(variables);
    let mut warnings = Vec::new();
    let mut snapshot = CatalogSnapshot::default();
    match open(files.templates.as_deref()) {
        Ok(document) => {
            warnings.extend(override_warnings(&document.root, &environment));
            let (found, faults) = templates::read_templates(
                &document.root,
                &environment.thresholds,
                SecretSource::File(folder_of(files.templates.as_deref()), secrets),
            );
            snapshot.templates = found;
            problems.extend(document.errors(faults).0);
        }
        Err(errors) => problems.extend(errors.0),
    }
    let known = problems.is_empty().then_some(&snapshot.templates);
    let file = files.channels.as_deref();
    let folder = folder_of(file);
    let (found, wrong) = match open(file) {
        Ok(document) => {
            let (found, mut faults) = channels::read_channels(&document, SecretSource::File(folder, secrets));
            if let Some(known) = known {
                faults.extend(found.iter().filter_map(|f| missing_template(f, known)));
            }
            (found.into_iter().map(|f| f.channel).collect(), document.errors(faults).0)
        }
        Err(errors) => (Vec::new(), errors.0),
    };
    let from_file = !found.is_empty() || !wrong.is_empty();
    problems.extend(wrong);
    if from_file && !environment.codes.is_empty() {
        let name = file.map(|f| f.display().to_string()).unwrap_or_default();
        warnings.push(format!("{name} lists channels, so CHANNELS and PACKAGER_URL of the environment are not used"));
    }
    let all = if from_file { Ok(found) } else { environment.channels() };
    match all {
        Ok(all) => snapshot.channels = all.into_iter().map(|c| (c.code.clone(), Arc::new(c))).collect(),
        Err(problem) => problems.push(problem),
    }
    DocumentErrors(problems).or(LoadedCatalog { snapshot, warnings })
}

/// Folder of a catalogue's file, to which the paths in it are relative.
fn folder_of(file: Option<&Path>) -> &Path {
    file.and_then(Path::parent).unwrap_or(Path::new(""))
}

fn open(file: Option<&Path>) -> Result<Document, DocumentErrors> {
    file.map_or_else(|| Document::parse("no file".to_owned(), String::new()), Document::open)
}

pub(super) fn missing_template(
    found: &channels::ParsedChannel,
    known: &BTreeMap<String, Arc<super::Template>>,
) -> Option<Fault> {
    let name = &found.channel.template;
    if known.contains_key(name) {
        return None;
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let hint = suggestion(name, &names);
    Some(Fault { hint, ..Fault::value(found.template_at, format!("there is no template `{name}`")) })
}

/// Returns a warning for each threshold of the environment that the `default` template of the file overrides.
fn override_warnings(root: &Node, environment: &Environment) -> Vec<String> {
    let own = root.get(super::BUILT_IN).filter(|node| matches!(node.value, Value::Map(_)));
    let hidden = environment.thresholds.iter().filter(|(key, _)| own.is_some_and(|node| node.get(key).is_some()));
    let say =
        |key: &str| format!("template `{}` sets {key} in the file, so the environment's is not used", super::BUILT_IN);
    hidden.map(|(key, _)| say(key)).collect()
}
