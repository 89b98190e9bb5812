//! State of picture and sound by the media that were decoded so far.

mod sound;

use super::clock_step::ObservedTimes;
use super::mos::MosHistory;
use super::spans::{FaultSpans, PieceTransition};
use crate::facts::{DecodedFacts, RenditionFacts, Undecoded};
use bytes::Bytes;
use packager_media::units::{Seconds, Timestamp};
use packager_signal::Decoded;
use packager_signal::picture::{Pictures, Signature};
use sound::LoudnessHistory;
pub(crate) use sound::SoundHistory;
use std::collections::VecDeque;

/// Longest time between two decoded pieces over which a fault that both have throughout counts as one.
const MAX_UNSEEN: Seconds = Seconds(90.0);
/// Time over which the decoded media is counted.
pub(crate) const POOLED: Seconds = Seconds(1800.0);
/// Largest number of audio streams of a rendition whose state is kept.
const MAX_SOUNDS: usize = 8;
/// Shortest span of a fault because of which the next probe decodes again, if the template doesn't report shorter ones.
const LEAST_FAULT: Seconds = Seconds(1.0);
/// Time between two decodes of a fault whose severity can't grow any more.
const KNOWN_FAULT: Seconds = Seconds(45.0);
/// Time after the last decode for which a fault is followed up in probes that aren't its output's turn.
const FOLLOWED_UP: Seconds = Seconds(150.0);
/// Time after which a dead channel is reported, so that further decodes can wait for their turn.
const DEAD_CHANNEL_KNOWN: Seconds = Seconds(60.0);
/// Number of pieces in a row of which little was decoded, after which the media are to blame.
pub(crate) const UNDECODABLE_PIECES: u32 = 2;
/// Time after which media with lower numbers than the newest decoded ones come from another origin. Edges of a CDN differ by seconds.
const BEHIND: Seconds = Seconds(60.0);
/// Fewest segments by which a playlist is behind the newest decoded one if the packager began its numbers again.
const LEAST_STEP_BACK: u64 = 5;

/// What a template reports, and so until when a fault has to be followed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FollowUp {
    /// Shortest frozen picture that is reported.
    pub freeze: Seconds,
    /// Media without a fault after which every failure has ended.
    pub recovery: Seconds,
    /// Duration from which no fault becomes more severe.
    pub critical: Seconds,
    /// Degree of macroblocking that is reported; `None` if none is.
    pub blocks: Option<f64>,
    /// Share of clipped samples that is reported, 0 to 1.
    pub clipped: f64,
}

/// State of a rendition's picture and sound: faults with their durations, loudness, and the newest thumbnail.
#[derive(Debug, Clone, Default)]
pub struct SignalHistory {
    /// Number of the last segment of the newest piece, and when it was decoded.
    newest: Option<(u64, Timestamp)>,
    picture_half: Half,
    sound_half: Half,
    /// The newest decoded picture, if it ends a frozen span; otherwise nothing is compared with it.
    last_picture: Option<Signature>,
    picture: Option<PictureHistory>,
    sounds: Vec<SoundHistory>,
    pub thumbnail: Option<Thumbnail>,
    /// Instant and duration of each decode of the last 30 minutes.
    decodes: VecDeque<(Timestamp, Seconds)>,
    pub mos: MosHistory,
}

/// The newest piece of which the picture, or the sound, was decoded.
#[derive(Debug, Clone, Copy, Default)]
struct Half {
    /// Number of its last segment, and when it was decoded.
    newest: Option<(u64, Timestamp)>,
    /// Why this half of a newer piece was not decoded; `None` if there is none.
    failed: Option<Undecoded>,
    undecodable: Undecodable,
}

/// The newest pieces of which a decoder got little or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Undecodable {
    /// Number of pieces in a row, up to the newest one.
    pub pieces: u32,
    /// Share of the newest piece that was decoded, 0 to 1; `None` if that isn't known.
    pub share: Option<f64>,
}

/// Share of the coded pictures, or of the sound, that a decoder gets out of media that it can decode. The pictures of interlaced
/// video may be coded as two fields each, and those before the first key frame in presentation order may be left out.
const LEAST_DECODED: f64 = 0.4;
/// Share of concealed macroblocks from which nothing of the pictures was decoded.
const ALL_CONCEALED: f64 = 0.95;

