/** Smallest side of a cell in pixels: 5,000 of them fill a screen of 1920 × 1080. */
const SMALLEST = 18;
const LARGEST = 160;
/** Side from which on a cell has room for the code of its channel. */
export const SIDE_WITH_CODE = 64;

/** Side of a square cell in pixels, so that `count` cells fill the area as far as they can. */
export function cellSide(count: number, width: number, height: number): number {
  if (count === 0 || width <= 0 || height <= 0) return LARGEST;
  let side = Math.min(LARGEST, Math.floor(Math.sqrt((width * height) / count)));
  // The last column and row are rarely full.
  while (side > SMALLEST && Math.floor(width / side) * Math.floor(height / side) < count) side -= 1;
  return Math.max(SMALLEST, side);
}
