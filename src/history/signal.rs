//! State of picture and sound by the media that were decoded so far.

use super::clock_step::ObservedTimes;
use super::spans::{FaultSpan, FaultSpans, Joint};
use crate::facts::DecodedFacts;
use bytes::Bytes;
use packager_media::units::{Seconds, Timestamp};
use packager_signal::Decoded;
use packager_signal::picture::{Pictures, Signature};
use packager_signal::sound::{LoudnessPool, Position, Sound};
use std::collections::VecDeque;

/// Longest time between two decoded pieces over which a fault that both have throughout counts as one.
const MAX_UNSEEN: Seconds = Seconds(90.0);
/// Time over which the decoded media is counted, and loudness is pooled.
pub(crate) const POOLED: Seconds = Seconds(1800.0);
/// Largest number of audio streams of a rendition whose state is kept.
const MAX_SOUNDS: usize = 8;
/// Largest number of channels of an audio stream whose state is kept.
const MAX_CHANNELS: usize = 8;
/// Time without a fault after which decoding in every probe ends.
const SETTLED_AFTER: Seconds = Seconds(10.0);
/// Shortest span of a fault because of which the next probe decodes again.
const LEAST_FAULT: Seconds = Seconds(1.0);
/// Time after which a dead channel is reported, so that further decodes can wait for their turn.
const DEAD_CHANNEL_KNOWN: Seconds = Seconds(60.0);
/// Degree of macroblocking because of which the next probe decodes again.
const SUSPICIOUS_BLOCKS: f64 = 0.1;

/// State of a rendition's picture and sound: faults with their durations, loudness, and the newest thumbnail.
#[derive(Debug, Clone, Default)]
pub struct SignalHistory {
    newest: Option<NewestPiece>,
    /// State of the picture; `None` if no picture was decoded.
    pub picture: Option<PictureHistory>,
    /// State of each audio stream, in the order of the container, at most 8.
    pub sounds: Vec<SoundHistory>,
    pub thumbnail: Option<Thumbnail>,
    /// Instant and duration of each decode of the last 30 minutes.
    decodes: VecDeque<(Timestamp, Seconds)>,
}

/// The newest piece of media that was decoded.
#[derive(Debug, Clone)]
struct NewestPiece {
    /// Number of its last segment.
    last: u64,
    at: Timestamp,
    /// Its last picture, if it ends in a frozen span; otherwise nothing is compared with it.
    last_picture: Option<Signature>,
}

/// State of a rendition's picture.
#[derive(Debug, Clone, Default)]
pub struct PictureHistory {
    pub frozen: FaultSpans,
    pub black: FaultSpans,
    pub single_color: FaultSpans,
    /// Degree of macroblocking of the newest decode, 0 to 1; `None` if it wasn't measured.
    pub macroblocking: Option<f64>,
    /// Degree of macroblocking of the decode before the newest one.
    pub macroblocking_before: Option<f64>,
    pub spatial: Option<f64>,
    pub temporal: Option<f64>,
}

/// State of one audio stream.
#[derive(Debug, Clone, Default)]
pub struct SoundHistory {
    pub silent: FaultSpans,
    /// State of each channel, at most 8.
    pub channels: Vec<ChannelHistory>,
    pub loudness: LoudnessHistory,
    /// Highest true peak of the newest decode in dBTP; `None` for digital silence.
    pub true_peak: Option<f64>,
    /// Loudest 3 s of the newest decode in LUFS; `None` if it is shorter or silent.
    pub short_term_max: Option<f64>,
    /// Share of clipped samples in the newest decode, 0 to 1; `None` before the first.
    pub clipped: Option<f64>,
    /// Share of clipped samples in the decode before the newest one; `None` before the second.
    pub clipped_before: Option<f64>,
}

/// State of one channel of an audio stream.
#[derive(Debug, Clone)]
pub struct ChannelHistory {
    pub position: Position,
    /// Spans in which the channel is silent although another one has sound.
    pub dead: FaultSpans,
}

