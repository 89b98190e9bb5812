// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from 'vitest';
import { connect } from './connect';
import type { LiveMessage } from './follow';

afterEach(() => void vi.unstubAllGlobals());

test('a page that the browser brings back as it was follows the stream anew', () => {
  const sent: unknown[] = [];
  vi.stubGlobal(
    'SharedWorker',
    class {
      port = { postMessage: (message: unknown) => sent.push(message), close: () => undefined };
    },
  );
  const heard: LiveMessage[] = [];
  const join = { url: 'http://exporter/events', logins: 0 };
  const stop = connect(join, (message) => heard.push(message));
  dispatchEvent(new Event('pagehide'));
  expect(sent).toEqual([join, 'leave']);
  dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  expect(sent).toEqual([join, 'leave', join]);
  expect(heard).toEqual([{ kind: 'closed', status: 0 }]);
  stop();
  expect(sent.at(-1)).toBe('leave');
  dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  expect(sent).toHaveLength(4);
});
