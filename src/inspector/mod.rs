//! Inspector LIVE: its programs become channels of the database, once or again and again.

mod ask;
mod mapping;

use crate::config::{Inspector, Live};
use crate::store::{Store, Sync, Synced};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// After a failure; doubled with each that follows, up to the source's own interval.
const RETRY: Duration = Duration::from_secs(10);
/// Lines of the log that one synchronisation may fill with programs it left out.
const MAX_TOLD: usize = 20;

/// Told of what became of a source, by its name.
pub type Tell = Arc<dyn Fn(&str, News<'_>) + Send + std::marker::Sync>;

#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    Synced(&'a Synced),
    /// Nothing was changed.
    Failed,
    /// It is no longer configured.
    Gone,
}

/// As it stands in the table and in audit lines.
#[must_use]
pub fn source(inspector: &Inspector) -> String {
    format!("inspector_live/{}", inspector.name)
}

/// Asks for the programs and writes what changed; with `dry_run` only says it.
///
/// # Errors
/// Why nothing was changed: no answer, one that can't be right, or no database.
pub async fn sync(live: &Live, store: &Store, inspector: &Inspector, dry_run: bool) -> Result<Synced, String> {
    let programs = ask::programs(&live.current().exporter.fetch, inspector).await?;
    let mapped = mapping::mapped(inspector, programs)?;
    let source = source(inspector);
    let sync = Sync {
        source: &source,
        wanted: mapped.wanted,
        present: mapped.present,
        owned: inspector.owns.iter().map(|owned| owned.column()).collect(),
        adopt: inspector.adopt,
        disable: inspector.disable_missing.then_some(inspector.max_disabled).filter(|_| mapped.all_named),
    };
    let mut done = store.sync_channels(&sync, dry_run).await.map_err(|e| e.to_string())?;
    done.bad.splice(..0, mapped.bad);
    if inspector.disable_missing && !mapped.all_named && !done.missing.is_empty() {
        done.held = Some("a program without a readable id could be one of those missing: none is disabled".to_owned());
    }
    Ok(done)
}

/// Synchronises every source that has an interval, each in a task of its own, until dropped. A change of exporter.yml begins anew.
pub async fn follow(live: Arc<Live>, store: Store, tell: Tell) {
    let mut changes = live.subscribe();
    let mut running: BTreeMap<String, (Inspector, Job)> = BTreeMap::new();
    loop {
        let sources = live.current().exporter.inspector_live.clone();
        let sources: Vec<Inspector> = sources.into_iter().filter(|source| source.every.is_some()).collect();
        running.retain(|name, (inspector, _)| {
            let named = sources.iter().any(|source| source.name == *name);
            if !named {
                tell(name, News::Gone);
            }
            sources.contains(inspector)
        });
        for inspector in sources {
            let job = || {
                Job(tokio::spawn(repeat(live.clone(), store.clone(), inspector.clone(), tell.clone())).abort_handle())
            };
            running.entry(inspector.name.clone()).or_insert_with(|| (inspector.clone(), job()));
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Ends its task when dropped; a transaction under way is rolled back.
struct Job(AbortHandle);

impl Drop for Job {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn repeat(live: Arc<Live>, store: Store, inspector: Inspector, tell: Tell) {
    let every = inspector.every.map_or(Duration::MAX, |every| every.duration());
    let source = source(&inspector);
    let mut retry = RETRY.min(every);
    loop {
        match sync(&live, &store, &inspector, false).await {
            Ok(done) => {
                log(&source, &done);
                tell(&inspector.name, News::Synced(&done));
                retry = RETRY.min(every);
                tokio::time::sleep(every).await;
            }
            Err(why) => {
                tracing::error!(source, why, retry_in = ?retry, "synchronisation failed; nothing was changed");
                tell(&inspector.name, News::Failed);
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(every);
            }
        }
    }
}

/// An audit line for each channel that was written, as the API's; and what a person has to look at.
pub fn log(source: &str, done: &Synced) {
    let audit = |what: &str, key: &str| tracing::info!(who = source, what, key, "audit");
    done.added.iter().for_each(|code| audit("channel created", code));
    for changed in &done.changed {
        let columns: BTreeSet<&str> = changed.fields.iter().map(|(column, ..)| column.as_str()).collect();
        let columns: Vec<&str> = columns.into_iter().collect();
        tracing::info!(
            who = source,
            what = "channel changed",
            key = changed.code,
            columns = columns.join(","),
            "audit"
        );
    }
    done.disabled.iter().for_each(|code| audit("channel disabled", code));
    for (at, why) in done.bad.iter().take(MAX_TOLD) {
        tracing::warn!(source, at, why, "a program was left out");
    }
    if let Some(why) = &done.held {
        tracing::warn!(source, why, "missing channels stay in force");
    }
}
