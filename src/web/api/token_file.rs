//! Tokens of the API, which are read again when their file changes, so that a revoked token is refused without a
//! restart.

use super::{Token, Tokens};
use crate::document::{Document, DocumentErrors, MAX_FILE_BYTES, read_text};
use packager_media::units::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The file of --api.tokens-file and its tokens. A faulty new file leaves the old tokens in force.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    current: RwLock<Arc<Tokens>>,
    /// Time of the last request with each token since the start of the exporter, by the token's name.
    last_used: Mutex<BTreeMap<String, Timestamp>>,
}

/// Content of the tokens file at the last read, or the reason why it could not be read.
pub(crate) type Content = Result<String, String>;

impl TokenFile {
    /// Reads the tokens file.
    ///
    /// # Errors
    /// Fails with line and column of every fault, or if the file can't be read.
    pub(crate) fn load(path: &Path) -> Result<Self, DocumentErrors> {
        let current = RwLock::new(Arc::new(Tokens::load(path)?));
        Ok(Self { path: path.to_owned(), current, last_used: Mutex::default() })
    }

    /// Returns the tokens in force.
    #[must_use]
    pub(crate) fn current(&self) -> Arc<Tokens> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers that a request with the token came at `at`.
    pub(crate) fn used(&self, token: &Token, at: Timestamp) {
        let mut last_used = self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last_used.get_mut(&token.name) {
            *last = at;
        } else {
            last_used.insert(token.name.clone(), at);
        }
    }

    /// Returns all tokens, each with the time of the last request with it since the start of the exporter.
    pub(crate) fn usage(&self) -> Vec<(Token, Option<Timestamp>)> {
        let tokens = self.current();
        let mut last_used = self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        last_used.retain(|name, _| tokens.0.iter().any(|token| token.name == *name));
        tokens.0.iter().map(|token| (token.clone(), last_used.get(&token.name).copied())).collect()
    }

    /// Reads the tokens file every `interval` until the future is dropped, and puts changed tokens into force. Each
    /// change and each fault is logged once.
    pub(crate) async fn follow(self: Arc<Self>, interval: Duration) {
        let mut last = None;
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let file = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || {
                file.read_again(&mut last);
                last
            });
            last = read.await.unwrap_or_default();
        }
    }

    pub(crate) fn read_again(&self, last: &mut Option<Content>) {
        let now = read_text(&self.path, MAX_FILE_BYTES);
        if last.as_ref() == Some(&now) {
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
        *last = Some(now);
    }
}
