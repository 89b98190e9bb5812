//! Adjustment of the history to steps of the exporter's wall clock: everything keeps its age.

use super::{AdHistory, InitState, KeyUsage, LadderState, MpdState, Observation, RenditionHistory};
use crate::history::InputState;
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// A part of the history that contains times of the exporter's clock, such as first seen and last seen.
pub(super) trait ObservedTimes {
    /// Moves the times at which the exporter saw something by a step of its clock. Times that the stream names stay.
    fn shift(&mut self, by: Seconds);
}

impl ObservedTimes for Timestamp {
    fn shift(&mut self, by: Seconds) {
        *self = by.after(*self);
    }
}

impl<T: ObservedTimes> ObservedTimes for Option<T> {
    fn shift(&mut self, by: Seconds) {
        self.iter_mut().for_each(|one| one.shift(by));
    }
}

impl<T: ObservedTimes> ObservedTimes for Vec<T> {
    fn shift(&mut self, by: Seconds) {
        self.iter_mut().for_each(|one| one.shift(by));
    }
}

impl<T: ObservedTimes + Clone> ObservedTimes for Arc<T> {
    fn shift(&mut self, by: Seconds) {
        Arc::make_mut(self).shift(by);
    }
}

impl ObservedTimes for Observation {
    fn shift(&mut self, by: Seconds) {
        self.first_seen.shift(by);
        self.last_seen.shift(by);
    }
}

impl ObservedTimes for MpdState {
    fn shift(&mut self, by: Seconds) {
        self.first_seen.shift(by);
        self.last_seen.shift(by);
        self.settled_until.shift(by);
    }
}

impl ObservedTimes for LadderState {
    fn shift(&mut self, by: Seconds) {
        self.first_seen.shift(by);
    }
}

impl ObservedTimes for InputState {
    fn shift(&mut self, by: Seconds) {
        self.first_seen.shift(by);
    }
}

impl ObservedTimes for InitState {
    fn shift(&mut self, by: Seconds) {
        self.first_seen.shift(by);
        self.last_seen.shift(by);
    }
}

impl ObservedTimes for KeyUsage {
    fn shift(&mut self, by: Seconds) {
        self.since.shift(by);
    }
}

impl ObservedTimes for AdHistory {
    fn shift(&mut self, by: Seconds) {
        for known in self.open.iter_mut().chain(&mut self.unclosed) {
            known.opened.shift(by);
        }
        self.last_cue.shift(by);
        self.watched_since.shift(by);
        self.last_message.shift(by);
    }
}

impl<S: ObservedTimes> ObservedTimes for RenditionHistory<S> {
    fn shift(&mut self, by: Seconds) {
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
        observations.shift(by);
        segments.shift(by);
        heads.shift(by);
        keys.iter_mut().for_each(|key| Arc::make_mut(key).asked_at.shift(by));
        coverage.iter_mut().for_each(|(at, _)| at.shift(by));
        edge_since.shift(by);
        ads.shift(by);
        inits.shift(by);
        key_use.shift(by);
        last_encrypted.shift(by);
        signal.shift(by);
    }
}
