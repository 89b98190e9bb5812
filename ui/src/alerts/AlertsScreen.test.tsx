// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
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
  // An alert that began before the day is on a further page.
  const old = alert(3, { status: 'resolved', starts_at: at(30), resolved_at: at(20) });
  const asked: string[] = [];
  exporter.set({
    'GET alerts': (request) => {
      const query = new URL(request.url).searchParams;
      asked.push(`${query.has('since')} ${query.get('active_since')?.slice(0, 10)} ${query.get('cursor')}`);
      const isFirst = !query.has('cursor');
      return Response.json({ alerts: isFirst ? [ended] : [old], next_cursor: isFirst ? '2' : null });
    },
  });
  const details = (await screen.findByText('Last 24 hours')).closest('details') as HTMLDetailsElement;
  details.open = true;
  fireEvent(details, new Event('toggle'));
  const lane = await screen.findByRole('row', { name: /CH_2/ });
  expect(lane.querySelectorAll('rect')).toHaveLength(1);
  expect(screen.getByRole('row', { name: /CH_3/ }).querySelectorAll('rect')).toHaveLength(1);
  const day = at(24).slice(0, 10);
  expect(asked).toEqual([`false ${day} null`, `false ${day} 2`]);
  expect(screen.queryByText(/^More than/)).toBeNull();
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

test('keys go through the alerts, and Enter opens the details of one', async () => {
  const { exporter } = open([alert(3), alert(2), alert(1, { status: 'acknowledged' })]);
  exporter.set({ 'GET alerts/2/history': { events: [] } });
  await screen.findByLabelText('Select ChannelDegraded of CH_3');
  const rows = screen.getByRole('region', { name: 'Rows of alerts' });
  expect(rows.matches('[data-rows]')).toBe(true);
  rows.focus();
  const press = (...pressed: string[]) => {
    for (const key of pressed) fireEvent.keyDown(document.activeElement ?? rows, { key });
    return document.activeElement?.getAttribute('aria-label');
  };
  expect(press('j')).toBe('Select ChannelDegraded of CH_3');
  // An acknowledged alert has no box.
  expect(press('j', 'j', 'j')).toBe('Details of ChannelDegraded of CH_1');
  expect(press('k')).toBe('Select ChannelDegraded of CH_2');
  press('Enter');
  expect((await screen.findByRole('dialog')).textContent).toContain('CH_2');
});

test('a day with more alerts than the page reads says so', async () => {
  const { exporter } = open([]);
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const ended = alert(2, { status: 'resolved', starts_at: at, resolved_at: at });
  exporter.set({ 'GET alerts': { alerts: [ended], next_cursor: '2' } });
  const details = (await screen.findByText('Last 24 hours')).closest('details') as HTMLDetailsElement;
  details.open = true;
  fireEvent(details, new Event('toggle'));
  await screen.findByText(/^More than 5000 alerts were active/);
  expect(exporter.requests.filter((request) => request === 'GET alerts')).toHaveLength(5);
});

/** Acknowledges the alert of a channel on the page. */
async function acknowledge(code: string) {
  fireEvent.click(await screen.findByLabelText(`Select ChannelDegraded of ${code}`));
  fireEvent.click(screen.getByRole('button', { name: 'Acknowledge 1' }));
  fireEvent.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Acknowledge' }));
  await screen.findByText(new RegExp(`^Acknowledged 1: ChannelDegraded ${code}`));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
}

test('the refusal of an undo is not shown beside the next acknowledgement', async () => {
  const acknowledged = (id: number) =>
    alert(id, { status: 'acknowledged', acknowledged_at: `2026-01-31T18:0${id}:00Z`, acknowledged_by: 'lan' });
  const { exporter } = open([alert(1), alert(2)]);
  const answer = (id: number, ...alerts: Alert[]) =>
    exporter.set({
      'POST alerts/acknowledge': () => {
        exporter.set({ 'GET alerts/active': { alerts, next_cursor: null } });
        return Response.json({ alerts: [acknowledged(id)], unchanged: [], refused: [] });
      },
    });
  answer(1, acknowledged(1), alert(2));
  await acknowledge('CH_1');
  exporter.set({
    'POST alerts/unacknowledge': { alerts: [], unchanged: [], refused: [{ id: 1, status: 409, detail: 'too late' }] },
  });
  fireEvent.click(screen.getByRole('button', { name: 'Undo' }));
  await screen.findByText('too late');
  answer(2, acknowledged(1), acknowledged(2));
  await acknowledge('CH_2');
  expect(screen.queryByText('too late')).toBeNull();
});

test('an alert that left the list is neither open nor selected when it fires again', async () => {
  const { exporter, client } = open([alert(1), alert(2)]);
  exporter.set({ 'GET alerts/1/history': { events: [] } });
  const show = async (...alerts: Alert[]) => {
    exporter.set({ 'GET alerts/active': { alerts, next_cursor: null } });
    await client.invalidateQueries();
    await screen.findByText(`${alerts.length} of ${alerts.length} alerts`);
  };
  fireEvent.click(await screen.findByLabelText('Select ChannelDegraded of CH_1'));
  fireEvent.click(screen.getByRole('button', { name: 'Details of ChannelDegraded of CH_1' }));
  await screen.findByRole('dialog');
  await show(alert(2));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await show(alert(1), alert(2));
  // A dialog opens some frames later.
  await act(() => new Promise((resolve) => setTimeout(resolve, 300)));
  expect(screen.queryByRole('dialog')).toBeNull();
  const isSelected = () =>
    (screen.getByLabelText('Select ChannelDegraded of CH_1') as HTMLInputElement | null)?.checked;
  expect(isSelected()).toBe(false);

  fireEvent.click(screen.getByLabelText('Select ChannelDegraded of CH_1'));
  expect(isSelected()).toBe(true);
  exporter.set({
    'GET alerts/active': { alerts: [alert(1, { status: 'acknowledged' }), alert(2)], next_cursor: null },
  });
  await client.invalidateQueries();
  await waitFor(() => expect(screen.queryByLabelText('Select ChannelDegraded of CH_1')).toBeNull());
  await show(alert(1), alert(2));
  await screen.findByLabelText('Select ChannelDegraded of CH_1');
  expect(isSelected()).toBe(false);
});

test('an alert is acknowledged until the end of the shift, which the next dialog remembers', async () => {
  const sent: { for: string }[] = [];
  const { exporter } = open([alert(1)]);
  exporter.set({
    'POST alerts/acknowledge': async (request) => {
      sent.push(await request.json());
      return Response.json({ alerts: [], unchanged: [], refused: [] });
    },
  });
  fireEvent.click(await screen.findByLabelText('Select ChannelDegraded of CH_1'));
  fireEvent.click(screen.getByRole('button', { name: 'Acknowledge 1' }));
  const dialog = within(await screen.findByRole('dialog'));
  fireEvent.change(dialog.getByLabelText('For'), { target: { value: 'until' } });
  const end = new Date(Date.now() + 2 * 3_600_000);
  const clock = `${String(end.getHours()).padStart(2, '0')}:${String(end.getMinutes()).padStart(2, '0')}`;
  fireEvent.change(dialog.getByLabelText(/^End, such as/), { target: { value: clock } });
  fireEvent.click(dialog.getByRole('button', { name: 'Acknowledge' }));
  await waitFor(() => expect(sent).toHaveLength(1));
  const seconds = Number(sent[0]?.for.replace(/s$/, ''));
  expect(seconds).toBeGreaterThan(7000);
  expect(seconds).toBeLessThanOrEqual(7200);
  expect(localStorage.getItem('packager_exporter.shift_end')).toBe(clock);
});
