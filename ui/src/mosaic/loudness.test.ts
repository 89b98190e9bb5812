import { expect, test } from 'vitest';
import type { Series } from '../api/types';
import { heightOf, loudnessOf } from './loudness';

const now = 1_000_000;

function series(values: (number | null)[], thresholds: Record<string, number> = {}): Series {
  const times = values.map((_, index) => now - 15 * (values.length - 1 - index));
  const lines = [{ output: 'hls', rendition: 'vi', values }];
  return { channel: 'A', metric: 'loudness', source: 'memory', why: null, step: null, times, lines, thresholds };
}

const wanted = { loudness_target: -23, loudness_tolerance: 1 };

test.each([
  [-24, 'good'],
  [-22, 'good'],
  [-21.9, 'high'],
  [-24.1, 'low'],
])('%d LUFS is %s where -23 ± 1 is wanted', (value, verdict) => {
  expect(loudnessOf(series([-30, value], wanted), now)).toEqual({ value, verdict, wanted: { low: -24, high: -22 } });
});

test('without a wanted loudness no loudness is bad, and an old or missing one is none', () => {
  expect(loudnessOf(series([-5]), now)).toEqual({ value: -5, verdict: 'good', wanted: null });
  expect(loudnessOf(series([-23], wanted), now + 600)).toBeNull();
  expect(loudnessOf(series([null], wanted), now)).toBeNull();
  expect(loudnessOf({ ...series([]), lines: [] }, now)).toBeNull();
});

test('a bar never leaves its tile', () => {
  expect([-120, -45, -25, -5, 0].map(heightOf)).toEqual([0, 0, 0.5, 1, 1]);
});
