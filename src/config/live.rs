//! The configuration in force, which is loaded at start, on request, and when a file's content changes.

use super::load::load_with_paths;
use super::{Config, ConfigPaths};
use crate::catalog::CatalogSnapshot;
use crate::document::{DocumentErrors, MAX_FILE_BYTES, Problem};
use packager_media::units::{Seconds, Timestamp};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Time in seconds after which refused files are loaded again, although none of them changed.
const TRY_AGAIN: f64 = 30.0;

/// Shared handle on the configuration in force. A reload is all or nothing: a faulty file changes nothing but
/// [`ConfigHandle::last_reload`].
#[derive(Debug)]
pub struct ConfigHandle {
    source: ConfigPaths,
    current: watch::Sender<Arc<Config>>,
    /// Result of the last load of the configuration, with fingerprints of its files. The lock is held during a load, so
    /// that reloads run one after the other.
    state: Mutex<HandleState>,
}

#[derive(Debug)]
struct HandleState {
    /// Instant of the last attempt to load the files, or a catalogue that was held back.
    at: Timestamp,
    succeeded_at: Timestamp,
    /// Why the files were refused. `None`: they are in force.
    refused: Option<Refusal>,
    seen: Fingerprints,
    /// The files that had settings when the configuration in force was loaded.
    filled: Vec<PathBuf>,
    /// Catalogue of the database, in force in place of the files' catalogue. `None`: the files' catalogue is in force.
    catalogue: Option<CatalogSnapshot>,
    /// Catalogue of the database that would take away many channels, until a person asks for it, and what it would take away.
    /// It is apart from `refused`: files that are good again don't put it into force, and the other way round.
    held: Option<(CatalogSnapshot, DocumentErrors)>,
}

/// A refusal of the configuration files.
#[derive(Debug)]
struct Refusal {
    errors: DocumentErrors,
    /// Whether the files have no fault, and would only take away many channels or all settings of a file.
    is_held: bool,
}

impl HandleState {
    fn new(now: Timestamp, seen: Fingerprints) -> Self {
        let filled = seen.filled();
        Self { at: now, succeeded_at: now, refused: None, seen, filled, catalogue: None, held: None }
    }

    fn last_reload(&self) -> Reload {
        let files = self.refused.iter().flat_map(|refused| &refused.errors.0);
        let database = self.held.iter().flat_map(|(_, errors)| &errors.0);
        let problems: Vec<Problem> = files.chain(database).cloned().collect();
        Reload {
            at: self.at,
            succeeded_at: self.succeeded_at,
            error: (!problems.is_empty()).then_some(DocumentErrors(problems)),
            is_held: self.held.is_some() || self.refused.as_ref().is_some_and(|refused| refused.is_held),
        }
    }
}

/// Result of the last attempts to load the configuration: of the files, and of the database's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    pub at: Timestamp,
    /// Instant at which the configuration in force was loaded.
    pub succeeded_at: Timestamp,
    /// Why the files as they are, the database's catalogue, or both are not in force. `None`: all of it is.
    pub error: Option<DocumentErrors>,
    /// True if the files or the catalogue are held back only because they would take away many channels, or all settings of a
    /// file.
    pub is_held: bool,
}

/// Reason for a load of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    /// A person asked for the load, so the new configuration may have any number of channels less than the old one.
    Request,
    /// The content of a file changed, so the number of channels that the new configuration may take away is limited.
    Change,
}

impl Reload {
    #[must_use]
    pub fn successful(&self) -> bool {
        self.error.is_none()
    }
}

impl ConfigHandle {
    /// Loads the configuration for the first time. The errors list every fault of the files and the environment.
    pub fn start(source: ConfigPaths, now: Timestamp) -> Result<Self, DocumentErrors> {
        let (seen, loaded) = Fingerprints::loading(&source);
        let current = watch::Sender::new(Arc::new(loaded?));
        Ok(Self { source, current, state: Mutex::new(HandleState::new(now, seen)) })
    }

    /// Makes a handle on a configuration that never changes, for commands that run once.
    #[must_use]
    pub fn fixed(loaded: Config, now: Timestamp) -> Self {
        let state = Mutex::new(HandleState::new(now, Fingerprints::default()));
        Self { source: ConfigPaths::default(), current: watch::Sender::new(Arc::new(loaded)), state }
    }

