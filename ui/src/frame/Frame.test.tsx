// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { useLocation } from 'wouter';
import { keys } from '../api/queries';
import { acceptSession } from '../api/session';
import type { Summary } from '../api/types';
import { LOST } from '../live/freshness';
import { LiveProvider } from '../live/LiveProvider';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { Frame } from './Frame';
import { FreshnessMark } from './FreshnessMark';

afterEach(() => {
  cleanup();
  acceptSession();
});

function open(changes: Partial<Summary> = {}, session = { name: 'lan', role: 'operate', identity: 'session' }) {
  const exporter = new TestExporter({
    'GET session': session,
    'GET channels/summary': summaryOf(changes),
    'GET channels/status': { source: 'memory', channels: [channel({ code: 'A' })] },
    'GET alerts/active': { alerts: [], next_cursor: null },
    'GET events': 503,
  });
  const view = renderPage(
    <LiveProvider>
      <Frame>
        <p>content</p>
      </Frame>
    </LiveProvider>,
    '/channels/A',
  );
  return { ...view, exporter };
}

test('the skip link goes to the content and not to another page', () => {
  const { history } = open();
  fireEvent.click(screen.getByText('Skip to the content'));
  expect(document.activeElement?.id).toBe('content');
  expect(history).toEqual(['/channels/A']);
});

test('a logout that fails is shown, and one that succeeds leaves nothing on the page', async () => {
  const { exporter, client } = open();
  client.setQueryData(keys.statuses, { source: 'memory', channels: [channel({ code: 'A' })] });
  exporter.set({ 'DELETE session': 503 });
  const button = await screen.findByRole('button', { name: 'Log out lan' });
  fireEvent.click(button);
  await screen.findByText('You are still logged in: refused with 503');
  expect(client.getQueryData(keys.summary)).toBeDefined();

  const refused = Object.fromEntries(
    ['session', 'channels/summary', 'channels/status', 'alerts/active'].map((path) => [`GET ${path}`, 401]),
  );
  exporter.set({ ...refused, 'DELETE session': () => new Response(null, { status: 204 }) });
  fireEvent.click(button);
  await screen.findByText('Please log in');
  await waitFor(() => expect(screen.queryByText(/still logged in/)).toBeNull());
  expect([keys.statuses, keys.summary].map((key) => client.getQueryData(key))).toEqual([undefined, undefined]);
});

test('the banner of old data is said once: the time that counts beside it is not read out', async () => {
  const { exporter } = open();
  await screen.findByText('Log out lan');
  exporter.set({ 'GET channels/summary': 401 });
  const { refuseSession } = await import('../api/session');
  refuseSession();
  const banner = await screen.findByText(/^Log in to see/);
  expect(banner.getAttribute('role')).toBe('alert');
  for (const changing of banner.querySelectorAll('*')) expect(changing.getAttribute('aria-hidden')).toBe('true');
});

test("the exporter's own page is a link where its address is known", async () => {
  open({ probing_base: '/px' });
  expect((await screen.findByRole('link', { name: 'Exporter' })).getAttribute('href')).toBe(`${location.origin}/px/`);
  cleanup();
  open({ probing_base: null });
  await screen.findByText('Log out lan');
  expect(screen.queryByRole('link', { name: 'Exporter' })).toBeNull();
});

test('a stream on which nothing of the states comes is not called live', async () => {
  vi.useFakeTimers();
  const exporter = new TestExporter({
    'GET events': () => new Response(new ReadableStream(), { headers: { 'content-type': 'text/event-stream' } }),
    'GET channels/status': 503,
  });
  renderPage(
    <LiveProvider>
      <FreshnessMark />
    </LiveProvider>,
  );
  const text = () => document.querySelector('.freshness')?.textContent;
  await act(() => vi.advanceTimersByTimeAsync(1000));
  expect(exporter.requests).toContain('GET events');
  expect(text()).toBe('waiting for the exporter · live');
  await act(() => vi.advanceTimersByTimeAsync(LOST));
  expect(text()).toBe('waiting for the exporter');
  vi.useRealTimers();
});

test('a paper says when it was made, and at which installation', async () => {
  open({ installation: 'Hà Nội' });
  await screen.findByText('Log out lan');
  expect(screen.queryByText(/^Made at/)).toBeNull();
  act(() => void dispatchEvent(new Event('beforeprint')));
  expect(screen.getByText(/^Made at \d{4}-/).textContent).toContain('by Hà Nội');
});

function Screens() {
  const [path, navigate] = useLocation();
  return (
    <Frame>
      <button type="button" key={path} onClick={() => navigate('/channels')}>
        go on
      </button>
    </Frame>
  );
}

test('a screen begins at its top, and has the focus when the link to it is gone', async () => {
  new TestExporter({ 'GET events': 503 });
  renderPage(
    <LiveProvider>
      <Screens />
    </LiveProvider>,
    '/channels/A',
  );
  const content = document.getElementById('content') as HTMLElement;
  content.scrollTop = 300;
  const button = screen.getByRole('button', { name: 'go on' });
  button.focus();
  fireEvent.click(button);
  await waitFor(() => expect(content.scrollTop).toBe(0));
  expect(document.activeElement).toBe(content);
});

test.each([
  ['user', true],
  ['proxy', true],
  ['open', false],
])('who is logged in as %s without a session of the page is named: %s', async (identity, isNamed) => {
  const { client } = open({}, { name: 'minh', role: 'read', identity });
  await waitFor(() => expect(client.getQueryData(keys.caller)).toMatchObject({ identity }));
  await waitFor(() => expect(screen.queryByText('minh') !== null).toBe(isNamed));
  expect(screen.queryByRole('button', { name: /^Log out/ })).toBeNull();
});
