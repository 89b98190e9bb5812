//! Decoding of picture and sound within a probe: which outputs have their turn, and what of them is decoded.

mod bounds;
mod follow_up;
mod lookup;
mod pieces;

use super::capture::{Capturer, DecodedRenditions, KeptMedia};
use crate::catalog::{SignalMode, Template};
use crate::facts::{Capture, DecodedFacts, OutputFacts, RenditionFacts, SignalFacts, Undecoded, still};
use crate::history::{History, OutputKey, SignalTurn};
use bounds::{DecodeBounds, WATCHED_BYTES};
use lookup::DecoderLookup;
use packager_media::stream::RenditionIdentity;
use packager_media::units::{Seconds, Timestamp};
use packager_signal::{DecodeOutputs, Decoded, Decoder, Launcher, NotDecoded, PictureChoice};
use pieces::{Piece, newest_piece};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

/// Shortest time in which a decode is tried.
const LEAST_TIME: Duration = Duration::from_millis(300);
/// Media that the turn of the rotation decodes, unless one segment is longer. Other turns decode everything new.
const ROTATION_MEDIA: Seconds = Seconds(12.0);
/// Time for which a decode counts, beyond two intervals of the rotation.
const VALID_BEYOND: Seconds = Seconds(60.0);
/// Time for which a decode counts if every probe decodes.
const VALID_ALWAYS: Seconds = Seconds(120.0);

/// Settings of decoding, from the command line.
#[derive(Debug, Clone, Default)]
pub struct SignalSettings {
    /// Path of ffmpeg. `None`: ffmpeg of the PATH.
    pub ffmpeg: Option<PathBuf>,
    /// Largest number of decodes at the same time. `None`: one less than there are processors, at least one.
    pub max_decodes: Option<usize>,
    /// Whether the first turn of an output comes at once, and not within the interval of the rotation.
    pub at_once: bool,
    /// Program that confines itself and becomes ffmpeg. `None`: the running program with the subcommand [`LAUNCHER`].
    pub launcher: Option<Launcher>,
}

/// The decoder with its bounds, which all probes share.
#[derive(Debug)]
pub(super) struct SignalDecoding {
    lookup: DecoderLookup,
    bounds: DecodeBounds,
    counts: DecodeCounts,
}

/// Whether and why a probe decodes an output, and the media that it keeps for the decoder.
#[derive(Debug)]
pub(super) struct DecodePlan<'a> {
    /// Why the output is decoded; `None`: it has no turn.
    pub(super) turn: Option<SignalTurn>,
    /// Room for the newest segments of an output without a turn; `None`: they aren't kept.
    pub(super) watch: Option<SemaphorePermit<'a>>,
    /// Bytes of the inspected segments, which the decoder reads at the end of the probe.
    pub(super) kept: KeptMedia,
}

/// Numbers of decodes since the start, and their cost.
#[derive(Debug, Default)]
struct DecodeCounts {
    done: AtomicU64,
    failed: AtomicU64,
    without_turn: AtomicU64,
    cpu_micros: AtomicU64,
}

/// Numbers of decodes since the start, for the exporter's own metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DecodeTotals {
    /// Whether ffmpeg was found and runs; `None` before the first template needed it.
    pub is_usable: Option<bool>,
    /// Decodes that gave a picture or sound.
    pub done: u64,
    /// Decodes that gave nothing, or were stopped.
    pub failed: u64,
    /// Decodes for which no turn came within the probe's time.
    pub without_turn: u64,
    /// Processor time of ffmpeg and of the analysis, in seconds.
    pub cpu: Seconds,
}

impl SignalDecoding {
    /// Makes the bounds of decoding. Without `settings` nothing is decoded.
    pub(super) fn new(settings: Option<SignalSettings>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let most = settings.as_ref().and_then(|settings| settings.max_decodes);
        let bounds = DecodeBounds::new(most.unwrap_or(processors.saturating_sub(1)));
        Self { lookup: DecoderLookup::new(settings), bounds, counts: DecodeCounts::default() }
    }

    /// Looks for ffmpeg if the template needs it. Without it nothing is decoded, which is logged.
    pub(super) async fn prepare(&self, template: &Template, deadline: Instant) {
        if template.signal != SignalMode::Off {
            self.lookup.prepare(deadline).await;
        }
    }

