import { expect, test } from 'vitest';
import { megabits, plays } from './rendition';

test('what was not measured is neither playing nor broken, and never 0', () => {
  expect([plays({}), plays({ rendition_available: true }), plays({ rendition_available: false })]).toEqual([
    'unmeasured',
    'yes',
    'no',
  ]);
  expect([megabits(undefined), megabits(0), megabits(5_432_000), megabits(25_000_000)]).toEqual([
    '–',
    '0.00',
    '5.43',
    '25.0',
  ]);
});
