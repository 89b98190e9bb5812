//! Turns of an output to be decoded, and what decoding showed.

use super::{History, Memory, OutputKey, RenditionMemory, Retention};
use crate::facts::{OutputFacts, RenditionFacts, mos, still};
use crate::history::FollowUp;
use crate::history::signal_turn::{self, SignalTurn};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// Time after a decode within which digital silence isn't looked into again.
const DECODED_RECENTLY: Seconds = Seconds(60.0);
/// Time after which a segment is no reason any more to suspect, or not to suspect, that a picture stands still.
const SUSPECTED_BY: Seconds = Seconds(120.0);

impl History {
    /// Returns whether a probe that begins at `now` has to decode the output's picture and sound, and why. Without a fault the
    /// output is decoded once in each `interval`, for the first time `delay` after its first probe. `None`: the output has no turn.
    pub(crate) fn signal_turn(
        &self,
        key: &OutputKey,
        now: Timestamp,
        retention: Retention,
        interval: Seconds,
        delay: Seconds,
        follow_up: &FollowUp,
    ) -> Option<SignalTurn> {
        let turn = self.outputs.find(&(key.clone(), retention.query_identifies), |memory| {
            let pasts = || memory.renditions.values().map(|rendition| &rendition.past);
            let turn = if pasts().any(|past| past.signal.needs_follow_up(follow_up, now)) {
                Some(SignalTurn::Unsettled)
            } else if pasts().any(|past| signal_turn::is_silent(past.segments.newest().as_slice()))
                && !memory.was_decoded(now)
            {
                Some(SignalTurn::Silent)
            } else {
                None
            };
            let is_due = memory.signal_turns.is_due(now, interval, delay);
            let is_suspected = || memory.signal_turns.may_suspect(now) && memory.is_suspected(now);
            let turn = turn.or_else(|| is_suspected().then_some(SignalTurn::Suspected));
            turn.or(is_due.then_some(SignalTurn::Due))
        });
        turn.unwrap_or_else(|| (delay.0 <= 0.0).then_some(SignalTurn::Due))
    }
}

impl History {
    /// Whether a suspicion that the picture of an output stands still is a reason to decode it at `now`.
    pub(crate) fn may_suspect(&self, key: &OutputKey, now: Timestamp, retention: Retention) -> bool {
        let key = (key.clone(), retention.query_identifies);
        self.outputs.find(&key, |memory| memory.signal_turns.may_suspect(now)).unwrap_or(true)
    }
}

impl Memory {
    /// Records whether the output's turn in the probe that began at `now` was used or is put off. The renditions must
    /// have recorded this probe's facts before.
    pub(super) fn record_turn(&mut self, facts: &OutputFacts, now: Timestamp) {
        self.signal_turns.record(&facts.signal, now);
        if facts.signal.attempted && self.is_suspected(now) {
            let lasts = self.renditions.values().any(|rendition| rendition.past.signal.has_lost_picture());
            self.signal_turns.record_suspicion(lasts, now);
        }
    }

    /// Whether the picture is suspected to stand still, by the newest segments that were inspected in the last minutes.
    fn is_suspected(&self, now: Timestamp) -> bool {
        let recent = self.renditions.values().filter(|rendition| {
            rendition.past.segments.inspected_at().is_some_and(|at| Seconds::between(at, now) < SUSPECTED_BY)
        });
        still::is_suspected(recent.map(|rendition| still::looks_still(rendition.past.segments.newest().as_slice())))
            == Some(true)
    }

    /// Whether media were decoded so recently that digital silence, which may last for days, is no reason to decode again.
    fn was_decoded(&self, now: Timestamp) -> bool {
        let decoded = self.renditions.values().filter_map(|rendition| rendition.past.signal.decoded_at());
        decoded.max().is_some_and(|at| Seconds::between(at, now) < DECODED_RECENTLY)
    }
}

impl RenditionMemory {
    /// Adds the results of decoding. If the packager began its segment numbers again, the state of picture and sound
    /// begins anew. `upscaling` is the factor by which players scale the rendition's picture up, as in
    /// [`crate::facts::mos::PictureCoding`].
    pub(super) fn take_decoded(&mut self, facts: &RenditionFacts, upscaling: f64) {
        let newest = self.past.observations.last();
        let listed = newest.and_then(|o| Some((o.segments.first()?.number, o.last_number()?)));
        let signal = &mut self.past.signal;
        if listed.is_some_and(|(first, last)| signal.is_behind(first, last)) {
            Arc::make_mut(signal).begin_again();
        }
        if let Some(decoded) = &facts.decoded {
            Arc::make_mut(signal).take(decoded);
        }
        if facts.segments.iter().any(|segment| mos::quantizer(segment).is_some()) {
            Arc::make_mut(signal).take_mos(facts, upscaling);
        }
    }
}
