import { expect, test } from 'vitest';
import { channel } from '../testing';
import { CHANNEL_ORDERING } from './channelOrdering';
import { hold, ordered, worsened } from './order';

const down = (code: string) => channel({ code, state: 'down', severity: 'critical' });
const codes = (rows: { code: string }[]) => rows.map((row) => row.code);
const sorted = (rows: ReturnType<typeof channel>[]) => ordered(rows, CHANNEL_ORDERING, null);

test('rows keep their places while somebody reads, and the number that got worse is known', () => {
  const held = hold(sorted([channel({ code: 'A' }), channel({ code: 'B' }), down('C')]), CHANNEL_ORDERING);
  const after = [channel({ code: 'A' }), down('B'), down('C'), down('D')];
  expect(codes(ordered(after, CHANNEL_ORDERING, held))).toEqual(['C', 'A', 'B', 'D']);
  expect(worsened(after, CHANNEL_ORDERING, held)).toBe(2);
  expect(codes(sorted(after))).toEqual(['B', 'C', 'D', 'A']);
});

test('a row that is gone or better is no news', () => {
  const held = hold(sorted([down('A'), down('B')]), CHANNEL_ORDERING);
  const after = [channel({ code: 'B' })];
  expect(codes(ordered(after, CHANNEL_ORDERING, held))).toEqual(['B']);
  expect(worsened(after, CHANNEL_ORDERING, held)).toBe(0);
});

test('thousands of rows are put in order within a frame or two', () => {
  const rows = Array.from({ length: 5000 }, (_, n) =>
    channel({
      code: `CH_TV_HD_${(n * 7919) % 5000}`,
      state: n % 3 === 0 ? 'down' : 'up',
      since: `2026-01-31T18:00:${n % 60}Z`,
    }),
  );
  sorted(rows);
  const began = performance.now();
  for (let run = 0; run < 5; run += 1) sorted(rows);
  const time = (performance.now() - began) / 5;
  expect(time).toBeLessThan(100);
});