    pub(super) fn totals(&self) -> DecodeTotals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DecodeTotals {
            is_usable: self.lookup.is_usable(),
            done: read(&self.counts.done),
            failed: read(&self.counts.failed),
            without_turn: read(&self.counts.without_turn),
            cpu: Duration::from_micros(read(&self.counts.cpu_micros)).into(),
        }
    }

    /// Returns why the probe that begins at `now` decodes an output; `None` if it doesn't.
    fn turn(&self, history: &History, key: &OutputKey, template: &Template, now: Timestamp) -> Option<SignalTurn> {
        self.lookup.decoder().ok()?;
        let delay = if self.lookup.is_at_once() { Seconds::ZERO } else { first_turn(key, template.signal_interval) };
        match template.signal {
            SignalMode::Off => None,
            SignalMode::Full => Some(SignalTurn::Always),
            SignalMode::Rotation => {
                let follow_up = follow_up::of(template);
                history.signal_turn(key, now, template.retention(), template.signal_interval, delay, &follow_up)
            }
        }
    }

    /// Returns what the probe that begins at `now` does for the decoder. An output without a turn is watched if there is room: if this
    /// probe finds that its picture looks still, it can decode it at once; otherwise the next probe does.
    pub(super) fn plan(
        &self,
        history: &History,
        key: &OutputKey,
        template: &Template,
        now: Timestamp,
    ) -> DecodePlan<'_> {
        let turn = self.turn(history, key, template, now);
        let may_watch = turn.is_none() && template.signal == SignalMode::Rotation && self.lookup.decoder().is_ok();
        let may_suspect = || history.may_suspect(key, now, template.retention());
        let watch = (may_watch && may_suspect()).then(|| self.bounds.watch()).flatten();
        let kept = match turn {
            Some(_) => KeptMedia::of_turn(),
            None => KeptMedia::of_watched(watch.as_ref().map_or(0, |_| WATCHED_BYTES)),
        };
        DecodePlan { turn, watch, kept }
    }

    /// Decodes the outputs that have their turn or whose picture is suspected, and adds what it showed to the facts of their renditions. Ends before `deadline`.
    pub(super) async fn decode(&self, capture: &mut Capture, capturers: &[Capturer<'_>], deadline: Instant) {
        let outputs = capture.outputs.iter_mut().zip(capturers);
        futures_util::future::join_all(
            outputs.map(|(output, capturer)| self.decode_output(output, capturer, deadline)),
        )
        .await;
    }

    async fn decode_output(&self, output: &mut OutputFacts, capturer: &Capturer<'_>, deadline: Instant) {
        let template = capturer.template;
        let valid_for = match template.signal {
            SignalMode::Full => VALID_ALWAYS,
            _ => Seconds(template.signal_interval.0 * 2.0) + VALID_BEYOND,
        };
        let decoder = match template.signal {
            SignalMode::Off => Err(Undecoded::Off),
            SignalMode::Rotation | SignalMode::Full => self.lookup.decoder(),
        };
        let missing = decoder.as_ref().err().copied().unwrap_or(Undecoded::Waiting);
        output.signal = SignalFacts { missing, valid_for, ..SignalFacts::default() };
        let suspected = || capturer.watch.is_some() && output.looks_still();
        let turn = capturer.turn.or_else(|| suspected().then_some(SignalTurn::Suspected));
        let (Some(turn), Ok(decoder)) = (turn, decoder) else { return };
        let (DecodedRenditions { video, audio }, kept) = capturer.kept.take();
        let most = if turn == SignalTurn::Due { ROTATION_MEDIA } else { Seconds(f64::INFINITY) };
        let piece = |identity: &Option<RenditionIdentity>| {
            let identity = identity.as_ref()?;
            let facts = output.renditions.iter().find(|r| r.rendition.identity == *identity)?;
            Some(newest_piece(facts, &kept, most))
        };
        let pieces = [piece(&video), piece(&audio)];
        let now = || capturer.clock.now();
        match self.decode_pieces(&decoder, pieces, now, deadline).await {
            Ok(results) => output.take_decoded(results),
            Err(missing) => {
                self.counts.without_turn.fetch_add(1, Ordering::Relaxed);
                output.signal.missing = missing;
            }
        }
    }

    /// Decodes the pieces of one output, at the same time. Both need one permit, so that an output never gets its picture decoded
    /// and its sound not.
    ///
    /// # Errors
    /// The reason why the output has to wait for another turn.
    async fn decode_pieces(
        &self,
        decoder: &Decoder,
        pieces: [Option<Result<Piece, Undecoded>>; 2],
        now: impl Fn() -> Timestamp,
        deadline: Instant,
    ) -> Result<[Option<DecodeResult>; 2], Undecoded> {
        let has_media = pieces.iter().flatten().any(Result::is_ok);
        let permit = match has_media {
            true if deadline.saturating_duration_since(Instant::now()) < LEAST_TIME => return Err(Undecoded::NoTime),
            true => Some(self.bounds.begin(deadline).await.ok_or(Undecoded::NoTurn)?),
            false => None,
        };
        let [video, audio] = pieces.map(|piece| self.decode_piece(decoder, piece, &now, deadline));
        let (video, audio) = tokio::join!(video, audio);
        drop(permit);
        Ok([video, audio])
    }

    /// Decodes one piece. `None` if there is no piece.
    async fn decode_piece(
        &self,
        decoder: &Decoder,
        piece: Option<Result<Piece, Undecoded>>,
        now: impl Fn() -> Timestamp,
        deadline: Instant,
    ) -> Option<DecodeResult> {
        let piece = match piece? {
            Ok(piece) => piece,
            Err(missing) => return Some(Err(missing)),
        };
        let pictures = if piece.has_picture { PictureChoice::Every } else { PictureChoice::No };
        let wanted = DecodeOutputs { pictures, sound: piece.has_sound, thumbnail: piece.has_picture };
        let decoded = decoder.decode(&piece.coded, wanted, deadline).await;
        let decoded = self.count(decoded).or_else(|error| piece.undecodable(error));
        Some(decoded.map(|signal| (piece.identity.clone(), piece.facts(now(), signal))))
    }

    fn count(&self, decoded: Result<Decoded, NotDecoded>) -> Result<Decoded, NotDecoded> {
        match decoded {
            Ok(decoded) => {
                self.counts.done.fetch_add(1, Ordering::Relaxed);
                let micros = u64::try_from(decoded.cpu.as_micros()).unwrap_or(u64::MAX);
                self.counts.cpu_micros.fetch_add(micros, Ordering::Relaxed);
                Ok(decoded)
            }
            Err(error) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                match &error {
                    NotDecoded::NotStarted(why) => tracing::warn!(why, "ffmpeg could not be started"),
                    _ => tracing::debug!(%error, "nothing was decoded"),
                }
                Err(error)
            }
        }
    }
}

