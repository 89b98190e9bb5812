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

/// The ffmpeg that all probes share, as it was found last.
#[derive(Debug)]
pub(super) struct DecoderLookup {
    /// `None`: nothing is decoded.
    settings: Option<SignalSettings>,
    found: RwLock<Option<Found>>,
    /// Held while one probe looks, so that the others wait for its result.
    looking: Mutex<()>,
}

#[derive(Debug, Clone)]
enum Found {
    Decoder(Arc<Decoder>),
    Nothing { why: Undecoded, again_at: Instant },
}

impl DecoderLookup {
    pub(super) fn new(settings: Option<SignalSettings>) -> Self {
        Self { settings, found: RwLock::default(), looking: Mutex::default() }
    }

    /// Whether the first turn of an output comes at once.
    pub(super) fn is_at_once(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.at_once)
    }

    /// The decoder, or why there is none.
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

    /// Looks for ffmpeg, unless it was found or looked for in the last minute. The result is logged when it differs from
    /// the one before. A machine without time before `deadline` finds it in a later probe.
    pub(super) async fn prepare(&self, deadline: Instant) {
        let Some(settings) = &self.settings else { return };
        if !self.is_due() {
            return;
        }
        let look = async {
            let _one = self.looking.lock().await;
            if self.is_due() {
                let found = find(settings, self.found()).await;
                *self.found.write().unwrap_or_else(PoisonError::into_inner) = Some(found);
            }
        };
        let _ = timeout_at(deadline, look).await;
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
