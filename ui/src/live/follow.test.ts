import { expect, test } from 'vitest';
import { follow, type LiveMessage } from './follow';

function stream(text: string): Response {
  return new Response(new Blob([text]).stream(), { headers: { 'content-type': 'text/event-stream' } });
}

/** Follows answers one after the other and stops after the last. */
async function heard(answers: (() => Promise<Response>)[]) {
  const stop = new AbortController();
  const messages: LiveMessage[] = [];
  const waits: number[] = [];
  const requests: (RequestInit | undefined)[] = [];
  const left = [...answers];
  await follow({
    url: 'http://exporter/events',
    signal: stop.signal,
    onMessage: (message) => messages.push(message),
    fetch: (_, init) => {
      requests.push(init);
      return (left.shift() ?? answers[0])?.() as Promise<Response>;
    },
    wait: async (milliseconds) => {
      waits.push(milliseconds);
      if (left.length === 0) stop.abort();
    },
  });
  return { messages, waits, requests };
}

test('after 503 and after an error it asks again, waiting longer each time up to a bound', async () => {
  const refused = async () => new Response('', { status: 503 });
  const broken = () => Promise.reject(new TypeError('network'));
  const { messages, waits } = await heard([refused, broken, refused, broken, refused, broken]);
  expect(messages.every((m) => m.kind === 'closed')).toBe(true);
  expect(messages[0]).toEqual({ kind: 'closed', status: 503 });
  expect(messages[1]).toEqual({ kind: 'closed', status: 0 });
  const longest = [1, 2, 4, 8, 10, 10].map((s) => s * 1000);
  for (const [i, wait] of waits.entries()) {
    expect(wait).toBeGreaterThanOrEqual((longest[i] ?? 0) * 0.75);
    expect(wait).toBeLessThanOrEqual((longest[i] ?? 0) * 1.25);
  }
});

test('events arrive with their data, and a connection that worked sets the wait back', async () => {
  const refused = async () => new Response('', { status: 503 });
  const good = async () => stream(': listening\n\nevent: tick\ndata: {}\n\n');
  const { messages, waits } = await heard([refused, refused, good]);
  expect(messages.filter((m) => m.kind === 'event')).toEqual([{ kind: 'event', name: 'tick', data: '{}' }]);
  expect(messages.filter((m) => m.kind === 'open')).toHaveLength(1);
  expect(waits[2]).toBeLessThanOrEqual(1250);
});
