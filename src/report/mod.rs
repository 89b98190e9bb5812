//! The report of a probe: facts, outcomes of the checks, and the values derived from them; as JSON, text and log.

use crate::catalog::{Channel, Template};
use crate::checks::{CheckOutcome, CheckResult};
use crate::facts::{Capture, OutputFacts, RenditionFacts, SegmentFacts, still};
use crate::finding::Severity;
use crate::history::{MosHistory, SignalHistory, Thumbnail};
use packager_media::units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;

#[macro_use]
mod measured;
mod derive;
mod from_history;
mod log;
mod output;
mod playlist;
mod rendition;
mod segment;
mod signal;
mod summary;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use from_history::{OutputFromHistory, RenditionFromHistory};
pub use log::log;
pub use output::{MediaCounts, OutputInfoView, OutputView, PhasesView};
pub use playlist::PlaylistView;
pub use rendition::{BandwidthView, RenditionInfoView, RenditionView};
pub use segment::{ContinuityView, DurationView, SegmentView};
pub use signal::SignalView;
pub use text::{TextDetail, text};
pub use view::{ChannelInfoView, FindingView, ReportView, StagesView};

/// The result of one probe, from which gauges, JSON, text and log are made.
#[derive(Debug, Clone)]
pub struct Report {
    /// The channel as it was in force when the probe began.
    pub channel: Arc<Channel>,
    /// The template with which the channel was judged.
    pub template: Arc<Template>,
    /// Time at which the probe began.
    pub started_at: Timestamp,
    /// Duration of the probe.
    pub duration: Seconds,
    /// Longest allowed duration of the probe.
    pub timeout: Seconds,
    /// Whether no critical check failed and at least one check ran for each output.
    pub success: bool,
    /// Everything that the probe fetched and parsed.
    pub capture: Capture,
    /// The outcome of every enabled check, for each output.
    pub outcomes: Vec<CheckOutcome>,
    /// What the report takes from the history of each output, in the order of the capture's outputs. An output without an entry has no
    /// history.
    pub history: Vec<OutputFromHistory>,
}

impl Report {
    /// Returns all values of the report: channel, outputs, renditions, findings and times. Gauges and JSON use the same
    /// names for them.
    #[must_use]
    pub fn view(&self) -> ReportView<'_> {
        ReportView::new(self)
    }

    /// What the report takes from the history of an output; `None` without one.
    fn of_output(&self, output: &OutputFacts) -> Option<&OutputFromHistory> {
        let mut outputs = self.capture.outputs.iter().zip(&self.history);
        outputs.find(|(other, _)| other.name == output.name).map(|(_, history)| history)
    }

    /// What the report takes from the history of a rendition; `None` without one.
    fn of_rendition(&self, output: &OutputFacts, rendition: &str) -> Option<&RenditionFromHistory> {
        self.of_output(output)?.renditions.get(rendition)
    }

    /// The listed segments of a rendition that this or an earlier probe inspected, oldest first. Without a history they are
    /// those of this probe.
    fn inspected<'a>(&'a self, output: &OutputFacts, facts: &'a RenditionFacts) -> &'a [Arc<SegmentFacts>] {
        let found = self.of_rendition(output, &facts.rendition.name).and_then(|history| history.inspected.as_deref());
        found.unwrap_or(&facts.segments)
    }

    /// Whether the picture of an output is suspected to stand still, by the sizes of coded pictures in the newest inspected segment of each
    /// rendition. `None` if they say nothing.
    #[must_use]
    pub fn still_suspected(&self, output: &OutputFacts) -> Option<bool> {
        still::is_suspected(output.renditions.iter().map(|facts| still::looks_still(self.inspected(output, facts))))
    }

    /// The state of picture and sound of a rendition; `None` if it was never decoded, or too long ago.
    fn signal(&self, output: &OutputFacts, rendition: &str) -> Option<&SignalHistory> {
        signal::valid(output, self.any_signal(output, rendition)?, self.started_at)
    }

    /// The history of a rendition's mean opinion score; `None` if nothing is known of its picture and sound.
    fn mos(&self, output: &OutputFacts, rendition: &str) -> Option<&MosHistory> {
        Some(&self.any_signal(output, rendition)?.mos)
    }

    /// The state of picture and sound of a rendition, however old.
    fn any_signal(&self, output: &OutputFacts, rendition: &str) -> Option<&SignalHistory> {
        self.of_rendition(output, rendition)?.signal.as_deref()
    }

    /// The newest thumbnail of the channel; `None` if none was made.
    pub(crate) fn thumbnail(&self) -> Option<&Thumbnail> {
        let renditions = self.history.iter().flat_map(|output| output.renditions.values());
        let thumbnails = renditions.filter_map(|rendition| rendition.signal.as_ref()?.thumbnail.as_ref());
        thumbnails.max_by_key(|thumbnail| thumbnail.made_at)
    }

    /// Outcomes of the checks that failed, in the order of the checks, one for each output.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &CheckOutcome> + Clone {
        self.outcomes.iter().filter(|outcome| outcome.result == CheckResult::Failed)
    }

    /// Whether the settings of an output say that certificates of its servers aren't verified.
    pub(crate) fn is_unverified(&self, output: &str) -> bool {
        let mut outputs = self.channel.outputs.iter().filter(|other| other.name == output);
        outputs.any(|output| self.channel.request_settings(output, &self.template).connection.is_insecure())
    }

    /// Severity of the worst failed check; `None` if no check failed.
    pub(crate) fn worst_severity(&self) -> Option<Severity> {
        self.failed().map(|outcome| outcome.severity).max()
    }

    /// Returns the condition of the channel for its viewers.
    pub(crate) fn condition(&self) -> ChannelCondition {
        match self.worst_severity() {
            _ if !self.success => ChannelCondition::Down,
            None | Some(Severity::Warning) => ChannelCondition::Up,
            Some(_) => ChannelCondition::Degraded,
        }
    }
}

/// Condition of a channel for its viewers, by one probe of all outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelCondition {
    /// No check failed, or only checks of severity warning.
    Up,
    /// A check of severity minor or above failed, and `probe_success` is 1.
    Degraded,
    /// The value of `probe_success` is 0: a critical check failed, or no check ran for an output.
    Down,
}

/// Serializes a report as one JSON object. Secrets are redacted, and numbers are finite.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view().serialize(serializer)
    }
}
