// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keys } from '../api/queries';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { ChannelsScreen } from './ChannelsScreen';
import { wayBack } from './place';

const down = (code: string) => channel({ code, state: 'down', severity: 'critical' });
const statuses = (...channels: ReturnType<typeof channel>[]) => ({ source: 'memory', channels });

function open(role = 'admin', path = '/channels') {
  const exporter = new TestExporter({
    'GET session': { name: 'lan', role, identity: 'session' },
    'GET channels/summary': summaryOf(),
    'GET channels/status': statuses(channel({ code: 'A' }), down('B')),
    'GET maintenance': { maintenances: [] },
  });
  return { ...renderPage(<ChannelsScreen />, path), exporter };
}

const table = () => screen.getByRole('grid');
const codes = () => [...document.querySelectorAll<HTMLElement>('[data-code]')].map((row) => row.dataset.code);

// The environment has no layout: without a height, no row is on the screen.
beforeEach(() => {
  vi.stubGlobal('ResizeObserver', undefined);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1000);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('the menu of a row stays while its channel leaves the filter, and does not come back by itself', async () => {
  const { client } = open('admin', '/channels?state=down');
  fireEvent.click(await screen.findByRole('button', { name: 'Actions for B' }));
  await screen.findByRole('dialog');
  act(() => void client.setQueryData(keys.statuses, statuses(channel({ code: 'A' }), channel({ code: 'B' }))));
  await screen.findByText('No channel matches the filters.');
  expect(screen.queryByRole('dialog')).not.toBeNull();
  act(() => void client.setQueryData(keys.statuses, statuses(channel({ code: 'A' }))));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  act(() => void client.setQueryData(keys.statuses, statuses(channel({ code: 'A' }), down('B'))));
  await waitFor(() => expect(codes()).toEqual(['B']));
  // A dialog opens some frames later.
  await act(() => new Promise((resolve) => setTimeout(resolve, 300)));
  expect(screen.queryByRole('dialog')).toBeNull();
});

test('keys mark a row, and Enter opens it although a link had the focus', async () => {
  const { history } = open();
  const link = await screen.findByRole('link', { name: 'B' });
  act(() => link.focus());
  expect(table().getAttribute('aria-activedescendant')).toBe('row-B');
  fireEvent.keyDown(link, { key: 'j' });
  expect(table().getAttribute('aria-activedescendant')).toBe('row-A');
  expect(screen.getAllByRole('row', { selected: true }).map((row) => row.id)).toEqual(['row-A']);
  expect(document.activeElement).toBe(table());
  fireEvent.keyDown(table(), { key: 'Enter' });
  expect(history.at(-1)).toBe('/channels/A');
});

test.each([
  ['read', ['Probe now', 'Maintenance', 'Edit', 'Disable the channel']],
  ['operate', ['Edit', 'Disable the channel']],
  ['admin', []],
])('the menu offers to the role %s what it may do', async (role, refused) => {
  open(role);
  fireEvent.click(await screen.findByRole('button', { name: 'Actions for B' }));
  const named = (name: string) => screen.findByRole('button', { name });
  const buttons = await Promise.all(['Probe now', 'Maintenance', 'Edit', 'Disable the channel'].map(named));
  await waitFor(() => {
    const disabled = buttons.filter((button) => (button as HTMLButtonElement).disabled);
    expect(disabled.map((button) => button.textContent)).toEqual(refused);
  });
  expect(screen.queryByText(/^This needs the role/) !== null).toBe(refused.length > 0);
});

test('a channel is disabled only after a question, and the menu waits until the exporter knows it', async () => {
  const { exporter } = open();
  exporter.set({ 'PATCH channels/B': {} });
  fireEvent.click(await screen.findByRole('button', { name: 'Actions for B' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Disable the channel' }));
  expect(exporter.requests).not.toContain('PATCH channels/B');
  fireEvent.click(await screen.findByRole('button', { name: 'Yes, disable it' }));
  await waitFor(() => expect(exporter.requests).toContain('PATCH channels/B'));
  expect(screen.queryByRole('dialog')).not.toBeNull();
  exporter.set({ 'GET channels/status': statuses(channel({ code: 'A' }), channel({ code: 'B', state: 'disabled' })) });
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});

test('the rows stay when the exporter does not know its catalogue', async () => {
  const { exporter, client } = open();
  await screen.findByRole('link', { name: 'B' });
  exporter.set({ 'GET channels/status': 503, 'GET channels/summary': 503 });
  await act(() => client.invalidateQueries());
  expect(client.getQueryState(keys.statuses)?.status).toBe('error');
  expect(codes()).toEqual(['B', 'A']);
  expect(screen.queryByText(/^The catalogue has no channel/)).toBeNull();
});

test('Esc closes the dialog on top alone, and what was written in it stays', async () => {
  open();
  fireEvent.click(await screen.findByRole('button', { name: 'Actions for B' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Maintenance' }));
  const comment = await screen.findByLabelText('Comment');
  fireEvent.change(comment, { target: { value: 'new encoder' } });
  fireEvent.keyDown(comment, { key: 'Escape' });
  await waitFor(() => expect(screen.queryByLabelText('Comment')).toBeNull());
  fireEvent.click(await screen.findByRole('button', { name: 'Maintenance' }));
  expect(((await screen.findByLabelText('Comment')) as HTMLTextAreaElement).value).toBe('new encoder');
});

test('a dialog that was loaded late gives the focus back', async () => {
  open();
  const button = await screen.findByRole('button', { name: 'Actions for B' });
  button.focus();
  fireEvent.click(button);
  fireEvent.keyDown(await screen.findByRole('dialog'), { key: 'Escape' });
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await waitFor(() => expect(document.activeElement).toBe(button));
});

test('an answer that comes after its menu was closed does not close the menu of another channel', async () => {
  const { exporter } = open();
  const answers: (() => void)[] = [];
  exporter.set({ 'PATCH channels/B': () => new Promise((resolve) => answers.push(() => resolve(Response.json({})))) });
  fireEvent.click(await screen.findByRole('button', { name: 'Actions for B' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Disable the channel' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Yes, disable it' }));
  await waitFor(() => expect(answers).toHaveLength(1));
  fireEvent.keyDown(screen.getByRole('dialog'), { key: 'Escape' });
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  fireEvent.click(screen.getByRole('button', { name: 'Actions for A' }));
  await screen.findByRole('dialog');
  exporter.set({ 'GET channels/status': statuses(channel({ code: 'A' }), channel({ code: 'B', state: 'disabled' })) });
  answers[0]?.();
  await waitFor(() => expect(screen.getByRole('button', { name: 'Actions for B', hidden: true })).toBeTruthy());
  await act(() => new Promise((resolve) => setTimeout(resolve, 300)));
  expect(screen.queryByRole('dialog')?.textContent).toContain('A · A');
});

test('the head of a column sorts by it, also while the pointer holds the order, and the link keeps it', async () => {
  const { history } = open();
  await screen.findByRole('link', { name: 'B' });
  expect(codes()).toEqual(['B', 'A']);
  fireEvent.mouseEnter(table());
  fireEvent.click(screen.getByRole('button', { name: 'Channel' }));
  await waitFor(() => expect(codes()).toEqual(['A', 'B']));
  expect(history.at(-1)).toBe('/channels?sort=code');
  expect(screen.getByRole('columnheader', { name: 'Channel' }).getAttribute('aria-sort')).toBe('ascending');
  // A filter and its end keep the order.
  fireEvent.change(screen.getByLabelText('State'), { target: { value: 'down' } });
  await waitFor(() => expect(codes()).toEqual(['B']));
  fireEvent.click(screen.getByRole('button', { name: 'Clear the filters' }));
  await waitFor(() => expect(codes()).toEqual(['A', 'B']));
  expect(screen.queryByRole('button', { name: 'Clear the filters' })).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'State' }));
  await waitFor(() => expect(codes()).toEqual(['B', 'A']));
  expect(history.at(-1)).toBe('/channels');
});

test('the menu of a row leads to the dashboard of its channel where the exporter knows Grafana', async () => {
  const { exporter } = open();
  exporter.set({ 'GET channels/summary': summaryOf({ grafana: 'https://graphs.example' }) });
  fireEvent.click(await screen.findByRole('button', { name: 'Actions for B' }));
  const link = await screen.findByRole('link', { name: 'Grafana' });
  expect(link.getAttribute('href')).toBe('https://graphs.example/d/packager-channel?var-channel=B');
});

test('all rows are on the paper, also those that are not on the screen, with the time and the installation', async () => {
  const { exporter } = open();
  const many = Array.from({ length: 1002 }, (_, n) => channel({ code: `CH_${n}` }));
  exporter.set({ 'GET channels/status': statuses(...many) });
  await screen.findByText('1002 of 1002 channels', { exact: false });
  expect(codes().length).toBeLessThan(100);
  act(() => void dispatchEvent(new Event('beforeprint')));
  expect(codes()).toHaveLength(1000);
  screen.getByText('and 2 more');
  act(() => void dispatchEvent(new Event('afterprint')));
  expect(codes().length).toBeLessThan(100);
});

test('who comes back to the table finds the row again, and other filters begin at the top', async () => {
  const many = statuses(...Array.from({ length: 300 }, (_, n) => channel({ code: `CH_${100 + n}` })));
  const show = async (path: string) => {
    const { exporter } = open('admin', path);
    exporter.set({ 'GET channels/status': many });
    await screen.findByText('300 of 300 channels', { exact: false });
  };
  await show('/channels?type=LIVE');
  act(() => {
    table().scrollTop = 3600;
    fireEvent.scroll(table());
  });
  await waitFor(() => expect(codes()).toContain('CH_200'));
  act(() => screen.getByRole('link', { name: 'CH_200' }).focus());
  cleanup();
  expect(wayBack()).toBe('/channels?type=LIVE');
  await show('/channels?type=LIVE');
  await waitFor(() => expect(codes()).toContain('CH_200'));
  expect(table().getAttribute('aria-activedescendant')).toBe('row-CH_200');
  cleanup();
  await show('/channels?tier=1');
  expect(codes()).toContain('CH_100');
  expect(table().hasAttribute('aria-activedescendant')).toBe(false);
});
