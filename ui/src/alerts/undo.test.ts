import { expect, test } from 'vitest';
import type { Alert } from '../api/types';
import { namesOfAlerts, stillMeant } from './undo';

const alert = (id: number, acknowledged_at: string | null, status = acknowledged_at ? 'acknowledged' : 'firing') =>
  ({ id, status, acknowledged_at, alertname: 'ChannelDown', channel: `CH_${id}` }) as Alert;

test('only the acknowledgement that the request made can be taken back', () => {
  const mine = [1, 2, 3, 4].map((id) => alert(id, '2026-01-31T18:00:00Z'));
  const now = [
    alert(1, '2026-01-31T18:00:00Z'),
    // Taken back, and acknowledged by another person since.
    alert(2, '2026-01-31T18:05:00Z'),
    alert(3, null),
    alert(5, '2026-01-31T18:00:00Z'),
  ];
  expect(stillMeant(mine, now).map((one) => one.id)).toEqual([1]);
  expect(stillMeant(mine, [alert(4, '2026-01-31T18:00:00Z', 'resolved')])).toEqual([]);
});

test('a sentence names three alerts at most', () => {
  const alerts = [1, 2, 3, 4].map((id) => alert(id, null));
  expect(namesOfAlerts(alerts.slice(0, 2))).toBe('ChannelDown CH_1, ChannelDown CH_2');
  expect(namesOfAlerts(alerts)).toBe('ChannelDown CH_1, ChannelDown CH_2, ChannelDown CH_3 …');
});
