//! What is in force now: loaded at start, again on request and when a file's content changes.

use super::load::load_looking;
use super::{Loaded, Source};
use crate::catalog::Snapshot;
use crate::document::{Errors, MAX_FILE_BYTES};
use packager_media::units::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Holds what is in force. A reload is all or nothing: a bad file changes nothing but [`Live::last_reload`].
#[derive(Debug)]
pub struct Live {
    source: Source,
    current: watch::Sender<Arc<Loaded>>,
    /// Locked while loading: reloads run one after the other.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Reload,
    seen: Seen,
    /// From a database; in force in place of the files' catalogue.
    catalogue: Option<Snapshot>,
}

/// How the last load went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    pub at: Timestamp,
    /// When what is in force was loaded.
    pub succeeded_at: Timestamp,
    /// Why the last load was refused.
    pub error: Option<Errors>,
}

impl Reload {
    #[must_use]
    pub fn successful(&self) -> bool {
        self.error.is_none()
    }
}

impl Live {
    /// Loads for the first time.
    pub fn start(source: Source, now: Timestamp) -> Result<Self, Errors> {
        let (seen, loaded) = Seen::loading(&source);
        let last = Reload { at: now, succeeded_at: now, error: None };
        let current = watch::Sender::new(Arc::new(loaded?));
        Ok(Self { source, current, state: Mutex::new(State { last, seen, catalogue: None }) })
    }

    /// Holds what was loaded elsewhere, for a single run.
    #[must_use]
    pub fn fixed(loaded: Loaded, now: Timestamp) -> Self {
        let last = Reload { at: now, succeeded_at: now, error: None };
        let state = State { last, seen: Seen::default(), catalogue: None };
        Self { source: Source::default(), current: watch::Sender::new(Arc::new(loaded)), state: Mutex::new(state) }
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<Loaded> {
        self.current.borrow().clone()
    }

    /// Tells of each successful reload.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Loaded>> {
        self.current.subscribe()
    }

    #[must_use]
    pub fn last_reload(&self) -> Reload {
        self.state().last.clone()
    }

    /// Loads again. Blocks on the disk; the error is remembered and returned, not logged.
    pub fn reload(&self, now: Timestamp) -> Result<(), Errors> {
        self.reload_under(&mut self.state(), now)
    }

    /// Loads again if a file's content changed since the last attempt, good or bad. `None`: nothing changed.
    pub fn reload_if_changed(&self, now: Timestamp) -> Option<Result<(), Errors>> {
        let mut state = self.state();
        let files: Vec<PathBuf> = state.seen.files.iter().map(|f| f.path.clone()).collect();
        if state.seen.files.iter().all(|f| f.stamp == Stamp::of(&f.path)) {
            return None;
        }
        let seen = Seen::of(&files);
        if seen.same_content(&state.seen) {
            state.seen = seen;
            return None;
        }
        Some(self.reload_under(&mut state, now))
    }

    /// From now on `catalogue` is in force in place of the files'; the exporter's own settings stay theirs.
    pub fn put_catalogue(&self, catalogue: Snapshot, now: Timestamp) {
        let mut state = self.state();
        let loaded = Loaded { snapshot: catalogue.clone(), ..(*self.current()).clone() };
        state.catalogue = Some(catalogue);
        state.last.succeeded_at = now;
        self.current.send_replace(Arc::new(loaded));
    }

    /// Looks every `every` for changed files, until dropped. Logs what comes of a change.
    pub async fn watch(self: Arc<Self>, every: Duration, now: fn() -> Timestamp) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let live = self.clone();
            match tokio::task::spawn_blocking(move || live.reload_if_changed(now())).await {
                Ok(Some(Ok(()))) => tracing::info!("configuration changed and was loaded again"),
                Ok(Some(Err(errors))) => {
                    tracing::error!(%errors, "configuration changed and is bad; the old one stays")
                }
                Ok(None) | Err(_) => {}
            }
        }
    }

    fn reload_under(&self, state: &mut State, now: Timestamp) -> Result<(), Errors> {
        let (seen, loaded) = Seen::loading(&self.source);
        state.seen = seen;
        state.last.at = now;
        match loaded {
            Ok(mut loaded) => {
                if let Some(catalogue) = &state.catalogue {
                    loaded.snapshot = catalogue.clone();
                }
                state.last = Reload { at: now, succeeded_at: now, error: None };
                self.current.send_replace(Arc::new(loaded));
                Ok(())
            }
            Err(errors) => {
                state.last.error = Some(errors.clone());
                Err(errors)
            }
        }
    }

    /// A panic while holding the lock leaves a state that the next reload replaces.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which files a load looked at, and how they were just before.
#[derive(Debug, Default)]
struct Seen {
    files: Vec<SeenFile>,
}

#[derive(Debug)]
struct SeenFile {
    path: PathBuf,
    stamp: Stamp,
    content: Option<u64>,
}

/// What tells cheaply that a file may have changed. Default: there is no such file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: Option<u64>,
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else { return Self::default() };
        Self { modified: metadata.modified().ok(), bytes: Some(metadata.len()) }
    }
}

impl SeenFile {
    /// The stamp before the content: a write in between is seen at the next look.
    fn of(path: &Path) -> Self {
        Self { stamp: Stamp::of(path), content: content(path), path: path.to_owned() }
    }
}

impl Seen {
    fn of(files: &[PathBuf]) -> Self {
        Self { files: files.iter().map(|path| SeenFile::of(path)).collect() }
    }

    fn loading(source: &Source) -> (Self, Result<Loaded, Errors>) {
        let mut files = Vec::new();
        let loaded = load_looking(source, |path| files.push(SeenFile::of(path)));
        (Self { files }, loaded)
    }

    fn same_content(&self, other: &Self) -> bool {
        let contents = |seen: &Self| seen.files.iter().map(|f| f.content).collect::<Vec<_>>();
        contents(self) == contents(other)
    }
}

fn content(path: &Path) -> Option<u64> {
    let file = std::fs::File::open(path).ok().filter(|f| f.metadata().is_ok_and(|m| m.is_file()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).ok()?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Some(hasher.finish())
}
