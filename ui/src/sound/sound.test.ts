import { expect, test } from 'vitest';
import { channel } from '../testing';
import { patternFor } from './sound';

const down = channel({ code: 'A', state: 'down', severity: 'critical' });
const major = channel({ code: 'A', state: 'degraded', severity: 'major' });
const well = channel({ code: 'A' });
const known = (...channels: ReturnType<typeof channel>[]) => new Map(channels.map((c) => [c.code, c]));

test('a channel that gets worse sounds by its severity', () => {
  expect(patternFor([down], known(well))).toBe('critical');
  expect(patternFor([down], known(major))).toBe('critical');
  expect(patternFor([major], known(well))).toBe('major');
  expect(patternFor([channel({ code: 'A', state: 'degraded', severity: 'minor' })], known(well))).toBe('minor');
});

test('nothing sounds for a channel that stays, gets better or has a warning', () => {
  expect(patternFor([down], known(down))).toBeNull();
  expect(patternFor([major], known(down))).toBeNull();
  expect(patternFor([well], known(down))).toBeNull();
  expect(patternFor([channel({ code: 'A', severity: 'warning' })], known(well))).toBeNull();
});

test('a burst has one sound, that of its worst channel', () => {
  const burst = ['A', 'B', 'C'].map((code) => channel({ ...major, code }));
  const before = known(...['A', 'B', 'C', 'D'].map((code) => channel({ code })));
  expect(patternFor([...burst, channel({ ...down, code: 'D' })], before)).toBe('critical');
});

test('a channel that was never seen is no news, and a fault of one that nobody had probed is', () => {
  expect(patternFor([down], known())).toBeNull();
  expect(patternFor([down], known(channel({ code: 'A', state: 'unknown' })))).toBe('critical');
});
