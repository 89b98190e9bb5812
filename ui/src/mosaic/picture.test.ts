import { expect, test } from 'vitest';
import { madeAt, oldAge } from './picture';

const now = Date.parse('2026-01-31T19:00:00Z');

test('a picture is old from five minutes on, also while the page only waits', () => {
  const picture = { address: 'blob:1', madeAt: madeAt('240', now) };
  expect(oldAge(picture, now)).toBeNull();
  expect(oldAge(picture, now + 59_000)).toBeNull();
  expect(oldAge(picture, now + 60_000)).toBe(300);
  expect(oldAge({ address: 'blob:1', madeAt: madeAt('86400', now) }, now)).toBe(86_400);
});

test('an answer without a readable age says nothing', () => {
  for (const header of [null, '', 'old', '-5']) expect(madeAt(header, now)).toBeUndefined();
  expect(oldAge({ address: 'blob:1', madeAt: undefined }, now)).toBeNull();
});
