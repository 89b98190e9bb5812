import { StreamParser } from './sse';

/** What a follower of the stream hears. */
export type LiveMessage =
  | { kind: 'open' }
  | { kind: 'closed'; status: number }
  | { kind: 'alive' }
  | { kind: 'event'; name: string; data: string };

export interface FollowOptions {
  url: string;
  signal: AbortSignal;
  onMessage: (message: LiveMessage) => void;
  fetch?: typeof fetch;
  /** Waits before the next try; tests replace it. */
  wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Time in milliseconds without any byte after which a connection is taken for dead. The exporter sends a summary every 5 s. */
export const SILENCE = 12_000;
/** The same before the first event: until the exporter has read its catalogue it sends only a comment every 15 s. */
export const FIRST_SILENCE = 20_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 10_000;

/**
 * Follows the stream of changes until the signal aborts, and connects again after each end. It is read with `fetch`:
 * `EventSource` never asks again after an answer of 503.
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { signal, onMessage, wait = sleep } = options;
  let pause = FIRST_WAIT;
  while (!signal.aborted) {
    let status = 0;
    try {
      status = await read(options, () => {
        pause = FIRST_WAIT;
      });
    } catch {
      // The network, a silent connection or an abort: the next try tells.
    }
    if (signal.aborted) return;
    onMessage({ kind: 'closed', status });
    // Many pages must not come back at the same instant.
    await wait(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_WAIT);
  }
}

/** Reads one connection to its end; answers its status. */
async function read(options: FollowOptions, onOpen: () => void): Promise<number> {
  const { url, signal, onMessage, fetch: get = fetch } = options;
  const silence = new AbortController();
  const stop = () => silence.abort();
  signal.addEventListener('abort', stop);
  let patience = FIRST_SILENCE;
  let timer = setTimeout(stop, patience);
  try {
    const headers = { Accept: 'text/event-stream' };
    const response = await get(url, { headers, signal: silence.signal, cache: 'no-store' });
    if (!response.ok || !response.body) return response.status;
    onOpen();
    onMessage({ kind: 'open' });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new StreamParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return response.status;
      clearTimeout(timer);
      onMessage({ kind: 'alive' });
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        if (!event.name) continue;
        patience = SILENCE;
        onMessage({ kind: 'event', ...event });
      }
      timer = setTimeout(stop, patience);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
