import { useEffect, useRef } from 'react';
import { useSummary } from '../api/queries';

/** Time in milliseconds between two tries to get the page of the new version. */
const PAUSE = 10_000;

/** Loads the page again when the exporter has another version: nobody touches a wall for months. */
export function useReloadOfNewVersion(): void {
  const version = useSummary().data?.version;
  const first = useRef<string | undefined>(undefined);
  useEffect(() => {
    first.current ??= version;
    if (version === first.current) return;
    const stop = new AbortController();
    void whenServed(location.href, stop.signal).then((isServed) => isServed && location.reload());
    return () => stop.abort();
  }, [version]);
}

/**
 * Waits until the page is served, and answers true; false when the signal aborts. A reload while a proxy answers 502 would leave its
 * error on the wall for good.
 */
export async function whenServed(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const answer = await fetch(url, { signal, cache: 'no-store' }).catch(() => null);
    if (answer?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return false;
}
