import { useSyncExternalStore } from 'react';

/** Milliseconds that the exporter's clock is ahead of this machine's, by the Date header of its last answer. */
let offset = 0;
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** Takes the Date header of an answer. It has whole seconds, so that a smaller difference says nothing. */
export function setServerDate(header: string | null): void {
  const date = header ? Date.parse(header) : Number.NaN;
  if (Number.isFinite(date)) {
    const difference = date + 500 - Date.now();
    offset = Math.abs(difference) < 2000 ? 0 : difference;
  }
}

/** Milliseconds since 1970 by the exporter's clock. */
export function serverNow(): number {
  return Date.now() + offset;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = serverNow();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** What `read` answers. It is asked each second, and the component is drawn again when the answer is another. */
export function useEachSecond<T extends string | null>(read: () => T): T {
  return useSyncExternalStore(subscribe, read);
}

/** The exporter's clock in milliseconds; the component is drawn again each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
