use super::*;
use crate::document::DocumentErrors;
use packager_media::stream::Resolution;
use std::path::Path;

mod channel_files;
mod channel_mistakes;
mod environment_variables;
mod shipped;
mod template_files;

/// Loads the catalogue from a new folder with these texts of channels.yml and templates.yml, and from the environment
/// variables `env`. A file whose text is `None` doesn't exist.
fn load_with(
    channels: Option<&str>,
    templates: Option<&str>,
    env: &[(&str, &str)],
) -> Result<LoadedCatalog, DocumentErrors> {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), channels, templates, env)
}

fn load_in(
    folder: &Path,
    channels: Option<&str>,
    templates: Option<&str>,
    env: &[(&str, &str)],
) -> Result<LoadedCatalog, DocumentErrors> {
    let file = |name: &str, text: Option<&str>| {
        text.map(|text| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        })
    };
    let files = CatalogFiles { channels: file("channels.yml", channels), templates: file("templates.yml", templates) };
    let variables = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    load(&files, &variables, &SecretPlaces::default())
}

fn channels(text: &str) -> Result<CatalogSnapshot, String> {
    let loaded = load_with(Some(text), None, &[]);
    loaded.map(|l| l.snapshot).map_err(without_folder)
}

fn templates(text: &str) -> Result<CatalogSnapshot, String> {
    load_with(None, Some(text), &[]).map(|l| l.snapshot).map_err(without_folder)
}

fn without_folder(errors: DocumentErrors) -> String {
    let short = |line: String| {
        line.rsplit_once("/channels.yml")
            .or(line.rsplit_once("/templates.yml"))
            .map_or(line.clone(), |(_, r)| r.to_owned())
    };
    errors.to_string().lines().map(|l| short(l.to_owned())).collect::<Vec<_>>().join("\n")
}

fn url(channel: &Channel, output: &str) -> Option<String> {
    channel.outputs.iter().find(|o| o.name == output).map(|o| o.url.to_string())
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let snapshot = channels("channels: {CH_TV_HD_001: {input_url: http://p/a}}").unwrap();
    assert_eq!(
        snapshot.channel("CH_TV_HD_01").unwrap_err().to_string(),
        "unknown channel `CH_TV_HD_01`; did you mean `CH_TV_HD_001`?"
    );
    assert_eq!(snapshot.channel("zzz").unwrap_err().to_string(), "unknown channel `zzz`");
    assert_eq!(
        snapshot.template("defalt").unwrap_err().to_string(),
        "unknown template `defalt`; did you mean `default`?"
    );
    assert!(
        CatalogSnapshot::default()
            .channel("a\nb")
            .unwrap_err()
            .to_string()
            .starts_with("unknown channel `a\\nb`: the catalogue is empty")
    );
}
