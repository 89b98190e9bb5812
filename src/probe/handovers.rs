//! Handing over what is remembered of outputs to the exporter that probes them next, by the database: a channel may move to
//! another exporter, and an exporter may be started again.

use super::clock::Clock;
use crate::catalog::{Channel, Template};
use crate::history::{History, OutputHandover, OutputKey};
use crate::store::{HandoverRow, Health, Store, StoreError};
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Interval at which changes are written.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// Time after which an output's row is written again without a change, so that it says that the output was probed.
const REWRITE_AFTER: Duration = Duration::from_secs(60);
/// Number of intervals after which rows of outputs that nobody probes are removed: an hour.
const CLEAN_EVERY: u32 = 360;
/// Longest time that the first probe of a channel waits for the database.
const READ_TIME: Duration = Duration::from_millis(500);

/// Handovers that this exporter writes and reads, and the database in which they are stored.
#[derive(Debug)]
pub(super) struct Handovers {
    store: Store,
    outputs: Mutex<HashMap<OutputKey, Output>>,
}

#[derive(Debug, Default)]
struct Output {
    /// Handover after the last probe; `None` if it was written already.
    newest: Option<OutputHandover>,
    /// Fingerprint of the handover in the database, and the time at which it was written. `None`: it was never written.
    written: Option<(u64, Instant)>,
}

impl super::Prober {
    /// Writes the handovers of all outputs to the database every 10 s, until the future is dropped. It ends at once
    /// without a database.
    pub async fn follow_handovers(self) {
        if let Some(handovers) = self.shared.handovers.clone() {
            handovers.follow(self.shared.clock.clone()).await;
        }
    }

    /// Writes the handovers of all outputs to the database now. It does nothing without a database.
    pub async fn write_handovers(&self) {
        if let Some(handovers) = &self.shared.handovers {
            handovers.write(self.shared.clock.now()).await;
        }
    }
}

impl Handovers {
    pub(super) fn new(store: Store) -> Self {
        Self { store, outputs: Mutex::default() }
    }

    fn outputs(&self) -> MutexGuard<'_, HashMap<OutputKey, Output>> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the handovers of those of the channel's outputs that this exporter doesn't remember. It waits for the
    /// database for at most half a second.
    pub(super) async fn take_over(&self, history: &History, channel: &Channel, template: &Template, clock: &Clock) {
        let retention = template.retention();
        let outputs = channel.outputs.iter().map(|output| (output, OutputKey::new(&channel.code, &output.name)));
        let now = clock.now();
        let new: Vec<_> = outputs.filter(|(_, key)| !history.knows(key, now, retention)).collect();
        if new.is_empty() || !matches!(self.store.health(), Health::Connected { .. }) {
            return;
        }
        let rows = match tokio::time::timeout(READ_TIME, self.store.handovers(&channel.code)).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => return tracing::debug!(%error, channel = channel.code, "nothing was taken over"),
            Err(_) => return tracing::debug!(channel = channel.code, within = ?READ_TIME, "nothing was taken over"),
        };
        let now = clock.now();
        for row in rows {
            if let Some((output, key)) = new.iter().find(|(output, _)| output.name == row.output) {
                let by = Seconds::between(row.exporter_clock, now) - row.age;
                history.take_over(key, &output.url, row.handover, by, now, retention);
            }
        }
    }

    /// Queues the handovers of the channel's outputs after a probe.
    pub(super) fn hand_over(&self, history: &History, channel: &Channel, template: &Template) {
        for output in &channel.outputs {
            let key = OutputKey::new(&channel.code, &output.name);
            if let Some(handover) = history.handover(&key, template.retention()) {
                self.outputs().entry(key).or_default().newest = Some(handover);
            }
        }
    }

    /// Writes the changed handovers to the database every 10 s, until the future is dropped. Removes the rows of
    /// outputs that nobody probes once an hour.
    pub(super) async fn follow(self: Arc<Self>, clock: Clock) {
        let mut ticks = tokio::time::interval(WRITE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 1_u32.. {
            ticks.tick().await;
            self.write(clock.now()).await;
            if tick % CLEAN_EVERY == 0
                && let Err(error) = self.store.delete_old_handovers().await
            {
                tracing::debug!(%error, "old rows of output_handovers stay");
            }
        }
    }

    /// Writes the handovers that changed since they were last written. After a failed write they are written
    /// again after the next probe.
    pub(super) async fn write(&self, now: Timestamp) {
        if !self.store.was_read() {
            return;
        }
        let rows = self.take_changed();
        if rows.is_empty() {
            return;
        }
        let written = self.store.write_handovers(&rows, now).await;
        if written.is_err() {
            self.forget_written(&rows);
        }
        match written {
            Ok(()) => {}
            // The state of the database is reported elsewhere.
            Err(StoreError::Away(why)) => tracing::debug!(why, "what was remembered of outputs is not handed over"),
            Err(error) => tracing::warn!(%error, "what was remembered of outputs is not handed over"),
        }
    }

    /// Lets rows that could not be written be written after the next probe, even if nothing changes.
    fn forget_written(&self, rows: &[HandoverRow]) {
        let mut outputs = self.outputs();
        for HandoverRow { channel, output, .. } in rows {
            let key = OutputKey { channel: channel.clone(), output: output.clone() };
            outputs.entry(key).and_modify(|output| output.written = None);
        }
    }

    /// Returns the outputs whose rows have to be written.
    fn take_changed(&self) -> Vec<HandoverRow> {
        let mut outputs = self.outputs();
        // An output that nobody probes any more needs no entry.
        outputs.retain(|_, output| {
            output.newest.is_some() || output.written.is_some_and(|(_, at)| at.elapsed() < 2 * REWRITE_AFTER)
        });
        let newest: Vec<_> = outputs.iter_mut().filter_map(|(key, o)| Some((key.clone(), o.newest.take()?))).collect();
        drop(outputs);
        // Probes wait for the lock; the fingerprints of thousands of outputs take a while.
        let newest: Vec<_> =
            newest.into_iter().map(|(key, handover)| (key, handover.fingerprint(), handover)).collect();
        let mut outputs = self.outputs();
        let rows = newest.into_iter().filter_map(|(key, fingerprint, handover)| {
            let output = outputs.entry(key.clone()).or_default();
            let is_known = |(known, at): (u64, Instant)| known == fingerprint && at.elapsed() < REWRITE_AFTER;
            if output.written.is_some_and(is_known) {
                return None;
            }
            output.written = Some((fingerprint, Instant::now()));
            Some(HandoverRow { channel: key.channel, output: key.output, handover })
        });
        rows.collect()
    }
}
