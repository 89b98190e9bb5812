//! Facts about an MPD itself: its clock, Location and patches. Those of its renditions are separate.

use super::Fetched;
use packager_media::dash::timing::ClockSource;
use packager_media::dash::{Descriptor, Mpd, Patch, PatchLocation, Period, current_period};
use packager_media::defect::Defect;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// What a probe captured of a DASH output's MPD: the MPD itself, its clocks, its Location and its patch.
#[derive(Debug, Clone)]
pub struct DashFacts {
    pub mpd: Arc<Mpd>,
    pub asked_at: Timestamp,
    /// Time at which the MPD had arrived.
    pub arrived_at: Timestamp,
    /// Time by the clock of the MPD for which its renditions and their available segments were listed.
    pub listed_at: Timestamp,
    /// The clock of UTCTiming that is used: the first that gave a time; if none did, the first that this exporter can
    /// read, or else the first one. `None` if the MPD has no UTCTiming.
    pub clock: Option<ClockFacts>,
    /// Time of the MPD's clock minus time of the exporter's clock in an earlier probe; `None` before the first.
    pub earlier_offset: Option<Seconds>,
    /// Clocks of UTCTiming before `clock` that gave no time, or after it if none gave a time.
    pub dead_clocks: Vec<ClockFacts>,
    /// Clocks of UTCTiming after `clock` that gave a time, which players ask when `clock` gives none.
    pub other_clocks: Vec<ClockFacts>,
    /// Answer of the MPD's Location. `None` if the MPD has none, or the template doesn't have it requested.
    pub location: Option<LocationFacts>,
    /// Answer of the MPD's PatchLocation. `None` if no patch can be requested now, or the template doesn't have one
    /// requested.
    pub patch: Option<PatchFacts>,
    /// The MPD in the form that later probes need to request its patches. `None` if it has no PatchLocation.
    pub patchable: Option<Arc<PatchableMpd>>,
}

/// Answer of the MPD's first Location.
#[derive(Debug, Clone)]
pub struct LocationFacts {
    pub fetched: Fetched,
    /// The MPD that the Location answered. `None` if the answer isn't an MPD.
    pub mpd: Option<Box<Mpd>>,
}

/// A live MPD with a PatchLocation, kept so that its patches can be requested.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchableMpd {
    pub id: Option<String>,
    pub publish_time: Timestamp,
    /// PatchLocation elements in document order.
    pub locations: Vec<PatchLocation>,
    /// Text of the MPD in bytes, as it was received.
    pub text: Vec<u8>,
}

/// Answer of a PatchLocation.
#[derive(Debug, Clone)]
pub struct PatchFacts {
    /// The MPD to which the patch applies.
    pub patched: Arc<PatchableMpd>,
    /// Whether the patched MPD is older than the newest one, so that a patch has to exist.
    pub outdated: bool,
    /// Time for which PatchLocation@ttl promises patches of the patched MPD; `None` if it promises none.
    pub ttl: Option<Seconds>,
    pub fetched: Fetched,
    /// Contents of the MPD patch; `None` if the answer isn't a patch.
    pub patch: Option<Patch>,
    /// Whether the answer to the patch request is a full MPD instead of a patch.
    pub full_mpd: bool,
    pub defects: Vec<Defect>,
}

/// Answer of the clock to which UTCTiming refers.
#[derive(Debug, Clone)]
pub struct ClockFacts {
    pub timing: Descriptor,
    /// Source of the time; `None` if the scheme or its value is unknown.
    pub source: Option<ClockSource>,
    /// The request for the time; `None` if the clock needs no request.
    pub fetched: Option<Fetched>,
    /// Time of the UTCTiming clock minus time of the exporter's clock. `None` if the clock gave no time.
    pub offset: Option<Seconds>,
}

impl DashFacts {
    /// Makes the record of an MPD without clock, Location and patch.
    #[must_use]
    pub fn new(mpd: Arc<Mpd>, asked_at: Timestamp) -> Self {
        Self {
            mpd,
            asked_at,
            arrived_at: asked_at,
            listed_at: asked_at,
            clock: None,
            earlier_offset: None,
            dead_clocks: Vec::new(),
            other_clocks: Vec::new(),
            location: None,
            patch: None,
            patchable: None,
        }
    }

    /// Iterates over the requests for the clocks, the Location and the patch.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        let clock =
            self.clock.iter().chain(&self.dead_clocks).chain(&self.other_clocks).filter_map(|c| c.fetched.as_ref());
        let location = self.location.iter().map(|l| &l.fetched);
        clock.chain(location).chain(self.patch.iter().map(|p| &p.fetched))
    }

    /// Returns the time of the MPD's clock minus the time of the exporter's clock. If its clock couldn't be read in this probe, that of an
    /// earlier probe counts; zero if the MPD names no clock, or none was ever read.
    #[must_use]
    pub fn clock_offset(&self) -> Seconds {
        let offset = |clock: &ClockFacts| clock.offset.or(self.earlier_offset);
        self.clock.as_ref().and_then(offset).unwrap_or(Seconds::ZERO)
    }

    /// Returns the time by the MPD's clock at an instant of the exporter's clock.
    #[must_use]
    pub fn mpd_time(&self, at: Timestamp) -> Timestamp {
        self.clock_offset().after(at)
    }

    /// Returns the Period that plays at an instant of the exporter's clock. `None`: none has begun.
    #[must_use]
    pub fn period_at(&self, at: Timestamp) -> Option<&Period> {
        current_period(&self.mpd, self.mpd_time(at))
    }
}
