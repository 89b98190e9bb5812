// @vitest-environment happy-dom
import { act, cleanup, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { keys } from '../api/queries';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
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

function open(answer: object | number) {
  new TestExporter({
    'GET channels/summary': summaryOf({ has_database: false }),
    'GET channels/status': statuses(),
    'GET channels/A/report': answer,
    'GET checks': { checks: [] },
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
