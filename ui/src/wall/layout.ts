/** Smallest side of a cell in pixels at which its shape can still be told. */
const SMALLEST = 12;
const LARGEST = 160;
/** Side from which on a cell has room for the code of its channel. */
export const SIDE_WITH_CODE = 64;

export interface WallLayout {
  /** Side of a square cell in pixels. */
  side: number;
  /** Number of cells that fit. */
  fitting: number;
}

/** Square cells, so that `count` of them fill the area as far as they can. */
export function wallLayout(count: number, width: number, height: number): WallLayout {
  if (count === 0 || width <= 0 || height <= 0) return { side: LARGEST, fitting: count };
  const fits = (side: number) => Math.floor(width / side) * Math.floor(height / side);
  let side = Math.max(SMALLEST, Math.min(LARGEST, Math.floor(Math.sqrt((width * height) / count))));
  // The last column and row are rarely full.
  while (side > SMALLEST && fits(side) < count) side -= 1;
  return { side, fitting: Math.min(count, fits(side)) };
}
