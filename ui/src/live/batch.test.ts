import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { batch, pauseAfter } from './batch';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('changes are drawn together, a tenth of a second after the first', () => {
  const drawn: number[][] = [];
  const { add } = batch<number>((items) => drawn.push(items));
  add(1);
  vi.advanceTimersByTime(99);
  add(2);
  expect(drawn).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(drawn).toEqual([[1, 2]]);
});

test('the longer the page needs, the longer changes are collected, but never longer than a second', () => {
  expect([0, 20, 50, 200, 5_000].map(pauseAfter)).toEqual([100, 100, 200, 800, 1_000]);
  let now = 0;
  const drawn: number[][] = [];
  const slow = batch<number>(
    (items) => {
      drawn.push(items);
      now += 200;
    },
    () => now,
  );
  slow.add(1);
  vi.advanceTimersByTime(101);
  slow.add(2);
  vi.advanceTimersByTime(790);
  expect(drawn).toEqual([[1]]);
  vi.advanceTimersByTime(10);
  expect(drawn).toEqual([[1], [2]]);
});
