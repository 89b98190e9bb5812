import { expect, test } from 'vitest';
import type { Alert, Maintenance } from '../api/types';
import { channel, failed } from '../testing';
import { unattendedCritical } from './unattended';

const now = Date.parse('2026-01-31T19:00:00Z');
const alert = (code: string, status: string) => ({ channel: code, status }) as Alert;
const down = (code: string) =>
  channel({ code, state: 'down', severity: 'critical', failed: [failed('live_ended', 'critical')] });

test('a critical channel sounds until somebody acknowledged all its alerts or put it into maintenance', () => {
  const channels = [down('A'), down('B'), down('C'), down('D'), channel({ code: 'E' })];
  const alerts = [alert('A', 'acknowledged'), alert('B', 'acknowledged'), alert('B', 'firing')];
  const maintenances = [
    { channel: 'C', packager: null, starts_at: '2026-01-31T18:00:00Z', ends_at: '2026-01-31T20:00:00Z' } as Maintenance,
  ];
  const codes = unattendedCritical(channels, { alerts, maintenances, now }).map((one) => one.code);
  expect(codes).toEqual(['B', 'D']);
  expect(unattendedCritical(channels, { alerts: undefined, maintenances: undefined, now })).toHaveLength(4);
});
