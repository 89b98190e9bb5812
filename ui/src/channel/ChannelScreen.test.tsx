// @vitest-environment happy-dom
import { cleanup, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { ChannelScreen } from './ChannelScreen';

afterEach(cleanup);

function open(grafana: string | null) {
  new TestExporter({
    'GET channels/summary': summaryOf({ grafana }),
    'GET channels/status': { source: 'memory', channels: [channel({ code: 'A&B' })] },
    'GET checks': { checks: [] },
  });
  renderPage(<ChannelScreen code="A&B" />);
}

test('a channel leads to its dashboard where the exporter knows Grafana', async () => {
  open('https://graphs.example/g');
  const link = await screen.findByRole('link', { name: 'Grafana' });
  expect(link.getAttribute('href')).toBe('https://graphs.example/g/d/packager-channel?var-channel=A%26B');
});

test('without Grafana there is no link', async () => {
  open(null);
  await screen.findByText(/curl/);
  expect(screen.queryByText('Grafana')).toBeNull();
});
