//! State of one audio stream by the media that were decoded so far: silence, dead channels, clipping and loudness.

use super::PieceStep;
use crate::facts::FaultSpan;
use crate::history::spans::{FaultSpans, PieceTransition};
use packager_media::units::{Seconds, Timestamp};
use packager_signal::sound::{LoudnessPool, Position, Sound};
use std::collections::VecDeque;

/// Time over which loudness is pooled. In `rotation` it takes long until there are enough samples of a programme.
const LOUDNESS_POOLED: Seconds = Seconds(10_800.0);
/// Time between two samples of the loudness. Follow-up decodes of a fault are no samples of the programme.
const BETWEEN_SAMPLES: Seconds = Seconds(59.0);
/// Longest sample of the loudness: 20 s, and its blocks, of which there are ten in a second.
const LONGEST_SAMPLE: (Seconds, usize) = (Seconds(20.0), 200);
/// Largest number of channels of an audio stream whose state is kept.
const MAX_CHANNELS: usize = 8;

/// State of one audio stream.
#[derive(Debug, Clone, Default)]
pub struct SoundHistory {
    /// Number of the audio stream in its container; `None` if it isn't known.
    pub stream: Option<u32>,
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

/// Loudness of an audio stream: at most one sample a minute, pooled over the last 3 hours.
#[derive(Debug, Clone)]
pub struct LoudnessHistory {
    pool: LoudnessPool,
    /// Instants of the samples, oldest first.
    samples: VecDeque<Timestamp>,
}

impl SoundHistory {
    pub(super) fn take(&mut self, sound: &Sound, step: PieceStep, now: Timestamp) {
        let total = Seconds(sound.duration);
        let layout = || sound.channels.iter().map(|channel| channel.position).take(MAX_CHANNELS);
        if matches!(step, PieceStep::First) {
            *self = Self { stream: self.stream, ..Self::default() };
        }
        // Advertisements often have another layout than the programme, whose silence and loudness go on.
        if !self.channels.iter().map(|channel| channel.position).eq(layout()) {
            let channels = layout().map(|position| ChannelHistory { position, dead: FaultSpans::default() });
            self.channels = channels.collect();
        }
        self.silent.add(&sound.silent, total, step.joint(true, false));
        let joint = match step.joint(true, false) {
            // A dead channel of which nobody takes care stays dead for days, and is seen in samples only.
            PieceTransition::Unseen { passed, .. } => PieceTransition::Unseen { passed, joins: true, counts: false },
            joint => joint,
        };
        let channels = self.channels.iter_mut().zip(&sound.channels);
        // Pauses don't count. A piece without any sound leaves the spans as they are.
        let sounding = Seconds(sound.sounding);
        if sounding > Seconds::ZERO {
            channels.for_each(|(history, channel)| history.dead.add(&channel.dead, sounding, joint));
        }
        self.loudness.take(sound, now);
        self.clipped_before = self.clipped.replace(sound.clipped);
        (self.true_peak, self.short_term_max) = (sound.true_peak, sound.short_term_max);
    }

    /// The front channel that is dead for the longest time, with its span; `None` if no front channel is dead, or was within
    /// `recovery`.
    #[must_use]
    pub fn dead_channel(&self, recovery: Seconds) -> Option<(Position, FaultSpan)> {
        let dead = self.judged_channels(recovery).into_iter();
        let dead = dead.filter_map(|channel| Some((channel.position, channel.dead.longest(recovery)?)));
        dead.max_by(|(_, a), (_, b)| a.duration.0.total_cmp(&b.duration.0))
    }

    /// Returns the front channels of the stream whose silence is a fault. The others belong to a programme in stereo or mono that comes in a
    /// layout of more channels: its centre is silent together with all surround channels, or its left and right channel together.
    pub(super) fn judged_channels(&self, recovery: Seconds) -> Vec<&ChannelHistory> {
        let dead = |channel: &ChannelHistory| channel.dead.longest(recovery).map_or(0.0, |span| span.duration.0);
        let of = |position| self.channels.iter().find(|c| c.position == position).map(dead);
        let surround: Vec<f64> = self.channels.iter().filter(|c| c.position.is_surround()).map(dead).collect();
        let centre = of(Position::Center);
        // Silent together: none of them for less than half of the time.
        let is_stereo = centre.is_some_and(|c| !surround.is_empty() && surround.iter().all(|s| s * 2.0 >= c));
        let sides = of(Position::Left).zip(of(Position::Right));
        let is_mono = centre == Some(0.0) && sides.is_some_and(|(l, r)| l.min(r) * 2.0 >= l.max(r));
        let is_judged = |channel: &&ChannelHistory| match channel.position {
            Position::Center => !is_stereo,
            Position::Left | Position::Right => !is_mono,
            other => other.is_main(),
        };
        self.channels.iter().filter(is_judged).collect()
    }
}

impl LoudnessHistory {
    fn take(&mut self, sound: &Sound, now: Timestamp) {
        if self.samples.back().is_some_and(|last| Seconds::between(*last, now) < BETWEEN_SAMPLES) {
            return;
        }
        self.samples.retain(|at| Seconds::between(*at, now) < LOUDNESS_POOLED);
        self.samples.push_back(now);
        let (longest, most) = LONGEST_SAMPLE;
        let blocks = sound.blocks.get(..most).unwrap_or(&sound.blocks);
        self.pool.push(seconds(now), sound.duration.min(longest.0), blocks);
    }

    /// Integrated loudness in LUFS of the samples of the last 3 hours; `None` if there are fewer than `least_samples`, or they last
    /// less than `least_heard` together.
    #[must_use]
    pub fn integrated(&self, now: Timestamp, least_samples: usize, least_heard: Seconds) -> Option<f64> {
        let at = seconds(now);
        let samples = self.samples.iter().filter(|at| Seconds::between(**at, now) < LOUDNESS_POOLED).count();
        let enough = samples >= least_samples && self.pool.heard(at) >= least_heard.0;
        self.pool.integrated(at).filter(|_| enough)
    }
}

impl Default for LoudnessHistory {
    fn default() -> Self {
        Self { pool: LoudnessPool::new(LOUDNESS_POOLED.0), samples: VecDeque::new() }
    }
}

/// Seconds since the epoch.
fn seconds(at: Timestamp) -> f64 {
    Seconds::between(Timestamp::UNIX_EPOCH, at).0
}
