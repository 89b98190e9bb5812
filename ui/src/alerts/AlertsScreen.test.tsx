// @vitest-environment happy-dom
import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Alert } from '../api/types';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { AlertsScreen } from './AlertsScreen';

const alert = (id: number, changes: Partial<Alert> = {}): Alert =>
  ({
    id,
    severity: 'major',
    status: 'firing',
    alertname: 'ChannelDegraded',
    channel: `CH_${id}`,
    summary: `CH_${id} is bad`,
    description: null,
    starts_at: '2026-01-31T18:00:00Z',
    acknowledged_at: null,
    acknowledged_by: null,
    comment: null,
    silence_id: null,
    inhibited_by: [],
    silenced_by: [],
    labels: {},
    annotations: {},
    ...changes,
  }) as Alert;

function open(alerts: Alert[], path = '/alerts', role = 'operate', identity = 'session') {
  const exporter = new TestExporter({
    'GET session': { name: 'lan', role, identity },
    'GET channels/summary': summaryOf(),
    'GET channels/status': { source: 'memory', channels: [channel({ code: 'CH_1', name: 'Kênh Một' })] },
    'GET alerts/active': { alerts, next_cursor: null },
  });
  return { ...renderPage(<AlertsScreen />, path), exporter };
}

// The environment has no layout: without a height, no row is on the screen.
beforeEach(() => {
  vi.stubGlobal('ResizeObserver', undefined);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1000);
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(50);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('a filter of the link is shown also when no alert has its value, and is cleared', async () => {
  const { history } = open([alert(1)], '/alerts?severity=critical');
  await screen.findByText('No alert matches the filters.');
  expect((screen.getByLabelText('Severity') as HTMLSelectElement).value).toBe('critical');
  fireEvent.click(screen.getByRole('button', { name: 'Clear the filters' }));
  await screen.findByText('CH_1 is bad');
  expect(history.at(-1)).toBe('/alerts');
});

test('a row has the name of its channel, and says that a silence or another alert keeps it quiet', async () => {
  open([alert(1, { silenced_by: ['s-1'] }), alert(2, { inhibited_by: ['f-1'] }), alert(3)]);
  await screen.findByText('Kênh Một');
  const texts = screen.getAllByRole('row').map((row) => row.textContent ?? '');
  expect(texts.filter((text) => text.includes('silenced'))).toEqual([expect.stringContaining('CH_1')]);
  expect(texts.filter((text) => text.includes('inhibited'))).toEqual([expect.stringContaining('CH_2')]);
});

test('what was acknowledged is not selected again when it fires again', async () => {
  const acknowledged = alert(1, { status: 'acknowledged', acknowledged_at: '2026-01-31T18:01:00Z' });
  const { exporter, client } = open([alert(1), alert(2)]);
  exporter.set({
    'POST alerts/acknowledge': () => {
      exporter.set({ 'GET alerts/active': { alerts: [acknowledged, alert(2)], next_cursor: null } });
      return Response.json({ alerts: [acknowledged], unchanged: [], refused: [] });
    },
  });
  fireEvent.click(await screen.findByLabelText('Select ChannelDegraded of CH_1'));
  fireEvent.click(screen.getByRole('button', { name: 'Acknowledge 1' }));
  const dialog = await screen.findByRole('dialog');
  expect(within(dialog).getByText('You act as lan.')).toBeTruthy();
  fireEvent.click(within(dialog).getByRole('button', { name: 'Acknowledge' }));
  await screen.findByText(/^Acknowledged 1/);
  exporter.set({ 'GET alerts/active': { alerts: [alert(1), alert(2)], next_cursor: null } });
  await client.invalidateQueries();
  const box = (await screen.findByLabelText('Select ChannelDegraded of CH_1')) as HTMLInputElement;
  expect(box.checked).toBe(false);
});

test('a person who may only read can not begin to acknowledge, and learns why', async () => {
  open([alert(1)], '/alerts', 'read');
  fireEvent.click(await screen.findByLabelText('Select ChannelDegraded of CH_1'));
  const button = screen.getByRole('button', { name: 'Acknowledge 1' }) as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  expect(button.title).toBe('This needs the role operate; you have the role read.');
});

test('the details of an alert have its history, and resolve it', async () => {
  const { exporter } = open([alert(1)], '/alerts', 'operate', 'open');
  const event = { at: '2026-01-31T18:00:00Z', by: 'alertmanager', comment: null, summary: null, description: null };
  exporter.set({
    'GET alerts/1/history': {
      events: [
        { ...event, event: 'fired' },
        { ...event, event: 'reopened' },
      ],
    },
    'POST alerts/1/resolve': 409,
  });
  fireEvent.click(await screen.findByRole('button', { name: 'Details of ChannelDegraded of CH_1' }));
  await screen.findByText('reopened');
  fireEvent.change(screen.getByLabelText('Your name'), { target: { value: 'lan' } });
  fireEvent.click(screen.getByRole('button', { name: 'Resolve' }));
  await screen.findByText('refused with 409');
  exporter.set({ 'POST alerts/1/resolve': alert(1, { status: 'resolved' }) });
  fireEvent.click(screen.getByRole('button', { name: 'Resolve' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});

test('the last day has a lane for each alert, also for one that ended', async () => {
  const { exporter } = open([alert(1)]);
  const at = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
  const ended = alert(2, { status: 'resolved', starts_at: at(5), resolved_at: at(4) });
  exporter.set({ 'GET alerts': { alerts: [ended], next_cursor: null } });
  const details = (await screen.findByText('Last 24 hours')).closest('details') as HTMLDetailsElement;
  details.open = true;
  fireEvent(details, new Event('toggle'));
  const lane = await screen.findByRole('row', { name: /CH_2/ });
  expect(lane.querySelectorAll('rect')).toHaveLength(1);
  expect(exporter.requests).toContain('GET alerts');
});

test('of thousands of alerts only those on the screen are in the document', async () => {
  open(Array.from({ length: 1000 }, (_, n) => alert(n + 1)));
  await screen.findByText('1000 of 1000 alerts');
  await waitFor(() => expect(screen.getAllByRole('row').length).toBeGreaterThan(5));
  expect(screen.getAllByRole('row').length).toBeLessThan(60);
});

test('a screen whose alerts are not known says so', async () => {
  new TestExporter({ 'GET channels/summary': 503 });
  renderPage(<AlertsScreen />, '/alerts');
  await screen.findByText('refused with 503');
});
