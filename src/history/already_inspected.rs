//! What earlier probes of an output inspected, so that a probe needn't fetch it again.

use super::compact::SegmentKey;
use crate::facts::{KeyFacts, PatchableMpd, SteeringFacts};
use packager_media::stream::{Key as MediaKey, RenditionIdentity, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Segments, keys and MPDs of earlier probes of one output, which a probe needn't fetch again.
#[derive(Debug, Clone, Default)]
pub(crate) struct AlreadyInspected {
    /// Segments of each rendition that were inspected, as a whole or by their first bytes.
    pub(super) segments: HashMap<RenditionIdentity, Vec<SegmentKey>>,
    /// Number of the newest segment of each rendition that an earlier exporter inspected, if that is known.
    pub(super) elsewhere: HashMap<RenditionIdentity, u64>,
    /// Answers of key servers from earlier probes.
    pub(super) keys: Vec<Arc<KeyFacts>>,
    pub(super) query_identifies: bool,
    /// Identities of the renditions whose live edge has stood still for so long that no viewer would have stayed (60 s
    /// and three target durations).
    pub(super) frozen: HashSet<RenditionIdentity>,
    /// Number of the playback session in which the renditions in `frozen` stand still.
    pub(super) session: u64,
    /// MPDs whose patches may be requested (DASH), oldest first.
    pub(crate) patchable: Vec<Arc<PatchableMpd>>,
    /// The newest answer of the steering server.
    pub(crate) steering: Option<Arc<SteeringFacts>>,
}

impl AlreadyInspected {
    /// Returns the answer for a key that a player can use, if it is younger than the template's `hold`. URIs are compared as a whole, query
    /// included, because another query may select another key.
    #[must_use]
    pub(crate) fn key(&self, key: &MediaKey, now: Timestamp, hold: Seconds) -> Option<Arc<KeyFacts>> {
        let fresh = |k: &&Arc<KeyFacts>| k.usable() && Seconds::between(k.asked_at, now) < hold;
        self.keys.iter().filter(fresh).find(|k| k.key.same_source(key)).cloned()
    }

    /// Returns the segments of `timeline` one of whose keys no player could use when an earlier probe asked for it.
    pub(crate) fn without_usable_key<'a>(&'a self, timeline: &'a Timeline) -> impl Iterator<Item = &'a Segment> {
        let unusable: Vec<&MediaKey> = self.keys.iter().filter(|k| !k.usable()).map(|k| &k.key).collect();
        let listed = if unusable.is_empty() { &[][..] } else { &timeline.segments[..] };
        let is_unusable = move |key: &MediaKey| unusable.iter().any(|known| known.same_source(key));
        listed.iter().filter(move |s| s.keys.iter().any(&is_unusable))
    }

    /// Returns whether the segment with the same number, URI and byte range was inspected, as a whole or by its first bytes, and
    /// isn't forgotten.
    #[must_use]
    pub(crate) fn has(&self, rendition: &RenditionIdentity, segment: &Segment) -> bool {
        let mut known = self.segments.get(rendition).into_iter().flatten();
        known.any(|key| key.is_of(segment, self.query_identifies))
    }

    /// Returns whether the rendition is new: no earlier probe inspected one of its segments, as a whole or by its first bytes.
    #[must_use]
    pub(crate) fn is_new(&self, rendition: &RenditionIdentity) -> bool {
        self.segments.get(rendition).is_none_or(Vec::is_empty)
    }

    /// Returns what stays valid in a new playback session: keys, but no segments, whose numbers may have begun again. The first
    /// probe of an exporter begins a session, too, and goes on from what an earlier exporter inspected.
    #[must_use]
    pub(crate) fn in_new_session(&self) -> Self {
        let (segments, frozen, patchable) = (HashMap::new(), HashSet::new(), Vec::new());
        Self { segments, frozen, patchable, ..self.clone() }
    }

    /// Returns whether the rendition's live edge has stood still in this playback session for so long that no viewer
    /// would have stayed (60 s and three target durations).
    #[must_use]
    pub(crate) fn is_frozen(&self, session: u64, rendition: &RenditionIdentity) -> bool {
        self.session == session && self.frozen.contains(rendition)
    }

    /// Returns whether the live edge of any rendition has stood still in this playback session for so long that no
    /// viewer would have stayed (60 s and three target durations).
    #[must_use]
    pub(crate) fn any_frozen(&self, session: u64) -> bool {
        self.session == session && !self.frozen.is_empty()
    }

    /// Returns the number of the newest segment in `timeline` that was inspected before, by this exporter or an earlier one;
    /// `None` if none was. A segment that an earlier exporter inspected may have left the window.
    #[must_use]
    pub(crate) fn last_inspected(&self, rendition: &RenditionIdentity, timeline: &Timeline) -> Option<u64> {
        let here = timeline.segments.iter().rev().find(|s| self.has(rendition, s)).map(|s| s.number);
        let elsewhere = || {
            let is_left = |number: &u64| Some(*number) <= timeline.last_number();
            self.elsewhere.get(rendition).copied().filter(|_| self.is_new(rendition)).filter(is_left)
        };
        here.or_else(elsewhere)
    }
}
