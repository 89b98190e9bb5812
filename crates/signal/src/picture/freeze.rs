//! Whether a picture is the same as the one that began a freeze.

use super::small::Small;

/// The largest mean difference of equal pictures, in luma of 255: −40 dB of full scale. Encoders add noise to a picture that
/// is repeated: at −60 dB 4 of 10 encodes of a still picture were missed, at −35 dB moving pictures were called frozen.
const MEAN: f64 = 0.01 * 255.0;
/// The largest mean difference within one of 16 × 9 cells. It keeps small movement, such as a speaker's mouth before a still
/// background, from being called a freeze.
const CELL: f64 = 6.0;

/// Compares each picture with the first one of the freeze that may be going on. A slow change, such as a fade or a pan, so
/// ends it: a comparison with the picture before would not.
#[derive(Debug, Default)]
pub(super) struct Freeze {
    reference: Option<Small>,
}

impl Freeze {
    /// Takes the next picture and says whether it is the reference again. A different picture becomes the reference.
    pub(super) fn repeats(&mut self, picture: &Small) -> bool {
        if self.reference.as_ref().is_some_and(|reference| same(reference, picture)) {
            return true;
        }
        self.reference.get_or_insert_default().clone_from(picture);
        false
    }
}

fn same(a: &Small, b: &Small) -> bool {
    if a.width != b.width || a.luma.len() != b.luma.len() {
        return false;
    }
    let cells = a.cell_differences(b);
    let pixels = cells.iter().map(|cell| f64::from(cell.pixels)).sum::<f64>();
    let sum = cells.iter().map(|cell| f64::from(cell.sum)).sum::<f64>();
    sum <= MEAN * pixels && cells.iter().all(|cell| cell.mean().is_none_or(|mean| mean <= CELL))
}
