import { useSyncExternalStore } from 'react';

// The session itself is a cookie that scripts can't read: the page only knows whether it is let in.
const listeners = new Set<() => void>();
let isRefused = false;
let isLeft = false;
let logins = 0;

function changed(): void {
  for (const listener of listeners) listener();
}

/** Remembers that the exporter answered 401: somebody has to log in. */
export function refuseSession(): void {
  if (isRefused) return;
  isRefused = true;
  changed();
}

/** Remembers that the operator logged out. */
export function leaveSession(): void {
  isLeft = true;
  isRefused = true;
  changed();
}

/** Remembers that the exporter answered a request that needs a login, perhaps because another tab logged in. */
export function acceptSession(): void {
  if (!isRefused) return;
  isRefused = false;
  isLeft = false;
  logins += 1;
  changed();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** True while the exporter answers 401. */
export function useLoginNeeded(): boolean {
  return useSyncExternalStore(subscribe, () => isRefused);
}

/** True after the operator logged out, until somebody logs in. */
export function useSessionLeft(): boolean {
  return useSyncExternalStore(subscribe, () => isLeft);
}

/** Number of logins that this page saw. What was refused before is asked again when it changes. */
export function useLogins(): number {
  return useSyncExternalStore(subscribe, () => logins);
}
