//! History of all outputs: it is bounded, each probe adds its capture, and each check reads it.

mod decoded;
mod handed_over;

use super::already_inspected::AlreadyInspected;
use super::clock_step::ObservedTimes;
use super::compact::RememberedSegments;
use super::handover::TakenOver;
use super::inits;
use super::inputs::{self, InputState};
use super::ladder::{self, LadderState};
use super::mpds::{self, MpdState};
use super::outputs::Outputs;
use super::patchable;
use super::signal_turn::SignalTurns;
use super::uri_names::UriNames;
use super::{KeyUsage, ListedSegment, Observation, ObservedChanges, OutputHistory, RenditionHistory};
use crate::eviction::evict;
use crate::facts::{OutputFacts, PatchableMpd, RenditionFacts, SteeringFacts};
use packager_media::stream::labels::LabelMemory;
use packager_media::stream::{Rendition, RenditionIdentity, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

/// What the exporter remembers of each output's earlier probes. When the largest number of outputs is exceeded, the
/// output that wasn't probed for the longest time is forgotten.
#[derive(Debug)]
pub(crate) struct History {
    outputs: Outputs<Memory>,
}

/// Key under which the history of an output is kept: channel code and output name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OutputKey {
    pub channel: String,
    pub output: String,
}

impl OutputKey {
    /// The key of the output with this name of the channel with this code.
    pub(crate) fn new(channel: &str, output: &str) -> Self {
        Self { channel: channel.to_owned(), output: output.to_owned() }
    }
}

/// Settings of a template that decide how long an output's history is kept and how its segments are recognised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// Time for which states and inspected segments are remembered.
    pub hold: Seconds,
    /// Whether the query of a URI identifies a segment, in addition to its path.
    pub query_identifies: bool,
}

#[derive(Debug, Default)]
struct Memory {
    /// URL of the output's manifest, without its query unless `query_identifies`. The memory is discarded when the URL
    /// changes.
    url: String,
    touched: Timestamp,
    /// Start of the newest probe that was recorded. A probe that is under way has changed `touched` before.
    recorded: Timestamp,
    /// The longest `hold` of the templates with which the output is probed. With the shortest one, a probe with one
    /// template would delete history that another template needs.
    hold: Seconds,
    /// Number of the playback session whose states are remembered; 0 before the first.
    session: u64,
    /// Time of the first probe in the playback session.
    session_since: Timestamp,
    labels: LabelMemory,
    renditions: HashMap<RenditionIdentity, RenditionMemory>,
    ladders: Vec<Arc<LadderState>>,
    inputs: Vec<Arc<InputState>>,
    mpds: Vec<Arc<MpdState>>,
    /// Time at which the newest known MPD arrived.
    mpd_arrived: Timestamp,
    /// Time of the MPD's UTCTiming clock minus time of the exporter's clock, as the newest probe that could read it found; `None` before.
    clock_offset: Option<Seconds>,
    /// The newest MPD whose patches may be requested, and the one before it.
    patchable: Vec<Arc<PatchableMpd>>,
    /// The newest answer of the steering server; `None` if the manifest names none.
    steering: Option<Arc<SteeringFacts>>,
    signal_turns: SignalTurns,
    /// Renditions of an earlier exporter that no probe has seen here yet.
    taken_over: TakenOver,
}

#[derive(Debug, Default)]
pub(super) struct RenditionMemory {
    // In a box, because a map has room for twice as many values as it holds.
    pub(super) past: Box<RenditionHistory<RememberedSegments>>,
    /// Number of the newest segment that an earlier exporter inspected; `None` if it is unknown or no longer valid.
    pub(super) inspected_elsewhere: Option<u64>,
    touched: Timestamp,
    /// Time at which the newest known playlist arrived.
    arrived: Timestamp,
    /// Names of the segments in the newest known playlist.
    uris: UriNames,
}

