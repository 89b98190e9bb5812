//! The visible-block fraction: how many 8 × 8 blocks of a picture have edges that can be seen.

/// The side of a block in pixels.
const BLOCK: usize = 8;
/// How far beside an edge the picture's own steps are looked at, in pixels.
const BESIDE: usize = 3;
/// The smallest sum of 8 steps across an edge that can be seen: a mean of more than 3.
const VISIBLE: u16 = 24;

/// The share of blocks with two or more visible edges on the grid of the encoder, less the share on grids where no encoder
/// has an edge: that is the picture's own texture. From 0 to 1.
pub(super) fn visible_fraction(luma: &[u8], width: usize) -> f32 {
    let own = share(luma, width, 0, 0);
    let texture = share(luma, width, 4, 4).max(share(luma, width, 3, 5));
    (own - texture).max(0.0)
}

/// The share of blocks with two or more visible edges, on the grid that begins at `x` and `y`.
fn share(luma: &[u8], width: usize, x: usize, y: usize) -> f32 {
    let height = luma.len().checked_div(width).unwrap_or(0);
    let columns = width.saturating_sub(x) / BLOCK;
    let rows = height.saturating_sub(y) / BLOCK;
    if columns == 0 || rows == 0 {
        return 0.0;
    }
    // The visible edges at the left of each block, with one more at the right end; the same for those above.
    let mut upright = Vec::with_capacity((columns + 1) * rows);
    let mut steps = vec![0u16; width - 1];
    for block_row in 0..rows {
        let from = (y + block_row * BLOCK) * width;
        steps_along_rows(luma.get(from..from + BLOCK * width).unwrap_or_default(), width, &mut steps);
        upright.extend((0..=columns).map(|column| is_visible(&steps, x + column * BLOCK)));
    }
    let mut lying = vec![false; columns * (rows + 1)];
    mark_lying(luma, width, x, y, columns, &mut lying);

    let lefts = upright.chunks_exact(columns + 1);
    let aboves = lying.chunks_exact(columns).zip(lying.chunks_exact(columns).skip(1));
    let counted: usize = lefts
        .zip(aboves)
        .map(|(upright, (above, below))| {
            let sides = upright.windows(2).zip(above.iter().zip(below));
            let edges = sides.map(|(sides, (above, below))| {
                sides.iter().filter(|side| **side).count() + usize::from(*above) + usize::from(*below)
            });
            edges.filter(|edges| *edges >= 2).count()
        })
        .sum();
    counted as f32 / (columns * rows) as f32
}

/// Sums the absolute steps from each pixel to the next over 8 rows.
fn steps_along_rows(rows: &[u8], width: usize, steps: &mut [u16]) {
    steps.fill(0);
    for row in rows.chunks_exact(width) {
        for ((sum, a), b) in steps.iter_mut().zip(row).zip(row.iter().skip(1)) {
            *sum += u16::from(a.abs_diff(*b));
        }
    }
}

/// Whether the edge before pixel `at` can be seen: its step is large, and more than twice each one beside it.
fn is_visible(steps: &[u16], at: usize) -> bool {
    let Some(step) = at.checked_sub(1) else { return false };
    let around = step.checked_sub(BESIDE).and_then(|first| steps.get(first..=step + BESIDE));
    let Some([a, b, c, middle, d, e, f]) = around else { return false };
    let inner = [a, b, c, d, e, f].into_iter().max().copied().unwrap_or(0);
    *middle > VISIBLE && u32::from(*middle) > 2 * u32::from(inner)
}

/// Marks the visible edges above each block, with one more row of them at the bottom.
fn mark_lying(luma: &[u8], width: usize, x: usize, y: usize, columns: usize, lying: &mut [bool]) {
    let height = luma.len() / width;
    for (edge, marks) in lying.chunks_exact_mut(columns).enumerate() {
        let at = y + edge * BLOCK;
        let Some(first) = at.checked_sub(1 + BESIDE) else { continue };
        if at + BESIDE >= height {
            continue;
        }
        // Eight rows, and seven steps between them: three above the edge, the edge, three below it.
        let rows = luma.get(first * width..(first + 8) * width).unwrap_or_default();
        let mut steps = [const { Vec::new() }; 7];
        for ((a, b), sums) in rows.chunks_exact(width).zip(rows.chunks_exact(width).skip(1)).zip(&mut steps) {
            *sums = steps_between(a, b, x);
        }
        let [a, b, c, middle, d, e, f] = &steps;
        for (column, mark) in marks.iter_mut().enumerate() {
            let inner = [a, b, c, d, e, f].iter().filter_map(|sums| sums.get(column)).max().copied().unwrap_or(0);
            let step = middle.get(column).copied().unwrap_or(0);
            *mark = step > VISIBLE && u32::from(step) > 2 * u32::from(inner);
        }
    }
}

/// The sum of the absolute steps between two rows, for every 8 pixels from `x` on.
fn steps_between(a: &[u8], b: &[u8], x: usize) -> Vec<u16> {
    let blocks = |row| <[u8]>::get(row, x..).unwrap_or_default().as_chunks::<BLOCK>().0;
    let sum = |(a, b): (&[u8; BLOCK], &[u8; BLOCK])| a.iter().zip(b).map(|(a, b)| u16::from(a.abs_diff(*b))).sum();
    blocks(a).iter().zip(blocks(b)).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 128 × 96 pixels.
    fn picture(pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        (0..96).flat_map(|y| (0..128).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect()
    }

    #[test]
    fn blocks_of_the_coding_grid_are_seen_and_other_edges_are_not() {
        let blocks = |dx: usize, dy: usize| {
            picture(move |x, y| if ((x + dx) / 8 + (y + dy) / 8).is_multiple_of(2) { 100 } else { 120 })
        };
        assert!(visible_fraction(&blocks(0, 0), 128) > 0.99);
        // Texture on other grids is the picture's own.
        assert_eq!(visible_fraction(&blocks(4, 4), 128), 0.0);
        assert_eq!(visible_fraction(&picture(|x, y| (x * 3 % 7 * 20 + y % 5 * 10) as u8), 128), 0.0);
        // A smooth ramp has no edges; steps of 3 can't be seen.
        assert_eq!(visible_fraction(&picture(|x, y| (x + y) as u8), 128), 0.0);
        assert_eq!(visible_fraction(&picture(|x, y| 100 + ((x / 8 + y / 8) % 2 * 3) as u8), 128), 0.0);
    }

    #[test]
    fn a_share_of_damaged_blocks_is_that_share() {
        // One block of 24 × 32 blocks of 4 is damaged: its neighbours have one visible edge, which doesn't count.
        let damaged = picture(|x, y| if (x / 8) % 4 == 2 && (y / 8) % 4 == 2 { 180 } else { 100 });
        let expected = 12.0 / 192.0;
        assert!((visible_fraction(&damaged, 128) - expected).abs() < 1e-6, "{}", visible_fraction(&damaged, 128));
    }

    #[test]
    fn pictures_smaller_than_a_block_have_none() {
        for (width, height) in [(1, 1), (7, 7), (8, 8), (9, 3), (2, 200)] {
            assert_eq!(visible_fraction(&vec![7; width * height], width), 0.0);
        }
    }
}
