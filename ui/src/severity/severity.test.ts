import { expect, test } from 'vitest';
import { channel } from '../testing';
import { COLORS, levelOf, SEVERITIES, STATES, severityRank, sortedWorstFirst, worstFirst } from './severity';

test('the worst channel comes first, whatever its name and age', () => {
  const channels = [
    channel({ code: 'A_UP' }),
    channel({ code: 'B_DISABLED', state: 'disabled' }),
    channel({ code: 'C_WARNING', severity: 'warning' }),
    channel({ code: 'D_UNKNOWN', state: 'unknown' }),
    channel({ code: 'E_MINOR', state: 'degraded', severity: 'minor' }),
    channel({ code: 'F_MAJOR', state: 'degraded', severity: 'major' }),
    channel({ code: 'G_DOWN', state: 'down', severity: 'critical' }),
  ];
  expect(sortedWorstFirst(channels).map((c) => c.code[0])).toEqual(['G', 'F', 'E', 'D', 'C', 'A', 'B']);
  expect(channels.sort(worstFirst).map((c) => c.code[0])).toEqual(['G', 'F', 'E', 'D', 'C', 'A', 'B']);
});

test('of equally bad channels the newest comes first, and healthy ones stand by code', () => {
  const bad = (code: string, since: string) => channel({ code, since, state: 'down', severity: 'critical' });
  const rows = [bad('OLD', '2026-01-31T17:00:00Z'), bad('NEW', '2026-01-31T18:00:00Z')];
  expect(rows.sort(worstFirst).map((c) => c.code)).toEqual(['NEW', 'OLD']);
  const healthy = [channel({ code: 'B', since: '2026-02-01T00:00:00Z' }), channel({ code: 'A' })];
  expect(healthy.sort(worstFirst).map((c) => c.code)).toEqual(['A', 'B']);
});

test('a channel that is down without a failed check is shown as down', () => {
  expect(levelOf({ state: 'down', severity: null })).toBe('down');
  expect(levelOf({ state: 'up', severity: null })).toBe('up');
  expect(levelOf({ state: 'up', severity: 'warning' })).toBe('warning');
});

test('a severity that nobody knows comes after every known one', () => {
  const ranks = [...SEVERITIES.map(severityRank), severityRank('page'), severityRank(null)];
  expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
  expect(severityRank('none')).toBe(-1);
});

test('only what is well has no colour', () => {
  const colourless = Object.entries(COLORS).filter(([, colour]) => colour === 'transparent');
  expect(colourless.map(([level]) => level)).toEqual(['up', 'disabled']);
  expect(STATES).toHaveLength(5);
});
