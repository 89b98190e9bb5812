//! What the history remembers of one rendition.

use super::Retention;
use crate::facts::RenditionFacts;
use crate::history::clock_step::ObservedTimes;
use crate::history::compact::RememberedSegments;
use crate::history::uri_names::UriNames;
use crate::history::{DerivedOnce, KeyUsage, ListedSegment, Observation, RenditionHistory, inits};
use packager_media::stream::Timeline;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

/// Number of target durations after which a live edge that doesn't move counts as standing still: twice the 1.5 within
/// which a new segment is due (RFC 8216bis 6.2.1).
const STUCK: f64 = 3.0;
/// Time after which a playback session whose live edge stands still is given up for another session. Until then its
/// viewers wait, which is reported.
const FROZEN: Seconds = Seconds(60.0);
/// Target duration that is assumed for an MPD, which has none: that of common packagers.
const DEFAULT_TARGET: Seconds = Seconds(6.0);
const MAX_OBSERVATIONS: usize = 64;
/// Largest number of inspected segments that are remembered of a rendition: as many as `segments.count` allows a probe to inspect. Within
/// `hold` it is reached by segments of less than a second only.
const MAX_SEGMENTS: usize = 1000;
const MAX_KEYS: usize = 32;

#[derive(Debug, Default)]
pub(in crate::history) struct RenditionMemory {
    // In a box, because a map has room for twice as many values as it holds.
    pub(in crate::history) past: Box<RenditionHistory<RememberedSegments>>,
    /// Number of the newest segment that an earlier exporter inspected; `None` if it is unknown or no longer valid.
    pub(in crate::history) inspected_elsewhere: Option<u64>,
    pub(super) touched: Timestamp,
    /// Time at which the newest known playlist arrived.
    arrived: Timestamp,
    /// Names of the segments in the newest known playlist.
    uris: UriNames,
}

impl ObservedTimes for RenditionMemory {
    fn shift(&mut self, by: Seconds) {
        self.past.shift(by);
        self.touched.shift(by);
        self.arrived.shift(by);
    }
}

impl RenditionMemory {
    /// Makes the memory of a rendition of which an earlier exporter saw this state of the playlist.
    pub(in crate::history) fn taken_over(state: Observation, edge_since: Timestamp, inspected: Option<u64>) -> Self {
        let (touched, arrived) = (state.last_seen, state.last_seen);
        let (observations, edge_since) = (vec![Arc::new(state)], Some(edge_since));
        let past = RenditionHistory { observations, edge_since, ..RenditionHistory::default() };
        Self { past: Box::new(past), inspected_elsewhere: inspected, touched, arrived, uris: UriNames::default() }
    }

    /// Returns whether a probe saw the rendition at most `time` before `now`.
    pub(in crate::history) fn was_seen_within(&self, time: Seconds, now: Timestamp) -> bool {
        Seconds::between(self.touched, now) <= time
    }

    pub(super) fn take(&mut self, facts: &RenditionFacts, upscaling: f64, now: Timestamp, retention: Retention) {
        self.touched = self.touched.max(now);
        if facts.timeline.as_ref().is_some_and(|timeline| timeline.unnumbered) {
            // Nothing can be compared by number: the next playlist with numbers begins anew.
            self.begin_session();
        } else if let (Some(timeline), Some(at)) = (&facts.timeline, facts.playlist_at) {
            let before = self.past.observations.last().and_then(|o| o.last_number());
            let renaming = self.uris.renaming(timeline, retention.query_identifies);
            let seen = Observation::of(timeline, at, retention.query_identifies, &renaming);
            if timeline.segments.last().is_some_and(|newest| !newest.keys.is_empty()) {
                self.past.last_encrypted = self.past.last_encrypted.max(Some(at));
            }
            let news = self.observe(seen, facts.playlist_arrived_at.unwrap_or(at));
            if news {
                self.uris.remember(timeline, retention.query_identifies, renaming);
            }
            if let Some(edge_since) = self.past.edge_since.filter(|_| news) {
                self.past.ads.observe_playlist(timeline, before, at, edge_since);
                self.past.key_use = KeyUsage::next(self.past.key_use.take(), facts, timeline, edge_since);
            }
        }
        self.past.coverage.extend(facts.coverage.map(|share| (now, share)));
        self.past.ads.observe_segments(&facts.segments);
        if !facts.segments.is_empty() || !facts.heads.is_empty() {
            self.inspected_elsewhere = None;
        }
        self.take_decoded(facts, upscaling);
        self.past.segments.remember(&facts.segments, retention.query_identifies);
        self.past.heads.remember(&facts.heads, retention.query_identifies);
        for key in &facts.keys {
            let keys = &mut self.past.keys;
            keys.retain(|known| !known.key.same_source(&key.key));
            keys.push(key.clone());
        }
        let identity = |uri: &Url| self.uris.resource_identity(uri, retention.query_identifies);
        inits::record(&mut self.past.inits, facts, now, retention.hold, identity);
        self.trim(now, retention);
    }

