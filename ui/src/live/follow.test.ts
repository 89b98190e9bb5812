import { afterEach, expect, test, vi } from 'vitest';
import { FIRST_SILENCE, follow, type LiveMessage, SILENCE } from './follow';

afterEach(() => void vi.useRealTimers());

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

/** Follows one connection, on which the given texts arrive after so many seconds. Answers when it was given up, in seconds. */
async function givenUpAfter(texts: [number, string][]): Promise<number> {
  vi.useFakeTimers();
  const began = Date.now();
  const stop = new AbortController();
  const body = (signal: AbortSignal) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const [second, text] of texts) {
          setTimeout(() => controller.enqueue(new TextEncoder().encode(text)), second * 1000);
        }
        signal.addEventListener('abort', () => controller.error(signal.reason));
      },
    });
  let end = Number.NaN;
  const following = follow({
    url: 'http://exporter/events',
    signal: stop.signal,
    onMessage: () => undefined,
    fetch: async (_, init) => new Response(body(init?.signal as AbortSignal)),
    wait: async () => {
      end = (Date.now() - began) / 1000;
      stop.abort();
    },
  });
  await vi.advanceTimersByTimeAsync(120_000);
  await following;
  return end;
}

test('an exporter that reads its catalogue for a minute sends only comments, and is not given up', async () => {
  const comments: [number, string][] = [0, 15, 30, 45].map((second) => [second, ':\n\n']);
  const tick = 'event: tick\ndata: {}\n\n';
  expect(await givenUpAfter([...comments, [60, tick]])).toBe(60 + SILENCE / 1000);
  expect(await givenUpAfter(comments)).toBe(45 + FIRST_SILENCE / 1000);
});

test('a connection that sent a summary and is silent then is given up before the page turns grey', async () => {
  expect(await givenUpAfter([[0, 'event: tick\ndata: {}\n\n']])).toBe(12);
});
