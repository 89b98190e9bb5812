import { expect, test } from 'vitest';
import type { Alert } from '../api/types';
import { lanesOf } from './lanes';

const now = Date.parse('2026-01-31T18:00:00Z');
const alert = (id: number, changes: Partial<Alert>): Alert =>
  ({
    id,
    alertname: 'ChannelDown',
    channel: 'CH_1',
    severity: 'major',
    status: 'resolved',
    fingerprint: `f-${id}`,
    starts_at: '2026-01-31T10:00:00Z',
    resolved_at: '2026-01-31T11:00:00Z',
    ...changes,
  }) as Alert;
const hours = (time: number) => (now - time) / 3_600_000;

test('an alert that came twice has one lane, and one that lasts runs until now', () => {
  const alerts = [
    alert(1, {}),
    alert(2, { status: 'firing', starts_at: '2026-01-31T16:00:00Z', resolved_at: null }),
    // The list of active alerts has it too.
    alert(2, { status: 'firing', starts_at: '2026-01-31T16:00:00Z', resolved_at: null }),
  ];
  const lanes = lanesOf(alerts, now);
  expect(lanes.map((lane) => lane.spans.map(({ from, to }) => [hours(from), hours(to)]))).toEqual([
    [
      [8, 7],
      [2, 0],
    ],
  ]);
});

test('lanes begin a day ago at the earliest, stand worst first, and older alerts have none', () => {
  const alerts = [
    alert(1, { channel: 'OLD', starts_at: '2026-01-29T00:00:00Z', resolved_at: '2026-01-30T18:00:00Z' }),
    alert(2, { channel: 'LONG', starts_at: '2026-01-29T00:00:00Z', status: 'acknowledged', resolved_at: null }),
    alert(3, { channel: 'BAD', severity: 'critical' }),
  ];
  const lanes = lanesOf(alerts, now);
  expect(lanes.map((lane) => lane.channel)).toEqual(['BAD', 'LONG']);
  expect(lanes[1]?.spans.map(({ from, to }) => [hours(from), hours(to)])).toEqual([[24, 0]]);
});
