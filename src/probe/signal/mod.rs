//! Decoding of picture and sound within a probe: which outputs have their turn, and what of them is decoded.

mod bounds;
mod follow_up;
mod pieces;

use super::capture::{self, Capturer, DecodedRenditions};
use crate::catalog::{SignalMode, Template};
use crate::facts::{Capture, DecodeLack, DecodedFacts, OutputFacts, RenditionFacts, SignalFacts};
use crate::history::{History, OutputKey, SignalTurn};
use bounds::DecodeBounds;
use packager_media::stream::RenditionIdentity;
use packager_media::units::{Seconds, Timestamp};
use packager_signal::{Decoded, Decoder, Launcher, NotDecoded, PictureChoice, Wanted};
use pieces::{Piece, newest_piece};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

const OFF: &str = "nothing is decoded, because the template sets `signal: off`";
const NO_FFMPEG: &str = "ffmpeg isn't installed; install it or set `signal: off`";
const WAITING: &str = "the channel was not decoded yet; its turn comes within `signal_interval`";
const NO_SEGMENT: &str = "no new segment was inspected, so there was nothing to decode";
const ENCRYPTED: &str = "the media are encrypted for DRM, and can't be decoded";
const UNKNOWN: &str = "the segments are in no container that is decoded";
const NO_TURN: &str = "too many other outputs were to be decoded; raise --signal.max-decodes or `signal_interval`";
const NO_TIME: &str = "the probe had no time left to decode; raise the scrape timeout or the template's `timeout`";
const TOO_SLOW: &str = "decoding did not end within the time of this probe";
const FAILED: &str = "ffmpeg could not decode the segments";
const NOT_STARTED: &str = "ffmpeg could not be started; the exporter's log says why";

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
    /// `None`: nothing is decoded.
    settings: Option<SignalSettings>,
    /// ffmpeg, after it was looked for; `None` in it: there is none.
    decoder: OnceCell<Option<Decoder>>,
    bounds: DecodeBounds,
    counts: DecodeCounts,
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
        Self { settings, decoder: OnceCell::new(), bounds, counts: DecodeCounts::default() }
    }

    /// Looks for ffmpeg once, when the first template needs it. Without it nothing is decoded, which is logged.
    pub(super) async fn prepare(&self, template: &Template, deadline: Instant) {
        if template.signal != SignalMode::Off {
            let found = self.decoder.get_or_init(|| find(self.settings.as_ref()));
            // A machine without time now finds it in a later probe.
            let _ = timeout_at(deadline, found).await;
        }
    }

    fn decoder(&self) -> Option<&Decoder> {
        self.decoder.get()?.as_ref()
    }

    pub(super) fn totals(&self) -> DecodeTotals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DecodeTotals {
            done: read(&self.counts.done),
            failed: read(&self.counts.failed),
            without_turn: read(&self.counts.without_turn),
            cpu: Duration::from_micros(read(&self.counts.cpu_micros)).into(),
        }
    }

    /// Returns why the probe that begins at `now` decodes an output; `None` if it doesn't.
    pub(super) fn turn(
        &self,
        history: &History,
        key: &OutputKey,
        template: &Template,
        now: Timestamp,
    ) -> Option<SignalTurn> {
        self.decoder()?;
        let at_once = self.settings.as_ref().is_some_and(|settings| settings.at_once);
        let delay = if at_once { Seconds::ZERO } else { first_turn(key, template.signal_interval) };
        match template.signal {
            SignalMode::Off => None,
            SignalMode::Full => Some(SignalTurn::Always),
            SignalMode::Rotation => {
                let follow_up = follow_up::of(template);
                let retention = capture::retention(template);
                history.signal_turn(key, now, retention, template.signal_interval, delay, &follow_up)
            }
        }
    }

    /// Decodes the outputs that have their turn, and adds what it showed to the facts of their renditions. Ends before `deadline`.
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
        let missing = match (template.signal, &self.settings, self.decoder()) {
            (SignalMode::Off, ..) | (_, None, _) => OFF,
            (_, Some(_), None) => NO_FFMPEG,
            _ => WAITING,
        };
        output.signal = SignalFacts { missing, valid_for, ..SignalFacts::default() };
        let (Some(turn), Some(decoder)) = (capturer.turn, self.decoder()) else { return };
        let (DecodedRenditions { video, audio }, kept) = capturer.kept.take();
        let most = if turn == SignalTurn::Due { ROTATION_MEDIA } else { Seconds(f64::INFINITY) };
        let piece = |identity: &Option<RenditionIdentity>| {
            let identity = identity.as_ref()?;
            let facts = output.renditions.iter().find(|r| r.rendition.identity == *identity)?;
            Some(newest_piece(facts, &kept, most))
        };
        let pieces = [piece(&video), piece(&audio)];
        let now = || capturer.clock.now();
        match self.decode_pieces(decoder, pieces, now, deadline).await {
            Ok(results) => output.take_decoded(results),
            Err(reason) => {
                self.counts.without_turn.fetch_add(1, Ordering::Relaxed);
                output.signal = SignalFacts { missing: reason, lack: Some(DecodeLack::NoTurn), ..output.signal };
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
        pieces: [Option<Result<Piece, &'static str>>; 2],
        now: impl Fn() -> Timestamp,
        deadline: Instant,
    ) -> Result<[Option<DecodeResult>; 2], &'static str> {
        let has_media = pieces.iter().flatten().any(Result::is_ok);
        let permit = match has_media {
            true if deadline.saturating_duration_since(Instant::now()) < LEAST_TIME => return Err(NO_TIME),
            true => Some(self.bounds.begin(deadline).await.ok_or(NO_TURN)?),
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
        piece: Option<Result<Piece, &'static str>>,
        now: impl Fn() -> Timestamp,
        deadline: Instant,
    ) -> Option<DecodeResult> {
        let piece = match piece? {
            Ok(piece) => piece,
            Err(reason) => return Some(Err(DecodeFailure { reason, attempted: reason != NO_SEGMENT, lack: None })),
        };
        let pictures = if piece.has_picture { PictureChoice::Every } else { PictureChoice::No };
        let wanted = Wanted { pictures, sound: piece.has_sound, thumbnail: piece.has_picture };
        let decoded = decoder.decode(&piece.coded, wanted, deadline).await;
        Some(self.count(decoded).map(|signal| (piece.identity.clone(), piece.facts(now(), signal))))
    }

    fn count(&self, decoded: Result<Decoded, NotDecoded>) -> Result<Decoded, DecodeFailure> {
        match decoded {
            Ok(decoded) => {
                self.counts.done.fetch_add(1, Ordering::Relaxed);
                let micros = u64::try_from(decoded.cpu.as_micros()).unwrap_or(u64::MAX);
                self.counts.cpu_micros.fetch_add(micros, Ordering::Relaxed);
                Ok(decoded)
            }
            Err(error) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, "nothing was decoded");
                let (reason, attempted) = match error {
                    NotDecoded::Deadline => (TOO_SLOW, true),
                    NotDecoded::NotStarted(why) => {
                        tracing::warn!(why, "ffmpeg could not be started");
                        (NOT_STARTED, false)
                    }
                    NotDecoded::Nothing(_) | NotDecoded::Stopped(_) | NotDecoded::NothingAsked => (FAILED, true),
                };
                Err(DecodeFailure { reason, attempted, lack: Some(DecodeLack::Failed) })
            }
        }
    }
}

