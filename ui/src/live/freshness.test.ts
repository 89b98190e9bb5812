import { expect, test } from 'vitest';
import { freshness, LATE, LOST } from './freshness';

test('the page is late and then lost, each from its bound on', () => {
  expect([0, LATE - 1, LATE, LOST - 1, LOST, Number.POSITIVE_INFINITY].map(freshness)).toEqual([
    'fresh',
    'fresh',
    'late',
    'late',
    'lost',
    'lost',
  ]);
});

test('one missed summary of the stream does not make the page late', () => {
  expect(LATE).toBeGreaterThan(5_000);
  expect(LOST).toBeLessThanOrEqual(20_000);
});
