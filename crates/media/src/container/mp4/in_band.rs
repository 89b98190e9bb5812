//! Headers inside the samples: parameter sets of `avc3` and `hev1` (ISO/IEC 14496-15), AV1's sequence header, and messages on
//! the picture's light. They stand at the beginning of a random access point, so the first sample of each fragment is
//! looked into.

use crate::codec::nal::{self, Unit};
use crate::codec::parameters::{Headers, Parameters};
use crate::codec::picture::Syntax;
use crate::codec::{av1, sets::Sets};
use crate::container::InitTrack;

/// Bytes of a sample that are looked at.
const HEAD: u64 = 2048;
/// Samples awaited at a time: the fragment's tracks.
const WANTED_MAX: usize = 8;

/// The beginnings of samples that are still to come.
#[derive(Debug, Default)]
pub struct Heads(Vec<Head>);

#[derive(Debug)]
struct Head {
    track: u32,
    from: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Heads {
    /// `from`: where the sample begins in the resource.
    pub fn want(&mut self, track: u32, from: u64, size: u32) {
        let end = from.saturating_add(u64::from(size).min(HEAD));
        if self.0.len() < WANTED_MAX {
            self.0.push(Head { track, from, end, bytes: Vec::new() });
        }
    }

    /// Bytes that stand at `at`.
    pub fn pass(&mut self, at: u64, bytes: &[u8]) {
        for head in &mut self.0 {
            let next = head.from + head.bytes.len() as u64;
            let (Ok(skip), Ok(room)) = (usize::try_from(next.saturating_sub(at)), usize::try_from(head.end - next))
            else {
                continue;
            };
            if next >= at && room > 0 {
                let bytes = bytes.get(skip..).unwrap_or_default();
                head.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
        }
    }

    /// Those that came, by their tracks.
    pub fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.0.drain(..).map(|head| (head.track, head.bytes)).collect()
    }
}

/// What the samples of one track say.
#[derive(Debug, Default)]
pub enum InBand {
    /// NAL units with lengths of so many bytes.
    Units(Box<Sets>, Syntax, usize),
    Av1(Box<Headers>),
    /// Other codecs, and samples that are protected.
    #[default]
    Closed,
}

impl InBand {
    #[must_use]
    pub fn of(init: &InitTrack) -> Self {
        match (init.codec.as_str(), init.nal_length) {
            _ if init.encrypted() => Self::Closed,
            ("h264", Some(length)) => Self::Units(Box::new(Sets::new(Syntax::H264)), Syntax::H264, length),
            ("hevc", Some(length)) => Self::Units(Box::new(Sets::new(Syntax::Hevc)), Syntax::Hevc, length),
            ("av1", _) => Self::Av1(Box::default()),
            _ => Self::Closed,
        }
    }

    #[must_use]
    pub fn open(&self) -> bool {
        !matches!(self, Self::Closed)
    }

    /// The beginning of a sample.
    pub fn sample(&mut self, head: &[u8]) {
        match self {
            Self::Units(sets, syntax, length) => units(sets, *syntax, *length, head),
            Self::Av1(headers) => {
                let read = av1::parameters(head);
                match &headers.first {
                    None => headers.first = read,
                    Some(first) if headers.changed.is_none() => headers.changed = read.filter(|new| new != first),
                    Some(_) => {}
                }
            }
            Self::Closed => {}
        }
    }

