//! A seeded sample of mutants over the files whose tests are judged.

use super::sites::{self, Form, Site};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// The modules that mutants are drawn from: a file `NAME.rs` or a folder.
const MODULES: [&str; 10] = [
    "src/checks",
    "src/history",
    "src/fetch",
    "src/store",
    "src/web",
    "src/report",
    "src/metrics",
    "crates/media/src/container",
    "crates/media/src/hls",
    "crates/media/src/dash",
];

/// A change at a place, as the sample draws it.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// Path from the workspace's folder.
    pub file: PathBuf,
    pub site: Site,
    /// Text that replaces the place's text.
    pub change: String,
    /// What is changed, in one line for the table.
    pub description: String,
}

/// Returns every mutant of the workspace, in the order in which the seed draws them.
///
/// The order of two mutants depends on the seed and on their own functions only, so that an edit elsewhere changes no sample.
///
/// # Errors
/// When a file can't be read or isn't Rust.
pub(crate) fn draw(root: &Path, seed: u64) -> io::Result<Vec<Mutant>> {
    let mut ranked = Vec::new();
    for (file, found) in parse(root)? {
        let source = std::fs::read_to_string(root.join(&file))?;
        let mut repeated: HashMap<String, usize> = HashMap::new();
        for site in found {
            let original = source.get(site.range.clone()).unwrap_or_default();
            let key = format!("{} {} {:?} {original}", file.display(), site.function, site.form);
            let nth = repeated.entry(key.clone()).and_modify(|n| *n += 1).or_insert(0);
            let digest = ring::digest::digest(&ring::digest::SHA256, format!("{seed} {key} {nth}").as_bytes());
            let rank = digest.as_ref().to_vec();
            let change = site.changes[usize::from(rank[31]) % site.changes.len()].clone();
            let description = describe(original, &site, &change);
            ranked.push((rank, Mutant { file: file.clone(), site, change, description }));
        }
    }
    ranked.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(ranked.into_iter().map(|(_, mutant)| mutant).collect())
}

fn describe(original: &str, site: &Site, change: &str) -> String {
    let text = match site.form {
        Form::Expression => format!("{original} → {change}"),
        Form::Statement => format!("without {original}"),
        Form::Entry => format!("{change} at once"),
    };
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 120 { text } else { text.chars().take(119).chain(['…']).collect() }
}

fn parse(root: &Path) -> io::Result<Vec<(PathBuf, Vec<Site>)>> {
    let mut files = Vec::new();
    for module in MODULES {
        let file = PathBuf::from(module).with_extension("rs");
        files.extend(root.join(&file).exists().then_some(file));
        list(root, Path::new(module), &mut files)?;
    }
    files.sort();
    let mut parsed = Vec::new();
    let mut tests: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(root.join(&file))?;
        let found = sites::find(&source).map_err(|e| io::Error::other(format!("{}: {e}", file.display())))?;
        tests.extend(found.test_modules.iter().map(|module| match module.strip_suffix(".rs") {
            Some(path) => file.with_file_name(path),
            None => children(&file).join(module),
        }));
        parsed.push((file, found.sites));
    }
    let is_test = |file: &Path| file.with_extension("").ancestors().any(|part| tests.contains(part));
    parsed.retain(|(file, _)| !is_test(file));
    Ok(parsed)
}

/// Returns the folder with the modules that a file declares.
fn children(file: &Path) -> PathBuf {
    let is_folder = file.file_name().is_some_and(|name| name == "mod.rs");
    if is_folder { file.parent().map(Path::to_owned).unwrap_or_default() } else { file.with_extension("") }
}

fn list(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !root.join(folder).is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(root, &path, files)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
