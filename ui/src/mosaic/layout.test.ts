import { expect, test } from 'vitest';
import { mosaicLayout } from './layout';

test('tiles fill the width, and none is too small to read', () => {
  expect(mosaicLayout(1920)).toEqual({ columns: 10, width: 184, rowHeight: 160 });
  expect(mosaicLayout(100).columns).toBe(1);
  expect(mosaicLayout(0).width).toBe(1);
});
