import { follow, type LiveMessage } from './follow';
import type { Join } from './worker';

/** Follows the stream, shared with the browser's other tabs where the browser can. Answers how to stop. */
export function connect(join: Join, onMessage: (message: LiveMessage) => void): () => void {
  if (typeof SharedWorker === 'undefined') return alone(join, onMessage);
  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'live' });
  worker.port.onmessage = (event: MessageEvent<LiveMessage>) => onMessage(event.data);
  let stop = () => {
    removeEventListener('pagehide', stop);
    worker.port.postMessage('leave');
    worker.port.close();
  };
  // A worker that can't start, for example because of a policy of the browser.
  worker.onerror = () => {
    stop();
    stop = alone(join, onMessage);
  };
  worker.port.postMessage(join);
  addEventListener('pagehide', stop);
  return () => stop();
}

function alone(join: Join, onMessage: (message: LiveMessage) => void): () => void {
  const stop = new AbortController();
  void follow({ ...join, signal: stop.signal, onMessage });
  return () => stop.abort();
}
