//! Synchronisation from Inspector LIVE: its programs become channels of the database, once or at an interval.

mod programs;
mod mapping;

use crate::config::{ConfigHandle, InspectorSettings};
use crate::store::{Store, Sync, Synced};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// Pause after a failed synchronisation. It is doubled with each further failure, up to the interval of the
/// synchronisation.
const RETRY: Duration = Duration::from_secs(10);
/// Largest number of unusable Inspector LIVE programs that one synchronisation logs.
const MAX_LOGGED: usize = 20;

/// Callback that gets the name of a synchronisation's source and an event of it.
pub(crate) type OnSyncEvent = Arc<dyn Fn(&str, SyncEvent<'_>) + Send + std::marker::Sync>;

/// An event of the synchronisation of channels with one source.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SyncEvent<'a> {
    /// The channels were synchronised with the Inspector LIVE server.
    Synced(&'a Synced),
    /// The synchronisation failed and changed nothing.
    Failed,
    /// The synchronisation is no longer in the configuration.
    Gone,
}

/// Returns the name of a synchronisation as in the database and in audit lines: `inspector_live/NAME`.
#[must_use]
pub(crate) fn source(inspector: &InspectorSettings) -> String {
    format!("inspector_live/{}", inspector.name)
}

/// Fetches the programs of an Inspector LIVE server and writes the changed channels to the database. With `dry_run` the
/// changes are only returned.
///
/// # Errors
/// Returns why nothing was changed: no answer, an implausible answer, or no database.
pub(crate) async fn sync(
    live: &ConfigHandle,
    store: &Store,
    inspector: &InspectorSettings,
    dry_run: bool,
) -> Result<Synced, String> {
    let programs = programs::fetch_programs(&live.current().exporter.fetch, inspector).await?;
    let mapped = mapping::map_programs(inspector, programs)?;
    let source = source(inspector);
    let sync = Sync {
        source: &source,
        wanted: mapped.wanted,
        unusable_codes: mapped.present,
        owned: inspector.owns.iter().map(|owned| owned.column()).collect(),
        adopt: inspector.adopt,
        disable: inspector.disable_missing.then_some(inspector.max_disabled).filter(|_| mapped.all_named),
    };
    let mut done = store.sync_channels(&sync, dry_run).await.map_err(|e| e.to_string())?;
    done.bad.splice(..0, mapped.bad);
    if inspector.disable_missing && !mapped.all_named && !done.missing.is_empty() {
        done.held = Some(
            "a program without a readable id could be one of the missing channels, so no channel is disabled"
                .to_owned(),
        );
    }
    Ok(done)
}

/// Runs every synchronisation that has an interval, each in a task of its own, until the future is dropped. A change of
/// its settings in exporter.yml restarts the task.
pub(crate) async fn follow(live: Arc<ConfigHandle>, store: Store, tell: OnSyncEvent) {
    let mut changes = live.subscribe();
    let mut running: BTreeMap<String, (InspectorSettings, AbortOnDrop)> = BTreeMap::new();
    loop {
        let sources = live.current().exporter.inspector_live.clone();
        let sources: Vec<InspectorSettings> = sources.into_iter().filter(|source| source.every.is_some()).collect();
        running.retain(|name, (inspector, _)| {
            let named = sources.iter().any(|source| source.name == *name);
            if !named {
                tell(name, SyncEvent::Gone);
            }
            sources.contains(inspector)
        });
        for inspector in sources {
            let job = || {
                AbortOnDrop(
                    tokio::spawn(repeat(live.clone(), store.clone(), inspector.clone(), tell.clone())).abort_handle(),
                )
            };
            running.entry(inspector.name.clone()).or_insert_with(|| (inspector.clone(), job()));
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Handle of a task that ends the task when it is dropped. A transaction that runs in the task then is rolled back.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn repeat(live: Arc<ConfigHandle>, store: Store, inspector: InspectorSettings, tell: OnSyncEvent) {
    let every = inspector.every.map_or(Duration::MAX, |every| every.duration());
    let source = source(&inspector);
    let mut retry = RETRY.min(every);
    loop {
        match sync(&live, &store, &inspector, false).await {
            Ok(done) => {
                log(&source, &done);
                tell(&inspector.name, SyncEvent::Synced(&done));
                retry = RETRY.min(every);
                tokio::time::sleep(every).await;
            }
            Err(why) => {
                tracing::error!(source, why, retry_in = ?retry, "synchronisation failed; nothing was changed");
                tell(&inspector.name, SyncEvent::Failed);
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(every);
            }
        }
    }
}

/// Logs an audit line for each channel that a synchronisation wrote, as the API does, and warnings for what an operator
/// has to look at.
pub(crate) fn log(source: &str, done: &Synced) {
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
    for (at, why) in done.bad.iter().take(MAX_LOGGED) {
        tracing::warn!(source, at, why, "a program was left out because it can't be used");
    }
    if let Some(why) = &done.held {
        tracing::warn!(source, why, "missing channels stay in force");
    }
}
