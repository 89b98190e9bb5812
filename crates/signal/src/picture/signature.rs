//! What a picture is remembered by when the next segment is decoded in another probe.

use std::fmt;
use std::sync::Arc;

/// The number of columns and rows of a signature.
const COLUMNS: usize = 64;
const ROWS: usize = 36;

/// A picture's luma in 64 × 36 cells, at most one byte each: 2.3 kB. It tells whether a picture goes on in another
/// segment.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Arc<[u8]>);

impl Signature {
    /// Makes the signature of a picture whose luma is `luma` with `width` pixels a row.
    #[must_use]
    pub fn of(luma: &[u8], width: usize) -> Self {
        let height = luma.len().checked_div(width).unwrap_or(0);
        let mut cells = Vec::with_capacity(COLUMNS * ROWS);
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                cells.push(mean_of_cell(luma, width, height, column, row));
            }
        }
        Self(cells.into())
    }

    /// Whether both pictures are the same one, apart from noise of the encoder: the cells differ by at most 1 % of full
    /// scale in the mean (−40 dB), and none of them by more than 8 %.
    #[must_use]
    pub fn same_picture(&self, other: &Self) -> bool {
        let differences = self.0.iter().zip(other.0.iter()).map(|(a, b)| u32::from(a.abs_diff(*b)));
        let (sum, most) = differences.fold((0, 0), |(sum, most), d| (sum + d, most.max(d)));
        f64::from(sum) <= 0.01 * 255.0 * (COLUMNS * ROWS) as f64 && most <= 20
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({COLUMNS}x{ROWS})")
    }
}

fn mean_of_cell(luma: &[u8], width: usize, height: usize, column: usize, row: usize) -> u8 {
    let (x0, x1) = range(column, COLUMNS, width);
    let (y0, y1) = range(row, ROWS, height);
    let mut sum = 0u32;
    let mut count = 0u32;
    for y in y0..y1 {
        for pixel in luma.get(y * width + x0..y * width + x1).unwrap_or_default() {
            sum += u32::from(*pixel);
            count += 1;
        }
    }
    u8::try_from(sum.checked_div(count).unwrap_or(0)).unwrap_or(u8::MAX)
}

/// The pixels of the cell `index` of `cells` along a side of `length` pixels: at least one.
fn range(index: usize, cells: usize, length: usize) -> (usize, usize) {
    let start = index * length / cells;
    let end = (index + 1) * length / cells;
    (start, end.max(start + 1).min(length))
}