type DecodeResult = Result<(RenditionIdentity, DecodedFacts), Undecoded>;

impl OutputFacts {
    /// Whether the picture is suspected to stand still, by the segments that this probe inspected.
    fn looks_still(&self) -> bool {
        still::is_suspected(self.renditions.iter().map(|facts| still::looks_still(&facts.segments))) == Some(true)
    }

    /// Adds the results of decoding to the renditions. A reason why nothing was decoded is kept for the checks.
    fn take_decoded(&mut self, results: [Option<DecodeResult>; 2]) {
        if results.iter().all(Option::is_none) {
            self.signal.missing = Undecoded::NoSegment;
        }
        for result in results.into_iter().rev().flatten() {
            match result {
                Ok((identity, decoded)) => {
                    self.signal.attempted = true;
                    let is_own = |r: &&mut RenditionFacts| r.rendition.identity == identity;
                    if let Some(rendition) = self.renditions.iter_mut().find(is_own) {
                        rendition.decoded = Some(Arc::new(decoded));
                    }
                }
                Err(missing) => {
                    self.signal.attempted |= missing.waits_for_next_turn();
                    self.signal.missing = missing;
                }
            }
        }
    }
}

/// Hidden subcommand by which the exporter confines itself and becomes ffmpeg.
pub const LAUNCHER: &str = "confined-ffmpeg";

/// Time after the first probe of an output at which its first turn comes: always the same for one output, and spread evenly over
/// all of them.
fn first_turn(key: &OutputKey, interval: Seconds) -> Seconds {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let share = hasher.finish() as f64 / u64::MAX as f64;
    Seconds(interval.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_turns_are_spread_over_the_interval_and_stay() {
        let key = |n: u32| OutputKey { channel: format!("CH_{n}"), output: "hls".to_owned() };
        let turns: Vec<f64> = (0..1000).map(|n| first_turn(&key(n), Seconds(300.0)).0).collect();
        for tenth in 0..10 {
            let within = turns.iter().filter(|turn| (**turn / 30.0) as u32 == tenth).count();
            assert!((70..130).contains(&within), "{within} of 1000 in tenth {tenth}");
        }
        assert_eq!(first_turn(&key(7), Seconds(300.0)), first_turn(&key(7), Seconds(300.0)));
    }
}
