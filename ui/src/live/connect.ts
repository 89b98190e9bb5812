import { follow, type LiveMessage } from './follow';
import type { Join } from './worker';

type OnMessage = (message: LiveMessage) => void;

/**
 * Follows the stream, shared with the browser's other tabs where the browser can. A page that is left gives the stream up, and begins
 * anew when the browser brings the page back as it was. Answers how to stop.
 */
export function connect(join: Join, onMessage: OnMessage): () => void {
  let stop = start(join, onMessage);
  const onHide = () => stop();
  const onShow = (event: PageTransitionEvent) => {
    if (!event.persisted) return;
    onMessage({ kind: 'closed', status: 0 });
    stop = start(join, onMessage);
  };
  addEventListener('pagehide', onHide);
  addEventListener('pageshow', onShow);
  return () => {
    removeEventListener('pagehide', onHide);
    removeEventListener('pageshow', onShow);
    stop();
  };
}

function start(join: Join, onMessage: OnMessage): () => void {
  if (typeof SharedWorker === 'undefined') return alone(join, onMessage);
  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'live' });
  worker.port.onmessage = (event: MessageEvent<LiveMessage>) => onMessage(event.data);
  let stop = () => {
    worker.port.postMessage('leave');
    worker.port.close();
  };
  // A worker that can't start, for example because of a policy of the browser.
  worker.onerror = () => {
    stop();
    stop = alone(join, onMessage);
  };
  worker.port.postMessage(join);
  return () => stop();
}

function alone(join: Join, onMessage: OnMessage): () => void {
  const stop = new AbortController();
  void follow({ ...join, signal: stop.signal, onMessage });
  return () => stop.abort();
}
