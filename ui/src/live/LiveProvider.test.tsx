// @vitest-environment happy-dom
import { act, cleanup, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useHealth, useStatuses, useSummary } from '../api/queries';
import { acceptSession } from '../api/session';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { LiveProvider, useFreshness } from './LiveProvider';

function Probe() {
  useStatuses();
  useSummary();
  useHealth();
  return <p role="status">{useFreshness().freshness}</p>;
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

test.each([403, 429, 500])(
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
