//! Samples of one track that are read as the media data passes, in any pieces.

use super::track::SampleDefaults;
use mp4_atom::{Trun, TrunEntry, TrunSamples};
use std::collections::VecDeque;

/// Samples of one track that may be expected at a time: a minute and a half of AAC at 48 kHz. Further ones aren't read.
const MAX_EXPECTED: usize = 4096;

/// The samples of one track whose bytes are still to come, in their order.
#[derive(Debug, Default)]
pub(super) struct ExpectedSamples {
    samples: VecDeque<ExpectedSample>,
    /// Bytes that came of the first expected sample.
    collected: u64,
}

/// Bytes of the file that a sample takes, and the sample's duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExpectedSample {
    pub(super) from: u64,
    pub(super) size: u64,
    /// Sample flags (ISO/IEC 14496-12 8.8.3.1).
    pub(super) flags: u32,
    /// Duration in ticks; `None` if the fragment has none.
    pub(super) ticks: Option<u32>,
}

/// What the newest bytes of the resource hold of the first expected sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SamplePart<'a> {
    /// The next bytes of the sample.
    Bytes(&'a [u8]),
    /// The sample has arrived whole.
    End(ExpectedSample),
    /// Bytes of the sample are missing: it lies before the media data.
    Missing(ExpectedSample),
}

/// Returns the samples of a fragment's runs, up to one whose size isn't known. The first run's samples begin at offset `from` of the
/// resource.
pub(super) fn samples_of(from: u64, runs: &[Trun], defaults: SampleDefaults) -> impl Iterator<Item = ExpectedSample> {
    let first = runs.first().and_then(|run| run.data_offset).unwrap_or(0);
    let mut at = from;
    let entries = runs.iter().flat_map(move |run| {
        let start = run.data_offset.map(|own| i64::from(own) - i64::from(first));
        let start = start.map(|offset| from.saturating_add_signed(offset));
        entries(run).enumerate().map(move |(n, entry)| (start.filter(|_| n == 0), entry))
    });
    entries.map_while(move |(start, entry)| {
        let size = u64::from(entry.size.or(defaults.size)?);
        let (ticks, flags) = (entry.duration.or(defaults.duration), entry.flags.unwrap_or(defaults.flags));
        let sample = ExpectedSample { from: start.unwrap_or(at), size, flags, ticks };
        at = sample.from.saturating_add(size);
        Some(sample)
    })
}

/// The samples of a run, as far as they may be expected.
fn entries(run: &Trun) -> impl Iterator<Item = TrunEntry> {
    let (explicit, alike, first_flags) = match &run.samples {
        TrunSamples::Explicit(entries) => (&entries[..], 0, None),
        TrunSamples::Inherited { count, first_flags } => (&[][..], *count as usize, *first_flags),
    };
    let explicit = explicit.iter().take(MAX_EXPECTED).cloned();
    let alike = (0..alike.min(MAX_EXPECTED))
        .map(move |n| TrunEntry { flags: first_flags.filter(|_| n == 0), ..TrunEntry::default() });
    explicit.chain(alike)
}

impl ExpectedSamples {
    /// Expects samples behind those that are expected already, up to the bound.
    pub(super) fn expect(&mut self, samples: impl Iterator<Item = ExpectedSample>) {
        let room = MAX_EXPECTED.saturating_sub(self.samples.len());
        self.samples.extend(samples.take(room));
    }

    /// Expects nothing any more.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.collected = 0;
    }

    /// Passes on the media data that begins at offset `at`: `take` gets the parts of the expected samples in it.
    pub(super) fn pass_media(&mut self, at: u64, bytes: &[u8], mut take: impl FnMut(SamplePart<'_>)) {
        let end = at.saturating_add(bytes.len() as u64);
        while let Some(&sample) = self.samples.front() {
            let next = sample.from.saturating_add(self.collected);
            if end <= next && sample.size > 0 {
                return;
            }
            if next < at {
                self.advance();
                take(SamplePart::Missing(sample));
                continue;
            }
            let (Ok(skip), Ok(room)) = (usize::try_from(next - at), usize::try_from(sample.size - self.collected))
            else {
                return;
            };
            let available = bytes.get(skip..).unwrap_or_default();
            let part = available.get(..room).unwrap_or(available);
            take(SamplePart::Bytes(part));
            self.collected += part.len() as u64;
            if self.collected < sample.size {
                return;
            }
            self.advance();
            take(SamplePart::End(sample));
        }
    }

    fn advance(&mut self) {
        self.samples.pop_front();
        self.collected = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes a resource on in pieces of `size` bytes, and returns the samples that came whole (`true`) or not.
    fn taken(mut samples: ExpectedSamples, resource: &[u8], size: usize) -> Vec<(Vec<u8>, bool)> {
        let (mut all, mut current) = (Vec::new(), Vec::new());
        for (n, piece) in resource.chunks(size).enumerate() {
            samples.pass_media((n * size) as u64, piece, |part| match part {
                SamplePart::Bytes(bytes) => current.extend_from_slice(bytes),
                SamplePart::End(_) => all.push((std::mem::take(&mut current), true)),
                SamplePart::Missing(_) => all.push((std::mem::take(&mut current), false)),
            });
        }
        all
    }

    fn expecting(samples: &[(u64, u64)]) -> ExpectedSamples {
        let mut expected = ExpectedSamples::default();
        expected.expect(samples.iter().map(|(from, size)| ExpectedSample {
            from: *from,
            size: *size,
            flags: 0,
            ticks: None,
        }));
        expected
    }

    #[test]
    fn samples_are_whole_however_the_bytes_are_cut() {
        let resource: Vec<u8> = (0..200u8).collect();
        for size in [1, 7, 64, 200] {
            let samples = expecting(&[(20, 5), (25, 0), (30, 100), (195, 5), (u64::MAX, 7)]);
            let whole = |from: usize, to: usize| (resource[from..to].to_vec(), true);
            let expected = [whole(20, 25), whole(25, 25), whole(30, 130), whole(195, 200)];
            assert_eq!(taken(samples, &resource, size), expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_sample_before_the_media_or_behind_a_gap_is_missing() {
        let mut samples = expecting(&[(3, 2), (10, 5), (20, 1)]);
        let mut parts = Vec::new();
        samples.pass_media(5, &[1; 7], |part| parts.push(format!("{part:?}")));
        samples.pass_media(13, &[2; 9], |part| parts.push(format!("{part:?}")));
        let kinds: Vec<_> = parts.iter().map(|part| part.split('(').next().unwrap()).collect();
        assert_eq!(kinds, ["Missing", "Bytes", "Missing", "Bytes", "End"], "{parts:?}");
    }

    #[test]
    fn a_bounded_number_of_samples_is_expected() {
        let mut samples = ExpectedSamples::default();
        samples.expect(std::iter::repeat(ExpectedSample { from: 0, size: 1, flags: 0, ticks: None }));
        assert_eq!(samples.samples.len(), MAX_EXPECTED);
    }
}