/// Time after which a rendition that no manifest lists any more is forgotten.
const FORGET_RENDITION: Seconds = Seconds(3600.0);
/// Largest number of renditions of an output that are remembered: the first ones of the manifest.
const MAX_RENDITIONS: usize = 64;
/// Time in seconds by which a probe must have begun earlier than the newest known probe to show that the exporter's
/// clock was set back. A slow probe can't be the cause, because no probe lasts so long.
const CLOCK_SET_BACK: Seconds = Seconds(3700.0);
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

impl History {
    /// Makes an empty history that can keep at most `max_outputs` outputs, at least one.
    #[must_use]
    pub(crate) fn new(max_outputs: usize) -> Self {
        Self { outputs: Outputs::new(max_outputs) }
    }

    /// Sets a new bound for the number of outputs, and forgets those above it at once.
    pub(crate) fn bound(&self, max_outputs: usize) {
        self.outputs.bound(max_outputs);
    }

    /// Returns the number of remembered outputs.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.outputs.len()
    }

    /// Gives the renditions of the manifest at `url` the labels that they had in earlier probes, and labels new
    /// renditions. Renditions that continue under another identity keep their memory.
    pub(crate) fn recognize(
        &self,
        key: &OutputKey,
        url: &Url,
        renditions: &mut [&mut Rendition],
        i_frames: &mut [&mut Rendition],
        now: Timestamp,
        retention: Retention,
    ) {
        self.change_at(key, url, now, retention, |memory| {
            renditions.iter().for_each(|rendition| memory.give(&rendition.identity, now));
            for succession in memory.labels.assign(renditions, i_frames, now) {
                if let Some(rendition) = memory.renditions.remove(&succession.from) {
                    memory.renditions.insert(succession.to, rendition);
                }
            }
        });
    }

    /// Returns the segments and keys that earlier probes of the output inspected, so that a probe needn't fetch them
    /// again. Empty for an output that was never probed.
    #[must_use]
    pub(crate) fn already_inspected(&self, key: &OutputKey, retention: Retention) -> AlreadyInspected {
        let query_identifies = retention.query_identifies;
        let known = self.outputs.find(&(key.clone(), query_identifies), |memory| {
            let inspected = memory
                .renditions
                .iter()
                .map(|(identity, r)| (identity.clone(), r.past.segments.keys().chain(r.past.heads.keys()).collect()));
            let keys = memory.renditions.values().flat_map(|r| &r.past.keys);
            let elsewhere =
                memory.renditions.iter().filter_map(|(identity, r)| Some((identity.clone(), r.inspected_elsewhere?)));
            let frozen = memory.renditions.iter().filter(|(_, r)| r.is_frozen(memory.recorded, memory.session_since));
            AlreadyInspected {
                segments: inspected.collect(),
                elsewhere: elsewhere.collect(),
                frozen: frozen.map(|(identity, _)| identity.clone()).collect(),
                session: memory.session,
                keys: keys.cloned().collect(),
                patchable: memory.patchable.clone(),
                steering: memory.steering.clone(),
                query_identifies,
            }
        });
        known.unwrap_or_else(|| AlreadyInspected { query_identifies, ..AlreadyInspected::default() })
    }

    /// Returns the time of the UTCTiming clock of the MPD at `url` minus the time of the exporter's clock, as an earlier probe found it;
    /// `None` if none did.
    #[must_use]
    pub(crate) fn clock_offset(&self, key: &OutputKey, url: &Url, retention: Retention) -> Option<Seconds> {
        let known = |memory: &mut Memory| memory.clock_offset.filter(|_| memory.url == url_identity(url, retention));
        self.outputs.find(&(key.clone(), retention.query_identifies), known).flatten()
    }

    /// Adds what this probe captured of an output, and returns the output's history for the checks. States older than
    /// the template's `hold` are forgotten. If the output's URL changed (except in its query), everything earlier is
    /// forgotten.
    pub(crate) fn record(
        &self,
        key: &OutputKey,
        facts: &OutputFacts,
        now: Timestamp,
        retention: Retention,
    ) -> OutputHistory {
        self.change_at(key, &facts.url, now, retention, |memory| memory.record(facts, now, retention))
    }

    /// Changes the memory of an output at `url` in a probe that began at `now`. A probe that still asked for an earlier URL of the output,
    /// because the configuration changed while it was under way, gets a memory of its own: it is compared with nothing, and what a
    /// later probe found at the new URL stays.
    fn change_at<T>(
        &self,
        key: &OutputKey,
        url: &Url,
        now: Timestamp,
        retention: Retention,
        change: impl FnOnce(&mut Memory) -> T,
    ) -> T {
        let url = url_identity(url, retention);
        self.outputs.change(&(key.clone(), retention.query_identifies), now, |memory| {
            let mut apart = Memory::default();
            let memory = if memory.is_later_elsewhere(&url, now) { &mut apart } else { memory };
            memory.begin(&url, now, retention);
            change(memory)
        })
    }

    /// Moves all remembered times by a step of the exporter's clock, so that everything keeps its age. `by` is negative
    /// for a clock that was set back.
    pub(crate) fn follow_clock_step(&self, by: Seconds) {
        self.outputs.shift(by);
    }
}

