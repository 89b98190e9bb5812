//! Recent probes for the page. Probes with a fault are kept longer than others, because people look for the fault before
//! the last hundred good probes.

use crate::report::ChannelCondition;
use packager_media::units::{Seconds, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Longest text that is kept of one probe, in bytes. `debug=true` shows the whole text.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// One recent probe on the page.
#[derive(Debug, Clone)]
pub(crate) struct RecentProbe {
    pub(crate) id: u64,
    pub(crate) target: String,
    pub(crate) template: String,
    pub(crate) output: Option<String>,
    pub(crate) condition: ChannelCondition,
    /// Ids of the checks that failed in the probe.
    pub(crate) failed: Vec<&'static str>,
    pub(crate) started_at: Timestamp,
    pub(crate) duration: Seconds,
    pub(crate) text: Arc<str>,
}

/// The newest `limit` probes, and the newest `limit` probes before them in which the channel was degraded or down.
#[derive(Debug)]
pub(crate) struct RecentProbes {
    limit: usize,
    next: u64,
    results: VecDeque<RecentProbe>,
    faults: VecDeque<RecentProbe>,
}

impl RecentProbes {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, next: 1, results: VecDeque::new(), faults: VecDeque::new() }
    }

    /// Returns whether the page keeps any probes.
    pub(crate) fn is_enabled(&self) -> bool {
        self.limit > 0
    }

    /// Adds a probe to the recent ones and gives it the next id.
    pub(crate) fn push(&mut self, mut entry: RecentProbe) {
        entry.id = self.next;
        self.next += 1;
        entry.text = bounded(&entry.text);
        self.results.push_back(entry);
        if self.results.len() > self.limit
            && let Some(old) = self.results.pop_front()
            && old.condition != ChannelCondition::Up
        {
            self.faults.push_back(old);
            if self.faults.len() > self.limit {
                self.faults.pop_front();
            }
        }
    }

    /// Returns the recent probes, newest first.
    pub(crate) fn list(&self) -> Vec<RecentProbe> {
        self.results.iter().rev().chain(self.faults.iter().rev()).cloned().collect()
    }

    /// Returns the log of the recent probe with the id `id`. `None`: the probe is no longer kept.
    pub(crate) fn text(&self, id: u64) -> Option<Arc<str>> {
        self.results.iter().chain(&self.faults).find(|e| e.id == id).map(|e| Arc::clone(&e.text))
    }
}

fn bounded(text: &Arc<str>) -> Arc<str> {
    if text.len() <= MAX_TEXT_BYTES {
        return Arc::clone(text);
    }
    let head = (0..=MAX_TEXT_BYTES).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    format!("{head}\n… cut at {} KiB; probe with debug=true for the whole text\n", MAX_TEXT_BYTES >> 10).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChannelCondition::{Degraded, Down, Up};

    fn entry(condition: ChannelCondition, text: &str) -> RecentProbe {
        let (target, template, output) = ("A".into(), "T".into(), None);
        let (started_at, duration) = (Timestamp::UNIX_EPOCH, Seconds::ZERO);
        RecentProbe {
            id: 0,
            target,
            template,
            output,
            condition,
            failed: Vec::new(),
            started_at,
            duration,
            text: text.into(),
        }
    }

    fn ids(recent: &RecentProbes) -> Vec<u64> {
        recent.list().iter().map(|e| e.id).collect()
    }

    #[test]
    fn a_fault_stays_after_the_good_probes_around_it_have_gone() {
        let mut recent = RecentProbes::new(2);
        for condition in [Up, Down, Up, Degraded, Up, Up, Up] {
            recent.push(entry(condition, "log"));
        }
        assert_eq!(ids(&recent), [7, 6, 4, 2]);
        assert!(recent.text(4).is_some() && recent.text(2).is_some() && recent.text(1).is_none());
        (0..10).for_each(|_| recent.push(entry(Down, "log")));
        assert_eq!(ids(&recent), [17, 16, 15, 14], "faults are bounded too");
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        let mut recent = RecentProbes::new(0);
        recent.push(entry(Down, "log"));
        assert!(recent.list().is_empty() && !recent.is_enabled() && RecentProbes::new(1).is_enabled());
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        let mut recent = RecentProbes::new(1);
        recent.push(entry(Up, &"x".repeat(MAX_TEXT_BYTES)));
        assert_eq!(recent.text(1).unwrap().len(), MAX_TEXT_BYTES);
        recent.push(entry(Up, &"x".repeat(MAX_TEXT_BYTES + 1)));
        assert!(recent.text(2).unwrap().starts_with(&format!("{}\n… cut at", "x".repeat(MAX_TEXT_BYTES))));
        recent.push(entry(Up, &"ế".repeat(MAX_TEXT_BYTES)));
        let text = recent.text(3).unwrap();
        assert!(text.len() < MAX_TEXT_BYTES + 100 && text.contains("cut at 64 KiB"));
    }
}