/// Loudness of an audio stream, pooled over the last 30 minutes.
#[derive(Debug, Clone)]
pub struct LoudnessHistory {
    pool: LoudnessPool,
}

/// The newest thumbnail of a rendition: a JPEG, and when it was made.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    pub jpeg: Bytes,
    pub made_at: Timestamp,
}

impl SignalHistory {
    /// Adds a piece of decoded media. A piece that isn't newer than the newest one is no news.
    pub(crate) fn take(&mut self, facts: &DecodedFacts) {
        if self.newest.as_ref().is_some_and(|newest| facts.first <= newest.last) {
            return;
        }
        let Decoded { pictures, sounds, thumbnail, .. } = &*facts.signal;
        let total = decoded_duration(&facts.signal);
        let step = self.step(facts, total);
        let mut last_picture = None;
        if let Some(pictures) = pictures {
            let before = self.newest.as_ref().and_then(|newest| newest.last_picture.as_ref());
            let is_same = before.is_some_and(|before| before.same_picture(&pictures.first));
            let history = self.picture.get_or_insert_default();
            history.take(pictures, step, is_same);
            last_picture = (history.frozen.now() > Seconds::ZERO).then(|| pictures.last.clone());
        }
        self.sounds.resize_with(sounds.len().min(MAX_SOUNDS), SoundHistory::default);
        self.sounds.iter_mut().zip(sounds).for_each(|(history, sound)| history.take(sound, step, facts.decoded_at));
        if let Some(thumbnail) = thumbnail {
            self.thumbnail = Some(Thumbnail { jpeg: thumbnail.jpeg.clone(), made_at: facts.decoded_at });
        }
        self.decodes.retain(|(at, _)| Seconds::between(*at, facts.decoded_at) < POOLED);
        self.decodes.push_back((facts.decoded_at, total));
        self.newest = Some(NewestPiece { last: facts.last, at: facts.decoded_at, last_picture });
    }

    /// Whether the packager began its numbers again: the listed segments, from `first` to `last`, end before the newest decoded one
    /// by more than they span. Another edge of a CDN is behind by less.
    pub(super) fn is_behind(&self, first: u64, last: u64) -> bool {
        let decoded = self.newest.as_ref().map_or(0, |piece| piece.last);
        decoded > last.saturating_add(last.saturating_sub(first))
    }

    /// Forgets everything but the thumbnail.
    pub(super) fn begin_again(&mut self) {
        *self = Self { thumbnail: self.thumbnail.take(), ..Self::default() };
    }

    fn step(&self, facts: &DecodedFacts, total: Seconds) -> PieceStep {
        match &self.newest {
            None => PieceStep::First,
            Some(newest) if facts.after == Some(newest.last) => PieceStep::Contiguous,
            Some(newest) => {
                let passed = Seconds::between(newest.at, facts.decoded_at) - total - facts.longest_segment;
                PieceStep::Unseen(Seconds(passed.0.max(0.0)))
            }
        }
    }

    /// Whether nothing was ever decoded.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.newest.is_none() && self.thumbnail.is_none()
    }

    /// Time at which the newest media was decoded; `None` before the first decode.
    #[must_use]
    pub fn decoded_at(&self) -> Option<Timestamp> {
        self.newest.as_ref().map(|newest| newest.at)
    }

    /// Duration of the media that was decoded in the last 30 minutes.
    #[must_use]
    pub fn seconds_decoded(&self, now: Timestamp) -> Seconds {
        let recent = self.decodes.iter().filter(|(at, _)| Seconds::between(*at, now) < POOLED);
        Seconds(recent.map(|(_, seconds)| seconds.0).sum())
    }

    /// Whether the newest decode shows a fault, or one that ended so recently that its end is to be confirmed.
    pub(super) fn is_unsettled(&self) -> bool {
        let lasts = |spans: &FaultSpans| spans.longest(SETTLED_AFTER).is_some_and(|s| s.duration >= LEAST_FAULT);
        let picture = self.picture.as_ref().is_some_and(|p| {
            let blocks = p.macroblocking.is_some_and(|degree| degree > SUSPICIOUS_BLOCKS);
            let blocks_known = p.macroblocking_before.is_some_and(|degree| degree > SUSPICIOUS_BLOCKS);
            lasts(&p.frozen) || lasts(&p.black) || lasts(&p.single_color) || (blocks && !blocks_known)
        });
        let dead = |channel: &ChannelHistory| {
            let dead = channel.dead.now();
            channel.position.is_main() && dead >= LEAST_FAULT && dead < DEAD_CHANNEL_KNOWN
        };
        picture || self.sounds.iter().any(|sound| lasts(&sound.silent) || sound.channels.iter().any(dead))
    }
}