impl Memory {
    fn record(&mut self, facts: &OutputFacts, now: Timestamp, retention: Retention) -> OutputHistory {
        self.recorded = self.recorded.max(now);
        let hold = self.hold;
        let kept = Retention { hold, ..retention };
        ladder::record(&mut self.ladders, facts, now, kept);
        inputs::record(&mut self.inputs, facts, now, hold);
        if facts.is_readable() {
            self.steering.clone_from(&facts.steering);
        }
        let read = facts.dash().and_then(|dash| dash.clock.as_ref()?.offset);
        self.clock_offset = read.or(self.clock_offset);
        facts.renditions.iter().for_each(|rendition| self.give(&rendition.rendition.identity, now));
        if self.enter_session(facts, now, retention.query_identifies) {
            mpds::record(&mut self.mpds, &mut self.mpd_arrived, facts, now, hold);
            patchable::record(&mut self.patchable, facts);
            for rendition in facts.renditions.iter().take(MAX_RENDITIONS) {
                let memory = self.renditions.entry(rendition.rendition.identity.clone()).or_default();
                memory.take(rendition, facts.upscaling(rendition), now, kept);
            }
        }
        self.record_turn(facts, now);
        self.forget(now);
        self.past(facts, now, retention.hold)
    }

    /// Gives a rendition the memory that was taken over of it, if there is one and the rendition has none.
    fn give(&mut self, identity: &RenditionIdentity, now: Timestamp) {
        self.taken_over.give(identity, now, &mut self.renditions);
    }

    /// Whether a probe that began after `now` asked for the output at another URL.
    fn is_later_elsewhere(&self, url: &str, now: Timestamp) -> bool {
        let age = Seconds::between(now, self.touched);
        self.url != url && age > Seconds::ZERO && age <= CLOCK_SET_BACK
    }

    /// Begins a probe of the output at `url`, which is a [`url_identity`]. What is known of another URL is forgotten.
    fn begin(&mut self, url: &str, now: Timestamp, retention: Retention) {
        let set_back = Seconds::between(now, self.touched) > CLOCK_SET_BACK;
        if self.url != url || set_back {
            *self = Self { url: url.to_owned(), ..Self::default() };
        }
        self.touched = self.touched.max(now);
        self.hold = if self.hold < retention.hold { retention.hold } else { self.hold };
    }

    /// Begins the playback session in which this probe captured the output, if it is newer than the remembered session.
    /// Renditions whose playlist doesn't continue in the new session lose their history. Returns `false` if the
    /// remembered session is newer, because this probe was slow; what it captured is then ignored.
    fn enter_session(&mut self, facts: &OutputFacts, now: Timestamp, query_identifies: bool) -> bool {
        let Some(session) = facts.session.number.filter(|session| *session != self.session) else { return true };
        if session < self.session {
            return false;
        }
        (self.session, self.session_since) = (session, now);
        for (identity, rendition) in &mut self.renditions {
            let now = facts.renditions.iter().find(|r| r.rendition.identity == *identity);
            let listed = now.and_then(|r| r.timeline.as_ref().zip(r.playlist_at));
            if !listed.is_some_and(|(timeline, at)| rendition.goes_on(timeline, at, query_identifies)) {
                rendition.begin_session();
            }
        }
        if !mpds::goes_on(&self.mpds, facts) {
            (self.mpds, self.mpd_arrived) = (Vec::new(), Timestamp::default());
        }
        // A patch is for the MPD of its own session.
        self.patchable.clear();
        true
    }

