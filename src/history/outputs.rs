//! The memories of all outputs. Each has a lock of its own, so that a probe that reads or writes one output's memory makes
//! no probe of another output wait.

use super::clock_step::ObservedTimes;
use super::memory::OutputKey;
use crate::eviction::evict;
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Key of a memory: the output, and whether the template identifies segments by the query too. Such templates see other
/// segments, so each way has a memory of its own.
pub(super) type MemoryKey = (OutputKey, bool);

/// The memory of each output. When the largest number of outputs is exceeded, the output that wasn't probed for the longest
/// time is forgotten.
#[derive(Debug)]
pub(super) struct Outputs<M> {
    max_outputs: AtomicUsize,
    // Held only to find a memory, never while one is read or written, except when the clock was set.
    entries: Mutex<HashMap<MemoryKey, Entry<M>>>,
}

#[derive(Debug)]
struct Entry<M> {
    /// Time of the last probe of the output.
    touched: Timestamp,
    memory: Arc<Mutex<M>>,
}

impl<M: Default + ObservedTimes> Outputs<M> {
    /// Makes an empty collection of at most `max_outputs` memories, at least one.
    pub(super) fn new(max_outputs: usize) -> Self {
        Self { max_outputs: AtomicUsize::new(max_outputs.max(1)), entries: Mutex::default() }
    }

    /// Sets a new bound for the number of outputs, and forgets those above it at once.
    pub(super) fn bound(&self, max_outputs: usize) {
        let bound = max_outputs.max(1);
        if self.max_outputs.swap(bound, Ordering::Relaxed) > bound {
            evict(&mut lock(&self.entries), bound, None, |entry| entry.touched);
        }
    }

    /// Returns the number of remembered outputs.
    pub(super) fn len(&self) -> usize {
        lock(&self.entries).len()
    }

    /// Calls `visit` with what is remembered of an output. `None` if it was never probed.
    pub(super) fn find<R>(&self, key: &MemoryKey, visit: impl FnOnce(&mut M) -> R) -> Option<R> {
        let memory = lock(&self.entries).get(key).map(|entry| Arc::clone(&entry.memory))?;
        let mut memory = lock(&memory);
        Some(visit(&mut memory))
    }

    /// Calls `change` with what is remembered of an output that is probed at `now`; it is empty for a new output. If there
    /// are too many outputs, the output that wasn't probed for the longest time is forgotten.
    pub(super) fn change<R>(&self, key: &MemoryKey, now: Timestamp, change: impl FnOnce(&mut M) -> R) -> R {
        let memory = self.enter(key, now);
        let mut memory = lock(&memory);
        change(&mut memory)
    }

    fn enter(&self, key: &MemoryKey, now: Timestamp) -> Arc<Mutex<M>> {
        let mut entries = lock(&self.entries);
        if !entries.contains_key(key) {
            let most = self.max_outputs.load(Ordering::Relaxed).saturating_sub(1);
            evict(&mut entries, most, None, |entry| entry.touched);
        }
        let new = || Entry { touched: now, memory: Arc::default() };
        let entry = entries.entry(key.clone()).or_insert_with(new);
        entry.touched = now;
        Arc::clone(&entry.memory)
    }

    /// Moves all remembered times by a step of the exporter's clock. No probe finds a memory before all have been moved.
    pub(super) fn shift(&self, by: Seconds) {
        let mut entries = lock(&self.entries);
        for entry in entries.values_mut() {
            entry.touched.shift(by);
            lock(&entry.memory).shift(by);
        }
    }
}

/// Locks a value. What the lock guards is valid after every statement, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;
    use std::sync::mpsc;

    #[derive(Debug, Default)]
    struct Probes(u32);

    impl ObservedTimes for Probes {
        fn shift(&mut self, _by: Seconds) {}
    }

    fn key(output: &str) -> MemoryKey {
        (OutputKey { channel: "TV1".into(), output: output.into() }, false)
    }

    #[test]
    fn an_output_whose_memory_is_in_use_makes_no_other_output_wait() {
        let outputs = Outputs::<Probes>::new(2);
        let (entered, has_entered) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let outputs = &outputs;
            scope.spawn(move || {
                outputs.change(&key("busy"), at(0), |_| {
                    entered.send(()).unwrap();
                    may_leave.recv().unwrap();
                });
            });
            has_entered.recv().unwrap();
            outputs.change(&key("other"), at(0), |probes| probes.0 += 1);
            assert_eq!(outputs.find(&key("other"), |probes| probes.0), Some(1));
            assert_eq!(outputs.len(), 2);
            leave.send(()).unwrap();
        });
    }

    #[test]
    fn the_output_that_was_not_probed_for_longest_is_forgotten() {
        let outputs = Outputs::<Probes>::new(2);
        for (output, seconds) in [("a", 0), ("b", 1), ("a", 2), ("c", 3)] {
            outputs.change(&key(output), at(seconds), |probes| probes.0 += 1);
        }
        let probes = ["a", "b", "c"].map(|output| outputs.find(&key(output), |probes| probes.0));
        assert_eq!(probes, [Some(2), None, Some(1)]);
        outputs.bound(1);
        assert_eq!((outputs.len(), outputs.find(&key("c"), |probes| probes.0)), (1, Some(1)));
    }
}
