//! Facts about an MPD itself, apart from its renditions: clock, Location, patch.

use super::Fetched;
use packager_media::dash::timing::ClockSource;
use packager_media::dash::{Descriptor, Mpd, Patch, PatchLocation};
use packager_media::defect::Defect;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// Facts about the MPD of a DASH output.
#[derive(Debug, Clone)]
pub struct DashFacts {
    pub mpd: Arc<Mpd>,
    pub asked_at: Timestamp,
    /// The first clock of UTCTiming that gave a time; if none did, the first that this exporter can read, or else the first one.
    /// `None`: the MPD has no UTCTiming.
    pub clock: Option<ClockFacts>,
    /// The other clocks that were asked and gave no time.
    pub dead_clocks: Vec<ClockFacts>,
    /// `None`: the MPD has no Location, or the template does not have it requested.
    pub location: Option<LocationFacts>,
    /// `None`: no patch can be requested now, or the template does not have one requested.
    pub patch: Option<PatchFacts>,
    /// The MPD in the form that later probes need to request its patches. `None`: it has no PatchLocation.
    pub patchable: Option<Arc<PatchableMpd>>,
}

/// The answer of the MPD's first Location.
#[derive(Debug, Clone)]
pub struct LocationFacts {
    pub fetched: Fetched,
    /// The MPD at that URL. `None`: the answer is no MPD.
    pub mpd: Option<Box<Mpd>>,
}

/// A live MPD with a PatchLocation, kept so that its patches can be requested.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchableMpd {
    pub id: Option<String>,
    pub publish_time: Timestamp,
    /// PatchLocations in document order.
    pub locations: Vec<PatchLocation>,
    /// Bytes of the MPD.
    pub text: Vec<u8>,
}

/// The answer of a PatchLocation.
#[derive(Debug, Clone)]
pub struct PatchFacts {
    /// The MPD that the patch applies to.
    pub patched: Arc<PatchableMpd>,
    /// Whether that MPD is older than the newest one, so that a patch must exist.
    pub outdated: bool,
    /// Time for which PatchLocation@ttl promises patches of that MPD.
    pub ttl: Option<Seconds>,
    pub fetched: Fetched,
    /// `None`: the answer is no patch.
    pub patch: Option<Patch>,
    /// Whether the answer is a full MPD in place of a patch.
    pub full_mpd: bool,
    pub defects: Vec<Defect>,
}

/// The answer of the clock that UTCTiming refers to.
#[derive(Debug, Clone)]
pub struct ClockFacts {
    pub timing: Descriptor,
    /// `None`: the scheme or its value is unknown.
    pub source: Option<ClockSource>,
    /// `None`: the clock needs no request.
    pub fetched: Option<Fetched>,
    /// Time of that clock minus time of the exporter's clock. `None`: the clock gave no time.
    pub offset: Option<Seconds>,
}

impl DashFacts {
    /// Facts about an MPD with nothing beside it: no clock, no Location, no patch.
    #[must_use]
    pub fn new(mpd: Arc<Mpd>, asked_at: Timestamp) -> Self {
        Self { mpd, asked_at, clock: None, dead_clocks: Vec::new(), location: None, patch: None, patchable: None }
    }

    /// Requests for the clock, the Location and the patch.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        let clock = self.clock.iter().chain(&self.dead_clocks).filter_map(|c| c.fetched.as_ref());
        let location = self.location.iter().map(|l| &l.fetched);
        clock.chain(location).chain(self.patch.iter().map(|p| &p.fetched))
    }

    /// Time of the MPD's clock minus time of the exporter's clock; zero while unknown.
    #[must_use]
    pub fn clock_offset(&self) -> Seconds {
        self.clock.as_ref().and_then(|c| c.offset).unwrap_or(Seconds::ZERO)
    }
}
