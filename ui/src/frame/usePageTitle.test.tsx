// @vitest-environment happy-dom
import { act, cleanup, waitFor } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { keys } from '../api/queries';
import { acceptSession, refuseSession } from '../api/session';
import type { Summary } from '../api/types';
import { LiveProvider } from '../live/LiveProvider';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { useInstallationName } from './installation';
import { usePageTitle } from './usePageTitle';

afterEach(() => {
  cleanup();
  acceptSession();
  vi.useRealTimers();
});

function Page() {
  usePageTitle();
  return <p>{useInstallationName()}</p>;
}

function open(path: string, changes: Partial<Summary> = {}) {
  new TestExporter({ 'GET channels/summary': summaryOf(changes), 'GET events': 503 });
  return renderPage(
    <LiveProvider>
      <Page />
    </LiveProvider>,
    path,
  );
}

const down = (count: number) => ({ states: { ...summaryOf().states, down: count } });

test.each([
  ['/channels', 'Channels'],
  ['/channels/A%26B/report', 'A&B'],
  ['/channels/A%', 'A%'],
  ['/wall', 'Wall'],
])('the tab of %s begins with what is wrong, and tells installations apart', async (path, screen) => {
  const { client } = open(path, { installation: 'Hà Nội' });
  await waitFor(() => expect(document.title).toBe(`Hà Nội · ${screen}`));
  act(() => void client.setQueryData(keys.summary, summaryOf({ installation: 'Hà Nội', ...down(3) })));
  await waitFor(() => expect(document.title).toBe(`3 down · Hà Nội · ${screen}`));
});

test('an installation without a name has its address', async () => {
  open('/channels');
  await waitFor(() => expect(document.title).toMatch(/^[^/]+ · Channels$/));
  expect(document.querySelector('p')?.textContent).toBe(location.host);
});

test('a tab that knows nothing of the present says so', async () => {
  open('/channels', down(3));
  await waitFor(() => expect(document.title).toMatch(/^3 down/));
  act(refuseSession);
  await waitFor(() => expect(document.title).toMatch(/^NO DATA · /));
});
