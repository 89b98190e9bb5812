//! One probe's result: the facts, the checks' outcomes, and what they come to.

use crate::catalog::{Channel, Template};
use crate::checks::CheckOutcome;
use crate::facts::Capture;
use packager_media::units::{Seconds, Timestamp};
use serde::{Serialize, Serializer};
use std::sync::Arc;

#[macro_use]
mod measured;
mod derive;
mod log;
mod output;
mod playlist;
mod rendition;
mod segment;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use log::log;
pub use output::{InfoView as OutputInfoView, MediaCounts, OutputView, PhasesView};
pub use playlist::PlaylistView;
pub use rendition::{BandwidthView, InfoView as RenditionInfoView, RenditionView};
pub use segment::{ContinuityView, DurationView, SegmentView};
pub use text::text;
pub use view::{ChannelInfoView, FindingView, StagesView, View};

/// What a probe answers; gauges, JSON, text and the debug page are all made from it.
#[derive(Debug, Clone)]
pub struct Report {
    pub channel: Arc<Channel>,
    pub template: Arc<Template>,
    pub started_at: Timestamp,
    pub duration: Seconds,
    /// The budget this probe had.
    pub timeout: Seconds,
    /// No critical check failed, and at least one ran.
    pub success: bool,
    pub capture: Capture,
    /// Every check that the template leaves on, per output.
    pub outcomes: Vec<CheckOutcome>,
    /// Per output: time since the live edge advanced, by rendition. Derived from history.
    pub edge_age: Vec<(String, String, Seconds)>,
    /// Whether the live edge of an output is in an ad break, where its playlists tell. Derived from history.
    pub ad_break: Vec<(String, bool)>,
}

impl Report {
    /// The report's facts under the names that gauges and JSON share.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(self)
    }
}

/// One JSON object; secrets masked, numbers always finite.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view().serialize(serializer)
    }
}
