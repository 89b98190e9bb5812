// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Link, Route } from 'wouter';
import type { VersionedChannel } from '../api/channels';
import { channel as statusOf } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { EditForm } from './EditForm';
import { fieldsOf } from './fields';

const question = vi.fn(() => false);
const PATH = '/channels/CH_1/edit';

beforeEach(() => {
  question.mockClear();
  vi.stubGlobal('confirm', question);
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const channel = { channel_code: 'CH_1', tier: 1 } as unknown as VersionedChannel['channel'];
const fields = fieldsOf({ channel_code: { type: 'string' }, tier: { type: 'integer' }, enabled: { type: 'boolean' } });
const changed = () => Response.json({ detail: 'it was changed since you read it (version 3 now)' }, { status: 412 });

function open() {
  const exporter = new TestExporter({
    'GET session': { name: 'lan', role: 'admin', identity: 'session' },
    'GET channels/summary': summaryOf(),
    'GET channels/status': { source: 'memory', channels: [statusOf({ code: 'CH_1' })] },
    'PATCH channels/CH_1': {},
  });
  const lists = { template_id: [], probe_id: [] };
  const page = renderPage(
    <>
      <Link href="/alerts">elsewhere</Link>
      <Route path={PATH}>
        <EditForm code="CH_1" fields={fields} lists={lists} read={{ channel, version: '"2"' }} />
      </Route>
    </>,
    PATH,
  );
  return { ...page, exporter };
}

const tier = () => screen.getByLabelText(/^Tier/) as HTMLInputElement;
const write = (text: string) => fireEvent.change(tier(), { target: { value: text } });
const save = () => fireEvent.click(screen.getByRole('button', { name: 'Save' }));
const leave = () => fireEvent.click(screen.getByText('elsewhere'));

test('a save that meets the change of another person shows both versions', async () => {
  const { exporter } = open();
  exporter.set({
    'PATCH channels/CH_1': changed,
    'GET channels/CH_1': () => Response.json({ ...channel, tier: 3 }, { headers: { ETag: '"3"' } }),
  });
  write('2');
  save();
  await screen.findByText(/Somebody changed this channel/);
  await screen.findByRole('button', { name: 'Continue with this choice' });
  expect(screen.getByLabelText('3', { exact: true })).toBeTruthy();
});

test('when the other version can not be read, the page says so and keeps what was written', async () => {
  const { exporter } = open();
  exporter.set({ 'PATCH channels/CH_1': changed, 'GET channels/CH_1': 503 });
  write('2');
  save();
  await screen.findByText(/could not be read \(refused with 503\)\. Press Save again/);
  expect(tier().value).toBe('2');
  expect((screen.getByRole('button', { name: 'Save' }) as HTMLButtonElement).disabled).toBe(false);
});

test('a saved channel is shown without a question, and a person who has left stays where they are', async () => {
  const { history } = open();
  write('2');
  save();
  await waitFor(() => expect(history.at(-1)).toBe('/channels/CH_1'));
  expect(question).not.toHaveBeenCalled();
  cleanup();

  const late = open();
  const answers: (() => void)[] = [];
  late.exporter.set({
    'PATCH channels/CH_1': () => new Promise((resolve) => answers.push(() => resolve(Response.json({})))),
  });
  write('2');
  save();
  await waitFor(() => expect(answers).toHaveLength(1));
  question.mockReturnValueOnce(true);
  leave();
  expect(late.history.at(-1)).toBe('/alerts');
  late.exporter.requests.length = 0;
  answers[0]?.();
  await act(() => new Promise((resolve) => setTimeout(resolve, 100)));
  expect(late.history.at(-1)).toBe('/alerts');
});

test('changes that are not saved are lost only after a question', async () => {
  const { history } = open();
  write('2');
  leave();
  expect(question).toHaveBeenCalledTimes(1);
  expect([history.at(-1), tier().value]).toEqual([PATH, '2']);
  const unload = new Event('beforeunload', { cancelable: true });
  dispatchEvent(unload);
  expect(unload.defaultPrevented).toBe(true);
  // Back: the screens learn nothing of it.
  const heard = vi.fn();
  addEventListener('popstate', heard);
  dispatchEvent(new Event('popstate'));
  expect(question).toHaveBeenCalledTimes(2);
  expect(heard).not.toHaveBeenCalled();
  removeEventListener('popstate', heard);
  question.mockReturnValueOnce(true);
  leave();
  expect(history.at(-1)).toBe('/alerts');
});

test('without a change nothing is asked', () => {
  const { history } = open();
  write('2');
  write('1');
  const unload = new Event('beforeunload', { cancelable: true });
  dispatchEvent(unload);
  expect(unload.defaultPrevented).toBe(false);
  leave();
  expect(history.at(-1)).toBe('/alerts');
  expect(question).not.toHaveBeenCalled();
});
