import { expect, test } from 'vitest';
import { channel } from '../testing';
import { hold, ordered, worsened } from './order';

const down = (code: string) => channel({ code, state: 'down', severity: 'critical' });
const codes = (rows: { code: string }[]) => rows.map((row) => row.code);

test('rows keep their places while somebody reads, and the number that got worse is known', () => {
  const before = [channel({ code: 'A' }), channel({ code: 'B' }), down('C')];
  const held = hold(before);
  const after = [channel({ code: 'A' }), down('B'), down('C'), down('D')];
  expect(codes(ordered(after, held))).toEqual(['C', 'A', 'B', 'D']);
  expect(worsened(after, held)).toBe(2);
  expect(codes(ordered(after, null))).toEqual(['B', 'C', 'D', 'A']);
});

test('a row that is gone or better is no news', () => {
  const held = hold([down('A'), down('B')]);
  const after = [channel({ code: 'B' })];
  expect(codes(ordered(after, held))).toEqual(['B']);
  expect(worsened(after, held)).toBe(0);
});
