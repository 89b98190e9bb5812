//! Samples of AAC tracks, which are read for digital silence as the media data passes.

use super::expected_samples::{ExpectedSamples, SamplePart, samples_of};
use super::track::SampleDefaults;
use crate::codec::aac_silence::SilenceMeter;
use crate::container::MAX_TRACKS;
use crate::quiet::QuietSpans;
use crate::units::Seconds;
use mp4_atom::Trun;
use std::num::NonZeroU32;

/// Reads the samples of all AAC tracks of a segment.
#[derive(Debug, Default)]
pub(super) struct AudioSamples(Vec<AudioTrack>);

#[derive(Debug)]
struct AudioTrack {
    id: u32,
    timescale: NonZeroU32,
    meter: SilenceMeter,
    expected: ExpectedSamples,
}

impl AudioSamples {
    /// Expects the samples of a fragment's runs, for a track with so many ticks per second. The first run's samples begin at
    /// offset `from` of the resource.
    pub(super) fn expect(
        &mut self,
        id: u32,
        timescale: NonZeroU32,
        from: u64,
        runs: &[Trun],
        defaults: SampleDefaults,
    ) {
        if let Some(track) = self.track(id, timescale) {
            track.expected.expect(samples_of(from, runs, defaults).take_while(|sample| sample.ticks.is_some()));
        }
    }

    /// Passes on the media data that begins at offset `at`.
    pub(super) fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        self.0.iter_mut().for_each(|track| track.pass_media(at, bytes));
    }

    /// Returns the spans of silence of a track; `None` when none of its samples could be read.
    #[must_use]
    pub(super) fn silence(&self, id: u32) -> Option<QuietSpans> {
        self.0.iter().find(|track| track.id == id)?.meter.finish()
    }

    fn track(&mut self, id: u32, timescale: NonZeroU32) -> Option<&mut AudioTrack> {
        if let Some(known) = self.0.iter().position(|track| track.id == id) {
            return self.0.get_mut(known);
        }
        if self.0.len() >= MAX_TRACKS {
            return None;
        }
        let (meter, expected) = (SilenceMeter::default(), ExpectedSamples::default());
        self.0.push(AudioTrack { id, timescale, meter, expected });
        self.0.last_mut()
    }
}

impl AudioTrack {
    fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        let Self { timescale, meter, expected, .. } = self;
        let duration = |ticks: Option<u32>| Seconds(f64::from(ticks.unwrap_or(0)) / f64::from(timescale.get()));
        expected.pass_media(at, bytes, |part| match part {
            SamplePart::Bytes(bytes) => meter.append(bytes),
            SamplePart::End(sample) => meter.end_frame(duration(sample.ticks), 0),
            SamplePart::Missing(sample) => meter.skip_frame(duration(sample.ticks)),
        });
    }
}
