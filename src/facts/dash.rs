//! What was learned of an MPD beside its renditions.

use super::Fetched;
use packager_media::dash::timing::Source;
use packager_media::dash::{Descriptor, Mpd, Patch, PatchLocation};
use packager_media::defect::Defect;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct DashFacts {
    pub mpd: Arc<Mpd>,
    pub asked_at: Timestamp,
    /// The first UTCTiming that this exporter can read, else the first. `None`: the MPD has none.
    pub clock: Option<ClockFacts>,
    /// `None`: the MPD names no other address for its updates, or the template doesn't want it asked.
    pub location: Option<LocationFacts>,
    /// `None`: no patch may be asked for now, or the template doesn't want one.
    pub patch: Option<PatchFacts>,
    /// This MPD as later probes may ask for patches of it.
    pub patchable: Option<Arc<Patchable>>,
}

/// The first Location, asked once.
#[derive(Debug, Clone)]
pub struct LocationFacts {
    pub fetched: Fetched,
    /// What it says of itself; `None`: no MPD.
    pub mpd: Option<Box<Mpd>>,
}

/// A live MPD with a PatchLocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Patchable {
    pub id: Option<String>,
    pub publish_time: Timestamp,
    /// In their order.
    pub locations: Vec<PatchLocation>,
    /// The MPD as it came.
    pub text: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct PatchFacts {
    /// What the patch is for.
    pub of: Arc<Patchable>,
    /// It isn't the newest MPD: there is something to patch.
    pub outdated: bool,
    /// How long patches of it are promised.
    pub ttl: Option<Seconds>,
    pub fetched: Fetched,
    /// `None`: no patch came.
    pub patch: Option<Patch>,
    /// A whole MPD came instead.
    pub whole: bool,
    pub defects: Vec<Defect>,
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
    /// Every request made for it beside those of its renditions.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        let clock = self.clock.iter().filter_map(|c| c.fetched.as_ref());
        let location = self.location.iter().map(|l| &l.fetched);
        clock.chain(location).chain(self.patch.iter().map(|p| &p.fetched))
    }

    /// The MPD's clock minus the exporter's own, as far as it is known.
    #[must_use]
    pub fn ahead(&self) -> Seconds {
        self.clock.as_ref().and_then(|c| c.ahead).unwrap_or(Seconds::ZERO)
    }
}
