//! Whether a picture is the same as the one that began a freeze.

use super::small::Small;

/// The largest mean difference of equal pictures, in luma of 255: −40 dB of full scale. Encoders add noise to a picture that
/// is repeated: at −60 dB 4 of 10 encodes of a still picture were missed, at −35 dB moving pictures were called frozen.
const MEAN: f64 = 0.01 * 255.0;
/// The largest mean difference within one of 16 × 9 cells. It keeps small movement, such as a speaker's mouth before a still
/// background, from being called a freeze.
const CELL: f64 = 6.0;

/// The same two limits for consecutive pictures of a still picture that the encoder still refines: after the picture stops, a
/// low bit rate takes a second or more to draw it sharply.
const REFINED_MEAN: f64 = 0.5;
const REFINED_CELL: f64 = 2.0;

/// Compares each picture with the first one of the freeze that may be going on. A slow change, such as a fade or a pan, so
/// ends it: a comparison with the picture before would not. Once in a freeze the reference is replaced, if the picture hardly
/// differs from the one before: that is an encoder that refines its picture.
#[derive(Debug, Default)]
pub(super) struct Freeze {
    reference: Option<Small>,
    /// How many pictures have repeated the reference.
    repeated: u32,
    refined: bool,
}

/// How many repeated pictures make a freeze whose reference may be replaced.
const STILL: u32 = 3;

impl Freeze {
    /// Takes the next picture and the one before it, and says whether the picture goes on unchanged. If it doesn't, it
    /// becomes the reference.
    pub(super) fn repeats(&mut self, picture: &Small, previous: &Small) -> bool {
        let Some(reference) = &self.reference else {
            self.reference = Some(picture.clone());
            return false;
        };
        if same(reference, picture, MEAN, CELL) {
            self.repeated += 1;
            return true;
        }
        let still = self.repeated >= STILL && !self.refined;
        let refined = still && same(previous, picture, REFINED_MEAN, REFINED_CELL);
        self.refined = refined;
        self.repeated = if refined { self.repeated + 1 } else { 0 };
        self.reference.get_or_insert_default().clone_from(picture);
        refined
    }
}

fn same(a: &Small, b: &Small, mean_limit: f64, cell_limit: f64) -> bool {
    if a.width != b.width || a.luma.len() != b.luma.len() {
        return false;
    }
    let cells = a.cell_differences(b);
    let pixels = cells.iter().map(|cell| f64::from(cell.pixels)).sum::<f64>();
    let sum = cells.iter().map(|cell| f64::from(cell.sum)).sum::<f64>();
    sum <= mean_limit * pixels && cells.iter().all(|cell| cell.mean().is_none_or(|mean| mean <= cell_limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey picture with a ramp, and 20 × 20 pixels of another luma.
    fn picture(luma: u8, patch: u8) -> Small {
        let pixel = |x: usize, y: usize| {
            if (40..60).contains(&x) && (40..60).contains(&y) { patch } else { luma + (x / 16) as u8 }
        };
        let mut small = Small::default();
        small.width = 320;
        small.luma = (0..320 * 180).map(|at| pixel(at % 320, at / 320)).collect();
        small
    }

    fn repeats(pictures: &[Small]) -> Vec<bool> {
        let mut freeze = Freeze::default();
        let before = std::iter::once(&pictures[0]).chain(pictures);
        pictures.iter().zip(before).map(|(picture, before)| freeze.repeats(picture, before)).collect()
    }

    #[test]
    fn noise_of_the_encoder_is_no_movement_and_a_small_moving_part_is() {
        assert_eq!(repeats(&[picture(100, 100), picture(102, 102), picture(100, 100)]), [false, true, true]);
        assert_eq!(repeats(&[picture(100, 100), picture(100, 130), picture(100, 130)]), [false, false, true]);
    }

    #[test]
    fn a_slow_fade_ends_a_freeze() {
        let fade: Vec<Small> = (0..12).map(|step| picture(100 + step, 100)).collect();
        let still = repeats(&fade).chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).max();
        assert!(still < Some(5), "{still:?}");
    }
}
