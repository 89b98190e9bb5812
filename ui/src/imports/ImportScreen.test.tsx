// @vitest-environment happy-dom
import { cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { renderPage, TestExporter } from '../testingPage';
import { ImportScreen } from './ImportScreen';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function open() {
  const exporter = new TestExporter({ 'GET session': { name: 'lan', role: 'admin', identity: 'session' } });
  return { ...renderPage(<ImportScreen />, '/import'), exporter };
}

const write = (text: string) => fireEvent.change(screen.getByLabelText('Rows to import'), { target: { value: text } });

test('of thousands of bad rows the first are shown, within seconds, and the others are counted', async () => {
  const { exporter } = open();
  const count = 20_000;
  const errors = Array.from({ length: count }, (_, n) => ({ line: n + 2, detail: `fps: ${n} is too much` }));
  const refusal = { detail: 'bad rows', errors };
  exporter.set({ 'POST channels/import': () => Response.json(refusal, { status: 422 }) });
  write(`channel_code,fps\n${errors.map((_, n) => `CH_${n},1000`).join('\n')}`);
  fireEvent.click(screen.getByRole('button', { name: 'Check the rows' }));
  await screen.findByText(`Nothing was imported. ${count} rows are bad:`);
  expect(screen.getAllByRole('rowheader')).toHaveLength(200);
  expect(screen.getByText('CH_199,1000')).toBeTruthy();
  expect(screen.getByText('and 19800 more')).toBeTruthy();
});

test('rows that are not imported are lost only after a question', async () => {
  const { exporter, history } = open();
  const question = vi.fn(() => false);
  vi.stubGlobal('confirm', question);
  const leave = () => fireEvent.click(screen.getByText(/All channels$/));
  write('channel_code\nCH_1');
  leave();
  expect(history.at(-1)).toBe('/import');
  exporter.set({
    'POST channels/import': (request) => {
      const dry_run = new URL(request.url).searchParams.get('dry_run') === 'true';
      return Response.json({ dry_run, created: 1, updated: 0, unchanged: 0 });
    },
  });
  fireEvent.click(screen.getByRole('button', { name: 'Check the rows' }));
  await screen.findByText(/^All rows are good/);
  fireEvent.click(screen.getByRole('button', { name: 'Import' }));
  await screen.findByText(/^Imported: 1 created/);
  leave();
  expect(history.at(-1)).toBe('/channels');
  expect(question).toHaveBeenCalledTimes(1);
});
