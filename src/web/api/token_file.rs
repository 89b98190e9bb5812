//! The tokens in force follow their file, so that a revoked one is shut out without a restart.

use super::Tokens;
use crate::document::{Document, Errors, MAX_FILE_BYTES, read_text};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// `--api.tokens-file` and what it holds. A bad new file keeps the old tokens in force.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    current: RwLock<Arc<Tokens>>,
}

/// How the file was at the last look: its text, or why there is none.
type Seen = Result<String, String>;

impl TokenFile {
    /// # Errors
    /// A file that can't be read, with line and column of what is wrong.
    pub fn load(path: &Path) -> Result<Self, Errors> {
        Ok(Self { path: path.to_owned(), current: RwLock::new(Arc::new(Tokens::load(path)?)) })
    }

    /// The tokens in force.
    #[must_use]
    pub fn current(&self) -> Arc<Tokens> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks every `every` whether the file's content changed, until dropped. Logs what comes of a change.
    pub async fn follow(self: Arc<Self>, every: Duration) {
        let mut seen = None;
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let file = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || {
                file.look(&mut seen);
                seen
            });
            seen = looked.await.unwrap_or_default();
        }
    }

    fn look(&self, seen: &mut Option<Seen>) {
        let now = read_text(&self.path, MAX_FILE_BYTES);
        if seen.as_ref() == Some(&now) {
            return;
        }
        let name = self.path.display().to_string();
        let read = match &now {
            Ok(text) => Document::parse(name, text.clone()).and_then(|d| Tokens::read(&d)).map_err(|e| e.to_string()),
            Err(why) => Err(format!("{name} {why}")),
        };
        match read {
            Ok(tokens) if tokens == *self.current() => {}
            Ok(tokens) => {
                tracing::info!(tokens = tokens.0.len(), "tokens read again");
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
            }
            Err(error) => tracing::error!(error, "tokens file is bad; the old tokens stay in force"),
        }
        *seen = Some(now);
    }
}