impl Undecodable {
    /// Takes how much of a piece was decoded. `coded`: how much there is, `None` if that isn't known. `decoded`: how much the decoder
    /// got, `None` if it failed for a reason of its own.
    fn take(&mut self, coded: Option<f64>, decoded: Option<f64>) {
        self.share = coded.filter(|coded| *coded > 0.0).zip(decoded).map(|(coded, decoded)| decoded / coded);
        self.pieces = match self.share {
            Some(share) if share < LEAST_DECODED => self.pieces.saturating_add(1),
            _ => 0,
        };
    }
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

/// The newest thumbnail of a rendition: a JPEG, and when it was made.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    pub jpeg: Bytes,
    pub made_at: Timestamp,
}

impl SignalHistory {
    /// Adds a piece of decoded media. A piece that isn't newer than the newest one is no news, unless the newest one is a minute old: then
    /// an origin with lower numbers has taken over. A half that failed, picture or sound,
    /// keeps its state, but it doesn't count until a later piece shows it.
    pub(crate) fn take(&mut self, facts: &DecodedFacts) {
        if let Some((_, at)) = self.newest.filter(|(last, _)| facts.first <= *last) {
            if Seconds::between(at, facts.decoded_at) < BEHIND {
                return;
            }
            self.begin_again();
        }
        self.take_picture(facts);
        self.take_sounds(facts);
        if let Some(thumbnail) = &facts.signal.thumbnail {
            self.thumbnail = Some(Thumbnail { jpeg: thumbnail.jpeg.clone(), made_at: facts.decoded_at });
        }
        self.decodes.retain(|(at, _)| Seconds::between(*at, facts.decoded_at) < POOLED);
        self.decodes.push_back((facts.decoded_at, decoded_duration(&facts.signal)));
        self.newest = Some((facts.last, facts.decoded_at));
    }

    fn take_picture(&mut self, facts: &DecodedFacts) {
        self.picture_half.failed = facts.signal.pictures_failed.as_ref().map(Undecoded::from);
        // A decoder conceals macroblocks that it can't decode by what it has of others. If that is nearly all, it decoded none.
        let shown = |pictures: &Pictures| pictures.concealed.is_none_or(|share| share < ALL_CONCEALED);
        let count = |pictures: &Pictures| if shown(pictures) { f64::from(pictures.count) } else { 0.0 };
        let decoded = facts.signal.pictures.as_ref().map(count);
        self.picture_half.take_share(facts.coded.pictures.map(|pictures| pictures as f64), decoded, facts);
        if self.picture_half.failed.is_some() {
            return;
        }
        let Some(pictures) = &facts.signal.pictures else {
            (self.picture, self.picture_half, self.last_picture) = (None, Half::default(), None);
            return;
        };
        let step = self.picture_half.step(facts, Seconds(pictures.duration));
        let is_same = self.last_picture.as_ref().is_some_and(|before| before.same_picture(&pictures.first));
        let history = self.picture.get_or_insert_default();
        history.take(pictures, step, is_same);
        self.last_picture = (history.frozen.now() > Seconds::ZERO).then(|| pictures.last.clone());
        self.picture_half.newest = Some((facts.last, facts.decoded_at));
    }

    fn take_sounds(&mut self, facts: &DecodedFacts) {
        self.sound_half.failed = facts.signal.sound_failed.as_ref().map(Undecoded::from);
        let decoded = facts.signal.sounds.iter().map(|sound| sound.duration).reduce(f64::max);
        self.sound_half.take_share(facts.coded.sound.map(|seconds| seconds.0), decoded, facts);
        if self.sound_half.failed.is_some() {
            return;
        }
        let sounds = &facts.signal.sounds;
        let total = sounds.iter().map(|sound| sound.duration).fold(0.0, f64::max);
        let step = self.sound_half.step(facts, Seconds(total));
        let mut before = std::mem::take(&mut self.sounds);
        for (place, sound) in sounds.iter().take(MAX_SOUNDS).enumerate() {
            let known = match sound.stream {
                Some(_) => before.iter_mut().find(|history| history.stream == sound.stream),
                None => before.get_mut(place),
            };
            let mut history = known.map(std::mem::take).unwrap_or_default();
            history.stream = sound.stream;
            history.take(sound, step, facts.decoded_at);
            self.sounds.push(history);
        }
        self.sound_half.newest = (!sounds.is_empty()).then_some((facts.last, facts.decoded_at));
    }

