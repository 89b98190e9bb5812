import { expect, test } from 'vitest';
import { beginOf, DAY, dayPieces, isCut, totals } from './day';

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
type Interval = ReturnType<typeof state>;
/** What is known of these states; older ones than `complete` minutes ago are missing. */
const known = (states: Interval[], complete = 1440) => ({
  states,
  since: at(1440),
  states_complete_since: at(complete),
});
const minutes = (pieces: ReturnType<typeof dayPieces>) =>
  pieces.map(({ from, to, level }) => [level, (now - from) / 60_000, (now - to) / 60_000]);

test('the strip has each state of the last day, and the newest lasts until now', () => {
  const states = [state('up', 10, null, 0.5), state('down', 30, 10, 11), state('up', 3000, 30, 31)];
  expect(minutes(dayPieces(known(states), now))).toEqual([
    ['up', 1440, 30],
    ['down', 30, 10],
    ['up', 10, 0],
  ]);
  expect(totals(dayPieces(known(states), now), DAY)).toEqual([
    ['down', 1200],
    ['up', (DAY - 1_200_000) / 1000],
  ]);
});

test('a time in which nobody probed is in no piece, whatever stood before it', () => {
  const states = [state('down', 20, null, 10), state('up', 600, 20, 300)];
  expect(minutes(dayPieces(known(states), now))).toEqual([
    ['up', 600, 300],
    ['down', 20, 10],
  ]);
  expect(totals(dayPieces(known(states), now), DAY).map(([level]) => level)).toEqual(['down', 'unknown', 'up']);
});

test('of two exporters the worse one counts', () => {
  const states = [state('up', 60, null, 0), state('degraded', 40, 20, 20, 'b'), state('up', 20, null, 0, 'b')];
  expect(minutes(dayPieces(known(states), now))).toEqual([
    ['up', 60, 40],
    ['major', 40, 20],
    ['up', 20, 0],
  ]);
  expect(dayPieces(known([]), now)).toEqual([]);
});

test('where older states are missing, the strip begins after them and calls them nothing', () => {
  const history = known([state('up', 50, null, 0), state('down', 120, 50, 50)], 90);
  const begin = beginOf(history, now);
  expect([isCut(history), (now - begin) / 60_000]).toEqual([true, 90]);
  expect(minutes(dayPieces(history, now))).toEqual([
    ['down', 90, 50],
    ['up', 50, 0],
  ]);
  expect(totals(dayPieces(history, now), now - begin)).toEqual([
    ['down', 2400],
    ['up', 3000],
  ]);
  expect(isCut(known([]))).toBe(false);
});
