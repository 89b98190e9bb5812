/** Smallest width of a tile in pixels: the code of a channel and its worst check can be read. */
const SMALLEST = 180;
/** Pixels between two tiles. */
export const GAP = 8;
/** Height of the text below a picture, in pixels. */
const TEXT = 48;

export interface MosaicLayout {
  columns: number;
  /** Width of a tile in pixels. */
  width: number;
  /** Height of a row with its gap, in pixels. */
  rowHeight: number;
}

/** Tiles of 16:9 pictures that fill the width. */
export function mosaicLayout(width: number): MosaicLayout {
  const columns = Math.max(1, Math.floor((width + GAP) / (SMALLEST + GAP)));
  const tile = Math.max(1, Math.floor((width - GAP * (columns - 1)) / columns));
  return { columns, width: tile, rowHeight: Math.round((tile * 9) / 16) + TEXT + GAP };
}
