// @vitest-environment happy-dom
import { act, cleanup, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { useAlertsCut } from '../api/queries';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { MissingLine } from './MissingLine';

afterEach(cleanup);

function Page() {
  return (
    <>
      <MissingLine />
      {useAlertsCut() && <p>cut</p>}
    </>
  );
}

test.each([
  ['arrives', [{ id: 1, alertname: 'Watchdog', severity: 'none' }], false],
  ['does not arrive', [], true],
])(
  'where there are more alerts than the page reads, the Watchdog is asked for by itself: it %s',
  async (_, alerts, isMissing) => {
    const asked: string[] = [];
    new TestExporter({
      'GET channels/summary': summaryOf(),
      'GET health': { status: 'healthy', database: 'connected', reasons: [] },
      'GET maintenance': { maintenances: [] },
      'GET alerts/active': (request) => {
        const alertname = new URL(request.url).searchParams.get('alertname');
        if (alertname === null) {
          return Response.json({ alerts: [{ id: 2, alertname: 'ChannelDown' }], next_cursor: '2' });
        }
        asked.push(alertname);
        return Response.json({ alerts, next_cursor: null });
      },
    });
    renderPage(<Page />);
    await screen.findByText('cut');
    expect(asked).toEqual(['Watchdog']);
    await waitFor(() => expect(screen.queryByText(/^The alert Watchdog does not arrive/) !== null).toBe(isMissing));
  },
);

test.each([
  ['answers', { status: 'healthy', database: 'connected', reasons: [] }, true],
  ['does not answer', 502, false],
])('the database is blamed only while the exporter %s', async (_, health, isBlamed) => {
  const exporter = new TestExporter({
    'GET channels/summary': summaryOf(),
    'GET health': health,
    'GET maintenance': 502,
    'GET alerts/active': 503,
  });
  renderPage(<Page />);
  await waitFor(() =>
    expect(exporter.requests).toEqual(expect.arrayContaining(['GET maintenance', 'GET alerts/active'])),
  );
  await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
  expect(screen.queryByText(/The database does not answer/) !== null).toBe(isBlamed);
  expect(screen.queryByText(/Alertmanager does not answer/) !== null).toBe(isBlamed);
});
