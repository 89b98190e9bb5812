import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ApiError, api, body } from './client';
import { keys } from './queries';
import type { Alert, AlertsDone } from './types';

/** Largest number of alerts that one request may name. */
export const MAX_ALERTS = 500;

export interface Acknowledgement {
  ids: number[];
  by: string | null;
  comment: string | null;
  duration: string;
}

/** What a person takes back: exactly these acknowledgements. One that another person made since stays. */
export interface TakenBack {
  alerts: Pick<Alert, 'id' | 'acknowledged_at'>[];
  by: string | null;
}

/**
 * Sends a request for each 500 items, one after the other, and joins the answers. When a later request fails, what the
 * earlier ones changed is still known: its items and all after it count as refused.
 */
export async function inPieces<T>(
  items: T[],
  idOf: (item: T) => number,
  send: (piece: T[]) => Promise<AlertsDone>,
): Promise<AlertsDone> {
  const all: AlertsDone = { alerts: [], unchanged: [], refused: [] };
  for (let from = 0; from < items.length; from += MAX_ALERTS) {
    try {
      const done = await send(items.slice(from, from + MAX_ALERTS));
      all.alerts.push(...done.alerts);
      all.unchanged.push(...done.unchanged);
      all.refused.push(...done.refused);
    } catch (why) {
      if (from === 0 || !(why instanceof ApiError)) throw why;
      const { status, message } = why;
      all.refused.push(...items.slice(from).map((item) => ({ id: idOf(item), status, detail: message })));
      break;
    }
  }
  return all;
}

/** Acknowledges alerts. Answers which were changed, which others had acknowledged before, and which were refused and why. */
export function useAcknowledge() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ ids, by, comment, duration }: Acknowledgement) =>
      inPieces(
        ids,
        (id) => id,
        (piece) => body(api.POST('/api/v1/alerts/acknowledge', { body: { ids: piece, by, comment, for: duration } })),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: keys.alerts }),
  });
}

/** Takes acknowledgements back. Answers which were changed, and which were refused and why. */
export function useUnacknowledge() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ alerts, by }: TakenBack) =>
      inPieces(
        alerts.flatMap(({ id, acknowledged_at }) => (acknowledged_at ? [{ id, acknowledged_at }] : [])),
        (alert) => alert.id,
        (piece) => body(api.POST('/api/v1/alerts/unacknowledge', { body: { alerts: piece, by } })),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: keys.alerts }),
  });
}

/** Resolves an alert that has ended. The exporter refuses while the alert fires in Alertmanager. */
export function useResolve(id: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (by: string | null) =>
      body(
        api.POST('/api/v1/alerts/{id}/resolve', { params: { path: { id } }, body: { by, comment: null, for: null } }),
      ),
    onSettled: () =>
      Promise.all([keys.alerts, keys.alertHistory(id)].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}
