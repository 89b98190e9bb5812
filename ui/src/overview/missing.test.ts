// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { ApiError } from '../api/client';
import type { Alert, Health, Summary } from '../api/types';
import { missing } from './missing';

const now = Date.parse('2026-01-31T18:00:00Z');
const summary: Summary = {
  source: 'memory',
  version: '0.1.0',
  total: 2,
  active: 2,
  is_4k: 0,
  states: { up: 2, degraded: 0, down: 0, unknown: 0, disabled: 0 },
  severities: { critical: 0, major: 0, minor: 0, warning: 0 },
  tiers: {},
  heard_at: '2026-01-31T17:59:50Z',
  has_database: true,
  has_alertmanager: true,
  alertmanager: null,
  prometheus: null,
  probing_base: '',
  grafana: null,
  installation: null,
};
const health = { status: 'healthy', database: 'connected', reasons: [] as string[] } as unknown as Health;
const watchdog = [{ alertname: 'Watchdog' } as Alert];
const known = { summary, health, alerts: watchdog, alertsError: null, maintenancesError: null, now };
const kinds = (changes: Partial<typeof known> | { alertsError: Error } | { maintenancesError: Error }) =>
  missing({ ...known, ...changes }).map((one) => one.kind);

test('nothing is missing where everything is connected and probes come', () => {
  expect(kinds({})).toEqual([]);
});

test('nothing is said before anything was read', () => {
  expect(missing({ ...known, summary: undefined, health: undefined, alerts: undefined })).toEqual([]);
});

test('probes are missing after 90 s, and when none ever came; an empty catalogue needs none', () => {
  const summary = { ...known.summary, states: { ...known.summary.states, up: 0, unknown: 2 } };
  const heard = (heard_at: string | null) => kinds({ summary: { ...summary, heard_at } as Summary });
  expect(heard('2026-01-31T17:58:30Z')).toEqual([]);
  expect(heard('2026-01-31T17:58:29Z')).toEqual(['probes']);
  expect(heard(null)).toEqual(['never']);
  expect(kinds({ summary: { ...summary, heard_at: null, active: 0 } as Summary })).toEqual([]);
});

test('channels that are probed every five minutes are not missed between two probes', () => {
  expect(kinds({ summary: { ...summary, heard_at: '2026-01-31T17:56:00Z' } as Summary })).toEqual([]);
});

test('an Alertmanager that does not answer is named', () => {
  expect(kinds({ maintenancesError: new ApiError(502, 'no answer') })).toEqual(['alertmanagerAway']);
});

test('without a database nobody asks for the Watchdog or Alertmanager', () => {
  const alone = { ...summary, has_database: false, has_alertmanager: false } as Summary;
  expect(kinds({ summary: alone })).toEqual(['database']);
});

test('a database that is away, a silent Watchdog and a missing Alertmanager are each named', () => {
  expect(kinds({ alertsError: new ApiError(503, 'away') })).toEqual(['databaseAway']);
  expect(kinds({ health: { ...health, database: 'disconnected', status: 'degraded' } as Health })).toEqual([
    'databaseAway',
  ]);
  expect(kinds({ alerts: [] })).toEqual(['watchdog']);
  expect(kinds({ summary: { ...summary, has_alertmanager: false } as Summary })).toEqual(['alertmanager']);
  const degraded = { ...health, status: 'degraded', reasons: ['row 3 is bad'] } as unknown as Health;
  expect(missing({ ...known, health: degraded })).toEqual([{ kind: 'reason', reason: 'row 3 is bad' }]);
});

test('an exporter that can not answer probes says why before anything else', () => {
  const unhealthy = {
    status: 'unhealthy',
    database: 'disconnected',
    reasons: ['no catalogue yet'],
  } as unknown as Health;
  expect(missing({ ...known, summary: undefined, health: unhealthy })).toEqual([
    { kind: 'reason', reason: 'no catalogue yet' },
    { kind: 'databaseAway' },
  ]);
});
