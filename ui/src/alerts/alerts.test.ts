import { expect, test } from 'vitest';
import type { Alert } from '../api/types';
import {
  alertOrder,
  alertPasses,
  readAlertFilters,
  withChosen,
  withoutSettled,
  withoutWatchdog,
  writeAlertFilters,
} from './alerts';

const alert = (id: number, severity: string, changes: Partial<Alert> = {}): Alert =>
  ({
    id,
    severity,
    status: 'firing',
    alertname: 'ChannelDown',
    channel: `CH_${id}`,
    summary: `CH_${id} is down`,
    starts_at: '2026-01-31T18:00:00Z',
    labels: {},
    silence_id: null,
    silenced_by: [] as string[],
    inhibited_by: [] as string[],
    ...changes,
  }) as Alert;

test('what nobody acknowledged stands on top, the worst and then the newest first', () => {
  const alerts = [
    alert(1, 'critical', { status: 'acknowledged' }),
    alert(2, 'major'),
    alert(3, 'critical', { starts_at: '2026-01-31T17:00:00Z' }),
    alert(4, 'critical'),
    alert(5, 'page'),
  ];
  expect(alerts.sort(alertOrder).map((a) => a.id)).toEqual([4, 3, 2, 5, 1]);
});

test('each filter selects what it says, and a link holds it', () => {
  const alerts = [alert(1, 'critical'), alert(2, 'major', { status: 'acknowledged', summary: 'a rung is gone' })];
  const ids = (query: string) => alerts.filter((a) => alertPasses(readAlertFilters(query), a)).map((a) => a.id);
  expect([ids(''), ids('severity=major'), ids('status=firing'), ids('q=RUNG+gone'), ids('q=ch_1')]).toEqual([
    [1, 2],
    [2],
    [1],
    [2],
    [1],
  ]);
  expect(ids('status=broken')).toEqual([1, 2]);
  expect(writeAlertFilters(readAlertFilters('q=a&severity=major&status=firing'))).toBe(
    'q=a&severity=major&status=firing',
  );
});

test('the Watchdog is no alert for people', () => {
  expect(withoutWatchdog([alert(1, 'none'), alert(2, 'minor')]).map((a) => a.id)).toEqual([2]);
});

test('the name of a channel is found, and the list of a filter has the chosen value', () => {
  for (const q of ['kênh một', 'kenh mot', 'kênh một'.normalize('NFD')]) {
    const filters = readAlertFilters(`q=${q}`);
    expect(alertPasses(filters, alert(1, 'major'))).toBe(false);
    expect(alertPasses(filters, alert(1, 'major'), new Map([['CH_1', 'Kênh Một']]))).toBe(true);
  }
  const ofPackager = alert(2, 'critical', { channel: null, labels: { packager: 'packager-07' } });
  expect(alertPasses(readAlertFilters('q=packager-07'), ofPackager)).toBe(true);
  expect([withChosen(['major'], 'critical'), withChosen(['major'], 'major'), withChosen(['major'], '')]).toEqual([
    ['major', 'critical'],
    ['major'],
    ['major'],
  ]);
});

test('what was acknowledged is no longer selected, and what was refused is', () => {
  expect([...withoutSettled(new Set([1, 2, 3]), [{ id: 1 }, { id: 3 }])]).toEqual([2]);
});

test('alerts of which nobody is notified can be hidden, and the link holds that', () => {
  const alerts = [
    alert(1, 'major'),
    alert(2, 'major', { silenced_by: ['s'] }),
    alert(3, 'major', { inhibited_by: ['f'] }),
    alert(4, 'major', { silence_id: 's' }),
  ];
  const ids = (query: string) => alerts.filter((a) => alertPasses(readAlertFilters(query), a)).map((a) => a.id);
  expect([ids(''), ids('loud=true'), ids('loud=1')]).toEqual([[1, 2, 3, 4], [1], [1, 2, 3, 4]]);
  expect(writeAlertFilters(readAlertFilters('loud=true'))).toBe('loud=true');
});
