// @vitest-environment happy-dom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import '../words';
import type { VersionedChannel } from '../api/channels';
import { EditForm } from './EditForm';
import { fieldsOf } from './fields';

// The client keeps the function that it finds when it is made.
const exporter = vi.hoisted(() => {
  const answers = { read: () => new Response() };
  globalThis.fetch = (request, init) => {
    const method = init?.method ?? (request as Request).method;
    const refused = { detail: 'it was changed since you read it (version 3 now); read it again' };
    const changed = () => new Response(JSON.stringify(refused), { status: 412 });
    return Promise.resolve(method === 'PATCH' ? changed() : answers.read());
  };
  return answers;
});

afterEach(cleanup);

const channel = { channel_code: 'CH_1', tier: 1 } as unknown as VersionedChannel['channel'];
const fields = fieldsOf({ channel_code: { type: 'string' }, tier: { type: 'integer' } });

function saveTier(tier: string) {
  const lists = { template_id: [], probe_id: [] };
  render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { mutations: { retry: false } } })}>
        <EditForm code="CH_1" fields={fields} lists={lists} read={{ channel, version: '"2"' }} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  fireEvent.change(screen.getByLabelText(/^Tier/), { target: { value: tier } });
  fireEvent.click(screen.getByRole('button', { name: 'Save' }));
}

test('a save that meets the change of another person shows both versions', async () => {
  exporter.read = () => new Response(JSON.stringify({ ...channel, tier: 3 }), { headers: { ETag: '"3"' } });
  saveTier('2');
  await screen.findByText(/Somebody changed this channel/);
  await screen.findByRole('button', { name: 'Continue with this choice' });
  expect(screen.getByLabelText('3', { exact: true })).toBeTruthy();
});

test('when the other version can not be read, the page says so and keeps what was written', async () => {
  exporter.read = () => new Response(JSON.stringify({ detail: 'the database is away' }), { status: 503 });
  saveTier('2');
  await screen.findByText(/could not be read \(the database is away\)\. Press Save again/);
  expect((screen.getByLabelText(/^Tier/) as HTMLInputElement).value).toBe('2');
  expect((screen.getByRole('button', { name: 'Save' }) as HTMLButtonElement).disabled).toBe(false);
});
