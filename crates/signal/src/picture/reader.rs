//! Measures pictures one after the other as they come from ffmpeg, and joins the measures with their times.

use std::io::Read;
use std::time::Duration;

use super::complexity::Complexities;
use super::flat::{self, Flat};
use super::freeze::Freeze;
use super::signature::Signature;
use super::small::Small;
use super::timing::Times;
use super::{Complexity, Pictures, Thumbnail, blocks, thumbnail, y4m};
use crate::cpu::ThreadTime;
use crate::input::{DecodeOutputs, PictureChoice};
use crate::messages::{Messages, PictureInfo};

/// How often the costly measures are taken, in pictures a second.
const SAMPLES_A_SECOND: f64 = 5.0;

/// Reads the output of ffmpeg for pictures.
pub(crate) struct Reader {
    pub(crate) wanted: DecodeOutputs,
    /// The largest number of pictures.
    pub(crate) most: u32,
    /// The largest number of pixels of a picture.
    pub(crate) most_pixels: u32,
}

/// What the pictures show, without their times.
#[derive(Debug, Default)]
pub(crate) struct PictureMeasurements {
    size: (usize, usize),
    rate: Option<f64>,
    marks: Vec<Mark>,
    visible_blocks: Vec<f32>,
    complexity: Option<Complexity>,
    signatures: Option<(Signature, Signature)>,
    thumbnail: Option<Thumbnail>,
    cpu: Duration,
    cut: bool,
}

/// What one picture shows.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Pictures with the same number are the same picture.
    run: u32,
    flat: Option<Flat>,
}

/// Pictures with their times and with what the process said about itself.
pub(crate) struct DecodedPictures {
    pub(crate) pictures: Pictures,
    pub(crate) thumbnail: Option<Thumbnail>,
    pub(crate) cpu: Duration,
    pub(crate) text: String,
    pub(crate) cut: bool,
}

impl Reader {
    /// Reads and measures the pictures until the output ends, or until `most` pictures were read.
    pub(crate) fn read(self, output: impl Read) -> PictureMeasurements {
        let time = ThreadTime::now();
        let mut seen = PictureMeasurements::default();
        if let Some(mut pictures) = y4m::Pictures::open(output, self.most_pixels) {
            self.measure(&mut pictures, &mut seen);
        }
        seen.cpu = time.elapsed();
        seen
    }

    fn measure(&self, pictures: &mut y4m::Pictures<impl Read>, seen: &mut PictureMeasurements) {
        let header = pictures.header();
        seen.size = (header.width, header.height);
        seen.rate = header.rate;
        let every = self.sample_interval(header.rate);
        let (mut small, mut previous) = (Small::default(), Small::default());
        let mut freeze = Freeze::default();
        let mut complexity = Complexities::default();
        let mut first = None;
        let mut run = 0;
        while pictures.advance() {
            let index = seen.marks.len();
            if index >= usize::try_from(self.most).unwrap_or(usize::MAX) {
                seen.cut = true;
                break;
            }
            let picture = pictures.planes();
            small.fill(&picture);
            run += u32::from(!freeze.repeats(&small, &previous));
            seen.marks.push(Mark { run, flat: flat::judge(&picture, &small) });
            if index > 0 {
                complexity.add_temporal(&previous, &small);
            }
            if index.is_multiple_of(every) {
                complexity.add_spatial(&small);
                seen.visible_blocks.push(blocks::visible_fraction(picture.luma, header.width));
            }
            first.get_or_insert_with(|| Signature::of(&small.luma, small.width));
            std::mem::swap(&mut small, &mut previous);
        }
        seen.signatures = first.map(|first| (first, Signature::of(&previous.luma, previous.width)));
        seen.complexity = Some(complexity.finish());
        if self.wanted.thumbnail && !seen.is_empty() {
            seen.thumbnail = thumbnail::make(&pictures.planes());
        }
    }

    /// Of how many pictures one has the costly measures taken.
    fn sample_interval(&self, rate: Option<f64>) -> usize {
        if self.wanted.pictures == PictureChoice::KeyFrames {
            return 1;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 25")]
        let every = (rate.unwrap_or(25.0) / SAMPLES_A_SECOND).round() as usize;
        every.max(1)
    }
}

impl PictureMeasurements {
    /// Whether there is no picture.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    fn belongs_to_freeze(&self, index: usize) -> Option<u32> {
        let run = |index: usize| self.marks.get(index).map(|mark| mark.run);
        let own = run(index)?;
        let repeated = index.checked_sub(1).and_then(run) == Some(own) || run(index + 1) == Some(own);
        repeated.then_some(own)
    }

    fn is_flat(&self, index: usize, flat: Flat) -> Option<u32> {
        (self.marks.get(index)?.flat == Some(flat)).then_some(0)
    }
}

/// Joins the pictures' measures with what ffmpeg said about them. `None` if there is no picture.
pub(crate) fn combine(seen: PictureMeasurements, messages: Messages, wanted: DecodeOutputs) -> Option<DecodedPictures> {
    let key_frames_only = wanted.pictures == PictureChoice::KeyFrames;
    let times = Times::new(seen.marks.len(), &messages.pictures, seen.rate, key_frames_only);
    let (first, last) = seen.signatures.clone()?;
    let count = u32::try_from(seen.marks.len()).ok()?;
    let pictures = Pictures {
        count,
        width: u32::try_from(seen.size.0).ok()?,
        height: u32::try_from(seen.size.1).ok()?,
        picture_duration: times.usual,
        duration: times.duration(),
        interlaced: messages.pictures.iter().any(|picture: &PictureInfo| picture.interlaced),
        key_frames_only,
        frozen: times.spans(|index| seen.belongs_to_freeze(index)),
        black: times.spans(|index| seen.is_flat(index, Flat::Black)),
        single_color: times.spans(|index| seen.is_flat(index, Flat::SingleColor)),
        first,
        last,
        visible_blocks: seen.visible_blocks,
        concealed: messages.concealed.map(|macroblocks| share(macroblocks, count, seen.size)),
        decode_errors: messages.errors,
        complexity: seen.complexity?,
    };
    Some(DecodedPictures {
        pictures,
        thumbnail: seen.thumbnail,
        cpu: seen.cpu + messages.cpu,
        cut: seen.cut || messages.too_many,
        text: messages.text,
    })
}

/// The share that macroblocks have of those of all pictures.
fn share(macroblocks: u64, pictures: u32, (width, height): (usize, usize)) -> f64 {
    let all = width.div_ceil(16) as f64 * height.div_ceil(16) as f64 * f64::from(pictures);
    (macroblocks as f64 / all.max(1.0)).min(1.0)
}
