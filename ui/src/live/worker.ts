/// <reference lib="webworker" />
import { follow, type LiveMessage } from './follow';

/** First message of a page to the worker. */
export interface Join {
  url: string;
  /** Number of the page's logins: a new login asks at once, and not after the pause of a refused one. */
  logins: number;
}

/**
 * One stream for all tabs of a browser: over HTTP/1.1 a browser opens six connections to a host, so that with a
 * stream in each of six tabs a seventh page would not load.
 */
interface Shared {
  ports: Set<MessagePort>;
  stop: AbortController;
  isOpen: boolean;
}

const streams = new Map<string, Shared>();

function start(join: Join): Shared {
  const shared: Shared = { ports: new Set(), stop: new AbortController(), isOpen: false };
  const onMessage = (message: LiveMessage) => {
    if (message.kind === 'open') shared.isOpen = true;
    if (message.kind === 'closed') shared.isOpen = false;
    for (const port of shared.ports) port.postMessage(message);
  };
  void follow({ ...join, signal: shared.stop.signal, onMessage });
  return shared;
}

function join(port: MessagePort, request: Join): void {
  const key = JSON.stringify(request);
  const shared = streams.get(key) ?? start(request);
  streams.set(key, shared);
  shared.ports.add(port);
  if (shared.isOpen) port.postMessage({ kind: 'open' } satisfies LiveMessage);
  const leave = () => {
    shared.ports.delete(port);
    if (shared.ports.size === 0) {
      shared.stop.abort();
      streams.delete(key);
    }
  };
  port.onmessage = (event: MessageEvent<'leave'>) => {
    if (event.data === 'leave') leave();
  };
}

(self as unknown as SharedWorkerGlobalScope).onconnect = (event) => {
  const port = event.ports[0];
  if (!port) return;
  port.onmessage = (message: MessageEvent<Join>) => join(port, message.data);
};