    /// Adds an observation of the rendition's playlist, and returns whether it was used. Probes of the same output can
    /// run at the same time, for example with two templates. If this playlist was requested before the newest known one
    /// had arrived, nobody knows which is newer, and it is ignored.
    fn observe(&mut self, mut seen: Observation, arrived: Timestamp) -> bool {
        let observations = &mut self.past.observations;
        if !observations.is_empty() && seen.first_seen < self.arrived {
            return false;
        }
        self.arrived = arrived;
        let Some(last) = observations.last_mut() else {
            self.past.edge_since.get_or_insert(seen.first_seen);
            observations.push(Arc::new(seen));
            return true;
        };
        if last.same_state(&seen) {
            Arc::make_mut(last).last_seen = seen.last_seen;
            return true;
        }
        // Edges of a network may alternate between two states, of which one was seen before: that is no new segment.
        let is_edge = |o: &Arc<Observation>, edge: &ListedSegment| {
            o.segments.last().is_some_and(|known| known.number == edge.number && known.is_same_media(edge))
        };
        let is_known = |edge: &Arc<ListedSegment>| observations.iter().any(|o| is_edge(o, edge));
        // A playlist without segments has no edge that could have moved.
        if seen.segments.last().is_some_and(|edge| !is_known(edge)) {
            self.past.edge_since = Some(seen.first_seen);
        }
        if let Some(last) = observations.last() {
            seen.share(last);
        }
        observations.push(Arc::new(seen));
        true
    }

    /// Returns whether the playlist of another playback session continues the remembered one. It does if the server
    /// only puts a token or a name into each session's URLs, and lists the same segments.
    pub(super) fn goes_on(&self, timeline: &Timeline, at: Timestamp, query_identifies: bool) -> bool {
        let renaming = self.uris.renaming(timeline, query_identifies);
        let later = Observation::of(timeline, at, query_identifies, &renaming);
        self.past.observations.last().is_some_and(|last| last.continues_in(&later))
    }

    /// Forgets the states of the previous playback session. The time at which a live edge stopped is remembered until
    /// it moves, because the next session may stand still for the same reason.
    pub(super) fn begin_session(&mut self) {
        let stood_still = self.stood_still(Timestamp::MIN).0 > self.target_duration().0 * STUCK;
        let edge_since = self.past.edge_since.filter(|_| stood_still);
        let (keys, last_encrypted) = (std::mem::take(&mut self.past.keys), self.past.last_encrypted);
        let mut signal = std::mem::take(&mut self.past.signal);
        Arc::make_mut(&mut signal).begin_again();
        *self.past = RenditionHistory { edge_since, keys, last_encrypted, signal, ..RenditionHistory::default() };
        (self.arrived, self.uris, self.inspected_elsewhere) = (Timestamp::default(), UriNames::default(), None);
    }

    /// Returns whether the rendition's live edge has stood still for so long that no viewer would have stayed: 60 s and
    /// three target durations. Only the time in the playback session counts, which began at `since`. It is `false` if
    /// the last recorded probe of the output, which began at `recorded`, didn't capture the rendition.
    pub(super) fn is_frozen(&self, recorded: Timestamp, since: Timestamp) -> bool {
        self.touched == recorded && self.stood_still(since).0 > FROZEN.0 + self.target_duration().0 * STUCK
    }

    /// Returns the time for which probes have seen no newer segment at the live edge. Only the time after `since` counts.
    fn stood_still(&self, since: Timestamp) -> Seconds {
        let seen = self.past.observations.last().map(|last| last.last_seen);
        let span = self.past.edge_since.zip(seen);
        span.map_or(Seconds::ZERO, |(edge_since, seen)| Seconds::between(edge_since.max(since).min(seen), seen))
    }

    fn target_duration(&self) -> Seconds {
        self.past.observations.last().and_then(|o| o.target_duration).unwrap_or(DEFAULT_TARGET)
    }

    fn trim(&mut self, now: Timestamp, retention: Retention) {
        let horizon = Seconds(-retention.hold.0).after(now);
        let observations = &mut self.past.observations;
        let stale = observations.iter().skip(1).take_while(|o| o.first_seen < horizon).count();
        let excess = observations.len().saturating_sub(MAX_OBSERVATIONS);
        observations.drain(..stale.max(excess));

        let newest = observations.last().and_then(|o| o.last_number());
        self.past.segments.trim(horizon, newest, MAX_SEGMENTS);
        self.past.heads.trim(horizon, newest, MAX_SEGMENTS);
        let coverage = &mut self.past.coverage;
        coverage.retain(|(at, _)| *at >= horizon);
        coverage.drain(..coverage.len().saturating_sub(MAX_OBSERVATIONS));
        let keys = &mut self.past.keys;
        keys.retain(|key| key.asked_at >= horizon);
        keys.drain(..keys.len().saturating_sub(MAX_KEYS));
    }
}

impl RenditionHistory<RememberedSegments> {
    /// Returns the history with the facts about the segments that were inspected within `hold`, and about the newest listed one.
    pub(super) fn with_facts(&self, now: Timestamp, hold: Seconds) -> RenditionHistory {
        let Self {
            observations,
            changes: _,
            segments,
            judged: _,
            heads,
            keys,
            coverage,
            edge_since,
            ads,
            inits,
            key_use,
            last_encrypted,
            signal,
        } = self;
        let horizon = Seconds(-hold.0).after(now);
        let newest = observations.last().and_then(|o| o.last_number());
        RenditionHistory {
            segments: segments.facts(horizon, newest),
            heads: heads.facts(horizon, newest),
            observations: observations.clone(),
            changes: DerivedOnce::default(),
            judged: DerivedOnce::default(),
            keys: keys.clone(),
            coverage: coverage.clone(),
            edge_since: *edge_since,
            ads: ads.clone(),
            inits: inits.clone(),
            key_use: key_use.clone(),
            last_encrypted: *last_encrypted,
            signal: Arc::clone(signal),
        }
    }
}
