//! History of all outputs: it is bounded, each probe adds its capture, and each check reads it.

mod decoded;
mod handed_over;
mod rendition;

pub(super) use rendition::RenditionMemory;

use super::OutputHistory;
use super::already_inspected::AlreadyInspected;
use super::clock_step::ObservedTimes;
use super::handover::TakenOver;
use super::inputs::{self, InputState};
use super::ladder::{self, LadderState};
use super::mpds::{self, MpdState};
use super::outputs::Outputs;
use super::patchable;
use super::signal_turn::SignalTurns;
use crate::eviction::evict;
use crate::facts::{OutputFacts, PatchableMpd, SteeringFacts};
use packager_media::stream::labels::LabelMemory;
use packager_media::stream::{Rendition, RenditionIdentity};
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

/// Time after which a rendition that no manifest lists any more is forgotten.
const FORGET_RENDITION: Seconds = Seconds(3600.0);
/// Largest number of renditions of an output that are remembered: the first ones of the manifest.
const MAX_RENDITIONS: usize = 64;
/// Time in seconds by which a probe must have begun earlier than the newest known probe to show that the exporter's
/// clock was set back. A slow probe can't be the cause, because no probe lasts so long.
const CLOCK_SET_BACK: Seconds = Seconds(3700.0);
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
