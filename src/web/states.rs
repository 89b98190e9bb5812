//! Queues changes of channels' states and writes them to the database, so that a probe never waits for the database; and reads
//! what other exporters know of channels.

use super::ServerState;
use crate::catalog::CatalogSnapshot;
use crate::finding::Severity;
use crate::report::{ChannelCondition, Report};
use crate::store::{StateChange, StatusPosition, Store, StoreError};
use packager_media::units::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Interval at which changes of channels' states are written to the database, and those of other exporters are read.
const EXCHANGE_EVERY: Duration = Duration::from_secs(1);
/// Number of exchanges after which the times of the newest probes are written to the database.
const SEEN_EVERY: u32 = 60;
/// Largest number of changes that wait for the database. Beyond it the oldest are dropped.
const MAX_WAITING: usize = 20_000;
/// Largest number of changes that one statement writes. It takes far less time than the statement timeout.
const BATCH: usize = 2_000;

/// State of each channel at its last probe, and the changes that are not written to the database yet.
#[derive(Debug, Default)]
pub(super) struct StateChanges(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    now: BTreeMap<String, CurrentCondition>,
    waiting: VecDeque<StateChange>,
    /// Number of changes that were dropped since changes were last written.
    dropped: usize,
}

impl Inner {
    /// Drops the oldest changes above [`MAX_WAITING`]. The log says so once until changes are written again.
    fn drop_excess(&mut self) {
        let excess = self.waiting.len().saturating_sub(MAX_WAITING);
        if excess > 0 && self.dropped == 0 {
            let most = MAX_WAITING;
            tracing::warn!(
                most,
                "changes of channels' states can't be written to the database; the oldest are dropped"
            );
        }
        self.waiting.drain(..excess);
        self.dropped += excess;
    }
}

#[derive(Debug)]
struct CurrentCondition {
    state: ChannelCondition,
    failed_checks: Vec<&'static str>,
    seen_at: Timestamp,
    /// Whether the time of the newest probe is not written to the database yet.
    is_new: bool,
}

impl StateChanges {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the report of a probe of all outputs, and queues a change if the channel's state or failed checks differ
    /// from those of the probe before. When more channels are remembered than `catalog` has, those that it no longer
    /// has are forgotten.
    pub(super) fn push(&self, report: &Report, catalog: &CatalogSnapshot) {
        let (state, severity, failed_checks) = condition(report);
        let mut inner = self.lock();
        let channel = &report.channel.code;
        let before = inner.now.get_mut(channel);
        let is_first = before.is_none();
        if let Some(now) = before
            && now.state == state
            && now.failed_checks == failed_checks
        {
            now.seen_at = report.started_at;
            now.is_new = true;
            return;
        }
        let now =
            CurrentCondition { state, failed_checks: failed_checks.clone(), seen_at: report.started_at, is_new: true };
        inner.now.insert(channel.clone(), now);
        if inner.now.len() > catalog.channels.len() {
            inner.now.retain(|code, _| catalog.channels.contains_key(code));
        }
        let since = report.started_at;
        let change = StateChange { channel: channel.clone(), state, severity, failed_checks, since, is_first };
        inner.waiting.push_back(change);
        inner.drop_excess();
    }

    /// Removes and returns the changes of channels' states that wait for the database.
    pub(super) fn take(&self) -> Vec<StateChange> {
        std::mem::take(&mut self.lock().waiting).into()
    }

    /// Puts changes of channels' states that could not be written back in front of the later ones.
    fn put_back(&self, changes: impl IntoIterator<Item = StateChange>) {
        let mut inner = self.lock();
        let later = std::mem::take(&mut inner.waiting);
        inner.waiting = changes.into_iter().chain(later).collect();
        inner.drop_excess();
    }

    /// Returns how many changes were dropped since the last call.
    fn take_dropped(&self) -> usize {
        std::mem::take(&mut self.lock().dropped)
    }

