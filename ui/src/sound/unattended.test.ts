import { expect, test } from 'vitest';
import type { Alert, Maintenance } from '../api/types';
import { channel, failed } from '../testing';
import { isAttended, unattendedCritical } from './unattended';

const now = Date.parse('2026-01-31T19:00:00Z');
const alert = (code: string | null, status: string, changes: Partial<Alert> = {}) =>
  ({
    channel: code,
    status,
    fingerprint: `${changes.alertname ?? 'ChannelDown'} ${code}`,
    severity: 'critical',
    labels: {},
    inhibited_by: [],
    silenced_by: [],
    ...changes,
  }) as unknown as Alert;
const down = (code: string) =>
  channel({ code, state: 'down', severity: 'critical', failed: [failed('live_ended', 'critical')] });
const rings = (alerts: Alert[], ...codes: string[]) =>
  unattendedCritical(codes.map(down), { alerts, maintenances: [], now }).map((one) => one.code);

test('a critical channel sounds until somebody acknowledged all its alerts or put it into maintenance', () => {
  const channels = [down('A'), down('B'), down('C'), down('D'), channel({ code: 'E' })];
  const alerts = [
    alert('A', 'acknowledged'),
    alert('B', 'acknowledged'),
    alert('B', 'firing', { alertname: 'PictureGone' }),
  ];
  const maintenances = [
    { channel: 'C', packager: null, starts_at: '2026-01-31T18:00:00Z', ends_at: '2026-01-31T20:00:00Z' } as Maintenance,
  ];
  const codes = unattendedCritical(channels, { alerts, maintenances, now }).map((one) => one.code);
  expect(codes).toEqual(['B', 'D']);
  expect(unattendedCritical(channels, { alerts: undefined, maintenances: undefined, now })).toHaveLength(4);
});

test('an acknowledged alert that is less severe than the channel says nothing about it', () => {
  const loudness = alert('A', 'acknowledged', { alertname: 'SignalPoor', severity: 'minor' });
  expect(rings([loudness], 'A')).toEqual(['A']);
  expect(rings([loudness, alert('A', 'acknowledged')], 'A')).toEqual([]);
  // A lesser alert that fires beside it doesn't make a channel sound on which somebody works.
  expect(rings([alert('A', 'acknowledged'), { ...loudness, status: 'firing' }], 'A')).toEqual([]);
  const major = channel({ code: 'A', state: 'degraded', severity: 'major' });
  expect(isAttended(major, { alerts: [loudness], maintenances: [], now })).toBe(false);
});

test('an inhibited alert does not sound once somebody works on the alert that inhibits it', () => {
  const packager = (status: string) =>
    alert(null, status, { alertname: 'PackagerDown', labels: { packager: 'packager-01' } });
  const inhibited = (code: string) => alert(code, 'firing', { inhibited_by: ['PackagerDown null'] });
  const channels = [inhibited('A'), inhibited('B')];
  expect(rings([packager('acknowledged'), ...channels], 'A', 'B')).toEqual([]);
  expect(rings([packager('firing'), ...channels], 'A', 'B')).toEqual(['A', 'B']);
  // Without a connected Alertmanager the inhibited alerts are not known.
  expect(rings([packager('acknowledged')], 'A')).toEqual([]);
  expect(rings([{ ...packager('acknowledged'), labels: { packager: 'packager-02' } }], 'A')).toEqual(['A']);
  // The exporter lists no alert that only inhibits others.
  expect(rings([alert('A', 'firing', { inhibited_by: ['ChannelDownInhibitor'] })], 'A')).toEqual([]);
});

test('an alert that somebody silenced in Alertmanager does not sound', () => {
  expect(rings([alert('A', 'firing', { silenced_by: ['s-1'] })], 'A')).toEqual([]);
});

test('thousands of channels and alerts are judged within a second', () => {
  const codes = Array.from({ length: 3000 }, (_, n) => `CH_${n}`);
  const alerts = codes.map((code) => alert(code, 'firing'));
  const began = performance.now();
  expect(rings(alerts, ...codes)).toHaveLength(3000);
  expect(performance.now() - began).toBeLessThan(1000);
});
