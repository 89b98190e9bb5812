//! A copy of the workspace with a switch at every place of a sample, and the test programs that are built from it once.

use super::rewrite::{Rewritten, Switched, rewrite};
use super::sample::Mutant;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Source of the module that says which mutant is on: the one whose number is in the environment variable `MUTANT`.
const SWITCH_MODULE: &str = r#"
pub mod mutant_switch {
    static ON: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()));

    #[inline]
    pub fn on(number: usize) -> bool {
        *ON == Some(number)
    }
}
"#;

const MEDIA: &str = "packager_media";
const ROOT: &str = "packager_exporter";

/// Test programs of a build.
#[derive(Debug)]
pub(crate) struct TestPrograms {
    pub media: PathBuf,
    pub root: PathBuf,
    /// The integration tests, if they were asked for.
    pub integration: Option<PathBuf>,
}

/// A copy of the workspace below `target/mutants`.
pub(crate) struct Scratch {
    root: PathBuf,
    folder: PathBuf,
    /// Texts of the files with mutants: somebody may edit them while the copy is built.
    sources: BTreeMap<PathBuf, String>,
}

impl Scratch {
    /// Copies the files of the workspace that git tracks or would track, and nothing that stands there already: what didn't
    /// change isn't compiled again. The files of the mutants come with [`Self::build`].
    ///
    /// # Errors
    /// When git doesn't list them, or a file can't be copied.
    pub(crate) fn copy(root: &Path, drawn: &[Mutant]) -> io::Result<Self> {
        let mut sources = BTreeMap::new();
        for mutant in drawn {
            if !sources.contains_key(&mutant.file) {
                sources.insert(mutant.file.clone(), std::fs::read_to_string(root.join(&mutant.file))?);
            }
        }
        let scratch = Self { root: root.to_owned(), folder: root.join("target/mutants/workspace"), sources };
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = Command::new("git").args(list).current_dir(root).output()?;
        if !listed.status.success() {
            return Err(io::Error::other(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr))));
        }
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let files = listed.split('\0').map(Path::new).filter(|path| root.join(path).is_file());
        let files: BTreeSet<&Path> = files.collect();
        let with_mutants: BTreeSet<&Path> = scratch.sources.keys().map(PathBuf::as_path).collect();
        scratch.remove_all_but(&files, Path::new(""))?;
        for path in files.difference(&with_mutants) {
            let mut content = std::fs::read(root.join(path))?;
            if *path == Path::new("crates/media/src/lib.rs") {
                content.extend(SWITCH_MODULE.bytes());
            }
            scratch.put(path, &content)?;
        }
        // Integration tests look for their tools there.
        let target = scratch.folder.join("target");
        if !target.is_symlink() {
            std::os::unix::fs::symlink(root.join("target"), target)?;
        }
        Ok(scratch)
    }

    fn put(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let to = self.folder.join(path);
        if std::fs::read(&to).is_ok_and(|old| old == content) {
            return Ok(());
        }
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&to, content)?;
        // Scripts stay executable.
        std::fs::set_permissions(to, std::fs::metadata(self.root.join(path))?.permissions())
    }

    /// Removes files that the workspace doesn't have any more.
    fn remove_all_but(&self, files: &BTreeSet<&Path>, folder: &Path) -> io::Result<()> {
        let Ok(entries) = std::fs::read_dir(self.folder.join(folder)) else { return Ok(()) };
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            match entry.file_type()? {
                kind if kind.is_dir() => self.remove_all_but(files, &path)?,
                kind if kind.is_file() && !files.contains(path.as_path()) => std::fs::remove_file(entry.path())?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Builds the test programs with the first `count` mutants that compile, and gives the numbers of these mutants:
    /// their places in `drawn`.
    ///
    /// # Errors
    /// When a file can't be written, or the copy doesn't compile for a reason that is no mutant's.
    pub(crate) fn build(
        &self,
        drawn: &[Mutant],
        count: usize,
        integration: bool,
    ) -> io::Result<(Vec<usize>, TestPrograms)> {
        // A few more than asked for, because some will not compile.
        let mut chosen: BTreeSet<usize> = (0..drawn.len().min(count + count / 3 + 2)).collect();
        let mut next = chosen.len();
        loop {
            let files = self.write(drawn, &chosen)?;
            let messages = self.cargo(&["test", "--no-run", "--lib", "--package", MEDIA, "--package", ROOT])?;
            let broken = broken(&messages, &files)?;
            if broken.is_empty() && (chosen.len() >= count || next >= drawn.len()) {
                return Ok((chosen.into_iter().take(count).collect(), self.programs(&messages, integration)?));
            }
            eprintln!("{} of {} mutants don't compile", broken.len(), chosen.len());
            chosen.retain(|number| !broken.contains(number));
            while chosen.len() < count && next < drawn.len() {
                chosen.insert(next);
                next += 1;
            }
        }
    }

    fn write(&self, drawn: &[Mutant], chosen: &BTreeSet<usize>) -> io::Result<BTreeMap<PathBuf, Rewritten>> {
        let mut files = BTreeMap::new();
        for (file, source) in &self.sources {
            let in_file = chosen.iter().filter_map(|number| drawn.get(*number).map(|mutant| (*number, mutant)));
            let in_file = in_file.filter(|(_, mutant)| mutant.file == *file);
            let switched = in_file.map(|(number, m)| Switched { mutant: number, site: &m.site, change: &m.change });
            let module = if file.starts_with("crates/media") { "crate" } else { "::packager_media" };
            let rewritten = rewrite(source, &format!("{module}::mutant_switch::on"), switched.collect());
            self.put(file, rewritten.text.as_bytes())?;
            files.insert(file.clone(), rewritten);
        }
        Ok(files)
    }

    fn programs(&self, messages: &[Value], integration: bool) -> io::Result<TestPrograms> {
        let (media, root) = (executable(messages, MEDIA)?, executable(messages, ROOT)?);
        let mut programs = TestPrograms { media, root, integration: None };
        if integration {
            let messages = self.cargo(&["test", "--no-run", "--package", ROOT, "--test", "integration"])?;
            programs.integration = Some(executable(&messages, "integration")?);
        }
        Ok(programs)
    }

    /// Runs Cargo in the copy, and gives its messages.
    fn cargo(&self, arguments: &[&str]) -> io::Result<Vec<Value>> {
        let mut command = Command::new("cargo");
        command.args(arguments).args(["--locked", "--quiet", "--message-format", "json"]);
        // Not the workspace's own: Cargo takes the packages of two workspaces that have the same layout for the same.
        command.env("CARGO_TARGET_DIR", self.root.join("target/mutants/build")).current_dir(&self.folder);
        let output = command.stderr(Stdio::null()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

fn executable(messages: &[Value], target: &str) -> io::Result<PathBuf> {
    let of_target = |message: &&Value| message["target"]["name"] == target && message["profile"]["test"] == true;
    let built = messages.iter().filter(of_target).find_map(|message| message["executable"].as_str().map(PathBuf::from));
    built.ok_or_else(|| io::Error::other(format!("the tests of {target} aren't built:\n{}", errors(messages))))
}

/// Returns the mutants that don't compile.
///
/// # Errors
/// When an error of the compiler is at the place of no mutant.
fn broken(messages: &[Value], files: &BTreeMap<PathBuf, Rewritten>) -> io::Result<BTreeSet<usize>> {
    let broken: BTreeSet<usize> = messages.iter().filter_map(error).filter_map(|error| culprit(error, files)).collect();
    if broken.is_empty() && messages.iter().any(|message| error(message).is_some()) {
        return Err(io::Error::other(format!("the copy doesn't compile:\n{}", errors(messages))));
    }
    Ok(broken)
}

fn errors(messages: &[Value]) -> String {
    messages.iter().filter_map(error).filter_map(|error| error["rendered"].as_str()).collect()
}

fn error(message: &Value) -> Option<&Value> {
    let message = message.get("message")?;
    (message["level"] == "error" && !message["spans"].as_array()?.is_empty()).then_some(message)
}

/// Returns the mutant at whose place the compiler found an error. `None`: there is no mutant.
fn culprit(error: &Value, files: &BTreeMap<PathBuf, Rewritten>) -> Option<usize> {
    let spans = error["spans"].as_array()?;
    let (primary, others): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span["is_primary"] == true);
    primary.into_iter().chain(others).find_map(|span| {
        let file = files.get(Path::new(span["file_name"].as_str()?))?;
        let byte = |name: &str| span[name].as_u64().and_then(|n| usize::try_from(n).ok());
        file.mutant_at(&Range { start: byte("byte_start")?, end: byte("byte_end")? })
    })
}
