//! Samples of AAC tracks, which are read for digital silence as the media data passes.

use super::track::SampleDefaults;
use crate::codec::aac_silence::SilenceMeter;
use crate::container::MAX_TRACKS;
use crate::quiet::QuietSpans;
use crate::units::Seconds;
use mp4_atom::{Trun, TrunEntry, TrunSamples};
use std::collections::VecDeque;
use std::num::NonZeroU32;

/// Samples of one track that may be expected at a time: a minute and a half of AAC at 48 kHz. Further ones aren't read.
const MAX_EXPECTED: usize = 4096;

/// Reads the samples of all AAC tracks of a segment.
#[derive(Debug, Default)]
pub(super) struct AudioSamples(Vec<AudioTrack>);

#[derive(Debug)]
struct AudioTrack {
    id: u32,
    meter: SilenceMeter,
    expected: VecDeque<ExpectedSample>,
    /// Bytes that came of the first expected sample.
    collected: u64,
}

#[derive(Debug, Clone, Copy)]
struct ExpectedSample {
    from: u64,
    size: u64,
    duration: Seconds,
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
        let Some(first) = runs.first().and_then(|run| run.data_offset) else { return };
        let Some(track) = self.track(id) else { return };
        let mut at = from;
        for run in runs {
            if let Some(offset) = run.data_offset {
                at = from.saturating_add_signed(i64::from(offset) - i64::from(first));
            }
            for entry in entries(run) {
                let (Some(size), Some(ticks)) = (entry.size.or(defaults.size), entry.duration.or(defaults.duration))
                else {
                    return;
                };
                let duration = Seconds(f64::from(ticks) / f64::from(timescale.get()));
                track.expect(ExpectedSample { from: at, size: size.into(), duration });
                at = at.saturating_add(size.into());
            }
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

    fn track(&mut self, id: u32) -> Option<&mut AudioTrack> {
        if let Some(known) = self.0.iter().position(|track| track.id == id) {
            return self.0.get_mut(known);
        }
        if self.0.len() >= MAX_TRACKS {
            return None;
        }
        let track = AudioTrack { id, meter: SilenceMeter::default(), expected: VecDeque::new(), collected: 0 };
        self.0.push(track);
        self.0.last_mut()
    }
}

/// The samples of a run, as far as they may be expected.
fn entries(run: &Trun) -> impl Iterator<Item = TrunEntry> {
    let (explicit, alike) = match &run.samples {
        TrunSamples::Explicit(entries) => (&entries[..], 0),
        TrunSamples::Inherited { count, .. } => (&[][..], *count as usize),
    };
    let explicit = explicit.iter().take(MAX_EXPECTED).cloned();
    explicit.chain(std::iter::repeat_n(TrunEntry::default(), alike.min(MAX_EXPECTED)))
}

impl AudioTrack {
    fn expect(&mut self, sample: ExpectedSample) {
        if self.expected.len() < MAX_EXPECTED {
            self.expected.push_back(sample);
        }
    }

    fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len() as u64);
        while let Some(&sample) = self.expected.front() {
            let next = sample.from.saturating_add(self.collected);
            if end <= next && sample.size > 0 {
                return;
            }
            if next < at {
                // Bytes of the sample are missing: it lies before the media data.
                self.finish_sample(|meter| meter.skip_frame(sample.duration));
                continue;
            }
            let (Ok(skip), Ok(room)) = (usize::try_from(next - at), usize::try_from(sample.size - self.collected))
            else {
                return;
            };
            let available = bytes.get(skip..).unwrap_or_default();
            let part = available.get(..room).unwrap_or(available);
            self.meter.append(part);
            self.collected += part.len() as u64;
            if self.collected < sample.size {
                return;
            }
            self.finish_sample(|meter| meter.end_frame(sample.duration, 0));
        }
    }

    fn finish_sample(&mut self, end: impl FnOnce(&mut SilenceMeter)) {
        end(&mut self.meter);
        self.expected.pop_front();
        self.collected = 0;
    }
}
