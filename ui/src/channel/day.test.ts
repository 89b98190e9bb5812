import { expect, test } from 'vitest';
import { DAY, dayPieces, totals } from './day';

const now = Date.parse('2026-01-31T18:00:00Z');
const at = (minutesAgo: number) => new Date(now - minutesAgo * 60_000).toISOString();
const state = (name: string, since: number, until: number | null, seen: number, exporter = 'a') => ({
  state: name,
  severity: name === 'down' ? 'critical' : name === 'degraded' ? 'major' : null,
  failed_checks: name === 'up' ? [] : ['live_ended'],
  since: at(since),
  until: until === null ? null : at(until),
  seen_at: at(seen),
  exporter,
});
const minutes = (pieces: ReturnType<typeof dayPieces>) =>
  pieces.map(({ from, to, level }) => [level, (now - from) / 60_000, (now - to) / 60_000]);

test('the strip has each state of the last day, and the newest lasts until now', () => {
  const states = [state('up', 10, null, 0.5), state('down', 30, 10, 11), state('up', 3000, 30, 31)];
  expect(minutes(dayPieces(states, now))).toEqual([
    ['up', 1440, 30],
    ['down', 30, 10],
    ['up', 10, 0],
  ]);
  expect(totals(dayPieces(states, now))).toEqual([
    ['down', 1200],
    ['up', (DAY - 1_200_000) / 1000],
  ]);
});

test('a time in which nobody probed is in no piece, whatever stood before it', () => {
  const states = [state('down', 20, null, 10), state('up', 600, 20, 300)];
  expect(minutes(dayPieces(states, now))).toEqual([
    ['up', 600, 300],
    ['down', 20, 10],
  ]);
  expect(totals(dayPieces(states, now)).map(([level]) => level)).toEqual(['down', 'unknown', 'up']);
});

test('of two exporters the worse one counts', () => {
  const states = [state('up', 60, null, 0), state('degraded', 40, 20, 20, 'b'), state('up', 20, null, 0, 'b')];
  expect(minutes(dayPieces(states, now))).toEqual([
    ['up', 60, 40],
    ['major', 40, 20],
    ['up', 20, 0],
  ]);
  expect(dayPieces([], now)).toEqual([]);
});
