//! What was learned of an MPD beside its renditions.

use super::Fetched;
use crate::dash::timing::Source;
use crate::dash::{Descriptor, Mpd};
use crate::units::{Seconds, Timestamp};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct DashFacts {
    pub mpd: Arc<Mpd>,
    pub asked_at: Timestamp,
    /// The first UTCTiming that this exporter can read, else the first. `None`: the MPD has none.
    pub clock: Option<ClockFacts>,
}

#[derive(Debug, Clone)]
pub struct ClockFacts {
    pub timing: Descriptor,
    /// `None`: a scheme or a value that nobody knows.
    pub source: Option<Source>,
    /// `None` where there is nothing to ask.
    pub fetched: Option<Fetched>,
    /// That clock minus the exporter's own. `None`: it gave no time.
    pub ahead: Option<Seconds>,
}

impl DashFacts {
    /// The MPD's clock minus the exporter's own, as far as it is known.
    #[must_use]
    pub fn ahead(&self) -> Seconds {
        self.clock.as_ref().and_then(|c| c.ahead).unwrap_or(Seconds::ZERO)
    }
}
