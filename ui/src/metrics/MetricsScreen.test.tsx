// @vitest-environment happy-dom
import { cleanup, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { channel } from '../testing';
import { renderPage, TestExporter } from '../testingPage';
import { MetricsScreen } from './MetricsScreen';

afterEach(cleanup);

test('a channel that is not known is named, and the others are drawn', async () => {
  const now = Math.floor(Date.now() / 1000);
  const series = (request: Request) =>
    Response.json({
      channel: 'A',
      metric: new URL(request.url).searchParams.get('metric'),
      source: 'memory',
      why: null,
      step: null,
      times: [now - 15, now],
      lines: [{ output: 'hls', rendition: '720p', values: [1e6, 2e6] }],
      thresholds: {},
    });
  new TestExporter({
    'GET channels/status': { source: 'memory', channels: [channel({ code: 'A' })] },
    'GET channels/A/series': series,
    'GET channels/TYPO/series': 404,
  });
  renderPage(<MetricsScreen />, '/metrics?channels=TYPO,A');
  await waitFor(() => expect(screen.getAllByText('TYPO: refused with 404')).toHaveLength(3));
  await waitFor(() => expect(screen.getAllByRole('rowheader', { name: 'A' })).toHaveLength(3));
  expect(screen.getAllByText('2.00 Mbit/s').length).toBeGreaterThan(0);
});