type DecodeResult = Result<(RenditionIdentity, DecodedFacts), DecodeFailure>;

/// Why a piece was not decoded.
#[derive(Debug, Clone, Copy)]
struct DecodeFailure {
    reason: &'static str,
    /// Whether another attempt would fail in the same way, so that it waits for the next turn.
    attempted: bool,
    /// What kept the piece from being decoded; `None` if it has nothing that can be decoded.
    lack: Option<DecodeLack>,
}

impl OutputFacts {
    /// Adds the results of decoding to the renditions. A reason why nothing was decoded is kept for the checks.
    fn take_decoded(&mut self, results: [Option<DecodeResult>; 2]) {
        if results.iter().all(Option::is_none) {
            self.signal.missing = NO_SEGMENT;
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
                Err(failure) => {
                    self.signal.attempted |= failure.attempted;
                    self.signal.missing = failure.reason;
                    self.signal.lack = self.signal.lack.or(failure.lack);
                }
            }
        }
    }
}

/// Hidden subcommand by which the exporter confines itself and becomes ffmpeg.
pub const LAUNCHER: &str = "confined-ffmpeg";

async fn find(settings: Option<&SignalSettings>) -> Option<Decoder> {
    let settings = settings?;
    let launcher = settings.launcher.clone().unwrap_or_else(|| Launcher::this_program(LAUNCHER));
    match Decoder::find(settings.ffmpeg.as_deref(), launcher).await {
        Ok(decoder) => {
            let (path, version) = (decoder.path().display(), decoder.version());
            tracing::info!(%path, version, "ffmpeg decodes picture and sound");
            for lack in decoder.lacks() {
                tracing::warn!(lack, "ffmpeg is confined less than it could be");
            }
            Some(decoder)
        }
        Err(error) => {
            tracing::warn!(%error, "picture and sound are not decoded");
            None
        }
    }
}

/// Time after the first probe of an output at which its first turn comes: always the same for one output, and spread evenly over
/// all of them.
fn first_turn(key: &OutputKey, interval: Seconds) -> Seconds {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    #[allow(clippy::cast_precision_loss)]
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