    /// State of the picture; `None` if the newest decode showed none.
    #[must_use]
    pub fn picture(&self) -> Option<&PictureHistory> {
        self.picture.as_ref().filter(|_| self.picture_half.failed.is_none())
    }

    /// State of each audio stream, by number, at most 8; empty if the newest decode gave none.
    #[must_use]
    pub fn sounds(&self) -> &[SoundHistory] {
        if self.sound_half.failed.is_some() { &[] } else { &self.sounds }
    }

    /// Why the newest decode gave no picture although the media have one; `None` if it gave one.
    #[must_use]
    pub fn picture_failed(&self) -> Option<Undecoded> {
        self.picture_half.failed
    }

    /// Why the newest decode gave no sound although the media have some; `None` if it gave some.
    #[must_use]
    pub fn sound_failed(&self) -> Option<Undecoded> {
        self.sound_half.failed
    }

    /// The newest pieces of whose picture a decoder got little or nothing.
    #[must_use]
    pub fn undecodable_picture(&self) -> Undecodable {
        self.picture_half.undecodable
    }

    /// The newest pieces of whose sound a decoder got little or nothing.
    #[must_use]
    pub fn undecodable_sound(&self) -> Undecodable {
        self.sound_half.undecodable
    }

    /// Whether the packager began its numbers again: the listed segments, from `first` to `last`, end before the newest known one
    /// by more than they span, and by more than a few. Another edge of a CDN is behind by less.
    pub(super) fn is_behind(&self, first: u64, last: u64) -> bool {
        let decoded = self.newest.map(|(last, _)| last);
        decoded.max(self.mos.newest_number()).unwrap_or(0)
            > last.saturating_add(last.saturating_sub(first).max(LEAST_STEP_BACK))
    }

    /// Forgets everything but the thumbnail and the samples of the mean opinion score.
    pub(super) fn begin_again(&mut self) {
        let mut mos = std::mem::take(&mut self.mos);
        mos.begin_again();
        *self = Self { thumbnail: self.thumbnail.take(), mos, ..Self::default() };
    }

    /// Adds estimates of the mean opinion score. `upscaling` as in [`crate::facts::mos::PictureCoding`].
    pub(crate) fn take_mos(&mut self, facts: &RenditionFacts, upscaling: f64) {
        self.mos.take(facts, upscaling);
    }