    fn forget(&mut self, now: Timestamp) {
        self.renditions.retain(|_, r| Seconds::between(r.touched, now) < FORGET_RENDITION);
        evict(&mut self.renditions, MAX_RENDITIONS, None, |rendition| rendition.touched);
    }

    /// Returns the history of the renditions that this probe found, by their labels.
    fn past(&self, facts: &OutputFacts, now: Timestamp, hold: Seconds) -> OutputHistory {
        let past = |rendition: &Rendition| {
            let past = &self.renditions.get(&rendition.identity)?.past;
            Some((rendition.name.clone(), past.with_facts(now, hold)))
        };
        let renditions = facts.renditions.iter().filter_map(|r| past(&r.rendition)).collect();
        let (ladders, inputs, mpds) = (self.ladders.clone(), self.inputs.clone(), self.mpds.clone());
        OutputHistory { renditions, ladders, inputs, mpds }
    }
}

impl ObservedTimes for Memory {
    fn shift(&mut self, by: Seconds) {
        let Self {
            url: _,
            touched,
            recorded,
            hold: _,
            session: _,
            session_since,
            labels,
            renditions,
            ladders,
            inputs,
            mpds,
            mpd_arrived,
            clock_offset,
            patchable: _,
            // After a step of the clock the steering server is asked anew.
            steering: _,
            signal_turns,
            taken_over,
        } = self;
        signal_turns.shift(by);
        taken_over.shift(by);
        labels.shift(by);
        session_since.shift(by);
        touched.shift(by);
        recorded.shift(by);
        ladders.shift(by);
        inputs.shift(by);
        mpds.shift(by);
        mpd_arrived.shift(by);
        *clock_offset = clock_offset.map(|offset| offset - by);
        renditions.values_mut().for_each(|rendition| rendition.shift(by));
    }
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
    pub(super) fn taken_over(state: Observation, edge_since: Timestamp, inspected: Option<u64>) -> Self {
        let (touched, arrived) = (state.last_seen, state.last_seen);
        let (observations, edge_since) = (vec![Arc::new(state)], Some(edge_since));
        let past = RenditionHistory { observations, edge_since, ..RenditionHistory::default() };
        Self { past: Box::new(past), inspected_elsewhere: inspected, touched, arrived, uris: UriNames::default() }
    }

    /// Returns whether a probe saw the rendition at most `time` before `now`.
    pub(super) fn was_seen_within(&self, time: Seconds, now: Timestamp) -> bool {
        Seconds::between(self.touched, now) <= time
    }

    fn take(&mut self, facts: &RenditionFacts, upscaling: f64, now: Timestamp, retention: Retention) {
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
    fn goes_on(&self, timeline: &Timeline, at: Timestamp, query_identifies: bool) -> bool {
        let renaming = self.uris.renaming(timeline, query_identifies);
        let later = Observation::of(timeline, at, query_identifies, &renaming);
        self.past.observations.last().is_some_and(|last| last.continues_in(&later))
    }

    /// Forgets the states of the previous playback session. The time at which a live edge stopped is remembered until
    /// it moves, because the next session may stand still for the same reason.
    fn begin_session(&mut self) {
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
    fn is_frozen(&self, recorded: Timestamp, since: Timestamp) -> bool {
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
    fn with_facts(&self, now: Timestamp, hold: Seconds) -> RenditionHistory {
        let Self {
            observations,
            changes: _,
            segments,
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
            changes: ObservedChanges::default(),
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

/// Returns the URL of an output's manifest as far as it identifies the output.
fn url_identity(url: &Url, retention: Retention) -> String {
    let mut url = url.clone();
    if !retention.query_identifies {
        url.set_query(None);
    }
    url.into()
}

#[cfg(test)]
mod tests;