    /// Returns the configuration in force at this moment.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        self.current.borrow().clone()
    }

    /// Returns a receiver that is notified of each configuration that comes into force.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Config>> {
        self.current.subscribe()
    }

    #[must_use]
    pub fn last_reload(&self) -> Reload {
        self.state().last_reload()
    }

    /// Returns whether a catalogue of the database is held back.
    #[must_use]
    pub fn catalog_is_held(&self) -> bool {
        self.state().held.is_some()
    }

    /// Loads the configuration files again; the call blocks on the disk. An error leaves the configuration in force
    /// unchanged, and is kept for [`ConfigHandle::last_reload`].
    pub fn reload(&self, now: Timestamp) -> Result<(), DocumentErrors> {
        self.reload_under(&mut self.state(), now, Trigger::Request)
    }

    /// Loads the configuration files again if the content of a file changed since the last attempt, successful or not, or if the last attempt
    /// was refused some time ago: a file that they name, such as a password's, may be there now. `None`: nothing changed. A change that would take away more channels than [`CatalogSettings::max_removed`]
    /// allows, or all settings of a file, is refused.
    ///
    /// [`CatalogSettings::max_removed`]: super::CatalogSettings::max_removed
    pub fn reload_if_changed(&self, now: Timestamp) -> Option<Result<(), DocumentErrors>> {
        let mut state = self.state();
        let files: Vec<PathBuf> = state.seen.files.iter().map(|f| f.path.clone()).collect();
        let faults = state.refused.as_ref().filter(|refused| !refused.is_held).map(|refused| refused.errors.clone());
        if let Some(faults) = faults.filter(|_| Seconds::between(state.at, now).0 >= TRY_AGAIN) {
            let result = self.reload_under(&mut state, now, Trigger::Change);
            return Some(result).filter(|result| result.as_ref().err() != Some(&faults));
        }
        if state.seen.files.iter().all(|f| f.stamp == FileStamp::of(&f.path)) {
            return None;
        }
        let seen = Fingerprints::of(&files);
        if seen.same_content(&state.seen) {
            state.seen = seen;
            return None;
        }
        Some(self.reload_under(&mut state, now, Trigger::Change))
    }

    /// Puts `catalogue` into force in place of the files' catalogue. The exporter's own settings still come from its
    /// file. A catalogue that would take away more channels of the one before than [`CatalogSettings::max_removed`] allows
    /// is held back until somebody asks for a reload.
    ///
    /// # Errors
    /// The catalogue is held back; the one before stays in force.
    ///
    /// [`CatalogSettings::max_removed`]: super::CatalogSettings::max_removed
    pub fn replace_catalog(&self, catalogue: CatalogSnapshot, now: Timestamp) -> Result<(), DocumentErrors> {
        let mut state = self.state();
        let current = self.current();
        let loaded = Config { snapshot: catalogue.clone(), ..(*current).clone() };
        // The first catalogue takes the place of the files', which has nothing to do with it. A single channel goes when a
        // person disables it, even the last.
        let is_single = enabled(&current).saturating_sub(enabled(&loaded)) < 2;
        let held = state.catalogue.as_ref().filter(|_| !is_single).and_then(|_| removal(&current, &loaded));
        if let Some(errors) = held {
            state.held = Some((catalogue, errors.clone()));
            state.at = now;
            return Err(errors);
        }
        state.held = None;
        state.catalogue = Some(catalogue);
        state.succeeded_at = now;
        self.current.send_replace(Arc::new(loaded));
        Ok(())
    }

    /// Looks for changed configuration files at the interval `every` until the future is dropped, and logs the result
    /// of each reload.
    pub async fn watch(self: Arc<Self>, every: Duration, now: fn() -> Timestamp) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let live = self.clone();
            match tokio::task::spawn_blocking(move || live.reload_if_changed(now())).await {
                Ok(Some(Ok(()))) => tracing::info!("configuration changed and was loaded again"),
                Ok(Some(Err(errors))) => {
                    tracing::error!(%errors, "configuration changed and is not taken over; the old one stays")
                }
                Ok(None) | Err(_) => {}
            }
        }
    }

    fn reload_under(&self, state: &mut HandleState, now: Timestamp, by: Trigger) -> Result<(), DocumentErrors> {
        let (seen, loaded) = Fingerprints::loading(&self.source);
        state.seen = seen;
        state.at = now;
        let held = match &loaded {
            Ok(loaded) if by == Trigger::Change => emptied(loaded, &state.filled, &state.seen).or_else(|| {
                // The files' catalogue isn't in force beside a database's.
                state.catalogue.is_none().then(|| removal(&self.current(), loaded)).flatten()
            }),
            _ => None,
        };
        let is_held = held.is_some();
        match held.map_or(loaded, Err) {
            Ok(mut loaded) => {
                if let Some((held, _)) = state.held.take_if(|_| by == Trigger::Request) {
                    state.catalogue = Some(held);
                }
                if let Some(catalogue) = &state.catalogue {
                    loaded.snapshot = catalogue.clone();
                }
                (state.succeeded_at, state.refused) = (now, None);
                state.filled = state.seen.filled();
                self.current.send_replace(Arc::new(loaded));
                Ok(())
            }
            Err(errors) => {
                state.refused = Some(Refusal { errors: errors.clone(), is_held });
                Err(errors)
            }
        }
    }

    /// Locks the result of the last load. After a panic under the lock it is still consistent, because the next reload
    /// replaces it.
    fn state(&self) -> MutexGuard<'_, HandleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the number of enabled channels.
