import { expect, test } from 'vitest';
import { wallLayout } from './layout';

test('all cells fit, and none could be much larger', () => {
  for (const count of [1, 26, 50, 333, 1000, 3900, 5000]) {
    const { side, fitting } = wallLayout(count, 1900, 700);
    expect(fitting, String(count)).toBe(count);
    const larger = side + 1;
    const fits = Math.floor(1900 / larger) * Math.floor(700 / larger) >= count;
    expect(!fits || side === 160, String(count)).toBe(true);
  }
});

test('a cell is never too small to be told, and the number that fits is known', () => {
  expect(wallLayout(50_000, 1900, 700)).toEqual({ side: 12, fitting: 158 * 58 });
  expect([wallLayout(0, 1900, 700).side, wallLayout(10, 0, 0)]).toEqual([160, { side: 160, fitting: 10 }]);
});