/// How a piece of decoded media follows the newest one.
#[derive(Debug, Clone, Copy)]
enum PieceStep {
    First,
    Contiguous,
    /// At least this time passed between the two.
    Unseen(Seconds),
}

impl PieceStep {
    /// The joint for a fault that goes on if `same`, and whose time between pieces counts if `counts`.
    fn joint(self, same: bool, counts: bool) -> Joint {
        match self {
            Self::First => Joint::First,
            Self::Contiguous => Joint::Contiguous(same),
            Self::Unseen(passed) => Joint::Unseen { passed, joins: same && passed < MAX_UNSEEN, counts },
        }
    }
}

/// Duration of the decoded picture, or of the sound if that is longer.
fn decoded_duration(signal: &Decoded) -> Seconds {
    let picture = signal.pictures.iter().map(|pictures| pictures.duration);
    Seconds(picture.chain(signal.sounds.iter().map(|sound| sound.duration)).fold(0.0, f64::max))
}

impl PictureHistory {
    fn take(&mut self, pictures: &Pictures, step: PieceStep, is_same: bool) {
        let total = Seconds(pictures.duration);
        self.frozen.add(&pictures.frozen, total, step.joint(is_same, true));
        self.black.add(&pictures.black, total, step.joint(true, is_same));
        self.single_color.add(&pictures.single_color, total, step.joint(true, is_same));
        self.macroblocking_before = std::mem::replace(&mut self.macroblocking, pictures.macroblocking());
        (self.spatial, self.temporal) = (Some(pictures.complexity.spatial), pictures.complexity.temporal);
    }
}

impl SoundHistory {
    fn take(&mut self, sound: &Sound, step: PieceStep, now: Timestamp) {
        let total = Seconds(sound.duration);
        let layout = || sound.channels.iter().map(|channel| channel.position).take(MAX_CHANNELS);
        if !self.channels.iter().map(|channel| channel.position).eq(layout()) || matches!(step, PieceStep::First) {
            let channels = layout().map(|position| ChannelHistory { position, dead: FaultSpans::default() });
            *self = Self { channels: channels.collect(), ..Self::default() };
        }
        self.silent.add(&sound.silent, total, step.joint(true, false));
        let joint = match step.joint(true, false) {
            // A dead channel of which nobody takes care stays dead for days, and is seen in samples only.
            Joint::Unseen { passed, .. } => Joint::Unseen { passed, joins: true, counts: false },
            joint => joint,
        };
        let channels = self.channels.iter_mut().zip(&sound.channels);
        channels.for_each(|(history, channel)| history.dead.add(&channel.dead, total, joint));
        self.loudness.take(sound, now);
        self.clipped_before = self.clipped.replace(sound.clipped);
        (self.true_peak, self.short_term_max) = (sound.true_peak, sound.short_term_max);
    }
}

