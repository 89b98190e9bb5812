import { expect, test } from 'vitest';
import { channel } from '../testing';
import { clicked, orderingOf, readSort } from './channelOrdering';

const rows = [
  channel({
    code: 'C10',
    name: 'Kênh 10',
    since: '2026-01-31T18:00:00Z',
    rungs: { output: 'hls', available: 5, expected: 5 },
  }),
  channel({ code: 'C2', name: 'Kênh 2', since: null, rungs: null, last_probe: null }),
  channel({ code: 'C3', name: 'An Giang', since: '2026-01-31T19:00:00Z', state: 'down', severity: 'critical' }),
  channel({
    code: 'C4',
    name: 'Đồng Nai',
    since: '2026-01-31T17:00:00Z',
    rungs: { output: 'hls', available: 3, expected: 5 },
  }),
];
const codes = (sort: string) =>
  orderingOf(readSort(sort))
    .sorted(rows)
    .map((row) => row.code);

test('each column sorts both ways, and what has no value stands at the end', () => {
  expect(codes('')).toEqual(['C3', 'C10', 'C2', 'C4']);
  expect(codes('code')).toEqual(['C10', 'C2', 'C3', 'C4']);
  expect(codes('-code')).toEqual(['C4', 'C3', 'C2', 'C10']);
  // In Vietnamese, Đ stands between D and E, and numbers are not letters.
  expect(codes('name')).toEqual(['C3', 'C4', 'C2', 'C10']);
  expect(codes('-since')).toEqual(['C3', 'C10', 'C4', 'C2']);
  expect(codes('since')).toEqual(['C4', 'C10', 'C3', 'C2']);
  expect(codes('-rungs').slice(0, 2)).toEqual(['C4', 'C3']);
  expect(codes('probe').at(-1)).toBe('C2');
});

test('channels with the same value stand the worst first, and a link with an unknown column sorts as usual', () => {
  expect(codes('probe')).toEqual(['C3', 'C10', 'C4', 'C2']);
  for (const sort of ['colour', '-', 'toString', '--code']) expect(codes(sort), sort).toEqual(codes(''));
});

test('the first click sorts as one looks for faults, and the next one turns it round', () => {
  expect(clicked('', 'code')).toBe('code');
  expect(clicked('', 'since')).toBe('-since');
  expect(clicked('-since', 'since')).toBe('since');
  expect(clicked('since', 'rungs')).toBe('-rungs');
  expect(orderingOf('-since')).toBe(orderingOf('-since'));
});
