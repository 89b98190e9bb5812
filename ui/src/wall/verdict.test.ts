import { expect, test } from 'vitest';
import { channel } from '../testing';
import { verdictOf } from './verdict';

const up = channel({ code: 'A' });
const unknown = channel({ code: 'B', state: 'unknown' });
const down = channel({ code: 'C', state: 'down' });

test('all is well only if every channel on the wall was probed', () => {
  const verdict = (...channels: (typeof up)[]) => verdictOf({ all: channels, error: null, channels });
  expect(verdict(up)).toEqual({ kind: 'allWell' });
  expect(verdict(up, unknown)).toEqual({ kind: 'wellButUnknown', count: 1 });
  expect(verdict(unknown)).toEqual({ kind: 'unknown', count: 1 });
  expect(verdict(up, unknown, down)).toEqual({ kind: 'bad', channels: [down] });
});

test('a wall that knows nothing says so', () => {
  expect(verdictOf({ all: undefined, error: null, channels: [] })).toEqual({ kind: 'unread' });
  expect(verdictOf({ all: undefined, error: new Error('HTTP 500'), channels: [] })).toEqual({
    kind: 'failed',
    why: 'HTTP 500',
  });
  expect(verdictOf({ all: [], error: null, channels: [] })).toEqual({ kind: 'none' });
  expect(verdictOf({ all: [up], error: null, channels: [] })).toEqual({ kind: 'noMatch' });
});
