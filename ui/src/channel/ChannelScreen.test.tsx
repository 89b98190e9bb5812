// @vitest-environment happy-dom
import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import type { Maintenance, Summary } from '../api/types';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { ChannelScreen } from './ChannelScreen';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function open(changes: Partial<Summary> = {}, maintenances: Partial<Maintenance>[] = []) {
  const exporter = new TestExporter({
    'GET session': { name: 'lan', role: 'operate', identity: 'session' },
    'GET channels/summary': summaryOf(changes),
    'GET channels/status': { source: 'memory', channels: [channel({ code: 'A&B' })] },
    'GET maintenance': { maintenances },
    'GET checks': { checks: [] },
  });
  return { ...renderPage(<ChannelScreen code="A&B" />), exporter };
}

test('a channel leads to its dashboard where the exporter knows Grafana', async () => {
  open({ grafana: 'https://graphs.example/g' });
  const link = await screen.findByRole('link', { name: 'Grafana' });
  expect(link.getAttribute('href')).toBe('https://graphs.example/g/d/packager-channel?var-channel=A%26B');
});

test('without Grafana there is no link', async () => {
  open();
  await screen.findByText(/curl/);
  expect(screen.queryByText('Grafana')).toBeNull();
});

test.each([
  ['/px', `${location.origin}/px`],
  ['', location.origin],
  ['https://noc.example/px', 'https://noc.example/px'],
])('links to probes begin at the base %o that the exporter names', async (probing_base, base) => {
  const asked = vi.fn();
  vi.stubGlobal('prompt', asked);
  vi.stubGlobal('navigator', {});
  open({ probing_base });
  const log = await screen.findByRole('link', { name: 'Log of a probe' });
  expect(log.getAttribute('href')).toBe(`${base}/probe?target=A%26B&debug=true`);
  fireEvent.click(screen.getByRole('button', { name: 'Copy curl' }));
  expect(asked).toHaveBeenCalledWith('Copy curl', `curl -G '${base}/probe' --data-urlencode 'target=A&B'`);
});

test('where the address for probes is not known, nothing leads there', async () => {
  open({ probing_base: null, grafana: 'https://graphs.example' });
  await screen.findByRole('link', { name: 'Grafana' });
  expect(screen.queryByText('Log of a probe')).toBeNull();
  expect(screen.queryByText('Copy curl')).toBeNull();
});

const begin = () => screen.findByRole('button', { name: 'Maintenance' }) as Promise<HTMLButtonElement>;

test('a maintenance in force is not replaced by another one', async () => {
  const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
  const times = { starts_at: at(-1), ends_at: at(1) };
  open({}, [{ id: 'm', channel: 'A&B', packager: null, created_by: 'minh', comment: 'x', ...times }]);
  await screen.findByText(/by minh, ends in/);
  expect((await begin()).disabled).toBe(true);
});

test('the next maintenance begins with the channel alone and without a comment', async () => {
  const { exporter } = open();
  exporter.set({ 'POST channels/A%26B/maintenance': {} });
  await waitFor(async () => expect((await begin()).disabled).toBe(false));
  fireEvent.click(await begin());
  fireEvent.change(await screen.findByLabelText('Silenced alerts'), { target: { value: 'packager' } });
  fireEvent.change(screen.getByLabelText('Comment'), { target: { value: 'power supply' } });
  fireEvent.click(screen.getByRole('button', { name: 'Begin maintenance' }));
  await waitFor(() => expect(screen.queryByLabelText('Comment')).toBeNull());
  fireEvent.click(await begin());
  const fields = [await screen.findByLabelText('Silenced alerts'), screen.getByLabelText('Comment')];
  expect(fields.map((field) => (field as HTMLInputElement).value)).toEqual(['channel', '']);
});

test.each([
  [{ since_exact: true }, /^for .*, since 2026-\d\d-\d\d \d\d:\d\d:\d\d \S+$/],
  [{ since_exact: false }, /^for at least .*: the first known probe, at 2026-\S+ \S+ \S+, already found it$/],
])('the page of a channel says since when its state lasts, by the clock', async (changes, text) => {
  const { exporter } = open();
  exporter.set({ 'GET channels/status': { source: 'memory', channels: [channel({ code: 'A&B', ...changes })] } });
  await screen.findByText(text);
});
