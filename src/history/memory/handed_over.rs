//! What the history takes over from an earlier exporter, and hands over to the next one.

use super::{History, Memory, OutputKey, Retention, url_identity};
use crate::history::OutputHandover;
use crate::history::handover::MAX_UNSEEN;
use packager_media::units::{Seconds, Timestamp};
use url::Url;

impl History {
    /// Returns whether this exporter probed the output within [`MAX_UNSEEN`] before `now`, so that it needs no handover
    /// of another exporter.
    #[must_use]
    pub(crate) fn knows(&self, key: &OutputKey, now: Timestamp, retention: Retention) -> bool {
        let is_fresh = |memory: &mut Memory| Seconds::between(memory.touched, now) <= MAX_UNSEEN;
        self.outputs.find(&(key.clone(), retention.query_identifies), is_fresh).unwrap_or(false)
    }

    /// Takes over the handover that an earlier exporter wrote of an output with the manifest at `url`. `by` is this
    /// exporter's clock minus the clock of the other one. A memory of this exporter from within [`MAX_UNSEEN`] stays;
    /// an older one is replaced.
    pub(crate) fn take_over(
        &self,
        key: &OutputKey,
        url: &Url,
        handover: OutputHandover,
        by: Seconds,
        now: Timestamp,
        retention: Retention,
    ) {
        let url = url_identity(url, retention);
        self.outputs.change(&(key.clone(), retention.query_identifies), now, |memory| {
            let is_old = Seconds::between(memory.touched, now) > MAX_UNSEEN;
            memory.begin(&url, now, retention);
            let taken = handover.take(&memory.url, retention.query_identifies, by, now);
            if is_old && !taken.is_empty() {
                let labels = std::mem::take(&mut memory.labels);
                *memory = Memory { labels, ..Memory::default() };
                memory.begin(&url, now, retention);
            }
            if memory.renditions.is_empty() {
                memory.taken_over = taken;
            }
        });
    }

    /// Returns the handover of an output for the exporter that probes it next. `None`: nothing is remembered of it.
    #[must_use]
    pub(crate) fn handover(&self, key: &OutputKey, retention: Retention) -> Option<OutputHandover> {
        let query_identifies = retention.query_identifies;
        let handover = self.outputs.find(&(key.clone(), query_identifies), |memory| {
            OutputHandover::new(&memory.url, query_identifies, memory.renditions.iter())
        });
        handover.filter(|handover| !handover.is_empty())
    }
}
