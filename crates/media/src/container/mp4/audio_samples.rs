//! Samples of AAC tracks, which are read for digital silence, and for headers that don't belong there, as the media data passes.

use super::expected_samples::{ExpectedSample, ExpectedSamples, SamplePart, samples_of};
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
    header: AdtsHeader,
    /// Byte offset of the first sample of the current fragment that has an ADTS header.
    with_header: Option<u64>,
}

/// The bytes of an ADTS header up to its frame length (ISO/IEC 14496-3 1.A.3.2), as far as they came of the current sample.
#[derive(Debug, Default)]
struct AdtsHeader {
    bytes: [u8; 6],
    length: usize,
}

impl AdtsHeader {
    fn append(&mut self, bytes: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *slot = *byte;
            self.length += 1;
        }
    }

    /// Ends a sample of `size` bytes, and returns whether it is an ADTS frame of this size. A raw_data_block can't be one: it would begin
    /// with the end of the block.
    fn end_sample(&mut self, size: u64) -> bool {
        let Self { bytes: [sync, flags, _, a, b, c], length } = std::mem::take(self);
        let frame = u64::from(a & 3) << 11 | u64::from(b) << 3 | u64::from(c) >> 5;
        length == 6 && sync == 0xff && flags & 0xf6 == 0xf0 && frame == size
    }
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

    /// Ends a fragment, and returns byte offset and a sentence for the first sample of each track that has an ADTS header.
    pub(super) fn end_fragment(&mut self) -> Vec<(u64, String)> {
        let found = self.0.iter_mut().filter_map(|track| Some((track.id, track.with_header.take()?)));
        let message = |(id, at)| {
            let text = format!(
                "the sample of track {id} at byte {at} begins with an ADTS header, which belongs in transport streams only: browsers play \
                 no sound, or noise"
            );
            (at, text)
        };
        found.map(message).collect()
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
        self.0.push(AudioTrack { id, timescale, meter, expected, header: AdtsHeader::default(), with_header: None });
        self.0.last_mut()
    }
}

impl AudioTrack {
    fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        let Self { timescale, meter, expected, header, with_header, .. } = self;
        let duration = |ticks: Option<u32>| Seconds(f64::from(ticks.unwrap_or(0)) / f64::from(timescale.get()));
        expected.pass_media(at, bytes, |part| match part {
            SamplePart::Bytes(bytes) => {
                header.append(bytes);
                meter.append(bytes);
            }
            SamplePart::End(ExpectedSample { from, size, ticks, .. }) => {
                meter.end_frame(duration(ticks), 0);
                if header.end_sample(size) {
                    with_header.get_or_insert(from);
                }
            }
            SamplePart::Missing(sample) => {
                meter.skip_frame(duration(sample.ticks));
                *header = AdtsHeader::default();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adts_frame_has_the_size_of_its_sample() {
        let is_frame = |sample: &[u8], size: u64| {
            let mut header = AdtsHeader::default();
            sample.chunks(2).for_each(|piece| header.append(piece));
            header.end_sample(size)
        };
        // A frame of 20 bytes without and with CRC, and as MPEG-2.
        for flags in [0xf1, 0xf0, 0xf9] {
            let frame = [0xff, flags, 0x4c, 0x80, 0x02, 0x9f, 0xfc, 1];
            assert_eq!([20, 21, 0].map(|size| is_frame(&frame, size)), [true, false, false], "{flags:x}");
        }
        assert!(!is_frame(&[0xff, 0xf1, 0x4c, 0x80, 0x02], 20), "cut");
        assert!(!is_frame(&[0xff, 0xfb, 0x4c, 0x80, 0x02, 0x9f], 20), "MPEG audio");
        assert!(!is_frame(&[0x21, 0xf1, 0x4c, 0x80, 0x02, 0x9f], 20));
    }
}
