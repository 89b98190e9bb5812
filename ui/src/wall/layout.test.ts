import { expect, test } from 'vitest';
import { cellSide } from './layout';

test('all cells fit, and none could be much larger', () => {
  for (const count of [1, 26, 50, 333, 1000, 3900]) {
    const side = cellSide(count, 1900, 700);
    expect(Math.floor(1900 / side) * Math.floor(700 / side), String(count)).toBeGreaterThanOrEqual(count);
    const larger = side + 1;
    const fits = Math.floor(1900 / larger) * Math.floor(700 / larger) >= count;
    expect(!fits || side === 160, String(count)).toBe(true);
  }
});

test('a cell is never smaller than 18 pixels, also before the screen is known', () => {
  expect(cellSide(50_000, 1900, 700)).toBe(18);
  expect([cellSide(0, 1900, 700), cellSide(10, 0, 0)]).toEqual([160, 160]);
});
