use super::inits;
use super::inputs::{self, SeenInputs};
use super::ladder::{self, SeenLadder};
use super::mpds::{self, SeenMpd};
use super::patchable;
use super::{KeyUse, Observation, OutputPast, RenditionPast, identity};
use crate::facts::{KeyFacts, OutputFacts, Patchable, RenditionFacts, SegmentFacts};
use packager_media::stream::{Key as MediaKey, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounded by outputs; the one longest unseen goes first.
#[derive(Debug)]
pub struct History {
    max_outputs: AtomicUsize,
    /// Templates that tell segments apart by other means see other segments: each way has a memory of its own.
    outputs: Mutex<HashMap<(Key, QueryIdentifies), Memory>>,
}

type QueryIdentifies = bool;

/// Who the memory belongs to: channel code and output name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub channel: String,
    pub output: String,
}

/// How a template wants the memory kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    pub hold: Seconds,
    pub query_identifies: bool,
}

#[derive(Debug, Default)]
struct Memory {
    /// The manifest's URL, its query only where that identifies; another one begins anew.
    url: String,
    touched: Timestamp,
    /// The longest that any of its probes' templates asked for: a short one must not make the others forget.
    hold: Seconds,
    renditions: HashMap<String, RenditionMemory>,
    ladders: Vec<Arc<SeenLadder>>,
    inputs: Vec<Arc<SeenInputs>>,
    mpds: Vec<Arc<SeenMpd>>,
    /// When the newest known MPD had arrived.
    mpd_arrived: Timestamp,
    /// The newest MPD of which patches may be asked, and the one before.
    patchable: Vec<Arc<Patchable>>,
}

#[derive(Debug, Default)]
struct RenditionMemory {
    past: RenditionPast,
    touched: Timestamp,
    /// When the newest known playlist had arrived.
    arrived: Timestamp,
}

/// A rendition that no manifest has listed for this long is forgotten.
const FORGET_RENDITION: Seconds = Seconds(3600.0);
const MAX_RENDITIONS: usize = 64;
/// No probe lasts as long: a playlist asked for so long before the newest known one means that the clock was set back.
const CLOCK_SET_BACK: Seconds = Seconds(3700.0);
const MAX_OBSERVATIONS: usize = 64;
const MAX_SEGMENTS: usize = 32;
const MAX_KEYS: usize = 32;

impl History {
    #[must_use]
    pub fn new(max_outputs: usize) -> Self {
        Self { max_outputs: AtomicUsize::new(max_outputs.max(1)), outputs: Mutex::default() }
    }

    /// Another bound from now on. Those over it go at once.
    pub fn bound(&self, max_outputs: usize) {
        let bound = max_outputs.max(1);
        if self.max_outputs.swap(bound, Ordering::Relaxed) > bound {
            evict(&mut self.lock(), bound);
        }
    }

    /// Number of outputs remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What earlier probes already inspected, for capture to skip. Empty for a stranger.
    #[must_use]
    pub fn known(&self, key: &Key, keep: Keep) -> Known {
        let outputs = self.lock();
        let Some(memory) = outputs.get(&(key.clone(), keep.query_identifies)) else {
            return Known { query_identifies: keep.query_identifies, ..Known::default() };
        };
        let segments = memory.renditions.iter().map(|(name, r)| (name.clone(), r.past.segments.clone()));
        let keys = memory.renditions.values().flat_map(|r| &r.past.keys);
        Known {
            renditions: segments.collect(),
            keys: keys.filter(|k| k.usable()).cloned().collect(),
            patchable: memory.patchable.clone(),
            query_identifies: keep.query_identifies,
        }
    }

