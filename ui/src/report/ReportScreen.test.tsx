// @vitest-environment happy-dom
import { act, cleanup, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { keys } from '../api/queries';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { fullTime } from '../time/duration';
import { ReportScreen } from './ReportScreen';

afterEach(cleanup);

const statuses = (changes: object = {}) => ({ source: 'memory', channels: [channel({ code: 'A', ...changes })] });
const report = {
  target: 'A',
  started_at: '2026-01-31T18:00:00Z',
  outputs: [],
  checks: [],
  findings: [
    {
      check: 'codec_mismatch',
      severity: 'major',
      output: 'hls',
      rendition: null,
      message: 'wrong',
      evidence: {},
      reference: 'x',
    },
  ],
};

function open(answer: object | number, changes: object = {}, more: ConstructorParameters<typeof TestExporter>[0] = {}) {
  new TestExporter({
    'GET channels/summary': summaryOf({ has_database: false, ...changes }),
    'GET channels/status': statuses(),
    'GET channels/A/report': answer,
    'GET checks': { checks: [] },
    ...more,
  });
  return renderPage(<ReportScreen code="A" />);
}

test('findings have the time of their probe, and go when another exporter probes the channel', async () => {
  const { client } = open(report);
  await screen.findByText('codec_mismatch');
  expect(screen.getByText(/^by the probe of .*(2026)/)).toBeTruthy();
  act(() => void client.setQueryData(keys.statuses, statuses({ exporter: 'exporter-2' })));
  await screen.findByText(/The exporter exporter-2 ran the last probe/);
  expect(screen.queryByText('codec_mismatch')).toBeNull();
});

test('a report that can not be read says why', async () => {
  open(503);
  await screen.findByText('refused with 503');
});

test('alerts on paper have times of day, and missing states are named', async () => {
  const times = { starts_at: '2026-01-31T17:00:00Z', acknowledged_at: '2026-01-31T17:30:00Z' };
  const alert = {
    ...times,
    id: 1,
    alertname: 'ChannelDegraded',
    channel: 'A',
    severity: 'major',
    status: 'acknowledged',
    acknowledged_by: 'lan',
    annotations: {},
    silenced_by: [],
    inhibited_by: [],
  };
  const history = {
    channel: 'A',
    since: '2026-01-30T18:00:00Z',
    states_complete_since: '2026-01-31T12:00:00Z',
    states: [],
    alerts: [],
  };
  open(
    report,
    { has_database: true },
    { 'GET alerts/active': { alerts: [alert], next_cursor: null }, 'GET channels/A/history': history },
  );
  const row = (await screen.findByText('ChannelDegraded')).closest('tr');
  expect(row?.textContent).toContain(fullTime(times.starts_at));
  expect(row?.textContent).toContain(`lan, ${fullTime(times.acknowledged_at)}`);
  expect(row?.querySelector('time, button')).toBeNull();
  const cut = await screen.findByText(/^Only the states since/);
  expect(cut.textContent).toContain(fullTime(history.states_complete_since));
});
