// @vitest-environment happy-dom
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, test } from 'vitest';
import { keys } from '../api/queries';
import { channel } from '../testing';
import { watchStatuses } from './watch';

const statuses = (...channels: ReturnType<typeof channel>[]) => ({ source: 'memory', channels });

function watched() {
  const client = new QueryClient();
  const heard: string[] = [];
  // The page shows the states meanwhile.
  new QueryObserver(client, { queryKey: keys.statuses, enabled: false }).subscribe(() => undefined);
  watchStatuses(client, {
    lastKnown: new Map(),
    onRead: () => heard.push('read'),
    onChange: (changes, before) =>
      heard.push(...changes.map((one) => `${one.code} ${before.get(one.code)?.state} ${one.state}`)),
  });
  const read = (answer: object) =>
    client.fetchQuery({ queryKey: keys.statuses, queryFn: async () => answer, staleTime: 0 });
  return { client, heard, read };
}

test('a fault that a read brings is announced as one that the stream brings', async () => {
  const { client, heard, read } = watched();
  await read(statuses(channel({ code: 'A' }), channel({ code: 'B' })));
  await read(statuses(channel({ code: 'A' }), channel({ code: 'B', state: 'down' })));
  client.setQueryData(keys.statuses, statuses(channel({ code: 'A', state: 'down' }), channel({ code: 'B' })));
  expect(heard).toEqual(['read', 'read', 'B up down', 'A up down', 'B down up']);
});

test('an answer to another request is no sign that the states are current', async () => {
  const { client, heard } = watched();
  await client.fetchQuery({ queryKey: keys.health, queryFn: async () => 'healthy' });
  await client.fetchQuery({ queryKey: keys.summary, queryFn: async () => 'counts' });
  expect(heard).toEqual([]);
});

test('what the first read finds, also after a logout, has not changed', async () => {
  const { client, heard, read } = watched();
  await read(statuses(channel({ code: 'A', state: 'down' })));
  client.removeQueries({ queryKey: keys.statuses });
  await read(statuses(channel({ code: 'A' })));
  expect(heard).toEqual(['read', 'read']);
});

test('a channel is compared with its last known state, also after it was unknown or missing', async () => {
  const { heard, read } = watched();
  const down = channel({ code: 'A', state: 'down' });
  await read(statuses(down, channel({ code: 'B' })));
  await read(statuses(channel({ code: 'A', state: 'unknown' }), channel({ code: 'B', state: 'unknown' })));
  await read(statuses());
  heard.length = 0;
  await read(statuses(down, channel({ code: 'B', state: 'down' }), channel({ code: 'NEW', state: 'down' })));
  expect(heard).toEqual(['read', 'A down down', 'B up down', 'NEW undefined down']);
});

test('a channel that was never known but unknown is compared with that', async () => {
  const { heard, read } = watched();
  await read(statuses(channel({ code: 'A', state: 'unknown' })));
  await read(statuses(channel({ code: 'A', state: 'down' })));
  expect(heard).toEqual(['read', 'read', 'A unknown down']);
});
