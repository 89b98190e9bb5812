//! Whether a picture is black, of one colour, or colour bars.

use super::small::{CELL_COLUMNS, CELL_ROWS, Cell, Small};
use super::y4m::{Header, Planes};

/// Kind of a picture without content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flat {
    Black,
    /// One colour other than black, or colour bars.
    SingleColor,
}

/// The share of pixels that must agree; the others may be a logo.
const SHARE: f64 = 0.98;
/// The largest standard deviation of the cells' means of a black picture, as a share of white. A dark film has more.
const BLACK_SPREAD: f64 = 0.01;
/// How far from the middle the luma of one colour may be, in luma of 255.
const TOLERANCE: u8 = 5;
/// How far from neutral the mean of a chroma plane of black may be. Blue of BT.709 has the luma of black.
const NEUTRAL: f64 = 12.0;

/// Returns which kind of flat picture it is: black, one colour or colour bars. `None` for any other picture.
pub(super) fn judge(picture: &Planes<'_>, small: &Small) -> Option<Flat> {
    let chroma = || picture.chroma.map(|plane| Chroma::of(plane, picture.chroma_width()));
    if is_black(small, picture.header) && chroma().iter().all(Chroma::is_neutral) {
        return Some(Flat::Black);
    }
    let flat = has_one_luma(small) && chroma().iter().all(|chroma| chroma.one_value);
    (flat || is_bars(small)).then_some(Flat::SingleColor)
}

/// Whether 98 % of the pixels have at most 10 % of white, without the bars of a letterbox, and hardly differ from each
/// other.
///
/// Codes of PQ and HLG are taken like those of SDR: their code at 10 % is about as dark (0.3 and 1 cd/m²).
fn is_black(small: &Small, header: Header) -> bool {
    let (black, white) = if header.full_range { (0.0, 255.0) } else { (16.0, 235.0) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 25 and 38")]
    let limit = (black + 0.1 * (white - black)) as u8;
    // Nearly every picture ends here: bars are dark too, so with them the share of dark pixels is larger, never smaller.
    if (small.luma.iter().filter(|pixel| **pixel <= limit).count() as f64) < SHARE * small.luma.len() as f64 {
        return false;
    }
    let inside = inside_of_letterbox(small, limit);
    let mut cells = [Cell::default(); CELL_COLUMNS * CELL_ROWS];
    let (mut pixels, mut dark) = (0usize, 0usize);
    let cell_width = inside.columns.len().div_ceil(CELL_COLUMNS).max(1);
    let cell_height = inside.rows.len().div_ceil(CELL_ROWS).max(1);
    for (y, row) in small.rows().skip(inside.rows.start).take(inside.rows.len()).enumerate() {
        let row = row.get(inside.columns.clone()).unwrap_or_default();
        let cells = cells.iter_mut().skip(y / cell_height * CELL_COLUMNS);
        for (part, cell) in row.chunks(cell_width).zip(cells) {
            for pixel in part.iter().filter(|pixel| **pixel <= limit) {
                cell.sum += u32::from(*pixel);
                cell.pixels += 1;
            }
        }
        pixels += row.len();
        dark += row.iter().filter(|pixel| **pixel <= limit).count();
    }
    dark as f64 >= SHARE * pixels as f64 && spread(&cells) <= BLACK_SPREAD * (white - black)
}

/// The standard deviation of the cells' means.
fn spread(cells: &[Cell]) -> f64 {
    let means: Vec<f64> = cells.iter().filter_map(Cell::mean).collect();
    let mean = means.iter().sum::<f64>() / means.len().max(1) as f64;
    (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / means.len().max(1) as f64).sqrt()
}

/// A part of a picture.
struct Inside {
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
}

/// The picture without black bars at top and bottom and at both sides, which are equally wide: at most 20 % of the height and
/// 15 % of the width each.
fn inside_of_letterbox(small: &Small, limit: u8) -> Inside {
    let (width, height) = (small.width, small.height());
    let dark_row = |row: &&[u8]| row.iter().all(|pixel| *pixel <= limit);
    let top = small.rows().take_while(dark_row).count();
    let bottom = small.rows().rev().take_while(dark_row).count();
    let dark_column = |x: &usize| small.rows().all(|row| row.get(*x).is_none_or(|pixel| *pixel <= limit));
    let left = (0..width).take_while(dark_column).count();
    let right = (0..width).rev().take_while(dark_column).count();
    let bar = top.min(bottom).min(height / 5);
    let side = left.min(right).min(width * 3 / 20);
    Inside { rows: bar..height - bar, columns: side..width - side }
}

/// Whether 98 % of the pixels have nearly the same luma, by every fourth row.
fn has_one_luma(small: &Small) -> bool {
    let mut counts = [0u32; 256];
    for pixel in small.rows().step_by(4).flatten() {
        if let Some(count) = counts.get_mut(usize::from(*pixel)) {
            *count += 1;
        }
    }
    let window = usize::from(TOLERANCE) * 2 + 1;
    let most = counts.windows(window).map(|window| window.iter().sum::<u32>()).max().unwrap_or(0);
    f64::from(most) >= SHARE * f64::from(counts.iter().sum::<u32>())
}

/// What is known of a chroma plane, from every eighth pixel of every eighth row.
struct Chroma {
    mean: f64,
    one_value: bool,
}

impl Chroma {
    fn of(plane: &[u8], width: usize) -> Self {
        let sample: Vec<u8> =
            plane.chunks(width.max(1)).step_by(8).flat_map(|row| row.iter().step_by(8).copied()).collect();
        let count = sample.len().max(1) as f64;
        let mean = sample.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let near = sample.iter().filter(|value| (f64::from(**value) - mean).abs() <= f64::from(TOLERANCE)).count();
        Self { mean, one_value: near as f64 >= 0.95 * count }
    }

    fn is_neutral(&self) -> bool {
        (self.mean - 128.0).abs() <= NEUTRAL
    }
}

/// Whether the upper part of the picture has vertical bars: every row is the same and consists of 4 to 16 levels.
fn is_bars(small: &Small) -> bool {
    let height = small.height();
    let (first, last) = (height / 20, height * 11 / 20);
    let Some(model) = small.rows().nth(height * 3 / 10).filter(|row| has_levels(row)) else { return false };
    let rows = || small.rows().skip(first).take(last - first);
    let same = rows().flat_map(|row| row.iter().zip(model)).filter(|(a, b)| a.abs_diff(**b) <= TOLERANCE + 1).count();
    same as f64 >= SHARE * (rows().len() * small.width) as f64
}

/// Whether a row consists of 4 to 16 levels, each at least a twentieth of the width, with steps between them.
fn has_levels(row: &[u8]) -> bool {
    let shortest = row.len() / 20;
    let (mut levels, mut covered) = (0, 0);
    for level in row.chunk_by(|a, b| a.abs_diff(*b) <= 2).filter(|level| level.len() >= shortest.max(1)) {
        let (low, high) = level.iter().fold((u8::MAX, 0), |(low, high), v| (low.min(*v), high.max(*v)));
        // A ramp has small steps too.
        if high - low <= 2 * TOLERANCE {
            levels += 1;
            covered += level.len();
        }
    }
    (4..=16).contains(&levels) && covered * 20 >= row.len() * 17
}