    /// Returns the times of the newest probes by channel code. Each time is returned once.
    fn take_seen(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut inner = self.lock();
        let new = inner.now.iter_mut().filter(|(_, now)| now.is_new);
        new.map(|(channel, now)| {
            now.is_new = false;
            (channel.clone(), now.seen_at.to_string().into())
        })
        .collect()
    }
}

impl ServerState {
    /// Writes changes of channels' states into the database, and reads what other exporters know, until the future is dropped.
    /// `exporter` is the name of this exporter in the database.
    pub(crate) async fn exchange_states(self: Arc<Self>, store: Store, exporter: String) {
        let mut position = StatusPosition::default();
        // The schema is made before the catalogue is read.
        while !store.was_read() {
            tokio::time::sleep(EXCHANGE_EVERY).await;
        }
        let mut ticks = tokio::time::interval(EXCHANGE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 1_u32.. {
            ticks.tick().await;
            let with_times = tick % SEEN_EVERY == 0;
            let exchanged = async {
                self.read_statuses(&store, &exporter, &mut position).await?;
                self.write_statuses(&store, &exporter, with_times).await?;
                self.write_changes(&store, &exporter, with_times).await
            };
            match exchanged.await {
                Ok(()) => {}
                // The state of the database is reported elsewhere.
                Err(StoreError::Away(why)) => tracing::debug!(why, "states of channels wait for the database"),
                Err(error) => tracing::warn!(%error, "states of channels were not exchanged"),
            }
        }
    }

    /// Merges what other exporters wrote since the last reading, and sends an event for each channel that changed.
    async fn read_statuses(&self, store: &Store, own: &str, position: &mut StatusPosition) -> Result<(), StoreError> {
        let rows = store.read_statuses(position).await?;
        let (config, now) = (self.backend.config(), Timestamp::now());
        let mut states = self.states();
        for row in rows {
            let channel = config.snapshot.channels.get(&row.status.channel);
            if let Some(channel) = channel.filter(|_| states.merge(row, own, now)) {
                self.send_state(&states.status(channel, now));
            }
        }
        Ok(())
    }

    async fn write_statuses(&self, store: &Store, exporter: &str, with_times: bool) -> Result<(), StoreError> {
        let statuses = self.states().take_unwritten(with_times);
        if statuses.is_empty() {
            return Ok(());
        }
        let written = store.write_statuses(exporter, &statuses).await;
        if written.is_err() {
            self.states().put_back(&statuses);
        }
        written
    }

    async fn write_changes(&self, store: &Store, exporter: &str, with_times: bool) -> Result<(), StoreError> {
        let mut changes = self.state_changes.take().into_iter().peekable();
        while changes.peek().is_some() {
            let some: Vec<StateChange> = changes.by_ref().take(BATCH).collect();
            if let Err(error) = store.write_states(exporter, &some).await {
                self.state_changes.put_back(some.into_iter().chain(changes));
                return Err(error);
            }
            let dropped = self.state_changes.take_dropped();
            if dropped > 0 {
                tracing::warn!(dropped, "the history of channels lacks changes from the time without the database");
            }
        }
        let seen = if with_times { self.state_changes.take_seen() } else { serde_json::Map::new() };
        if seen.is_empty() { Ok(()) } else { store.states_seen(exporter, &seen.into()).await }
    }
}

/// Returns the state of a channel, the worst severity of its failed checks, and the ids of the failed checks of
/// severity minor or above.
fn condition(report: &Report) -> (ChannelCondition, Option<Severity>, Vec<&'static str>) {
    let failed = report.failed().filter(|outcome| outcome.severity > Severity::Warning);
    let severity = report.worst_severity().filter(|severity| *severity > Severity::Warning);
    let mut checks: Vec<&'static str> = failed.map(|outcome| outcome.check.id).collect();
    checks.sort_unstable();
    checks.dedup();
    (report.condition(), severity, checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Channel;
    use crate::report::testing::{broken, clean};

    fn at(mut report: Report, second: i64) -> Report {
        report.started_at = Timestamp::from_second(second).unwrap();
        report
    }

    fn degraded() -> Report {
        let mut report = broken();
        report.outcomes.retain(|outcome| outcome.severity < Severity::Critical);
        report.success = true;
        report
    }

    /// Makes a catalogue of the report's channel.
    fn catalog(report: &Report) -> CatalogSnapshot {
        let channels = [(report.channel.code.clone(), Arc::clone(&report.channel))].into();
        CatalogSnapshot { channels, ..CatalogSnapshot::default() }
    }

    fn push(changes: &StateChanges, report: &Report) {
        changes.push(report, &catalog(report));
    }

    #[test]
    fn the_newest_changes_wait_for_the_database_and_no_more_than_the_bound() {
        let changes = StateChanges::default();
        let (mut up, mut down) = (clean(), broken());
        let catalog = catalog(&up);
        let mut push = |second: i64| {
            let report = if second % 2 == 0 { &mut up } else { &mut down };
            report.started_at = Timestamp::from_second(second).unwrap();
            changes.push(report, &catalog);
        };
        let bound = i64::try_from(MAX_WAITING).unwrap();
        (0..bound).for_each(&mut push);
        assert_eq!(changes.take_dropped(), 0);
        (bound..bound + 3).for_each(&mut push);
        assert_eq!(changes.take_dropped(), 3);
        let taken = changes.take();
        assert_eq!((taken.len(), taken[0].since.as_second()), (MAX_WAITING, 3));
        push(bound + 3);
        changes.put_back(taken);
        assert_eq!((changes.take_dropped(), changes.take()[0].since.as_second()), (1, 4));
    }

    #[test]
    fn channels_that_left_the_catalogue_are_forgotten() {
        let changes = StateChanges::default();
        let code = |code: &str| {
            let mut report = clean();
            report.channel = Arc::new(Channel { code: code.to_owned(), ..(*report.channel).clone() });
            report
        };
        push(&changes, &code("A"));
        push(&changes, &code("B"));
        assert_eq!(changes.take_seen().keys().collect::<Vec<_>>(), ["B"]);
    }

    #[test]
    fn only_changes_are_written_and_the_first_is_marked() {
        let changes = StateChanges::default();
        let reports =
            [at(clean(), 1), at(clean(), 2), at(degraded(), 3), at(broken(), 4), at(broken(), 5), at(clean(), 6)];
        reports.iter().for_each(|report| push(&changes, report));
        let taken = changes.take();
        let expected: Vec<_> = taken.iter().map(|c| (c.state, c.since.as_second(), c.is_first)).collect();
        use ChannelCondition::{Degraded, Down, Up};
        assert_eq!(expected, [(Up, 1, true), (Degraded, 3, false), (Down, 4, false), (Up, 6, false)]);
        assert_eq!(taken[1].failed_checks, ["rendition_unavailable"]);
        assert_eq!((taken[1].severity, taken[2].severity), (Some(Severity::Major), Some(Severity::Critical)));
        assert!(changes.take().is_empty());
    }

    #[test]
    fn a_check_that_fails_in_two_outputs_is_named_once() {
        let mut report = degraded();
        let mut other = report.outcomes.iter().find(|o| o.check.id == "rendition_unavailable").unwrap().clone();
        other.output = "backup".to_owned();
        report.outcomes.push(other);
        let changes = StateChanges::default();
        push(&changes, &report);
        assert_eq!(changes.take()[0].failed_checks, ["rendition_unavailable"]);
    }

    #[test]
    fn what_could_not_be_written_comes_first_again() {
        let changes = StateChanges::default();
        push(&changes, &at(clean(), 1));
        let taken = changes.take();
        push(&changes, &at(broken(), 2));
        changes.put_back(taken);
        assert_eq!(changes.take().iter().map(|c| c.since.as_second()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn the_time_of_the_newest_probe_is_written_once() {
        let changes = StateChanges::default();
        let report = at(clean(), 1);
        push(&changes, &report);
        push(&changes, &at(clean(), 2));
        let seen = changes.take_seen();
        assert_eq!(seen[&report.channel.code], "1970-01-01T00:00:02Z");
        assert!(changes.take_seen().is_empty());
    }
}
