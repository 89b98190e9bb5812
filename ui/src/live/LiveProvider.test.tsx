// @vitest-environment happy-dom
import { act, cleanup, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useHealth, useStatuses, useSummary } from '../api/queries';
import { acceptSession } from '../api/session';
import { LostBanner } from '../frame/FreshnessMark';
import { MissingLine } from '../overview/MissingLine';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { LiveProvider, useFreshness } from './LiveProvider';

function Probe() {
  useStatuses();
  useSummary();
  useHealth();
  return (
    <>
      <p role="status">{useFreshness().freshness}</p>
      <LostBanner />
      <MissingLine />
    </>
  );
}

const freshness = () => screen.getByRole('status').textContent;
const seconds = (count: number) => act(() => vi.advanceTimersByTimeAsync(count * 1000));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  acceptSession();
  vi.useRealTimers();
});

function open(status: object | number) {
  const exporter = new TestExporter({
    'GET health': { status: 'healthy' },
    'GET channels/summary': summaryOf(),
    'GET channels/status': status,
    'GET events': 503,
  });
  renderPage(
    <LiveProvider>
      <Probe />
    </LiveProvider>,
  );
  return exporter;
}

const statuses = { source: 'memory', channels: [channel({ code: 'A' })] };

test.each([403, 429, 500, 503])(
  'when only the states are refused with %i, the page is grey within 15 s',
  async (refusal) => {
    const exporter = open(statuses);
    await seconds(30);
    expect(freshness()).toBe('fresh');
    exporter.set({ 'GET channels/status': refusal });
    await seconds(21);
    expect(freshness()).toBe('lost');
    exporter.set({ 'GET channels/status': statuses });
    await seconds(6);
    expect(freshness()).toBe('fresh');
  },
);

test('when a login is needed, the page is grey at once', async () => {
  const exporter = open(statuses);
  await seconds(10);
  expect(freshness()).toBe('fresh');
  exporter.set({ 'GET channels/status': 401, 'GET channels/summary': 401, 'GET events': 401 });
  await seconds(6);
  expect(freshness()).toBe('lost');
});

test('an exporter that has not read its catalogue is heard: the page says its reasons', async () => {
  const exporter = open(503);
  const reasons = ['the channels were not read: the database is away'];
  const health = { status: 'unhealthy', database: 'disconnected', reasons };
  exporter.set({ 'GET health': () => Response.json(health, { status: 503 }), 'GET channels/summary': 503 });
  await seconds(21);
  expect(freshness()).toBe('lost');
  expect(screen.getByRole('alert').textContent).toContain('The exporter says: refused with 503.');
  expect(screen.getByText(/The exporter says: the channels were not read: the database is away/)).toBeTruthy();
  // The reason stays while the states are asked for again.
  const slow = () => new Promise<Response>((resolve) => setTimeout(() => resolve(refusal()), 1000));
  const refusal = () => Response.json({ detail: 'refused with 503' }, { status: 503 });
  exporter.set({ 'GET channels/status': slow });
  for (let tenth = 0; tenth < 70; tenth += 1) {
    await seconds(0.1);
    expect(screen.getByRole('alert').textContent).toContain('refused with 503');
  }
});
