// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from 'vitest';
import { whenServed } from './useReloadOfNewVersion';

afterEach(() => {
  vi.useRealTimers();
  globalThis.exporterAnswers = undefined;
});

test('the wall is loaded again only when the page is served', async () => {
  vi.useFakeTimers();
  const statuses = [502, 0, 200];
  globalThis.exporterAnswers = async () => {
    const status = statuses.shift();
    if (!status) throw new TypeError('network');
    return new Response('', { status });
  };
  const served = vi.fn();
  void whenServed('http://exporter/ui/wall', new AbortController().signal).then(served);
  await vi.advanceTimersByTimeAsync(19_000);
  expect(served).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(served).toHaveBeenCalledWith(true);
});