    /// Takes in this probe's facts, forgets what is past `hold`, and answers with what the checks compare.
    /// An output whose URL (without query) changed begins anew.
    pub fn record(&self, key: &Key, facts: &OutputFacts, now: Timestamp, keep: Keep) -> OutputPast {
        let mut outputs = self.lock();
        let key = (key.clone(), keep.query_identifies);
        if !outputs.contains_key(&key) {
            evict(&mut outputs, self.max_outputs.load(Ordering::Relaxed) - 1);
        }
        let memory = outputs.entry(key).or_default();
        memory.begin(facts, now, keep);
        let hold = memory.hold;
        let kept = Keep { hold, ..keep };
        ladder::record(&mut memory.ladders, facts, now, kept);
        inputs::record(&mut memory.inputs, facts, now, hold);
        mpds::record(&mut memory.mpds, &mut memory.mpd_arrived, facts, now, hold);
        patchable::record(&mut memory.patchable, facts);
        for rendition in &facts.renditions {
            memory.renditions.entry(rendition.rendition.name.clone()).or_default().take(rendition, now, kept);
        }
        memory.forget(now);
        memory.past(now, keep.hold)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Key, QueryIdentifies), Memory>> {
        // The map is valid after every statement below, so a panic elsewhere leaves nothing half done.
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn evict(outputs: &mut HashMap<(Key, QueryIdentifies), Memory>, leave: usize) {
    while outputs.len() > leave {
        let Some(oldest) = outputs.iter().min_by_key(|(_, m)| m.touched).map(|(k, _)| k.clone()) else { return };
        outputs.remove(&oldest);
    }
}

impl Memory {
    fn begin(&mut self, facts: &OutputFacts, now: Timestamp, keep: Keep) {
        let mut url = facts.url.clone();
        if !keep.query_identifies {
            url.set_query(None);
        }
        let set_back = Seconds::between(now, self.touched) > CLOCK_SET_BACK;
        if self.url != url.as_str() || set_back {
            *self = Self { url: url.into(), ..Self::default() };
        }
        self.touched = self.touched.max(now);
        self.hold = if self.hold < keep.hold { keep.hold } else { self.hold };
    }

    fn forget(&mut self, now: Timestamp) {
        self.renditions.retain(|_, r| Seconds::between(r.touched, now) < FORGET_RENDITION);
        while self.renditions.len() > MAX_RENDITIONS {
            let Some(oldest) = self.renditions.iter().min_by_key(|(_, r)| r.touched).map(|(n, _)| n.clone()) else {
                return;
            };
            self.renditions.remove(&oldest);
        }
    }

    fn past(&self, now: Timestamp, hold: Seconds) -> OutputPast {
        let past = |r: &RenditionMemory| {
            let mut past = r.past.clone();
            past.keep_segments(now, hold);
            past
        };
        let renditions = self.renditions.iter().map(|(name, r)| (name.clone(), past(r))).collect();
        let (ladders, inputs, mpds) = (self.ladders.clone(), self.inputs.clone(), self.mpds.clone());
        OutputPast { renditions, ladders, inputs, mpds }
    }
}

impl RenditionMemory {
    fn take(&mut self, facts: &RenditionFacts, now: Timestamp, keep: Keep) {
        self.touched = self.touched.max(now);
        if let (Some(timeline), Some(at)) = (&facts.timeline, facts.playlist_at) {
            let before = self.past.observations.last().and_then(|o| o.last_number());
            let news = self.observe(Observation::of(timeline, at, keep.query_identifies), arrival(facts, at));
            if let Some(edge_since) = self.past.edge_since.filter(|_| news) {
                self.past.ads.take(timeline, before, at, edge_since);
                self.past.key_use = KeyUse::next(self.past.key_use.take(), facts, timeline, edge_since);
            }
        }
        self.past.ads.carried(&facts.segments);
        for segment in &facts.segments {
            let segments = &mut self.past.segments;
            segments.retain(|known| !same_segment(known, &segment.segment, keep.query_identifies));
            segments.push(segment.clone());
        }
        for key in &facts.keys {
            let keys = &mut self.past.keys;
            keys.retain(|known| !known.key.same_source(&key.key));
            keys.push(key.clone());
        }
        inits::record(&mut self.past.inits, facts, now, keep.hold, keep.query_identifies);
        self.trim(now, keep);
    }

    /// Probes with different templates overlap. A playlist asked for before the newest known one had arrived may be
    /// older than that or newer: it is no news, and `false` is answered.
    fn observe(&mut self, mut seen: Observation, arrived: Timestamp) -> bool {
        let observations = &mut self.past.observations;
        if !observations.is_empty() && seen.first_seen < self.arrived {
            return false;
        }
        self.arrived = arrived;
        let Some(last) = observations.last_mut() else {
            self.past.edge_since = Some(seen.first_seen);
            observations.push(Arc::new(seen));
            return true;
        };
        if last.same_state(&seen) {
            Arc::make_mut(last).last_seen = seen.last_seen;
            return true;
        }
        if last.last_number() != seen.last_number() {
            self.past.edge_since = Some(seen.first_seen);
        }
        seen.share(last);
        observations.push(Arc::new(seen));
        true
    }

    fn trim(&mut self, now: Timestamp, keep: Keep) {
        let horizon = Seconds(-keep.hold.0).after(now);
        let observations = &mut self.past.observations;
        let stale = observations.iter().skip(1).take_while(|o| o.first_seen < horizon).count();
        let excess = observations.len().saturating_sub(MAX_OBSERVATIONS);
        observations.drain(..stale.max(excess));

        self.past.keep_segments(now, keep.hold);
        let segments = &mut self.past.segments;
        let excess = segments.len().saturating_sub(MAX_SEGMENTS);
        segments.drain(..excess);
        let keys = &mut self.past.keys;
        keys.retain(|key| key.asked_at >= horizon);
        keys.drain(..keys.len().saturating_sub(MAX_KEYS));
    }
}

impl RenditionPast {
    fn keep_segments(&mut self, now: Timestamp, hold: Seconds) {
        let horizon = Seconds(-hold.0).after(now);
        let newest = self.observations.last().and_then(|o| o.last_number());
        self.segments.retain(|s| s.inspected_at >= horizon || Some(s.segment.number) == newest);
    }
}

/// When the playlist asked for at `at` had arrived.
fn arrival(facts: &RenditionFacts, at: Timestamp) -> Timestamp {
    let exchange = facts.playlist.as_ref().and_then(|p| p.result.as_ref().ok());
    exchange.map_or(at, |e| e.timings.total.after(at))
}

fn same_segment(known: &SegmentFacts, segment: &Segment, query_identifies: bool) -> bool {
    known.segment.number == segment.number
        && known.segment.byte_range == segment.byte_range
        && identity(&known.segment.uri, query_identifies) == identity(&segment.uri, query_identifies)
}

/// A copy of what capture needs of one output's memory.
#[derive(Debug, Clone, Default)]
pub struct Known {
    renditions: HashMap<String, Vec<Arc<SegmentFacts>>>,
    /// Those that a player can use.
    keys: Vec<Arc<KeyFacts>>,
    query_identifies: bool,
    /// DASH: MPDs of which patches may be asked, oldest first.
    pub patchable: Vec<Arc<Patchable>>,
}

impl Known {
    /// The inspected facts of this very segment (same number, URI and byte range), if remembered.
    #[must_use]
    pub fn segment(&self, rendition: &str, segment: &Segment) -> Option<Arc<SegmentFacts>> {
        let known = self.renditions.get(rendition)?;
        known.iter().find(|k| same_segment(k, segment, self.query_identifies)).cloned()
    }

    /// This key's answer of less than `hold` ago. Its whole URI counts, query included: another key may stand behind it.
    #[must_use]
    pub fn key(&self, key: &MediaKey, now: Timestamp, hold: Seconds) -> Option<Arc<KeyFacts>> {
        let fresh = |k: &&Arc<KeyFacts>| Seconds::between(k.asked_at, now) < hold;
        self.keys.iter().filter(fresh).find(|k| k.key.same_source(key)).cloned()
    }

    /// Nothing of this rendition was ever inspected, or nothing is remembered of it.
    #[must_use]
    pub fn is_new(&self, rendition: &str) -> bool {
        self.renditions.get(rendition).is_none_or(Vec::is_empty)
    }

    /// The highest number in `timeline` that was inspected before.
    #[must_use]
    pub fn last_inspected(&self, rendition: &str, timeline: &Timeline) -> Option<u64> {
        timeline.segments.iter().rev().find(|s| self.segment(rendition, s).is_some()).map(|s| s.number)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