impl SoundHistory {
    /// The front channel that is dead for the longest time, with its span; `None` if no front channel is dead, or was within
    /// `recovery`.
    #[must_use]
    pub fn dead_channel(&self, recovery: Seconds) -> Option<(Position, FaultSpan)> {
        let front = self.channels.iter().filter(|channel| channel.position.is_main());
        let dead = front.filter_map(|channel| Some((channel.position, channel.dead.longest(recovery)?)));
        dead.max_by(|(_, a), (_, b)| a.duration.0.total_cmp(&b.duration.0))
    }
}

impl LoudnessHistory {
    fn take(&mut self, sound: &Sound, now: Timestamp) {
        self.pool.push(seconds(now), sound.duration, &sound.blocks);
    }

    /// Integrated loudness in LUFS of what was decoded in the last 30 minutes; `None` if it covers less than `least_covered` of
    /// programme time, or less than `least_heard` of it was decoded.
    #[must_use]
    pub fn integrated(&self, now: Timestamp, least_covered: Seconds, least_heard: Seconds) -> Option<f64> {
        let at = seconds(now);
        let enough = self.pool.covered(at) >= least_covered.0 && self.pool.heard(at) >= least_heard.0;
        self.pool.integrated(at).filter(|_| enough)
    }
}

impl Default for LoudnessHistory {
    fn default() -> Self {
        Self { pool: LoudnessPool::new(POOLED.0) }
    }
}

/// Seconds since the epoch.
fn seconds(at: Timestamp) -> f64 {
    Seconds::between(Timestamp::UNIX_EPOCH, at).0
}

impl ObservedTimes for SignalHistory {
    fn shift(&mut self, by: Seconds) {
        let Self { newest, picture: _, sounds, thumbnail, decodes } = self;
        newest.iter_mut().for_each(|newest| newest.at.shift(by));
        thumbnail.iter_mut().for_each(|thumbnail| thumbnail.made_at.shift(by));
        decodes.iter_mut().for_each(|(at, _)| at.shift(by));
        // The pool knows no clock that moves; its 30 minutes begin anew.
        sounds.iter_mut().for_each(|sound| sound.loudness = LoudnessHistory::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use packager_signal::Span;

    fn at(seconds: f64) -> Timestamp {
        Seconds(seconds).after(Timestamp::UNIX_EPOCH)
    }

    fn frozen() -> Decoded {
        let mut decoded = testing::decoded(2.0, -23.0);
        decoded.pictures.as_mut().unwrap().frozen = vec![Span { start: 0.0, end: 2.0 }];
        decoded
    }

    fn decoded(pieces: &[(u64, f64)]) -> SignalHistory {
        let mut signal = SignalHistory::default();
        pieces.iter().for_each(|(number, when)| signal.take(&testing::decoded_facts(*number, at(*when), frozen())));
        signal
    }

    fn freeze(signal: &SignalHistory) -> f64 {
        signal.picture.as_ref().unwrap().frozen.now().0
    }

    #[test]
    fn a_segment_that_is_decoded_twice_counts_once() {
        let signal = decoded(&[(1, 2.0), (2, 4.0), (2, 5.0), (1, 6.0)]);
        assert_eq!(freeze(&signal), 4.0);
        assert!(signal.is_unsettled());
    }

    #[test]
    fn the_same_still_picture_a_minute_later_is_one_freeze() {
        let gap = 66.0 - 2.0 - 2.0;
        assert_eq!(freeze(&decoded(&[(1, 2.0), (2, 4.0), (35, 70.0)])), 4.0 + gap + 2.0);
        assert_eq!(
            freeze(&decoded(&[(1, 2.0), (2, 4.0), (95, 190.0)])),
            2.0,
            "after too long a time it is another one"
        );
    }

    #[test]
    fn only_numbers_that_begin_again_end_the_state() {
        let mut signal = decoded(&[(100, 200.0)]);
        assert!(!signal.is_behind(95, 99) && !signal.is_behind(90, 95), "an edge that is behind");
        assert!(signal.is_behind(1, 5));
        signal.begin_again();
        assert!(signal.picture.is_none() && signal.thumbnail.is_some());
    }
}
