//! A picture's luma at up to 480 pixels width, on which most is measured.

use super::y4m::Planes;

/// The largest width.
const MOST_WIDTH: usize = 480;
/// The grid of cells over which local means are taken.
pub(super) const CELL_COLUMNS: usize = 16;
pub(super) const CELL_ROWS: usize = 9;

/// Luma of a picture, each pixel the mean of a square of the decoded picture.
///
/// Squares have a whole number of pixels, so that nothing has to be interpolated; what is left over at the right and at the
/// bottom is left out. Both fields of an interlaced picture go into each square. No picture is deinterlaced: a frozen
/// picture whose fields differ would then seem to move.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Small {
    pub(super) width: usize,
    pub(super) luma: Vec<u8>,
    sums: Vec<u32>,
}

impl Small {
    /// Replaces the content by a small form of the picture.
    pub(super) fn fill(&mut self, picture: &Planes<'_>) {
        let width = picture.header.width;
        let side = width.div_ceil(MOST_WIDTH).max(1);
        self.luma.clear();
        self.width = width / side;
        match side {
            1 => self.luma.extend_from_slice(picture.luma),
            2 => self.shrink::<2>(picture.luma, width),
            3 => self.shrink::<3>(picture.luma, width),
            4 => self.shrink::<4>(picture.luma, width),
            5 => self.shrink::<5>(picture.luma, width),
            6 => self.shrink::<6>(picture.luma, width),
            7 => self.shrink::<7>(picture.luma, width),
            8 => self.shrink::<8>(picture.luma, width),
            _ => self.shrink::<9>(picture.luma, width),
        }
    }

    /// The side of a square is a constant, so that the compiler uses vector instructions.
    fn shrink<const SIDE: usize>(&mut self, luma: &[u8], width: usize) {
        self.width = width / SIDE;
        for rows in luma.chunks_exact(width * SIDE) {
            self.sums.clear();
            self.sums.resize(self.width, 0);
            for row in rows.chunks_exact(width) {
                for (sum, square) in self.sums.iter_mut().zip(row.as_chunks::<SIDE>().0) {
                    *sum += square.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
                }
            }
            let area = u32::try_from(SIDE * SIDE).unwrap_or(1);
            self.luma.extend(self.sums.iter().map(|sum| u8::try_from((sum + area / 2) / area).unwrap_or(u8::MAX)));
        }
    }

    /// The number of rows.
    pub(super) fn height(&self) -> usize {
        self.luma.len().checked_div(self.width).unwrap_or(0)
    }

    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.luma.chunks_exact(self.width.max(1))
    }

    /// The sum of absolute differences between two pictures of the same size, in each cell, with the number of pixels.
    pub(super) fn cell_differences(&self, other: &Self) -> [Cell; CELL_COLUMNS * CELL_ROWS] {
        let mut cells = [Cell::default(); CELL_COLUMNS * CELL_ROWS];
        let cell_width = self.width.div_ceil(CELL_COLUMNS).max(1);
        let cell_height = self.height().div_ceil(CELL_ROWS).max(1);
        let bands =
            self.luma.chunks(self.width.max(1) * cell_height).zip(other.luma.chunks(other.width.max(1) * cell_height));
        for (band, cells) in bands.zip(cells.chunks_exact_mut(CELL_COLUMNS)) {
            for (a, b) in band.0.chunks(self.width.max(1)).zip(band.1.chunks(other.width.max(1))) {
                for ((a, b), cell) in a.chunks(cell_width).zip(b.chunks(cell_width)).zip(cells.iter_mut()) {
                    cell.sum += a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
                    cell.pixels += u32::try_from(a.len()).unwrap_or(0);
                }
            }
        }
        cells
    }
}

/// A sum over some pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    pub(super) sum: u32,
    pub(super) pixels: u32,
}

impl Cell {
    /// The mean. `None` if there is no pixel.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.pixels > 0).then(|| f64::from(self.sum) / f64::from(self.pixels))
    }
}
