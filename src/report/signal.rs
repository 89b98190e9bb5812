//! What the report says about a rendition's picture and sound.

use super::derive::finite;
use crate::facts::{OutputFacts, SegmentFacts, quiet};
use crate::history::{FaultSpans, SignalHistory};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

measured! {
    /// Picture and sound of a rendition, up to the end of the newest decoded media. Digital silence is also read from the newest
    /// inspected segment, without decoding.
    SignalView {
        signal_seconds_inspected: f64,
        signal_freeze_seconds: f64,
        signal_black_seconds: f64,
        signal_single_color_seconds: f64,
        signal_silence_seconds: f64,
        signal_channel_silence_seconds: f64,
        signal_loudness_lufs: f64,
        signal_loudness_short_term_lufs: f64,
        signal_true_peak_dbtp: f64,
        signal_clipped_ratio: f64,
        signal_macroblocking_ratio: f64,
        signal_spatial_information: f64,
        signal_temporal_information: f64,
        signal_thumbnail_age_seconds: f64,
    }
}

/// Number of samples, and their duration together, from which the loudness of a programme is reported.
const LOUDNESS_SAMPLES: (usize, Seconds) = (20, Seconds(180.0));

impl SignalView {
    /// The values of a rendition. `segments` are its inspected segments, oldest first; `decoded` is the state of its decoded media,
    /// `None` if nothing was decoded, or too long ago.
    pub fn new(segments: &[Arc<SegmentFacts>], decoded: Option<&SignalHistory>, now: Timestamp) -> Self {
        let segments: Vec<&SegmentFacts> = segments.iter().map(AsRef::as_ref).collect();
        let coded_silence = quiet::silence(&segments).iter().map(|track| track.now().0).reduce(f64::max);
        let Some(decoded) = decoded else { return Self { signal_silence_seconds: coded_silence, ..Self::default() } };
        let picture = decoded.picture();
        let lasting = |spans: &FaultSpans| spans.is_judged().then(|| spans.now().0);
        let sounds = || decoded.sounds().iter();
        let silence = sounds().filter_map(|sound| lasting(&sound.silent)).chain(coded_silence).reduce(f64::max);
        let front = sounds().filter(|sound| sound.channels.len() > 1).flat_map(|sound| &sound.channels);
        let front = front.filter(|channel| channel.position.is_main());
        let (samples, heard) = LOUDNESS_SAMPLES;
        let age = |made_at| Seconds::between(made_at, now).0.max(0.0);
        Self {
            signal_seconds_inspected: finite(decoded.seconds_decoded(now)),
            signal_freeze_seconds: picture.and_then(|p| lasting(&p.frozen)),
            signal_black_seconds: picture.and_then(|p| lasting(&p.black)),
            signal_single_color_seconds: picture.and_then(|p| lasting(&p.single_color)),
            signal_silence_seconds: silence,
            signal_channel_silence_seconds: front.filter_map(|channel| lasting(&channel.dead)).reduce(f64::max),
            signal_loudness_lufs: sounds().next().and_then(|s| s.loudness.integrated(now, samples, heard)),
            signal_loudness_short_term_lufs: sounds().next().and_then(|s| s.short_term_max),
            signal_true_peak_dbtp: sounds().filter_map(|s| s.true_peak).reduce(f64::max),
            signal_clipped_ratio: sounds().filter_map(|s| s.clipped).reduce(f64::max),
            signal_macroblocking_ratio: picture.and_then(|p| p.macroblocking),
            signal_spatial_information: picture.and_then(|p| p.spatial),
            signal_temporal_information: picture.and_then(|p| p.temporal),
            signal_thumbnail_age_seconds: decoded.thumbnail.as_ref().map(|thumbnail| age(thumbnail.made_at)),
        }
    }
}

/// Returns the state of a rendition's decoded media. `None` if nothing was decoded yet, or if the last decode is older
/// than the template's results of decoding are valid.
pub(super) fn valid<'a>(output: &OutputFacts, signal: &'a SignalHistory, now: Timestamp) -> Option<&'a SignalHistory> {
    let age = Seconds::between(signal.decoded_at()?, now);
    (age <= output.signal.valid_for).then_some(signal)
}
