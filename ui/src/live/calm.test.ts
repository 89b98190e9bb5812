import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { calmRead } from './calm';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a storm of events makes few reads, none is cancelled, and the last event is read', async () => {
  const ends: (() => void)[] = [];
  const { ask } = calmRead(() => new Promise<void>((resolve) => ends.push(resolve)));
  for (let event = 0; event < 100; event += 1) ask();
  expect(ends).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(500);
  expect(ends).toHaveLength(1);
  // The read takes a while, in which more events arrive.
  for (let event = 0; event < 100; event += 1) ask();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(500);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(ends).toHaveLength(2);
});
