import { expect, test } from 'vitest';
import { age, clockTime, fullTime, parts, stopwatch } from './duration';

test('a length of time has at most two units, at each boundary', () => {
  const text = (seconds: number) =>
    parts(seconds)
      .map(([n, unit]) => `${n} ${unit}`)
      .join(' ');
  expect([0, 59, 60, 61, 599, 600, 3599].map(text)).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '1 min 1 s',
    '9 min 59 s',
    '10 min',
    '59 min',
  ]);
  expect([3600, 3660, 86_399, 86_400, 90_000].map(text)).toEqual(['1 h', '1 h 1 min', '23 h 59 min', '1 d', '1 d 1 h']);
});

test('an age is never negative, and unknown without a time', () => {
  const now = Date.parse('2026-01-31T18:00:10Z');
  expect(age('2026-01-31T18:00:00Z', now)).toBe(10);
  expect(age('2026-01-31T18:00:20Z', now)).toBe(0);
  expect([age(null, now), age('soon', now)]).toEqual([undefined, undefined]);
});

test('a stopwatch shows hours from an hour on', () => {
  expect([0, 42, 3599, 3600].map(stopwatch)).toEqual(['00:00', '00:42', '59:59', '1:00:00']);
});

test('the minute after midnight is 00:00, never 24:00', () => {
  const midnight = new Date(2026, 0, 31, 0, 0, 5).getTime();
  expect(clockTime(midnight)).toBe('00:00');
  expect(clockTime(midnight, { second: '2-digit' })).toBe('00:00:05');
});

test('a full time is read in one way only, whatever the language of the browser is', () => {
  const time = new Date(2026, 1, 3, 0, 5, 7).getTime();
  expect(fullTime(time)).toMatch(/^2026-02-03 00:05:07 \S+$/);
});