    /// Whether nothing was ever decoded, and no mean opinion score estimated.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.newest.is_none() && self.thumbnail.is_none() && self.mos.newest_number().is_none()
    }

    /// Time at which the newest media was decoded; `None` before the first decode.
    #[must_use]
    pub fn decoded_at(&self) -> Option<Timestamp> {
        self.newest.map(|(_, at)| at)
    }

    /// Duration of the media that was decoded in the last 30 minutes.
    #[must_use]
    pub fn seconds_decoded(&self, now: Timestamp) -> Seconds {
        let recent = self.decodes.iter().filter(|(at, _)| Seconds::between(*at, now) < POOLED);
        Seconds(recent.map(|(_, seconds)| seconds.0).sum())
    }

    /// Whether the picture stands still, is black or has one colour at the end of the newest decoded media, for a second or longer.
    pub(super) fn has_lost_picture(&self) -> bool {
        let lost = |p: &PictureHistory| [&p.frozen, &p.black, &p.single_color].iter().any(|s| s.now() >= LEAST_FAULT);
        self.picture().is_some_and(lost)
    }

    /// Whether a probe at `now` has to decode more of a fault that the newest decode shows, or of one whose end is to be confirmed. A
    /// fault whose severity can't grow any more is decoded every 45 s. After 150 s without a decode nothing is followed up.
    pub(super) fn needs_follow_up(&self, follow_up: &FollowUp, now: Timestamp) -> bool {
        let Some(age) = self.decoded_at().map(|at| Seconds::between(at, now)).filter(|age| *age < FOLLOWED_UP) else {
            return false;
        };
        let later = age >= KNOWN_FAULT;
        let undecodable = [self.picture_half, self.sound_half].map(|half| half.undecodable.pieces);
        if undecodable.iter().any(|pieces| *pieces > 0 && (later || *pieces < UNDECODABLE_PIECES)) {
            return true;
        }
        let lasts = |spans: &FaultSpans, least: Seconds, known: Seconds| {
            let span = spans.longest(follow_up.recovery).filter(|span| span.duration >= least);
            span.is_some_and(|span| later || span.ago.0 > 0.0 || span.duration < known)
        };
        let freeze = if follow_up.freeze < LEAST_FAULT { follow_up.freeze } else { LEAST_FAULT };
        let picture = self.picture.as_ref().filter(|_| later || self.picture_half.failed.is_none()).is_some_and(|p| {
            let blocks = p.macroblocking.zip(follow_up.blocks).is_some_and(|(degree, reported)| degree > reported);
            let others = [&p.black, &p.single_color].iter().any(|spans| lasts(spans, LEAST_FAULT, follow_up.critical));
            lasts(&p.frozen, freeze, follow_up.critical) || others || (later && blocks)
        });
        let sound = |sound: &SoundHistory| {
            let clipped = sound.clipped.is_some_and(|share| share >= follow_up.clipped);
            let dead = sound.judged_channels(follow_up.recovery);
            let dead = dead.iter().any(|channel| lasts(&channel.dead, LEAST_FAULT, DEAD_CHANNEL_KNOWN));
            lasts(&sound.silent, LEAST_FAULT, follow_up.critical) || dead || (later && clipped)
        };
        picture || ((later || self.sound_half.failed.is_none()) && self.sounds.iter().any(sound))
    }
}

impl Half {
    /// Takes how much of a half was decoded, as [`Undecodable::take`] does.
    fn take_share(&mut self, coded: Option<f64>, decoded: Option<f64>, facts: &DecodedFacts) {
        let decoded = if self.failed == Some(Undecoded::Undecodable) { Some(0.0) } else { decoded };
        // A decode that was stopped at its bound shows less than it could.
        self.undecodable.take(coded, decoded.filter(|decoded| *decoded == 0.0 || !facts.signal.cut));
    }

    /// How the piece follows the newest one whose half was decoded. `total` is the duration of the half.
    fn step(self, facts: &DecodedFacts, total: Seconds) -> PieceStep {
        match self.newest {
            None => PieceStep::First,
            Some((last, _)) if facts.after == Some(last) => PieceStep::Contiguous,
            Some((_, at)) => {
                let passed = Seconds::between(at, facts.decoded_at) - total - facts.longest_segment;
                PieceStep::Unseen(Seconds(passed.0.max(0.0)))
            }
        }
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
    fn joint(self, same: bool, counts: bool) -> PieceTransition {
        match self {
            Self::First => PieceTransition::First,
            Self::Contiguous => PieceTransition::Contiguous(same),
            Self::Unseen(passed) => PieceTransition::Unseen { passed, joins: same && passed < MAX_UNSEEN, counts },
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

impl ObservedTimes for SignalHistory {
    fn shift(&mut self, by: Seconds) {
        let Self { newest, picture_half, sound_half, last_picture: _, picture: _, sounds, thumbnail, decodes, mos } =
            self;
        mos.shift(by);
        let newest = [newest, &mut picture_half.newest, &mut sound_half.newest];
        newest.into_iter().flatten().for_each(|(_, at)| at.shift(by));
        thumbnail.iter_mut().for_each(|thumbnail| thumbnail.made_at.shift(by));
        decodes.iter_mut().for_each(|(at, _)| at.shift(by));
        // The pool knows no clock that moves, and begins anew.
        sounds.iter_mut().for_each(|sound| sound.loudness = LoudnessHistory::default());
    }
}

#[cfg(test)]
mod tests;
