//! Looks for ffmpeg when the first template needs it, and again when there was none.

use super::{LAUNCHER, SignalSettings};
use crate::facts::Undecoded;
use packager_signal::{Decoder, Launcher, NoDecoder};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// Time after which ffmpeg is looked for again.
const AGAIN: Duration = Duration::from_secs(60);
/// Time after the beginning of a search for which probes wait for its result. Later ones go on without a decoder: a machine on which
/// ffmpeg takes a minute to start has no time to lose.
const WAITED_FOR: Duration = Duration::from_secs(5);

/// The ffmpeg that all probes share, as it was found last.
#[derive(Debug)]
pub(super) struct DecoderLookup {
    /// `None`: nothing is decoded.
    settings: Option<SignalSettings>,
    found: Arc<RwLock<Option<Found>>>,
    /// Held by the search that is under way.
    looking: Arc<Mutex<()>>,
    /// When the newest search began; `None` before the first.
    began: RwLock<Option<Instant>>,
}

#[derive(Debug, Clone)]
enum Found {
    Decoder(Arc<Decoder>),
    Nothing { why: Undecoded, again_at: Instant },
}

impl DecoderLookup {
    pub(super) fn new(settings: Option<SignalSettings>) -> Self {
        Self { settings, found: Arc::default(), looking: Arc::default(), began: RwLock::default() }
    }

    /// Whether the first turn of an output comes at once.
    pub(super) fn is_at_once(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.at_once)
    }

    /// Returns the decoder.
    ///
    /// # Errors
    /// Returns the reason why there is none: decoding is off, ffmpeg wasn't looked for yet, or it wasn't found or
    /// doesn't run.
    pub(super) fn decoder(&self) -> Result<Arc<Decoder>, Undecoded> {
        match (&self.settings, self.found()) {
            (Some(_), Some(Found::Decoder(decoder))) => Ok(decoder),
            (Some(_), Some(Found::Nothing { why, .. })) => Err(why),
            (Some(_), None) => Err(Undecoded::Waiting),
            (None, _) => Err(Undecoded::Off),
        }
    }

    /// Whether there is a decoder; `None` before ffmpeg was looked for.
    pub(super) fn is_usable(&self) -> Option<bool> {
        self.found().map(|found| matches!(found, Found::Decoder(_)))
    }

    /// Looks for ffmpeg, unless it was found or looked for in the last minute, and waits for the result until `deadline`, but not long. The
    /// search goes on without the probe that began it. Its result is logged when it differs from the one before.
    pub(super) async fn prepare(&self, deadline: Instant) {
        let Some(settings) = &self.settings else { return };
        if !self.is_due() {
            return;
        }
        if let Ok(one) = Arc::clone(&self.looking).try_lock_owned()
            && self.is_due()
        {
            *self.began.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            let (settings, found) = (settings.clone(), Arc::clone(&self.found));
            tokio::spawn(async move {
                let before = found.read().unwrap_or_else(PoisonError::into_inner).clone();
                let result = find(&settings, before).await;
                *found.write().unwrap_or_else(PoisonError::into_inner) = Some(result);
                drop(one);
            });
        }
        let began = *self.began.read().unwrap_or_else(PoisonError::into_inner);
        let until = began.map_or(deadline, |began| deadline.min(began + WAITED_FOR));
        let _ = timeout_at(until, self.looking.lock()).await;
    }

    fn is_due(&self) -> bool {
        match self.found() {
            None => true,
            Some(Found::Decoder(_)) => false,
            Some(Found::Nothing { again_at, .. }) => again_at <= Instant::now(),
        }
    }

    fn found(&self) -> Option<Found> {
        self.found.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn find(settings: &SignalSettings, before: Option<Found>) -> Found {
    let launcher = settings.launcher.clone().unwrap_or_else(|| Launcher::this_program(LAUNCHER));
    match Decoder::find(settings.ffmpeg.as_deref(), launcher).await {
        Ok(decoder) => {
            let (path, version) = (decoder.path().display(), decoder.version());
            tracing::info!(%path, version, "ffmpeg decodes picture and sound");
            for lack in decoder.lacks() {
                tracing::warn!(lack, "ffmpeg is confined less than it could be");
            }
            Found::Decoder(Arc::new(decoder))
        }
        Err(error) => {
            let why = match error {
                NoDecoder::NotInstalled => Undecoded::NotInstalled,
                NoDecoder::NoFile(_) | NoDecoder::DoesNotStart { .. } => Undecoded::Unusable,
            };
            if !matches!(before, Some(Found::Nothing { why: known, .. }) if known == why) {
                tracing::warn!(%error, "picture and sound are not decoded; ffmpeg is looked for again every minute");
            }
            Found::Nothing { why, again_at: Instant::now() + AGAIN }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(ffmpeg: &std::path::Path) -> DecoderLookup {
        DecoderLookup::new(Some(SignalSettings { ffmpeg: Some(ffmpeg.to_owned()), ..SignalSettings::default() }))
    }

    async fn prepare(lookup: &DecoderLookup) {
        lookup.prepare(Instant::now() + Duration::from_secs(20)).await;
    }

    #[tokio::test]
    async fn a_missing_ffmpeg_is_looked_for_again_after_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ffmpeg");
        let lookup = lookup(&file);
        assert_eq!((lookup.is_usable(), lookup.decoder().err()), (None, Some(Undecoded::Waiting)));
        prepare(&lookup).await;
        assert_eq!((lookup.is_usable(), lookup.decoder().err()), (Some(false), Some(Undecoded::Unusable)));
        let looked = |lookup: &DecoderLookup| match lookup.found() {
            Some(Found::Nothing { again_at, .. }) => again_at,
            other => panic!("{other:?}"),
        };
        let first = looked(&lookup);
        assert!(first > Instant::now());
        prepare(&lookup).await;
        assert_eq!(looked(&lookup), first);
        *lookup.found.write().unwrap() = Some(Found::Nothing { why: Undecoded::Unusable, again_at: Instant::now() });
        prepare(&lookup).await;
        assert!(looked(&lookup) > first, "the minute is over");
    }

    #[tokio::test]
    async fn without_settings_nothing_is_decoded() {
        let lookup = DecoderLookup::new(None);
        prepare(&lookup).await;
        assert_eq!((lookup.is_usable(), lookup.decoder().err()), (None, Some(Undecoded::Off)));
    }
}
