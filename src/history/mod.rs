//! History with which checks compare: a bounded memory of each output, in which every entry has its time.
//!
//! Comparison is by time and never by the number of scrapes: two Prometheus replicas, a person with `debug=true` and
//! the web page all probe the same channel, and each has to get the same verdict. So a probe consumes nothing:
//! observations and inspected segments stay for the template's `hold` time, and a check compares *every* consecutive
//! pair of observations in that time. A restart of a packager is thus reported for `hold`, and is the new state to
//! compare with afterwards.

mod ads;
mod already_inspected;
mod clock_step;
mod compact;
mod delta;
mod derived;
mod handover;
mod inits;
mod inputs;
mod key_usage;
mod ladder;
mod memory;
mod mpds;
mod observation;
mod outputs;
mod patchable;
mod segment_delta;
mod mos;
mod signal;
mod signal_turn;
mod spans;
mod uri_names;

pub(crate) use ads::AdHistory;
pub(crate) use already_inspected::AlreadyInspected;
pub(crate) use derived::{DerivedOnce, ObservedChange, PlaylistChange};
pub(crate) use handover::OutputHandover;
pub(crate) use inits::InitState;
pub(crate) use inputs::InputState;
pub(crate) use key_usage::KeyUsage;
pub(crate) use ladder::{LadderState, RepresentationIds, RepresentationPlace};
pub(crate) use memory::{History, OutputKey, Retention};
pub(crate) use mos::{MosHistory, MosTrend};
pub(crate) use mpds::{MpdState, MpdWindow, PeriodStart, SAME_START};
pub(crate) use observation::{ListedSegment, Observation};
pub(crate) use signal::{
    FollowUp, PictureHistory, SignalHistory, SoundHistory, Thumbnail, UNDECODABLE_PIECES, Undecodable,
};
pub(crate) use signal_turn::SignalTurn;
pub(crate) use spans::FaultSpans;
pub(crate) use uri_names::SAME_DATE;
#[cfg(test)]
pub(crate) use {
    ads::{InspectedSpan, OpenAdBreak},
    observation::MAX_LISTED_SEGMENTS,
};

use crate::facts::{InspectedShare, KeyFacts, SegmentFacts};
use packager_media::units::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// History of one output, over the template's `hold` up to now. It includes what this probe captured.
#[derive(Debug, Clone, Default)]
pub struct OutputHistory {
    /// History of the renditions that this probe found, by their labels.
    pub renditions: HashMap<String, RenditionHistory>,
    /// Distinct ladders, oldest first. The first may be older than the template's `hold`, because the second is
    /// compared with it.
    pub ladders: Vec<Arc<LadderState>>,
    /// Distinct sets of active inputs that the packager named, oldest first. The first may be older than the template's
    /// `hold`, because the second is compared with it.
    pub inputs: Vec<Arc<InputState>>,
    /// Distinct states of the live MPD (DASH), oldest first. The first may be older than the template's `hold`, because
    /// the second is compared with it.
    pub mpds: Vec<Arc<MpdState>>,
}

impl OutputHistory {
    /// Returns the share of the new media of all renditions that probes inspected, from 0 to 1, by the duration of the segments.
    /// `None`: there were no new media.
    #[must_use]
    pub(crate) fn coverage(&self) -> Option<f64> {
        let shares = self.renditions.values().flat_map(|rendition| &rendition.coverage);
        let (inspected, listed) =
            shares.fold((0.0, 0.0), |sum, (_, share)| (sum.0 + share.inspected.0, sum.1 + share.listed.0));
        (listed > 0.0).then(|| inspected / listed)
    }
}

/// History of one rendition, over the template's `hold` up to now. It includes what this probe captured. `S` is the form of its
/// inspected segments: checks get their facts, and a compact form of them is remembered.
#[derive(Debug, Clone, Default)]
pub struct RenditionHistory<S = Vec<Arc<SegmentFacts>>> {
    /// Distinct observations of the rendition's playlist or MPD, oldest first. The first may be older than the
    /// template's `hold`, because the second is compared with it.
    pub observations: Vec<Arc<Observation>>,
    /// Changes between the observations, oldest first.
    pub(crate) changes: DerivedOnce<Vec<ObservedChange>>,
    /// Segments that were inspected within the template's `hold`, in order of inspection. The newest listed segment is
    /// among them if it was ever inspected.
    pub segments: S,
    /// Indices of those of the segments that checks judge: of several downloads of one segment the one that counts.
    pub(crate) judged: DerivedOnce<Vec<usize>>,
    /// Segments of which only the first bytes were fetched, within the template's `hold`, in order of inspection.
    pub heads: S,
    /// The newest answer of each key URI that was requested within the template's `hold`.
    pub keys: Vec<Arc<KeyFacts>>,
    /// How much of the new media each probe within the template's `hold` inspected, by the time of the probe.
    pub coverage: Vec<(Timestamp, InspectedShare)>,
    /// Time at which the live edge was first seen where it is now; `None` before the first observation.
    pub edge_since: Option<Timestamp>,
    pub ads: AdHistory,
    /// The rendition's initialization segments in the order in which they appeared: the current ones, and those that
    /// were replaced within the template's `hold`.
    pub inits: Vec<InitState>,
    /// The key in use, and since when; while segments are clear, that of the encrypted ones before. `None` before the first key.
    pub key_use: Option<KeyUsage>,
    /// Time at which the newest listed segment was last encrypted; `None` if no probe saw that.
    pub last_encrypted: Option<Timestamp>,
    /// State of picture and sound by the media that were decoded.
    pub signal: Arc<SignalHistory>,
}
