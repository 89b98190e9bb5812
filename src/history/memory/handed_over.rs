//! What the history takes over from an earlier exporter, and hands over to the next one.

use super::{History, OutputKey, Retention};
use crate::history::OutputHandover;
use packager_media::units::{Seconds, Timestamp};
use url::Url;

impl History {
    /// Returns whether anything is remembered of an output, so that nothing has to be taken over from an earlier exporter.
    #[must_use]
    pub(crate) fn knows(&self, key: &OutputKey, retention: Retention) -> bool {
        self.outputs.find(&(key.clone(), retention.query_identifies), |_| ()).is_some()
    }

    /// Takes over what an earlier exporter handed over of an output with the manifest at `url`. `by` is what its clock lacks to
    /// this exporter's. What is remembered here already stays.
    pub(crate) fn take_over(
        &self,
        key: &OutputKey,
        url: &Url,
        handover: OutputHandover,
        by: Seconds,
        now: Timestamp,
        retention: Retention,
    ) {
        self.outputs.change(&(key.clone(), retention.query_identifies), now, |memory| {
            memory.begin(url, now, retention);
            if memory.renditions.is_empty() {
                memory.taken_over = handover.take(&memory.url, retention.query_identifies, by, now);
            }
        });
    }

    /// Returns what is handed over of an output to the exporter that probes it next. `None`: nothing is remembered of it.
    #[must_use]
    pub(crate) fn handover(&self, key: &OutputKey, retention: Retention) -> Option<OutputHandover> {
        let query_identifies = retention.query_identifies;
        let handover = self.outputs.find(&(key.clone(), query_identifies), |memory| {
            OutputHandover::new(&memory.url, query_identifies, memory.renditions.iter())
        });
        handover.filter(|handover| !handover.is_empty())
    }
}
