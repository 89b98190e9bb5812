import { useSyncExternalStore } from 'react';

// The token ends with the browser's tab: a shared screen must not keep it.
const KEY = 'packager_exporter.token';
const listeners = new Set<() => void>();
let token: string | null = sessionStorage.getItem(KEY);
let refused = false;

function changed(): void {
  for (const listener of listeners) listener();
}

/** Token of the API that a person gave; `null` without one. */
export function getToken(): string | null {
  return token;
}

export function setToken(text: string | null): void {
  token = text;
  refused = false;
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
  changed();
}

/** Remembers that the exporter answered 401. */
export function refuseToken(): void {
  if (!refused) {
    refused = true;
    changed();
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** True when the exporter wants a token, or another one. */
export function useTokenNeeded(): boolean {
  return useSyncExternalStore(subscribe, () => refused);
}

export function useToken(): string | null {
  return useSyncExternalStore(subscribe, getToken);
}