fn enabled(config: &Config) -> usize {
    config.snapshot.channels.values().filter(|channel| channel.enabled).count()
}

/// Returns an error if the configuration `new` has far fewer enabled channels than `old`. `None`: the share of lost
/// channels is at most `catalog.max_removed`, or one channel was lost and others are left, or none was lost.
fn removal(old: &Config, new: &Config) -> Option<DocumentErrors> {
    let (before, after) = (enabled(old), enabled(new));
    let share = new.exporter.catalog.max_removed;
    let removed = before.saturating_sub(after);
    let is_large = (removed > 1 || after == 0) && removed as f64 > share * before as f64;
    is_large.then(|| {
        let message = format!(
            "{after} channels would be enabled in place of {before}, and a change may take away at most {} % of them \
             (catalog.max_removed); if that is meant, reload with SIGHUP or POST /-/reload",
            (share * 100.0).round()
        );
        DocumentErrors(vec![Problem::of("channels", message)])
    })
}

/// Returns an error for each file in `filled` that is empty or gone now: a file that is being written, or lost. Without its settings
/// the defaults would be in force. `None`: there is no such file, or the configuration `new` allows every loss.
fn emptied(new: &Config, filled: &[PathBuf], seen: &Fingerprints) -> Option<DocumentErrors> {
    if new.exporter.catalog.max_removed >= 1.0 {
        return None;
    }
    let is_blank = |path: &&PathBuf| seen.files.iter().any(|f| f.path == **path && f.is_blank);
    let problem = |path: &PathBuf| {
        let message =
            "is empty or gone, and had settings before; if that is meant, reload with SIGHUP or POST /-/reload";
        Problem::of(&path.display().to_string(), message)
    };
    let problems: Vec<_> = filled.iter().filter(is_blank).map(problem).collect();
    (!problems.is_empty()).then_some(DocumentErrors(problems))
}

/// Fingerprints of the configuration files, taken just before a load read the files.
#[derive(Debug, Default)]
struct Fingerprints {
    files: Vec<FileFingerprint>,
}

#[derive(Debug)]
struct FileFingerprint {
    path: PathBuf,
    stamp: FileStamp,
    content: Option<u64>,
    /// Whether the file is gone, or has nothing but blank lines and comments.
    is_blank: bool,
}

/// Size and modification time of a file, which show cheaply that the file may have changed. The default value stands
/// for a file that does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct FileStamp {
    modified: Option<SystemTime>,
    bytes: Option<u64>,
}

impl FileStamp {
    fn of(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else { return Self::default() };
        Self { modified: metadata.modified().ok(), bytes: Some(metadata.len()) }
    }
}

impl FileFingerprint {
    /// Takes the fingerprint of a file. Size and modification time are read before the content, so that a write in
    /// between is noticed at the next look.
    fn of(path: &Path) -> Self {
        let stamp = FileStamp::of(path);
        let bytes = content(path);
        Self {
            stamp,
            content: bytes.as_deref().map(hash),
            is_blank: bytes.as_deref().is_none_or(is_blank),
            path: path.to_owned(),
        }
    }
}

impl Fingerprints {
    fn of(files: &[PathBuf]) -> Self {
        Self { files: files.iter().map(|path| FileFingerprint::of(path)).collect() }
    }

    fn loading(source: &ConfigPaths) -> (Self, Result<Config, DocumentErrors>) {
        let mut files = Vec::new();
        let loaded = load_with_paths(source, |path| files.push(FileFingerprint::of(path)));
        (Self { files }, loaded)
    }

    /// Returns the paths of the files that have settings.
    fn filled(&self) -> Vec<PathBuf> {
        self.files.iter().filter(|file| !file.is_blank).map(|file| file.path.clone()).collect()
    }

    fn same_content(&self, other: &Self) -> bool {
        let contents = |seen: &Self| seen.files.iter().map(|f| f.content).collect::<Vec<_>>();
        contents(self) == contents(other)
    }
}

fn content(path: &Path) -> Option<Vec<u8>> {
    let file = std::fs::File::open(path).ok().filter(|f| f.metadata().is_ok_and(|m| m.is_file()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn is_blank(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.all(|line| line.is_empty() || line.starts_with(b"#"))
}