    /// `entry`: what the sample entry says. Its boxes go before the bitstream (ISO/IEC 14496-12 12.1.5).
    #[must_use]
    pub fn finish(self, entry: Option<Parameters>) -> Headers {
        let mut headers = match self {
            Self::Units(sets, ..) => sets.finish(entry.clone()),
            Self::Av1(headers) => *headers,
            Self::Closed => Headers::default(),
        };
        headers.first = match (headers.first, entry) {
            (Some(read), Some(entry)) => Some(merged(read, entry)),
            (read, entry) => read.or(entry),
        };
        headers
    }
}

fn units(sets: &mut Sets, syntax: Syntax, length: usize, head: &[u8]) {
    let mut rest = head;
    while let Some((size, after)) = rest.split_at_checked(length) {
        let size = size.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        // A unit that is cut off by the bound is the last.
        let (unit, next) = after.split_at_checked(size).unwrap_or((after, &[]));
        sets.open();
        sets.take(unit);
        if let Some(Unit::Slice(_)) = nal::classify(syntax, unit.get(..nal::HEAD).unwrap_or(unit)) {
            sets.picture();
            break;
        }
        rest = next;
    }
    sets.close();
}

fn merged(mut read: Parameters, entry: Parameters) -> Parameters {
    if let (Some(picture), Some(said)) = (&mut read.picture, entry.picture) {
        picture.resolution = picture.resolution.or(said.resolution);
        picture.colour = said.colour.or(picture.colour);
        picture.preferred_transfer = said.preferred_transfer.or(picture.preferred_transfer);
        picture.mastering = said.mastering.or(picture.mastering);
        picture.content_light = said.content_light.or(picture.content_light);
        picture.dolby_vision = said.dolby_vision;
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_beginning_of_a_sample_is_kept_however_it_is_cut() {
        let resource: Vec<u8> = (0..200u8).collect();
        for size in [1, 7, 64, 200] {
            let mut heads = Heads::default();
            heads.want(1, 20, 5);
            heads.want(2, 190, 4000);
            heads.want(3, u64::MAX, 7);
            resource.chunks(size).enumerate().for_each(|(n, piece)| heads.pass((n * size) as u64, piece));
            let expected = [(1, resource[20..25].to_vec()), (2, resource[190..].to_vec()), (3, Vec::new())];
            assert_eq!(heads.take(), expected, "pieces of {size}");
        }
    }

    /// x264: 1920x1080, and 720x576.
    const SETS: [&[u8]; 2] = [
        &[
            0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00, 0x01,
            0xf4, 0x80, 0x00, 0x75, 0x30, 0x07, 0x8c, 0x19, 0x50,
        ],
        &[
            0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xb4, 0x24, 0xdf, 0xf8, 0x02, 0x00, 0x01, 0x68, 0x80, 0x00, 0x00,
            0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x0f, 0x8a, 0x14, 0xcb,
        ],
    ];

    fn sample(set: &[u8]) -> Vec<u8> {
        let slice = [0x65, 0x88, 0x84, 0];
        let unit = |unit: &[u8]| [&(unit.len() as u32).to_be_bytes(), unit].concat();
        [unit(&[9, 0xf0]), unit(set), unit(&slice)].concat()
    }

    fn size(parameters: Option<Parameters>) -> Option<(u32, u32)> {
        parameters?.picture?.resolution.map(|r| (r.width, r.height))
    }

    fn track(encrypted: bool) -> InBand {
        InBand::of(&InitTrack {
            id: 1,
            media: None,
            codec: "h264".to_owned(),
            entries: vec![encrypted.then(Arc::default)],
            default_entry: 1,
            timescale: None,
            presentation_shift: 0,
            default_duration: None,
            default_size: None,
            default_flags: 0,
            parameters: None,
            nal_length: Some(4),
        })
    }

    #[test]
    fn sets_in_the_samples_are_read_and_another_one_later_is_a_change() {
        let mut samples = track(false);
        samples.sample(&sample(SETS[0]));
        samples.sample(&sample(SETS[0]));
        samples.sample(&sample(SETS[1]));
        let headers = samples.finish(None);
        assert_eq!((size(headers.first), size(headers.changed)), (Some((1920, 1080)), Some((720, 576))));
        let whole = sample(SETS[0]);
        for cut in 0..whole.len() {
            let mut samples = track(false);
            samples.sample(&whole[..cut]);
            let _ = samples.finish(None);
        }
        assert!(!track(true).open(), "protected samples aren't looked into");
    }
}
